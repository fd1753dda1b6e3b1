/* Bodies of MiniMax's first generation from a stranger: JSON, then each decoder. A refusal names its words; what is
 * taken stays within its limits, and a job with these texts is written as JSON that can be read again. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "fuzz_dialect.h"
#include "server/dialect/minimax1.h"

enum { DEPTH_MAX = 32, TEXT_MAX = 4096 };

static struct catalog_offers offers;

static void offers_open(void)
{
    json_t *templates = shipped_document("templates.json"), *services = shipped_document("services.json");
    if (catalog_offers_read(&offers, templates, services, NULL) < 0)
        abort();
    json_decref(templates);
    json_decref(services);
}

static void create_check(const json_t *body)
{
    struct minimax1_create create;
    struct api_problem problem = {0};
    const int rc = minimax1_create_read(body, shipped_catalog(), &create, &problem);
    refusal_check(rc, &problem);
    if (rc < 0)
        return;
    const struct api_submit *submit = &create.submit;
    if (!submit->model || submit->media_count > MINIMAX1_MEDIA_MAX || submit->media != create.media ||
        (submit->callback_url != NULL) != (submit->callback_style != NULL))
        abort();
    for (size_t i = 0; i < submit->media_count; i++)
        if (!submit->media[i].url || !submit->media[i].url[0] || !submit->media[i].field)
            abort();
}

/* The input as the words of a job: answers stay JSON whatever they hold. */
static void answer_check(const uint8_t *data, size_t size)
{
    char text[TEXT_MAX];
    const size_t kept = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, kept);
    text[kept] = '\0';
    struct api_job job = {.row = {.job = {.id = 1, .state = size % JOB_STATES, .error = size % JOB_ERRORS},
                                  .served_by = text,
                                  .prompt_used = text,
                                  .error_text = text}};
    struct buf buf;
    buf_init(&buf, 1 << 20);
    if (minimax1_callback_body(NULL, &job, text, "http://h", 0, &buf, NULL) < 0)
        abort();
    json_t *json = json_loadb(buf.data, buf.size, JSON_REJECT_DUPLICATES, NULL);
    if (!json)
        abort();
    json_decref(json);
    buf_finish(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_problem problem = {0};
    const struct catalog_template *template;
    json_t *body;
    if (!offers.templates)
        offers_open();
    answer_check(data, size);
    const int rc = dialect_json_parse((const char *)data, size, DEPTH_MAX, &body, &problem);
    refusal_check(rc, &problem);
    if (rc < 0)
        return 0;
    create_check(body);
    refusal_check(minimax1_template_read(body, &offers, &template, &problem), &problem);
    refusal_check(minimax1_image_read(body, &offers, &problem), &problem);
    refusal_check(minimax1_upload_check("video_generation_input", data, size, (int64_t)size, &problem), &problem);
    json_decref(body);
    return 0;
}
