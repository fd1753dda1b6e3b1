#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "server/api/api_state.h"
#include "server/blob/blob.h"

struct gauges {
    int64_t queued, running, seen_after_ms;
    size_t engines, relays;
    struct store_worker *workers;
    size_t worker_count;
};

static int gauges_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct gauges *gauges = context;
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

static int gauges_read(struct api *api, struct gauges *ret, conch_error *err)
{
    *ret = (struct gauges){.seen_after_ms = clock_wall_ms() - API_WORKER_SEEN_MS, .worker_count = API_WORKERS_MAX};
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

int api_health(struct api *api, struct api_health *ret)
{
    struct gauges gauges;
    conch_error store_error = {0}, blob_error = {0};
    *ret = (struct api_health){0};
    ret->store = gauges_read(api, &gauges, &store_error) == 0;
    ret->blobs = blob_free_bytes(api->blobs, &ret->free_bytes, &blob_error) == 0;
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

/* ---- metrics ---- */

static int family(struct buf *out, const char *name, const char *type, const char *help, conch_error *err)
{
    return buf_append_format(out, err, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static int single(struct buf *out, const char *name, const char *type, const char *help, int64_t value,
                  conch_error *err)
{
    const int rc = family(out, name, type, help, err);
    return rc < 0 ? rc : buf_append_format(out, err, "%s %lld\n", name, (long long)value);
}

static int counters_write(struct api *api, struct buf *out, conch_error *err)
{
    static const struct {
        const char *name, *help;
    } rows[API_COUNTERS] = {
        [API_COUNT_SUBMITTED] = {"conch_jobs_submitted_total", "Jobs accepted."},
        [API_COUNT_REPLAYED] = {"conch_answers_replayed_total", "Requests answered from an Idempotency-Key."},
        [API_COUNT_CANCELLED] = {"conch_cancel_requests_total", "Cancellations taken."},
        [API_COUNT_UPLOADS] = {"conch_uploads_total", "Files uploaded."},
        [API_COUNT_UPLOAD_BYTES] = {"conch_upload_bytes_total", "Bytes of files uploaded."},
        [API_COUNT_FETCHES] = {"conch_fetches_total", "Media fetched by URL, tries included."},
        [API_COUNT_FETCHES_REFUSED] = {"conch_fetches_failed_total", "Media that could or may not be fetched."},
        [API_COUNT_BLOCKED] = {"conch_prompts_blocked_total", "Prompts refused by the content policy."},
        [API_COUNT_AUTH_REFUSED] = {"conch_auth_refused_total", "Requests without a good key."},
        [API_COUNT_RATE_REFUSED] = {"conch_rate_refused_total", "Requests above the rate of their key."},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < API_COUNTERS; i++)
        rc = single(out, rows[i].name, "counter", rows[i].help,
                    atomic_load_explicit(&api->counts[i], memory_order_relaxed), err);
    if (rc == 0)
        rc = family(out, "conch_submits_refused_total", "counter", "Submits refused, by reason.", err);
    for (int kind = API_INVALID; rc == 0 && kind <= API_INTERNAL; kind++)
        rc = buf_append_format(out, err, "conch_submits_refused_total{reason=\"%s\"} %lld\n",
                               api_kind_name((enum api_kind)kind),
                               (long long)atomic_load_explicit(&api->refusals[kind], memory_order_relaxed));
    return rc;
}

static int gauges_write(struct api *api, struct buf *out, conch_error *err)
{
    struct gauges gauges;
    int64_t free_bytes = 0;
    int rc = gauges_read(api, &gauges, err);
    if (rc == 0)
        rc = single(out, "conch_jobs_queued", "gauge", "Jobs that wait.", gauges.queued, err);
    if (rc == 0)
        rc = single(out, "conch_jobs_running", "gauge", "Jobs under way.", gauges.running, err);
    if (rc == 0)
        rc = family(out, "conch_workers", "gauge", "Workers seen within the last minute.", err);
    if (rc == 0)
        rc = buf_append_format(out, err, "conch_workers{kind=\"engine\"} %zu\nconch_workers{kind=\"relay\"} %zu\n",
                               gauges.engines, gauges.relays);
    if (rc == 0 && blob_free_bytes(api->blobs, &free_bytes, NULL) == 0)
        rc = single(out, "conch_disk_free_bytes", "gauge", "Bytes free where files are kept.", free_bytes, err);
    return rc;
}

int api_metrics(struct api *api, struct buf *ret, conch_error *err)
{
    int rc = family(ret, "conch_build_info", "gauge", "Version of the server.", err);
    if (rc == 0)
        rc = buf_append_format(ret, err, "conch_build_info{version=\"%s\"} 1\n", api->version);
    if (rc == 0)
        rc = counters_write(api, ret, err);
    return rc < 0 ? rc : gauges_write(api, ret, err);
}
