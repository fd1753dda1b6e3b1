/* Bodies and queries of MiniMax's second generation from a stranger. The input is a body; the same bytes, cut at '&'
 * and '=', are the query of a list. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_dialect.h"
#include "server/dialect/minimax2.h"

enum { DEPTH_MAX = 32, QUERY_MAX = 4096, FIELDS_MAX = 64 };

static void submit_check(const struct minimax2_create *create)
{
    const struct api_submit *submit = &create->submit;
    size_t frames = 0;
    if (!submit->model || !submit->prompt || !submit->prompt[0] || submit->media_count > MINIMAX2_FILES_MAX)
        abort();
    for (size_t i = 0; i < submit->media_count; i++) {
        const struct api_media *media = &submit->media[i];
        frames += media->role == STORE_INPUT_FIRST_FRAME || media->role == STORE_INPUT_LAST_FRAME;
        if (!media->url || !media->url[0] || strncmp(media->field, "content[", 8) != 0)
            abort();
    }
    if (frames && (frames != submit->media_count || frames > 2))
        abort();
}

static void bodies_check(const json_t *body)
{
    static struct minimax2_create create;
    static struct minimax2_regeneration regeneration;
    struct api_problem problem = {0};
    int rc = minimax2_create_read(body, shipped_catalog(), &create, &problem);
    refusal_check(rc, &problem);
    if (rc == 0)
        submit_check(&create);
    rc = minimax2_context_read(body, shipped_catalog(), &create, &problem);
    refusal_check(rc, &problem);
    if (rc == 0)
        submit_check(&create);
    rc = minimax2_regeneration_read(body, shipped_catalog(), &regeneration, &problem);
    refusal_check(rc, &problem);
    if (rc == 0 && !regeneration.source_task_id == !regeneration.base_video)
        abort();
}

static void query_check(const uint8_t *data, size_t size)
{
    static struct minimax2_list list;
    struct http_field fields[FIELDS_MAX];
    char text[QUERY_MAX];
    size_t count = 0;
    const size_t kept = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, kept);
    text[kept] = '\0';
    char *rest = text;
    for (char *pair; (pair = strsep(&rest, "&")) && count < FIELDS_MAX; count++) {
        char *value = strchr(pair, '=');
        if (value)
            *value++ = '\0';
        fields[count] = (struct http_field){pair, value ? value : ""};
    }
    const struct http_request request = {.queries = fields, .query_count = count};
    struct api_problem problem = {0};
    const int rc = minimax2_list_read(&request, &list, &problem);
    refusal_check(rc, &problem);
    if (rc == 0 &&
        (list.page.count == 0 || list.page.count > MINIMAX2_PAGE_MAX || list.filter.id_count > STORE_PAGE_MAX))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_problem problem = {0};
    json_t *body;
    query_check(data, size);
    const int rc = dialect_json_parse((const char *)data, size, DEPTH_MAX, &body, &problem);
    refusal_check(rc, &problem);
    if (rc < 0)
        return 0;
    bodies_check(body);
    json_decref(body);
    return 0;
}
