#include "server/backend/frames.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TAPS = 4, WEIGHT_BITS = 14, SLOWEST = 2 };

/* The source pixels one target pixel is made of, along one axis. */
struct taps {
    int first[TAPS]; /* clamped to the source */
    int16_t weight[TAPS];
};

struct frames_scaler {
    struct frames source;
    struct frames_target target;
    struct taps *across, *down;
    uint8_t *blend; /* one source frame */
    int16_t *wide;  /* source rows at the target's width */
};

static int16_t fixed(double weight)
{
    return (int16_t)lrint(weight * (1 << WEIGHT_BITS));
}

/* length target pixels cover span source pixels from start. */
static void taps_fill(struct taps *taps, int length, double start, double span, int source_length)
{
    for (int i = 0; i < length; i++) {
        const double at = start + (i + 0.5) * span / length - 0.5, base = floor(at), t = at - base;
        const double weight[TAPS] = {((-0.5 * t + 1) * t - 0.5) * t, (1.5 * t - 2.5) * t * t + 1,
                                     ((-1.5 * t + 2) * t + 0.5) * t, (0.5 * t - 0.5) * t * t};
        int sum = 0;
        for (int k = 0; k < TAPS; k++) {
            const int place = (int)base - 1 + k;
            taps[i].first[k] = place < 0 ? 0 : place >= source_length ? source_length - 1 : place;
            taps[i].weight[k] = fixed(weight[k]);
            sum += taps[i].weight[k];
        }
        taps[i].weight[1] = (int16_t)(taps[i].weight[1] + (1 << WEIGHT_BITS) - sum); /* one colour stays that colour */
    }
}

int frames_scaler_create(struct frames_scaler **ret_scaler, const struct frames *source,
                         const struct frames_target *target, conch_error *err)
{
    assert(source->width > 0 && source->height > 0 && source->count > 0 && source->fps > 0);
    assert(target->width > 0 && target->height > 0 && target->count > 0 && target->fps > 0);
    struct frames_scaler *s = calloc(1, sizeof *s);
    const size_t frame_bytes = (size_t)source->width * (size_t)source->height * 3;
    if (s) {
        s->source = *source;
        s->target = *target;
        s->across = calloc((size_t)target->width, sizeof *s->across);
        s->down = calloc((size_t)target->height, sizeof *s->down);
        s->blend = malloc(frame_bytes);
        s->wide = malloc(sizeof *s->wide * 3 * (size_t)target->width * (size_t)source->height);
    }
    if (!s || !s->across || !s->down || !s->blend || !s->wide) {
        frames_scaler_destroy(s);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to scale frames to %dx%d", target->width,
                               target->height);
    }
    double span_x = source->width, span_y = source->height;
    if (!target->whole && span_x * target->height > span_y * target->width)
        span_x = span_y * target->width / target->height;
    else if (!target->whole)
        span_y = span_x * target->height / target->width;
    taps_fill(s->across, target->width, (source->width - span_x) / 2, span_x, source->width);
    taps_fill(s->down, target->height, (source->height - span_y) / 2, span_y, source->height);
    *ret_scaler = s;
    return 0;
}

void frames_scaler_destroy(struct frames_scaler *scaler)
{
    if (!scaler)
        return;
    free(scaler->across);
    free(scaler->down);
    free(scaler->blend);
    free(scaler->wide);
    free(scaler);
}

double frames_position(const struct frames *source, const struct frames_target *target, int index)
{
    const double last = source->count - 1;
    const double along = target->count > 1 ? (double)index / (target->count - 1) : 0;
    const double slower = (double)target->count * source->fps / ((double)source->count * target->fps);
    double at;
    if (target->ends)
        at = along * last;
    else if (slower <= 1)
        at = fmin((double)index * source->fps / target->fps, last); /* its own speed; what is left over is not shown */
    else {
        const double passes = ceil(slower / SLOWEST), pass = fmod(along * passes, 2);
        at = (pass <= 1 ? pass : 2 - pass) * last;
    }
    return target->reversed ? last - at : at;
}

