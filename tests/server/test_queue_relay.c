/* The relay: callbacks that are signed, ordered, tried again and given up; and what time brings. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/id.h"
#include "queue_test.h"
#include "server/queue/relay.h"

/* ---- a receiver ---- */

enum { HITS_MAX = 64, REQUEST_BYTES_MAX = 8192 };

struct receiver {
    pthread_t thread;
    int socket, port;
    atomic_bool stop;
    atomic_int count;
    int statuses[HITS_MAX]; /* of the n-th request; 0: 200 */
    char requests[HITS_MAX][REQUEST_BYTES_MAX];
    int64_t at_ns[HITS_MAX];
};
static struct receiver receiver;

static void receive(int client)
{
    const int index = atomic_load(&receiver.count);
    char *request = receiver.requests[index % HITS_MAX];
    size_t size = 0, want = SIZE_MAX;
    while (size < want && size < REQUEST_BYTES_MAX - 1) {
        ssize_t got = read(client, request + size, REQUEST_BYTES_MAX - 1 - size);
        if (got <= 0)
            return;
        size += (size_t)got;
        request[size] = 0;
        const char *end = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "content-length:");
        if (end)
            want = (size_t)(end + 4 - request) + (length ? (size_t)atoi(length + 15) : 0);
    }
    char answer[96];
    const int status = receiver.statuses[index] ? receiver.statuses[index] : 200;
    receiver.at_ns[index] = clock_steady_ns();
    const int length = snprintf(answer, sizeof answer,
                                "HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
    if (write(client, answer, (size_t)length) == length)
        atomic_fetch_add(&receiver.count, 1);
}

static void *receiver_run(void *context)
{
    while (!atomic_load(&receiver.stop)) {
        int client = accept(receiver.socket, NULL, NULL);
        if (client < 0)
            continue;
        receive(client);
        close(client);
    }
    return NULL;
}

