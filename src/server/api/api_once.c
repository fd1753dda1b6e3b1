#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "server/api/api_state.h"

static bool keyed(const struct api_once *once)
{
    return once && once->key;
}

/* What is kept belongs to one address, what it is about, one key and these bytes. */
static struct hash request_hash(const struct api_once *once)
{
    struct hash_stream stream;
    hash_stream_init(&stream);
    hash_stream_add(&stream, once->scope, strlen(once->scope) + 1);
    hash_stream_add(&stream, &once->subject, sizeof once->subject);
    if (once->request_size)
        hash_stream_add(&stream, once->request, once->request_size);
    return hash_stream_finish(&stream);
}

static int body_begin(struct api_once *once)
{
    if (once->body.size_max == 0)
        buf_init(&once->body, STORE_ANSWER_BYTES_MAX);
    buf_clear(&once->body);
    return 0;
}

static int replay(struct api_once *once, const struct store_answer *answer, struct api_problem *problem,
                  conch_error *err)
{
    const struct hash hash = request_hash(once);
    if (memcmp(hash.bytes, answer->request_hash, HASH_BYTES) != 0) {
        api_refuse(problem, API_REUSED_KEY, "Idempotency-Key",
                   "this Idempotency-Key was used with another request; take a new one");
        return API_ERR_REFUSED;
    }
    body_begin(once);
    const int rc = buf_append(&once->body, answer->body, answer->body_size, err);
    if (rc < 0)
        return rc;
    once->status = answer->status;
    once->replayed = true;
    return 1;
}

int api_once_find(const struct api_caller *caller, struct api_once *once, struct store_tx *tx, int64_t now_ms,
                  struct api_problem *problem, conch_error *err)
{
    struct store_answer answer = {0};
    if (!keyed(once))
        return 0;
    int rc = store_answer_get(tx, caller->key.id, once->scope, once->key, now_ms, &answer, err);
    if (rc == CONCH_ERR_NOTFOUND)
        return 0;
    if (rc == 0)
        rc = replay(once, &answer, problem, err);
    store_answer_finish(&answer);
    return rc;
}

struct find {
    const struct api_caller *caller;
    struct api_once *once;
    struct api_problem *problem;
    bool found;
};

static int find_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct find *find = context;
    const int rc = api_once_find(find->caller, find->once, tx, clock_wall_ms(), find->problem, err);
    find->found = rc == 1;
    return rc < 0 ? rc : 0;
}

int api_once_begin(struct api *api, const struct api_caller *caller, struct api_once *once, struct api_problem *problem)
{
    struct find find = {.caller = caller, .once = once, .problem = problem};
    conch_error err = {0};
    if (!once)
        return 0;
    once->replayed = false;
    if (!once->key)
        return 0;
    assert(strlen(once->scope) < sizeof((struct store_answer *)0)->scope);
    const size_t length = strlen(once->key);
    if (length < 1 || length >= sizeof((struct store_answer *)0)->name)
        return api_refuse_value(problem, "Idempotency-Key", length ? once->key : "", "1 to %zu characters",
                                sizeof((struct store_answer *)0)->name - 1);
    const int rc = store_read(api->store, find_work, &find, &err);
    if (rc < 0)
        return api_refuse_error(problem, rc, &err);
    if (find.found)
        api_count(api, API_COUNT_REPLAYED, 1);
    return find.found;
}

int api_once_render(struct api_once *once, const void *result, conch_error *err)
{
    if (!once || !once->render)
        return 0;
    body_begin(once);
    return once->render(once->context, result, &once->status, &once->body, err);
}

int api_once_keep(struct api *api, const struct api_caller *caller, struct api_once *once, struct store_tx *tx,
                  const void *result, int64_t now_ms, conch_error *err)
{
    int rc = api_once_render(once, result, err);
    if (rc < 0 || !keyed(once))
        return rc;
    struct store_answer answer = {.key_id = caller->key.id,
                                  .status = once->status,
                                  .body = once->body.data ? once->body.data : (char *)"",
                                  .body_size = once->body.size,
                                  .created_ms = now_ms,
                                  .expires_ms = now_ms + api->config->jobs.idempotency_lifetime_ms};
    const struct hash hash = request_hash(once);
    memcpy(answer.request_hash, hash.bytes, HASH_BYTES);
    strncpy(answer.scope, once->scope, sizeof answer.scope - 1);
    strncpy(answer.name, once->key, sizeof answer.name - 1);
    return store_answer_add(tx, &answer, err);
}

struct end {
    struct api *api;
    const struct api_caller *caller;
    struct api_once *once;
    const void *result;
};

static int end_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct end *end = context;
    return api_once_keep(end->api, end->caller, end->once, tx, end->result, clock_wall_ms(), err);
}

int api_once_end(struct api *api, const struct api_caller *caller, struct api_once *once, const void *result,
                 struct api_problem *problem)
{
    struct end end = {api, caller, once, result};
    conch_error err = {0};
    int rc = keyed(once) ? store_write(api->store, end_work, &end, &err) : api_once_render(once, result, &err);
    if (rc == STORE_ERR_CONFLICT) { /* the same request at the same time was quicker: its answer is the one */
        api_refuse(problem, API_BUSY, "", "another request with this Idempotency-Key is under way");
        rc = api_once_begin(api, caller, once, problem) == 1 ? 0 : API_ERR_REFUSED;
    }
    return rc < 0 ? api_refuse_error(problem, rc, &err) : 0;
}
