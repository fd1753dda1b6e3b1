/* The video transformer, its rotary tables and its timestep embedding. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "golden.h"
#include "golden_models.h"

/* ---- tables ---- */

static bool is_tables(const struct vectors *vectors)
{
    bool found = st_find(vectors->file, "in.sinusoid_t") != NULL;
    for (size_t i = 0; i < st_count(vectors->file) && !found; i++)
        found = strstr(st_at(vectors->file, i)->name, ".freq_cos") != NULL;
    return found;
}

/* hdN.in.q [tokens][heads][N] rotated by the table of the grid against hdN.out.q. */
static void rotation_check(const struct vectors *vectors, const char *prefix, struct report *report)
{
    struct values q, grid;
    char name[64];
    bool given = values_read(&q, vectors->file, "%s.in.q", prefix);
    given &= values_read(&grid, vectors->file, "in.%s.grid", prefix);
    if (!given || q.ndim != 3 || grid.count != 3 || q.shape[0] != grid.data[0] * grid.data[1] * grid.data[2]) {
        report_exact(report, false, "%s: q or its grid is missing, or they do not match", prefix);
    } else {
        size_t tokens = q.shape[0], heads = q.shape[1], d = q.shape[2];
        float *table = test_floats(tokens * d);
        wan_dit_rope(table, d, (size_t)grid.data[0], (size_t)grid.data[1], (size_t)grid.data[2]);
        for (size_t i = 0; i < tokens * heads * d; i += 2) {
            const float *turn = table + i / (heads * d) * d + i % d;
            float a = q.data[i], b = q.data[i + 1];
            q.data[i] = a * turn[0] - b * turn[1];
            q.data[i + 1] = a * turn[1] + b * turn[0];
        }
        snprintf(name, sizeof name, "%s.out.q", prefix);
        report_tensor(report, vectors->file, name, q.data, q.count, ALLOWED_FP32);
        free(table);
    }
    values_finish(&q);
    values_finish(&grid);
}

/* hdN.freq_cos and .freq_sin [positions][N / 2]: what a position's pairs turn by on each axis. */
static void angles_check(const struct vectors *vectors, const char *prefix, struct report *report)
{
    struct values cosines;
    char name[64];
    if (values_read(&cosines, vectors->file, "%s.freq_cos", prefix) && cosines.ndim == 2) {
        size_t positions = cosines.shape[0], pairs = cosines.shape[1];
        size_t height_pairs = pairs / 3, frame_pairs = pairs - 2 * height_pairs;
        float *got_cos = test_floats(cosines.count), *got_sin = test_floats(cosines.count);
        /* grids that are long along one axis: position p of the other axes is never reached, so each gives its part */
        for (int axis = 0; axis < 3; axis++) {
            float *table = test_floats(positions * 2 * pairs);
            wan_dit_rope(table, 2 * pairs, axis == 0 ? positions : 1, axis == 1 ? positions : 1,
                         axis == 2 ? positions : 1);
            size_t first = axis == 0 ? 0 : frame_pairs + (axis == 2 ? height_pairs : 0);
            size_t count = axis == 0 ? frame_pairs : height_pairs;
            for (size_t p = 0; p < positions; p++)
                for (size_t j = first; j < first + count; j++) {
                    got_cos[p * pairs + j] = table[(p * pairs + j) * 2];
                    got_sin[p * pairs + j] = table[(p * pairs + j) * 2 + 1];
                }
            free(table);
        }
        snprintf(name, sizeof name, "%s.freq_cos", prefix);
        report_tensor(report, vectors->file, name, got_cos, cosines.count, ALLOWED_FP32);
        snprintf(name, sizeof name, "%s.freq_sin", prefix);
        report_tensor(report, vectors->file, name, got_sin, cosines.count, ALLOWED_FP32);
        free(got_cos);
        free(got_sin);
    }
    values_finish(&cosines);
}

static void tables_run(const struct vectors *vectors, enum precision precision, struct report *report)
{
    struct values times, sinusoid;
    for (size_t i = 0; i < st_count(vectors->file); i++) {
        char prefix[32];
        const char *name = st_at(vectors->file, i)->name, *end = strstr(name, ".in.q");
        if (!end || (size_t)(end - name) >= sizeof prefix)
            continue;
        snprintf(prefix, sizeof prefix, "%.*s", (int)(end - name), name);
        angles_check(vectors, prefix, report);
        rotation_check(vectors, prefix, report);
    }
    bool given = values_read(&times, vectors->file, "in.sinusoid_t");
    given &= values_read(&sinusoid, vectors->file, "sinusoid");
    if (given && sinusoid.count > 0 && sinusoid.count % times.count == 0) {
        size_t width = sinusoid.count / times.count;
        float *got = test_floats(sinusoid.count);
        for (size_t i = 0; i < times.count; i++)
            wan_dit_sinusoid(got + i * width, width, times.data[i]);
        report_tensor(report, vectors->file, "sinusoid", got, sinusoid.count, ALLOWED_FP32);
        free(got);
    }
    values_finish(&times);
    values_finish(&sinusoid);
}

/* ---- the network ---- */

