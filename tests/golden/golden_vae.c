/* The video VAEs: encode and decode, frame by frame. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "golden_models.h"

static int floats_read(const json_t *json, const char *key, float *ret, size_t count, conch_error *err)
{
    const json_t *list = json_object_get(json, key);
    if (json_array_size(list) != count)
        return conch_error_set(err, CONCH_ERR_FORMAT, "config: %s is not a list of %zu numbers", key, count);
    for (size_t i = 0; i < count; i++)
        ret[i] = (float)json_number_value(json_array_get(list, i));
    return CONCH_OK;
}

int wan_vae_config_read(const json_t *json, struct wan_vae_config *ret, conch_error *err)
{
    int rc;
    memset(ret, 0, sizeof *ret);
    if ((rc = config_size(json, "dim", &ret->dim, err)) < 0 || (rc = config_size(json, "z_dim", &ret->z, err)) < 0 ||
        (rc = config_size(json, "num_res_blocks", &ret->res_blocks, err)) < 0)
        return rc;
    /* only the second VAE has a decoder width of its own, and works on 2x2 pixel patches */
    bool patches = json_integer_value(json_object_get(json, "pixel_patch")) == 2;
    ret->kind = json_object_get(json, "dec_dim") || patches ? WAN_VAE_22 : WAN_VAE_21;
    ret->dec_dim = ret->dim;
    if (ret->kind == WAN_VAE_22 && (rc = config_size(json, "dec_dim", &ret->dec_dim, err)) < 0)
        return rc;
    if (ret->z < 1 || ret->z > WAN_VAE_Z_MAX)
        return conch_error_set(err, CONCH_ERR_FORMAT, "config: z_dim %zu is not one of 1 to %d", ret->z, WAN_VAE_Z_MAX);
    const json_t *mult = json_object_get(json, "dim_mult"), *down = json_object_get(json, "temperal_downsample");
    if (json_array_size(mult) != WAN_VAE_LEVELS || json_array_size(down) != WAN_VAE_LEVELS - 1)
        return conch_error_set(err, CONCH_ERR_FORMAT, "config: dim_mult or temperal_downsample is not for %d levels",
                               WAN_VAE_LEVELS);
    for (size_t i = 0; i < WAN_VAE_LEVELS; i++)
        ret->dim_mult[i] = (size_t)json_integer_value(json_array_get(mult, i));
    for (size_t i = 0; i + 1 < WAN_VAE_LEVELS; i++)
        ret->temporal_down[i] = json_is_true(json_array_get(down, i));
    if ((rc = floats_read(json, "latent_mean", ret->latent_mean, ret->z, err)) < 0)
        return rc;
    return floats_read(json, "latent_std", ret->latent_std, ret->z, err);
}

static bool is_decode(const struct vectors *vectors)
{
    return st_find(vectors->file, "in.latent") && st_find(vectors->file, "out.raw");
}

static bool is_encode(const struct vectors *vectors)
{
    return st_find(vectors->file, "in.video") && st_find(vectors->file, "out.latent");
}

/* Frames of a stage, [frames][height][width][channels], against mid.NAME or mid.chunk0.NAME, chunk1, ...: each
 * [channels, its frames, height, width], one after another in time. Chunks may end early. */
struct stage {
    const struct vectors *vectors;
    struct report *report;
    const struct captured *item;
    double allowed;
    size_t frame; /* the first of the next chunk */
};

static void chunk_check(struct stage *stage, const struct values *want, const char *name)
{
    const struct captured *item = stage->item;
    size_t frames = want->ndim == 4 ? want->shape[1] : 0, height = item->shape[0], width = item->shape[1],
           channels = item->shape[2];
    if (want->ndim != 4 || want->shape[0] != channels || want->shape[2] != height || want->shape[3] != width ||
        stage->frame + frames > item->calls) {
        report_exact(stage->report, false,
                     "%s: the probe gave %zu frames [%zu, %zu, %zu], golden is [%zu, %zu, %zu, %zu]", name, item->calls,
                     height, width, channels, want->shape[0], want->shape[1], want->shape[2], want->shape[3]);
        return;
    }
    float *got = test_floats(want->count);
    size_t pixels = height * width;
    for (size_t f = 0; f < frames; f++)
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < channels; c++)
                got[(c * frames + f) * pixels + p] = item->data[((stage->frame + f) * pixels + p) * channels + c];
    report_check(stage->report,
                 &(struct check){.got = got,
                                 .want = want->data,
                                 .count = want->count,
                                 .allowed = stage->allowed,
                                 .ndim = 4,
                                 .shape = want->shape},
                 "%s", name);
    stage->frame += frames;
    free(got);
}

