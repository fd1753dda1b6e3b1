#include "server/http/events.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/sse.h"
#include "server/dialect/dialect_json.h"

enum {
    BATCH = 128,      /* events of one read */
    RUNNING_MAX = 64, /* jobs whose progress is told */
    PAUSE_MS = 5,     /* between rounds, however often we are woken */
    ERROR_PAUSE_MS = 1000,
    EVENT_BYTES_MAX = 64 << 10,
};

struct stream {
    struct stream *next;
    struct http_stream *http;
    struct dialect_events wants;
    int64_t sent_id; /* everything up to here was sent, or did not concern it */
    int64_t key_id;
    bool behind; /* reads for itself */
    bool dead;
};

struct progress {
    int64_t job_id;
    int32_t permille, step, step_count;
    char phase[16];
};

struct events {
    struct events_settings settings;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct stream *fresh; /* opened, not seen by the thread yet */
    size_t count;
    bool woken, stopping, stopped;
    /* the thread's own */
    struct stream *streams;
    int64_t head_id; /* the common reading is here */
    int64_t version;
    bool untold; /* something changed since progress was looked at */
    int64_t progress_ms, heartbeat_ms;
    struct progress told[RUNNING_MAX];
    size_t told_count;
    struct store_event batch[BATCH];
    struct buf name, data, text;
};

/* ---- writing ---- */

static bool concerns(const struct stream *stream, const struct store_event *event)
{
    if (stream->dead || (stream->wants.job_id && stream->wants.job_id != event->event.job_id))
        return false;
    return !stream->wants.account_id || stream->wants.account_id == event->account_id;
}

static int event_text(struct events *events, struct stream *stream, const struct store_event *event, conch_error *err)
{
    char id[24];
    buf_clear(&events->name);
    buf_clear(&events->data);
    buf_clear(&events->text);
    int rc = stream->wants.render(&stream->wants, event, &events->name, &events->data, err);
    if (rc < 0 || !events->data.size)
        return rc;
    snprintf(id, sizeof id, "%lld", (long long)event->id);
    struct sse_event sse = {event->id ? id : NULL, events->name.size ? events->name.data : NULL, events->data.data, 0};
    return sse_append(&events->text, &sse, err);
}

/* A reader that is gone or too slow is marked dead. */
static void send(struct events *events, struct stream *stream, const struct store_event *event)
{
    conch_error err = {0};
    int rc = event_text(events, stream, event, &err);
    if (rc == 0 && events->text.size)
        rc = http_stream_write(stream->http, events->text.data, events->text.size, &err);
    if (rc < 0) {
        if (rc != CONCH_ERR_CANCELLED)
            log_info("event stream dropped", log_error_text(&err), log_id("job", stream->wants.job_id));
        stream->dead = true;
        return;
    }
    if (event->id)
        stream->sent_id = event->id;
    if (event->id && stream->wants.job_id && job_terminal(event->event.to))
        stream->dead = true; /* nothing can follow */
}

/* ---- reading ---- */

struct reading {
    struct store_event_filter filter;
    struct store_event *events;
    size_t count;
};

static int read_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct reading *reading = context;
    return store_event_list(tx, &reading->filter, reading->events, &reading->count, err);
}

static int last_work(void *context, struct store_tx *tx, conch_error *err)
{
    return store_event_last(tx, context, err);
}

static int read_batch(struct events *events, struct reading *reading, conch_error *err)
{
    reading->events = events->batch;
    reading->count = BATCH;
    return store_read(events->settings.store, read_work, reading, err);
}

/* One batch of its own for a stream that is behind. */
static int catch_up(struct events *events, struct stream *stream, conch_error *err)
{
    struct reading reading = {
        .filter = {stream->sent_id, stream->wants.job_id, stream->wants.account_id},
    };
    int rc = read_batch(events, &reading, err);
    for (size_t i = 0; rc == 0 && i < reading.count && !stream->dead; i++)
        send(events, stream, &events->batch[i]);
    if (rc < 0 || reading.count == BATCH)
        return rc;
    stream->behind = false; /* has all there was just now, which is at least what the common reading has */
    if (stream->wants.ended)
        stream->dead = true;
    return 0;
}