int wan_dit_config_read(const json_t *json, struct wan_dit_config *ret, conch_error *err)
{
    int rc;
    if ((rc = config_size(json, "dim", &ret->dim, err)) < 0 ||
        (rc = config_size(json, "num_heads", &ret->heads, err)) < 0 ||
        (rc = config_size(json, "num_layers", &ret->layers, err)) < 0 ||
        (rc = config_size(json, "ffn_dim", &ret->ffn, err)) < 0 ||
        (rc = config_size(json, "in_dim", &ret->in_channels, err)) < 0 ||
        (rc = config_size(json, "out_dim", &ret->out_channels, err)) < 0 ||
        (rc = config_size(json, "text_dim", &ret->text_dim, err)) < 0 ||
        (rc = config_size(json, "text_len", &ret->text_len, err)) < 0 ||
        (rc = config_size(json, "freq_dim", &ret->freq_dim, err)) < 0)
        return rc;
    const json_t *eps = json_object_get(json, "eps");
    ret->eps = json_is_number(eps) ? (float)json_number_value(eps) : 1e-6f;
    return CONCH_OK;
}

static bool is_transformer(const struct vectors *vectors)
{
    return st_find(vectors->file, "in.x") && st_find(vectors->file, "in.t") && st_find(vectors->file, "out.velocity");
}

static bool is_with_clip(const struct vectors *vectors)
{
    return is_transformer(vectors) && st_find(vectors->file, "in.clip_fea");
}

static bool is_with_vace(const struct vectors *vectors)
{
    return is_transformer(vectors) && st_find(vectors->file, "in.vace_context");
}

struct dit_case {
    const struct vectors *vectors;
    struct report *report;
    double allowed;
    struct wan_dit_config config;
    struct values x, context;
    size_t tokens, tokens_per_frame;
    float times[WAN_DIT_TIMES_MAX];
    size_t time_count;
    uint8_t *frame_time;
};

/* in.t: one time, or one for each token, which must be the same within a frame. */
static bool times_read(struct dit_case *c)
{
    struct values t;
    bool ok = values_read(&t, c->vectors->file, "in.t") && t.count > 0;
    bool one = t.count == 1;
    c->frame_time = test_alloc(c->x.shape[1]);
    report_exact(c->report, one || t.count >= c->tokens, "in.t: %zu times for %zu tokens", t.count, c->tokens);
    if (!ok || !(one || t.count >= c->tokens))
        goto fail;
    for (size_t i = 0; i < c->tokens; i++) {
        float time = t.data[one ? 0 : i];
        size_t index = 0, frame = i / c->tokens_per_frame;
        while (index < c->time_count && c->times[index] != time)
            index++;
        if (index == WAN_DIT_TIMES_MAX || (i % c->tokens_per_frame > 0 && index != c->frame_time[frame])) {
            report_skip(c->report, "in.t has more than %d times, or different ones within a frame", WAN_DIT_TIMES_MAX);
            goto fail;
        }
        if (index == c->time_count)
            c->times[c->time_count++] = time;
        c->frame_time[frame] = (uint8_t)index;
    }
    values_finish(&t);
    return true;
fail:
    values_finish(&t);
    return false;
}

/* The row of a captured tensor that stands for row i of the golden one. */
static size_t row_of(const struct dit_case *c, const struct captured *item, size_t i)
{
    if (!strncmp(item->name, "time_", 5)) /* one row a distinct time; golden: one row, or one a token */
        return c->frame_time[size_min(i, c->tokens - 1) / c->tokens_per_frame];
    if (!strcmp(item->name, "text_embedding")) /* all padding rows are equal, and only one is computed */
        return size_min(i, item->shape[0] - 1);
    return i;
}

static void captured_check(const struct dit_case *c, const struct captured *item)
{
    struct values want;
    if (values_read(&want, c->vectors->file, "mid.%s", item->name)) {
        size_t channels = want.ndim > 0 ? want.shape[want.ndim - 1] : 0;
        size_t rows = channels ? want.count / channels : 0;
        bool of_tokens = strcmp(item->name, "text_embedding") != 0;
        if (of_tokens) /* rows beyond the tokens are padding, which we never compute */
            rows = size_min(rows, c->tokens);
        bool fits = item->ndim == 2 && item->shape[1] == channels && item->calls == 1;
        for (size_t i = 0; i < rows && fits; i++)
            fits = row_of(c, item, i) < item->shape[0];
        if (fits) {
            float *got = test_floats(rows * channels);
            for (size_t i = 0; i < rows; i++)
                memcpy(got + i * channels, item->data + row_of(c, item, i) * channels, channels * sizeof *got);
            report_check(c->report,
                         &(struct check){.got = got,
                                         .want = want.data,
                                         .count = rows * channels,
                                         .allowed = c->allowed,
                                         .ndim = 2,
                                         .shape = (const size_t[]){rows, channels}},
                         "%s", item->name);
            free(got);
        } else {
            report_exact(c->report, false, "%s: the probe gave [%zu, %zu] (%zu times), golden has %zu rows of %zu",
                         item->name, item->shape[0], item->ndim > 1 ? item->shape[1] : 0, item->calls, rows, channels);
        }
    }
    values_finish(&want);
}

