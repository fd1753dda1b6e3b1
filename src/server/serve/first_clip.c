#include "server/serve/first_clip.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static void trouble(const char *what, const struct api_problem *problem)
{
    log_warn(what, log_text("error", problem->text));
}

static int job_count(struct api *api, const struct api_caller *caller, size_t *ret_count, struct api_problem *problem)
{
    struct api_job_list list;
    struct store_job_filter filter = {.account_id = 0};
    int rc = api_job_list(api, caller, &filter, &(struct store_page){.count = 1}, false, &list, problem);
    if (rc < 0)
        return rc;
    *ret_count = list.count;
    api_job_list_finish(&list);
    return 0;
}

static int render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    *ret_status = 201; /* nobody reads it: the job is told of on the terminal */
    return 0;
}

void first_clip_begin(struct first_clip *clip, const struct first_clip_settings *settings)
{
    struct api_caller caller;
    struct api_problem problem;
    struct api_job job;
    size_t count = 0;
    struct api_once once = {.render = render};
    struct api_submit submit = {.dialect = "conch", .prompt = settings->prompt, .seed = -1};
    if (!settings->key || api_authenticate(settings->api, settings->key, &caller, &problem) < 0)
        return;
    if (job_count(settings->api, &caller, &count, &problem) < 0)
        return trouble("no first clip", &problem);
    if (count)
        return;
    buf_init(&once.body, 1024);
    if (api_job_submit(settings->api, &caller, &submit, &once, &job, &problem) == 0) {
        clip->api = settings->api;
        clip->job_id = job.row.job.id;
        snprintf(clip->origin, sizeof clip->origin, "%s", settings->origin);
        printf("\nMaking a first clip: %s\n", settings->prompt);
        fflush(stdout);
        api_job_finish(&job);
    } else {
        trouble("no first clip", &problem);
    }
    buf_finish(&once.body);
}

static void show_progress(struct first_clip *clip, const struct api_job *job)
{
    int permille = job->row.job.progress_permille;
    if (permille == clip->permille || !isatty(STDOUT_FILENO))
        return;
    clip->permille = permille;
    printf("\r  %3d %%  %-10s", permille / 10, job->row.phase ? job->row.phase : "");
    fflush(stdout);
}

void first_clip_look(struct first_clip *clip)
{
    struct api_job job;
    conch_error err;
    if (!clip->job_id)
        return;
    if (api_job_show(clip->api, clip->job_id, &job, &err) < 0) {
        log_warn("the first clip is not found", log_error_text(&err));
        clip->job_id = 0;
        return;
    }
    show_progress(clip, &job);
    if (job_terminal(job.row.job.state)) {
        const char *start = isatty(STDOUT_FILENO) ? "\r" : "";
        if (job.row.job.state == JOB_SUCCEEDED)
            printf("%sYour first clip is ready: open %s\n", start, clip->origin);
        else
            printf("%sThe first clip was not made: %s\n", start, job.row.error_text ? job.row.error_text : "cancelled");
        fflush(stdout);
        clip->job_id = 0;
    }
    api_job_finish(&job);
}
