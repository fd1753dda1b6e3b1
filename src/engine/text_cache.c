#include "engine/text_cache.h"

#include <dirent.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/tensor/safetensors.h"
#include "engine/tensor/st_write.h"

static const char suffix[] = ".features.safetensors";

void text_key_make(struct text_key *key, const struct text_source *source)
{
    crypto_generichash_state state;
    unsigned char hash[32];
    uint32_t precision = (uint32_t)source->precision;
    const struct umt5_config *c = &source->manifest->text;
    const uint64_t sizes[] = {c->vocab, c->dim, c->dim_attn, c->dim_ffn, c->heads, c->layers, c->buckets};
    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const unsigned char *)source->kernels, strlen(source->kernels) + 1);
    crypto_generichash_update(&state, (const unsigned char *)sizes, sizeof sizes);
    for (size_t i = 0; i < source->manifest->text_files.count; i++) {
        const char *path = source->manifest->text_files.paths[i];
        struct stat info = {0};
        if (stat(path, &info) < 0)
            info.st_size = -1;
        int64_t facts[3] = {info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
        crypto_generichash_update(&state, (const unsigned char *)path, strlen(path) + 1);
        crypto_generichash_update(&state, (const unsigned char *)facts, sizeof facts);
    }
    crypto_generichash_update(&state, (const unsigned char *)&precision, sizeof precision);
    crypto_generichash_update(&state, (const unsigned char *)source->ids, source->count * sizeof *source->ids);
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(key->hex, sizeof key->hex, hash, sizeof hash);
}

static char *entry_path(const char *folder, const struct text_key *key)
{
    char *path = NULL;
    if (!folder || asprintf(&path, "%s/%s%s", folder, key->hex, suffix) < 0)
        return NULL;
    return path;
}

/* The entry's values, checked; NULL when there is none to use. */
static const void *entry_open(const char *folder, const struct text_key *key, size_t rows, size_t width,
                              struct st_file **ret)
{
    char *path = entry_path(folder, key);
    bool good = path && st_open(ret, path, NULL) == 0;
    free(path);
    const struct st_tensor *tensor = good ? st_find(*ret, "features") : NULL;
    if (!tensor || tensor->dtype != DTYPE_F32 || tensor->ndim != 2 || (size_t)tensor->shape[0] != rows ||
        (size_t)tensor->shape[1] != width)
        return NULL;
    for (size_t i = 0; i < rows * width; i++) {
        float value;
        memcpy(&value, (const char *)tensor->data + i * sizeof value, sizeof value);
        if (!isfinite(value))
            return NULL;
    }
    return tensor->data;
}

bool text_cache_has(const char *folder, const struct text_key *key, size_t rows, size_t width)
{
    struct st_file *file = NULL;
    bool good = entry_open(folder, key, rows, width, &file) != NULL;
    st_close(file);
    return good;
}

bool text_cache_get(const char *folder, const struct text_key *key, float *features, size_t rows, size_t width)
{
    struct st_file *file = NULL;
    const void *values = entry_open(folder, key, rows, width, &file);
    if (values)
        memcpy(features, values, rows * width * sizeof(float));
    st_close(file);
    return values != NULL;
}

struct entry {
    char *name;
    int64_t time_ns;
};

static int entry_compare(const void *a, const void *b)
{
    int64_t x = ((const struct entry *)a)->time_ns, y = ((const struct entry *)b)->time_ns;
    return (x > y) - (x < y);
}

/* Keeps the newest entries. Files that are not ours are left alone. */
static void prune(const char *folder)
{
    DIR *dir = opendir(folder);
    struct entry entries[2 * TEXT_CACHE_FILES_MAX];
    size_t count = 0;
    for (struct dirent *file; dir && count < 2 * TEXT_CACHE_FILES_MAX && (file = readdir(dir));) {
        size_t length = strlen(file->d_name);
        struct stat info;
        if (length <= sizeof suffix - 1 || strcmp(file->d_name + length - (sizeof suffix - 1), suffix) != 0 ||
            fstatat(dirfd(dir), file->d_name, &info, 0) < 0)
            continue;
        entries[count].name = strdup(file->d_name);
        entries[count].time_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
        count += entries[count].name != NULL;
    }
    qsort(entries, count, sizeof *entries, entry_compare);
    for (size_t i = 0; i < count; i++) {
        if (i + TEXT_CACHE_FILES_MAX < count)
            unlinkat(dirfd(dir), entries[i].name, 0);
        free(entries[i].name);
    }
    if (dir)
        closedir(dir);
}

void text_cache_put(const char *folder, const struct text_key *key, const float *features, size_t rows, size_t width)
{
    char *path = entry_path(folder, key);
    const struct st_write_tensor tensor = {.name = "features", .data = features, .ndim = 2, .shape = {rows, width}};
    if (path && file_make_folders(folder, NULL) == 0 && st_write(path, &tensor, NULL, NULL) == 0)
        prune(folder);
    free(path);
}
