#include "api_test.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/id.h"
#include "base/json.h"
#include "media/media.h"

struct api_world world;

static const char *test_root(void)
{
    const char *root = getenv("CONCH_TEST_ROOT");
    return root ? root : ".";
}

static void media_find(void)
{
    const char *build = getenv("CONCH_BUILD");
    char path[4096];
    snprintf(path, sizeof path, "%s/conch-media", build ? build : ".");
    setenv("CONCH_MEDIA", path, 0);
}

static void config_make(const char *const *options)
{
    enum { ROOM = 32 };
    struct config_override overrides[ROOM] = {{.name = "server.data", .value = world.folder},
                                              {.name = "fetch.allow", .value = "127.0.0.1"}};
    char names[ROOM][64], home[80], *environment[2] = {NULL, NULL};
    size_t count = 2;
    for (; options && *options; options++) {
        const char *equal = strchr(*options, '=');
        size_t at = 0;
        assert_true(equal && count < ROOM);
        if (strncmp(*options, "CONCH_", 6) == 0) {
            environment[0] = (char *)*options;
            continue;
        }
        snprintf(names[count], sizeof names[count], "%.*s", (int)(equal - *options), *options);
        while (at < count && strcmp(overrides[at].name, names[count]) != 0)
            at++;
        overrides[at] = (struct config_override){.name = at == count ? names[count] : overrides[at].name,
                                                 .value = equal + 1};
        count += at == count;
    }
    snprintf(home, sizeof home, "%s/none", world.folder); /* not the configuration of who runs this */
    setenv("XDG_CONFIG_HOME", home, 1);
    const struct config_settings settings = {
        .environment = environment, .overrides = overrides, .override_count = count};
    if (config_load(&world.config, &settings, &world.err) < 0)
        fail_msg("%s", world.err.text);
}

void world_start(const char *const *options)
{
    char path[4096];
    media_find();
    if (!world.folder[0]) {
        strcpy(world.folder, "/tmp/conch-api-XXXXXX");
        assert_non_null(mkdtemp(world.folder));
    }
    config_make(options);
    snprintf(path, sizeof path, "%s/catalog/models.json", test_root());
    if (json_file_read(&world.document, path, &world.err) < 0 ||
        catalog_read(&world.catalog, world.document, &world.err) < 0)
        fail_msg("%s", world.err.text);
    snprintf(path, sizeof path, "%s/conch.db", world.folder);
    if (store_open(&world.store, &(struct store_settings){.path = path}, &world.err) < 0)
        fail_msg("%s", world.err.text);
    snprintf(path, sizeof path, "%s/blobs", world.folder);
    if (blob_store_open(&world.blobs, path, &world.err) < 0)
        fail_msg("%s", world.err.text);
    snprintf(path, sizeof path, "%s/catalog", test_root());
    const struct api_settings settings = {.config = &world.config,
                                          .catalog = &world.catalog,
                                          .store = world.store,
                                          .blobs = world.blobs,
                                          .version = "test",
                                          .catalog_folder = path};
    char *first = NULL;
    if (api_create(&world.api, &settings, &first, &world.err) < 0)
        fail_msg("%s", world.err.text);
    if (first) {
        free(world.admin_key);
        world.admin_key = first;
    }
    if (world.admin_key)
        world.admin = world_caller(world.admin_key);
}

void world_stop(void)
{
    api_destroy(world.api);
    store_close(world.store);
    blob_store_close(world.blobs);
    catalog_finish(&world.catalog);
    json_decref(world.document);
    config_finish(&world.config);
    world.api = NULL;
    world.store = NULL;
    world.blobs = NULL;
    world.document = NULL;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *at)
{
    return remove(path);
}

