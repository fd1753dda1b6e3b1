/* MiniMax's wire formats as their clients see them: recorded exchanges (tests/wire/minimax) played over a socket to the
 * real server with the real API and store. No worker runs: the exchanges say when a job starts, ends or fails. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "server/api/api.h"
#include "server/blob/blob.h"
#include "server/catalog_find.h"
#include "server/config.h"
#include "server/dialect/dialect.h"
#include "server/http/http_app.h"
#include "wire.h"

static struct {
    char folder[64];
    struct config config;
    struct catalog catalog;
    struct catalog_offers offers;
    struct store *store;
    struct blob_store *blobs;
    struct api *api;
    struct http_app *app;
    char *key;
} world;

/* ---- the server ---- */

static const char *root(void)
{
    const char *path = getenv("CONCH_TEST_ROOT");
    return path ? path : ".";
}

static int ok(int rc, const conch_error *err)
{
    if (rc < 0)
        print_error("%s\n", err->text);
    return rc;
}

static int parts_open(conch_error *err)
{
    const struct config_override overrides[] = {{.name = "server.listen", .value = "127.0.0.1:0"},
                                                {.name = "server.data", .value = world.folder},
                                                {.name = "safety.policy", .value = "off"},
                                                {.name = "limits.queued_per_key", .value = "1000"}};
    const struct config_settings config = {.overrides = overrides, .override_count = ARRAY_LEN(overrides)};
    char path[200], catalog[4096];
    snprintf(catalog, sizeof catalog, "%s/catalog", root());
    int rc = config_load(&world.config, &config, err);
    if (rc == 0)
        rc = catalog_open(catalog, &world.catalog, &world.offers, err);
    snprintf(path, sizeof path, "%s/conch.db", world.folder);
    const struct store_settings store = {.path = path};
    if (rc == 0)
        rc = store_open(&world.store, &store, err);
    snprintf(path, sizeof path, "%s/blobs", world.folder);
    return rc == 0 ? blob_store_open(&world.blobs, path, err) : rc;
}

static int server_open(void **state)
{
    conch_error err = {0};
    const char *build = getenv("CONCH_BUILD");
    char helper[4096];
    snprintf(helper, sizeof helper, "%s/conch-media", build ? build : "build");
    setenv("CONCH_MEDIA", helper, 0);
    log_setup(LOG_LEVEL_WARN, LOG_FORMAT_TEXT, 2);
    snprintf(world.folder, sizeof world.folder, "/tmp/conch-wire-XXXXXX");
    if (!mkdtemp(world.folder) || ok(parts_open(&err), &err) < 0)
        return -1;
    const struct api_settings settings = {.config = &world.config,
                                          .catalog = &world.catalog,
                                          .offers = &world.offers,
                                          .store = world.store,
                                          .blobs = world.blobs,
                                          .version = "test"};
    if (ok(api_create(&world.api, &settings, &world.key, &err), &err) < 0)
        return -1;
    const struct http_app_settings app = {.api = world.api, .store = world.store, .config = &world.config};
    if (ok(http_app_create(&world.app, &app, &err), &err) < 0)
        return -1;
    return ok(http_app_listen(world.app, world.folder, &err), &err);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    return remove(path);
}

static int server_close(void **state)
{
    http_app_close(world.app, 2000);
    api_destroy(world.api);
    blob_store_close(world.blobs);
    store_close(world.store);
    catalog_offers_finish(&world.offers);
    catalog_finish(&world.catalog);
    config_finish(&world.config);
    free(world.key);
    wire_reset();
    return nftw(world.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- what a worker would do ---- */

struct act {
    int64_t id, now_ms;
    enum job_state until; /* JOB_RUNNING, JOB_SUCCEEDED, JOB_FAILED, JOB_BLOCKED */
    const char *text;
    struct store_file file;
};

static int arrow(struct act *act, struct store_job *row, struct job_event *event, conch_error *err)
{
    struct job *job = &row->job;
    const int64_t now = act->now_ms;
    if (job->state == JOB_QUEUED)
        return job_claim(job, 60000, now, event, err);
    if (job->state == JOB_SUBMITTING)
        return job_start(job, job->fence, now, event, err);
    row->error_text = act->text[0] ? strdup(act->text) : NULL;
    if (act->until == JOB_FAILED)
        return job_fail(job, job->fence, JOB_ERROR_PROVIDER, now, event, err);
    if (act->until == JOB_BLOCKED)
        return job_block(job, job->fence, JOB_ERROR_CONTENT_POLICY, now, event, err);
    if (job->state == JOB_RUNNING)
        return job_output(job, job->fence, now, event, err);
    row->file_id = act->file.id;
    row->width = 1366;
    row->height = 768;
    return job_finish(job, job->fence, now, event, err);
}

static int act_step(struct act *act, struct store_tx *tx, bool *ret_done, conch_error *err)
{
    struct store_job row;
    struct job_event event;
    int rc = store_job_get(tx, act->id, 0, &row, err);
    if (rc < 0)
        return rc;
    if (row.job.state == JOB_RUNNING && act->until == JOB_SUCCEEDED)
        rc = store_file_add(tx, &act->file, err);
    if (rc == 0)
        rc = arrow(act, &row, &event, err);
    const struct store_job_step step = {.job = &row, .event = &event};
    if (rc == 0)
        rc = store_job_step(tx, &step, NULL, err);
    *ret_done = row.job.state == act->until;
    store_job_finish(&row);
    return rc;
}

static int act_work(void *context, struct store_tx *tx, conch_error *err)
{
    bool done = false;
    int rc = 0;
    while (rc == 0 && !done)
        rc = act_step(context, tx, &done, err);
    return rc;
}

static int clip_make(struct act *act, conch_error *err)
{
    static const char bytes[] = "the bytes of a clip";
    act->file = (struct store_file){.id = id_next(),
                                    .account_id = 0,
                                    .job_id = act->id,
                                    .bytes = sizeof bytes - 1,
                                    .created_ms = act->now_ms,
                                    .width = 1366,
                                    .height = 768,
                                    .purpose = "video_generation",
                                    .name = "output.mp4",
                                    .type = "video/mp4"};
    blob_key_make(act->file.blob, "mp4", act->now_ms);
    return blob_put(world.blobs, act->file.blob, bytes, sizeof bytes - 1, act->file.sha256, err);
}

static int account_of(void *context, struct store_tx *tx, conch_error *err)
{
    struct act *act = context;
    struct store_job row;
    int rc = store_job_get(tx, act->id, 0, &row, err);
    if (rc == 0) {
        act->file.account_id = row.account_id;
        store_job_finish(&row);
    }
    return rc;
}

/* "start ID", "finish ID", "fail ID words", "block ID words" */
static int act(void *context, const char *words)
{
    static const struct {
        const char *verb;
        enum job_state until;
    } verbs[] = {{"start", JOB_RUNNING}, {"finish", JOB_SUCCEEDED}, {"fail", JOB_FAILED}, {"block", JOB_BLOCKED}};
    char verb[16], id[20], text[200] = "";
    struct act act = {.now_ms = clock_wall_ms(), .text = text};
    conch_error err = {0};
    if (sscanf(words, "%15s %19s %199[^\n]", verb, id, text) < 2 || !id_parse(id, &act.id))
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verb, verbs[i].verb) == 0)
            act.until = verbs[i].until;
    int rc = clip_make(&act, &err);
    if (rc == 0)
        rc = store_read(world.store, account_of, &act, &err);
    if (rc == 0)
        rc = store_write(world.store, act_work, &act, &err);
    return ok(rc, &err);
}

