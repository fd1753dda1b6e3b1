#include "engine/plan.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/memory.h"
#include "engine/pipeline.h"
#include "engine/tensor/weights.h"

static const char embedded_tokenizer[] = "spiece_model";

/* ---- checks ---- */

static int size_resolve(struct resolved *r, conch_error *err)
{
    const conch_model_info *info = &r->manifest->info;
    const conch_request *request = r->request;
    r->plan.width = request->width ? request->width : info->sizes[0].width;
    r->plan.height = request->height ? request->height : info->sizes[0].height;
    for (size_t i = 0; i < info->size_count; i++)
        if (info->sizes[i].width == r->plan.width && info->sizes[i].height == r->plan.height)
            return 0;
    struct buf list;
    buf_init(&list, 512);
    for (size_t i = 0; i < info->size_count; i++)
        buf_append_format(&list, NULL, "%s%dx%d", i ? ", " : "", info->sizes[i].width, info->sizes[i].height);
    conch_error_set(err, CONCH_ERR_RANGE, "size %dx%d is not one %s makes (allowed: %s)", r->plan.width, r->plan.height,
                    info->name, list.data ? list.data : "");
    buf_finish(&list);
    return CONCH_ERR_RANGE;
}

static int frames_resolve(struct resolved *r, conch_error *err)
{
    const conch_model_info *info = &r->manifest->info;
    r->plan.frame_count = r->request->frame_count ? r->request->frame_count : info->default_frame_count;
    r->plan.fps = info->fps;
    for (size_t i = 0; i < info->frame_count_count; i++)
        if (info->frame_counts[i] == r->plan.frame_count)
            return 0;
    struct buf list;
    buf_init(&list, 512);
    for (size_t i = 0; i < info->frame_count_count; i++)
        buf_append_format(&list, NULL, "%s%d (%.1f s)", i ? ", " : "", info->frame_counts[i],
                          (double)info->frame_counts[i] / info->fps);
    conch_error_set(err, CONCH_ERR_RANGE, "%d frames are not a length %s makes (allowed: %s)", r->plan.frame_count,
                    info->name, list.data ? list.data : "");
    buf_finish(&list);
    return CONCH_ERR_RANGE;
}

static int numbers_resolve(struct resolved *r, conch_error *err)
{
    const conch_request *request = r->request;
    const conch_model_info *info = &r->manifest->info;
    r->plan.step_count = request->step_count ? request->step_count : info->step_count;
    if (r->plan.step_count < 1 || r->plan.step_count > SAMPLER_STEPS_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "steps: %d is not allowed (1 to %d)", r->plan.step_count,
                               SAMPLER_STEPS_MAX);
    r->plan.guidance = request->guidance != 0 ? request->guidance : info->guidance;
    if (!(r->plan.guidance >= 1 && r->plan.guidance <= 100))
        return conch_error_set(err, CONCH_ERR_RANGE, "guidance: %g is not allowed (1 to 100)", r->plan.guidance);
    r->plan.shift = request->shift != 0 ? request->shift : info->shift;
    if (!(r->plan.shift >= SAMPLER_SHIFT_MIN && r->plan.shift <= SAMPLER_SHIFT_MAX))
        return conch_error_set(err, CONCH_ERR_RANGE, "shift: %g is not allowed (%g to %g)", r->plan.shift,
                               (double)SAMPLER_SHIFT_MIN, (double)SAMPLER_SHIFT_MAX);
    int sampler = request->sampler ? sampler_from_name(request->sampler) : (int)r->manifest->sampler;
    if (sampler < 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "sampler '%s' is not one there is (allowed: " SAMPLER_NAMES ")",
                               request->sampler);
    r->sampler = (enum sampler_kind)sampler;
    r->plan.sampler = sampler_name(r->sampler);
    return 0;
}

static int picture_check(const struct resolved *r, const conch_picture *picture, const char *name, conch_error *err)
{
    if (picture && !picture->rgb)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s has no pixels", name);
    if (picture && (picture->width != r->plan.width || picture->height != r->plan.height))
        return conch_error_set(err, CONCH_ERR_RANGE, "%s is %dx%d, the clip %dx%d: fit it first", name, picture->width,
                               picture->height, r->plan.width, r->plan.height);
    return 0;
}

