#include "bench.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/pool.h"
#include "engine/kernels/kern.h"

struct bench_report {
    json_t *root, *rows, *facts; /* NULL when a table is printed */
    const char *group;           /* of the row before */
};

static int double_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, double_compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* The CPU clocks of this process's threads, one each. The process's own clock will not do: what other running threads
 * have used reaches it only at the next timer tick, up to 10 ms late, and short runs would look twice as fast. */
struct thread_clocks {
    clockid_t clock[POOL_THREADS_MAX];
    size_t count;
};

static void thread_clocks_find(struct thread_clocks *clocks)
{
    DIR *folder = opendir("/proc/self/task");
    clocks->count = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        long thread = strtol(entry->d_name, NULL, 10);
        if (thread > 0 && clocks->count < POOL_THREADS_MAX) /* a thread's scheduler clock, as Linux numbers them */
            clocks->clock[clocks->count++] = (clockid_t)(~(unsigned)thread << 3 | 6);
    }
    if (folder)
        closedir(folder);
}

static double thread_clocks_sum(const struct thread_clocks *clocks)
{
    double sum = 0;
    for (size_t i = 0; i < clocks->count; i++) {
        struct timespec t;
        if (clock_gettime(clocks->clock[i], &t) == 0)
            sum += (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
    }
    return sum;
}

struct bench_time bench_measure_cold(bench_work *work, void *context, size_t threads, size_t repeats)
{
    double wall[BENCH_REPEATS], cpu[BENCH_REPEATS];
    repeats = size_min(repeats, BENCH_REPEATS);
    struct thread_clocks clocks;
    thread_clocks_find(&clocks);
    for (size_t i = 0; i < repeats; i++) {
        double cpu_start = thread_clocks_sum(&clocks);
        int64_t wall_start = clock_steady_ns();
        work(context);
        wall[i] = (double)(clock_steady_ns() - wall_start) * 1e-9;
        cpu[i] = (thread_clocks_sum(&clocks) - cpu_start) / (double)threads;
    }
    return (struct bench_time){.wall_s = median(wall, repeats), .cpu_s = median(cpu, repeats)};
}

struct bench_time bench_measure(bench_work *work, void *context, size_t threads, size_t repeats)
{
    work(context);
    return bench_measure_cold(work, context, threads, repeats);
}

/* The value of the first line of path that begins with key, or "unknown". */
static void file_field(char *ret, size_t size, const char *path, const char *key)
{
    char line[256];
    FILE *file = fopen(path, "re");
    snprintf(ret, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) != 0 || !value)
            continue;
        value += 1 + strspn(value + 1, " \t");
        value[strcspn(value, "\n")] = 0;
        snprintf(ret, size, "%s", value);
        break;
    }
    if (file)
        fclose(file);
}

void bench_memory_reset(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (!file)
        return;
    fputs("5", file);
    fclose(file);
}

uint64_t bench_memory_peak(void)
{
    char kb[64];
    file_field(kb, sizeof kb, "/proc/self/status", "VmHWM");
    return strtoull(kb, NULL, 10) * 1024;
}

static double load_average(void)
{
    double load = 0;
    return getloadavg(&load, 1) == 1 ? load : 0;
}

int bench_report_create(struct bench_report **ret_report, const struct bench_options *options, const char *command,
                        conch_error *err)
{
    char cpu[128];
    file_field(cpu, sizeof cpu, "/proc/cpuinfo", "model name");
    struct bench_report *report = calloc(1, sizeof *report);
    if (!report)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a report");
    if (options->json) {
        report->root = json_pack("{s:s, s:s, s:s, s:f, s:[], s:[]}", "command", command, "version", CONCH_VERSION,
                                 "cpu", cpu, "load_before", load_average(), "rows", "facts");
        report->rows = json_object_get(report->root, "rows");
        report->facts = json_object_get(report->root, "facts");
        if (!report->rows || !report->facts) {
            bench_report_destroy(report);
            return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a report");
        }
    } else {
        printf("conch-bench %s %s, %s, load before %.2f\n", command, CONCH_VERSION, cpu, load_average());
    }
    *ret_report = report;
    return 0;
}

static void row_print(struct bench_report *report, const struct bench_row *row)
{
    if (!report->group || strcmp(report->group, row->group) != 0)
        printf("\n%-38s %-10s %7s %10s %10s %10s %10s %-9s %6s\n", row->group, "table", "threads", "wall ms", "cpu ms",
               "by wall", "by cpu", "", "peak");
    report->group = row->group;
    printf("  %-36s %-10s %7zu %10.3f %10.3f %10.2f %10.2f %-9s", row->name, row->table, row->threads,
           row->time.wall_s * 1e3, row->time.cpu_s * 1e3, row->amount / row->time.wall_s * 1e-9, bench_rate_cpu(row),
           row->unit);
    if (row->peak > 0)
        printf(" %5.1f%%", 100 * bench_rate_cpu(row) / row->peak);
    printf("\n");
    fflush(stdout);
}

void bench_report_add(struct bench_report *report, const struct bench_row *row)
{
    if (!report->root) {
        row_print(report, row);
        return;
    }
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:s}", "group", row->group, "name", row->name, "table", row->table,
        "threads", (json_int_t)row->threads, "wall_ms", row->time.wall_s * 1e3, "cpu_ms", row->time.cpu_s * 1e3,
        "rate_wall", row->amount / row->time.wall_s * 1e-9, "rate_cpu", bench_rate_cpu(row), "unit", row->unit);
    if (row->peak > 0)
        json_object_set_new(object, "peak_share", json_real(bench_rate_cpu(row) / row->peak));
    json_array_append_new(report->rows, object);
}

void bench_report_fact(struct bench_report *report, const char *name, double value, const char *unit)
{
    if (report->root) {
        json_array_append_new(report->facts, json_pack("{s:s, s:f, s:s}", "name", name, "value", value, "unit", unit));
        return;
    }
    printf("  %-36s %10.3f %s\n", name, value, unit);
    fflush(stdout);
}

void bench_report_destroy(struct bench_report *report)
{
    if (!report)
        return;
    if (report->root) {
        json_dumpf(report->root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
        printf("\n");
        json_decref(report->root);
    }
    free(report);
}

void *bench_alloc(size_t size)
{
    void *data = aligned_alloc(64, round_up(size, 64));
    if (!data) {
        fprintf(stderr, "conch-bench: no memory for %zu MB\n", size >> 20);
        exit(1);
    }
    return data;
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void bench_random_f32(float *x, size_t count)
{
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < count; i++)
        x[i] = (float)((int32_t)(random_next(&state) >> 32) | 1) * 0x1p-31f;
}

void bench_random_bf16(uint16_t *x, size_t count)
{
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < count; i++)
        x[i] = bf16_from_f32((float)((int32_t)(random_next(&state) >> 32) | 1) * 0x1p-31f);
}
