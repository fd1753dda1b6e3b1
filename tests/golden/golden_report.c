/* What was compared and what came of it; what a probe delivers. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

/* "[2, 17] of [45, 80]": where an element lies. */
static void place_text(char *text, size_t bytes, size_t index, int ndim, const size_t *shape)
{
    size_t at[ST_DIMS_MAX], used = 0;
    for (int i = ndim - 1; i >= 0; i--) {
        at[i] = index % shape[i];
        index /= shape[i];
    }
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < ndim && used < bytes; i++)
            used += (size_t)snprintf(text + used, bytes - used, "%s%zu%s",
                                     i      ? ", "
                                     : pass ? " of ["
                                            : "[",
                                     pass ? shape[i] : at[i], i + 1 == ndim ? "]" : "");
}

static size_t worst_index(const struct check *check)
{
    size_t worst = 0;
    double most = -1;
    for (size_t i = 0; i < check->count; i++) {
        double d = fabs((double)check->got[i] - (double)check->want[i]);
        if (isnan(d) && !(isnan(check->got[i]) && isnan(check->want[i])))
            return i;
        if (d > most) {
            most = d;
            worst = i;
        }
    }
    return worst;
}

static void difference_note(struct report *report, const struct check *check, const char *name,
                            const struct difference *difference)
{
    char place[256] = "";
    size_t index = worst_index(check);
    if (check->ndim > 0)
        place_text(place, sizeof place, index, check->ndim, check->shape);
    else
        snprintf(place, sizeof place, "%zu of %zu", index, check->count);
    snprintf(report->difference, sizeof report->difference,
             "%s: rel %.2e (allowed %.0e), max abs %.2e at %s: %.9g, golden %.9g", name, difference->rel,
             check->allowed, difference->max_abs, place, check->count ? check->got[index] : 0.0f,
             check->count ? check->want[index] : 0.0f);
}

void report_check(struct report *report, const struct check *check, const char *name_format, ...)
{
    char name[160];
    va_list args;
    va_start(args, name_format);
    vsnprintf(name, sizeof name, name_format, args);
    va_end(args);

    struct difference difference = difference_of(check->got, check->want, check->count);
    double share = difference.rel / check->allowed;
    bool bad = !(share <= 1);
    if (report->checks++ == 0 || share > report->worst_share) {
        report->worst_share = share;
        report->worst_rel = difference.rel;
        report->worst_allowed = check->allowed;
        report->worst_max_abs = difference.max_abs;
        snprintf(report->worst, sizeof report->worst, "%.127s", name);
    }
    if (bad && !report->difference[0])
        difference_note(report, check, name, &difference);
    if (report->golden->options.verbose)
        printf("     %s %-28s %-4s  rel %.1e (allowed %.0e)  max abs %.1e\n", bad ? "!" : " ", name, report->precision,
               difference.rel, check->allowed, difference.max_abs);
}

void report_tensor(struct report *report, const struct st_file *file, const char *name, const float *got, size_t count,
                   double allowed)
{
    struct values want;
    if (!values_read(&want, file, "%s", name))
        return;
    report_exact(report, want.count == count, "%s: %zu values, golden %zu", name, count, want.count);
    if (want.count == count)
        report_check(report,
                     &(struct check){.got = got,
                                     .want = want.data,
                                     .count = count,
                                     .allowed = allowed,
                                     .ndim = want.ndim,
                                     .shape = want.shape},
                     "%s", name);
    values_finish(&want);
}

void report_exact(struct report *report, bool holds, const char *format, ...)
{
    report->checks++;
    if (holds)
        return;
    report->worst_share = INFINITY;
    if (report->difference[0])
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(report->difference, sizeof report->difference, format, args);
    va_end(args);
}

void report_error(struct report *report, const char *what, const conch_error *err)
{
    report_exact(report, false, "%s: %s (%s)", what, err->text, conch_error_word(err->code));
}

void report_frames(struct report *report, const uint8_t *got, const uint8_t *want, size_t count,
                   enum precision precision)
{
    size_t differ = 0;
    int most = 0;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        int d = abs(got[i] - want[i]);
        differ += d > 0;
        most = d > most ? d : most;
        sum += d;
    }
    double mean = count ? sum / (double)count : 0, share = count ? (double)differ / (double)count : 0;
    if (precision == PRECISION_F32)
        report_exact(report, most <= FRAMES_FP32_LEVELS_MAX && share <= FRAMES_FP32_SHARE_MAX,
                     "video_u8: up to %d levels off, %.3f%% of the samples (allowed %d level, %.1f%%)", most,
                     100 * share, FRAMES_FP32_LEVELS_MAX, 100 * FRAMES_FP32_SHARE_MAX);
    else
        report_exact(report, mean <= FRAMES_BF16_MEAN_MAX && most <= FRAMES_BF16_LEVELS_MAX,
                     "video_u8: off by %.2f levels in the mean, at most %d (allowed %.1f, %d)", mean, most,
                     FRAMES_BF16_MEAN_MAX, FRAMES_BF16_LEVELS_MAX);
    report_note(report, "frames: %.3f%% differ, mean %.2f, max %d levels", 100 * share, mean, most);
}

