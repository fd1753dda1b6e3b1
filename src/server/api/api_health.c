#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "server/api/api_state.h"
#include "server/blob/blob.h"

static int gauges_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct api_gauges *gauges = context;
    int rc = store_job_load(tx, 0, &gauges->queued, &gauges->running, err);
    if (rc == 0)
        rc = store_worker_list(tx, gauges->seen_after_ms, gauges->workers, &gauges->worker_count, err);
    if (rc < 0)
        gauges->worker_count = 0;
    for (size_t i = 0; i < gauges->worker_count; i++) {
        gauges->engines += strcmp(gauges->workers[i].kind, "engine") == 0;
        gauges->relays += strcmp(gauges->workers[i].kind, "relay") == 0;
    }
    return rc;
}

int api_gauges_read(struct api *api, struct api_gauges *ret, conch_error *err)
{
    *ret = (struct api_gauges){.seen_after_ms = clock_wall_ms() - API_WORKER_SEEN_MS, .worker_count = API_WORKERS_MAX};
    ret->workers = calloc(API_WORKERS_MAX, sizeof *ret->workers);
    if (!ret->workers)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a list of workers");
    const int rc = store_read(api->store, gauges_work, ret, err);
    for (size_t i = 0; i < ret->worker_count && rc == 0; i++)
        store_worker_finish(&ret->workers[i]);
    free(ret->workers);
    ret->workers = NULL;
    return rc;
}

enum { FREE_BYTES_MIN = 1 << 20 }; /* below it no clip can be put away, and soon no job be written down */

int api_health(struct api *api, struct api_health *ret)
{
    struct api_gauges gauges;
    conch_error store_error = {0}, blob_error = {0};
    *ret = (struct api_health){0};
    ret->store = api_gauges_read(api, &gauges, &store_error) == 0;
    ret->blobs = blob_free_bytes(api->blobs, &ret->free_bytes, &blob_error) == 0;
    if (ret->blobs && ret->free_bytes < FREE_BYTES_MIN) {
        ret->blobs = false;
        conch_error_set(&blob_error, CONCH_ERR_DISKFULL, "its disk has %lld bytes left", (long long)ret->free_bytes);
    }
    ret->queued = gauges.queued;
    ret->running = gauges.running;
    ret->engine = ret->store && gauges.engines > 0;
    if (!ret->store)
        snprintf(ret->text, sizeof ret->text, "the database cannot be read: %.200s", store_error.text);
    else if (!ret->blobs)
        snprintf(ret->text, sizeof ret->text, "the folder of files cannot be used: %.200s", blob_error.text);
    else if (!ret->engine)
        snprintf(ret->text, sizeof ret->text, "%s",
                 api->config->engine.enabled ? "no engine worker was seen lately" : "the engine is switched off");
    else
        snprintf(ret->text, sizeof ret->text, "ready");
    return ret->store && ret->blobs && (ret->engine || !api->config->engine.enabled) ? 0 : -1;
}
