#include "cli/follow.h"

#include <stdlib.h>
#include <string.h>

#include "base/time_text.h"
#include "cli/clip_fetch.h"
#include "cli/exit_code.h"
#include "cli/job_show.h"
#include "cli/paths.h"
#include "cli/style.h"
#include "cli/watch.h"

/* ---- Ctrl-C ---- */

static int cancel(const struct client *client, const struct follow *follow, conch_error *err)
{
    struct client_answer answer = {.status = 0};
    struct client_once once = client_once();
    conch_error cause = {0};
    char path[64];
    snprintf(path, sizeof path, "/conch/v1/jobs/%.20s/cancel", follow->id);
    int rc = client_call(
        client,
        &(struct client_request){
            .method = "POST", .path = path, .once = once.text, .timeout_ms = 10000, .regardless = true},
        &answer, &cause);
    json_decref(answer.json);
    if (rc < 0)
        return conch_error_set(err, CONCH_ERR_CANCELLED, "stopped, but job %s could not be cancelled: %s", follow->id,
                               cause.text);
    return conch_error_set(err, CONCH_ERR_CANCELLED, "stopped; job %s is cancelled", follow->id);
}

static int interrupted(const struct client *client, const struct follow *follow, conch_error *err)
{
    if (follow->cancel_on_interrupt)
        return cancel(client, follow, err);
    return conch_error_set(err, CONCH_ERR_CANCELLED,
                           "stopped waiting; job %s goes on: `conch wait %s` waits again, `conch cancel %s` ends it",
                           follow->id, follow->id, follow->id);
}

/* ---- the end ---- */

static int ended_badly(const json_t *job, conch_error *err)
{
    const json_t *error = json_object_get(job, "error");
    error = json_is_object(error) ? error : NULL;
    const char *message = json_string_value(json_object_get(error, "message"));
    char text[400];
    snprintf(text, sizeof text, "%s%s", message ? ": " : "", message ? message : "");
    clean_line(text);
    return conch_error_set(err, CLI_ERR_JOB, "job %s made no clip, it is %s%s%s%s%s", job_show_word(job, "id").text,
                           job_show_word(job, "state").text, text, error ? " (" : "",
                           error ? job_show_word(error, "code").text : "", error ? ")" : "");
}

/* Seconds from created_at to finished_at; below 0: not known. */
static double seconds_taken(const json_t *job)
{
    const char *began = json_string_value(json_object_get(job, "created_at"));
    const char *ended = json_string_value(json_object_get(job, "finished_at"));
    int64_t from, until;
    if (!began || !ended || time_text_parse(began, &from, NULL) < 0 || time_text_parse(ended, &until, NULL) < 0)
        return -1;
    return (double)(until - from) / 1000;
}

static void done_event(struct report *report, const json_t *job, const char *path, uint64_t bytes)
{
    json_t *event = json_object();
    double seconds = seconds_taken(job);
    json_object_set(event, "id", json_object_get(job, "id"));
    if (path) {
        json_object_set_new(event, "path", json_string(path));
        json_object_set_new(event, "bytes", json_integer((json_int_t)bytes));
    }
    if (seconds >= 0)
        json_object_set_new(event, "seconds", json_real(seconds));
    json_object_set(event, "job", (json_t *)(uintptr_t)job);
    report_event(report, "done", event);
}

static void done(struct report *report, const json_t *job, const char *path, uint64_t bytes)
{
    double length = json_number_value(json_object_get(json_object_get(job, "video"), "duration_seconds"));
    const json_t *seed = json_object_get(job, "seed");
    double seconds = seconds_taken(job);
    report_line_clear(report);
    if (report->json)
        done_event(report, job, path, bytes);
    if (report->json || report->quiet)
        return;
    if (!path) {
        printf("job %s %s\n", job_show_word(job, "id").text, job_show_word(job, "state").text);
        return;
    }
    printf("%s%s%s  %s", style_on(stdout, STYLE_GREEN), path, style_off(stdout), style_bytes(bytes).text);
    if (length > 0)
        printf(", %s s", style_seconds(length).text);
    if (json_is_integer(seed))
        printf(", seed %lld", (long long)json_integer_value(seed));
    if (seconds >= 0)
        printf(", made in %s", style_duration(seconds).text);
    putchar('\n');
    fflush(stdout);
}

int follow_fetch(const struct client *client, const struct follow *follow, const json_t *job, conch_error *err)
{
    const char *prompt = json_string_value(json_object_get(job, "prompt"));
    char *path = NULL;
    uint64_t bytes = 0;
    int rc = 0;
    if (!follow->output)
        rc = paths_clip_name(prompt ? prompt : "", (uint64_t)json_integer_value(json_object_get(job, "seed")), &path,
                             err);
    if (rc == 0)
        rc = clip_fetch(client,
                        &(struct clip_fetch){
                            .job = job, .output = path ? path : follow->output, .patience_ms = follow->patience_ms},
                        &bytes, err);
    if (rc == 0)
        done(follow->report, job, path ? path : follow->output, bytes);
    free(path);
    return rc;
}

int follow_job(const struct client *client, const struct follow *follow, conch_error *err)
{
    json_t *job = NULL;
    int rc = watch_job(
        client,
        &(struct watch_settings){.id = follow->id, .patience_ms = follow->patience_ms, .report = follow->report}, &job,
        err);
    if (rc == CONCH_ERR_CANCELLED)
        return interrupted(client, follow, err);
    if (rc < 0)
        return rc;
    const char *status = json_string_value(json_object_get(job, "status"));
    if (!status || strcmp(status, "success") != 0)
        rc = ended_badly(job, err);
    else if (follow->no_fetch)
        done(follow->report, job, NULL, 0);
    else
        rc = follow_fetch(client, follow, job, err);
    json_decref(job);
    if (rc == CONCH_ERR_CANCELLED)
        return conch_error_set(err, rc, "stopped; the clip is ready: `conch fetch %s` fetches it", follow->id);
    return rc;
}
