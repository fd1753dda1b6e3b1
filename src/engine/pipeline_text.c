#include <malloc.h>
#include <stdlib.h>

#include "engine/pipeline.h"

struct encoding {
    struct work *work;
    double before, share; /* of the phase: done by texts before this one, and this one's part */
    size_t layers;
};

static int encoding_progress(void *context, size_t layers_done)
{
    const struct encoding *e = context;
    return work_step(e->work, (int)layers_done, e->before + e->share * (double)layers_done / (double)e->layers);
}

static int encode(const struct resolved *r, struct work *work, size_t i, float *features, conch_error *err)
{
    const struct manifest *m = r->manifest;
    struct encoding encoding = {.work = work,
                                .before = (double)i / (double)r->text_count,
                                .share = 1.0 / (double)r->text_count,
                                .layers = m->text.layers};
    struct weights *weights = NULL;
    int rc = weights_open(&weights, (const char *const *)m->text_files.paths, m->text_files.count, err);
    if (rc < 0)
        return rc;
    struct umt5_job job = {.config = &m->text,
                           .weights = weights,
                           .precision = r->precision,
                           .ids = r->tokens[i].ids,
                           .count = r->tokens[i].count,
                           .progress = encoding_progress,
                           .progress_context = &encoding};
    rc = umt5_encode(&r->engine->compute, &job, features, err);
    weights_close(weights);
    malloc_trim(0);
    return rc;
}

int pipeline_text(const struct resolved *r, struct work *work, float *features[TEXT_COUNT], conch_error *err)
{
    size_t width = r->manifest->text.dim;
    if (work_phase(work, CONCH_PHASE_TEXT, (int)r->manifest->text.layers) != 0)
        return conch_error_set(err, CONCH_ERR_CANCELLED, "cancelled");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->text_count; i++) {
        size_t rows = r->tokens[i].count;
        features[i] = malloc(rows * width * sizeof(float));
        if (!features[i])
            return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the text");
        if (text_cache_get(r->engine->cache_dir, &r->keys[i], features[i], rows, width))
            continue;
        rc = encode(r, work, i, features[i], err);
        if (rc == 0)
            rc = pipeline_check_finite(features[i], rows * width, &r->manifest->text_files, err);
        if (rc == 0)
            text_cache_put(r->engine->cache_dir, &r->keys[i], features[i], rows, width);
    }
    return rc;
}