/* Events behind head_id to all streams that are up to date. *ret_more: there may be more at once. */
static int common(struct events *events, bool *ret_more, conch_error *err)
{
    struct reading reading = {.filter = {.after_id = events->head_id}};
    int rc = read_batch(events, &reading, err);
    for (size_t i = 0; rc == 0 && i < reading.count; i++) {
        const struct store_event *event = &events->batch[i];
        for (struct stream *stream = events->streams; stream; stream = stream->next)
            if (!stream->behind && stream->sent_id < event->id && concerns(stream, event))
                send(events, stream, event);
        events->head_id = event->id;
    }
    *ret_more = rc == 0 && reading.count == BATCH;
    return rc;
}

/* ---- progress ---- */

struct running {
    struct store_job jobs[RUNNING_MAX];
    size_t count;
};

static int running_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct running *running = context;
    struct store_job_filter filter = {.states = 1u << JOB_RUNNING | 1u << JOB_STORING};
    struct store_page page = {.count = RUNNING_MAX};
    return store_job_list(tx, &filter, &page, running->jobs, &running->count, err);
}

static struct progress progress_of(const struct store_job *job)
{
    struct progress progress = {job->job.id, job->job.progress_permille, job->step, job->step_count, ""};
    if (job->phase)
        snprintf(progress.phase, sizeof progress.phase, "%s", job->phase);
    return progress;
}

static bool is_news(const struct events *events, const struct progress *progress)
{
    for (size_t i = 0; i < events->told_count; i++) {
        const struct progress *told = &events->told[i];
        if (told->job_id == progress->job_id)
            return told->permille != progress->permille || told->step != progress->step ||
                   strcmp(told->phase, progress->phase) != 0;
    }
    return progress->permille > 0 || progress->step > 0;
}

static void tell(struct events *events, const struct store_job *job)
{
    struct store_event event = {.account_id = job->account_id, .step = job->step, .step_count = job->step_count};
    event.event = (struct job_event){.job_id = job->job.id,
                                     .at_ms = clock_wall_ms(),
                                     .arrow = JOB_ARROW_PROGRESS,
                                     .from = job->job.state,
                                     .to = job->job.state,
                                     .attempt = job->job.attempts,
                                     .progress_permille = job->job.progress_permille};
    if (job->phase)
        snprintf(event.phase, sizeof event.phase, "%s", job->phase);
    for (struct stream *stream = events->streams; stream; stream = stream->next)
        if (!stream->behind && concerns(stream, &event))
            send(events, stream, &event);
}

static int progress(struct events *events, conch_error *err)
{
    struct progress now[RUNNING_MAX];
    struct running *running = calloc(1, sizeof *running);
    if (!running)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the jobs that run");
    int rc = store_read(events->settings.store, running_work, running, err);
    size_t count = rc == 0 ? running->count : 0;
    for (size_t i = 0; i < count; i++) {
        now[i] = progress_of(&running->jobs[i]);
        if (is_news(events, &now[i]))
            tell(events, &running->jobs[i]);
        store_job_finish(&running->jobs[i]);
    }
    free(running);
    memcpy(events->told, now, count * sizeof *now);
    events->told_count = count;
    return rc;
}

/* ---- heartbeats ---- */

struct key_check {
    int64_t id, now_ms;
    bool usable;
};

static int key_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct key_check *check = context;
    struct store_key key;
    int rc = store_key_get(tx, check->id, &key, err);
    check->usable = rc == 0 && !key.revoked_ms && (!key.expires_ms || check->now_ms < key.expires_ms);
    return rc == CONCH_ERR_NOTFOUND ? 0 : rc;
}

static void heartbeat(struct events *events)
{
    static const char beat[] = ": \n\n";
    conch_error err = {0};
    for (struct stream *stream = events->streams; stream; stream = stream->next) {
        struct key_check check = {stream->key_id, clock_wall_ms(), true};
        if (store_read(events->settings.store, key_work, &check, &err) == 0 && !check.usable)
            stream->dead = true;
        else if (!stream->dead && http_stream_write(stream->http, beat, sizeof beat - 1, &err) < 0)
            stream->dead = true;
    }
}

