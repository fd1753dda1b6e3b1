/* Which slug of Modellix's is which model of the catalog, and what it starts from. */
#include <string.h>

#include "base/base.h"
#include "server/dialect/modellix.h"

#define T2V "text-to-video"
#define I2V "image-to-video"

static const struct modellix_model models[] = {
    {"minimax/hailuo-2.3-t2v", "minimax/hailuo-2.3", CATALOG_TEXT, T2V, "MiniMax Hailuo 2.3 from text"},
    {"minimax/hailuo-2.3-i2v", "minimax/hailuo-2.3", CATALOG_FIRST_FRAME, I2V, "MiniMax Hailuo 2.3 from a first frame"},
    {"minimax/hailuo-2.3-fast-i2v", "minimax/hailuo-2.3-fast", CATALOG_FIRST_FRAME, I2V,
     "MiniMax Hailuo 2.3 Fast from a first frame"},
    {"minimax/hailuo-02-t2v", "minimax/hailuo-02", CATALOG_TEXT, T2V, "MiniMax Hailuo 02 from text"},
    {"minimax/hailuo-02-i2v", "minimax/hailuo-02", CATALOG_FIRST_FRAME, I2V, "MiniMax Hailuo 02 from a first frame"},
    {"minimax/hailuo-02-fl2v", "minimax/hailuo-02", CATALOG_LAST_FRAME, I2V,
     "MiniMax Hailuo 02 from a last frame, with or without a first"},
    {"minimax/minimax-t2v-01", "minimax/t2v-01", CATALOG_TEXT, T2V, "MiniMax T2V-01 from text"},
    {"minimax/minimax-t2v-01-director", "minimax/t2v-01-director", CATALOG_TEXT, T2V,
     "MiniMax T2V-01-Director from text with camera commands"},
    {"minimax/minimax-i2v-01", "minimax/i2v-01", CATALOG_FIRST_FRAME, I2V, "MiniMax I2V-01 from a first frame"},
    {"minimax/minimax-i2v-01-director", "minimax/i2v-01-director", CATALOG_FIRST_FRAME, I2V,
     "MiniMax I2V-01-Director from a first frame with camera commands"},
    {"minimax/minimax-i2v-01-live", "minimax/i2v-01-live", CATALOG_FIRST_FRAME, I2V,
     "MiniMax I2V-01-live from a drawn first frame"},
    {"minimax/minimax-s2v-01", "minimax/s2v-01", CATALOG_SUBJECT, I2V, "MiniMax S2V-01 with the picture of a person"},
};

const struct modellix_model *modellix_model(size_t index)
{
    return index < ARRAY_LEN(models) ? &models[index] : NULL;
}

const struct modellix_model *modellix_find(const char *slug)
{
    for (size_t i = 0; i < ARRAY_LEN(models); i++)
        if (strcmp(models[i].slug, slug) == 0)
            return &models[i];
    return NULL;
}

static const char *behind_slash(const char *slug)
{
    const char *slash = strrchr(slug, '/');
    return slash ? slash + 1 : slug;
}

const char *modellix_model_id(const char *model, const char *mode)
{
    for (size_t i = 0; model && mode && i < ARRAY_LEN(models); i++)
        if (strcmp(models[i].model, model) == 0 && strcmp(catalog_mode_name(models[i].mode), mode) == 0)
            return behind_slash(models[i].slug);
    return behind_slash(model ? model : "");
}
