#include "cli/watch.h"
#include "cli/style.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/id.h"
#include "cli/exit_code.h"
#include "cli/patience.h"
#include "cli/stop.h"
#include "net/sse.h"

enum {
    EVENT_BYTES_MAX = 256 << 10,
    STREAM_BYTES_MAX = 1 << 30, /* of one connection; then the next one is opened */
    STALL_MS = 45000,           /* a server that lives sends something every 15 s */
    REFRESH_MS = 3000,
    REFRESH_NEWS_MS = 200,
    POLL_MS = 1000,
};
#define NS_OF_MS      INT64_C(1000000)
#define PACE_FRACTION 0.05 /* less says little about the rest */

struct watch {
    const struct client *client;
    const struct watch_settings *settings;
    struct patience patience;
    char last_event[24]; /* id of the last one seen; "": none */
    bool ended;          /* an event said so */
    int64_t refresh_ns;  /* when the job is to be asked for again */
    /* as last seen */
    char state[16], phase[16];
    int step, step_count;
    double fraction;
    int64_t queue_place; /* -1: not known */
    int64_t ready_ns;    /* steady time at which it will probably be done, as the server thinks; 0: not known */
    int64_t began_ns;    /* when this run of it was first seen, and how far it was; 0: it does not run */
    double began_fraction;
    /* as last told */
    char told[64];
    int told_step;
    int64_t told_ns;
};

static bool status_is_end(const char *status)
{
    return status &&
           (strcmp(status, "success") == 0 || strcmp(status, "failed") == 0 || strcmp(status, "blocked") == 0);
}

bool watch_ended(const json_t *job)
{
    return status_is_end(json_string_value(json_object_get(job, "status")));
}

/* ---- what is told ---- */

static const char *words_of(const char *state, const char *phase)
{
    static const struct {
        const char *name, *words;
    } names[] = {{"text", "reading the prompt"}, {"image", "reading the pictures"},
                 {"denoise", "denoising"},       {"decode", "decoding"},
                 {"encode", "encoding"},         {"queued", "queued"},
                 {"submitting", "starting"},     {"running", "running"},
                 {"storing", "storing"},         {"unknown", "waiting for word"},
                 {"succeeded", "done"}};
    const char *name = *phase && strcmp(state, "running") == 0 ? phase : state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].words;
    return name;
}

/* By the pace that was seen, once there is one; before that as the server thinks, which knows what such jobs take but
 * not how this one began. Below 0: not known. */
static double seconds_left(const struct watch *watch)
{
    int64_t now = clock_steady_ns();
    double done = watch->fraction - watch->began_fraction;
    if (watch->began_ns && done >= PACE_FRACTION)
        return (double)(now - watch->began_ns) / 1e9 * (1 - watch->fraction) / done;
    if (!watch->ready_ns || (watch->began_ns && watch->fraction < PACE_FRACTION))
        return -1;
    double left = (double)(watch->ready_ns - now) / 1e9;
    return left > 0 ? left : 0;
}

static void queued_text(const struct watch *watch, char *ret, size_t size)
{
    double left = seconds_left(watch);
    int length = snprintf(ret, size, "queued");
    if (watch->queue_place == 0)
        length += snprintf(ret + length, size - (size_t)length, ", next in line");
    if (watch->queue_place > 0)
        length += snprintf(ret + length, size - (size_t)length, ", %lld job%s before it", (long long)watch->queue_place,
                           watch->queue_place == 1 ? "" : "s");
    if (left > 0)
        snprintf(ret + length, size - (size_t)length, ", done in about %s", style_duration(left).text);
}

static void tell_event(const struct watch *watch)
{
    json_t *event = json_pack("{s:s, s:s, s:f}", "id", watch->settings->id, "state", watch->state, "fraction",
                              watch->fraction);
    double left = seconds_left(watch);
    if (*watch->phase)
        json_object_set_new(event, "phase", json_string(watch->phase));
    if (watch->step_count) {
        json_object_set_new(event, "step", json_integer(watch->step));
        json_object_set_new(event, "steps", json_integer(watch->step_count));
    }
    if (watch->queue_place >= 0)
        json_object_set_new(event, "queue_place", json_integer(watch->queue_place));
    if (left >= 0)
        json_object_set_new(event, "eta_s", json_real(left));
    report_event(watch->settings->report, "progress", event);
}