static int mode_check(const struct resolved *r, conch_error *err)
{
    const conch_request *request = r->request;
    const conch_model_info *info = &r->manifest->info;
    if (request->last_frame && !request->first_frame)
        return conch_error_set(err, CONCH_ERR_RANGE, "a last frame needs a first frame as well");
    unsigned mode = request->last_frame    ? CONCH_MODE_FIRST_LAST_FRAME
                    : request->first_frame ? CONCH_MODE_FIRST_FRAME
                                           : CONCH_MODE_TEXT;
    if (!(info->modes & mode))
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "%s cannot be given %s", info->name,
                               mode == CONCH_MODE_TEXT          ? "text alone"
                               : mode == CONCH_MODE_FIRST_FRAME ? "a first frame"
                                                                : "first and last frame");
    int rc = picture_check(r, request->first_frame, "the first frame", err);
    return rc < 0 ? rc : picture_check(r, request->last_frame, "the last frame", err);
}

/* ---- text ---- */

static int tokenizer_of(const struct manifest *m, struct tokenizer **ret, conch_error *err)
{
    if (m->tokenizer_path)
        return tokenizer_open(ret, m->tokenizer_path, err);
    struct weights *weights = NULL;
    int rc = weights_open(&weights, (const char *const *)m->text_files.paths, m->text_files.count, err);
    if (rc < 0)
        return rc;
    const struct st_tensor *tensor = weights_find(weights, embedded_tokenizer);
    if (tensor)
        rc = tokenizer_open_memory(ret, tensor->data, tensor->bytes, err);
    else
        rc = conch_error_set(err, CONCH_ERR_FORMAT, "%s: no tokenizer is named, and %s holds none (tensor %s)",
                             m->info.folder, m->text_files.paths[0], embedded_tokenizer);
    weights_close(weights);
    return rc;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == 0;
}

static int text_resolve(struct resolved *r, conch_error *err)
{
    const struct manifest *m = r->manifest;
    if (!r->request->prompt || is_blank(r->request->prompt))
        return conch_error_set(err, CONCH_ERR_RANGE, "prompt: it is empty; say what the clip should show");
    struct tokenizer *tokenizer = NULL;
    int rc = tokenizer_of(m, &tokenizer, err);
    if (rc < 0)
        return rc;
    const char *texts[TEXT_COUNT] = {r->request->prompt, r->negative};
    r->text_count = r->plan.guidance > 1 ? 2 : 1;
    for (size_t i = 0; rc == 0 && i < r->text_count; i++) {
        size_t cut = 0;
        rc = tokenizer_encode(tokenizer, texts[i], m->text_len, &r->tokens[i], &cut, err);
        if (rc < 0)
            break;
        if (i == TEXT_PROMPT && r->tokens[i].count <= 1)
            rc = conch_error_set(err, CONCH_ERR_RANGE, "prompt: nothing is left of it after clean-up");
        if (i == TEXT_PROMPT) {
            r->plan.prompt_tokens = r->tokens[i].count;
            r->plan.prompt_tokens_cut = cut;
        }
        text_key_make(&r->keys[i], &(struct text_source){.manifest = m,
                                                         .kernels = r->engine->compute.kern->name,
                                                         .precision = r->precision,
                                                         .ids = r->tokens[i].ids,
                                                         .count = r->tokens[i].count});
        r->plan.text_cached[i] = text_cache_has(r->engine->cache_dir, &r->keys[i], r->tokens[i].count, m->text.dim);
    }
    tokenizer_close(tokenizer);
    malloc_trim(0); /* a vocabulary of 256,000 pieces leaves holes that would count as ours */
    return rc;
}

/* ---- numbers ---- */

struct wan_dit_options resolved_dit_options(const struct resolved *r)
{
    size_t rows = r->tokens[TEXT_PROMPT].count;
    if (r->text_count > 1)
        rows = size_max(rows, r->tokens[TEXT_NEGATIVE].count);
    return (struct wan_dit_options){.shape = {r->frames, r->height, r->width},
                                    .precision = r->precision,
                                    .streamed = r->plan.streamed,
                                    .context_rows_max = rows};
}