static const uint8_t *blend(struct frames_scaler *s, double position)
{
    const size_t bytes = (size_t)s->source.width * (size_t)s->source.height * 3;
    const int frame = (int)position;
    const int part = (int)lrint((position - frame) * 256);
    const uint8_t *a = s->source.rgb + (size_t)frame * bytes;
    if (part == 0 || frame + 1 >= s->source.count)
        return a;
    const uint8_t *b = a + bytes;
    for (size_t i = 0; i < bytes; i++)
        s->blend[i] = (uint8_t)((a[i] * (256 - part) + b[i] * part + 128) >> 8);
    return s->blend;
}

static void widen_row(const struct frames_scaler *s, const uint8_t *row, int16_t *ret)
{
    for (int x = 0; x < s->target.width; x++) {
        const struct taps *t = &s->across[x];
        for (int c = 0; c < 3; c++) {
            int sum = 1 << (WEIGHT_BITS - 1);
            for (int k = 0; k < TAPS; k++)
                sum += t->weight[k] * row[3 * t->first[k] + c];
            ret[3 * x + c] = (int16_t)(sum >> WEIGHT_BITS);
        }
    }
}

static void mix_rows(const int16_t *const rows[TAPS], const int16_t weight[TAPS], size_t count, uint8_t *ret)
{
    const int16_t *restrict a = rows[0], *restrict b = rows[1], *restrict c = rows[2], *restrict d = rows[3];
    for (size_t i = 0; i < count; i++) {
        int sum = (a[i] * weight[0] + b[i] * weight[1] + c[i] * weight[2] + d[i] * weight[3] +
                   (1 << (WEIGHT_BITS - 1))) >>
                  WEIGHT_BITS;
        sum = sum < 0 ? 0 : sum;
        ret[i] = (uint8_t)(sum > 255 ? 255 : sum);
    }
}

static void scale(struct frames_scaler *s, const uint8_t *rgb, uint8_t *ret_rgb)
{
    const size_t row = (size_t)s->target.width * 3;
    for (int y = 0; y < s->source.height; y++)
        widen_row(s, rgb + (size_t)y * (size_t)s->source.width * 3, s->wide + (size_t)y * row);
    for (int y = 0; y < s->target.height; y++) {
        const struct taps *t = &s->down[y];
        const int16_t *rows[TAPS];
        for (int k = 0; k < TAPS; k++)
            rows[k] = s->wide + (size_t)t->first[k] * row;
        mix_rows(rows, t->weight, row, ret_rgb + (size_t)y * row);
    }
}

void frames_scaler_make(struct frames_scaler *scaler, int index, uint8_t *ret_rgb)
{
    assert(index >= 0 && index < scaler->target.count);
    scale(scaler, blend(scaler, frames_position(&scaler->source, &scaler->target, index)), ret_rgb);
}

/* Half the size at a time first: four taps see too little of a large picture. */
static int halve(const struct frames *picture, struct frames *ret, uint8_t **ret_owned, conch_error *err)
{
    const int width = picture->width / 2, height = picture->height / 2;
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    if (!rgb)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to scale a picture of %dx%d", picture->width,
                               picture->height);
    const size_t row = (size_t)picture->width * 3;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (size_t c = 0; c < 3; c++) {
                const uint8_t *at = picture->rgb + (size_t)y * 2 * row + (size_t)x * 6 + c;
                rgb[((size_t)y * (size_t)width + (size_t)x) * 3 + c] =
                    (uint8_t)((at[0] + at[3] + at[row] + at[row + 3] + 2) / 4);
            }
    *ret = (struct frames){.rgb = rgb, .width = width, .height = height, .count = 1, .fps = 1};
    *ret_owned = rgb;
    return 0;
}

int frames_squash(uint8_t *ret_rgb, int width, int height, const struct frames *picture, conch_error *err)
{
    struct frames small = *picture;
    const struct frames_target target = {.width = width, .height = height, .count = 1, .fps = 1, .whole = true};
    struct frames_scaler *scaler = NULL;
    uint8_t *owned = NULL;
    int rc = 0;
    while (rc == 0 && small.width >= 2 * width && small.height >= 2 * height) {
        uint8_t *half = NULL;
        rc = halve(&small, &small, &half, err);
        if (rc == 0) {
            free(owned);
            owned = half;
        }
    }
    small.count = small.fps = 1;
    if (rc == 0)
        rc = frames_scaler_create(&scaler, &small, &target, err);
    if (rc == 0)
        frames_scaler_make(scaler, 0, ret_rgb);
    frames_scaler_destroy(scaler);
    free(owned);
    return rc;
}