void report_note(struct report *report, const char *format, ...)
{
    size_t used = strlen(report->note);
    if (used > 0 && used + 2 < sizeof report->note) {
        memcpy(report->note + used, "; ", 3);
        used += 2;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(report->note + used, sizeof report->note - used, format, args);
    va_end(args);
}

void report_skip(struct report *report, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(report->skip, sizeof report->skip, format, args);
    va_end(args);
}

void report_print(struct golden *golden, const struct report *report)
{
    if (report->skip[0]) {
        golden->skipped++;
        printf("skip %s: %s\n", report->name, report->skip);
        return;
    }
    bool ok = report->checks > 0 && !report->difference[0];
    printf("%s %-28s %-5s", ok ? "ok  " : "FAIL", report->name, report->precision);
    if (report->worst[0])
        printf("  rel %.1e (allowed %.0e)  max abs %.1e  worst of %zu: %s", report->worst_rel, report->worst_allowed,
               report->worst_max_abs, report->checks, report->worst);
    else
        printf("  exact: %zu checks", report->checks);
    if (report->note[0])
        printf("  [%s]", report->note);
    putchar('\n');
    if (!ok)
        printf("     first difference: %s\n", report->checks ? report->difference : "nothing was compared");
    *(ok ? &golden->passed : &golden->failed) += 1;
    fflush(stdout);
}

static void capture_put(void *context, const char *name, const float *data, int ndim, const size_t *shape)
{
    struct capture *capture = context;
    struct captured *item = NULL;
    size_t count = 1;
    for (size_t i = 0; i < capture->count && !item; i++)
        if (!strcmp(capture->items[i].name, name))
            item = &capture->items[i];
    for (int i = 0; i < ndim; i++)
        count *= shape[i];
    if (!item) {
        if (capture->count == capture->capacity) {
            size_t capacity = capture->capacity ? 2 * capture->capacity : 64;
            struct captured *grown = test_alloc(capacity * sizeof *grown);
            if (capture->count)
                memcpy(grown, capture->items, capture->count * sizeof *grown);
            free(capture->items);
            capture->items = grown;
            capture->capacity = capacity;
        }
        item = &capture->items[capture->count++];
        memset(item, 0, sizeof *item);
        snprintf(item->name, sizeof item->name, "%s", name);
        item->ndim = ndim;
        memcpy(item->shape, shape, (size_t)ndim * sizeof *shape);
    } else if (item->ndim != ndim || memcmp(item->shape, shape, (size_t)ndim * sizeof *shape)) {
        fprintf(stderr, "probe %s: the shape changes between calls\n", name);
        exit(2);
    }
    float *grown = test_floats((item->calls + 1) * count);
    if (item->calls)
        memcpy(grown, item->data, item->calls * count * sizeof *grown);
    memcpy(grown + item->calls * count, data, count * sizeof *grown);
    free(item->data);
    item->data = grown;
    item->calls++;
}

void capture_init(struct capture *capture)
{
    memset(capture, 0, sizeof *capture);
    capture->probe = (struct probe){.put = capture_put, .context = capture};
}

void capture_finish(struct capture *capture)
{
    for (size_t i = 0; i < capture->count; i++)
        free(capture->items[i].data);
    free(capture->items);
    memset(capture, 0, sizeof *capture);
}

/* chunk0.dec.conv1 is offered as dec.conv1. */
static const char *without_chunk(const char *name)
{
    if (strncmp(name, "chunk", 5))
        return name;
    const char *dot = strchr(name, '.');
    return dot ? dot + 1 : name;
}

void report_offered(struct report *report, const struct st_file *file, const struct capture *capture)
{
    size_t golden = 0, offered = 0;
    for (size_t i = 0; i < st_count(file); i++) {
        const char *name = st_at(file, i)->name;
        if (strncmp(name, "mid.", 4))
            continue;
        bool found = false;
        for (size_t k = 0; k < capture->count && !found; k++)
            found = !strcmp(capture->items[k].name, without_chunk(name + 4));
        golden++;
        offered += found;
        if (!found && report->golden->options.verbose)
            printf("       %-28s %-4s  not offered\n", name + 4, report->precision);
    }
    if (golden && !report->note[0])
        report_note(report, "%zu of %zu values from inside", offered, golden);
}
