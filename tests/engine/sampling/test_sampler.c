#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/sampling/sampler_private.h"
#include "golden_compare.h"

/* A solver's own rounding: the two programs that made the golden files differ by 3.3e-7. */
#define TRACE_LIMIT 1e-6

/* The analytic velocity of the golden traces, v = a x + b t / 1000 + c sin(3 x). */
struct velocity {
    struct values a, b, c, x0;
};

static struct st_file *golden_open(const char *name)
{
    char path[512];
    struct st_file *file;
    conch_error err;
    const char *root = getenv("CONCH_TEST_ROOT");
    snprintf(path, sizeof path, "%s/tests/golden/%s", root ? root : ".", name);
    if (st_open(&file, path, &err) < 0)
        fail_msg("%s", err.text);
    return file;
}

static void velocity_read(struct velocity *v, const struct st_file *file)
{
    assert_true(values_read(&v->a, file, "in.a") && values_read(&v->b, file, "in.b"));
    assert_true(values_read(&v->c, file, "in.c") && values_read(&v->x0, file, "in.x0"));
}

static void velocity_finish(struct velocity *v)
{
    values_finish(&v->a);
    values_finish(&v->b);
    values_finish(&v->c);
    values_finish(&v->x0);
}

static void velocity_at(const struct velocity *v, float *out, const float *x, double t)
{
    for (size_t k = 0; k < v->x0.count; k++)
        out[k] = (float)(v->a.data[k] * (double)x[k] + v->b.data[k] * (t / 1000) + v->c.data[k] * sin(3.0 * x[k]));
}

/* Runs a whole schedule; ret [steps + 1][count] are the samples, corrected (or NULL) [steps][count]. */
static void trace_run(const struct velocity *v, const struct schedule *schedule, float *ret, float *corrected)
{
    size_t count = v->x0.count;
    struct sampler *sampler;
    assert_int_equal(sampler_create(&sampler, schedule, count, NULL), 0);
    float *velocity = test_floats(count);
    memcpy(ret, v->x0.data, count * sizeof(float));
    for (size_t i = 0; i < schedule->steps; i++) {
        float *x = ret + (i + 1) * count;
        memcpy(x, x - count, count * sizeof(float));
        velocity_at(v, velocity, x, schedule->timesteps[i]);
        sampler_step(sampler, i, x, velocity);
        if (corrected)
            memcpy(corrected + i * count, sampler->corrected, count * sizeof(float));
    }
    sampler_destroy(sampler);
    free(velocity);
}

static void trace_check(const struct st_file *file, const struct velocity *v, const char *kind, const char *shift_text,
                        size_t steps)
{
    struct schedule *schedule = test_alloc(sizeof *schedule);
    size_t count = v->x0.count, at_count = steps + 1;
    char name[128];
    assert_int_equal(schedule_init(schedule, sampler_from_name(kind), steps, atof(shift_text), NULL), 0);
    float *got = test_floats((steps + 1) * count);
    trace_run(v, schedule, got, NULL);

    struct values want;
    snprintf(name, sizeof name, "out.%s.shift%s.steps%zu.x_at", kind, shift_text, steps);
    int64_t *at = integers_read(file, name, &at_count);
    if (!values_read(&want, file, "out.%s.shift%s.steps%zu.%s", kind, shift_text, steps, at ? "x_some" : "x"))
        fail_msg("no samples beside %s", name);
    assert_int_equal(want.count, at_count * count);
    for (size_t i = 0; i < at_count; i++) {
        struct difference d = difference_of(got + (at ? (size_t)at[i] : i) * count, want.data + i * count, count);
        if (!(d.rel <= TRACE_LIMIT))
            fail_msg("%s shift %s steps %zu: sample %zu differs by %.2g", kind, shift_text, steps, i, d.rel);
    }
    values_finish(&want);
    free(at);
    free(got);
    free(schedule);
}

static void whole_runs_equal_the_golden_traces(void **state)
{
    struct st_file *file = golden_open("sched_traces.vectors.safetensors");
    struct velocity v;
    velocity_read(&v, file);
    size_t runs = 0;
    for (size_t i = 0; i < st_count(file); i++) {
        char kind[32], shift[16], tail[16];
        size_t steps;
        if (sscanf(st_at(file, i)->name, "out.%31[a-z_].shift%15[0-9].steps%zu.%15s", kind, shift, &steps, tail) != 4 ||
            strcmp(tail, "sigmas"))
            continue;
        trace_check(file, &v, kind, shift, steps);
        runs++;
    }
    assert_int_equal(runs, 40);
    velocity_finish(&v);
    st_close(file);
}