static void forward_run(struct dit_case *c, struct wan_dit *dit)
{
    struct wan_dit_context *context = NULL;
    struct capture capture;
    conch_error err;
    size_t count = c->config.out_channels * c->x.shape[1] * c->x.shape[2] * c->x.shape[3];
    float *velocity = test_floats(count);
    capture_init(&capture);
    struct wan_dit_input input = {.latent = c->x.data,
                                  .time_count = c->time_count,
                                  .frame_time = c->time_count > 1 ? c->frame_time : NULL,
                                  .probe = &capture.probe};
    memcpy(input.times, c->times, sizeof c->times);
    if (wan_dit_context_create(&context, dit, c->context.data, c->context.shape[0], &capture.probe, &err) < 0 ||
        wan_dit_forward(dit, context, &input, velocity, &err) < 0) {
        report_error(c->report, "forward", &err);
    } else {
        for (size_t i = 0; i < capture.count; i++)
            captured_check(c, &capture.items[i]);
        report_offered(c->report, c->vectors->file, &capture);
        report_tensor(c->report, c->vectors->file, "out.velocity", velocity, count, c->allowed);
    }
    wan_dit_context_destroy(context);
    capture_finish(&capture);
    free(velocity);
}

/* in.y: condition channels of image-to-video, behind those of the latent. */
static void condition_join(struct dit_case *c)
{
    struct values y;
    if (values_read(&y, c->vectors->file, "in.y") && y.ndim == 4 &&
        !memcmp(y.shape + 1, c->x.shape + 1, 3 * sizeof *y.shape)) {
        float *joined = test_floats(c->x.count + y.count);
        memcpy(joined, c->x.data, c->x.count * sizeof *joined);
        memcpy(joined + c->x.count, y.data, y.count * sizeof *joined);
        free(c->x.data);
        c->x.data = joined;
        c->x.count += y.count;
        c->x.shape[0] += y.shape[0];
    }
    values_finish(&y);
}

static bool inputs_read(struct dit_case *c)
{
    bool ok = values_read(&c->x, c->vectors->file, "in.x") && values_read(&c->context, c->vectors->file, "in.context");
    ok = ok && c->x.ndim == 4 && c->context.ndim == 2;
    if (ok)
        condition_join(c);
    ok = ok && c->x.shape[0] == c->config.in_channels && c->context.shape[1] == c->config.text_dim;
    report_exact(c->report, ok, "in.x is not [%zu, frames, height, width] or in.context not [rows, %zu]",
                 c->config.in_channels, c->config.text_dim);
    if (!ok)
        return false;
    c->tokens_per_frame = c->x.shape[2] / 2 * (c->x.shape[3] / 2);
    c->tokens = c->tokens_per_frame * c->x.shape[1];
    return c->tokens > 0 && times_read(c);
}

/* Blocks packed once and kept, or packed for every pass: both must give the golden values. */
static void dit_run_as(const struct vectors *vectors, enum precision precision, struct report *report, bool streamed)
{
    struct dit_case c = {
        .vectors = vectors, .report = report, .allowed = precision == PRECISION_F32 ? ALLOWED_FP32 : ALLOWED_BF16};
    struct weights *weights = NULL;
    struct wan_dit *dit = NULL;
    json_t *config = NULL;
    conch_error err;
    if (vectors_weights(vectors, NULL, &weights, &err) < 0) {
        report_error(report, "weights", &err);
        goto out;
    }
    config = vectors_config(vectors, NULL, weights);
    if (wan_dit_config_read(config, &c.config, &err) < 0) {
        report_error(report, "config", &err);
        goto out;
    }
    if (!inputs_read(&c))
        goto out;
    struct wan_dit_options options = {
        .shape = {.frames = c.x.shape[1], .height = c.x.shape[2], .width = c.x.shape[3]},
        .precision = precision,
        .streamed = streamed,
        .context_rows_max = c.context.shape[0],
    };
    if (wan_dit_create(&dit, &vectors->golden->compute, weights, &c.config, &options, &err) < 0)
        report_error(report, "create", &err);
    else
        forward_run(&c, dit);
out:
    wan_dit_destroy(dit);
    json_decref(config);
    values_finish(&c.x);
    values_finish(&c.context);
    free(c.frame_time);
    weights_close(weights);
}

static void dit_run(const struct vectors *vectors, enum precision precision, struct report *report)
{
    dit_run_as(vectors, precision, report, false);
    if (!report->skip[0] && !report->difference[0])
        dit_run_as(vectors, precision, report, true);
}

const struct golden_kind golden_kinds_dit[] = {
    {.name = "rotary and timestep tables", .matches = is_tables, .run = tables_run},
    {.name = "transformer with a CLIP branch",
     .matches = is_with_clip,
     .reason = "image rows in cross-attention are not built"},
    {.name = "transformer with VACE blocks", .matches = is_with_vace, .reason = "VACE blocks are not built"},
    {.name = "transformer", .matches = is_transformer, .run = dit_run, .precision_matters = true},
    {0}};
