/* Noise levels and solvers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sampling/sampler_private.h"
#include "golden.h"
#include "golden_models.h"

/* One table or trace, as "KIND.shiftS.stepsN" names it. */
struct setting {
    char kind[32];
    double shift;
    size_t steps;
};

/* Reads the part of a name between prefix and suffix; false when it has another form. */
static bool setting_read(struct setting *ret, const char *name, const char *prefix, const char *suffix)
{
    const char *shift = strstr(name, ".shift"), *steps = strstr(name, ".steps");
    size_t prefix_length = strlen(prefix);
    char *end;
    if (!shift || !steps || strncmp(name, prefix, prefix_length) || shift <= name + prefix_length)
        return false;
    size_t kind_length = (size_t)(shift - name) - prefix_length;
    if (kind_length >= sizeof ret->kind)
        return false;
    memcpy(ret->kind, name + prefix_length, kind_length);
    ret->kind[kind_length] = 0;
    ret->shift = strtod(shift + strlen(".shift"), NULL);
    ret->steps = strtoul(steps + strlen(".steps"), &end, 10);
    return !strcmp(end, suffix);
}

/* A schedule of the setting; NULL, and said in the report, when there is no such one. */
static struct schedule *setting_schedule(const struct setting *setting, struct report *report)
{
    struct schedule *schedule = test_alloc(sizeof *schedule);
    int kind = sampler_from_name(setting->kind);
    conch_error err;
    if (kind < 0)
        report_exact(report, false, "sampler %s is not known", setting->kind);
    else if (schedule_init(schedule, kind, setting->steps, setting->shift, &err) < 0)
        report_error(report, "schedule", &err);
    else
        return schedule;
    free(schedule);
    return NULL;
}

void schedule_check(struct report *report, const struct st_file *file, const struct schedule *schedule,
                    const char *prefix)
{
    struct values sigmas, times;
    char name[128];
    snprintf(name, sizeof name, "%ssigmas", prefix);
    if (values_read(&sigmas, file, "%s", name))
        for (size_t i = 0; i < sigmas.count && i <= schedule->steps; i++) {
            /* rounded once from the same f64 value, so at most one unit in the last place apart */
            float off = fabsf(sigmas.data[i] - schedule->sigmas[i]);
            report_exact(report, sigmas.count == schedule->steps + 1 && off <= 1.2e-7f * sigmas.data[i],
                         "%s[%zu]: %.9g, golden %.9g", name, i, schedule->sigmas[i], sigmas.data[i]);
        }
    snprintf(name, sizeof name, "%stimesteps", prefix);
    if (values_read(&times, file, "%s", name))
        for (size_t i = 0; i < times.count && i < schedule->steps; i++) {
            bool whole = st_find(file, name)->dtype != DTYPE_F32;
            float off = fabsf(times.data[i] - schedule->timesteps[i]);
            report_exact(report, times.count == schedule->steps && off <= (whole ? 0 : 1.2e-7f * times.data[i]),
                         "%s[%zu]: %.9g, golden %.9g", name, i, schedule->timesteps[i], times.data[i]);
        }
    values_finish(&sigmas);
    values_finish(&times);
}

/* ---- tables ---- */

static bool is_tables(const struct vectors *vectors)
{
    struct setting setting;
    for (size_t i = 0; i < st_count(vectors->file); i++)
        if (setting_read(&setting, st_at(vectors->file, i)->name, "tab.", ".sigmas"))
            return true;
    return false;
}

static void tables_run(const struct vectors *vectors, enum precision precision, struct report *report)
{
    for (size_t i = 0; i < st_count(vectors->file); i++) {
        struct setting setting;
        char prefix[128];
        const char *name = st_at(vectors->file, i)->name;
        if (!setting_read(&setting, name, "tab.", ".sigmas"))
            continue;
        struct schedule *schedule = setting_schedule(&setting, report);
        snprintf(prefix, sizeof prefix, "%.*s", (int)(strlen(name) - strlen("sigmas")), name);
        if (schedule)
            schedule_check(report, vectors->file, schedule, prefix);
        free(schedule);
    }
}

/* ---- traces: v = a x + b t / 1000 + c sin(3 x) ---- */

struct field {
    struct values a, b, c, x0;
};

static bool field_read(struct field *field, const struct st_file *file)
{
    bool ok = values_read(&field->a, file, "in.a");
    ok &= values_read(&field->b, file, "in.b");
    ok &= values_read(&field->c, file, "in.c");
    ok &= values_read(&field->x0, file, "in.x0");
    return ok && field->a.count == field->x0.count && field->b.count == field->x0.count &&
           field->c.count == field->x0.count;
}

static void field_finish(struct field *field)
{
    values_finish(&field->a);
    values_finish(&field->b);
    values_finish(&field->c);
    values_finish(&field->x0);
}