static void unipc_corrects_and_predicts_as_the_golden_run(void **state)
{
    struct st_file *file = golden_open("sched_unipc_detail.vectors.safetensors");
    struct schedule *schedule = test_alloc(sizeof *schedule);
    struct velocity v;
    struct values corrected, predicted;
    velocity_read(&v, file);
    assert_true(values_read(&corrected, file, "out.corrected") && values_read(&predicted, file, "out.predicted"));
    size_t count = v.x0.count, steps = corrected.shape[0];
    assert_int_equal(schedule_init(schedule, SAMPLER_UNIPC, steps, 5, NULL), 0);
    float *x = test_floats((steps + 1) * count), *got = test_floats(steps * count);
    trace_run(&v, schedule, x, got);
    for (size_t i = 0; i < steps; i++) {
        assert_true(difference_of(got + i * count, corrected.data + i * count, count).rel < TRACE_LIMIT);
        assert_true(difference_of(x + (i + 1) * count, predicted.data + i * count, count).rel < TRACE_LIMIT);
    }
    free(x);
    free(got);
    free(schedule);
    values_finish(&corrected);
    values_finish(&predicted);
    velocity_finish(&v);
    st_close(file);
}

/* With v = (x - x0) / sigma the clean estimate is x0 at every step: each solver must arrive there, whatever the
 * schedule. */
static void every_sampler_arrives_where_the_velocity_points(void **state)
{
    static const double shifts[] = {SAMPLER_SHIFT_MIN, 1, 5, SAMPLER_SHIFT_MAX};
    static const size_t steps[] = {1, 2, 3, 30, SAMPLER_STEPS_MAX};
    static const float goal[4] = {0.5f, -2, 0, 1e3f}, start[4] = {1, -1, 0.25f, -3};
    struct schedule *schedule = test_alloc(sizeof *schedule);
    for (int kind = 0; kind < 5; kind++)
        for (size_t s = 0; s < 4; s++)
            for (size_t n = 0; n < 5; n++) {
                float x[4], v[4];
                struct sampler *sampler;
                memcpy(x, start, sizeof x);
                assert_int_equal(schedule_init(schedule, kind, steps[n], shifts[s], NULL), 0);
                assert_int_equal(sampler_create(&sampler, schedule, 4, NULL), 0);
                for (size_t i = 0; i < steps[n]; i++) {
                    for (size_t k = 0; k < 4; k++)
                        v[k] = (x[k] - goal[k]) / schedule->sigmas[i];
                    sampler_step(sampler, i, x, v);
                }
                for (size_t k = 0; k < 4; k++)
                    if (!(fabsf(x[k] - goal[k]) <= 1e-3f * (1 + fabsf(goal[k]))))
                        fail_msg("%s shift %g steps %zu: %g instead of %g", sampler_name(kind), shifts[s], steps[n],
                                 x[k], goal[k]);
                sampler_destroy(sampler);
            }
    free(schedule);
}

/* A given frame is put back after every step; the correction of the next step must start from the sampler's own value.
 */
static void overwriting_the_sample_leaves_the_history_alone(void **state)
{
    struct schedule *schedule = test_alloc(sizeof *schedule);
    struct sampler *sampler;
    assert_int_equal(schedule_init(schedule, SAMPLER_UNIPC, 4, 5, NULL), 0);
    assert_int_equal(sampler_create(&sampler, schedule, 1, NULL), 0);
    float x = 1, v = 0.5f;
    sampler_step(sampler, 0, &x, &v);
    float own = sampler->corrected[0];
    x = 7;
    assert_true(own == sampler->corrected[0]);
    sampler_step(sampler, 1, &x, &v);
    /* first-order correction from own with the estimates of both steps */
    double s0 = schedule->sigmas[0], s1 = schedule->sigmas[1];
    double m0 = 1 - s0 * v, m1 = 7 - s1 * v;
    double h = schedule_lambda(schedule, 1) - schedule_lambda(schedule, 0), phi = expm1(-h);
    double want = s1 / s0 * own - (1 - s1) * phi * m0 - (1 - s1) * phi * 0.5 * (m1 - m0);
    assert_true(fabs(sampler->corrected[0] - want) < 1e-5);
    sampler_destroy(sampler);
    free(schedule);
}

static void a_sample_beyond_memory_is_refused_and_bytes_are_told(void **state)
{
    struct schedule *schedule = test_alloc(sizeof *schedule);
    struct sampler *sampler = NULL;
    conch_error err = {0};
    assert_int_equal(schedule_init(schedule, SAMPLER_UNIPC, 4, 5, NULL), 0);
    assert_int_equal(sampler_create(&sampler, schedule, SIZE_MAX / 4, &err), CONCH_ERR_NOMEM);
    assert_null(sampler);
    assert_non_null(strstr(err.text, "unipc"));
    assert_int_equal(sampler_bytes(schedule, 1000) - sampler_bytes(schedule, 0), 3 * 1000 * sizeof(float));
    schedule->kind = SAMPLER_EULER;
    assert_int_equal(sampler_bytes(schedule, 1000), sampler_bytes(schedule, 0));
    sampler_destroy(NULL);
    free(schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_runs_equal_the_golden_traces),
        cmocka_unit_test(unipc_corrects_and_predicts_as_the_golden_run),
        cmocka_unit_test(every_sampler_arrives_where_the_velocity_points),
        cmocka_unit_test(overwriting_the_sample_leaves_the_history_alone),
        cmocka_unit_test(a_sample_beyond_memory_is_refused_and_bytes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
