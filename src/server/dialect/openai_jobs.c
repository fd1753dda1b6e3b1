/* The calls about one video, and the list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/dialect_media.h"
#include "server/dialect/openai.h"

/* ---- finding ---- */

int openai_missing(struct api_problem *problem, const char *param, const char *id)
{
    return api_refuse(problem, API_NOT_FOUND, param, "there is no video with the id '%.60s'", id);
}

int openai_id_of_path(struct dialect_call *call, int64_t *ret_id)
{
    const char *text = dialect_parameter(call, "video_id");
    return openai_id_parse(text, ret_id) ? 0 : openai_missing(&call->problem, "video_id", text);
}

/* Texts made by H3's context call are no videos. */
static bool is_video(const struct api_job *job)
{
    return !job->row.task || strcmp(job->row.task, "generation") == 0;
}

typedef int job_reader(struct api *api, const struct api_caller *caller, int64_t id, struct api_job *ret,
                       struct api_problem *problem);

static int job_read(struct dialect_call *call, job_reader *read, int64_t id, const char *param, struct api_job *ret)
{
    if (read(call->api, call->caller, id, ret, &call->problem) < 0)
        return call->problem.kind == API_NOT_FOUND ? openai_missing(&call->problem, param, openai_id(id).text) : -1;
    if (is_video(ret) && !openai_gone(&ret->row.job))
        return 0;
    api_job_finish(ret);
    return openai_missing(&call->problem, param, openai_id(id).text);
}

int openai_job(struct dialect_call *call, int64_t id, const char *param, struct api_job *ret)
{
    return job_read(call, api_job_get, id, param, ret);
}

/* ---- one ---- */

static int poll_header(struct dialect_call *call, const struct job *job)
{
    char text[24];
    conch_error err = {0};
    const int64_t wait_ms = openai_poll_ms(job, call->now_ms);
    if (!wait_ms)
        return 0;
    snprintf(text, sizeof text, "%lld", (long long)wait_ms);
    return http_response_header(call->response, "openai-poll-after-ms", text, &err) < 0
               ? dialect_trouble(&call->problem, &err)
               : 0;
}

static void job_write(struct dialect_call *call, struct out *out, const char *key, const struct api_job *job)
{
    char *url = job->row.job.state == JOB_SUCCEEDED && job->file.id
                    ? api_file_link(call->api, call->request->origin, &job->file, 0, NULL)
                    : NULL;
    openai_video_write(out, key, job, url);
    free(url);
}

/* Polls of unfinished jobs read the row alone. */
int openai_get(struct dialect_call *call)
{
    struct api_job job;
    struct out out;
    conch_error err = {0};
    int64_t id;
    if (openai_id_of_path(call, &id) < 0 || job_read(call, api_job_peek, id, "video_id", &job) < 0)
        return -1;
    if (job.row.job.state == JOB_SUCCEEDED) {
        api_job_finish(&job);
        if (openai_job(call, id, "video_id", &job) < 0)
            return -1;
    }
    dialect_answer_begin(call, &out, &err);
    job_write(call, &out, NULL, &job);
    const int rc = poll_header(call, &job.row.job);
    api_job_finish(&job);
    return rc < 0 ? -1 : dialect_answer_end(call, &out, 200);
}

/* ---- making ---- */

static int create_render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    struct out out;
    out_init(&out, ret_body, err);
    openai_video_write(&out, NULL, result, NULL);
    *ret_status = 200;
    return out_finish(&out);
}

static int submit(struct dialect_call *call, const char *scope, struct openai_create *create, struct api_once *ret_once)
{
    struct dialect_digest digest;
    struct api_job job;
    dialect_own_links(call, create->media, create->submit.media_count);
    if (dialect_once(call, scope, create_render, &digest, ret_once) < 0)
        return -1;
    if (api_job_submit(call->api, call->caller, &create->submit, ret_once, &job, &call->problem) < 0) {
        buf_finish(&ret_once->body);
        return -1;
    }
    int rc = 0;
    if (!ret_once->replayed) {
        rc = poll_header(call, &job.row.job);
        api_job_finish(&job);
    }
    if (rc < 0)
        buf_finish(&ret_once->body);
    return rc;
}

