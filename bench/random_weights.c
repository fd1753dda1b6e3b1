#include "random_weights.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/rand.h"

enum { DIMS_MAX = 5, NAME_BYTES = 80, TENSORS_MAX = 1024, POOL_VALUES = 1 << 20 };

struct shape {
    size_t d[DIMS_MAX]; /* zero after the last */
};

struct tensor {
    char name[NAME_BYTES];
    struct shape shape;
    float deviation, mean;
};

struct tensors {
    size_t count;
    struct tensor list[TENSORS_MAX];
};

static size_t shape_values(const struct shape *shape)
{
    size_t values = 1;
    for (size_t i = 0; i < DIMS_MAX && shape->d[i]; i++)
        values *= shape->d[i];
    return values;
}

static void add(struct tensors *t, float deviation, float mean, struct shape shape, const char *format, va_list args)
{
    if (t->count == TENSORS_MAX)
        return; /* no network here has so many; the loader would name the first that is missing */
    struct tensor *tensor = &t->list[t->count++];
    vsnprintf(tensor->name, sizeof tensor->name, format, args);
    tensor->shape = shape;
    tensor->deviation = deviation;
    tensor->mean = mean;
}

/* A gain (mean 1), a shift or a modulation (mean 0). */
__attribute__((format(printf, 5, 6))) static void add_vector(struct tensors *t, float deviation, float mean,
                                                             struct shape shape, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(t, deviation, mean, shape, format, args);
    va_end(args);
}

/* NAME.weight of this shape, outputs first, and NAME.bias. */
__attribute__((format(printf, 3, 4))) static void add_layer(struct tensors *t, struct shape shape, const char *format,
                                                            ...)
{
    char name[NAME_BYTES - 8];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    double inputs = (double)shape_values(&shape) / (double)shape.d[0];
    add_vector(t, (float)(0.5 / sqrt(inputs)), 0, shape, "%s.weight", name);
    add_vector(t, 0.01f, 0, (struct shape){{shape.d[0]}}, "%s.bias", name);
}

/* ---- the networks ---- */

static void list_dit_attention(struct tensors *t, size_t block, const char *kind, size_t d)
{
    for (const char *part = "qkvo"; *part; part++)
        add_layer(t, (struct shape){{d, d}}, "blocks.%zu.%s.%c", block, kind, *part);
    add_vector(t, 0.02f, 1, (struct shape){{d}}, "blocks.%zu.%s.norm_q.weight", block, kind);
    add_vector(t, 0.02f, 1, (struct shape){{d}}, "blocks.%zu.%s.norm_k.weight", block, kind);
}

static void list_dit(struct tensors *t, const struct wan_dit_config *c)
{
    size_t d = c->dim;
    add_layer(t, (struct shape){{d, c->in_channels, 1, 2, 2}}, "patch_embedding");
    add_layer(t, (struct shape){{d, c->text_dim}}, "text_embedding.0");
    add_layer(t, (struct shape){{d, d}}, "text_embedding.2");
    add_layer(t, (struct shape){{d, c->freq_dim}}, "time_embedding.0");
    add_layer(t, (struct shape){{d, d}}, "time_embedding.2");
    add_layer(t, (struct shape){{6 * d, d}}, "time_projection.1");
    for (size_t i = 0; i < c->layers; i++) {
        add_vector(t, 0.1f, 0, (struct shape){{1, 6, d}}, "blocks.%zu.modulation", i);
        add_vector(t, 0.02f, 1, (struct shape){{d}}, "blocks.%zu.norm3.weight", i);
        add_vector(t, 0.01f, 0, (struct shape){{d}}, "blocks.%zu.norm3.bias", i);
        list_dit_attention(t, i, "self_attn", d);
        list_dit_attention(t, i, "cross_attn", d);
        add_layer(t, (struct shape){{c->ffn, d}}, "blocks.%zu.ffn.0", i);
        add_layer(t, (struct shape){{d, c->ffn}}, "blocks.%zu.ffn.2", i);
    }
    add_vector(t, 0.1f, 0, (struct shape){{1, 2, d}}, "head.modulation");
    add_layer(t, (struct shape){{4 * c->out_channels, d}}, "head.head");
}

