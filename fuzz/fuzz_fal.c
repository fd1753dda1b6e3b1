/* An address and a body for fal's queue from a stranger: the first line is the path, the rest JSON. A refusal names its
 * words; what is taken stays within its limits, and a job with these texts is written as JSON that can be read again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "server/dialect/fal.h"

enum { DEPTH_MAX = 32, PATH_MAX_BYTES = 1024, TEXT_MAX = 4096 };

static void input_check(const struct fal_endpoint *endpoint, const json_t *body)
{
    struct fal_input input;
    struct api_problem problem = {0};
    const struct api_submit *submit = &input.submit;
    if (fal_input_read(endpoint, body, &input, &problem) < 0) {
        if (problem.kind == API_OK || !problem.text[0])
            abort();
        return;
    }
    if (!submit->model || !submit->model[0] || submit->media_count > FAL_MEDIA_MAX || submit->media != input.media ||
        submit->seconds < 0 || submit->seed < -1 || submit->steps < 0)
        abort();
    for (size_t i = 0; i < submit->media_count; i++)
        if (!submit->media[i].url || !submit->media[i].url[0] || !submit->media[i].field[0])
            abort();
}

static void json_check(const struct buf *text)
{
    json_t *json = json_loadb(text->data, text->size, JSON_REJECT_DUPLICATES, NULL);
    if (!json)
        abort();
    json_decref(json);
}

static void answer_check(const char *words, size_t size)
{
    struct store_event event = {.event = {.arrow = size % JOB_ARROWS, .to = JOB_RUNNING}, .step = 3, .step_count = 4};
    const struct fal_logs logs = {.events = &event, .count = 1};
    struct api_job job = {.row = {.job = {.id = 1, .state = size % JOB_STATES, .error = size % JOB_ERRORS},
                                  .served_by = (char *)words,
                                  .prompt_used = (char *)words,
                                  .error_text = (char *)words}};
    struct buf text;
    struct out out;
    snprintf(event.text, sizeof event.text, "%.200s", words);
    snprintf(event.phase, sizeof event.phase, "%.15s", words);
    buf_init(&text, 1 << 20);
    out_init(&out, &text, NULL);
    fal_status_write(&out, words, &job, job.row.job.state, &logs);
    if (out_finish(&out) < 0)
        abort();
    json_check(&text);
    buf_clear(&text);
    out_init(&out, &text, NULL);
    fal_output_write(&out, NULL, &job, words);
    json_check(&text);
    buf_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum http_method methods[] = {HTTP_GET, HTTP_POST, HTTP_PUT};
    const uint8_t *end = memchr(data, '\n', size);
    const size_t path_size = end ? (size_t)(end - data) : size;
    char path[PATH_MAX_BYTES], words[TEXT_MAX];
    struct fal_target target;
    struct api_problem problem = {0};
    json_t *body;
    if (path_size >= sizeof path)
        return 0;
    memcpy(path, data, path_size);
    path[path_size] = '\0';
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        fal_target_read(methods[i], path, &target);
        if (target.action > FAL_SUBMIT && (!target.id || !*target.id || !target.app[0]))
            abort();
    }
    fal_target_read(HTTP_POST, path, &target);
    const char *rest = end ? (const char *)end + 1 : "";
    const size_t rest_size = end ? size - path_size - 1 : 0;
    if (target.action == FAL_SUBMIT && dialect_json_parse(rest, rest_size, DEPTH_MAX, &body, &problem) == 0) {
        input_check(&target.endpoint, body);
        json_decref(body);
    }
    const size_t kept = rest_size < sizeof words - 1 ? rest_size : sizeof words - 1;
    memcpy(words, rest, kept);
    words[kept] = '\0';
    answer_check(words, rest_size);
    return 0;
}
