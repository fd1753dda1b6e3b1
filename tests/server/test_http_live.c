/* The whole server behind a real socket: bodies, ranges, event streams. */
#include <pthread.h>
#include <time.h>

#include "base/id.h"
#include "net/http_client.h"
#include "net/sse.h"
#include "web.h"

#define JOBS "/conch/v1/jobs"

static int live_setup(void **state)
{
    char spool[128];
    conch_error err = {0};
    int rc = web_setup(state);
    snprintf(spool, sizeof spool, "%s/blobs", web.folder);
    if (rc == 0 && http_app_listen(web.app, spool, &err) < 0)
        fail_msg("%s", err.text);
    return rc;
}
#define live_test(f) cmocka_unit_test_setup_teardown(f, live_setup, web_teardown)

static const struct http_field auth[] = {{"Authorization", "Bearer " WEB_KEY}, {"Content-Type", "application/json"}};

static void sleep_ms(int ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

static const char *url(const char *target)
{
    static char texts[4][400];
    static size_t next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof texts[0], "http://%s%s", http_app_address(web.app), target);
    return text;
}

static int fetch(const char *method, const char *target, const void *body, size_t size, struct http_fetched *ret)
{
    static const char *const want[] = {"ETag", "Content-Range", "X-Request-Id", "Retry-After", "Connection", NULL};
    conch_error err = {0};
    const struct http_client_settings settings = {.url = url(target),
                                                  .method = method,
                                                  .headers = auth,
                                                  .header_count = 2,
                                                  .body = body,
                                                  .body_size = size,
                                                  .bytes_max = 16 << 20,
                                                  .want = want};
    *ret = (struct http_fetched){0};
    if (http_client_fetch(&settings, ret, &err) < 0)
        fail_msg("%s %s: %s", method, target, err.text);
    return ret->status;
}

static int64_t submit(void)
{
    static const char body[] = "{\"model\":\"conch/tiny\",\"prompt\":\"a red ball rolls\"}";
    struct http_fetched fetched;
    int64_t id = 0;
    assert_int_equal(fetch("POST", JOBS, body, sizeof body - 1, &fetched), 201);
    json_t *json = json_loadb(fetched.body.data, fetched.body.size, 0, NULL);
    assert_true(id_parse(json_string_value(json_object_get(json, "id")), &id));
    json_decref(json);
    http_fetched_finish(&fetched);
    return id;
}

static const char *path_of(int64_t id, const char *rest)
{
    static char path[200];
    snprintf(path, sizeof path, JOBS "/%lld%s", (long long)id, rest);
    return path;
}

/* ---- bodies ---- */

static void a_job_goes_in_and_its_clip_comes_out(void **state)
{
    struct http_fetched fetched;
    (void)state;
    int64_t id = submit();
    assert_int_equal(fetch("GET", path_of(id, ""), NULL, 0, &fetched), 200);
    assert_int_equal(strlen(http_fetched_header(&fetched, "X-Request-Id")), 32);
    http_fetched_finish(&fetched);
    web_job_start(id);
    web_job_finish(id);
    assert_int_equal(fetch("GET", path_of(id, "/content"), NULL, 0, &fetched), 200);
    assert_int_equal(fetched.body.size, 1000);
    http_fetched_finish(&fetched);
    const struct http_field part[] = {auth[0], {"Range", "bytes=-2"}};
    conch_error err = {0};
    fetched = (struct http_fetched){0};
    assert_int_equal(http_client_fetch(&(struct http_client_settings){.url = url(path_of(id, "/content")),
                                                                      .headers = part,
                                                                      .header_count = 2,
                                                                      .bytes_max = 1000},
                                       &fetched, &err),
                     0);
    assert_int_equal(fetched.status, 206);
    assert_memory_equal(fetched.body.data, "kl", 2); /* the 999th and 1000th of a..z over and over */
    http_fetched_finish(&fetched);
    fetched = (struct http_fetched){0};
    assert_int_equal(
        http_client_head(
            &(struct http_client_settings){.url = url(path_of(id, "/content")), .headers = auth, .header_count = 1},
            &fetched, &err),
        0);
    assert_int_equal(fetched.status, 200);
    assert_int_equal(fetched.size, 1000);
    http_fetched_finish(&fetched);
}

