#include "engine/latent.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tensor/safetensors.h"
#include "engine/tensor/st_write.h"

static const char format_name[] = "conch-latent-1";
enum { LATENT_SIDE_MAX = 4096, PIXEL_SIDE_MAX = 16384 };

int latent_write(const char *path, const struct latent *latent, conch_error *err)
{
    char numbers[5][24];
    snprintf(numbers[0], sizeof numbers[0], "%d", latent->info.width);
    snprintf(numbers[1], sizeof numbers[1], "%d", latent->info.height);
    snprintf(numbers[2], sizeof numbers[2], "%d", latent->info.frame_count);
    snprintf(numbers[3], sizeof numbers[3], "%d", latent->info.fps);
    snprintf(numbers[4], sizeof numbers[4], "%" PRIu64, latent->info.seed);
    json_t *metadata = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "format", format_name, "model",
                                 latent->info.model, "prompt", latent->info.prompt, "width", numbers[0], "height",
                                 numbers[1], "frames", numbers[2], "fps", numbers[3], "seed", numbers[4]);
    if (!metadata)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to save the latent");
    const struct st_write_tensor tensor = {.name = "latent",
                                           .data = latent->data,
                                           .ndim = 4,
                                           .shape = {latent->z, latent->frames, latent->height, latent->width}};
    int rc = st_write(path, &tensor, metadata, err);
    json_decref(metadata);
    return rc;
}

static int number_read(const struct st_file *file, const char *path, const char *key, uint64_t min, uint64_t max,
                       uint64_t *ret, conch_error *err)
{
    const char *text = st_metadata(file, key);
    char *end = NULL;
    errno = 0;
    unsigned long long value = text ? strtoull(text, &end, 10) : 0;
    if (!text || !*text || *end || errno || text[0] < '0' || text[0] > '9' || value < min || value > max)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "%s: %s is '%s', wanted a whole number from %" PRIu64 " to %" PRIu64, path, key,
                               text ? text : "missing", min, max);
    *ret = value;
    return 0;
}

static int info_read(const struct st_file *file, const char *path, conch_latent_info *info, conch_error *err)
{
    const char *format = st_metadata(file, "format");
    const char *model = st_metadata(file, "model"), *prompt = st_metadata(file, "prompt");
    if (!format || strcmp(format, format_name) != 0 || !model || !prompt)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s is not a saved latent of conch", path);
    uint64_t numbers[4];
    static const char *const keys[4] = {"width", "height", "frames", "fps"};
    int rc = 0;
    for (int i = 0; rc == 0 && i < 4; i++)
        rc = number_read(file, path, keys[i], 1, PIXEL_SIDE_MAX, &numbers[i], err);
    if (rc == 0)
        rc = number_read(file, path, "seed", 0, UINT64_MAX, &info->seed, err);
    if (rc < 0)
        return rc;
    info->width = (int)numbers[0];
    info->height = (int)numbers[1];
    info->frame_count = (int)numbers[2];
    info->fps = (int)numbers[3];
    info->model = strdup(model);
    info->prompt = strdup(prompt);
    return info->model && info->prompt ? 0 : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a latent");
}

static int data_read(const struct st_file *file, const char *path, struct latent *latent, conch_error *err)
{
    const struct st_tensor *tensor = st_find(file, "latent");
    if (!tensor || tensor->dtype != DTYPE_F32 || tensor->ndim != 4)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: no tensor 'latent' of four dimensions in F32", path);
    for (int i = 0; i < 4; i++)
        if (tensor->shape[i] < 1 || tensor->shape[i] > LATENT_SIDE_MAX)
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: dimension %d of the latent is %lld, allowed are 1 to %d",
                                   path, i, (long long)tensor->shape[i], LATENT_SIDE_MAX);
    latent->z = (size_t)tensor->shape[0];
    latent->frames = (size_t)tensor->shape[1];
    latent->height = (size_t)tensor->shape[2];
    latent->width = (size_t)tensor->shape[3];
    latent->data = malloc(tensor->bytes);
    if (!latent->data)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a latent");
    memcpy(latent->data, tensor->data, tensor->bytes);
    for (size_t i = 0; i < tensor->bytes / sizeof(float); i++)
        if (!isfinite(latent->data[i]))
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: value %zu of the latent is not finite", path, i);
    return 0;
}

int latent_read(const char *path, struct latent *latent, conch_error *err)
{
    struct st_file *file = NULL;
    *latent = (struct latent){0};
    int rc = st_open(&file, path, err);
    if (rc == 0)
        rc = info_read(file, path, &latent->info, err);
    if (rc == 0)
        rc = data_read(file, path, latent, err);
    st_close(file);
    if (rc < 0)
        latent_finish(latent);
    return rc;
}

void latent_finish(struct latent *latent)
{
    conch_latent_info_finish(&latent->info);
    free(latent->data);
    *latent = (struct latent){0};
}

int conch_latent_info_read(const char *path, conch_latent_info *ret_info, conch_error *err)
{
    struct st_file *file = NULL;
    conch_latent_info info = {0};
    int rc = st_open(&file, path, err);
    if (rc == 0)
        rc = info_read(file, path, &info, err);
    st_close(file);
    if (rc < 0)
        conch_latent_info_finish(&info);
    else
        *ret_info = info;
    return rc;
}

void conch_latent_info_finish(conch_latent_info *info)
{
    free(info->model);
    free(info->prompt);
    *info = (conch_latent_info){0};
}
