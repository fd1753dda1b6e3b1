/* The text encoder, and its table of distances. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/umt5.h"
#include "golden.h"
#include "golden_models.h"

static bool is_buckets(const struct vectors *vectors)
{
    return st_find(vectors->file, "in.relative_position") && st_find(vectors->file, "out.bucket");
}

static void buckets_run(const struct vectors *vectors, enum precision precision, struct report *report)
{
    conch_error err;
    size_t buckets, count, want_count;
    if (config_size(vectors->config, "num_buckets", &buckets, &err) < 0) {
        report_error(report, "config", &err);
        return;
    }
    int64_t *distance = integers_read(vectors->file, "in.relative_position", &count);
    int64_t *want = integers_read(vectors->file, "out.bucket", &want_count);
    report_exact(report, distance && want && count == want_count, "in.relative_position and out.bucket do not match");
    for (size_t i = 0; distance && want && i < count && i < want_count; i++) {
        size_t got = umt5_bucket((ptrdiff_t)distance[i], buckets);
        report_exact(report, (int64_t)got == want[i], "distance %lld: bucket %zu, golden %lld", (long long)distance[i],
                     got, (long long)want[i]);
    }
    free(distance);
    free(want);
}

int umt5_config_read(const json_t *json, struct umt5_config *ret, conch_error *err)
{
    int rc;
    if ((rc = config_size(json, "vocab", &ret->vocab, err)) < 0 ||
        (rc = config_size(json, "dim", &ret->dim, err)) < 0 ||
        (rc = config_size(json, "dim_attn", &ret->dim_attn, err)) < 0 ||
        (rc = config_size(json, "dim_ffn", &ret->dim_ffn, err)) < 0 ||
        (rc = config_size(json, "num_heads", &ret->heads, err)) < 0 ||
        (rc = config_size(json, "num_layers", &ret->layers, err)) < 0 ||
        (rc = config_size(json, "num_buckets", &ret->buckets, err)) < 0)
        return rc;
    return CONCH_OK;
}

static bool is_umt5(const struct vectors *vectors)
{
    return st_find(vectors->file, "in.ids") && st_find(vectors->file, "out.context");
}

/* One file: sequences, padded to the same number of slots. */
struct umt5_case {
    const struct vectors *vectors;
    struct report *report;
    double allowed;
    struct umt5_config config;
    struct weights *weights;
    enum precision precision;
    int64_t *ids; /* [sequences][slots] */
    size_t sequences, slots;
    struct values context; /* the kept rows of all sequences, one after another */
    size_t context_rows;   /* of the sequences so far */
};

/* Rows of [sequences][slots][channels] that belong to this sequence, against got [count][channels]. */
static void rows_check(const struct umt5_case *c, const struct values *want, size_t sequence, const float *got,
                       size_t count, size_t channels, const char *name)
{
    if (want->ndim != 3 || want->shape[0] != c->sequences || want->shape[1] != c->slots || want->shape[2] != channels) {
        report_exact(c->report, false, "%s: the golden tensor is not [%zu, %zu, %zu]", name, c->sequences, c->slots,
                     channels);
        return;
    }
    report_check(c->report,
                 &(struct check){.got = got,
                                 .want = want->data + sequence * c->slots * channels,
                                 .count = count * channels,
                                 .allowed = c->allowed,
                                 .ndim = 2,
                                 .shape = (const size_t[]){count, channels}},
                 "sequence%zu.%s", sequence, name);
}

static void captured_check(const struct umt5_case *c, size_t sequence, size_t count, const struct capture *capture)
{
    for (size_t i = 0; i < capture->count; i++) {
        const struct captured *item = &capture->items[i];
        struct values want;
        if (values_read(&want, c->vectors->file, "mid.%s", item->name)) {
            if (item->ndim == 2 && item->shape[0] == count && item->calls == 1)
                rows_check(c, &want, sequence, item->data, count, item->shape[1], item->name);
            else
                report_exact(c->report, false, "%s: the probe's tensor is not [%zu tokens][channels]", item->name,
                             count);
        }
        values_finish(&want);
    }
}