static void a_body_that_is_too_long_is_refused_in_json(void **state)
{
    struct http_fetched fetched;
    char *body = malloc(2 << 20);
    (void)state;
    memset(body, ' ', 2 << 20);
    assert_int_equal(fetch("POST", JOBS, body, 2 << 20, &fetched), 413);
    assert_non_null(strstr(fetched.body.data, "\"too_large\""));
    assert_non_null(strstr(fetched.body.data, "1048576"));
    http_fetched_finish(&fetched);
    assert_int_equal(fetch("POST", "/conch/v1/keys", body, (64 << 10) + 1, &fetched), 413);
    http_fetched_finish(&fetched);
    assert_int_equal(fetch("POST", "/v1/video_generation", body, 2 << 20, &fetched), 200);
    assert_non_null(strstr(fetched.body.data, "base_resp"));
    http_fetched_finish(&fetched);
    free(body);
}

static void an_upload_is_spooled_and_kept(void **state)
{
    static const char head[] = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"clip.mp4\"\r\n\r\n"
                               "\0\0\0\x18"
                               "ftypmp42\0\0\0\0mp42isom";
    const size_t head_size = sizeof head - 1, filler = 300 << 10;
    const struct http_field headers[] = {auth[0], {"Content-Type", "multipart/form-data; boundary=b"}};
    struct http_fetched fetched = {0};
    conch_error err = {0};
    char *body = calloc(1, head_size + filler + 20);
    (void)state;
    memcpy(body, head, head_size);
    memcpy(body + head_size + filler, "\r\n--b--\r\n", 9);
    assert_int_equal(http_client_fetch(&(struct http_client_settings){.url = url("/conch/v1/files"),
                                                                      .method = "POST",
                                                                      .headers = headers,
                                                                      .header_count = 2,
                                                                      .body = body,
                                                                      .body_size = head_size + filler + 9,
                                                                      .bytes_max = 1 << 20},
                                       &fetched, &err),
                     0);
    /* whether it is a clip is for the decoder to say: what matters is that all of it arrived and was answered in JSON
     */
    assert_true(fetched.status == 201 || fetched.status == 400);
    assert_non_null(strstr(fetched.body.data, fetched.status == 201 ? "\"bytes\":" : "\"field\":"));
    http_fetched_finish(&fetched);
    free(body);
}

/* ---- events ---- */

/* A reader of a stream on a thread of its own: "type type type" of what came. */
struct reader {
    pthread_t thread;
    char url[400], key[100], last_id[32];
    struct sse_parser parser;
    pthread_mutex_t lock;
    char seen[8192], newest_id[32];
    size_t count;
    bool stop, over;
    int status, rc;
};

static int on_event(void *context, const struct sse_event *event)
{
    struct reader *reader = context;
    pthread_mutex_lock(&reader->lock);
    size_t used = strlen(reader->seen);
    snprintf(reader->seen + used, sizeof reader->seen - used, "%s ", event->event ? event->event : "?");
    if (event->id)
        snprintf(reader->newest_id, sizeof reader->newest_id, "%s", event->id);
    reader->count++;
    pthread_mutex_unlock(&reader->lock);
    return 0;
}

static int on_bytes(void *context, const char *data, size_t size)
{
    struct reader *reader = context;
    return sse_parser_feed(&reader->parser, data, size, NULL) < 0 || __atomic_load_n(&reader->stop, __ATOMIC_RELAXED);
}

static bool is_stopped(void *context)
{
    struct reader *reader = context;
    return __atomic_load_n(&reader->stop, __ATOMIC_RELAXED);
}