static void list_res_block(struct tensors *t, const char *name, size_t in, size_t out)
{
    add_vector(t, 0.02f, 1, (struct shape){{in, 1, 1, 1}}, "%s.residual.0.gamma", name);
    add_layer(t, (struct shape){{out, in, 3, 3, 3}}, "%s.residual.2", name);
    add_vector(t, 0.02f, 1, (struct shape){{out, 1, 1, 1}}, "%s.residual.3.gamma", name);
    add_layer(t, (struct shape){{out, out, 3, 3, 3}}, "%s.residual.6", name);
    if (in != out)
        add_layer(t, (struct shape){{out, in, 1, 1, 1}}, "%s.shortcut", name);
}

/* VAE 2.1 numbers all parts of all levels in one row, 2.2 has a list a level. */
static void list_vae_level(struct tensors *t, const struct wan_vae_config *c, size_t level, size_t in)
{
    char name[NAME_BYTES - 24];
    bool nested = c->kind == WAN_VAE_22, last = level + 1 == WAN_VAE_LEVELS;
    size_t out = c->dec_dim * c->dim_mult[WAN_VAE_LEVELS - 1 - level], up_out = nested ? out : out / 2;
    for (size_t part = 0; part < c->res_blocks + 2; part++) {
        if (nested)
            snprintf(name, sizeof name, "decoder.upsamples.%zu.upsamples.%zu", level, part);
        else
            snprintf(name, sizeof name, "decoder.upsamples.%zu", level * (c->res_blocks + 2) + part);
        if (part <= c->res_blocks) {
            list_res_block(t, name, part ? out : in, out);
        } else if (!last) {
            add_layer(t, (struct shape){{up_out, out, 3, 3}}, "%s.resample.1", name);
            if (c->temporal_down[WAN_VAE_LEVELS - 2 - level])
                add_layer(t, (struct shape){{2 * out, out, 3, 1, 1}}, "%s.time_conv", name);
        }
    }
}

static void list_vae(struct tensors *t, const struct wan_vae_config *c)
{
    size_t widest = c->dec_dim * c->dim_mult[WAN_VAE_LEVELS - 1], in = widest;
    add_layer(t, (struct shape){{c->z, c->z, 1, 1, 1}}, "conv2");
    add_layer(t, (struct shape){{widest, c->z, 3, 3, 3}}, "decoder.conv1");
    list_res_block(t, "decoder.middle.0", widest, widest);
    add_vector(t, 0.02f, 1, (struct shape){{widest, 1, 1}}, "decoder.middle.1.norm.gamma");
    add_layer(t, (struct shape){{3 * widest, widest, 1, 1}}, "decoder.middle.1.to_qkv");
    add_layer(t, (struct shape){{widest, widest, 1, 1}}, "decoder.middle.1.proj");
    list_res_block(t, "decoder.middle.2", widest, widest);
    for (size_t level = 0; level < WAN_VAE_LEVELS; level++) {
        list_vae_level(t, c, level, in);
        in = c->dec_dim * c->dim_mult[WAN_VAE_LEVELS - 1 - level] / (c->kind == WAN_VAE_22 ? 1 : 2);
    }
    size_t narrow = c->dec_dim * c->dim_mult[0];
    add_vector(t, 0.02f, 1, (struct shape){{narrow, 1, 1, 1}}, "decoder.head.0.gamma");
    add_layer(t, (struct shape){{c->kind == WAN_VAE_22 ? 12 : 3, narrow, 3, 3, 3}}, "decoder.head.2");
}

/* ---- the file ---- */