/* ---- tests ---- */

static void play(const char *name)
{
    char path[4096];
    int count;
    snprintf(path, sizeof path, "%s/tests/wire/minimax/%s.txt", root(), name);
    wire_reset();
    wire_set("key", world.key);
    wire_play(&(struct wire_settings){.path = path, .address = http_app_address(world.app), .act = act}, &count);
    print_message("# %s: %d exchanges\n", name, count);
    assert_true(count > 0);
}

#define PLAY(name)                                                                                                     \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        play(#name);                                                                                                   \
    }
PLAY(v1_tasks)
PLAY(v1_refusals)
PLAY(v1_files)
PLAY(v1_offers)
PLAY(v2_tasks)
PLAY(v2_refusals)

static void callbacks_have_the_shape_of_the_query_and_their_moment(void **state)
{
    const struct api_submit submit = {.dialect = "minimax2",
                                      .model = "MiniMax-H3",
                                      .prompt = "a red ball",
                                      .resolution = "768P",
                                      .ratio = "16:9",
                                      .seconds = 5,
                                      .seed = -1};
    struct api_caller caller = {.origin = "http://conch.example"};
    struct api_once once = {0};
    struct api_job job;
    struct api_problem problem;
    struct buf body;
    char words[64];
    conch_error err = {0};
    assert_int_equal(api_authenticate(world.api, world.key, &caller, &problem), 0);
    if (api_job_submit(world.api, &caller, &submit, &once, &job, &problem) < 0)
        fail_msg("%s", problem.text);
    snprintf(words, sizeof words, "finish %s", id_text(job.row.job.id).text);
    const int64_t id = job.row.job.id;
    api_job_finish(&job);
    assert_int_equal(act(NULL, words), 0);
    assert_int_equal(api_job_show(world.api, id, &job, &err), 0);

    buf_init(&body, 1 << 16);
    assert_int_equal(
        dialect_of_callback("minimax2")
            ->callback_body(world.api, &job, "succeeded", "http://conch.example", clock_wall_ms(), &body, &err),
        0);
    assert_non_null(strstr(body.data, "\"status\":\"succeeded\""));
    assert_non_null(strstr(body.data, "\"content\":{\"url\":\"http://conch.example/files/"));
    buf_clear(&body);
    assert_int_equal(
        dialect_of_callback("minimax2")
            ->callback_body(world.api, &job, "running", "http://conch.example", clock_wall_ms(), &body, &err),
        0);
    assert_non_null(strstr(body.data, "\"status\":\"running\""));
    assert_null(strstr(body.data, "http://conch.example"));
    buf_clear(&body);
    assert_int_equal(
        dialect_of_callback("minimax1")
            ->callback_body(world.api, &job, "succeeded", "http://conch.example", clock_wall_ms(), &body, &err),
        0);
    assert_non_null(strstr(body.data, "\"status\":\"success\",\"file_id\":\""));
    buf_finish(&body);
    api_job_finish(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v1_tasks),
        cmocka_unit_test(v1_refusals),
        cmocka_unit_test(v1_files),
        cmocka_unit_test(v1_offers),
        cmocka_unit_test(v2_tasks),
        cmocka_unit_test(v2_refusals),
        cmocka_unit_test(callbacks_have_the_shape_of_the_query_and_their_moment),
    };
    return cmocka_run_group_tests_name("minimax_wire", tests, server_open, server_close);
}
