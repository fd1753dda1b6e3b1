/* Events of jobs: as a list, or as a stream that the layer above feeds. */
#include <stdlib.h>
#include <string.h>

#include "server/dialect/native.h"

static const char *event_type(const struct job_event *event)
{
    switch (event->arrow) {
    case JOB_ARROW_CREATE: return "job.created";
    case JOB_ARROW_CLAIM: return "job.claimed";
    case JOB_ARROW_START: return "job.started";
    case JOB_ARROW_OUTPUT: return "job.storing";
    case JOB_ARROW_FINISH: return "job.succeeded";
    case JOB_ARROW_RETRY:
    case JOB_ARROW_HAND_BACK: return "job.retried";
    case JOB_ARROW_FAIL:
    case JOB_ARROW_GIVE_UP: return "job.failed";
    case JOB_ARROW_BLOCK: return "job.blocked";
    case JOB_ARROW_LOSE: return "job.lost";
    case JOB_ARROW_FIND: return "job.found";
    case JOB_ARROW_WITHDRAW:
    case JOB_ARROW_STOP: return "job.cancelled";
    case JOB_ARROW_CANCEL_REQUEST: return "job.cancel_requested";
    case JOB_ARROW_PROGRESS: return "job.progress";
    case JOB_ARROW_RENEW:
    case JOB_ARROW_RESUME:
    case JOB_ARROW_DROP: break;
    }
    return "job.lease";
}

void native_event(struct out *out, const struct store_event *row)
{
    const struct job_event *event = &row->event;
    out_object(out, NULL);
    out_id(out, "id", row->id);
    out_text(out, "object", "event");
    out_text(out, "type", event_type(event));
    out_id(out, "job_id", event->job_id);
    native_positive(out, "number", event->number);
    out_time(out, "at", event->at_ms);
    out_text(out, "state", job_state_name(event->to));
    out_text(out, "previous_state", job_state_name(event->from));
    out_text(out, "status", job_bucket_name(job_bucket(event->to)));
    out_text(out, "error", event->error ? job_error_rule(event->error)->name : NULL);
    out_text(out, "message", *row->text ? row->text : NULL);
    out_integer(out, "attempt", event->attempt);
    out_real(out, "progress", event->to == JOB_SUCCEEDED ? 1 : event->progress_permille / (double)JOB_PROGRESS_FULL);
    out_text(out, "phase", *row->phase ? row->phase : NULL);
    native_positive(out, "step", row->step);
    native_positive(out, "steps", row->step_count);
    out_object_end(out);
}

static int render(struct dialect_events *events, const struct store_event *event, struct buf *ret_name,
                  struct buf *ret_data, conch_error *err)
{
    struct out out;
    int rc = buf_append_text(ret_name, event_type(&event->event), err);
    if (rc < 0)
        return rc;
    out_init(&out, ret_data, err);
    native_event(&out, event);
    return out_finish(&out);
}

/* Behind which event: Last-Event-ID goes before the query, as a browser that connects again keeps the old query. */
static int after_read(struct dialect_call *call, int64_t *ret)
{
    const char *last = http_header(call->request, "Last-Event-ID");
    if (last && *last) {
        if (strcmp(last, "0") == 0) {
            *ret = 0;
            return 0;
        }
        if (dialect_id_parse(last, ret))
            return 0;
        return api_refuse(&call->problem, API_INVALID, "Last-Event-ID",
                          "Last-Event-ID is '%.40s', but must be the id of "
                          "an event",
                          last);
    }
    return dialect_query_id(call->request, "after", ret, &call->problem);
}

static int answer_list(struct dialect_call *call, const struct store_event *events, size_t count, size_t limit)
{
    struct out out;
    conch_error err = {0};
    size_t shown = count > limit ? limit : count;
    dialect_answer_begin(call, &out, &err);
    native_list_begin(&out);
    for (size_t i = 0; i < shown; i++)
        native_event(&out, &events[i]);
    native_list_end(&out,
                    &(struct native_list_end){.more = count > limit, .last_id = shown ? events[shown - 1].id : 0});
    return dialect_answer_end(call, &out, 200);
}

static int list(struct dialect_call *call, int64_t job_id, int64_t after_id)
{
    int64_t limit = NATIVE_PAGE_DEFAULT;
    if (dialect_query_integer(call->request, "limit", 1, STORE_PAGE_MAX, &limit, &call->problem) < 0)
        return -1;
    size_t count = (size_t)limit + 1; /* one more tells whether there is a next page */
    struct store_event *events = calloc(count, sizeof *events);
    if (!events)
        return api_refuse(&call->problem, API_BUSY, "", "no memory for the list");
    struct store_event_filter filter = {.after_id = after_id, .job_id = job_id};
    int rc = api_event_list(call->api, call->caller, &filter, events, &count, &call->problem);
    if (rc == 0)
        rc = answer_list(call, events, count, (size_t)limit);
    free(events);
    return rc;
}

static int follow(struct dialect_call *call, int64_t job_id, int64_t after_id)
{
    bool admin = (call->caller->key.scopes & STORE_SCOPE_ADMIN) != 0;
    call->events = (struct dialect_events){.account_id = admin && job_id ? 0 : call->caller->key.account_id,
                                           .job_id = job_id,
                                           .after_id = after_id,
                                           .render = render};
    call->outcome = DIALECT_EVENTS;
    return 0;
}

static const char *const known[] = {"format", "after", "limit", NULL};

int native_job_events(struct dialect_call *call)
{
    struct api_job job = {0};
    int64_t id, after_id = 0;
    bool as_list;
    if (dialect_parameter_id(call, "id", &id) < 0 || dialect_known_queries(call->request, known, &call->problem) < 0 ||
        native_format(call, "application/json", (const char *const[]){"json", "sse"}, &as_list) < 0 ||
        after_read(call, &after_id) < 0 || api_job_peek(call->api, call->caller, id, &job, &call->problem) < 0)
        return -1;
    bool ended = job_terminal(job.row.job.state);
    api_job_finish(&job);
    if (as_list)
        return list(call, id, after_id);
    follow(call, id, after_id);
    call->events.ended = ended;
    return 0;
}

int native_events(struct dialect_call *call)
{
    int64_t after_id = -1;
    bool as_list;
    if (dialect_known_queries(call->request, known, &call->problem) < 0 ||
        native_format(call, "application/json", (const char *const[]){"json", "sse"}, &as_list) < 0 ||
        after_read(call, &after_id) < 0)
        return -1;
    return as_list ? list(call, 0, after_id < 0 ? 0 : after_id) : follow(call, 0, after_id);
}
