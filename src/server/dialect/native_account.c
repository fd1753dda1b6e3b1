/* /conch/v1/account, /statement and /usage: what there is, what moved, what it was used for; /webhook-secret. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/time_text.h"
#include "server/dialect/dialect_webhook.h"
#include "server/dialect/native.h"

enum { USAGE_ROWS_MAX = 8192, DAYS_DEFAULT = 30, DAYS_MAX = 366 };
#define DAY_MS INT64_C(86400000)

void native_lot(struct out *out, const char *key, const struct ledger_lot *lot)
{
    out_object(out, key);
    out_id(out, "id", lot->id);
    out_text(out, "kind", ledger_kind_name(lot->kind));
    out_text(out, "unit", native_unit(ledger_kind_unit(lot->kind)));
    out_integer(out, "available", lot->available);
    out_integer(out, "held", lot->held);
    out_time(out, "expires_at", lot->expires_ms);
    out_object_end(out);
}

static void write_account(struct out *out, const struct dialect_call *call, int64_t account_id,
                          const struct api_balance *balance)
{
    out_object(out, NULL);
    out_text(out, "object", "account");
    out_id(out, "id", account_id);
    out_array(out, "balances");
    for (int unit = 0; unit < LEDGER_UNITS; unit++) {
        out_object(out, NULL);
        out_text(out, "unit", native_unit((enum ledger_unit)unit));
        out_integer(out, "available", balance->available[unit]);
        out_integer(out, "held", balance->held[unit]);
        out_object_end(out);
    }
    out_array_end(out);
    out_array(out, "lots");
    for (size_t i = 0; i < balance->lot_count; i++)
        native_lot(out, NULL, &balance->lots[i]);
    out_array_end(out);
    native_key(out, "key", &call->caller->key, NULL, false);
    out_object_end(out);
}

int native_account(struct dialect_call *call)
{
    static const char *const known[] = {"account_id", NULL};
    struct api_balance balance;
    struct out out;
    conch_error err = {0};
    int64_t account_id;
    if (dialect_known_queries(call->request, known, &call->problem) < 0 || native_account_id(call, &account_id) < 0 ||
        api_balance(call->api, call->caller, account_id, &balance, &call->problem) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    write_account(&out, call, account_id ? account_id : call->caller->key.account_id, &balance);
    return dialect_answer_end(call, &out, 200);
}

/* ---- tables ---- */

/* A spreadsheet takes a field that begins with one of these for a formula. */
static const char *csv_guard(const char *text)
{
    return *text && strchr("=+-@\t\r", *text) ? "'" : "";
}

static int csv_text(struct buf *buf, const char *text, conch_error *err)
{
    int rc = buf_append_format(buf, err, "\"%s", csv_guard(text));
    for (; *text && rc == 0; text++)
        rc = buf_append_text(buf, *text == '"' ? "\"\"" : (char[]){*text, 0}, err);
    return rc == 0 ? buf_append_text(buf, "\"", err) : rc;
}

static int csv_end(struct dialect_call *call, int rc, const char *disposition, conch_error *err)
{
    if (rc == 0)
        rc = http_response_header(call->response, "Content-Type", "text/csv; charset=utf-8", err);
    if (rc == 0)
        rc = http_response_header(call->response, "Content-Disposition", disposition, err);
    if (rc < 0)
        return dialect_trouble(&call->problem, err);
    call->response->status = 200;
    return 0;
}

/* ---- statement ---- */

static void write_line(struct out *out, const struct store_statement_line *line)
{
    out_object(out, NULL);
    out_id(out, "id", line->id);
    out_text(out, "kind", ledger_movement_name(line->movement.kind));
    out_text(out, "unit", native_unit(line->movement.unit));
    out_time(out, "at", line->movement.at_ms);
    out_id(out, "job_id", line->job_id);
    out_id(out, "lot_id", line->movement.lot_id);
    out_integer(out, "available_change", line->available_change);
    out_integer(out, "held_change", line->held_change);
    out_integer(out, "spent", line->spent);
    out_integer(out, "available_after", line->available_after);
    out_integer(out, "held_after", line->held_after);
    out_text(out, "note", *line->note ? line->note : NULL);
    out_object_end(out);
}