/* On a terminal the line is written anew each time; elsewhere there is a line for what is new. */
static void tell(struct watch *watch)
{
    struct report *report = watch->settings->report;
    char now[sizeof watch->told], text[128];
    bool queued = strcmp(watch->state, "queued") == 0;
    snprintf(now, sizeof now, "%s %s %lld", watch->state, watch->phase, queued ? (long long)watch->queue_place : 0);
    bool is_new = strcmp(now, watch->told) != 0, step_new = is_new || watch->step != watch->told_step;
    memcpy(watch->told, now, sizeof now);
    watch->told_step = watch->step;
    if (report->json) {
        if (step_new)
            tell_event(watch);
        return;
    }
    if (report->quiet || (!is_new && !report->terminal))
        return;
    queued_text(watch, text, sizeof text);
    const char *words = queued ? text : words_of(watch->state, watch->phase);
    if (!report->terminal)
        fprintf(stderr, "%s\n", words);
    else if (queued)
        report_status(report, words);
    else
        report_line(report, &(struct report_line){.what = words,
                                                  .step = watch->step,
                                                  .step_count = watch->step_count,
                                                  .fraction = watch->fraction,
                                                  .seconds_left = seconds_left(watch)});
    watch->told_ns = clock_steady_ns();
}

/* ---- the job itself ---- */

static void text_take(const json_t *object, const char *key, char *ret, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(ret, size, "%s", text ? text : "");
}

static int small(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 && value < 1000000 ? (int)value : 0;
}

/* What a job and an event of one have in common. */
static void progress_take(struct watch *watch, const json_t *object)
{
    double fraction = json_number_value(json_object_get(object, "progress"));
    text_take(object, "state", watch->state, sizeof watch->state);
    text_take(object, "phase", watch->phase, sizeof watch->phase);
    watch->step = small(object, "step");
    watch->step_count = small(object, "steps");
    fraction = fraction > 0 ? (fraction < 1 ? fraction : 1) : 0;
    if (strcmp(watch->state, "running") != 0) {
        watch->began_ns = 0;
    } else if (!watch->began_ns || fraction < watch->fraction) { /* or begun anew */
        watch->began_ns = clock_steady_ns();
        watch->began_fraction = fraction;
    }
    watch->fraction = fraction;
}

static void job_take(struct watch *watch, const json_t *job)
{
    const json_t *place = json_object_get(job, "queue_place"), *eta = json_object_get(job, "eta_seconds");
    int64_t now = clock_steady_ns();
    progress_take(watch, job);
    watch->queue_place = json_is_integer(place) ? json_integer_value(place) : -1;
    watch->ready_ns = json_is_integer(eta) ? now + json_integer_value(eta) * 1000 * NS_OF_MS : 0;
    watch->refresh_ns = now + REFRESH_MS * NS_OF_MS;
}

/* Why it is given up, with what to do. */
static int give_up(const struct watch *watch, const conch_error *cause, conch_error *err)
{
    if (stop_check(err) < 0)
        return CONCH_ERR_CANCELLED;
    return conch_error_set(err, cause->code, "%s (job %s may go on; `conch wait %s` waits for it again)", cause->text,
                           watch->settings->id, watch->settings->id);
}

static int job_get(struct watch *watch, json_t **ret_job, conch_error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/conch/v1/jobs/%.20s", watch->settings->id);
    for (;;) {
        struct client_answer answer = {.status = 0};
        conch_error cause = {0};
        int rc = client_call(watch->client, &(struct client_request){.path = path}, &answer, &cause);
        if (rc == 0) {
            if (patience_answered(&watch->patience))
                report_warning(watch->settings->report, "the server answers again");
            *ret_job = answer.json;
            return 0;
        }
        if (!answer.transient)
            return conch_error_set(err, rc, "%s", cause.text);
        bool first = !watch->patience.failed_ns;
        if (first && watch->patience.limit_ms)
            report_warning(watch->settings->report, "%s; trying again for %s", cause.text,
                           style_duration((double)watch->patience.limit_ms / 1000).text);
        if (!patience_wait(&watch->patience, answer.retry_after_ms))
            return give_up(watch, &cause, err);
    }
}