/* ---- the thread ---- */

static void bury(struct events *events, bool all)
{
    size_t buried = 0;
    for (struct stream **at = &events->streams; *at;) {
        struct stream *stream = *at;
        if (!all && !stream->dead) {
            at = &stream->next;
            continue;
        }
        *at = stream->next;
        http_stream_close(stream->http);
        free(stream);
        buried++;
    }
    pthread_mutex_lock(&events->lock);
    events->count -= buried;
    pthread_mutex_unlock(&events->lock);
}

static void adopt(struct events *events, struct stream *fresh)
{
    while (fresh) {
        struct stream *stream = fresh;
        fresh = stream->next;
        stream->next = events->streams;
        events->streams = stream;
    }
}

/* One look at everything. *ret_again: there is more to read at once. */
static int round_of(struct events *events, bool first, bool *ret_again, conch_error *err)
{
    int64_t version, now_ms = clock_steady_ns() / 1000000;
    bool more = false;
    *ret_again = false;
    int rc = store_version(events->settings.store, &version, err);
    if (rc == 0 && first) /* nobody listened before: what was missed concerns nobody */
        rc = store_read(events->settings.store, last_work, &events->head_id, err);
    bool changed = rc == 0 && (first || version != events->version);
    events->untold |= changed;
    if (changed)
        rc = common(events, &more, err);
    for (struct stream *stream = events->streams; stream && rc == 0; stream = stream->next)
        if (stream->behind && !stream->dead) {
            rc = catch_up(events, stream, err);
            *ret_again |= stream->behind;
        }
    *ret_again |= more;
    if (rc == 0 && !more)
        events->version = version;
    if (rc == 0 && events->untold && now_ms - events->progress_ms >= EVENTS_PROGRESS_MS) {
        events->untold = false;
        events->progress_ms = now_ms;
        rc = progress(events, err);
    }
    if (now_ms - events->heartbeat_ms >= events->settings.heartbeat_ms) {
        events->heartbeat_ms = now_ms;
        heartbeat(events);
    }
    return rc;
}

static void wait_locked(struct events *events, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (!events->woken && !events->stopping && !events->fresh)
        if (pthread_cond_timedwait(&events->wake, &events->lock, &until) != 0)
            break;
}

/* Waits for work; false: the end. */
static bool next_round(struct events *events, int64_t wait_ms, bool *ret_first)
{
    pthread_mutex_lock(&events->lock);
    bool idle = !events->streams;
    while (idle && !events->fresh && !events->stopping)
        pthread_cond_wait(&events->wake, &events->lock);
    if (!idle && wait_ms)
        wait_locked(events, wait_ms);
    struct stream *fresh = events->fresh;
    events->fresh = NULL;
    events->woken = false;
    bool go_on = !events->stopping;
    pthread_mutex_unlock(&events->lock);
    adopt(events, fresh);
    *ret_first = idle;
    return go_on;
}

static void *follow(void *context)
{
    struct events *events = context;
    const struct timespec pause = {0, PAUSE_MS * 1000000}, long_pause = {ERROR_PAUSE_MS / 1000, 0};
    bool first, again = false;
    while (next_round(events, again ? 0 : EVENTS_POLL_MS, &first)) {
        conch_error err = {0};
        if (first)
            events->heartbeat_ms = clock_steady_ns() / 1000000;
        if (round_of(events, first, &again, &err) < 0) {
            log_warn("events could not be read", log_error_text(&err));
            nanosleep(&long_pause, NULL);
        }
        bury(events, false);
        nanosleep(&pause, NULL);
    }
    bury(events, true);
    return NULL;
}

/* ---- from outside ---- */