static int unit_read(struct dialect_call *call, enum ledger_unit *ret)
{
    const char *unit = http_query(call->request, "unit");
    *ret = LEDGER_MICROUSD;
    if (!unit || !*unit || strcmp(unit, native_unit(LEDGER_MICROUSD)) == 0)
        return 0;
    *ret = LEDGER_MILLICREDIT;
    if (strcmp(unit, native_unit(LEDGER_MILLICREDIT)) == 0)
        return 0;
    api_refuse(&call->problem, API_INVALID, "unit", "unit is '%.40s', but must be microusd or millicredit", unit);
    strcpy(call->problem.allowed, "microusd, millicredit");
    return -1;
}

static int answer_statement(struct dialect_call *call, const struct store_statement_line *lines, size_t count,
                            size_t limit)
{
    struct out out;
    conch_error err = {0};
    size_t shown = count > limit ? limit : count;
    dialect_answer_begin(call, &out, &err);
    native_list_begin(&out);
    for (size_t i = 0; i < shown; i++)
        write_line(&out, &lines[i]);
    native_list_end(&out, &(struct native_list_end){.more = count > limit, .last_id = shown ? lines[shown - 1].id : 0});
    return dialect_answer_end(call, &out, 200);
}

static int csv_line(struct buf *buf, const struct store_statement_line *line, conch_error *err)
{
    int rc = buf_append_format(buf, err, "%lld,%s,%s,%s,%lld,%lld,%lld,%lld,%lld,%lld,%lld,", (long long)line->id,
                               time_text(line->movement.at_ms).text, ledger_movement_name(line->movement.kind),
                               native_unit(line->movement.unit), (long long)line->job_id,
                               (long long)line->movement.lot_id, (long long)line->available_change,
                               (long long)line->held_change, (long long)line->spent, (long long)line->available_after,
                               (long long)line->held_after);
    if (rc == 0)
        rc = csv_text(buf, line->note, err);
    return rc == 0 ? buf_append_text(buf, "\r\n", err) : rc;
}

/* The page as a table; X-Next says what `next` says in JSON. */
static int answer_statement_csv(struct dialect_call *call, const struct store_statement_line *lines, size_t count,
                                size_t limit)
{
    char next[32];
    conch_error err = {0};
    struct buf *buf = &call->response->body;
    const size_t shown = count > limit ? limit : count;
    buf_clear(buf);
    int rc = buf_append_text(buf,
                             "id,at,kind,unit,job_id,lot_id,available_change,held_change,spent,available_after,"
                             "held_after,note\r\n",
                             &err);
    for (size_t i = 0; i < shown && rc == 0; i++)
        rc = csv_line(buf, &lines[i], &err);
    if (rc == 0 && count > shown && shown) {
        snprintf(next, sizeof next, "%lld", (long long)lines[shown - 1].id);
        rc = http_response_header(call->response, "X-Next", next, &err);
    }
    return csv_end(call, rc, "attachment; filename=\"statement.csv\"", &err);
}

