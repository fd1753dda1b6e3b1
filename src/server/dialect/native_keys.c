/* /conch/v1/keys, and what the operator does: accounts, grants, workers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time_text.h"
#include "server/dialect/native.h"

enum { NAME_BYTES_MAX = 127, WORKERS_MAX = 256 };

static const struct {
    const char *name;
    unsigned bit;
} scopes[] = {{"generate", STORE_SCOPE_GENERATE},
              {"read", STORE_SCOPE_READ},
              {"usage", STORE_SCOPE_USAGE},
              {"keys", STORE_SCOPE_KEYS},
              {"admin", STORE_SCOPE_ADMIN}};
enum { SCOPES = sizeof scopes / sizeof scopes[0] };

/* ---- keys ---- */

static void own_or_null(struct out *out, const char *key, int32_t value)
{
    if (value >= 0)
        out_integer(out, key, value);
    else
        out_null(out, key);
}

void native_key(struct out *out, const char *key, const struct store_key *row, const char *secret, bool with_secret)
{
    out_object(out, key);
    out_id(out, "id", row->id);
    out_text(out, "object", "key");
    out_id(out, "account_id", row->account_id);
    out_text(out, "name", row->name);
    out_text(out, "tail", row->tail);
    out_array(out, "scopes");
    for (size_t i = 0; i < SCOPES; i++)
        if (row->scopes & scopes[i].bit)
            out_text(out, NULL, scopes[i].name);
    out_array_end(out);
    native_positive(out, "budget_microusd", row->budget_microusd);
    out_integer(out, "spent_microusd", row->spent_microusd);
    own_or_null(out, "queued_max", row->queued_max);
    own_or_null(out, "running_max", row->running_max);
    own_or_null(out, "priority_max", row->priority_max);
    out_text(out, "policy", *row->policy ? row->policy : NULL);
    out_time(out, "created_at", row->created_ms);
    out_time(out, "used_at", row->used_ms);
    out_time(out, "expires_at", row->expires_ms);
    out_time(out, "revoked_at", row->revoked_ms);
    if (with_secret)
        out_text(out, "secret", secret && *secret ? secret : NULL);
    out_object_end(out);
}

static int render_key(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    const struct api_key_made *made = result;
    struct out out;
    (void)context;
    out_init(&out, ret_body, err);
    native_key(&out, NULL, &made->key, made->secret, true);
    *ret_status = 201;
    return out_finish(&out);
}

static int scope_read(const json_t *entry, unsigned *bits, struct api_problem *problem)
{
    const char *name = json_string_value(entry);
    for (size_t i = 0; name && i < SCOPES; i++)
        if (strcmp(name, scopes[i].name) == 0) {
            *bits |= scopes[i].bit;
            return 0;
        }
    api_refuse(problem, API_INVALID, "scopes", "scopes holds '%.40s', but may hold generate, read, usage, keys, admin",
               name ? name : "something that is no text");
    strcpy(problem->allowed, "generate, read, usage, keys, admin");
    return -1;
}

static int scopes_read(const json_t *json, unsigned *ret, struct api_problem *problem)
{
    json_t *array = NULL, *entry;
    size_t index;
    if (dialect_array(json, "scopes", SCOPES, &array, problem) < 0)
        return -1;
    if (array && !json_array_size(array))
        return api_refuse(problem, API_INVALID, "scopes", "scopes is empty: a key must be good for something");
    json_array_foreach(array, index, entry) if (scope_read(entry, ret, problem) < 0) return -1;
    return 0;
}

/* A moment in the future; 0: not given. */
static int expiry_read(struct dialect_call *call, int64_t *ret_ms)
{
    const char *text = NULL;
    if (dialect_text(call->json, "expires_at", &text, &call->problem) < 0)
        return -1;
    if (!text || (time_text_parse(text, ret_ms, NULL) == 0 && *ret_ms > call->now_ms))
        return 0;
    api_refuse(&call->problem, API_INVALID, "expires_at",
               "expires_at is '%.40s', but must be a moment in the future: 2030-01-01T00:00:00Z", text);
    strcpy(call->problem.allowed, "a moment in the future");
    return -1;
}

static int name_read(struct dialect_call *call, const char *key, const char **ret)
{
    if (dialect_text(call->json, key, ret, &call->problem) < 0)
        return -1;
    if (!*ret || strlen(*ret) <= NAME_BYTES_MAX)
        return 0;
    api_refuse(&call->problem, API_INVALID, key, "%s has %zu bytes, allowed are %d", key, strlen(*ret), NAME_BYTES_MAX);
    snprintf(call->problem.allowed, sizeof call->problem.allowed, "at most %d bytes", NAME_BYTES_MAX);
    return -1;
}

static int policy_read(const json_t *json, const char **ret, struct api_problem *problem)
{
    if (dialect_text(json, "policy", ret, problem) < 0)
        return -1;
    if (!*ret || strcmp(*ret, "off") == 0 || strcmp(*ret, "words") == 0 || strcmp(*ret, "http") == 0)
        return 0;
    api_refuse(problem, API_INVALID, "policy", "policy is '%.40s', but must be off, words or http", *ret);
    strcpy(problem->allowed, "off, words, http");
    return -1;
}