int openai_submit(struct dialect_call *call, const char *scope, struct openai_create *create)
{
    struct api_once once;
    return submit(call, scope, create, &once) < 0 ? -1 : dialect_once_answer(call, &once);
}

int openai_submit_id(struct dialect_call *call, const char *scope, struct openai_create *create, int64_t *ret_id)
{
    struct api_once once;
    if (submit(call, scope, create, &once) < 0)
        return -1;
    json_t *video = json_loadb(once.body.data, once.body.size, 0, NULL);
    const bool good = openai_id_parse(json_string_value(json_object_get(video, "id")), ret_id);
    json_decref(video);
    buf_finish(&once.body);
    return good ? 0 : api_refuse(&call->problem, API_INTERNAL, "", "the job that was made cannot be found again");
}

int openai_create(struct dialect_call *call)
{
    const struct openai_source source = openai_source(call);
    struct openai_create create;
    if (openai_create_read(&source, api_catalog(call->api), &create, &call->problem) < 0)
        return -1;
    const int rc = openai_submit(call, "POST /v1/videos", &create);
    openai_create_finish(&create);
    return rc;
}

/* ---- the list ---- */

static int page_read(struct dialect_call *call, struct store_page *ret)
{
    const char *order = http_query(call->request, "order"), *after = http_query(call->request, "after");
    int64_t limit = OPENAI_PAGE_DEFAULT, id = 0;
    if (dialect_query_integer(call->request, "limit", 1, OPENAI_PAGE_MAX, &limit, &call->problem) < 0)
        return -1;
    if (order && *order && strcmp(order, "asc") != 0 && strcmp(order, "desc") != 0) {
        api_refuse(&call->problem, API_INVALID, "order", "order is '%.40s', but must be asc or desc", order);
        strcpy(call->problem.allowed, "asc, desc");
        return -1;
    }
    if (after && *after && !openai_id_parse(after, &id))
        return api_refuse(&call->problem, API_INVALID, "after", "after is '%.60s', but must be the id of a video",
                          after);
    const bool ascending = order && strcmp(order, "asc") == 0;
    *ret = (struct store_page){.ascending = ascending,
                               .before_id = ascending ? 0 : id,
                               .after_id = ascending ? id : 0,
                               .count = (size_t)limit};
    return 0;
}

static void list_write(struct dialect_call *call, struct out *out, const struct api_job_list *list)
{
    const struct openai_id first = list->count ? openai_id(list->jobs[0].row.job.id) : (struct openai_id){""};
    const struct openai_id last = list->count ? openai_id(list->jobs[list->count - 1].row.job.id)
                                              : (struct openai_id){""};
    out_object(out, NULL);
    out_text(out, "object", "list");
    out_array(out, "data");
    for (size_t i = 0; i < list->count; i++)
        if (!openai_gone(&list->jobs[i].row.job))
            job_write(call, out, NULL, &list->jobs[i]);
    out_array_end(out);
    out_text(out, "first_id", list->count ? first.text : NULL);
    out_text(out, "last_id", list->count ? last.text : NULL);
    out_flag(out, "has_more", list->more);
    out_object_end(out);
}