int events_create(struct events **ret_events, const struct events_settings *settings, conch_error *err)
{
    pthread_condattr_t attributes;
    struct events *events = calloc(1, sizeof *events);
    if (!events)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for event streams");
    events->settings = *settings;
    if (!events->settings.heartbeat_ms)
        events->settings.heartbeat_ms = EVENTS_HEARTBEAT_MS;
    buf_init(&events->name, 256);
    buf_init(&events->data, EVENT_BYTES_MAX);
    buf_init(&events->text, 2 * EVENT_BYTES_MAX);
    pthread_mutex_init(&events->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&events->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    int rc = pthread_create(&events->thread, NULL, follow, events);
    if (rc != 0) {
        events->stopped = true;
        events_destroy(events);
        return conch_error_errno(err, CONCH_ERR_INTERNAL, rc, "no thread for event streams");
    }
    *ret_events = events;
    return 0;
}

void events_stop(struct events *events)
{
    if (!events || events->stopped)
        return;
    pthread_mutex_lock(&events->lock);
    events->stopping = true;
    pthread_cond_signal(&events->wake);
    pthread_mutex_unlock(&events->lock);
    pthread_join(events->thread, NULL);
    events->stopped = true;
}

void events_destroy(struct events *events)
{
    if (!events)
        return;
    events_stop(events);
    pthread_cond_destroy(&events->wake);
    pthread_mutex_destroy(&events->lock);
    buf_finish(&events->name);
    buf_finish(&events->data);
    buf_finish(&events->text);
    free(events);
}

void events_wake(struct events *events)
{
    pthread_mutex_lock(&events->lock);
    events->woken = true;
    pthread_cond_signal(&events->wake);
    pthread_mutex_unlock(&events->lock);
}

size_t events_count(struct events *events)
{
    pthread_mutex_lock(&events->lock);
    size_t count = events->count;
    pthread_mutex_unlock(&events->lock);
    return count;
}

/* Counts one more; false: as many as may be. */
static bool place_take(struct events *events)
{
    pthread_mutex_lock(&events->lock);
    bool room = events->count < events->settings.clients_max && !events->stopping;
    events->count += room;
    pthread_mutex_unlock(&events->lock);
    return room;
}

static void hand_over(struct events *events, struct stream *stream)
{
    pthread_mutex_lock(&events->lock);
    bool late = events->stopping;
    if (late) {
        events->count--;
    } else {
        stream->next = events->fresh;
        events->fresh = stream;
        pthread_cond_signal(&events->wake);
    }
    pthread_mutex_unlock(&events->lock);
    if (late) {
        http_stream_close(stream->http);
        free(stream);
    }
}

static int refuse_busy(struct events *events, struct dialect_call *call)
{
    api_refuse(&call->problem, API_BUSY, "", "there are %zu event streams already, as many as the server allows",
               events->settings.clients_max);
    call->problem.retry_after_s = 5;
    return -1;
}

static int stream_make(struct events *events, const struct dialect_call *call, struct stream **ret, conch_error *err)
{
    static const char begin[] = "retry: 2000\n: events\n\n";
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for an event stream");
    stream->wants = call->events;
    stream->key_id = call->caller->key.id;
    stream->sent_id = call->events.after_id;
    stream->behind = true;
    int rc = 0;
    if (stream->sent_id < 0)
        rc = store_read(events->settings.store, last_work, &stream->sent_id, err);
    if (rc == 0)
        rc = http_stream_create(&stream->http, events->settings.backlog_max * EVENTS_BYTES_EACH, err);
    if (rc < 0) {
        free(stream);
        return rc;
    }
    http_stream_write(stream->http, begin, sizeof begin - 1, NULL); /* so that the headers go out at once */
    *ret = stream;
    return 0;
}

int events_open(struct events *events, struct dialect_call *call)
{
    struct stream *stream = NULL;
    struct http_response *response = call->response;
    conch_error err = {0};
    if (!place_take(events))
        return refuse_busy(events, call);
    int rc = http_response_header(response, "Content-Type", "text/event-stream", &err);
    if (rc == 0)
        rc = http_response_header(response, "X-Accel-Buffering", "no", &err); /* proxies that collect answers */
    if (rc == 0)
        rc = stream_make(events, call, &stream, &err);
    if (rc < 0) {
        pthread_mutex_lock(&events->lock);
        events->count--;
        pthread_mutex_unlock(&events->lock);
        return dialect_trouble(&call->problem, &err);
    }
    response->kind = HTTP_BODY_STREAM;
    response->stream = stream->http;
    response->status = 200;
    hand_over(events, stream);
    return 0;
}