static void *read_stream(void *context)
{
    struct reader *reader = context;
    char bearer[120];
    struct http_fetched fetched = {0};
    snprintf(bearer, sizeof bearer, "Bearer %s", reader->key);
    const struct http_field headers[] = {{"Authorization", bearer}, {"Last-Event-ID", reader->last_id}};
    const struct http_client_settings settings = {.url = reader->url,
                                                  .headers = headers,
                                                  .header_count = *reader->last_id ? 2 : 1,
                                                  .bytes_max = 1 << 20,
                                                  .timeout_ms = -1,
                                                  .sink = on_bytes,
                                                  .sink_context = reader,
                                                  .stop = is_stopped,
                                                  .stop_context = reader};
    reader->rc = http_client_fetch(&settings, &fetched, NULL);
    reader->status = fetched.status;
    http_fetched_finish(&fetched);
    __atomic_store_n(&reader->over, true, __ATOMIC_RELEASE);
    return NULL;
}

static void reader_start_as(struct reader *reader, const char *key, const char *target, const char *last_id)
{
    memset(reader, 0, sizeof *reader);
    snprintf(reader->url, sizeof reader->url, "%s", url(target));
    snprintf(reader->key, sizeof reader->key, "%s", key);
    snprintf(reader->last_id, sizeof reader->last_id, "%s", last_id);
    pthread_mutex_init(&reader->lock, NULL);
    sse_parser_init(&reader->parser, 1 << 16, on_event, reader);
    assert_int_equal(pthread_create(&reader->thread, NULL, read_stream, reader), 0);
}

static void reader_start(struct reader *reader, const char *target, const char *last_id)
{
    reader_start_as(reader, WEB_KEY, target, last_id);
}

static bool reader_has(struct reader *reader, const char *word)
{
    pthread_mutex_lock(&reader->lock);
    bool has = strstr(reader->seen, word) != NULL;
    pthread_mutex_unlock(&reader->lock);
    return has;
}

static size_t reader_count(struct reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    size_t count = reader->count;
    pthread_mutex_unlock(&reader->lock);
    return count;
}

static void reader_wait(struct reader *reader, const char *word)
{
    for (int i = 0; i < 500 && !reader_has(reader, word); i++)
        sleep_ms(10);
    if (!reader_has(reader, word))
        fail_msg("'%s' did not come; there was: %s", word, reader->seen);
}

static void reader_end(struct reader *reader, bool by_itself)
{
    for (int i = 0; by_itself && i < 500 && !__atomic_load_n(&reader->over, __ATOMIC_ACQUIRE); i++)
        sleep_ms(10);
    if (by_itself)
        assert_true(reader->over);
    __atomic_store_n(&reader->stop, true, __ATOMIC_RELAXED);
    pthread_join(reader->thread, NULL);
    sse_parser_finish(&reader->parser);
    pthread_mutex_destroy(&reader->lock);
}

static void a_stream_tells_a_job_from_beginning_to_end_and_ends(void **state)
{
    struct reader reader;
    (void)state;
    int64_t id = submit();
    reader_start(&reader, path_of(id, "/events"), "");
    reader_wait(&reader, "job.created");
    web_job_start(id);
    reader_wait(&reader, "job.started");
    web_job_progress(id, 400, 8);
    reader_wait(&reader, "job.progress");
    web_job_finish(id);
    reader_wait(&reader, "job.succeeded");
    reader_end(&reader, true);
    assert_string_equal(reader.seen, "job.created job.claimed job.started job.progress job.storing job.succeeded ");
}

static void a_stream_goes_on_where_it_was_left(void **state)
{
    struct reader first, second, third;
    (void)state;
    int64_t id = submit();
    web_job_start(id);
    reader_start(&first, path_of(id, "/events"), "");
    reader_wait(&first, "job.started");
    reader_end(&first, false);
    web_job_finish(id);
    reader_start(&second, path_of(id, "/events"), first.newest_id);
    reader_end(&second, true);
    assert_string_equal(second.seen, "job.storing job.succeeded ");
    /* who has everything is told so by the end */
    reader_start(&third, path_of(id, "/events"), second.newest_id);
    reader_end(&third, true);
    assert_string_equal(third.seen, "");
}

