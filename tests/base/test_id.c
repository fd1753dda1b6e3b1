/* Ids rise, stay below 2^53, are unique over threads, and only their one spelling is read. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/id.h"

enum { THREADS = 4, EACH = 20000 };

static void *ids_take(void *context)
{
    int64_t *ids = context;
    for (size_t i = 0; i < EACH; i++)
        ids[i] = id_next();
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void ids_of_many_threads_rise_and_are_unique(void **state)
{
    static int64_t ids[THREADS * EACH];
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ids_take, ids + i * EACH), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS * EACH; i++)
        assert_true(ids[i] > 0 && ids[i] <= ID_MAX && (i % EACH == 0 || ids[i] > ids[i - 1]));
    qsort(ids, THREADS * EACH, sizeof ids[0], compare);
    for (size_t i = 1; i < THREADS * EACH; i++)
        assert_true(ids[i] > ids[i - 1]);
}

static void an_id_knows_its_time_and_has_16_digits_at_most(void **state)
{
    const int64_t before = clock_wall_ms();
    while (clock_wall_ms() < before + 300)
        ; /* what other tests borrowed of the next milliseconds is over */
    const int64_t now = clock_wall_ms(), id = id_next();
    assert_true(id_wall_ms(id) >= now && id_wall_ms(id) <= now + 1000);
    int64_t read = 0;
    assert_true(id_parse(id_text(id).text, &read));
    assert_int_equal(read, id);
    assert_string_equal(id_text(ID_MAX).text, "9007199254740991");
    assert_true(id_parse("9007199254740991", &read));
    assert_true(read == ID_MAX);
}

static void other_spellings_are_no_ids(void **state)
{
    static const char *const wrong[] = {"",
                                        "0",
                                        "01",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "1e3",
                                        "9007199254740992",
                                        "12345678901234567",
                                        "99999999999999999999",
                                        "0x10",
                                        "a"};
    int64_t id = 7;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (id_parse(wrong[i], &id))
            fail_msg("'%s' was taken", wrong[i]);
    assert_false(id_parse(NULL, &id));
    assert_int_equal(id, 7);
}

static void the_clock_goes_on_when_the_systems_is_set_back(void **state)
{
    struct clock_guard guard = {0};
    assert_int_equal(clock_guard_ns(&guard, 1000, 10), 1000);
    assert_int_equal(clock_guard_ns(&guard, 1005, 15), 1005);
    assert_int_equal(clock_guard_ns(&guard, 400, 20), 1010); /* set back by 610: goes on */
    assert_int_equal(clock_guard_ns(&guard, 480, 100), 1090);
    assert_int_equal(clock_guard_ns(&guard, 5000, 110), 5000); /* set forward: followed */
    const int64_t first = clock_wall_ms();
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    assert_true(clock_wall_ms() >= first);
    assert_true(llabs(first - (int64_t)now.tv_sec * 1000) < 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_of_many_threads_rise_and_are_unique),
        cmocka_unit_test(an_id_knows_its_time_and_has_16_digits_at_most),
        cmocka_unit_test(other_spellings_are_no_ids),
        cmocka_unit_test(the_clock_goes_on_when_the_systems_is_set_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