static uint64_t decode_bytes(const struct resolved *r)
{
    return pipeline_decode_bytes(r->manifest, r->precision, r->height, r->width);
}

static uint64_t denoise_bytes(const struct resolved *r)
{
    struct wan_dit_options options = resolved_dit_options(r);
    struct wan_dit_bytes dit;
    wan_dit_plan(&r->manifest->dit, &options, &dit);
    struct schedule *schedule = calloc(1, sizeof *schedule);
    size_t count = r->z * r->frames * r->height * r->width, sampler = 0;
    if (schedule && schedule_init(schedule, r->sampler, (size_t)r->plan.step_count, r->plan.shift, NULL) == 0)
        sampler = sampler_bytes(schedule, count);
    free(schedule);
    return dit.weights + dit.buffers + r->text_count * dit.context + sampler + r->text_count * count * sizeof(float) +
           (r->request->preview ? decode_bytes(r) + r->z * r->height * r->width * sizeof(float) : 0);
}

/* What lives from one phase to the next: the sample, the clean frames, the embedded texts. */
static uint64_t carried_bytes(const struct resolved *r)
{
    size_t plane = r->z * r->height * r->width, values = plane * r->frames;
    values += plane * ((r->request->first_frame != NULL) + (r->request->last_frame != NULL));
    for (size_t i = 0; i < r->text_count; i++)
        values += r->tokens[i].count * r->manifest->text.dim;
    return values * sizeof(float);
}

static void bytes_plan(struct resolved *r)
{
    const struct manifest *m = r->manifest;
    uint64_t *phase = r->plan.phase_bytes;
    for (size_t i = 0; i < r->text_count; i++)
        if (!r->plan.text_cached[i])
            phase[CONCH_PHASE_TEXT] = size_max(phase[CONCH_PHASE_TEXT],
                                               umt5_peak_bytes(&m->text, r->tokens[i].count, r->precision));
    if (r->request->first_frame)
        phase[CONCH_PHASE_IMAGE] = wan_vae_encoder_bytes(&m->vae, (size_t)r->plan.height, (size_t)r->plan.width,
                                                         r->precision) +
                                   (uint64_t)r->plan.height * (uint64_t)r->plan.width * 3 * sizeof(float);
    phase[CONCH_PHASE_DENOISE] = denoise_bytes(r);
    phase[CONCH_PHASE_DECODE] = decode_bytes(r);
    uint64_t largest = 0;
    for (size_t i = 0; i < CONCH_PHASE_COUNT; i++)
        largest = phase[i] > largest ? phase[i] : largest;
    r->plan.base_bytes = memory_resident_bytes() + carried_bytes(r);
    r->plan.peak_bytes = r->plan.base_bytes + largest;
    r->plan.mapped_bytes = m->info.weights_bytes;
}

static int memory_check(struct resolved *r, conch_error *err)
{
    uint64_t limit = r->engine->memory_bytes;
    if (!limit)
        limit = memory_available_bytes() + memory_resident_bytes();
    r->plan.available_bytes = limit;
    bytes_plan(r);
    if (r->plan.peak_bytes > limit) { /* blocks one at a time cost time, not memory */
        r->plan.streamed = true;
        bytes_plan(r);
    }
    if (r->plan.peak_bytes > limit)
        return conch_error_set(err, CONCH_ERR_NOMEM,
                               "this clip needs %.0f MB of memory and %.0f MB may be used: choose a smaller size or a "
                               "shorter clip",
                               (double)r->plan.peak_bytes / 1e6, (double)limit / 1e6);
    return 0;
}

