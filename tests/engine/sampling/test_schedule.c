#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/sampling/sampler.h"
#include "golden_compare.h"

static const enum sampler_kind kinds[] = {SAMPLER_UNIPC, SAMPLER_DPMPP, SAMPLER_EULER, SAMPLER_EULER_DIFFUSERS,
                                          SAMPLER_UNIPC_DIFFUSERS};

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

static void names_and_kinds_belong_together(void **state)
{
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(sampler_from_name(sampler_name(kinds[i])), kinds[i]);
        assert_non_null(strstr(SAMPLER_NAMES, sampler_name(kinds[i])));
    }
    assert_int_equal(sampler_from_name("ddim"), -1);
    assert_int_equal(sampler_from_name(""), -1);
    assert_int_equal(sampler_from_name(NULL), -1);
    assert_null(sampler_name((enum sampler_kind)5));
    assert_null(sampler_name((enum sampler_kind) - 1));
}

/* Every table of the golden file: sigmas to the last bit, whole timesteps exactly, fractional ones within one unit in
 * the last place (the program that made them multiplied in f32). */
static void tables_equal_the_golden_ones(void **state)
{
    struct st_file *file = golden_open("sched_tables.vectors.safetensors");
    struct schedule *schedule = test_alloc(sizeof *schedule);
    size_t tables = 0;
    for (size_t i = 0; i < st_count(file); i++) {
        char kind[32], shift[16];
        size_t steps;
        const char *name = st_at(file, i)->name;
        if (sscanf(name, "tab.%31[a-z_].shift%15[0-9].steps%zu.sigmas", kind, shift, &steps) != 3 ||
            !strstr(name, "sigmas"))
            continue;
        struct values sigmas, times;
        assert_int_equal(schedule_init(schedule, sampler_from_name(kind), steps, atof(shift), NULL), 0);
        assert_true(values_read(&sigmas, file, "%s", name));
        assert_true(values_read(&times, file, "tab.%s.shift%s.steps%zu.timesteps", kind, shift, steps));
        assert_int_equal(sigmas.count, steps + 1);
        bool whole = !strstr(kind, "euler");
        for (size_t k = 0; k <= steps; k++)
            if (schedule->sigmas[k] != sigmas.data[k])
                fail_msg("%s[%zu]: %.9g, golden %.9g", name, k, schedule->sigmas[k], sigmas.data[k]);
        for (size_t k = 0; k < steps; k++)
            if (fabsf(schedule->timesteps[k] - times.data[k]) > (whole ? 0 : 1.2e-7f * times.data[k]))
                fail_msg("%s: timestep %zu is %.9g, golden %.9g", name, k, schedule->timesteps[k], times.data[k]);
        values_finish(&sigmas);
        values_finish(&times);
        tables++;
    }
    assert_int_equal(tables, 150);
    free(schedule);
    st_close(file);
}

static void refused(size_t steps, double shift, const char *says)
{
    struct schedule *schedule = test_alloc(sizeof *schedule);
    conch_error err = {0};
    assert_int_equal(schedule_init(schedule, SAMPLER_UNIPC, steps, shift, &err), CONCH_ERR_RANGE);
    if (!strstr(err.text, says))
        fail_msg("'%s' should say '%s'", err.text, says);
    free(schedule);
}

static void values_outside_the_limits_are_refused_by_name(void **state)
{
    refused(0, 5, "steps: 0 is not one of 1 to 1000");
    refused(1001, 5, "steps: 1001");
    refused(8, 0, "shift: 0 is not between 0.001 and 100");
    refused(8, -3, "shift: -3");
    refused(8, 101, "shift: 101");
    refused(8, NAN, "shift");
    refused(8, INFINITY, "shift: inf");
    conch_error err = {0};
    struct schedule *schedule = test_alloc(sizeof *schedule);
    assert_int_equal(schedule_init(schedule, (enum sampler_kind)9, 8, 5, &err), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "unipc_diffusers"));
    free(schedule);
}

/* Solvers divide by sigma and by distances of its logarithms. */
static void levels_fall_strictly_to_zero_at_every_limit(void **state)
{
    static const double shifts[] = {SAMPLER_SHIFT_MIN, 0.3, 1, 5, 12, SAMPLER_SHIFT_MAX};
    static const size_t steps[] = {1, 2, 3, 7, 50, 999, SAMPLER_STEPS_MAX};
    struct schedule *schedule = test_alloc(sizeof *schedule);
    for (size_t k = 0; k < 5; k++)
        for (size_t s = 0; s < sizeof shifts / sizeof *shifts; s++)
            for (size_t n = 0; n < sizeof steps / sizeof *steps; n++) {
                assert_int_equal(schedule_init(schedule, kinds[k], steps[n], shifts[s], NULL), 0);
                assert_true(schedule->sigmas[0] <= 1);
                assert_true(schedule->sigmas[steps[n]] == 0);
                for (size_t i = 0; i < steps[n]; i++) {
                    if (!(schedule->sigmas[i] > schedule->sigmas[i + 1]))
                        fail_msg("%s shift %g steps %zu: sigma %zu is %.9g, the next %.9g", sampler_name(kinds[k]),
                                 shifts[s], steps[n], i, schedule->sigmas[i], schedule->sigmas[i + 1]);
                    assert_true(schedule->timesteps[i] >= 0 && schedule->timesteps[i] <= 1000);
                }
            }
    free(schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_kinds_belong_together),
        cmocka_unit_test(tables_equal_the_golden_ones),
        cmocka_unit_test(values_outside_the_limits_are_refused_by_name),
        cmocka_unit_test(levels_fall_strictly_to_zero_at_every_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
