/* Bodies of Replicate's clients from a stranger. A refusal names its words; what is taken stays within its limits, and
 * a job with these texts is written as JSON that can be read again. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "server/dialect/replicate.h"

enum { DEPTH_MAX = 32, TEXT_MAX = 4096 };

static void input_check(const json_t *body, const char *name)
{
    struct replicate_input input;
    struct api_problem problem = {0};
    const struct api_submit *submit = &input.submit;
    if (replicate_input_read(body, name, "http://h", &input, &problem) < 0) {
        if (problem.kind == API_OK || !problem.text[0])
            abort();
        return;
    }
    if (!submit->model || submit->media_count > REPLICATE_MEDIA_MAX || submit->media != input.media ||
        submit->seconds < 0 || submit->seed < -1 || submit->width < 0 ||
        (submit->callback_url != NULL) != (submit->callback_style != NULL))
        abort();
    for (size_t i = 0; i < submit->media_count; i++)
        if ((submit->media[i].url != NULL) + (submit->media[i].file_id != 0) != 1 || !submit->media[i].field[0])
            abort();
}

static void answer_check(const char *words, size_t size)
{
    struct api_job job = {.row = {.job = {.id = 1, .state = size % JOB_STATES, .error = size % JOB_ERRORS},
                                  .model = (char *)words,
                                  .prompt = (char *)words,
                                  .prompt_used = (char *)words,
                                  .phase = (char *)words,
                                  .step = (int32_t)(size % 7),
                                  .step_count = (int32_t)(size % 5),
                                  .error_text = (char *)words}};
    const struct replicate_view view = {.origin = words, .base = "/v1", .link = words};
    struct buf text;
    struct out out;
    buf_init(&text, 1 << 20);
    out_init(&out, &text, NULL);
    replicate_prediction_write(&out, NULL, &view, &job);
    json_t *json = out_finish(&out) < 0 ? NULL : json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    if (!json)
        abort();
    json_decref(json);
    buf_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char words[TEXT_MAX], name[REPLICATE_NAME_MAX];
    struct api_problem problem = {0};
    json_t *body;
    bool is_name;
    const size_t kept = size < sizeof words - 1 ? size : sizeof words - 1;
    memcpy(words, data, kept);
    words[kept] = '\0';
    const int64_t wait_ms = replicate_prefer_ms(words);
    if (wait_ms < 0 || wait_ms > REPLICATE_WAIT_S_MAX * 1000)
        abort();
    replicate_name_split(words, name, &is_name);
    answer_check(words, size);
    if (dialect_json_parse((const char *)data, size, DEPTH_MAX, &body, &problem) < 0)
        return 0;
    input_check(body, "minimax/video-01");
    input_check(body, "conch/tiny");
    json_decref(body);
    return 0;
}
