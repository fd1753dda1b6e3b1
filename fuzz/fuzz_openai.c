/* Bodies of OpenAI Videos' clients from a stranger. The first byte says which kind: 'f' for a form (lines NAME=VALUE,
 * or NAME@VALUE for a file), else JSON. A refusal names its words; what is taken stays within its limits, and a job
 * with these texts is written as JSON that can be read again. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_dialect.h"
#include "server/dialect/openai.h"

enum { DEPTH_MAX = 32, PARTS_MAX = 40 };

static void submit_check(const struct openai_create *create)
{
    const struct api_submit *submit = &create->submit;
    if (!submit->model || !submit->model[0] || submit->media_count > STORE_INPUTS_MAX ||
        submit->media != create->media || submit->seconds < 0 || submit->seconds > 3600 || submit->width < 0 ||
        submit->height < 0 || (submit->width == 0) != (submit->height == 0) || submit->seed < -1 || submit->steps < 0 ||
        submit->steps > 1000 || (submit->callback_url != NULL) != (submit->callback_style != NULL))
        abort();
    for (size_t i = 0; i < submit->media_count; i++) {
        const struct api_media *media = &submit->media[i];
        if ((media->url != NULL) + (media->data != NULL) + (media->path != NULL) + (media->file_id != 0) != 1 ||
            !media->field || !media->field[0])
            abort();
    }
}

static void create_check(const struct openai_source *source)
{
    struct openai_create create;
    struct api_problem problem = {0};
    const int rc = openai_create_read(source, shipped_catalog(), &create, &problem);
    refusal_check(rc, &problem);
    if (rc < 0)
        return;
    submit_check(&create);
    openai_create_finish(&create);
}

static void ref_check(const struct openai_source *source)
{
    struct openai_video_ref ref;
    struct api_problem problem = {0};
    json_t *body;
    int rc = openai_body_read(source, &body, &problem);
    refusal_check(rc, &problem);
    if (rc < 0)
        return;
    rc = openai_video_ref_read(source, body, &ref, &problem);
    refusal_check(rc, &problem);
    if (rc == 0 && (ref.id != 0) == (ref.file != NULL))
        abort();
    json_decref(body);
}

static void json_check(const char *text, size_t size)
{
    struct api_problem problem = {0};
    json_t *body;
    const int rc = dialect_json_parse(text, size, DEPTH_MAX, &body, &problem);
    refusal_check(rc, &problem);
    if (rc < 0)
        return;
    const struct openai_source source = {.json = body};
    create_check(&source);
    ref_check(&source);
    json_decref(body);
}

static void form_check(char *text)
{
    struct http_part parts[PARTS_MAX];
    struct http_request request = {.parts = parts, .multipart = true};
    for (char *line = strtok(text, "\n"); line && request.part_count < PARTS_MAX; line = strtok(NULL, "\n")) {
        const size_t name = strcspn(line, "=@");
        const bool file = line[name] == '@';
        if (!line[name])
            continue;
        line[name] = 0;
        parts[request.part_count++] = (struct http_part){.name = line,
                                                         .filename = file ? "file.bin" : NULL,
                                                         .data = line + name + 1,
                                                         .size = strlen(line + name + 1)};
    }
    const struct openai_source source = {.form = &request};
    create_check(&source);
    ref_check(&source);
}

/* The input as the words of a job: answers stay JSON whatever they hold. */
static void answer_check(char *text, size_t size)
{
    struct api_job job = {.row = {.job = {.id = 1, .state = size % JOB_STATES, .error = size % JOB_ERRORS},
                                  .model_asked = text,
                                  .prompt = text,
                                  .prompt_used = text,
                                  .resolution = text,
                                  .details = strdup(text),
                                  .error_text = text}};
    struct buf buf;
    struct out out;
    int64_t id;
    buf_init(&buf, 1 << 22);
    out_init(&out, &buf, NULL);
    openai_video_write(&out, NULL, &job, size % 2 ? text : NULL);
    if (out_finish(&out) < 0)
        abort();
    json_t *json = json_loadb(buf.data, buf.size, JSON_REJECT_DUPLICATES, NULL);
    if (!json || !openai_id_parse(json_string_value(json_object_get(json, "id")), &id) || id != 1)
        abort();
    json_decref(json);
    json_decref(job.details);
    free(job.row.details);
    buf_finish(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    answer_check(text, size);
    if (size && text[0] == 'f')
        form_check(text + 1);
    else
        json_check(text, size);
    free(text);
    return 0;
}
