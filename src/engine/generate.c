#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/latent.h"
#include "engine/pipeline.h"

int pipeline_damaged(const struct component_files *files, conch_error *err)
{
    return conch_error_set(err, CONCH_ERR_FORMAT, "%s%s: the weights give values that are not finite", files->paths[0],
                           files->count > 1 ? " and the files with it" : "");
}

int pipeline_check_finite(const float *values, size_t count, const struct component_files *files, conch_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return pipeline_damaged(files, err);
    return 0;
}

static int latent_save(const struct resolved *r, const float *x, conch_error *err)
{
    struct latent latent = {.info = {.model = (char *)r->manifest->info.name,
                                     .prompt = (char *)r->request->prompt,
                                     .width = r->plan.width,
                                     .height = r->plan.height,
                                     .frame_count = r->plan.frame_count,
                                     .fps = r->plan.fps,
                                     .seed = r->request->seed},
                            .z = r->z,
                            .frames = r->latent_frames,
                            .height = r->height,
                            .width = r->width};
    size_t clip = r->latent_frames * r->height * r->width, all = r->frames * r->height * r->width;
    latent.data = malloc(r->z * clip * sizeof(float));
    if (!latent.data)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to save the latent");
    for (size_t k = 0; k < r->z; k++) /* without the frame that was appended */
        memcpy(latent.data + k * clip, x + k * all, clip * sizeof(float));
    int rc = latent_write(r->request->latent_path, &latent, err);
    free(latent.data);
    return rc;
}

static int phases_run(const struct resolved *r, struct work *work, conch_error *err)
{
    float *features[TEXT_COUNT] = {0};
    struct pipeline_images images = {0};
    float *x = malloc(r->z * r->frames * r->height * r->width * sizeof(float));
    int rc = x ? pipeline_text(r, work, features, err)
               : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the latents");
    if (rc == 0)
        rc = pipeline_images(r, work, &images, err);
    if (rc == 0)
        rc = pipeline_denoise(r, work, features, &images, x, err);
    for (size_t i = 0; i < TEXT_COUNT; i++)
        free(features[i]);
    free(images.first);
    free(images.last);
    if (rc == 0 && r->request->latent_path)
        rc = latent_save(r, x, err);
    if (rc == 0) {
        struct pipeline_decode job = {.engine = r->engine,
                                      .manifest = r->manifest,
                                      .precision = r->precision,
                                      .x = x,
                                      .frames = r->frames,
                                      .latent_frames = r->latent_frames,
                                      .height = r->height,
                                      .width = r->width};
        rc = pipeline_decode(&job, work, err);
    }
    free(x);
    return rc;
}

int conch_generate(conch_engine *engine, const conch_model *model, const conch_request *request, const conch_sink *sink,
                   conch_error *err)
{
    struct resolved resolved;
    struct work work;
    assert(sink && sink->frame);
    int rc = resolve(&resolved, engine, model, request, err);
    if (rc < 0)
        return rc;
    work_start(&work, engine, sink, resolved.plan.phase_gflop);
    rc = phases_run(&resolved, &work, err);
    atomic_store(&engine->cancel, 0);
    resolved_finish(&resolved);
    return rc;
}

static int latent_fits(const struct latent *latent, const struct manifest *m, const char *path, conch_error *err)
{
    size_t stride = wan_vae_stride(&m->vae);
    if (strcmp(latent->info.model, m->info.name) != 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s was made by %s, not by %s", path, latent->info.model,
                               m->info.name);
    if (latent->z != m->vae.z || latent->height * stride != (size_t)latent->info.height ||
        latent->width * stride != (size_t)latent->info.width ||
        (latent->frames - 1) * wan_vae_time_stride(&m->vae) + 1 != (size_t)latent->info.frame_count)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "%s: a latent of %zux%zux%zux%zu is not a clip of %dx%d, %d frames", path, latent->z,
                               latent->frames, latent->height, latent->width, latent->info.width, latent->info.height,
                               latent->info.frame_count);
    return 0;
}

/* The clip itself may have been planned on a machine with more. */
static int decode_memory_check(conch_engine *engine, const struct pipeline_decode *job, conch_error *err)
{
    uint64_t limit = engine->memory_bytes, resident = memory_resident_bytes();
    if (!limit)
        limit = memory_available_bytes() + resident;
    uint64_t needed = resident + pipeline_decode_bytes(job->manifest, job->precision, job->height, job->width);
    if (needed <= limit)
        return 0;
    return conch_error_set(err, CONCH_ERR_NOMEM, "decoding needs %.0f MB of memory and %.0f MB may be used",
                           (double)needed / 1e6, (double)limit / 1e6);
}

int conch_decode(conch_engine *engine, const conch_model *model, const char *latent_path, conch_precision precision,
                 const conch_sink *sink, conch_error *err)
{
    const struct manifest *m = &model->manifest;
    struct latent latent;
    struct work work;
    assert(sink && sink->frame);
    if (m->info.missing)
        return conch_error_set(err, CONCH_ERR_NOTFOUND, "%s: the file %s is missing", m->info.name, m->info.missing);
    int rc = latent_read(latent_path, &latent, err);
    if (rc < 0)
        return rc;
    rc = latent_fits(&latent, m, latent_path, err);
    if (rc == 0) {
        const double gflop[CONCH_PHASE_COUNT] = {[CONCH_PHASE_DECODE] = 1};
        struct pipeline_decode job = {.engine = engine,
                                      .manifest = m,
                                      .precision = precision == CONCH_PRECISION_F32 ? PRECISION_F32 : PRECISION_BF16,
                                      .x = latent.data,
                                      .frames = latent.frames,
                                      .latent_frames = latent.frames,
                                      .height = latent.height,
                                      .width = latent.width};
        work_start(&work, engine, sink, gflop);
        rc = decode_memory_check(engine, &job, err);
        if (rc == 0)
            rc = pipeline_decode(&job, &work, err);
        atomic_store(&engine->cancel, 0);
    }
    latent_finish(&latent);
    return rc;
}