/* ---- the stream ---- */

/* Lines of the log only say that there is news: those of the past come again with the first connection. What a running
 * job reports in between (without an id) is always of now. */
static int on_event(void *context, const struct sse_event *event)
{
    struct watch *watch = context;
    json_t *json = event->data ? json_loads(event->data, 0, NULL) : NULL;
    const char *id = json_string_value(json_object_get(json, "id"));
    const char *status = json_string_value(json_object_get(json, "status"));
    int64_t number;
    if (id_parse(id, &number)) {
        int64_t soon_ns = clock_steady_ns() + REFRESH_NEWS_MS * NS_OF_MS;
        snprintf(watch->last_event, sizeof watch->last_event, "%s", id);
        watch->ended = status_is_end(status);
        if (watch->refresh_ns > soon_ns)
            watch->refresh_ns = soon_ns;
    } else if (json_is_object(json)) {
        progress_take(watch, json);
        tell(watch);
    }
    json_decref(json);
    return watch->ended;
}

struct stream {
    struct watch *watch;
    const struct http_fetched *fetched;
    struct sse_parser parser;
};

static int on_bytes(void *context, const char *data, size_t size)
{
    struct stream *stream = context;
    if (stream->fetched->status != 200)
        return 0; /* the text of a refusal: the job is asked for without a stream */
    return sse_parser_feed(&stream->parser, data, size, NULL);
}

/* About once a second. */
static bool on_tick(void *context)
{
    struct watch *watch = context;
    if (watch->settings->report->terminal && clock_steady_ns() - watch->told_ns > 900 * NS_OF_MS)
        tell(watch); /* the time that is left */
    return stop_signal() || clock_steady_ns() >= watch->refresh_ns;
}

/* Until there is news, it is time to ask for the job, or the connection ends. */
static int listen_to_events(struct watch *watch, conch_error *err)
{
    struct http_fetched fetched = {.fault = HTTP_FAULT_NONE};
    struct stream stream = {.watch = watch, .fetched = &fetched};
    struct client_http http;
    char path[80];
    snprintf(path, sizeof path, "/conch/v1/jobs/%.20s/events", watch->settings->id);
    int rc = client_http_init(&http, watch->client, path, err);
    if (rc < 0)
        return rc;
    client_http_header(&http, "Accept", "text/event-stream");
    if (*watch->last_event)
        client_http_header(&http, "Last-Event-ID", watch->last_event);
    sse_parser_init(&stream.parser, EVENT_BYTES_MAX, on_event, watch);
    http.settings.timeout_ms = -1;
    http.settings.stall_timeout_ms = STALL_MS;
    http.settings.bytes_max = STREAM_BYTES_MAX;
    http.settings.sink = on_bytes;
    http.settings.sink_context = &stream;
    http.settings.stop = on_tick;
    http.settings.stop_context = watch;
    rc = http_client_fetch(&http.settings, &fetched, NULL);
    bool on_purpose = fetched.fault == HTTP_FAULT_CANCELLED && fetched.status == 200;
    if (!on_purpose && !watch->ended) /* no stream here, or its end: not at once again */
        patience_sleep(POLL_MS);
    sse_parser_finish(&stream.parser);
    http_fetched_finish(&fetched);
    client_http_finish(&http);
    return stop_check(err);
}

int watch_job(const struct client *client, const struct watch_settings *settings, json_t **ret_job, conch_error *err)
{
    struct watch watch = {.client = client, .settings = settings, .patience = {.limit_ms = settings->patience_ms}};
    for (;;) {
        json_t *job = NULL;
        watch.ended = false;
        int rc = job_get(&watch, &job, err);
        if (rc < 0)
            return rc;
        bool ended = watch_ended(job);
        job_take(&watch, job);
        if (!ended || settings->report->json)
            tell(&watch);
        if (ended) {
            report_line_clear(settings->report);
            *ret_job = job;
            return 0;
        }
        json_decref(job);
        rc = listen_to_events(&watch, err);
        if (rc < 0)
            return rc;
        if (settings->report->broken)
            return conch_error_set(err, CONCH_ERR_IO, "standard output is closed");
    }
}