/* samples [steps + 1][count]; corrected [steps][count] or NULL (UniPC only). */
static int trace_run(const struct field *field, const struct schedule *schedule, float *samples, float *corrected,
                     conch_error *err)
{
    size_t count = field->x0.count;
    struct sampler *sampler;
    int rc = sampler_create(&sampler, schedule, count, err);
    if (rc < 0)
        return rc;
    float *velocity = test_floats(count);
    memcpy(samples, field->x0.data, count * sizeof *samples);
    for (size_t i = 0; i < schedule->steps; i++) {
        float *x = samples + (i + 1) * count;
        memcpy(x, x - count, count * sizeof *x);
        for (size_t k = 0; k < count; k++)
            velocity[k] = (float)(field->a.data[k] * (double)x[k] +
                                  field->b.data[k] * (schedule->timesteps[i] / 1000.0) +
                                  field->c.data[k] * sin(3.0 * x[k]));
        sampler_step(sampler, i, x, velocity);
        if (corrected && sampler->corrected)
            memcpy(corrected + i * count, sampler->corrected, count * sizeof *x);
    }
    sampler_destroy(sampler);
    free(velocity);
    return CONCH_OK;
}

static bool is_traces(const struct vectors *vectors)
{
    struct setting setting;
    for (size_t i = 0; st_find(vectors->file, "in.x0") && i < st_count(vectors->file); i++)
        if (setting_read(&setting, st_at(vectors->file, i)->name, "out.", ".sigmas"))
            return true;
    return false;
}

static void samples_check(const struct vectors *vectors, struct report *report, const char *prefix,
                          const struct schedule *schedule, const float *samples, size_t count)
{
    char name[144];
    size_t at_count = schedule->steps + 1;
    snprintf(name, sizeof name, "%sx_at", prefix);
    int64_t *at = integers_read(vectors->file, name, &at_count);
    struct values want;
    bool ok = values_read(&want, vectors->file, "%s%s", prefix, at ? "x_some" : "x") && want.count == at_count * count;
    report_exact(report, ok, "%sx or x_some: missing, or not one sample a step", prefix);
    for (size_t i = 0; ok && i < at_count; i++) {
        size_t step = at ? (size_t)at[i] : i;
        if (step <= schedule->steps)
            report_check(report,
                         &(struct check){.got = samples + step * count,
                                         .want = want.data + i * count,
                                         .count = count,
                                         .allowed = ALLOWED_FP32},
                         "%sx[%zu]", prefix, step);
    }
    values_finish(&want);
    free(at);
}

static void traces_run(const struct vectors *vectors, enum precision precision, struct report *report)
{
    struct field field;
    if (!field_read(&field, vectors->file)) {
        report_exact(report, false, "in.a, in.b, in.c, in.x0 are not all there and of one size");
        field_finish(&field);
        return;
    }
    for (size_t i = 0; i < st_count(vectors->file); i++) {
        struct setting setting;
        char prefix[128];
        conch_error err;
        const char *name = st_at(vectors->file, i)->name;
        if (!setting_read(&setting, name, "out.", ".sigmas"))
            continue;
        snprintf(prefix, sizeof prefix, "%.*s", (int)(strlen(name) - strlen("sigmas")), name);
        struct schedule *schedule = setting_schedule(&setting, report);
        if (!schedule)
            continue;
        schedule_check(report, vectors->file, schedule, prefix);
        float *samples = test_floats((schedule->steps + 1) * field.x0.count);
        if (trace_run(&field, schedule, samples, NULL, &err) < 0)
            report_error(report, prefix, &err);
        else
            samples_check(vectors, report, prefix, schedule, samples, field.x0.count);
        free(samples);
        free(schedule);
    }
    field_finish(&field);
}

/* ---- UniPC, corrected and predicted samples of every step ---- */

static bool is_unipc_detail(const struct vectors *vectors)
{
    return st_find(vectors->file, "out.corrected") && st_find(vectors->file, "out.predicted");
}

static void unipc_detail_run(const struct vectors *vectors, enum precision precision, struct report *report)
{
    struct setting setting = {.kind = "unipc",
                              .shift = json_number_value(json_object_get(vectors->config, "shift")),
                              .steps = (size_t)json_integer_value(json_object_get(vectors->config, "steps"))};
    struct field field;
    conch_error err;
    bool ok = field_read(&field, vectors->file);
    struct schedule *schedule = setting_schedule(&setting, report);
    if (ok && schedule) {
        size_t count = field.x0.count;
        float *samples = test_floats((setting.steps + 1) * count), *corrected = test_floats(setting.steps * count);
        schedule_check(report, vectors->file, schedule, "out.");
        if (trace_run(&field, schedule, samples, corrected, &err) < 0) {
            report_error(report, "run", &err);
        } else {
            report_tensor(report, vectors->file, "out.corrected", corrected, setting.steps * count, ALLOWED_FP32);
            report_tensor(report, vectors->file, "out.predicted", samples + count, setting.steps * count, ALLOWED_FP32);
        }
        free(samples);
        free(corrected);
    }
    report_exact(report, ok, "in.a, in.b, in.c, in.x0 are not all there and of one size");
    field_finish(&field);
    free(schedule);
}

const struct golden_kind golden_kinds_sampler[] = {
    {.name = "sampler tables", .matches = is_tables, .run = tables_run},
    {.name = "sampler traces", .matches = is_traces, .run = traces_run},
    {.name = "UniPC step by step", .matches = is_unipc_detail, .run = unipc_detail_run},
    {0}};