static int write_all(int file, const void *data, size_t size, conch_error *err)
{
    const char *at = data;
    while (size) {
        ssize_t written = write(file, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return conch_error_errno(err, CONCH_ERR_IO, errno, "cannot write random weights to TMPDIR");
        at += written;
        size -= (size_t)written;
    }
    return 0;
}

static char *header_text(const struct tensors *t)
{
    json_t *root = json_object();
    size_t at = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct tensor *tensor = &t->list[i];
        size_t end = at + shape_values(&tensor->shape) * sizeof(bf16);
        json_t *shape = json_array();
        for (size_t j = 0; j < DIMS_MAX && tensor->shape.d[j]; j++)
            json_array_append_new(shape, json_integer((json_int_t)tensor->shape.d[j]));
        json_object_set_new(root, tensor->name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", "BF16", "shape", shape, "data_offsets",
                                      (json_int_t)at, (json_int_t)end));
        at = end;
    }
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

static int header_write(int file, const struct tensors *t, conch_error *err)
{
    char *text = header_text(t);
    if (!text)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for random weights");
    size_t bytes = strlen(text), padded = round_up(bytes, 8);
    uint64_t length = padded;
    int rc = write_all(file, &length, sizeof length, err);
    if (rc == 0)
        rc = write_all(file, text, bytes, err);
    if (rc == 0)
        rc = write_all(file, "       ", padded - bytes, err);
    free(text);
    return rc;
}

/* One million numbers serve all tensors, from another place in each and again and again in the large ones. */
static int values_write(int file, const struct tensor *tensor, size_t index, const float *pool, bf16 *buffer,
                        conch_error *err)
{
    size_t count = shape_values(&tensor->shape), some = size_min(count, POOL_VALUES), start = index * 7919;
    for (size_t i = 0; i < some; i++)
        buffer[i] = bf16_from_f32(pool[(start + i) % POOL_VALUES] * tensor->deviation + tensor->mean);
    int rc = 0;
    for (size_t done = 0; rc == 0 && done < count; done += some)
        rc = write_all(file, buffer, size_min(some, count - done) * sizeof *buffer, err);
    return rc;
}

static int tensors_write(int file, const struct tensors *t, conch_error *err)
{
    float *pool = malloc(POOL_VALUES * sizeof *pool);
    bf16 *buffer = malloc(POOL_VALUES * sizeof *buffer);
    int rc = pool && buffer ? 0 : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for random weights");
    if (rc == 0) {
        rand_normals(pool, POOL_VALUES, 1);
        rc = header_write(file, t, err);
    }
    for (size_t i = 0; rc == 0 && i < t->count; i++)
        rc = values_write(file, &t->list[i], i, pool, buffer, err);
    free(pool);
    free(buffer);
    return rc;
}

static int open_written(struct weights **ret, const struct tensors *t, conch_error *err)
{
    const char *folder = getenv("TMPDIR");
    char path[1024];
    snprintf(path, sizeof path, "%s/conch-bench-XXXXXX", folder && *folder ? folder : "/tmp");
    int file = mkstemp(path);
    if (file < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "cannot create %s for random weights", path);
    unlink(path);
    int rc = tensors_write(file, t, err);
    if (rc == 0) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        rc = weights_open(ret, &(const char *){path}, 1, err);
    }
    close(file); /* the map keeps it */
    return rc;
}

int random_weights_dit(struct weights **ret, const struct wan_dit_config *config, const char *path, conch_error *err)
{
    if (path)
        return weights_open(ret, &path, 1, err);
    struct tensors *t = calloc(1, sizeof *t);
    if (!t)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for random weights");
    list_dit(t, config);
    int rc = open_written(ret, t, err);
    free(t);
    return rc;
}

int random_weights_vae(struct weights **ret, const struct wan_vae_config *config, const char *path, conch_error *err)
{
    if (path)
        return weights_open(ret, &path, 1, err);
    struct tensors *t = calloc(1, sizeof *t);
    if (!t)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for random weights");
    list_vae(t, config);
    int rc = open_written(ret, t, err);
    free(t);
    return rc;
}