static void an_account_sees_its_own_jobs_from_now_on(void **state)
{
    struct reader reader, other;
    (void)state;
    submit();
    const char *key = web_key(0, web_account("other"));
    reader_start(&reader, "/conch/v1/events", "");
    reader_start_as(&other, key, "/conch/v1/events", "");
    for (int i = 0; i < 500 && !strstr(web_get("/metrics")->response.body.data, "conch_http_event_streams 2\n"); i++)
        sleep_ms(10);
    int64_t id = submit();
    web_job_start(id);
    web_job_finish(id);
    web_expect(web_send(&(struct web_request){.method = HTTP_POST,
                                              .target = JOBS,
                                              .key = key,
                                              .body = "{\"model\":\"conch/tiny\",\"prompt\":\"a cube\"}"}),
               201);
    reader_wait(&reader, "job.succeeded");
    reader_wait(&other, "job.created");
    sleep_ms(200); /* for what must not come */
    reader_end(&reader, false);
    reader_end(&other, false);
    assert_string_equal(reader.seen, "job.created job.claimed job.started job.storing job.succeeded ");
    assert_string_equal(other.seen, "job.created ");
}

static void many_events_come_in_order_and_without_a_gap(void **state)
{
    enum { EVENTS = 300 };
    struct reader reader;
    (void)state;
    web.config.limits.queued_per_key = 0;
    for (int i = 0; i < EVENTS / 2; i++) /* read from the past */
        submit();
    reader_start(&reader, "/conch/v1/events", "0");
    for (int i = 0; i < EVENTS / 2; i++)
        submit();
    for (int i = 0; i < 500 && reader_count(&reader) < EVENTS; i++)
        sleep_ms(10);
    assert_int_equal(reader_count(&reader), EVENTS);
    reader_end(&reader, false);
}

static void there_are_so_many_streams_and_no_more(void **state)
{
    struct reader readers[4];
    struct http_fetched fetched;
    (void)state;
    int64_t id = submit();
    for (int i = 0; i < 4; i++) {
        reader_start(&readers[i], path_of(id, "/events"), "");
        reader_wait(&readers[i], "job.created");
    }
    assert_int_equal(fetch("GET", path_of(id, "/events"), NULL, 0, &fetched), 503);
    assert_non_null(http_fetched_header(&fetched, "Retry-After"));
    http_fetched_finish(&fetched);
    web_job_start(id);
    web_job_finish(id);
    for (int i = 0; i < 4; i++)
        reader_end(&readers[i], true);
    for (int i = 0; i < 100; i++) { /* places become free */
        if (fetch("GET", path_of(id, "/events"), NULL, 0, &fetched) == 200) {
            http_fetched_finish(&fetched);
            return;
        }
        http_fetched_finish(&fetched);
        sleep_ms(10);
    }
    fail_msg("no place became free");
}

static struct reader left_open;

static int teardown_with_reader(void **state)
{
    int rc = web_teardown(state);
    reader_end(&left_open, true);
    return rc;
}

static void a_server_that_stops_ends_its_streams(void **state)
{
    (void)state;
    int64_t id = submit();
    reader_start(&left_open, path_of(id, "/events"), "");
    reader_wait(&left_open, "job.created");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(a_job_goes_in_and_its_clip_comes_out),
        live_test(a_body_that_is_too_long_is_refused_in_json),
        live_test(an_upload_is_spooled_and_kept),
        live_test(a_stream_tells_a_job_from_beginning_to_end_and_ends),
        live_test(a_stream_goes_on_where_it_was_left),
        live_test(an_account_sees_its_own_jobs_from_now_on),
        live_test(many_events_come_in_order_and_without_a_gap),
        live_test(there_are_so_many_streams_and_no_more),
        cmocka_unit_test_setup_teardown(a_server_that_stops_ends_its_streams, live_setup, teardown_with_reader),
    };
    return cmocka_run_group_tests_name("http_live", tests, NULL, NULL);
}
