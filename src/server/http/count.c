#include "server/http/count.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

/* Others are counted under the hundred they belong to. */
static const int statuses[] = {200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 402, 403, 404, 405, 408,
                               409, 413, 416, 422, 429, 431, 500, 501, 503, 504, 507, 0,   100, 300};
enum { STATUSES = ARRAY_LEN(statuses) };

static const int64_t bounds_us[] = {100,   250,   500,    1000,   2500,    5000,    10000,
                                    25000, 50000, 100000, 250000, 1000000, 5000000, 30000000};
enum { BOUNDS = ARRAY_LEN(bounds_us) };

struct count_row {
    _Atomic uint64_t by_status[STATUSES];
    _Atomic uint64_t by_time[BOUNDS + 1];
    _Atomic uint64_t sum_us;
};

struct count {
    const struct router *router;
    size_t row_count; /* of the router; one more is for what no row fitted */
    struct count_row *rows;
};

int count_create(struct count **ret_count, const struct router *router, conch_error *err)
{
    struct count *count = calloc(1, sizeof *count);
    if (count) {
        count->router = router;
        count->row_count = router_row_count(router);
        count->rows = calloc(count->row_count + 1, sizeof *count->rows);
    }
    if (!count || !count->rows) {
        free(count);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the counters");
    }
    *ret_count = count;
    return 0;
}

void count_destroy(struct count *count)
{
    if (!count)
        return;
    free(count->rows);
    free(count);
}

static size_t status_index(int status)
{
    for (size_t i = 0; i < STATUSES; i++)
        if (statuses[i] == status)
            return i;
    return status >= 100 && status < 600 ? status_index(status / 100 * 100) : status_index(0);
}

static size_t time_index(int64_t us)
{
    size_t i = 0;
    while (i < BOUNDS && us > bounds_us[i])
        i++;
    return i;
}

void count_request(struct count *count, const struct router_row *row, int status, int64_t duration_us)
{
    struct count_row *counted = &count->rows[row ? row->index : count->row_count];
    int64_t us = duration_us > 0 ? duration_us : 0;
    atomic_fetch_add_explicit(&counted->by_status[status_index(status)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counted->by_time[time_index(us)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counted->sum_us, (uint64_t)us, memory_order_relaxed);
}

/* ---- writing ---- */

static uint64_t get(_Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void labels(const struct count *count, size_t index, char *ret, size_t size)
{
    if (index == count->row_count) {
        snprintf(ret, size, "dialect=\"\",method=\"\",route=\"\"");
        return;
    }
    const struct router_row *row = router_row(count->router, index);
    snprintf(ret, size, "dialect=\"%s\",method=\"%s\",route=\"%s\"", row->dialect->name,
             http_method_name(row->route->method), row->route->pattern);
}

static int write_requests(struct count *count, struct buf *buf, conch_error *err)
{
    char text[200];
    int rc = buf_append_text(
        buf,
        "# HELP conch_http_requests_total Requests answered; status 0: the client was gone before.\n"
        "# TYPE conch_http_requests_total counter\n",
        err);
    for (size_t i = 0; i <= count->row_count; i++) {
        labels(count, i, text, sizeof text);
        for (size_t k = 0; k < STATUSES && rc == 0; k++) {
            uint64_t value = get(&count->rows[i].by_status[k]);
            if (value)
                rc = buf_append_format(buf, err, "conch_http_requests_total{%s,status=\"%d\"} %llu\n", text,
                                       statuses[k], (unsigned long long)value);
        }
    }
    return rc;
}

static int write_times_of(struct count *count, size_t index, struct buf *buf, conch_error *err)
{
    char text[200];
    struct count_row *row = &count->rows[index];
    uint64_t times[BOUNDS + 1], total = 0, sum_us = get(&row->sum_us);
    int rc = 0;
    for (size_t i = 0; i <= BOUNDS; i++)
        total += times[i] = get(&row->by_time[i]);
    if (!total)
        return 0;
    labels(count, index, text, sizeof text);
    uint64_t below = 0;
    for (size_t i = 0; i < BOUNDS && rc == 0; i++) {
        below += times[i];
        rc = buf_append_format(buf, err, "conch_http_request_duration_seconds_bucket{%s,le=\"%g\"} %llu\n", text,
                               (double)bounds_us[i] / 1e6, (unsigned long long)below);
    }
    if (rc == 0)
        rc = buf_append_format(buf, err,
                               "conch_http_request_duration_seconds_bucket{%s,le=\"+Inf\"} %llu\n"
                               "conch_http_request_duration_seconds_sum{%s} %.6f\n"
                               "conch_http_request_duration_seconds_count{%s} %llu\n",
                               text, (unsigned long long)total, text, (double)sum_us / 1e6, text,
                               (unsigned long long)total);
    return rc;
}

static int write_gauge(struct buf *buf, const char *name, const char *help, uint64_t value, conch_error *err)
{
    return buf_append_format(buf, err, "# HELP %s %s\n# TYPE %s gauge\n%s %llu\n", name, help, name, name,
                             (unsigned long long)value);
}

static int write_state(const struct http_server_state *state, struct buf *buf, conch_error *err)
{
    const struct {
        const char *name, *help;
        uint64_t value;
    } gauges[] = {{"conch_http_connections", "Connections now.", state->connections},
                  {"conch_http_requests_now", "Requests under way.", state->requests},
                  {"conch_http_requests_queued", "Requests that wait for a thread.", state->queued},
                  {"conch_http_handlers_busy", "Handler threads at work.", state->handlers_busy},
                  {"conch_http_body_bytes", "Bytes of request bodies in memory.", state->inflight_bytes},
                  {"conch_http_spool_bytes", "Bytes of uploads in the spool folder.", state->spool_bytes}};
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(gauges) && rc == 0; i++)
        rc = write_gauge(buf, gauges[i].name, gauges[i].help, gauges[i].value, err);
    return rc;
}

int count_write(struct count *count, const struct http_server_state *state, size_t event_streams, struct buf *buf,
                conch_error *err)
{
    int rc = write_requests(count, buf, err);
    if (rc == 0)
        rc = buf_append_text(buf,
                             "# HELP conch_http_request_duration_seconds From the request line to the last byte sent.\n"
                             "# TYPE conch_http_request_duration_seconds histogram\n",
                             err);
    for (size_t i = 0; i <= count->row_count && rc == 0; i++)
        rc = write_times_of(count, i, buf, err);
    if (rc == 0)
        rc = write_gauge(buf, "conch_http_event_streams", "Event streams now.", event_streams, err);
    return rc == 0 && state ? write_state(state, buf, err) : rc;
}