/* Jobs of every dialect: whichever way they were asked for, they are the account's. */
int openai_list(struct dialect_call *call)
{
    const struct store_job_filter filter = {.task = "generation"};
    struct api_job_list list;
    struct store_page page;
    struct out out;
    conch_error err = {0};
    if (page_read(call, &page) < 0 ||
        api_job_list(call->api, call->caller, &filter, &page, false, &list, &call->problem) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    list_write(call, &out, &list);
    api_job_list_finish(&list);
    return dialect_answer_end(call, &out, 200);
}

/* ---- DELETE ---- */

/* The only way to cancel here. A worker stops within a step: until then the job counts as gone. */
static int stop(struct dialect_call *call, int64_t id, bool *ret_ended)
{
    struct api_job job;
    if (api_job_cancel(call->api, call->caller, id, NULL, &job, &call->problem) < 0) {
        *ret_ended = call->problem.kind == API_CONFLICT; /* it came to its end meanwhile */
        return *ret_ended ? 0 : -1;
    }
    *ret_ended = job_terminal(job.row.job.state);
    api_job_finish(&job);
    if (*ret_ended)
        return 0;
    if (api_job_wait(call->api, call->caller, id, OPENAI_CANCEL_MS_MAX, &job, &call->problem) < 0)
        return -1;
    *ret_ended = job_terminal(job.row.job.state);
    api_job_finish(&job);
    return 0;
}

int openai_delete(struct dialect_call *call)
{
    struct api_job job;
    struct out out;
    conch_error err = {0};
    int64_t id;
    if (openai_id_of_path(call, &id) < 0 || job_read(call, api_job_peek, id, "video_id", &job) < 0)
        return -1;
    bool ended = job_terminal(job.row.job.state);
    api_job_finish(&job);
    if (!ended && stop(call, id, &ended) < 0)
        return -1;
    if (ended && api_job_delete(call->api, call->caller, id, &call->problem) < 0 && call->problem.kind != API_NOT_FOUND)
        return -1;
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_text(&out, "id", openai_id(id).text);
    out_text(&out, "object", "video.deleted");
    out_flag(&out, "deleted", true);
    out_object_end(&out);
    return dialect_answer_end(call, &out, 200);
}

/* ---- the clip ---- */

enum variant { VARIANT_VIDEO, VARIANT_THUMBNAIL };

static int variant_read(struct dialect_call *call, enum variant *ret)
{
    const char *variant = http_query(call->request, "variant");
    *ret = VARIANT_VIDEO;
    if (!variant || !*variant || strcmp(variant, "video") == 0)
        return 0;
    *ret = VARIANT_THUMBNAIL;
    if (strcmp(variant, "thumbnail") == 0)
        return 0;
    const bool sheet = strcmp(variant, "spritesheet") == 0;
    if (sheet)
        api_refuse(&call->problem, API_UNAVAILABLE_HERE, "variant",
                   "no spritesheets are made here; allowed: video, thumbnail");
    else
        api_refuse(&call->problem, API_INVALID, "variant", "variant is '%.40s', but must be video or thumbnail",
                   variant);
    strcpy(call->problem.allowed, "video, thumbnail");
    return -1;
}

/* 400 while it is being made and 404 when nothing will come, as clients tell these apart. */
static int not_there(struct dialect_call *call, const struct api_job *job, enum variant variant)
{
    const struct openai_id id = openai_id(job->row.job.id);
    if (!job_terminal(job->row.job.state))
        return api_refuse(&call->problem, API_CONFLICT, "video_id",
                          "video %s is not ready yet; ask again when its status is completed", id.text);
    if (job->row.job.state != JOB_SUCCEEDED)
        return api_refuse(&call->problem, API_NOT_FOUND, "video_id", "video %s failed, so there is nothing to download",
                          id.text);
    if (variant == VARIANT_THUMBNAIL && job->file.id)
        return api_refuse(&call->problem, API_NOT_FOUND, "video_id", "video %s has no thumbnail", id.text);
    return api_refuse(&call->problem, API_NOT_FOUND, "video_id", "the files of video %s have expired", id.text);
}

int openai_content(struct dialect_call *call)
{
    enum variant variant;
    struct api_job job;
    int64_t id;
    if (openai_id_of_path(call, &id) < 0 || variant_read(call, &variant) < 0 ||
        openai_job(call, id, "video_id", &job) < 0)
        return -1;
    const struct store_file *file = variant == VARIANT_VIDEO ? &job.file : &job.poster;
    int rc = 0;
    if (job.row.job.state != JOB_SUCCEEDED || !file->id) {
        rc = not_there(call, &job, variant);
    } else {
        call->file.file = *file;
        call->outcome = DIALECT_FILE;
    }
    api_job_finish(&job);
    return rc;
}