int world_teardown(void **state)
{
    world_stop();
    free(world.admin_key);
    nftw(world.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    memset(&world, 0, sizeof world);
    return 0;
}

struct api_caller world_caller(const char *secret)
{
    struct api_caller caller = {.origin = "http://conch.test"};
    assert_done(api_authenticate(world.api, secret, &caller, &world.problem));
    strcpy(caller.request_id, "00112233445566778899aabbccddeeff");
    return caller;
}

static struct api_caller key_of(int64_t account_id, unsigned scopes)
{
    struct api_key_made made;
    const struct api_key_new add = {.account_id = account_id,
                                    .name = "test",
                                    .scopes = scopes,
                                    .queued_max = -1,
                                    .running_max = -1,
                                    .priority_max = -1};
    assert_done(api_key_add(world.api, &world.admin, &add, NULL, &made, &world.problem));
    return world_caller(made.secret);
}

struct api_caller world_key(unsigned scopes)
{
    return key_of(0, scopes);
}

struct api_caller world_stranger(void)
{
    struct store_account account;
    assert_done(api_account_add(world.api, &world.admin, "stranger", NULL, &account, &world.problem));
    return key_of(account.ledger.id, STORE_SCOPE_GENERATE | STORE_SCOPE_READ | STORE_SCOPE_USAGE | STORE_SCOPE_KEYS);
}

struct api_submit world_ask(const char *model, const char *prompt)
{
    return (struct api_submit){.dialect = "conch", .model = model, .prompt = prompt, .seed = -1};
}

int64_t world_submit(const struct api_caller *caller, const struct api_submit *ask)
{
    struct api_job job = {0};
    assert_done(api_job_submit(world.api, caller, ask, NULL, &job, &world.problem));
    const int64_t id = job.row.job.id;
    api_job_finish(&job);
    return id;
}

/* ---- a worker ---- */

struct working {
    int64_t id;
    enum world_end end;
};

static int step(struct store_tx *tx, struct store_job *row, const struct job_event *event, int64_t charge,
                conch_error *err)
{
    return store_job_step(tx, &(struct store_job_step){.job = row, .event = event, .charge = charge}, NULL, err);
}

static int finish(struct store_tx *tx, struct store_job *row, int64_t now_ms, conch_error *err)
{
    struct job_event event;
    struct store_file file = {.id = id_next(),
                              .account_id = row->account_id,
                              .job_id = row->job.id,
                              .purpose = "video_generation",
                              .name = "clip.mp4",
                              .type = "video/mp4",
                              .bytes = 4,
                              .created_ms = now_ms};
    blob_key_make(file.blob, "mp4", now_ms);
    int rc = blob_put(world.blobs, file.blob, "clip", 4, file.sha256, err);
    if (rc == 0)
        rc = store_file_add(tx, &file, err);
    if (rc == 0)
        rc = job_output(&row->job, row->job.fence, now_ms, &event, err);
    if (rc == 0)
        rc = step(tx, row, &event, 0, err);
    if (rc == 0)
        rc = job_finish(&row->job, row->job.fence, now_ms, &event, err);
    row->file_id = file.id;
    return rc == 0 ? step(tx, row, &event, row->quoted, err) : rc;
}

static int work(void *context, struct store_tx *tx, conch_error *err)
{
    const struct working *working = context;
    const int64_t now_ms = clock_wall_ms();
    struct store_job row;
    struct job_event event;
    int rc = store_job_get(tx, working->id, 0, &row, err);
    if (rc < 0)
        return rc;
    rc = job_claim(&row.job, 60000, now_ms, &event, err);
    if (rc == 0)
        rc = step(tx, &row, &event, 0, err);
    if (rc == 0)
        rc = job_start(&row.job, row.job.fence, now_ms, &event, err);
    if (rc == 0)
        rc = step(tx, &row, &event, 0, err);
    if (rc == 0 && working->end == WORLD_SUCCEEDED)
        rc = finish(tx, &row, now_ms, err);
    if (rc == 0 && working->end == WORLD_FAILED) {
        rc = job_fail(&row.job, row.job.fence, JOB_ERROR_INTERNAL, now_ms, &event, err);
        if (rc == 0)
            rc = step(tx, &row, &event, 0, err);
    }
    store_job_finish(&row);
    return rc;
}

void world_work(int64_t id, enum world_end end)
{
    struct working working = {id, end};
    if (store_write(world.store, work, &working, &world.err) < 0)
        fail_msg("%s", world.err.text);
}

static int worker_work(void *context, struct store_tx *tx, conch_error *err)
{
    const int64_t now_ms = clock_wall_ms();
    const struct store_worker worker = {.name = "engine-test-1",
                                        .kind = "engine",
                                        .pid = 1,
                                        .started_ms = now_ms,
                                        .seen_ms = now_ms,
                                        .details = context};
    return store_worker_seen(tx, &worker, err);
}

void world_worker(const char *details)
{
    if (store_write(world.store, worker_work, (void *)details, &world.err) < 0)
        fail_msg("%s", world.err.text);
}

int64_t world_available(void)
{
    struct api_balance balance;
    assert_done(api_balance(world.api, &world.admin, 0, &balance, &world.problem));
    return balance.available[LEDGER_MICROUSD];
}

static size_t files_counted;

static int count_one(const char *path, const struct stat *stat, int kind, struct FTW *at)
{
    files_counted += kind == FTW_F;
    return 0;
}

size_t world_blobs(void)
{
    char path[80];
    snprintf(path, sizeof path, "%s/blobs", world.folder);
    files_counted = 0;
    nftw(path, count_one, 16, FTW_PHYS);
    return files_counted;
}

/* ---- pictures ---- */

uint8_t *world_png(int width, int height, size_t *ret_size)
{
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3), *png = NULL;
    for (int i = 0; i < width * height; i++) {
        rgb[3 * i] = (uint8_t)(i % width);
        rgb[3 * i + 1] = (uint8_t)(i / width);
        rgb[3 * i + 2] = 128;
    }
    const struct media_rgb picture = {rgb, width, height};
    if (media_png_pack(picture, &png, ret_size, &world.err) < 0)
        fail_msg("%s", world.err.text);
    free(rgb);
    return png;
}

