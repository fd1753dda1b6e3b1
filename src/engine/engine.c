#include "conch/engine.h"

#include <malloc.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/engine_state.h"

/* Packed weights come and go by the hundred megabytes. glibc would learn from the first that is freed to take the next
 * ones from its heap, where they leave holes that count as ours: a quarter more than planned, measured with a text
 * encoder. From this size on every block is mapped, and given back when it is freed. */
enum { MAPPED_BLOCK_BYTES = 1 << 20 };

int conch_engine_create(conch_engine **ret_engine, const conch_engine_options *options, conch_error *err)
{
    static const conch_engine_options defaults;
    if (!options)
        options = &defaults;
    mallopt(M_MMAP_THRESHOLD, MAPPED_BLOCK_BYTES);
    if (sodium_init() < 0)
        return conch_error_set(err, CONCH_ERR_INTERNAL, "libsodium does not start");
    conch_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for an engine");
    engine->memory_bytes = options->memory_bytes;
    int rc = compute_init(&engine->compute, options->threads, options->cpu, err);
    if (rc == 0 && options->cache_dir && *options->cache_dir) {
        engine->cache_dir = strdup(options->cache_dir);
        if (!engine->cache_dir)
            rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for an engine");
    }
    if (rc < 0) {
        conch_engine_destroy(engine);
        return rc;
    }
    *ret_engine = engine;
    return 0;
}

void conch_engine_destroy(conch_engine *engine)
{
    if (!engine)
        return;
    compute_finish(&engine->compute);
    free(engine->cache_dir);
    free(engine);
}

void conch_engine_cancel(conch_engine *engine)
{
    atomic_store(&engine->cancel, 1);
}

void conch_engine_facts_get(const conch_engine *engine, conch_engine_facts *ret_facts)
{
    *ret_facts = (conch_engine_facts){.kernels = engine->compute.kern->name,
                                      .threads = engine->compute.worker_count,
                                      .memory_available_bytes = memory_available_bytes()};
}

int conch_model_open(conch_model **ret_model, const char *folder, conch_error *err)
{
    conch_model *model = calloc(1, sizeof *model);
    if (!model)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a model");
    int rc = manifest_read(&model->manifest, folder, err);
    if (rc < 0) {
        free(model);
        return rc;
    }
    *ret_model = model;
    return 0;
}

void conch_model_close(conch_model *model)
{
    if (!model)
        return;
    manifest_finish(&model->manifest);
    free(model);
}

const conch_model_info *conch_model_info_get(const conch_model *model)
{
    return &model->manifest.info;
}

const char *conch_phase_name(enum conch_phase phase)
{
    static const char *const names[CONCH_PHASE_COUNT] = {"text", "image", "denoise", "decode"};
    return phase < CONCH_PHASE_COUNT ? names[phase] : "?";
}