static int setup(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const struct timeval wait = {.tv_usec = 50000};
    memset(&receiver, 0, sizeof receiver);
    receiver.socket = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(receiver.socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (bind(receiver.socket, (struct sockaddr *)&address, size) < 0 || listen(receiver.socket, 64) < 0)
        return -1;
    getsockname(receiver.socket, (struct sockaddr *)&address, &size);
    receiver.port = ntohs(address.sin_port);
    pthread_create(&receiver.thread, NULL, receiver_run, NULL);
    return qt_setup(state);
}

static int teardown(void **state)
{
    atomic_store(&receiver.stop, true);
    pthread_join(receiver.thread, NULL);
    close(receiver.socket);
    return qt_teardown(state);
}

static const char *receiver_url(void)
{
    static char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", receiver.port);
    return url;
}

/* ---- a relay on a thread ---- */

static int prove(void *context, const struct relay_outgoing *outgoing, struct relay_header *ret, size_t *ret_count,
                 conch_error *err)
{
    if (!outgoing->message->style || strcmp(outgoing->message->style, "minimax1") != 0)
        return CONCH_ERR_UNSUPPORTED;
    strcpy(ret[0].name, "x-proof");
    snprintf(ret[0].value, sizeof ret[0].value, "%lld %zu", (long long)outgoing->job->job.id, outgoing->body_size);
    *ret_count = 1;
    return 0;
}

static struct {
    pthread_t thread;
    atomic_bool stop;
    struct relay_settings settings;
} relay;

static void *relay_thread(void *context)
{
    conch_error err = {0};
    if (relay_run(&relay.settings, &err) < 0)
        print_message("relay: %s\n", err.text);
    return NULL;
}

static void relay_start(relay_render *render)
{
    atomic_store(&relay.stop, false);
    relay.settings = (struct relay_settings){.config = &qt.config,
                                             .store = qt.store,
                                             .blobs = qt.blobs,
                                             .render = render,
                                             .sign = render ? prove : NULL,
                                             .preview_folder = qt.folder,
                                             .stop = &relay.stop};
    assert_int_equal(pthread_create(&relay.thread, NULL, relay_thread, NULL), 0);
}

static void relay_stop(void)
{
    atomic_store(&relay.stop, true);
    pthread_join(relay.thread, NULL);
}

static void wait_for_hits(int count)
{
    for (int i = 0; i < 500 && atomic_load(&receiver.count) < count; i++)
        qt_sleep_ms(10);
    assert_int_equal(atomic_load(&receiver.count), count);
}

/* Cancelling a queued job makes a message at once, without a worker. */
static int64_t cancelled_job(const char *style)
{
    const int64_t id = qt_submit(&(struct qt_job){.callback = receiver_url(), .style = style});
    qt_cancel(id);
    return id;
}

static struct store_message wait_for_end(int64_t job_id)
{
    struct store_message messages[4];
    for (int i = 0; i < 500; i++) {
        const int count = qt_messages(job_id, messages, ARRAY_LEN(messages));
        assert_int_equal(count, 1);
        if (messages[0].done_ms || messages[0].dead_ms)
            return messages[0];
        store_message_finish(&messages[0]);
        qt_sleep_ms(10);
    }
    fail_msg("the message is neither done nor dead");
    return messages[0];
}

static const char *header(const char *request, const char *name)
{
    static char value[256];
    char key[64];
    snprintf(key, sizeof key, "\r\n%s: ", name);
    const char *at = strcasestr(request, key);
    *value = 0;
    if (at)
        snprintf(value, sizeof value, "%.*s", (int)strcspn(at + strlen(key), "\r"), at + strlen(key));
    return value;
}

/* ---- callbacks ---- */

static void a_callback_is_a_signed_standard_webhook(void **state)
{
    free(qt.config.webhooks.signing_secret);
    qt.config.webhooks.signing_secret = strdup("whsec_c2VjcmV0"); /* "secret" */
    relay_start(NULL);
    const int64_t id = cancelled_job("conch");
    wait_for_hits(1);
    struct store_message message = wait_for_end(id);
    relay_stop();
    const char *request = receiver.requests[0], *body = strstr(request, "\r\n\r\n") + 4;
    assert_int_equal(memcmp(request, "POST /hook HTTP/1.1\r\n", 21), 0);
    assert_non_null(strstr(body, "\"type\":\"job.cancelled\""));
    assert_non_null(strstr(body, id_text(id).text));
    char text[4096], wanted[64];
    snprintf(text, sizeof text, "msg_%lld", (long long)message.id);
    assert_string_equal(header(request, "webhook-id"), text);
    const char *time = header(request, "webhook-timestamp");
    assert_true(llabs(atoll(time) - clock_wall_ms() / 1000) < 10);
    snprintf(text + strlen(text), sizeof text - strlen(text), ".%s.%s", time, body);
    const struct hash mac = hash_hmac_sha256("secret", 6, text, strlen(text));
    struct buf code;
    buf_init(&code, 64);
    assert_int_equal(encode(&code, ENCODE_BASE64, mac.bytes, sizeof mac.bytes, NULL), 0);
    snprintf(wanted, sizeof wanted, "v1,%s", code.data);
    assert_string_equal(header(request, "webhook-signature"), wanted);
    buf_finish(&code);
    assert_int_equal(message.last_status, 200);
    assert_true(message.done_ms > 0);
    store_message_finish(&message);
}

static void a_receiver_that_fails_is_asked_again_and_in_the_end_given_up(void **state)
{
    qt.config.webhooks.attempts = 3;
    qt.config.webhooks.span_ms = 1000;
    for (int i = 0; i < 10; i++)
        receiver.statuses[i] = 500;
    relay_start(NULL);
    const int64_t id = cancelled_job("conch");
    struct store_message message = wait_for_end(id);
    relay_stop();
    assert_int_equal(atomic_load(&receiver.count), 3);
    assert_true(message.dead_ms > 0);
    assert_int_equal(message.attempts, 3);
    assert_string_equal(message.last_error, "the receiver answered 500");
    assert_true(receiver.at_ns[1] - receiver.at_ns[0] > 300000000); /* a third of the span, then two */
    assert_true(receiver.at_ns[2] - receiver.at_ns[1] > 600000000);
    store_message_finish(&message);
    struct store_message dead[2];
    assert_int_equal(qt_messages(0, dead, 2), 1); /* and it can be seen */
    store_message_finish(&dead[0]);
}

static void one_that_recovers_gets_it(void **state)
{
    qt.config.webhooks.attempts = 3;
    qt.config.webhooks.span_ms = 300;
    receiver.statuses[0] = 503;
    relay_start(NULL);
    struct store_message message = wait_for_end(cancelled_job("conch"));
    relay_stop();
    assert_true(message.done_ms > 0);
    assert_int_equal(message.attempts, 2);
    store_message_finish(&message);
}

static void one_that_is_gone_is_not_asked_again(void **state)
{
    receiver.statuses[0] = 410;
    relay_start(NULL);
    struct store_message message = wait_for_end(cancelled_job("conch"));
    relay_stop();
    assert_true(message.dead_ms > 0);
    assert_int_equal(message.attempts, 1);
    store_message_finish(&message);
}

static void private_addresses_are_not_called_unless_allowed(void **state)
{
    qt.config.fetch.allow.count = 0;
    qt.config.webhooks.attempts = 1;
    relay_start(NULL);
    struct store_message message = wait_for_end(cancelled_job("conch"));
    relay_stop();
    qt.config.fetch.allow.count = 1;
    assert_true(message.dead_ms > 0);
    assert_int_equal(atomic_load(&receiver.count), 0);
    store_message_finish(&message);
}

static int render(void *context, const struct store_message *message, const struct store_job *job, struct buf *ret_body,
                  const char **ret_type, conch_error *err)
{
    if (strcmp(message->style, "minimax1") != 0)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "style %s", message->style);
    *ret_type = "application/x-test";
    return buf_append_format(ret_body, err, "{\"task_id\":\"%lld\",\"status\":\"%s\"}", (long long)job->job.id,
                             message->kind);
}