static void work_plan(struct resolved *r)
{
    const struct umt5_config *t = &r->manifest->text;
    const struct wan_dit_config *d = &r->manifest->dit;
    double *gflop = r->plan.phase_gflop, tokens = (double)(r->frames * (r->height / 2) * (r->width / 2));
    double dim = (double)d->dim, rows = 0;
    for (size_t i = 0; i < r->text_count; i++) {
        rows += (double)r->tokens[i].count;
        if (!r->plan.text_cached[i])
            gflop[CONCH_PHASE_TEXT] += 2e-9 * (double)r->tokens[i].count * (double)t->layers *
                                       (4.0 * (double)t->dim * (double)t->dim_attn +
                                        3.0 * (double)t->dim * (double)t->dim_ffn);
    }
    double linear = tokens * 2 * (6 * dim * dim + 2 * dim * (double)d->ffn);
    double attention = 4 * tokens * dim * (tokens + rows);
    double passes = (double)r->plan.step_count * (double)r->text_count;
    gflop[CONCH_PHASE_DENOISE] = 1e-9 * passes * (double)d->layers * (linear + attention);
    double frame = wan_vae_decode_gflop(&r->manifest->vae, r->height, r->width);
    gflop[CONCH_PHASE_DECODE] = frame * ((double)r->latent_frames - 0.75);
    if (r->request->first_frame)
        gflop[CONCH_PHASE_IMAGE] = frame / 4 * (r->request->last_frame ? 2 : 1); /* encoder and decoder are alike */
    r->plan.tokens = (size_t)tokens;
}

/* Opens every component once, so that a damaged header or a missing shard is refused now and not after an hour. */
static int files_check(const struct manifest *m, conch_error *err)
{
    const struct component_files *const components[] = {&m->text_files, &m->dit_files, &m->vae_files};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(components); i++) {
        struct weights *weights = NULL;
        rc = weights_open(&weights, (const char *const *)components[i]->paths, components[i]->count, err);
        weights_close(weights);
    }
    return rc;
}

int resolve(struct resolved *r, conch_engine *engine, const conch_model *model, const conch_request *request,
            conch_error *err)
{
    const struct manifest *m = &model->manifest;
    *r = (struct resolved){.engine = engine, .manifest = m, .request = request};
    r->precision = request->precision == CONCH_PRECISION_F32 ? PRECISION_F32 : PRECISION_BF16;
    r->negative = request->negative ? request->negative : m->info.negative;
    if (m->info.missing)
        return conch_error_set(err, CONCH_ERR_NOTFOUND, "%s: the file %s is missing", m->info.name, m->info.missing);
    int rc = size_resolve(r, err);
    if (rc == 0)
        rc = frames_resolve(r, err);
    if (rc == 0)
        rc = numbers_resolve(r, err);
    if (rc == 0)
        rc = mode_check(r, err);
    if (rc < 0)
        return rc;
    size_t stride = wan_vae_stride(&m->vae);
    r->z = m->vae.z;
    r->height = (size_t)r->plan.height / stride;
    r->width = (size_t)r->plan.width / stride;
    r->latent_frames = 1 + (size_t)(r->plan.frame_count - 1) / wan_vae_time_stride(&m->vae);
    r->frames = r->latent_frames + (request->last_frame && m->last_frame == LAST_FRAME_APPEND);
    if (request->last_frame && r->latent_frames < 2)
        return conch_error_set(err, CONCH_ERR_RANGE, "%d frames are too few for a first and a last frame",
                               r->plan.frame_count);
    r->plan.latent_frames = (int)r->latent_frames;
    r->plan.latent_height = (int)r->height;
    r->plan.latent_width = (int)r->width;
    rc = files_check(m, err);
    if (rc == 0)
        rc = text_resolve(r, err);
    if (rc == 0)
        rc = memory_check(r, err);
    if (rc == 0)
        work_plan(r);
    if (rc < 0)
        resolved_finish(r);
    return rc;
}

void resolved_finish(struct resolved *r)
{
    token_list_finish(&r->tokens[TEXT_PROMPT]);
    token_list_finish(&r->tokens[TEXT_NEGATIVE]);
}

int conch_plan_make(conch_engine *engine, const conch_model *model, const conch_request *request, conch_plan *ret_plan,
                    conch_error *err)
{
    struct resolved resolved;
    int rc = resolve(&resolved, engine, model, request, err);
    if (rc < 0)
        return rc;
    *ret_plan = resolved.plan;
    resolved_finish(&resolved);
    return 0;
}