static void sequence_run(struct umt5_case *c, size_t sequence, size_t count)
{
    int32_t *ids = test_alloc(count * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)c->ids[sequence * c->slots + i];
    float *out = test_floats(count * c->config.dim);
    struct capture capture;
    capture_init(&capture);
    struct umt5_job job = {.config = &c->config,
                           .weights = c->weights,
                           .precision = c->precision,
                           .ids = ids,
                           .count = count,
                           .probe = &capture.probe};
    conch_error err;
    if (umt5_encode(&c->vectors->golden->compute, &job, out, &err) < 0) {
        report_error(c->report, "encode", &err);
        goto out;
    }
    captured_check(c, sequence, count, &capture);
    report_offered(c->report, c->vectors->file, &capture);
    struct values hidden;
    if (values_read(&hidden, c->vectors->file, "out.hidden"))
        rows_check(c, &hidden, sequence, out, count, c->config.dim, "out.hidden");
    values_finish(&hidden);
    if ((c->context_rows + count) * c->config.dim <= c->context.count)
        report_check(c->report,
                     &(struct check){.got = out,
                                     .want = c->context.data + c->context_rows * c->config.dim,
                                     .count = count * c->config.dim,
                                     .allowed = c->allowed,
                                     .ndim = 2,
                                     .shape = (const size_t[]){count, c->config.dim}},
                     "sequence%zu.out.context", sequence);
    c->context_rows += count;
out:
    capture_finish(&capture);
    free(out);
    free(ids);
}

static size_t tokens_of(const struct umt5_case *c, const int64_t *mask, size_t sequence)
{
    size_t count = 0;
    while (count < c->slots && (!mask || mask[sequence * c->slots + count]))
        count++;
    return count;
}

static void umt5_run(const struct vectors *vectors, enum precision precision, struct report *report)
{
    struct umt5_case c = {.vectors = vectors,
                          .report = report,
                          .precision = precision,
                          .allowed = precision == PRECISION_F32 ? ALLOWED_FP32 : ALLOWED_BF16};
    const struct st_tensor *ids = st_find(vectors->file, "in.ids");
    size_t mask_count = 0;
    int64_t *mask = integers_read(vectors->file, "in.mask", &mask_count);
    json_t *config = NULL;
    conch_error err;
    if (vectors_weights(vectors, NULL, &c.weights, &err) < 0) {
        report_error(report, "weights", &err);
        goto out;
    }
    config = vectors_config(vectors, NULL, c.weights);
    if (umt5_config_read(config, &c.config, &err) < 0) {
        report_error(report, "config", &err);
        goto out;
    }
    c.ids = integers_read(vectors->file, "in.ids", NULL);
    if (!c.ids || ids->ndim != 2 || (mask && mask_count != st_elements(ids))) {
        report_exact(report, false, "in.ids is not [sequences, slots], or in.mask differs from it");
        goto out;
    }
    c.sequences = (size_t)ids->shape[0];
    c.slots = (size_t)ids->shape[1];
    values_read(&c.context, vectors->file, "out.context");
    for (size_t i = 0; i < c.sequences; i++)
        sequence_run(&c, i, tokens_of(&c, mask, i));
    report_exact(report, c.context_rows * c.config.dim == c.context.count, "out.context: %zu rows, golden %zu values",
                 c.context_rows, c.context.count);
out:
    json_decref(config);
    values_finish(&c.context);
    free(c.ids);
    free(mask);
    weights_close(c.weights);
}

const struct golden_kind golden_kinds_umt5[] = {
    {.name = "umt5 buckets", .matches = is_buckets, .run = buckets_run},
    {.name = "umt5", .matches = is_umt5, .run = umt5_run, .precision_matters = true},
    {0}};
