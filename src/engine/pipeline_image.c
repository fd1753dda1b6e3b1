#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pipeline.h"

struct keep {
    float *latent;
    size_t count;
};

static int keep_latent(void *context, const float *latent)
{
    const struct keep *keep = context;
    memcpy(keep->latent, latent, keep->count * sizeof(float));
    return 0;
}

static int encode(const struct resolved *r, struct wan_vae_encoder *encoder, const conch_picture *picture, float **ret,
                  conch_error *err)
{
    size_t values = (size_t)picture->width * (size_t)picture->height * 3;
    struct keep keep = {.count = r->z * r->height * r->width};
    float *pixels = malloc(values * sizeof(float));
    keep.latent = malloc(keep.count * sizeof(float));
    int rc;
    if (pixels && keep.latent) {
        for (size_t i = 0; i < values; i++)
            pixels[i] = (float)picture->rgb[i] / 127.5f - 1;
        wan_vae_encoder_reset(encoder);
        rc = wan_vae_encode(encoder, pixels, keep_latent, &keep, NULL, err);
    } else {
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a picture");
    }
    free(pixels);
    if (rc == 0)
        rc = pipeline_check_finite(keep.latent, keep.count, &r->manifest->vae_files, err);
    if (rc == 0)
        *ret = keep.latent;
    else
        free(keep.latent);
    return rc;
}

int pipeline_images(const struct resolved *r, struct work *work, struct pipeline_images *ret, conch_error *err)
{
    const struct manifest *m = r->manifest;
    const conch_picture *first = r->request->first_frame, *last = r->request->last_frame;
    if (!first)
        return 0;
    if (work_phase(work, CONCH_PHASE_IMAGE, last ? 2 : 1) != 0)
        return conch_error_set(err, CONCH_ERR_CANCELLED, "cancelled");
    struct weights *weights = NULL;
    struct wan_vae_encoder *encoder = NULL;
    int rc = weights_open(&weights, (const char *const *)m->vae_files.paths, m->vae_files.count, err);
    if (rc == 0)
        rc = wan_vae_encoder_create(&encoder, &r->engine->compute, weights, &m->vae, r->precision,
                                    (size_t)r->plan.height, (size_t)r->plan.width, err);
    if (rc == 0)
        rc = encode(r, encoder, first, &ret->first, err);
    if (rc == 0 && work_step(work, 1, last ? 0.5 : 1) != 0)
        rc = conch_error_set(err, CONCH_ERR_CANCELLED, "cancelled");
    if (rc == 0 && last)
        rc = encode(r, encoder, last, &ret->last, err);
    wan_vae_encoder_destroy(encoder);
    weights_close(weights);
    malloc_trim(0);
    return rc;
}
