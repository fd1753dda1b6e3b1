/* Keys, files, callbacks, kept answers, small values, workers. Each test is one write transaction that looks at its own
 * rows: what commits and what does not is tested elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "store_world.h"

/* Runs body inside a write transaction; an assertion that fails ends the process. */
static void in_store(store_work *body, int64_t microusd)
{
    struct store *store = world_open(microusd);
    world_write(store, body, NULL, 0, NULL);
    store_close(store);
}

#define BODY(name) static int name(void *context, struct store_tx *tx, conch_error *err)

BODY(keys_body)
{
    struct store_key key, keys[STORE_PAGE_MAX];
    struct store_account account, accounts[4];
    const uint8_t hash[STORE_KEY_HASH_BYTES] = {1, 2, 3}, other[STORE_KEY_HASH_BYTES] = {9};
    size_t count = 0;
    assert_int_equal(store_key_by_hash(tx, hash, &key, err), 0);
    assert_int_equal(key.id, WORLD_KEY);
    assert_string_equal(key.name, "first");
    assert_string_equal(key.tail, "abcd");
    assert_int_equal(key.scopes, STORE_SCOPE_GENERATE | STORE_SCOPE_READ);
    assert_int_equal(key.queued_max, -1);
    assert_int_equal(store_key_by_hash(tx, other, &key, err), CONCH_ERR_NOTFOUND);
    key.id = 22;
    assert_int_equal(store_key_add(tx, &key, hash, err), STORE_ERR_CONFLICT);
    assert_int_equal(store_key_add(tx, &key, other, err), 0);
    key.account_id = 12345;
    key.id = 23;
    assert_int_equal(store_key_add(tx, &key, (uint8_t[STORE_KEY_HASH_BYTES]){5}, err), STORE_ERR_CONFLICT);
    assert_int_equal(store_key_get(tx, 22, &key, err), 0);
    snprintf(key.name, sizeof(key.name), "second");
    snprintf(key.policy, sizeof(key.policy), "words");
    key.revoked_ms = 5;
    key.expires_ms = 6;
    assert_int_equal(store_key_update(tx, &key, err), 0);
    assert_int_equal(store_key_get(tx, 22, &key, err), 0);
    assert_string_equal(key.name, "second");
    assert_string_equal(key.policy, "words");
    assert_int_equal(key.revoked_ms, 5);
    assert_int_equal(key.expires_ms, 6);
    assert_int_equal(store_key_used(tx, 22, 1000000, err), 0);
    assert_int_equal(store_key_used(tx, 22, 1000001, err), 0); /* not written for so little */
    assert_int_equal(store_key_get(tx, 22, &key, err), 0);
    assert_int_equal(key.used_ms, 1000000);
    assert_int_equal(store_key_list(tx, 0, &(struct store_page){.count = 9}, keys, &count, err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(keys[0].id, 22);
    assert_int_equal(store_key_list(tx, 777, &(struct store_page){.count = 9}, keys, &count, err), 0);
    assert_int_equal(count, 0);
    account = (struct store_account){.ledger = {.id = 12}, .name = "other"};
    assert_int_equal(store_account_add(tx, &account, err), 0);
    assert_int_equal(store_account_close(tx, 12, 99, err), 0);
    assert_int_equal(store_account_close(tx, 13, 99, err), CONCH_ERR_NOTFOUND);
    assert_int_equal(store_account_get(tx, 12, &account, err), 0);
    assert_int_equal(account.closed_ms, 99);
    assert_int_equal(store_account_get(tx, WORLD_ACCOUNT, &account, err), 0);
    assert_int_equal(account.ledger.issued[LEDGER_MICROUSD], 100);
    assert_int_equal(store_account_list(tx, &(struct store_page){.count = 4, .ascending = true}, accounts, &count, err),
                     0);
    assert_int_equal(count, 2);
    assert_int_equal(accounts[0].ledger.id, WORLD_ACCOUNT);
    return 0;
}

static void keys_and_accounts(void **state)
{
    in_store(keys_body, 100);
}

static struct store_file a_file(int64_t id, int64_t job_id, const char *blob)
{
    struct store_file file = {.id = id,
                              .account_id = WORLD_ACCOUNT,
                              .job_id = job_id,
                              .name = "clip.mp4",
                              .type = "video/mp4",
                              .bytes = 100,
                              .created_ms = 10,
                              .width = 256};
    snprintf(file.purpose, sizeof(file.purpose), "%s", job_id ? "video_generation" : "video_generation_input");
    snprintf(file.blob, sizeof(file.blob), "%s", blob);
    return file;
}

BODY(files_body)
{
    struct store_file file = a_file(500, 0, "aa"), same = a_file(501, 0, "aa"), got, files[8];
    int64_t bytes = 0;
    bool used = false;
    size_t count = 8;
    same.expires_ms = 700;
    assert_int_equal(store_file_add(tx, &file, err), 0);
    assert_int_equal(store_file_add(tx, &same, err), 0);
    assert_int_equal(store_file_add(tx, &file, err), STORE_ERR_CONFLICT);
    assert_int_equal(store_file_get(tx, 500, WORLD_ACCOUNT, &got, err), 0);
    assert_memory_equal(&got, &file, sizeof(file));
    assert_int_equal(store_file_get(tx, 500, 5, &got, err), CONCH_ERR_NOTFOUND);
    assert_int_equal(store_file_usage(tx, WORLD_ACCOUNT, &bytes, err), 0);
    assert_int_equal(bytes, 200);
    struct store_file_filter filter = {.account_id = WORLD_ACCOUNT, .purpose = "video_generation_input"};
    assert_int_equal(store_file_list(tx, &filter, &(struct store_page){.count = 8}, files, &count, err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(files[0].id, 501);
    filter.purpose = "poster";
    assert_int_equal(store_file_list(tx, &filter, &(struct store_page){.count = 8}, files, &count, err), 0);
    assert_int_equal(count, 0);
    count = 8;
    assert_int_equal(store_file_expired(tx, 699, files, &count, err), 0);
    assert_int_equal(count, 0);
    count = 8;
    assert_int_equal(store_file_expired(tx, 700, files, &count, err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(files[0].id, 501);
    assert_int_equal(store_file_delete(tx, 501, 800, err), 0);
    assert_int_equal(store_file_delete(tx, 501, 800, err), CONCH_ERR_NOTFOUND);
    assert_int_equal(store_file_get(tx, 501, WORLD_ACCOUNT, &got, err), CONCH_ERR_NOTFOUND);
    assert_int_equal(store_file_get(tx, 501, 0, &got, err), 0); /* those who clean up see it */
    count = 8;
    assert_int_equal(store_file_expired(tx, 900, files, &count, err), 0);
    assert_int_equal(count, 0); /* its blob is also file 500's */
    assert_int_equal(store_prune(tx, 0, 801, 10, err), 0);
    assert_int_equal(store_file_get(tx, 501, 0, &got, err), CONCH_ERR_NOTFOUND); /* and so nothing is left to do */
    same.id = 502;
    same.deleted_ms = 899;
    assert_int_equal(store_file_add(tx, &same, err), 0);
    assert_int_equal(store_blob_used(tx, "aa", &used, err), 0);
    assert_true(used);
    assert_int_equal(store_file_forget(tx, 500, err), CONCH_ERR_NOTFOUND); /* alive */
    assert_int_equal(store_file_delete(tx, 500, 901, err), 0);
    assert_int_equal(store_blob_used(tx, "aa", &used, err), 0);
    assert_false(used);
    count = 8;
    assert_int_equal(store_file_expired(tx, 902, files, &count, err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(store_file_forget(tx, 500, err), 0);
    assert_int_equal(store_file_forget(tx, 502, err), 0);
    count = 8;
    assert_int_equal(store_file_expired(tx, 902, files, &count, err), 0);
    assert_int_equal(count, 0);
    return 0;
}

static void files_live_expire_and_go(void **state)
{
    in_store(files_body, 100);
}

BODY(inputs_body)
{
    struct store_file file = a_file(510, 0, "input"), files[8];
    struct store_input input = {.role = STORE_INPUT_FIRST_FRAME, .file_id = 510};
    struct world_job job = {.id = 520, .price = 1, .now_ms = 5, .inputs = &input, .input_count = 1};
    struct world_step cancel = {.id = 520, .arrow = WORLD_CANCEL, .now_ms = 6};
    size_t count = 8;
    assert_int_equal(store_file_add(tx, &file, err), 0);
    assert_int_equal(world_job_add(&job, tx, err), 0);
    assert_int_equal(store_file_delete(tx, 510, 7, err), 0);
    assert_int_equal(store_file_expired(tx, 8, files, &count, err), 0);
    assert_int_equal(count, 0); /* the job will still read it */
    assert_int_equal(world_job_step(&cancel, tx, err), 0);
    count = 8;
    assert_int_equal(store_file_expired(tx, 8, files, &count, err), 0);
    assert_int_equal(count, 1);
    return 0;
}

static void an_input_stays_until_its_job_is_over(void **state)
{
    in_store(inputs_body, 100);
}

static int job_expires(struct store_tx *tx, int64_t id, int64_t expires_ms, conch_error *err)
{
    struct store_job job;
    struct job_event event;
    int rc = store_job_get(tx, id, 0, &job, err);
    if (rc < 0)
        return rc;
    job.expires_ms = expires_ms;
    struct store_job_step step = {.job = &job, .event = &event};
    rc = job_cancel(&job.job, 6, &event, err);
    if (rc == 0)
        rc = store_job_step(tx, &step, NULL, err);
    store_job_finish(&job);
    return rc;
}

BODY(expiring_body)
{
    struct world_job job = {.id = 530, .price = 1, .now_ms = 5};
    struct store_file clip = a_file(531, 530, "c"), poster = a_file(532, 530, "p");
    int64_t ids[4];
    size_t count = 4;
    assert_int_equal(world_job_add(&job, tx, err), 0);
    assert_int_equal(store_file_add(tx, &clip, err), 0);
    assert_int_equal(store_file_add(tx, &poster, err), 0);
    assert_int_equal(job_expires(tx, 530, 100, err), 0);
    assert_int_equal(store_job_expired(tx, 99, ids, &count, err), 0);
    assert_int_equal(count, 0);
    count = 4;
    assert_int_equal(store_job_expired(tx, 100, ids, &count, err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(ids[0], 530);
    assert_int_equal(store_file_delete(tx, 531, 101, err), 0);
    count = 4;
    assert_int_equal(store_job_expired(tx, 101, ids, &count, err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(store_file_delete(tx, 532, 101, err), 0);
    count = 4;
    assert_int_equal(store_job_expired(tx, 101, ids, &count, err), 0);
    assert_int_equal(count, 0); /* nothing left to take away */
    return 0;
}

static void results_expire_with_their_job(void **state)
{
    in_store(expiring_body, 100);
}

static void assert_due(struct store_tx *tx, int64_t now_ms, size_t wanted, int64_t first)
{
    struct store_message messages[8];
    size_t count = 8;
    assert_int_equal(store_message_due(tx, now_ms, messages, &count, NULL), 0);
    assert_int_equal(count, wanted);
    if (wanted)
        assert_int_equal(messages[0].id, first);
    for (size_t i = 0; i < count; i++)
        store_message_finish(&messages[i]);
}

BODY(messages_body)
{
    struct store_message message = {.job_id = 5,
                                    .event_id = 6,
                                    .url = (char[]){"https://example.org/"},
                                    .style = (char[]){"minimax1"},
                                    .body = NULL,
                                    .kind = "processing",
                                    .created_ms = 10,
                                    .due_ms = 10},
                         got[8];
    int64_t first = 0, second = 0, third = 0;
    size_t count = 8;
    assert_int_equal(store_message_add(tx, &message, &first, err), 0);
    snprintf(message.kind, sizeof(message.kind), "success");
    assert_int_equal(store_message_add(tx, &message, &second, err), 0);
    message.job_id = 0;
    message.body = (char[]){"{\"challenge\":\"x\"}"};
    assert_int_equal(store_message_add(tx, &message, &third, err), 0);
    assert_due(tx, 9, 0, 0);
    assert_due(tx, 10, 2, first); /* the second waits for the first */
    assert_int_equal(store_message_list(tx, 5, got, &count, err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(got[0].kind, "processing");
    assert_null(got[0].body);
    assert_string_equal(got[0].url, "https://example.org/");
    got[0].attempts = 1;
    got[0].due_ms = 50;
    got[0].last_status = 500;
    snprintf(got[0].last_error, sizeof(got[0].last_error), "server error");
    assert_int_equal(store_message_update(tx, &got[0], err), 0);
    assert_due(tx, 49, 1, third); /* a try that failed still keeps the next one back */
    got[0].dead_ms = 60;
    assert_int_equal(store_message_update(tx, &got[0], err), 0);
    assert_due(tx, 60, 2, second);
    store_message_finish(&got[0]);
    store_message_finish(&got[1]);
    count = 8;
    assert_int_equal(store_message_list(tx, 0, got, &count, err), 0);
    assert_int_equal(count, 1);
    assert_string_equal(got[0].last_error, "server error");
    assert_int_equal(got[0].attempts, 1);
    got[0].id = 999;
    assert_int_equal(store_message_update(tx, &got[0], err), CONCH_ERR_NOTFOUND);
    store_message_finish(&got[0]);
    return 0;
}

static void callbacks_keep_their_order(void **state)
{
    in_store(messages_body, 0);
}

BODY(answers_body)
{
    struct store_answer answer = {.key_id = 1,
                                  .scope = "POST /conch/v1/jobs",
                                  .name = "once",
                                  .request_hash = {7},
                                  .status = 201,
                                  .body = (char[]){"a\0b"},
                                  .body_size = 3,
                                  .created_ms = 100,
                                  .expires_ms = 200},
                        got;
    assert_int_equal(store_answer_add(tx, &answer, err), 0);
    assert_int_equal(store_answer_get(tx, 1, "POST /conch/v1/jobs", "once", 199, &got, err), 0);
    assert_int_equal(got.status, 201);
    assert_int_equal(got.body_size, 3);
    assert_memory_equal(got.body, "a\0b", 4);
    assert_memory_equal(got.request_hash, answer.request_hash, 32);
    store_answer_finish(&got);
    assert_int_equal(store_answer_get(tx, 2, "POST /conch/v1/jobs", "once", 199, &got, err), CONCH_ERR_NOTFOUND);
    assert_int_equal(store_answer_get(tx, 1, "POST /conch/v1/jobs", "once", 200, &got, err), CONCH_ERR_NOTFOUND);
    answer.created_ms = 199;
    assert_int_equal(store_answer_add(tx, &answer, err), STORE_ERR_CONFLICT);
    answer.created_ms = 200;
    answer.expires_ms = 300;
    answer.status = 409;
    assert_int_equal(store_answer_add(tx, &answer, err), 0); /* in the place of the one that has expired */
    assert_int_equal(store_answer_get(tx, 1, "POST /conch/v1/jobs", "once", 299, &got, err), 0);
    assert_int_equal(got.status, 409);
    store_answer_finish(&got);
    answer.body_size = STORE_ANSWER_BYTES_MAX + 1;
    assert_int_equal(store_answer_add(tx, &answer, err), CONCH_ERR_LIMIT);
    assert_int_equal(store_prune(tx, 299, 0, 10, err), 0);
    assert_int_equal(store_answer_get(tx, 1, "POST /conch/v1/jobs", "once", 1, &got, err), 0);
    store_answer_finish(&got);
    assert_int_equal(store_prune(tx, 300, 0, 10, err), 0);
    assert_int_equal(store_answer_get(tx, 1, "POST /conch/v1/jobs", "once", 1, &got, err), CONCH_ERR_NOTFOUND);
    return 0;
}

static void answers_are_kept_until_they_expire(void **state)
{
    in_store(answers_body, 0);
}

BODY(meta_body)
{
    struct buf buf;
    buf_init(&buf, 100);
    assert_int_equal(store_meta_get(tx, "secret", &buf, err), CONCH_ERR_NOTFOUND);
    assert_int_equal(store_meta_put_once(tx, "secret", "one", 3, err), 0);
    assert_int_equal(store_meta_put_once(tx, "secret", "two", 3, err), 0);
    assert_int_equal(store_meta_get(tx, "secret", &buf, err), 0);
    assert_string_equal(buf.data, "one");
    assert_int_equal(store_meta_put(tx, "secret", NULL, 0, err), 0);
    buf_clear(&buf);
    assert_int_equal(store_meta_get(tx, "secret", &buf, err), 0);
    assert_int_equal(buf.size, 0);
    assert_int_equal(store_meta_put(tx, "secret", "x", 65537, err), CONCH_ERR_LIMIT);
    buf_finish(&buf);
    return 0;
}

static void small_values(void **state)
{
    in_store(meta_body, 0);
}

BODY(workers_body)
{
    struct store_worker worker = {.name = "engine-a-1", .kind = "engine", .pid = 1, .started_ms = 5, .seen_ms = 10},
                        got[4];
    size_t count = 4;
    assert_int_equal(store_worker_seen(tx, &worker, err), 0);
    worker.seen_ms = 20;
    worker.job_id = 77;
    worker.details = (char[]){"{}"};
    assert_int_equal(store_worker_seen(tx, &worker, err), 0);
    assert_int_equal(store_worker_list(tx, 19, got, &count, err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(got[0].job_id, 77);
    assert_string_equal(got[0].details, "{}");
    store_worker_finish(&got[0]);
    count = 4;
    assert_int_equal(store_worker_list(tx, 20, got, &count, err), 0);
    assert_int_equal(count, 0);
    assert_int_equal(store_worker_gone(tx, "engine-a-1", err), 0);
    count = 4;
    assert_int_equal(store_worker_list(tx, 0, got, &count, err), 0);
    assert_int_equal(count, 0);
    return 0;
}

static void workers_come_and_go(void **state)
{
    in_store(workers_body, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(keys_and_accounts),
        scratch_test(files_live_expire_and_go),
        scratch_test(an_input_stays_until_its_job_is_over),
        scratch_test(results_expire_with_their_job),
        scratch_test(callbacks_keep_their_order),
        scratch_test(answers_are_kept_until_they_expire),
        scratch_test(small_values),
        scratch_test(workers_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
