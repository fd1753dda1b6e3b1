/* How the cost of a job changes from day to day. */
#include <stdlib.h>
#include <string.h>

#include "server/api/api.h"

#define DAY_MS INT64_C(86400000)

/* Sums of least squares over days counted from the first one, so that they stay small. */
struct sums {
    double n, x, xx, p50, xp50, p95, xp95;
};

static void sums_add(struct sums *sums, int64_t day, const struct store_usage_row *row)
{
    const double x = (double)day, p50 = (double)row->cost_p50_microusd, p95 = (double)row->cost_p95_microusd;
    sums->n += 1;
    sums->x += x;
    sums->xx += x * x;
    sums->p50 += p50;
    sums->xp50 += x * p50;
    sums->p95 += p95;
    sums->xp95 += x * p95;
}

static void slope_close(struct api_slope *slope, const struct sums *sums)
{
    const double spread = sums->n * sums->xx - sums->x * sums->x;
    slope->days = (int64_t)sums->n;
    slope->known = slope->days >= 2; /* days are distinct, so spread is above 0 then */
    if (!slope->known)
        return;
    slope->cost_p50 = (sums->n * sums->xp50 - sums->x * sums->p50) / spread;
    slope->cost_p95 = (sums->n * sums->xp95 - sums->x * sums->p95) / spread;
}

static int row_compare(const void *left, const void *right)
{
    const struct store_usage_row *a = *(const struct store_usage_row *const *)left;
    const struct store_usage_row *b = *(const struct store_usage_row *const *)right;
    const int order = strcmp(a->model, b->model);
    return order ? order : (a->day_ms > b->day_ms) - (a->day_ms < b->day_ms);
}

int api_usage_slopes(const struct store_usage_row *rows, size_t count, struct api_slope **ret, size_t *ret_count,
                     conch_error *err)
{
    const struct store_usage_row **sorted = calloc(count + 1, sizeof *sorted);
    struct api_slope *slopes = calloc(count + 1, sizeof *slopes);
    size_t found = 0;
    if (!sorted || !slopes) {
        free(sorted);
        free(slopes);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for slopes");
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = &rows[i];
    qsort(sorted, count, sizeof *sorted, row_compare);
    for (size_t i = 0; i < count; found++) {
        const size_t first = i;
        struct sums sums = {0};
        for (; i < count && strcmp(sorted[i]->model, sorted[first]->model) == 0; i++)
            if (sorted[i]->cost_jobs > 0)
                sums_add(&sums, (sorted[i]->day_ms - sorted[first]->day_ms) / DAY_MS, sorted[i]);
        memcpy(slopes[found].model, sorted[first]->model, sizeof slopes[found].model);
        slope_close(&slopes[found], &sums);
    }
    free(sorted);
    *ret = slopes;
    *ret_count = found;
    return 0;
}
