/* What stands behind the public handles. Internal to src/engine. */
#ifndef ENGINE_ENGINE_STATE_H
#define ENGINE_ENGINE_STATE_H

#include <stdatomic.h>

#include "conch/engine.h"
#include "engine/manifest.h"
#include "engine/tensor/compute.h"

struct conch_engine {
    struct compute compute;
    uint64_t memory_bytes; /* 0: what the system has */
    char *cache_dir;       /* NULL: no cache */
    atomic_int cancel;
};

struct conch_model {
    struct manifest manifest;
};

#endif