/* Compares the golden tensor of this name, if there is one. */
static bool stage_check(struct stage *stage, const char *name)
{
    struct values want;
    bool found = values_read(&want, stage->vectors->file, "%s", name);
    if (found && stage->item->ndim == 3)
        chunk_check(stage, &want, name + strlen("mid."));
    else if (found)
        report_exact(stage->report, false, "%s: the probe gave no frames", stage->item->name);
    values_finish(&want);
    return found;
}

/* Chunk by chunk over all stages: a difference in an earlier chunk is the cause of those in later ones. A golden tensor
 * of the whole clip belongs before all chunks when it is the network's first stage, else behind them. */
static void stages_check(const struct vectors *vectors, struct report *report, const struct capture *capture,
                         double allowed)
{
    struct stage *stages = test_alloc(capture->count * sizeof *stages);
    char name[160];
    bool found = capture->count > 0;
    for (size_t i = 0; i < capture->count; i++)
        stages[i] = (struct stage){
            .vectors = vectors, .report = report, .item = &capture->items[i], .allowed = allowed};
    for (size_t chunk = 0; found; chunk++) {
        found = false;
        for (size_t i = 0; i < capture->count; i++) {
            if (chunk == 0 && i == 0) {
                snprintf(name, sizeof name, "mid.%s", capture->items[i].name);
                found = stage_check(&stages[i], name);
            }
            snprintf(name, sizeof name, "mid.chunk%zu.%s", chunk, capture->items[i].name);
            found |= stage_check(&stages[i], name);
        }
    }
    for (size_t i = 1; i < capture->count; i++) {
        snprintf(name, sizeof name, "mid.%s", capture->items[i].name);
        stage_check(&stages[i], name);
    }
    free(stages);
}

/* ---- decoding ---- */

/* Collects [height][width][3] frames as [3][frames][height][width]. */
struct frames_sink {
    float *video;
    size_t pixels, frames, count;
};

static int frames_put(void *context, const float *frame)
{
    struct frames_sink *sink = context;
    if (sink->count < sink->frames)
        for (size_t c = 0; c < 3; c++)
            for (size_t p = 0; p < sink->pixels; p++)
                sink->video[(c * sink->frames + sink->count) * sink->pixels + p] = frame[3 * p + c];
    sink->count++;
    return 0;
}

int vae_decode_clip(const struct compute *compute, const struct weights *weights, const struct wan_vae_config *config,
                    enum precision precision, const struct clip_shape *latent_shape, const float *latent, float *video,
                    const struct probe *probe, conch_error *err)
{
    size_t plane = latent_shape->height * latent_shape->width, stride = wan_vae_stride(config);
    struct frames_sink sink = {.video = video,
                               .pixels = plane * stride * stride,
                               .frames = 1 + (latent_shape->frames - 1) * wan_vae_time_stride(config)};
    struct wan_vae_decoder *decoder = NULL;
    int rc = wan_vae_decoder_create(&decoder, compute, weights, config, precision, latent_shape->height,
                                    latent_shape->width, err);
    for (size_t i = 0; rc == 0 && i < latent_shape->frames; i++)
        rc = wan_vae_decode(decoder, latent + i * plane, latent_shape->frames * plane, frames_put, &sink, probe, err);
    if (rc == 0 && sink.count != sink.frames)
        rc = conch_error_set(err, CONCH_ERR_INTERNAL, "the decoder gave %zu frames instead of %zu", sink.count,
                             sink.frames);
    wan_vae_decoder_destroy(decoder);
    return rc;
}

void clamp_values(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = fminf(fmaxf(values[i], -1), 1);
}

struct vae_case {
    const struct vectors *vectors;
    struct report *report;
    enum precision precision;
    double allowed;
    struct weights *weights;
    struct wan_vae_config config;
};

static void decode_case(const struct vae_case *c)
{
    struct values latent;
    struct capture capture;
    conch_error err;
    capture_init(&capture);
    if (!values_read(&latent, c->vectors->file, "in.latent") || latent.ndim != 4 || latent.shape[0] != c->config.z) {
        report_exact(c->report, false, "in.latent is not [%zu, frames, height, width]", c->config.z);
        values_finish(&latent);
        return;
    }
    struct clip_shape shape = {.frames = latent.shape[1], .height = latent.shape[2], .width = latent.shape[3]};
    size_t stride = wan_vae_stride(&c->config);
    size_t count = 3 * (1 + (shape.frames - 1) * wan_vae_time_stride(&c->config)) * shape.height * stride *
                   shape.width * stride;
    float *video = test_floats(count);
    if (vae_decode_clip(&c->vectors->golden->compute, c->weights, &c->config, c->precision, &shape, latent.data, video,
                        &capture.probe, &err) < 0) {
        report_error(c->report, "decode", &err);
    } else {
        stages_check(c->vectors, c->report, &capture, c->allowed);
        report_offered(c->report, c->vectors->file, &capture);
        report_tensor(c->report, c->vectors->file, "out.raw", video, count, c->allowed);
        clamp_values(video, count);
        report_tensor(c->report, c->vectors->file, "out.video", video, count, c->allowed);
    }
    capture_finish(&capture);
    values_finish(&latent);
    free(video);
}

