/* The filters of GET /v2/query/video_generation. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/minimax2.h"

static const char *query_text(const struct http_request *request, const char *name)
{
    const char *value = http_query(request, name);
    return value && value[0] ? value : NULL;
}

static int refuse_choice(struct api_problem *problem, const char *name, const char *value, const char *allowed)
{
    return api_refuse(problem, API_INVALID, name, "%s '%.*s' is not known; allowed: %s", name,
                      (int)text_utf8_cut(value, strlen(value), 40), value, allowed);
}

static int status_read(const struct http_request *request, unsigned *ret, struct api_problem *problem)
{
    static const struct {
        const char *name;
        unsigned states;
    } rows[] = {
        {"queued", 1u << JOB_QUEUED},
        {"running", 1u << JOB_SUBMITTING | 1u << JOB_RUNNING | 1u << JOB_STORING | 1u << JOB_UNKNOWN},
        {"succeeded", 1u << JOB_SUCCEEDED},
        {"failed", 1u << JOB_FAILED | 1u << JOB_BLOCKED},
        {"cancelled", 1u << JOB_CANCELLED},
    };
    const char *value = query_text(request, "filter.status");
    if (!value)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(value, rows[i].name) == 0) {
            *ret = rows[i].states;
            return 0;
        }
    return refuse_choice(problem, "filter.status", value, "queued, running, succeeded, failed, cancelled");
}

static int type_read(const struct http_request *request, const char **ret, struct api_problem *problem)
{
    static const struct {
        const char *name, *task;
    } rows[] = {{"generation", "generation"}, {"h3_context_ir", "context"}, {"regeneration", "regeneration"}};
    const char *value = query_text(request, "filter.task_type");
    if (!value)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(value, rows[i].name) == 0) {
            *ret = rows[i].task;
            return 0;
        }
    return refuse_choice(problem, "filter.task_type", value, "generation, h3_context_ir, regeneration");
}

static int id_add(struct minimax2_list *list, const char *text, size_t size, struct api_problem *problem)
{
    char digits[DIALECT_ID_DIGITS_MAX + 2];
    int64_t id;
    if (list->filter.id_count == ARRAY_LEN(list->ids))
        return api_refuse(problem, API_INVALID, "filter.task_ids", "filter.task_ids are too many; allowed: at most %zu",
                          ARRAY_LEN(list->ids));
    const size_t kept = size_min(size, sizeof digits - 1);
    memcpy(digits, text, kept);
    digits[kept] = '\0';
    if (!dialect_id_parse(digits, &id))
        return api_refuse(problem, API_INVALID, "filter.task_ids",
                          "filter.task_ids '%.*s' is no task_id; allowed: 1 to %d decimal digits",
                          (int)text_utf8_cut(text, size, 40), text, DIALECT_ID_DIGITS_MAX);
    list->ids[list->filter.id_count++] = id;
    return 0;
}

/* The key may be repeated, and a value may be a list with commas. */
static int ids_read(const struct http_request *request, struct minimax2_list *list, struct api_problem *problem)
{
    for (size_t i = 0; i < request->query_count; i++) {
        const char *text = request->queries[i].value;
        if (strcmp(request->queries[i].name, "filter.task_ids") != 0)
            continue;
        while (*text) {
            const size_t size = strcspn(text, ",");
            if (size && id_add(list, text, size, problem) < 0)
                return -1;
            text += size + (text[size] == ',');
        }
    }
    list->filter.ids = list->filter.id_count ? list->ids : NULL;
    return 0;
}

int minimax2_list_read(const struct http_request *request, struct minimax2_list *ret, struct api_problem *ret_problem)
{
    int64_t number = 1, size = MINIMAX2_PAGE_DEFAULT;
    memset(ret, 0, sizeof *ret);
    ret->filter = (struct store_job_filter){.dialect = "minimax2", .model = query_text(request, "filter.model")};
    if (dialect_query_integer(request, "page_num", 1, MINIMAX2_PAGES_MAX, &number, ret_problem) < 0 ||
        dialect_query_integer(request, "page_size", 1, MINIMAX2_PAGE_MAX, &size, ret_problem) < 0 ||
        status_read(request, &ret->filter.states, ret_problem) < 0 ||
        type_read(request, &ret->filter.task, ret_problem) < 0 || ids_read(request, ret, ret_problem) < 0)
        return -1;
    ret->page = (struct store_page){.count = (size_t)size, .skip = (size_t)((number - 1) * size)};
    return 0;
}
