/* POST /v2/video_generation, /v2/h3_context_ir and /v2/video_regeneration: from the body to what the API understands.
 */
#include <string.h>

#include "base/base.h"
#include "server/dialect/minimax2.h"
#include "server/dialect/minimax_job.h"

static int text_read(const json_t *body, const char *key, const char **ret, struct api_problem *problem)
{
    if (dialect_text(body, key, ret, problem) < 0)
        return -1;
    if (*ret && !**ret)
        *ret = NULL;
    return 0;
}

static int refuse_missing(struct api_problem *problem, const char *field, const char *allowed)
{
    return api_refuse(problem, API_INVALID, field, "%s is required%s%s", field, allowed ? "; allowed: " : "",
                      allowed ? allowed : "");
}

/* What both calls have: model, content, duration, ratio, callback_url. */
static int common_read(const json_t *body, const struct catalog *catalog, struct minimax2_create *ret,
                       struct api_problem *problem)
{
    struct api_submit *submit = &ret->submit;
    memset(ret, 0, sizeof *ret);
    *submit = (struct api_submit){.dialect = "minimax2", .seed = -1};
    if (text_read(body, "model", &submit->model, problem) < 0 ||
        minimax_model_check(catalog, submit->model, "v2", problem) < 0 ||
        minimax2_content_read(body, MINIMAX2_TEXT_CHARS_MAX, &ret->content, problem) < 0)
        return -1;
    if (!ret->content.text)
        return refuse_missing(problem, "content", "an item of type text that is not empty");
    if (ret->content.base_video)
        return api_refuse(problem, API_INVALID, "content",
                          "content has role base_video, which only POST /v2/video_regeneration takes; allowed: "
                          "reference_video");
    if (dialect_integer(body, "duration", INT32_MIN, INT32_MAX, &submit->seconds, problem) < 0 ||
        text_read(body, "ratio", &submit->ratio, problem) < 0 ||
        text_read(body, "callback_url", &submit->callback_url, problem) < 0)
        return -1;
    if (submit->seconds == 0)
        return refuse_missing(problem, "duration", NULL);
    submit->prompt = ret->content.text;
    submit->media = ret->content.media;
    submit->media_count = ret->content.media_count;
    submit->callback_style = submit->callback_url ? "minimax2" : NULL;
    return 0;
}

/* extra.prompt_expansion_mode: the optimizer's switch of this generation. H3-Max documents it; for the others it does
 * the same. */
static int expansion_read(const json_t *body, struct api_submit *submit, struct api_problem *problem)
{
    static const char *const modes[] = {"disabled", "balanced", "quality"};
    json_t *extra = NULL;
    const char *mode = NULL;
    if (dialect_object(body, "extra", &extra, problem) < 0)
        return -1;
    if (extra && text_read(extra, "prompt_expansion_mode", &mode, problem) < 0)
        return -1;
    if (!mode)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(mode, modes[i]) == 0) {
            submit->expansion = modes[i];
            submit->optimizer = i == 0 ? API_OFF : API_ON;
            return 0;
        }
    return api_refuse(problem, API_INVALID, "extra.prompt_expansion_mode",
                      "extra.prompt_expansion_mode '%.40s' is not known; allowed: disabled, balanced, quality", mode);
}

int minimax2_create_read(const json_t *body, const struct catalog *catalog, struct minimax2_create *ret,
                         struct api_problem *ret_problem)
{
    if (common_read(body, catalog, ret, ret_problem) < 0 ||
        text_read(body, "resolution", &ret->submit.resolution, ret_problem) < 0 ||
        dialect_choice(body, "aigc_watermark", &ret->submit.watermark, ret_problem) < 0 ||
        expansion_read(body, &ret->submit, ret_problem) < 0)
        return -1;
    return 0;
}

/* A context is text: no resolution is asked for. */
int minimax2_context_read(const json_t *body, const struct catalog *catalog, struct minimax2_create *ret,
                          struct api_problem *ret_problem)
{
    if (common_read(body, catalog, ret, ret_problem) < 0)
        return -1;
    const struct catalog_model *model = catalog_find(catalog, ret->submit.model);
    if (model && strcmp(model->slug, "minimax/h3") != 0)
        return api_refuse(ret_problem, API_INVALID, "model", "model %s cannot be had here; allowed: MiniMax-H3",
                          model->name);
    ret->submit.task = "context";
    ret->submit.optimizer = API_ON;
    return 0;
}

int minimax2_regeneration_read(const json_t *body, const struct catalog *catalog, struct minimax2_regeneration *ret,
                               struct api_problem *ret_problem)
{
    const char *model = NULL, *resolution = NULL;
    struct minimax2_content content;
    memset(ret, 0, sizeof *ret);
    if (text_read(body, "model", &model, ret_problem) < 0 ||
        (model && minimax_model_check(catalog, model, "v2", ret_problem) < 0) ||
        minimax2_content_read(body, MINIMAX2_REGENERATION_CHARS_MAX, &content, ret_problem) < 0 ||
        dialect_id(body, "source_task_id", &ret->source_task_id, ret_problem) < 0 ||
        text_read(body, "resolution", &resolution, ret_problem) < 0 ||
        dialect_choice(body, "aigc_watermark", &ret->watermark, ret_problem) < 0)
        return -1;
    ret->base_video = content.base_video;
    ret->text = content.text;
    if (!resolution)
        return refuse_missing(ret_problem, "resolution", "2K");
    if (strcmp(resolution, "2K") != 0)
        return api_refuse(ret_problem, API_INVALID, "resolution", "resolution '%.40s' cannot be had here; allowed: 2K",
                          resolution);
    if (!ret->source_task_id == !ret->base_video)
        return api_refuse(
            ret_problem, API_INVALID, "source_task_id",
            "source_task_id and a video with role base_video in content: exactly one of them is required");
    return 0;
}
