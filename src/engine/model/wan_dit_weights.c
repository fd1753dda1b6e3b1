#include "engine/model/wan_dit_weights.h"

#include <stdio.h>
#include <stdlib.h>

/* One row of a table of layers: where it goes, its name after the prefix, its size. */
struct linear_row {
    struct linear *linear;
    const char *name;
    size_t n, k;
    enum precision precision;
};

struct vector_row {
    float **vector;
    const char *name;
    size_t n;
};

static int linears_load(const struct linear_row *rows, size_t count, const struct compute *compute,
                        const struct weights *weights, const char *prefix, conch_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct linear_spec spec = {rows[i].n, rows[i].k, true, rows[i].precision};
        rc = linear_load(rows[i].linear, compute, weights, &spec, err, "%s%s", prefix, rows[i].name);
    }
    return rc;
}

static int vectors_load(const struct vector_row *rows, size_t count, const struct weights *weights, const char *prefix,
                        conch_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        *rows[i].vector = malloc(rows[i].n * sizeof(float));
        if (!*rows[i].vector)
            return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the weight %s%s", prefix, rows[i].name);
        rc = vector_load(*rows[i].vector, weights, rows[i].n, err, "%s%s", prefix, rows[i].name);
    }
    return rc;
}

static size_t linears_bytes(const struct linear_row *rows, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += linear_bytes(rows[i].n, rows[i].k, true, rows[i].precision);
    return bytes;
}

enum { BLOCK_LINEARS = 8, BLOCK_VECTORS = 6, EDGE_LINEARS = 7, CROSS_LINEARS = 2 };

static void block_linears(struct linear_row rows[BLOCK_LINEARS], struct dit_block *b, const struct wan_dit_config *c,
                          enum precision p)
{
    size_t d = c->dim;
    const struct linear_row table[BLOCK_LINEARS] = {
        {&b->q, "self_attn.q", d, d, p},        {&b->k, "self_attn.k", d, d, p},
        {&b->v, "self_attn.v", d, d, p},        {&b->o, "self_attn.o", d, d, p},
        {&b->cross_q, "cross_attn.q", d, d, p}, {&b->cross_o, "cross_attn.o", d, d, p},
        {&b->ffn_in, "ffn.0", c->ffn, d, p},    {&b->ffn_out, "ffn.2", d, c->ffn, p},
    };
    for (size_t i = 0; i < BLOCK_LINEARS; i++)
        rows[i] = table[i];
}

int dit_block_load(struct dit_block *block, const struct compute *compute, const struct weights *weights,
                   const struct wan_dit_config *config, enum precision precision, size_t index, conch_error *err)
{
    *block = (struct dit_block){0};
    struct linear_row linears[BLOCK_LINEARS];
    block_linears(linears, block, config, precision);
    size_t d = config->dim;
    const struct vector_row vectors[BLOCK_VECTORS] = {
        {&block->norm_q, "self_attn.norm_q.weight", d},
        {&block->norm_k, "self_attn.norm_k.weight", d},
        {&block->cross_norm_q, "cross_attn.norm_q.weight", d},
        {&block->norm3_weight, "norm3.weight", d},
        {&block->norm3_bias, "norm3.bias", d},
        {&block->modulation, "modulation", 6 * d},
    };
    char prefix[32];
    snprintf(prefix, sizeof prefix, "blocks.%zu.", index);
    int rc = linears_load(linears, BLOCK_LINEARS, compute, weights, prefix, err);
    if (rc == 0)
        rc = vectors_load(vectors, BLOCK_VECTORS, weights, prefix, err);
    if (rc < 0)
        dit_block_finish(block);
    return rc;
}

void dit_block_finish(struct dit_block *block)
{
    struct linear_row linears[BLOCK_LINEARS];
    const struct wan_dit_config none = {0};
    block_linears(linears, block, &none, PRECISION_F32);
    for (size_t i = 0; i < BLOCK_LINEARS; i++)
        linear_finish(linears[i].linear);
    free(block->norm_q);
    free(block->norm_k);
    free(block->cross_norm_q);
    free(block->norm3_weight);
    free(block->norm3_bias);
    free(block->modulation);
    *block = (struct dit_block){0};
}