static int maximum_read(const json_t *json, const char *key, int64_t min, int32_t *ret, struct api_problem *problem)
{
    int64_t value = -1;
    if (dialect_integer(json, key, min, INT32_MAX, &value, problem) < 0)
        return -1;
    *ret = (int32_t)value;
    return 0;
}

static int key_new_read(struct dialect_call *call, struct api_key_new *ret)
{
    static const char *const known[] = {"account_id",  "name",         "scopes", "budget_microusd", "queued_max",
                                        "running_max", "priority_max", "policy", "expires_at",      NULL};
    const json_t *json = call->json;
    struct api_problem *problem = &call->problem;
    *ret = (struct api_key_new){.name = ""};
    if (dialect_known(json, known, problem) < 0 || dialect_id(json, "account_id", &ret->account_id, problem) < 0 ||
        name_read(call, "name", &ret->name) < 0 || scopes_read(json, &ret->scopes, problem) < 0 ||
        dialect_integer(json, "budget_microusd", 0, INT64_MAX, &ret->budget_microusd, problem) < 0 ||
        maximum_read(json, "queued_max", 0, &ret->queued_max, problem) < 0 ||
        maximum_read(json, "running_max", 0, &ret->running_max, problem) < 0 ||
        maximum_read(json, "priority_max", 0, &ret->priority_max, problem) < 0 ||
        policy_read(json, &ret->policy, problem) < 0)
        return -1;
    return expiry_read(call, &ret->expires_ms);
}

int native_key_create(struct dialect_call *call)
{
    struct api_key_new add;
    struct api_key_made made = {0};
    struct native_once once;
    if (key_new_read(call, &add) < 0 || native_once(call, render_key, &once) < 0)
        return -1;
    int rc = api_key_add(call->api, call->caller, &add, &once.once, &made, &call->problem);
    if (rc == 0)
        rc = dialect_once_answer(call, &once.once);
    if (rc == 0)
        rc = native_no_store(call);
    buf_finish(&once.once.body);
    memset(&made, 0, sizeof made);
    return rc;
}

static int answer_keys(struct dialect_call *call, const struct store_key *keys, size_t count, size_t limit)
{
    struct out out;
    conch_error err = {0};
    size_t shown = count > limit ? limit : count;
    dialect_answer_begin(call, &out, &err);
    native_list_begin(&out);
    for (size_t i = 0; i < shown; i++)
        native_key(&out, NULL, &keys[i], NULL, false);
    native_list_end(&out, &(struct native_list_end){.more = count > limit, .last_id = shown ? keys[shown - 1].id : 0});
    return dialect_answer_end(call, &out, 200);
}

int native_key_list(struct dialect_call *call)
{
    static const char *const known[] = {"account_id", "limit", "before", "after", NULL};
    struct store_page page;
    struct native_rows rows;
    int64_t account_id;
    if (dialect_known_queries(call->request, known, &call->problem) < 0 || native_account_id(call, &account_id) < 0 ||
        native_page(call, &page) < 0 || native_rows(call, &page, sizeof(struct store_key), &rows) < 0)
        return -1;
    size_t count = 0;
    int rc = api_key_list(call->api, call->caller, account_id, &page, rows.data, &count, &call->problem);
    if (rc == 0)
        rc = answer_keys(call, rows.data, count, rows.limit);
    free(rows.data);
    return rc;
}