static int say_nothing(void *context, const struct store_message *message, const struct store_job *job,
                       struct buf *ret_body, const char **ret_type, conch_error *err)
{
    return 0;
}

static void a_moment_that_a_style_does_not_tell_of_is_passed_over(void **state)
{
    relay_start(say_nothing);
    struct store_message message = wait_for_end(cancelled_job("minimax1"));
    relay_stop();
    assert_true(message.done_ms > 0);
    assert_int_equal(atomic_load(&receiver.count), 0);
    store_message_finish(&message);
}

static void a_style_is_worded_by_its_renderer(void **state)
{
    char wanted[96], proof[64];
    relay_start(render);
    const int64_t id = cancelled_job("minimax1"), other = cancelled_job("unheard");
    struct store_message message = wait_for_end(id), dead = wait_for_end(other);
    relay_stop();
    assert_int_equal(atomic_load(&receiver.count), 1);
    snprintf(wanted, sizeof wanted, "{\"task_id\":\"%lld\",\"status\":\"cancelled\"}", (long long)id);
    assert_string_equal(strstr(receiver.requests[0], "\r\n\r\n") + 4, wanted);
    assert_string_equal(header(receiver.requests[0], "content-type"), "application/x-test");
    assert_string_equal(header(receiver.requests[0], "webhook-id"), "");
    snprintf(proof, sizeof proof, "%lld %zu", (long long)id, strlen(wanted));
    assert_string_equal(header(receiver.requests[0], "x-proof"), proof);
    assert_true(dead.dead_ms > 0); /* nobody here can word it */
    store_message_finish(&message);
    store_message_finish(&dead);
}

struct told {
    int64_t job_id;
    const char *kind;
};

static int message_work(void *context, struct store_tx *tx, conch_error *err)
{
    const struct told *told = context;
    struct store_message message = {.job_id = told->job_id,
                                    .url = (char *)(uintptr_t)receiver_url(),
                                    .style = (char[]){"conch"},
                                    .body = (char *)(uintptr_t)told->kind,
                                    .created_ms = 1,
                                    .due_ms = 1};
    return store_message_add(tx, &message, NULL, err);
}