size_t dit_block_bytes(const struct wan_dit_config *config, enum precision precision)
{
    struct dit_block block;
    struct linear_row linears[BLOCK_LINEARS];
    block_linears(linears, &block, config, precision);
    return linears_bytes(linears, BLOCK_LINEARS) + 11 * config->dim * sizeof(float);
}

static void edge_linears(struct linear_row rows[EDGE_LINEARS], struct dit_edges *e, const struct wan_dit_config *c,
                         enum precision p)
{
    size_t d = c->dim;
    const struct linear_row table[EDGE_LINEARS] = {
        {&e->patch, "patch_embedding", d, 4 * c->in_channels, PRECISION_F32},
        {&e->time_in, "time_embedding.0", d, c->freq_dim, PRECISION_F32},
        {&e->time_out, "time_embedding.2", d, d, PRECISION_F32},
        {&e->time_projection, "time_projection.1", 6 * d, d, PRECISION_F32},
        {&e->text_in, "text_embedding.0", d, c->text_dim, p},
        {&e->text_out, "text_embedding.2", d, d, p},
        {&e->head, "head.head", 4 * c->out_channels, d, PRECISION_F32},
    };
    for (size_t i = 0; i < EDGE_LINEARS; i++)
        rows[i] = table[i];
}

int dit_edges_load(struct dit_edges *edges, const struct compute *compute, const struct weights *weights,
                   const struct wan_dit_config *config, enum precision precision, conch_error *err)
{
    *edges = (struct dit_edges){0};
    struct linear_row linears[EDGE_LINEARS];
    edge_linears(linears, edges, config, precision);
    const struct vector_row vector = {&edges->head_modulation, "head.modulation", 2 * config->dim};
    int rc = linears_load(linears, EDGE_LINEARS, compute, weights, "", err);
    if (rc == 0)
        rc = vectors_load(&vector, 1, weights, "", err);
    if (rc < 0)
        dit_edges_finish(edges);
    return rc;
}

void dit_edges_finish(struct dit_edges *edges)
{
    struct linear_row linears[EDGE_LINEARS];
    const struct wan_dit_config none = {0};
    edge_linears(linears, edges, &none, PRECISION_F32);
    for (size_t i = 0; i < EDGE_LINEARS; i++)
        linear_finish(linears[i].linear);
    free(edges->head_modulation);
    *edges = (struct dit_edges){0};
}

size_t dit_edges_bytes(const struct wan_dit_config *config, enum precision precision)
{
    struct dit_edges edges;
    struct linear_row linears[EDGE_LINEARS];
    edge_linears(linears, &edges, config, precision);
    return linears_bytes(linears, EDGE_LINEARS) + 2 * config->dim * sizeof(float);
}

int dit_cross_load(struct dit_cross *cross, const struct compute *compute, const struct weights *weights,
                   const struct wan_dit_config *config, enum precision precision, size_t index, conch_error *err)
{
    *cross = (struct dit_cross){0};
    size_t d = config->dim;
    const struct linear_row linears[CROSS_LINEARS] = {{&cross->k, "cross_attn.k", d, d, precision},
                                                      {&cross->v, "cross_attn.v", d, d, precision}};
    const struct vector_row vector = {&cross->norm_k, "cross_attn.norm_k.weight", d};
    char prefix[32];
    snprintf(prefix, sizeof prefix, "blocks.%zu.", index);
    int rc = linears_load(linears, CROSS_LINEARS, compute, weights, prefix, err);
    if (rc == 0)
        rc = vectors_load(&vector, 1, weights, prefix, err);
    if (rc < 0)
        dit_cross_finish(cross);
    return rc;
}

void dit_cross_finish(struct dit_cross *cross)
{
    linear_finish(&cross->k);
    linear_finish(&cross->v);
    free(cross->norm_k);
    *cross = (struct dit_cross){0};
}

size_t dit_cross_bytes(const struct wan_dit_config *config, enum precision precision)
{
    return 2 * linear_bytes(config->dim, config->dim, true, precision) + config->dim * sizeof(float);
}
