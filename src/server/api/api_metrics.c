/* Prometheus text: what the verbs counted since the start, and what the store says. Sums over all that ever was are
 * brought up to date at most every TOTALS_MS, and then only with what is new. */
#include "base/clock.h"
#include "server/api/api_state.h"
#include "server/blob/blob.h"

enum { TOTALS_MS = 10000 };

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
    struct api_gauges gauges;
    int64_t free_bytes = 0;
    int rc = api_gauges_read(api, &gauges, err);
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

/* ---- totals ---- */

static int totals_work(void *context, struct store_tx *tx, conch_error *err)
{
    return store_totals(tx, context, err);
}

static int totals_read(struct api *api, struct store_totals *ret, conch_error *err)
{
    int rc = 0;
    pthread_mutex_lock(&api->totals_lock);
    const int64_t now_ns = clock_steady_ns();
    if (!api->totals_ns || now_ns - api->totals_ns >= TOTALS_MS * INT64_C(1000000)) {
        rc = store_read(api->store, totals_work, &api->totals, err);
        if (rc == 0)
            api->totals_ns = now_ns;
    }
    *ret = api->totals;
    pthread_mutex_unlock(&api->totals_lock);
    return rc;
}

static int money_write(const struct store_totals *totals, struct buf *out, conch_error *err)
{
    static const char *const units[LEDGER_UNITS] = {"microusd", "millicredit"};
    int rc = family(out, "conch_ledger_amount", "gauge",
                    "Money of all accounts together: issued and adjusted are what came in, the others where it is.",
                    err);
    for (int unit = 0; rc == 0 && unit < LEDGER_UNITS; unit++) {
        const struct store_money_totals *money = &totals->money[unit];
        const struct {
            const char *name;
            int64_t amount;
        } rows[] = {{"issued", money->issued}, {"adjusted", money->adjusted}, {"available", money->available},
                    {"held", money->held},     {"spent", money->spent},       {"expired", money->expired}};
        for (size_t i = 0; rc == 0 && i < sizeof rows / sizeof rows[0]; i++)
            rc = buf_append_format(out, err, "conch_ledger_amount{unit=\"%s\",book=\"%s\"} %lld\n", units[unit],
                                   rows[i].name, (long long)rows[i].amount);
    }
    return rc;
}

static int totals_write(struct api *api, struct buf *out, conch_error *err)
{
    struct store_totals totals;
    int rc = totals_read(api, &totals, err);
    if (rc == 0)
        rc = family(out, "conch_jobs_finished_total", "counter", "Jobs that came to an end, by how.", err);
    for (int state = 0; rc == 0 && state < JOB_STATES; state++)
        if (job_terminal((enum job_state)state))
            rc = buf_append_format(out, err, "conch_jobs_finished_total{state=\"%s\"} %lld\n",
                                   job_state_name((enum job_state)state), (long long)totals.ended[state]);
    if (rc == 0)
        rc = money_write(&totals, out, err);
    return rc < 0 ? rc
                  : single(out, "conch_webhooks_dead", "gauge", "Webhooks laid aside after all tries.",
                           totals.messages_dead, err);
}

int api_metrics(struct api *api, struct buf *ret, conch_error *err)
{
    int rc = family(ret, "conch_build_info", "gauge", "Version of the server.", err);
    if (rc == 0)
        rc = buf_append_format(ret, err, "conch_build_info{version=\"%s\"} 1\n", api->version);
    if (rc == 0)
        rc = counters_write(api, ret, err);
    if (rc == 0)
        rc = gauges_write(api, ret, err);
    return rc < 0 ? rc : totals_write(api, ret, err);
}