int native_statement(struct dialect_call *call)
{
    static const char *const known[] = {"account_id", "unit",  "from",   "until", "limit",
                                        "before",     "after", "format", NULL};
    const struct http_request *request = call->request;
    struct store_statement_filter filter = {0};
    struct store_page page;
    struct native_rows rows;
    bool csv;
    if (dialect_known_queries(request, known, &call->problem) < 0 || native_account_id(call, &filter.account_id) < 0 ||
        native_format(call, "text/csv", (const char *const[]){"csv", "json"}, &csv) < 0 ||
        unit_read(call, &filter.unit) < 0 || dialect_query_time(request, "from", &filter.from_ms, &call->problem) < 0 ||
        dialect_query_time(request, "until", &filter.until_ms, &call->problem) < 0 || native_page(call, &page) < 0 ||
        native_rows(call, &page, sizeof(struct store_statement_line), &rows) < 0)
        return -1;
    size_t count = 0;
    int rc = api_statement(call->api, call->caller, &filter, &page, rows.data, &count, &call->problem);
    if (rc == 0)
        rc = csv ? answer_statement_csv(call, rows.data, count, rows.limit)
                 : answer_statement(call, rows.data, count, rows.limit);
    free(rows.data);
    return rc;
}

/* ---- usage ---- */

struct usage_column {
    const char *name;
    size_t offset;
};
#define COLUMN(text, member)                                                                                           \
    {                                                                                                                  \
        text, offsetof(struct store_usage_row, member)                                                                 \
    }
