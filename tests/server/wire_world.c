#include "wire_world.h"

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
#include "wire.h"

struct wire_world wire_world;

/* ---- the server ---- */

const char *wire_world_root(void)
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
                                                {.name = "server.data", .value = wire_world.folder},
                                                {.name = "safety.policy", .value = "off"},
                                                {.name = "limits.queued_per_key", .value = "1000"}};
    const struct config_settings config = {.overrides = overrides, .override_count = ARRAY_LEN(overrides)};
    char path[200], catalog[4096];
    snprintf(catalog, sizeof catalog, "%s/catalog", wire_world_root());
    int rc = config_load(&wire_world.config, &config, err);
    if (rc == 0)
        rc = catalog_open(catalog, &wire_world.catalog, &wire_world.offers, err);
    snprintf(path, sizeof path, "%s/conch.db", wire_world.folder);
    const struct store_settings store = {.path = path};
    if (rc == 0)
        rc = store_open(&wire_world.store, &store, err);
    snprintf(path, sizeof path, "%s/blobs", wire_world.folder);
    return rc == 0 ? blob_store_open(&wire_world.blobs, path, err) : rc;
}

int wire_world_open(void **state)
{
    conch_error err = {0};
    const char *build = getenv("CONCH_BUILD");
    char helper[4096];
    snprintf(helper, sizeof helper, "%s/conch-media", build ? build : "build");
    setenv("CONCH_MEDIA", helper, 0);
    log_setup(LOG_LEVEL_WARN, LOG_FORMAT_TEXT, 2);
    snprintf(wire_world.folder, sizeof wire_world.folder, "/tmp/conch-wire-XXXXXX");
    if (!mkdtemp(wire_world.folder) || ok(parts_open(&err), &err) < 0)
        return -1;
    const struct api_settings settings = {.config = &wire_world.config,
                                          .catalog = &wire_world.catalog,
                                          .offers = &wire_world.offers,
                                          .store = wire_world.store,
                                          .blobs = wire_world.blobs,
                                          .version = "test"};
    if (ok(api_create(&wire_world.api, &settings, &wire_world.key, &err), &err) < 0)
        return -1;
    const struct http_app_settings app = {
        .api = wire_world.api, .store = wire_world.store, .config = &wire_world.config};
    if (ok(http_app_create(&wire_world.app, &app, &err), &err) < 0)
        return -1;
    return ok(http_app_listen(wire_world.app, wire_world.folder, &err), &err);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    return remove(path);
}

int wire_world_close(void **state)
{
    http_app_close(wire_world.app, 2000);
    api_destroy(wire_world.api);
    blob_store_close(wire_world.blobs);
    store_close(wire_world.store);
    catalog_offers_finish(&wire_world.offers);
    catalog_finish(&wire_world.catalog);
    config_finish(&wire_world.config);
    free(wire_world.key);
    wire_reset();
    return nftw(wire_world.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
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
    return blob_put(wire_world.blobs, act->file.blob, bytes, sizeof bytes - 1, act->file.sha256, err);
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

int wire_world_act(void *context, const char *words)
{
    static const struct {
        const char *verb;
        enum job_state until;
    } verbs[] = {{"start", JOB_RUNNING}, {"finish", JOB_SUCCEEDED}, {"fail", JOB_FAILED}, {"block", JOB_BLOCKED}};
    char verb[16], id[40], text[200] = "";
    struct act act = {.now_ms = clock_wall_ms(), .text = text};
    conch_error err = {0};
    if (sscanf(words, "%15s %39s %199[^\n]", verb, id, text) < 2 ||
        !id_parse(id + strcspn(id, "0123456789"), &act.id)) /* "video_17" is 17 */
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verb, verbs[i].verb) == 0)
            act.until = verbs[i].until;
    int rc = clip_make(&act, &err);
    if (rc == 0)
        rc = store_read(wire_world.store, account_of, &act, &err);
    if (rc == 0)
        rc = store_write(wire_world.store, act_work, &act, &err);
    return ok(rc, &err);
}

/* ---- exchanges ---- */

void wire_world_play(const char *folder, const char *name)
{
    char path[4096];
    int count;
    snprintf(path, sizeof path, "%s/tests/wire/%s/%s.txt", wire_world_root(), folder, name);
    wire_reset();
    wire_set("key", wire_world.key);
    wire_set("address", http_app_address(wire_world.app));
    wire_play(&(struct wire_settings){.path = path, .address = http_app_address(wire_world.app), .act = wire_world_act},
              &count);
    print_message("# %s/%s: %d exchanges\n", folder, name, count);
    assert_true(count > 0);
}