/* ---- encoding ---- */

/* Collects [z][latent plane] frames as [z][frames][plane]. */
struct latent_sink {
    float *latent;
    size_t z, plane, frames, count;
};

static int latent_put(void *context, const float *frame)
{
    struct latent_sink *sink = context;
    if (sink->count < sink->frames)
        for (size_t c = 0; c < sink->z; c++)
            memcpy(sink->latent + (c * sink->frames + sink->count) * sink->plane, frame + c * sink->plane,
                   sink->plane * sizeof *frame);
    sink->count++;
    return 0;
}

int vae_encode_clip(const struct compute *compute, const struct weights *weights, const struct wan_vae_config *config,
                    enum precision precision, const struct clip_shape *shape, const float *video, float *latent,
                    const struct probe *probe, conch_error *err)
{
    size_t stride = wan_vae_stride(config), pixels = shape->height * shape->width;
    struct latent_sink sink = {.latent = latent,
                               .z = config->z,
                               .plane = pixels / (stride * stride),
                               .frames = 1 + (shape->frames - 1) / wan_vae_time_stride(config)};
    struct wan_vae_encoder *encoder = NULL;
    float *frame = test_floats(pixels * 3);
    int rc = wan_vae_encoder_create(&encoder, compute, weights, config, precision, shape->height, shape->width, err);
    for (size_t f = 0; rc == 0 && f < shape->frames; f++) {
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < 3; c++)
                frame[3 * p + c] = video[(c * shape->frames + f) * pixels + p];
        rc = wan_vae_encode(encoder, frame, latent_put, &sink, probe, err);
    }
    if (rc == 0 && sink.count != sink.frames)
        rc = conch_error_set(err, CONCH_ERR_INTERNAL, "the encoder gave %zu latent frames instead of %zu", sink.count,
                             sink.frames);
    wan_vae_encoder_destroy(encoder);
    free(frame);
    return rc;
}

static void encode_case(const struct vae_case *c)
{
    struct values video;
    struct capture capture;
    conch_error err;
    capture_init(&capture);
    size_t stride = wan_vae_stride(&c->config);
    if (!values_read(&video, c->vectors->file, "in.video") || video.ndim != 4 || video.shape[0] != 3 ||
        video.shape[1] < 1 || video.shape[2] % stride || video.shape[3] % stride) {
        report_exact(c->report, false, "in.video is not [3, frames, height, width] with sides of multiples of %zu",
                     stride);
        values_finish(&video);
        return;
    }
    struct clip_shape shape = {.frames = video.shape[1], .height = video.shape[2], .width = video.shape[3]};
    size_t count = c->config.z * (1 + (shape.frames - 1) / wan_vae_time_stride(&c->config)) * (shape.height / stride) *
                   (shape.width / stride);
    float *latent = test_floats(count);
    if (vae_encode_clip(&c->vectors->golden->compute, c->weights, &c->config, c->precision, &shape, video.data, latent,
                        &capture.probe, &err) < 0) {
        report_error(c->report, "encode", &err);
    } else {
        stages_check(c->vectors, c->report, &capture, c->allowed);
        report_offered(c->report, c->vectors->file, &capture);
        report_tensor(c->report, c->vectors->file, "out.latent", latent, count, c->allowed);
    }
    capture_finish(&capture);
    values_finish(&video);
    free(latent);
}

static void vae_run(const struct vectors *vectors, enum precision precision, struct report *report)
{
    struct vae_case c = {.vectors = vectors,
                         .report = report,
                         .precision = precision,
                         .allowed = precision == PRECISION_F32 ? ALLOWED_FP32 : ALLOWED_BF16_VAE};
    json_t *config = NULL;
    conch_error err;
    if (vectors_weights(vectors, NULL, &c.weights, &err) < 0) {
        report_error(report, "weights", &err);
        return;
    }
    config = vectors_config(vectors, NULL, c.weights);
    if (wan_vae_config_read(config, &c.config, &err) < 0)
        report_error(report, "config", &err);
    else if (is_decode(vectors))
        decode_case(&c);
    else
        encode_case(&c);
    json_decref(config);
    weights_close(c.weights);
}

const struct golden_kind golden_kinds_vae[] = {
    {.name = "vae decode", .matches = is_decode, .run = vae_run, .precision_matters = true},
    {.name = "vae encode", .matches = is_encode, .run = vae_run, .precision_matters = true},
    {0}};
