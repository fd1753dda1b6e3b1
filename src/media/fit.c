#include "media/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/wire.h"

/* Filter weights are integers of this many fractional bits: 8 bits of pixel, and two spare for the filter's overshoot,
 * stay below 32. Pillow's choice, and part of the result. */
enum { WEIGHT_BITS = 32 - 8 - 2, LOBES = 3 };

/* For each output position of one axis: which input positions count, and how much. */
struct taps {
    int count;       /* output positions */
    int span;        /* weights kept for each */
    int *first;      /* [count] first input position */
    int *used;       /* [count] how many, at most span */
    int32_t *weight; /* [count][span] */
};

static double sinc(double x)
{
    x *= M_PI;
    return x == 0.0 ? 1.0 : sin(x) / x;
}

static double lanczos(double x)
{
    return x >= -LOBES && x < LOBES ? sinc(x) * sinc(x / LOBES) : 0.0;
}

static void taps_finish(struct taps *taps)
{
    free(taps->first);
    free(taps->used);
    free(taps->weight);
    *taps = (struct taps){0};
}

static int32_t weight_round(double weight)
{
    double scaled = weight * (1 << WEIGHT_BITS);
    return (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* Fills one row of weights; scratch holds span doubles. */
static void taps_row(struct taps *taps, int row, double center, double stretch, int in_size, double *scratch)
{
    double support = LOBES * stretch, sum = 0.0;
    int first = (int)(center - support + 0.5), last = (int)(center + support + 0.5);
    first = first < 0 ? 0 : first;
    last = last > in_size ? in_size : last;
    int used = last - first;
    for (int i = 0; i < used; i++) {
        scratch[i] = lanczos((i + first - center + 0.5) * (1.0 / stretch));
        sum += scratch[i];
    }
    int32_t *weight = taps->weight + (size_t)row * (size_t)taps->span;
    for (int i = 0; i < used; i++)
        weight[i] = weight_round(sum != 0.0 ? scratch[i] / sum : scratch[i]);
    taps->first[row] = first;
    taps->used[row] = used;
}

/* Weights for output positions begin .. begin + count - 1 of an axis scaled from in_size to out_size. */
static int taps_init(struct taps *taps, int in_size, int out_size, int begin, int count, conch_error *err)
{
    double scale = (double)in_size / out_size;
    double stretch = scale < 1.0 ? 1.0 : scale;
    *taps = (struct taps){.count = count, .span = (int)ceil(LOBES * stretch) * 2 + 1};
    taps->first = calloc((size_t)count, sizeof *taps->first);
    taps->used = calloc((size_t)count, sizeof *taps->used);
    taps->weight = calloc((size_t)count * (size_t)taps->span, sizeof *taps->weight);
    double *scratch = calloc((size_t)taps->span, sizeof *scratch);
    int rc = 0;
    if (!taps->first || !taps->used || !taps->weight || !scratch)
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory to scale a picture");
    for (int i = 0; rc == 0 && i < count; i++)
        taps_row(taps, i, (begin + i + 0.5) * scale, stretch, in_size, scratch);
    free(scratch);
    return rc;
}

static uint8_t level(int32_t sum)
{
    int32_t value = sum >> WEIGHT_BITS; /* arithmetic shift: rounds down, the half was added before */
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* One output pixel: the weighted sum of used pixels that lie stride bytes apart. */
static void pixel_sum(uint8_t *out, const uint8_t *in, size_t stride, const int32_t *weight, int used)
{
    int32_t r = 1 << (WEIGHT_BITS - 1), g = r, b = r;
    for (int i = 0; i < used; i++, in += stride) {
        r += in[0] * weight[i];
        g += in[1] * weight[i];
        b += in[2] * weight[i];
    }
    out[0] = level(r);
    out[1] = level(g);
    out[2] = level(b);
}

static void scale_across(uint8_t *out, const uint8_t *in, int in_width, int rows, const struct taps *taps)
{
    for (int y = 0; y < rows; y++, in += (size_t)in_width * 3)
        for (int x = 0; x < taps->count; x++, out += 3)
            pixel_sum(out, in + (size_t)taps->first[x] * 3, 3, taps->weight + (size_t)x * (size_t)taps->span,
                      taps->used[x]);
}

/* in begins with the input row first_row. */
static void scale_down(uint8_t *out, const uint8_t *in, int width, int first_row, const struct taps *taps)
{
    size_t stride = (size_t)width * 3;
    for (int y = 0; y < taps->count; y++)
        for (int x = 0; x < width; x++, out += 3)
            pixel_sum(out, in + (size_t)(taps->first[y] - first_row) * stride + (size_t)x * 3, stride,
                      taps->weight + (size_t)y * (size_t)taps->span, taps->used[y]);
}

static int side_check(const char *name, struct fit_size size, conch_error *err)
{
    if (size.width < 1 || size.height < 1 || size.width > MEDIA_SIDE_MAX || size.height > MEDIA_SIDE_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s: %dx%d pixels is not allowed (1 to %d a side)", name,
                               size.width, size.height, MEDIA_SIDE_MAX);
    return 0;
}

int fit_cover(uint8_t *ret_rgb, struct fit_size target, const uint8_t *rgb, struct fit_size picture, conch_error *err)
{
    struct taps across = {0}, down = {0};
    uint8_t *middle = NULL;
    int rc = side_check("picture", picture, err);
    if (rc == 0)
        rc = side_check("target", target, err);
    if (rc < 0)
        return rc;
    double scale = fmax((double)target.width / picture.width, (double)target.height / picture.height);
    int width = (int)rint(picture.width * scale), height = (int)rint(picture.height * scale); /* halves to even */
    width = width < target.width ? target.width : width;
    height = height < target.height ? target.height : height;
    rc = taps_init(&across, picture.width, width, (width - target.width) / 2, target.width, err);
    if (rc == 0)
        rc = taps_init(&down, picture.height, height, (height - target.height) / 2, target.height, err);
    if (rc < 0)
        goto out;
    /* An axis that keeps its size has the weights 0 1 0, so running its pass changes nothing. */
    int first_row = down.first[0];
    int last_row = down.first[target.height - 1] + down.used[target.height - 1];
    middle = malloc((size_t)(last_row - first_row) * (size_t)target.width * 3);
    if (!middle) {
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory to scale a picture");
        goto out;
    }
    scale_across(middle, rgb + (size_t)first_row * (size_t)picture.width * 3, picture.width, last_row - first_row,
                 &across);
    scale_down(ret_rgb, middle, target.width, first_row, &down);
out:
    free(middle);
    taps_finish(&across);
    taps_finish(&down);
    return rc;
}

static int64_t down_to(double value, int step)
{
    return (int64_t)floor(value / step) * step;
}

static double ratio_miss(double ratio, struct fit_size size)
{
    double other = (double)size.width / size.height;
    return fmax(ratio / other, other / ratio);
}

int fit_best_size(struct fit_size *ret_size, struct fit_size picture, struct fit_size step, int64_t area,
                  conch_error *err)
{
    if (picture.width < 1 || picture.height < 1 || step.width < 1 || step.height < 1 || area < 1 ||
        area > (int64_t)MEDIA_PIXELS_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "size: a picture of %dx%d in steps of %dx%d with %lld pixels is not allowed (each at "
                               "least 1, at most %lld pixels)",
                               picture.width, picture.height, step.width, step.height, (long long)area,
                               (long long)MEDIA_PIXELS_MAX);
    double ratio = (double)picture.width / picture.height;
    double width = sqrt((double)area * ratio), height = (double)area / width;
    struct fit_size by_width = {.width = (int)down_to(width, step.width)};
    struct fit_size by_height = {.height = (int)down_to(height, step.height)};
    if (by_width.width > 0)
        by_width.height = (int)down_to((double)area / by_width.width, step.height);
    if (by_height.height > 0)
        by_height.width = (int)down_to((double)area / by_height.height, step.width);
    int width_usable = by_width.width > 0 && by_width.height > 0;
    int height_usable = by_height.width > 0 && by_height.height > 0;
    if (!width_usable && !height_usable)
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "size: a picture of %dx%d is too long and thin for %lld pixels in steps of %dx%d",
                               picture.width, picture.height, (long long)area, step.width, step.height);
    if (width_usable && (!height_usable || ratio_miss(ratio, by_width) < ratio_miss(ratio, by_height)))
        *ret_size = by_width;
    else
        *ret_size = by_height;
    return 0;
}