int native_key_revoke(struct dialect_call *call)
{
    struct store_key key;
    struct out out;
    conch_error err = {0};
    int64_t id;
    if (dialect_parameter_id(call, "id", &id) < 0 ||
        api_key_revoke(call->api, call->caller, id, &key, &call->problem) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    native_key(&out, NULL, &key, NULL, false);
    return dialect_answer_end(call, &out, 200);
}

/* ---- accounts ---- */

static void write_account(struct out *out, const struct store_account *account)
{
    out_object(out, NULL);
    out_id(out, "id", account->ledger.id);
    out_text(out, "object", "account");
    out_text(out, "name", account->name);
    out_integer(out, "issued_microusd", account->ledger.issued[LEDGER_MICROUSD]);
    out_integer(out, "issued_millicredit", account->ledger.issued[LEDGER_MILLICREDIT]);
    out_time(out, "created_at", account->created_ms);
    out_time(out, "closed_at", account->closed_ms);
    out_object_end(out);
}

static int render_account(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    struct out out;
    (void)context;
    out_init(&out, ret_body, err);
    write_account(&out, result);
    *ret_status = 201;
    return out_finish(&out);
}

int native_account_create(struct dialect_call *call)
{
    static const char *const known[] = {"name", NULL};
    struct store_account account;
    struct native_once once;
    const char *name = NULL;
    if (dialect_known(call->json, known, &call->problem) < 0 || name_read(call, "name", &name) < 0)
        return -1;
    if (!name || !*name)
        return api_refuse(&call->problem, API_INVALID, "name", "name is missing: what the account is called");
    if (native_once(call, render_account, &once) < 0)
        return -1;
    int rc = api_account_add(call->api, call->caller, name, &once.once, &account, &call->problem);
    if (rc == 0)
        rc = dialect_once_answer(call, &once.once);
    buf_finish(&once.once.body);
    return rc;
}

static int answer_accounts(struct dialect_call *call, const struct store_account *accounts, size_t count, size_t limit)
{
    struct out out;
    conch_error err = {0};
    size_t shown = count > limit ? limit : count;
    dialect_answer_begin(call, &out, &err);
    native_list_begin(&out);
    for (size_t i = 0; i < shown; i++)
        write_account(&out, &accounts[i]);
    native_list_end(
        &out, &(struct native_list_end){.more = count > limit, .last_id = shown ? accounts[shown - 1].ledger.id : 0});
    return dialect_answer_end(call, &out, 200);
}

int native_account_list(struct dialect_call *call)
{
    static const char *const known[] = {"limit", "before", "after", NULL};
    struct store_page page;
    struct native_rows rows;
    if (dialect_known_queries(call->request, known, &call->problem) < 0 || native_page(call, &page) < 0 ||
        native_rows(call, &page, sizeof(struct store_account), &rows) < 0)
        return -1;
    size_t count = 0;
    int rc = api_account_list(call->api, call->caller, &page, rows.data, &count, &call->problem);
    if (rc == 0)
        rc = answer_accounts(call, rows.data, count, rows.limit);
    free(rows.data);
    return rc;
}

/* ---- grants ---- */

static int render_lot(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    struct out out;
    (void)context;
    out_init(&out, ret_body, err);
    native_lot(&out, NULL, result);
    *ret_status = 201;
    return out_finish(&out);
}

static int kind_read(const json_t *json, enum ledger_kind *ret, struct api_problem *problem)
{
    const char *name = ledger_kind_name(LEDGER_PAYG);
    if (dialect_text(json, "kind", &name, problem) < 0)
        return -1;
    for (int i = 0; i < LEDGER_KINDS; i++)
        if (strcmp(name, ledger_kind_name((enum ledger_kind)i)) == 0) {
            *ret = (enum ledger_kind)i;
            return 0;
        }
    api_refuse(problem, API_INVALID, "kind",
               "there is no kind '%.40s': there are bonus, membership, package, purchased, "
               "payg",
               name);
    strcpy(problem->allowed, "bonus, membership, package, purchased, payg");
    return -1;
}

static int grant_read(struct dialect_call *call, struct store_grant *ret)
{
    static const char *const known[] = {"kind", "amount", "expires_at", "note", NULL};
    *ret = (struct store_grant){.now_ms = call->now_ms};
    if (dialect_parameter_id(call, "id", &ret->account_id) < 0 ||
        dialect_known(call->json, known, &call->problem) < 0 || kind_read(call->json, &ret->kind, &call->problem) < 0 ||
        dialect_integer(call->json, "amount", 1, INT64_MAX, &ret->amount, &call->problem) < 0 ||
        name_read(call, "note", &ret->note) < 0 || expiry_read(call, &ret->expires_ms) < 0)
        return -1;
    if (!ret->amount)
        return api_refuse(&call->problem, API_INVALID, "amount",
                          "amount is missing: how much, in the unit of the kind");
    return 0;
}

int native_grant(struct dialect_call *call)
{
    struct store_grant grant;
    struct ledger_lot lot;
    struct native_once once;
    if (grant_read(call, &grant) < 0 || native_once(call, render_lot, &once) < 0)
        return -1;
    int rc = api_grant(call->api, call->caller, &grant, &once.once, &lot, &call->problem);
    if (rc == 0)
        rc = dialect_once_answer(call, &once.once);
    buf_finish(&once.once.body);
    return rc;
}

/* ---- workers ---- */

static void write_worker(struct out *out, const struct store_worker *worker)
{
    json_t *details = worker->details ? json_loads(worker->details, 0, NULL) : NULL;
    out_object(out, NULL);
    out_text(out, "name", worker->name);
    out_text(out, "kind", worker->kind);
    out_integer(out, "pid", worker->pid);
    out_id(out, "job_id", worker->job_id);
    out_time(out, "started_at", worker->started_ms);
    out_time(out, "seen_at", worker->seen_ms);
    out_json(out, "details", json_is_object(details) ? details : NULL);
    out_object_end(out);
    json_decref(details);
}

int native_worker_list(struct dialect_call *call)
{
    struct out out;
    conch_error err = {0};
    size_t count = WORKERS_MAX;
    struct store_worker *workers = calloc(count, sizeof *workers);
    if (!workers)
        return api_refuse(&call->problem, API_BUSY, "", "no memory for the list");
    int rc = api_worker_list(call->api, call->caller, workers, &count, &call->problem);
    if (rc == 0) {
        dialect_answer_begin(call, &out, &err);
        native_list_begin(&out);
        for (size_t i = 0; i < count; i++) {
            write_worker(&out, &workers[i]);
            store_worker_finish(&workers[i]);
        }
        out_array_end(&out);
        out_object_end(&out);
        rc = dialect_answer_end(call, &out, 200);
    }
    free(workers);
    return rc;
}
