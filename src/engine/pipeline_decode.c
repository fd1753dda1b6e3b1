#include <malloc.h>
#include <math.h>
#include <stdlib.h>

#include "engine/pipeline.h"

/* -1..1 to 0..255, cut off like the published programs do (not rounded). False: a value is not finite. */
static bool pixels_to_bytes(uint8_t *rgb, const float *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(pixels[i]))
            return false;
        float v = pixels[i] < -1 ? -1 : pixels[i] > 1 ? 1 : pixels[i];
        rgb[i] = (uint8_t)((v + 1) / 2 * 255);
    }
    return true;
}

struct frames_out {
    const conch_sink *sink;
    uint8_t *rgb;
    size_t values;
    int index;
    bool damaged; /* a pixel was not finite */
};

static int frame_out(void *context, const float *pixels)
{
    struct frames_out *out = context;
    out->damaged = !pixels_to_bytes(out->rgb, pixels, out->values);
    if (out->damaged)
        return -1;
    return out->sink->frame(out->sink->context, out->rgb, out->index++);
}

uint64_t pipeline_decode_bytes(const struct manifest *manifest, enum precision precision, size_t height, size_t width)
{
    size_t stride = wan_vae_stride(&manifest->vae);
    return (uint64_t)wan_vae_decoder_bytes(&manifest->vae, height, width, precision) +
           height * stride * width * stride * 3;
}

static int decoder_open(const struct pipeline_decode *job, struct wan_vae_decoder **ret, conch_error *err)
{
    struct weights *weights = NULL;
    const struct component_files *files = &job->manifest->vae_files;
    int rc = weights_open(&weights, (const char *const *)files->paths, files->count, err);
    if (rc == 0)
        rc = wan_vae_decoder_create(ret, &job->engine->compute, weights, &job->manifest->vae, job->precision,
                                    job->height, job->width, err);
    weights_close(weights);
    return rc;
}

int pipeline_decode(const struct pipeline_decode *job, struct work *work, conch_error *err)
{
    size_t plane = job->height * job->width, stride = wan_vae_stride(&job->manifest->vae);
    struct frames_out out = {.sink = work->sink, .values = plane * stride * stride * 3};
    struct wan_vae_decoder *decoder = NULL;
    int rc = 0;
    if (work_phase(work, CONCH_PHASE_DECODE, (int)job->latent_frames) != 0)
        rc = conch_error_set(err, CONCH_ERR_CANCELLED, "cancelled");
    if (rc == 0)
        rc = decoder_open(job, &decoder, err);
    if (rc == 0) {
        out.rgb = malloc(out.values);
        if (!out.rgb)
            rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a frame");
    }
    for (size_t i = 0; rc == 0 && i < job->latent_frames; i++) {
        rc = wan_vae_decode(decoder, job->x + i * plane, job->frames * plane, frame_out, &out, NULL, err);
        if (out.damaged)
            rc = pipeline_damaged(&job->manifest->vae_files, err);
        if (rc == 0 && work_step(work, (int)i + 1, (double)(i + 1) / (double)job->latent_frames) != 0)
            rc = conch_error_set(err, CONCH_ERR_CANCELLED, "cancelled");
    }
    wan_vae_decoder_destroy(decoder);
    free(out.rgb);
    malloc_trim(0);
    return rc;
}

/* ---- previews ---- */

struct preview {
    const struct resolved *r;
    struct wan_vae_decoder *decoder;
    float *latent; /* [z][height][width] */
    uint8_t *rgb;
    size_t values;
};

int preview_create(struct preview **ret, const struct resolved *r, conch_error *err)
{
    struct preview *p = calloc(1, sizeof *p);
    if (!p)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for previews");
    struct pipeline_decode job = {.engine = r->engine,
                                  .manifest = r->manifest,
                                  .precision = r->precision,
                                  .height = r->height,
                                  .width = r->width};
    p->r = r;
    p->values = (size_t)r->plan.width * (size_t)r->plan.height * 3;
    p->latent = malloc(r->z * r->height * r->width * sizeof(float));
    p->rgb = malloc(p->values);
    int rc = p->latent && p->rgb ? decoder_open(&job, &p->decoder, err)
                                 : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for previews");
    if (rc < 0) {
        preview_destroy(p);
        return rc;
    }
    *ret = p;
    return 0;
}

void preview_destroy(struct preview *p)
{
    if (!p)
        return;
    wan_vae_decoder_destroy(p->decoder);
    free(p->latent);
    free(p->rgb);
    free(p);
}

static int preview_frame(void *context, const float *pixels)
{
    const struct preview *p = context;
    return pixels_to_bytes(p->rgb, pixels, p->values) ? 0 : -1;
}

int preview_show(struct preview *p, const struct work *work, const float *x, const float *velocity, float sigma,
                 int step, conch_error *err)
{
    const struct resolved *r = p->r;
    size_t plane = r->height * r->width, middle = r->latent_frames / 2;
    for (size_t k = 0; k < r->z; k++)
        for (size_t i = 0; i < plane; i++) {
            size_t at = (k * r->frames + middle) * plane + i;
            p->latent[k * plane + i] = x[at] - sigma * velocity[at];
        }
    wan_vae_decoder_reset(p->decoder);
    int rc = wan_vae_decode(p->decoder, p->latent, plane, preview_frame, p, NULL, err);
    if (rc < 0)
        return pipeline_damaged(&r->manifest->vae_files, err); /* nothing else stops it */
    if (work->sink->preview(work->sink->context, p->rgb, step) != 0)
        rc = conch_error_set(err, CONCH_ERR_CANCELLED, "cancelled");
    return rc;
}