static void messages_of_a_job_arrive_in_order_even_when_the_first_fails(void **state)
{
    static const char *const bodies[] = {"first", "second", "third"};
    qt.config.webhooks.attempts = 3;
    qt.config.webhooks.span_ms = 600;
    receiver.statuses[0] = 500;
    const int64_t id = qt_submit(&(struct qt_job){.seconds = 1});
    for (size_t i = 0; i < 3; i++)
        qt_write(message_work, &(struct told){id, bodies[i]});
    relay_start(NULL);
    wait_for_hits(4);
    relay_stop();
    static const char *const wanted[] = {"first", "first", "second", "third"};
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(strstr(receiver.requests[i], "\r\n\r\n") + 4, wanted[i]);
}

static void waits_double_and_add_up_to_the_span(void **state)
{
    int64_t sum = 0, before = 0;
    qt.config.webhooks.attempts = 10;
    qt.config.webhooks.span_ms = 7200000;
    for (int32_t i = 1; i < 10; i++) {
        const int64_t wait_ms = relay_wait_ms(&qt.config, i);
        assert_true(wait_ms > before);
        before = wait_ms;
        sum += wait_ms;
    }
    assert_true(sum > 7190000 && sum <= 7200000);
    assert_int_equal(relay_wait_ms(&qt.config, 10), 0);
    qt.config.webhooks.attempts = 1;
    assert_int_equal(relay_wait_ms(&qt.config, 1), 0);
}

static void the_secret_is_made_once(void **state)
{
    struct buf a, b;
    conch_error err = {0};
    buf_init(&a, 64);
    buf_init(&b, 64);
    assert_int_equal(relay_secret(qt.store, &qt.config, &a, &err), 0);
    assert_int_equal(relay_secret(qt.store, &qt.config, &b, &err), 0);
    assert_int_equal(a.size, 32);
    assert_memory_equal(a.data, b.data, 32);
    buf_finish(&a);
    buf_finish(&b);
}

/* ---- the sweep ---- */

struct file_times {
    int64_t id, expires_ms;
    char blob[BLOB_KEY_BYTES];
    int32_t found; /* deleted, or gone */
};

static int file_add_work(void *context, struct store_tx *tx, conch_error *err)
{
    const struct file_times *times = context;
    struct store_file file = {.id = times->id,
                              .account_id = QT_ACCOUNT,
                              .purpose = "upload",
                              .type = "image/png",
                              .bytes = 1,
                              .created_ms = 1,
                              .expires_ms = times->expires_ms};
    strcpy(file.blob, times->blob);
    return store_file_add(tx, &file, err);
}

static int file_look_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct file_times *times = context;
    struct store_file file;
    int rc = store_file_get(tx, times->id, 0, &file, err);
    times->found = rc == 0;
    return rc == CONCH_ERR_NOTFOUND ? 0 : rc;
}

static void file_make(struct file_times *times)
{
    conch_error err = {0};
    times->id = id_next();
    blob_key_make(times->blob, "png", clock_wall_ms());
    assert_int_equal(blob_put(qt.blobs, times->blob, "x", 1, NULL, &err), 0);
    qt_write(file_add_work, times);
}

static bool blob_there(const char *key)
{
    int file;
    int64_t bytes;
    if (blob_open(qt.blobs, key, &file, &bytes, NULL) < 0)
        return false;
    close(file);
    return true;
}

static void files_past_their_time_go_with_their_bytes(void **state)
{
    struct file_times old = {.expires_ms = clock_wall_ms() - 1}, young = {.expires_ms = clock_wall_ms() + 100000},
                      lasting = {.expires_ms = 0};
    file_make(&old);
    file_make(&young);
    file_make(&lasting);
    relay_start(NULL);
    for (int i = 0; i < 300 && blob_there(old.blob); i++)
        qt_sleep_ms(10);
    relay_stop();
    assert_false(blob_there(old.blob));
    assert_true(blob_there(young.blob) && blob_there(lasting.blob));
    qt_read(file_look_work, &old);
    qt_read(file_look_work, &young);
    assert_false(old.found);
    assert_true(young.found);
}

