/* Bodies of Modellix's clients from a stranger. The first line is PROVIDER/MODEL, the rest is JSON. A refusal names its
 * words; what is taken stays within its limits, and a task with these texts is written as JSON that can be read again.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_dialect.h"
#include "server/dialect/modellix.h"

enum { DEPTH_MAX = 32 };

static void create_check(const struct modellix_target *target, const json_t *body)
{
    struct modellix_create create;
    struct api_problem problem = {0};
    const int rc = modellix_create_read(target, body, shipped_catalog(), &create, &problem);
    const struct api_submit *submit = &create.submit;
    refusal_check(rc, &problem);
    if (rc < 0)
        return;
    if (!submit->model || submit->media_count > STORE_INPUTS_MAX || submit->seconds < 0 || submit->seconds > 3600 ||
        submit->seed < -1 || submit->steps < 0 || submit->steps > 1000)
        abort();
    for (size_t i = 0; i < submit->media_count; i++)
        if ((submit->media[i].url != NULL) + (submit->media[i].file_id != 0) != 1 || !submit->media[i].field)
            abort();
}

/* The input as the words of a job: answers stay JSON whatever they hold. */
static void answer_check(char *text, size_t size)
{
    const struct api_job job = {.row = {.job = {.id = 1, .state = size % JOB_STATES, .error = size % JOB_ERRORS},
                                        .model = text,
                                        .mode = (char *)"text",
                                        .prompt_used = text,
                                        .error_text = text,
                                        .charged = (int64_t)(size * 9999)}};
    const struct modellix_show show = {.link = text, .link_ms = 5};
    struct buf buf;
    struct out out;
    buf_init(&buf, 1 << 22);
    out_init(&out, &buf, NULL);
    modellix_task_write(&out, &job, &show);
    if (out_finish(&out) < 0)
        abort();
    json_t *json = json_loadb(buf.data, buf.size, JSON_REJECT_DUPLICATES, NULL);
    if (!json || !json_is_string(json_object_get(json_object_get(json, "data"), "status")))
        abort();
    json_decref(json);
    buf_finish(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_problem problem = {0};
    json_t *body;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    answer_check(text, size);
    char *rest = memchr(text, '\n', size), *slash = strchr(text, '/');
    if (rest && slash && slash < rest) {
        *slash = *rest = '\0';
        const struct modellix_target target = {.provider = text, .model = slash + 1};
        rest++;
        const int rc = dialect_json_parse(rest, size - (size_t)(rest - text), DEPTH_MAX, &body, &problem);
        refusal_check(rc, &problem);
        if (rc == 0) {
            create_check(&target, body);
            json_decref(body);
        }
    }
    free(text);
    return 0;
}