char *world_data_url(const char *label, int width, int height)
{
    size_t size;
    uint8_t *png = world_png(width, height, &size);
    struct buf url;
    buf_init(&url, 64 << 20);
    assert_int_equal(buf_append_format(&url, NULL, "data:%s;base64,", label), 0);
    assert_int_equal(encode(&url, ENCODE_BASE64, png, size, NULL), 0);
    free(png);
    return url.data;
}

/* ---- a web server ---- */

static void http_one(struct world_http *http, int connection)
{
    char request[16384];
    size_t size = 0, answer_size = 0;
    ssize_t got;
    request[0] = 0;
    while (size < sizeof request - 1 && (got = recv(connection, request + size, sizeof request - 1 - size, 0)) > 0) {
        size += (size_t)got;
        request[size] = 0;
        const char *body = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "content-length:");
        if (body &&
            size >= (size_t)(body + 4 - request) + (length && length < body ? strtoul(length + 15, NULL, 10) : 0))
            break;
    }
    atomic_fetch_add(&http->requests, 1);
    char *answer = size ? http->answer(http->context, request, &answer_size) : NULL;
    for (size_t sent = 0; answer && sent < answer_size;) {
        const ssize_t put = send(connection, answer + sent, answer_size - sent, MSG_NOSIGNAL);
        if (put <= 0)
            break;
        sent += (size_t)put;
    }
    free(answer);
    close(connection);
}

static void *http_main(void *context)
{
    struct world_http *http = context;
    for (int connection; (connection = accept(http->socket, NULL, NULL)) >= 0;)
        http_one(http, connection);
    return NULL;
}

void world_http_start(struct world_http *http)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    http->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(http->socket, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(http->socket, 16), 0);
    assert_int_equal(getsockname(http->socket, (struct sockaddr *)&address, &size), 0);
    http->port = ntohs(address.sin_port);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, http_main, http), 0);
    http->thread = thread;
}

void world_http_stop(struct world_http *http)
{
    shutdown(http->socket, SHUT_RDWR);
    pthread_join(http->thread, NULL);
    close(http->socket);
}