static void blobs_that_no_row_names_go_after_an_hour(void **state)
{
    struct file_times kept = {.expires_ms = 0};
    char orphan[BLOB_KEY_BYTES], fresh[BLOB_KEY_BYTES], path[512];
    const struct timespec hours_ago[] = {{.tv_sec = time(NULL) - 7200}, {.tv_sec = time(NULL) - 7200}};
    conch_error err = {0};
    file_make(&kept);
    blob_key_make(orphan, "mp4", clock_wall_ms());
    blob_key_make(fresh, "mp4", clock_wall_ms());
    assert_int_equal(blob_put(qt.blobs, orphan, "x", 1, NULL, &err), 0);
    assert_int_equal(blob_put(qt.blobs, fresh, "x", 1, NULL, &err), 0);
    snprintf(path, sizeof path, "%s/%s", qt_path("blobs"), orphan);
    assert_int_equal(utimensat(AT_FDCWD, path, hours_ago, 0), 0);
    snprintf(path, sizeof path, "%s/%s", qt_path("blobs"), kept.blob);
    assert_int_equal(utimensat(AT_FDCWD, path, hours_ago, 0), 0);
    relay_start(NULL);
    for (int i = 0; i < 300 && blob_there(orphan); i++)
        qt_sleep_ms(10);
    relay_stop();
    assert_false(blob_there(orphan));
    assert_true(blob_there(kept.blob) && blob_there(fresh));
}

static int claim_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct store_job row;
    struct job_event event;
    int rc = store_job_get(tx, *(const int64_t *)context, 0, &row, err);
    if (rc < 0)
        return rc;
    rc = job_claim(&row.job, 300, clock_wall_ms(), &event, err);
    const struct store_job_step step = {.job = &row, .event = &event};
    if (rc == 0)
        rc = store_job_step(tx, &step, NULL, err);
    store_job_finish(&row);
    return rc;
}

static void a_job_whose_worker_went_silent_is_queued_again_and_in_the_end_fails(void **state)
{
    int64_t again = qt_submit(&(struct qt_job){.attempts_max = 2}),
            last = qt_submit(&(struct qt_job){.attempts_max = 1, .callback = receiver_url()});
    qt_write(claim_work, &again);
    qt_write(claim_work, &last);
    relay_start(NULL);
    struct store_job row = qt_wait(again, 1u << JOB_QUEUED, 5);
    assert_int_equal(row.job.error, JOB_ERROR_WORKER_LOST);
    assert_int_equal(row.job.attempts, 1);
    store_job_finish(&row);
    row = qt_wait(last, 1u << JOB_FAILED, 5);
    assert_non_null(strstr(row.error_text, "stopped answering"));
    store_job_finish(&row);
    wait_for_hits(1); /* and its owner is told */
    relay_stop();
    qt_money(QT_MONEY - 1000, 1000);
}

#define relay_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        relay_test(a_callback_is_a_signed_standard_webhook),
        relay_test(a_receiver_that_fails_is_asked_again_and_in_the_end_given_up),
        relay_test(one_that_recovers_gets_it),
        relay_test(one_that_is_gone_is_not_asked_again),
        relay_test(private_addresses_are_not_called_unless_allowed),
        relay_test(a_style_is_worded_by_its_renderer),
        relay_test(a_moment_that_a_style_does_not_tell_of_is_passed_over),
        relay_test(messages_of_a_job_arrive_in_order_even_when_the_first_fails),
        relay_test(waits_double_and_add_up_to_the_span),
        relay_test(the_secret_is_made_once),
        relay_test(files_past_their_time_go_with_their_bytes),
        relay_test(blobs_that_no_row_names_go_after_an_hour),
        relay_test(a_job_whose_worker_went_silent_is_queued_again_and_in_the_end_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