static const struct usage_column columns[] = {
    COLUMN("succeeded", succeeded),
    COLUMN("failed", failed),
    COLUMN("blocked", blocked),
    COLUMN("cancelled", cancelled),
    COLUMN("seconds", seconds),
    COLUMN("charged_microusd", charged_microusd),
    COLUMN("charged_millicredit", charged_millicredits),
    COLUMN("cost_jobs", cost_jobs),
    COLUMN("cost_p50_microusd", cost_p50_microusd),
    COLUMN("cost_p95_microusd", cost_p95_microusd),
    COLUMN("wait_p50_ms", wait_p50_ms),
    COLUMN("wait_p95_ms", wait_p95_ms),
    COLUMN("run_p50_ms", run_p50_ms),
    COLUMN("run_p95_ms", run_p95_ms),
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static int64_t column(const struct store_usage_row *row, size_t index)
{
    int64_t value;
    memcpy(&value, (const char *)row + columns[index].offset, sizeof value);
    return value;
}

struct usage {
    struct store_usage_filter filter;
    struct store_usage_row *rows;
    size_t count;
};

static void write_slope(struct out *out, const struct api_slope *slope)
{
    out_object(out, NULL);
    out_text(out, "model", slope->model);
    out_integer(out, "days", slope->days);
    if (slope->known) {
        out_real(out, "cost_p50_microusd_per_day", slope->cost_p50);
        out_real(out, "cost_p95_microusd_per_day", slope->cost_p95);
    } else {
        out_null(out, "cost_p50_microusd_per_day");
        out_null(out, "cost_p95_microusd_per_day");
    }
    out_object_end(out);
}

static int answer_json(struct dialect_call *call, const struct usage *usage)
{
    struct out out;
    conch_error err = {0};
    struct api_slope *slopes = NULL;
    size_t slope_count = 0;
    if (api_usage_slopes(usage->rows, usage->count, &slopes, &slope_count, &err) < 0)
        return dialect_trouble(&call->problem, &err);
    dialect_answer_begin(call, &out, &err);
    native_list_begin(&out);
    for (size_t i = 0; i < usage->count; i++) {
        const struct store_usage_row *row = &usage->rows[i];
        out_object(&out, NULL);
        out_format(&out, "day", "%.10s", time_text(row->day_ms).text);
        out_text(&out, "model", row->model);
        for (size_t k = 0; k < COLUMNS; k++)
            out_integer(&out, columns[k].name, column(row, k));
        out_object_end(&out);
    }
    out_array_end(&out);
    out_array(&out, "slope");
    for (size_t i = 0; i < slope_count; i++)
        write_slope(&out, &slopes[i]);
    out_array_end(&out);
    free(slopes);
    out_text(&out, "from", time_text(usage->filter.from_ms).text);
    out_text(&out, "until", time_text(usage->filter.until_ms).text);
    out_object_end(&out);
    return dialect_answer_end(call, &out, 200);
}

static int csv_row(struct buf *buf, const struct store_usage_row *row, conch_error *err)
{
    int rc = buf_append_format(buf, err, "%.10s,", time_text(row->day_ms).text);
    if (rc == 0)
        rc = csv_text(buf, row->model, err);
    for (size_t k = 0; k < COLUMNS && rc == 0; k++)
        rc = buf_append_format(buf, err, ",%lld", (long long)column(row, k));
    return rc == 0 ? buf_append_text(buf, "\r\n", err) : rc;
}

static int answer_csv(struct dialect_call *call, const struct usage *usage)
{
    conch_error err = {0};
    struct buf *buf = &call->response->body;
    buf_clear(buf);
    int rc = buf_append_text(buf, "day,model", &err);
    for (size_t k = 0; k < COLUMNS && rc == 0; k++)
        rc = buf_append_format(buf, &err, ",%s", columns[k].name);
    if (rc == 0)
        rc = buf_append_text(buf, "\r\n", &err);
    for (size_t i = 0; i < usage->count && rc == 0; i++)
        rc = csv_row(buf, &usage->rows[i], &err);
    return csv_end(call, rc, "attachment; filename=\"usage.csv\"", &err);
}

static int period_read(struct dialect_call *call, struct store_usage_filter *filter)
{
    filter->until_ms = call->now_ms + 1; /* what ended this very moment is in it */
    if (dialect_query_time(call->request, "until", &filter->until_ms, &call->problem) < 0)
        return -1;
    filter->from_ms = filter->until_ms > DAYS_DEFAULT * DAY_MS ? filter->until_ms - DAYS_DEFAULT * DAY_MS : 0;
    if (dialect_query_time(call->request, "from", &filter->from_ms, &call->problem) < 0)
        return -1;
    if (filter->from_ms < filter->until_ms && filter->until_ms - filter->from_ms <= DAYS_MAX * DAY_MS)
        return 0;
    api_refuse(&call->problem, API_INVALID, "from", "from must be before until, and at most %d days before it",
               DAYS_MAX);
    strcpy(call->problem.allowed, "at most 366 days before until");
    return -1;
}

int native_usage(struct dialect_call *call)
{
    static const char *const known[] = {"account_id", "from", "until", "format", NULL};
    struct usage usage = {.count = USAGE_ROWS_MAX};
    bool csv;
    if (dialect_known_queries(call->request, known, &call->problem) < 0 ||
        native_account_id(call, &usage.filter.account_id) < 0 || period_read(call, &usage.filter) < 0 ||
        native_format(call, "text/csv", (const char *const[]){"csv", "json"}, &csv) < 0)
        return -1;
    usage.rows = calloc(USAGE_ROWS_MAX, sizeof *usage.rows);
    if (!usage.rows)
        return api_refuse(&call->problem, API_BUSY, "", "no memory for the list");
    int rc = api_usage(call->api, call->caller, &usage.filter, usage.rows, &usage.count, &call->problem);
    if (rc == 0)
        rc = csv ? answer_csv(call, &usage) : answer_json(call, &usage);
    free(usage.rows);
    return rc;
}

/* ---- webhooks ---- */

int native_webhook_secret(struct dialect_call *call)
{
    static const char *const known[] = {NULL};
    struct dialect_webhook_secret secret;
    struct out out;
    conch_error err = {0};
    if (dialect_known_queries(call->request, known, &call->problem) < 0)
        return -1;
    if (!api_webhook_secret_own(call->api))
        return api_refuse(&call->problem, API_UNAVAILABLE_HERE, "",
                          "callbacks are signed with the operator's own secret (webhooks.signing_secret); ask there");
    if (dialect_webhook_secret(call->api, call->caller->key.account_id, &secret, &err) < 0)
        return dialect_trouble(&call->problem, &err);
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_text(&out, "object", "webhook_secret");
    out_text(&out, "secret", secret.text);
    out_object_end(&out);
    hash_wipe(&secret, sizeof secret);
    return dialect_answer_end(call, &out, 200);
}
