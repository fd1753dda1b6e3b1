#include "web.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/log.h"
#include "net/url.h"
#include "schema_check.h"

enum { QUERIES_MAX = 16, HEADERS_MAX = 12 };

struct web web;

static json_t *described; /* docs/api/openapi.json */
static struct web_answer last;
static bool answered;

static void answer_drop(void)
{
    if (!answered)
        return;
    http_response_finish(&last.response);
    json_decref(last.json);
    last = (struct web_answer){0};
    answered = false;
}

/* ---- the server ---- */

static int unlink_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static void committed(void *context)
{
    (void)context;
    http_app_wake(__atomic_load_n(&web.app, __ATOMIC_ACQUIRE));
}

static void configure(void)
{
    static char setting[] = "CONCH_ADMIN_KEY=" WEB_KEY, *environment[] = {setting, NULL};
    const struct config_override overrides[] = {{"server.data", web.folder},
                                                {"server.listen", "127.0.0.1:0"},
                                                {"server.handlers", "4"},
                                                {"server.threads", "4"},
                                                {"server.log_level", "off"},
                                                {"limits.sse_clients_max", "4"},
                                                {"limits.events_backlog_max", "64"},
                                                {"server.cors_origins", "https://app.example"},
                                                {"server.body_bytes_max", "1M"},
                                                {"server.upload_bytes_max", "1M"},
                                                {"credits.starting_microusd", "0"}};
    conch_error err = {0};
    if (config_load(&web.config,
                    &(struct config_settings){.environment = environment,
                                              .overrides = overrides,
                                              .override_count = sizeof overrides / sizeof overrides[0]},
                    &err) < 0)
        fail_msg("%s", err.text);
    log_setup(getenv("CONCH_TEST_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_OFF, LOG_FORMAT_JSON, 2);
}

static void must(int rc, const conch_error *err)
{
    if (rc < 0)
        fail_msg("%s", err->text);
}

int web_setup(void **state)
{
    char path[512], folder[400], *first_key = NULL;
    conch_error err = {0};
    (void)state;
    memset(&web, 0, sizeof web);
    snprintf(web.folder, sizeof web.folder, "/tmp/conch_web_XXXXXX");
    if (!mkdtemp(web.folder))
        return -1;
    const char *root = getenv("CONCH_TEST_ROOT");
    snprintf(path, sizeof path, "%s/docs/api/openapi.json", root ? root : ".");
    described = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    if (!described)
        fail_msg("%s could not be read", path);
    const char *build = getenv("CONCH_BUILD");
    snprintf(path, sizeof path, "%s/conch-media", build ? build : "build");
    setenv("CONCH_MEDIA", path, 1);
    configure();
    snprintf(folder, sizeof folder, "%s/catalog", root ? root : ".");
    must(catalog_open(folder, &web.catalog, &web.offers, &err), &err);
    snprintf(path, sizeof path, "%s/conch.db", web.folder);
    must(store_open(&web.store, &(struct store_settings){.path = path, .committed = committed}, &err), &err);
    snprintf(path, sizeof path, "%s/blobs", web.folder);
    must(blob_store_open(&web.blobs, path, &err), &err);
    const struct api_settings settings = {.config = &web.config,
                                          .catalog = &web.catalog,
                                          .store = web.store,
                                          .blobs = web.blobs,
                                          .version = "test",
                                          .catalog_folder = folder};
    must(api_create(&web.api, &settings, &first_key, &err), &err);
    assert_null(first_key);
    struct http_app *app;
    must(http_app_create(&app, &(struct http_app_settings){web.api, web.store, &web.config, NULL, NULL}, &err), &err);
    __atomic_store_n(&web.app, app, __ATOMIC_RELEASE);
    web.embedder = http_app_embedder(web.app);
    return 0;
}

int web_teardown(void **state)
{
    (void)state;
    answer_drop();
    json_decref(described);
    struct http_app *app = web.app;
    __atomic_store_n(&web.app, NULL, __ATOMIC_RELEASE);
    http_app_close(app, 1000);
    api_destroy(web.api);
    blob_store_close(web.blobs);
    store_close(web.store);
    catalog_offers_finish(&web.offers);
    catalog_finish(&web.catalog);
    config_finish(&web.config);
    return nftw(web.folder, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the description ---- */

/* Whether a template such as /a/{id} takes the path; *ret_named: how many of its segments are {names}. */
static bool template_takes(const char *template, const char *path, size_t *ret_named)
{
    *ret_named = 0;
    while (*template == '/' && *path == '/') {
        size_t a = strcspn(++template, "/"), b = strcspn(++path, "/");
        bool named = *template == '{';
        if (named ? b == 0 : a != b || memcmp(template, path, a) != 0)
            return false;
        *ret_named += named;
        template += a;
        path += b;
    }
    return !*template && !*path;
}

static const json_t *path_item(const char *path, const char **ret_template)
{
    const char *template;
    const json_t *best = NULL;
    size_t named, fewest = SIZE_MAX;
    json_t *item;
    json_object_foreach(json_object_get(described, "paths"), template, item)
    {
        if (template_takes(template, path, &named) && named < fewest) {
            best = item;
            fewest = named;
            *ret_template = template;
        }
    }
    return best;
}

static const json_t *resolve(const json_t *value)
{
    const char *ref = json_string_value(json_object_get(value, "$ref"));
    return ref ? schema_ref(described, ref) : value;
}

/* Every answer of an address that is described must be as described: its status, its media type, its members. */
static void description_check(const struct http_request *request, const struct web_answer *answer)
{
    static const char *const methods[] = {"get", "get", "post", "put", "patch", "delete", "options", ""};
    struct schema_check check = {.document = described, .closed = true};
    char status[8], type[80];
    const char *template = NULL, *stated = http_response_field(&answer->response, "Content-Type");
    const json_t *operation = json_object_get(path_item(request->path, &template), methods[request->method]);
    if (!operation)
        return;
    snprintf(status, sizeof status, "%d", answer->status);
    const json_t *responses = json_object_get(operation, "responses"), *response = json_object_get(responses, status);
    if (!response && answer->status >= 400)
        response = json_object_get(responses, "default");
    if (!response)
        fail_msg("%s %s: status %s is not described", methods[request->method], template, status);
    const json_t *content = json_object_get(resolve(response), "content"), *media = NULL;
    if (!content || !stated || answer->status == 304)
        return;
    snprintf(type, sizeof type, "%.*s", (int)strcspn(stated, ";"), stated);
    media = json_object_get(content, type);
    if (!media && !(media = json_object_get(content, "*/*")))
        fail_msg("%s %s %s: the media type %s is not described", methods[request->method], template, status, type);
    const json_t *schema = json_object_get(media, "schema");
    if (strcmp(type, "application/json") == 0 && strcmp(template, "/conch/v1/openapi.json") != 0 &&
        !schema_check(&check, schema, answer->json))
        fail_msg("%s %s %s: %s in %s", methods[request->method], template, status, check.fault,
                 answer->response.body.data);
}

/* ---- requests ---- */

/* What a server would have made of the request line and the headers. */
struct made {
    struct http_request request;
    char target[1024], path[1024], authorization[300];
    struct http_field queries[QUERIES_MAX], headers[HEADERS_MAX];
};

static void header_add(struct made *made, const char *name, const char *value)
{
    assert_true(made->request.header_count < HEADERS_MAX);
    made->headers[made->request.header_count++] = (struct http_field){name, value};
}

static void target_read(struct made *made)
{
    char *query = strchr(made->path, '?');
    if (query)
        *query++ = 0;
    assert_true(url_decode(made->path, strlen(made->path), false) >= 0);
    for (char *next; query && *query; query = next) {
        next = strchr(query, '&');
        if (next)
            *next++ = 0;
        char *value = strchr(query, '=');
        if (value)
            *value++ = 0;
        assert_true(url_decode(query, strlen(query), true) >= 0);
        if (value)
            assert_true(url_decode(value, strlen(value), true) >= 0);
        assert_true(made->request.query_count < QUERIES_MAX);
        made->queries[made->request.query_count++] = (struct http_field){query, value ? value : ""};
    }
}

static void request_make(const struct web_request *from, struct made *made)
{
    memset(made, 0, sizeof *made);
    snprintf(made->target, sizeof made->target, "%s", from->target);
    snprintf(made->path, sizeof made->path, "%s", from->target);
    made->request = (struct http_request){.method = from->method,
                                          .path = made->path,
                                          .target = made->target,
                                          .queries = made->queries,
                                          .headers = made->headers,
                                          .origin = WEB_ORIGIN,
                                          .address = from->address ? from->address : "127.0.0.1",
                                          .id = "0123456789abcdef0123456789abcdef"};
    target_read(made);
    const char *key = from->key ? from->key : WEB_KEY;
    snprintf(made->authorization, sizeof made->authorization, "Bearer %s", key);
    if (*key)
        header_add(made, "Authorization", made->authorization);
    if (from->parts)
        header_add(made, "Content-Type", "multipart/form-data; boundary=x");
    else if (from->body)
        header_add(made, "Content-Type", from->type ? from->type : "application/json");
    for (size_t i = 0; i < 8 && from->headers[i].name; i++)
        header_add(made, from->headers[i].name, from->headers[i].value);
}

static void body_give(const struct web_request *from, struct made *made)
{
    made->request.multipart = from->parts != NULL;
    made->request.parts = from->parts;
    made->request.part_count = from->part_count;
    made->request.body = from->body;
    made->request.body_size = from->body ? strlen(from->body) : 0;
}

static void file_read_in(struct http_response *response)
{
    conch_error err;
    if (response->kind != HTTP_BODY_FILE)
        return;
    char *to = buf_reserve(&response->body, (size_t)response->file_size, &err);
    assert_non_null(to);
    assert_int_equal(pread(response->file, to, (size_t)response->file_size, response->file_offset),
                     response->file_size);
    response->body.size = (size_t)response->file_size;
}

struct web_answer *web_send(const struct web_request *request)
{
    struct made *made = malloc(sizeof *made);
    struct http_verdict verdict = {0};
    answer_drop();
    http_response_init(&last.response, 64 << 20);
    answered = true;
    request_make(request, made);
    web.embedder.admit(web.embedder.context, &made->request, &verdict, &last.response);
    last.refused = verdict.refused;
    last.body_bytes_max = verdict.body_bytes_max;
    last.fast = verdict.fast;
    last.spool = verdict.spool;
    if (!verdict.refused) {
        body_give(request, made);
        web.embedder.handle(web.embedder.context, &made->request, verdict.note, &last.response);
    }
    last.status = last.response.status;
    file_read_in(&last.response);
    web.embedder.done(web.embedder.context, &made->request, verdict.note,
                      &(struct http_done){last.status, true, last.response.body.size, 100, 0});
    if (last.response.body.data)
        last.json = json_loadb(last.response.body.data, last.response.body.size, JSON_REJECT_DUPLICATES, NULL);
    description_check(&made->request, &last);
    free(made);
    return &last;
}

struct web_answer *web_get(const char *target)
{
    return web_send(&(struct web_request){.target = target});
}

struct web_answer *web_post(const char *target, const char *body)
{
    return web_send(&(struct web_request){.method = HTTP_POST, .target = target, .body = body});
}

void web_expect(const struct web_answer *answer, int status)
{
    if (answer->status != status)
        fail_msg("status %d instead of %d: %s", answer->status, status,
                 answer->response.body.data ? answer->response.body.data : "(no body)");
}

const json_t *web_value(const struct web_answer *answer, const char *path)
{
    char key[64];
    const json_t *value = answer->json;
    while (value && *path) {
        size_t size = strcspn(path, ".");
        assert_true(size < sizeof key);
        memcpy(key, path, size);
        key[size] = 0;
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key)) : json_object_get(value, key);
        path += size + (path[size] == '.');
    }
    return value;
}

const char *web_text(const struct web_answer *answer, const char *path)
{
    const char *text = json_string_value(web_value(answer, path));
    return text ? text : "";
}

int64_t web_number(const struct web_answer *answer, const char *path)
{
    const json_t *value = web_value(answer, path);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

int64_t web_id(const struct web_answer *answer)
{
    int64_t id = 0;
    assert_true(id_parse(web_text(answer, "id"), &id));
    return id;
}

/* ---- keys ---- */

int64_t web_account(const char *name)
{
    char body[200];
    snprintf(body, sizeof body, "{\"name\":\"%s\"}", name);
    web_expect(web_post("/conch/v1/accounts", body), 201);
    return web_id(&last);
}

const char *web_key(unsigned scopes, int64_t account_id)
{
    static const char *const names[] = {"generate", "read", "usage", "keys", "admin"};
    static char keys[4][100];
    static size_t next;
    json_t *body = json_pack("{s:s}", "name", "of a test"), *list = json_array();
    for (size_t i = 0; i < 5; i++)
        if (scopes & 1u << i)
            json_array_append_new(list, json_string(names[i]));
    if (scopes)
        json_object_set(body, "scopes", list);
    if (account_id)
        json_object_set_new(body, "account_id", json_string(id_text(account_id).text));
    char *text = json_dumps(body, 0);
    web_expect(web_post("/conch/v1/keys", text), 201);
    free(text);
    json_decref(list);
    json_decref(body);
    char *key = keys[next++ % 4];
    snprintf(key, sizeof keys[0], "%s", web_text(&last, "secret"));
    assert_int_equal(strncmp(key, "ck_", 3), 0);
    return key;
}

/* ---- a worker ---- */

enum worked { WORK_START, WORK_PROGRESS, WORK_FINISH };

struct work {
    int64_t id;
    enum worked what;
    int permille, step;
    struct store_file file, poster;
};

static int step(struct store_tx *tx, struct store_job *job, const struct job_event *event, conch_error *err)
{
    return store_job_step(tx, &(struct store_job_step){.job = job, .event = event, .charge = job->quoted}, NULL, err);
}

static int start(struct store_tx *tx, struct store_job *job, int64_t now_ms, conch_error *err)
{
    struct job_event event;
    int rc = job_claim(&job->job, 60000, now_ms, &event, err);
    if (rc == 0)
        rc = step(tx, job, &event, err);
    if (rc == 0)
        rc = job_start(&job->job, job->job.fence, now_ms, &event, err);
    return rc == 0 ? step(tx, job, &event, err) : rc;
}

static int finish(struct store_tx *tx, struct store_job *job, struct work *work, int64_t now_ms, conch_error *err)
{
    struct job_event event;
    int rc = job_output(&job->job, job->job.fence, now_ms, &event, err);
    if (rc == 0)
        rc = step(tx, job, &event, err);
    work->file.account_id = work->poster.account_id = job->account_id;
    if (rc == 0)
        rc = store_file_add(tx, &work->file, err);
    if (rc == 0)
        rc = store_file_add(tx, &work->poster, err);
    job->file_id = work->file.id;
    job->poster_file_id = work->poster.id;
    if (rc == 0)
        rc = job_finish(&job->job, job->job.fence, now_ms, &event, err);
    return rc == 0 ? step(tx, job, &event, err) : rc;
}

static int work_on(void *context, struct store_tx *tx, conch_error *err)
{
    struct work *work = context;
    struct store_job job = {0};
    struct job_event event;
    const int64_t now_ms = clock_wall_ms();
    int rc = store_job_get(tx, work->id, 0, &job, err);
    if (rc == 0 && work->what == WORK_START)
        rc = start(tx, &job, now_ms, err);
    else if (rc == 0 && work->what == WORK_FINISH)
        rc = finish(tx, &job, work, now_ms, err);
    else if (rc == 0) {
        rc = job_progress(&job.job, job.job.fence, work->permille, now_ms, &event, err);
        job.step = work->step;
        job.step_count = 20;
        free(job.phase);
        job.phase = strdup("denoise");
        if (rc == 0)
            rc = store_job_progress(tx, &job, err);
    }
    store_job_finish(&job);
    return rc;
}

static void work_write(struct work *work)
{
    conch_error err = {0};
    must(store_write(web.store, work_on, work, &err), &err);
}

void web_job_start(int64_t id)
{
    work_write(&(struct work){.id = id, .what = WORK_START});
}

void web_job_progress(int64_t id, int permille, int step_number)
{
    work_write(&(struct work){.id = id, .what = WORK_PROGRESS, .permille = permille, .step = step_number});
}

static void file_make(struct store_file *file, int64_t job_id, const char *name, const char *type, const void *data,
                      size_t size)
{
    conch_error err = {0};
    *file = (struct store_file){.id = id_next(),
                                .job_id = job_id,
                                .bytes = (int64_t)size,
                                .created_ms = clock_wall_ms(),
                                .width = 256,
                                .height = 160};
    snprintf(file->purpose, sizeof file->purpose, "video_generation");
    snprintf(file->name, sizeof file->name, "%s", name);
    snprintf(file->type, sizeof file->type, "%s", type);
    blob_key_make(file->blob, "mp4", file->created_ms);
    must(blob_put(web.blobs, file->blob, data, size, file->sha256, &err), &err);
}

void web_job_finish(int64_t id)
{
    char clip[1000];
    struct work work = {.id = id, .what = WORK_FINISH};
    for (size_t i = 0; i < sizeof clip; i++)
        clip[i] = (char)('a' + i % 26);
    file_make(&work.file, id, "clip.mp4", "video/mp4", clip, sizeof clip);
    work.file.duration_ms = 2062;
    file_make(&work.poster, id, "poster.png", "image/png", "\x89PNG and so on", 14);
    work_write(&work);
}
