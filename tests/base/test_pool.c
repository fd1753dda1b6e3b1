#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pool.h"

enum { PIECES = 1000 };

struct tally {
    atomic_int seen[PIECES];
    size_t worker_max;
};

static void count_piece(void *context, size_t worker, size_t index)
{
    struct tally *tally = context;
    atomic_fetch_add(&tally->seen[index], 1);
    assert_true(worker <= tally->worker_max);
}

static void every_piece_is_done_once_for_any_thread_count(void **state)
{
    for (size_t threads = 1; threads <= 4; threads++) {
        struct pool *pool;
        assert_int_equal(pool_create(&pool, threads, NULL), 0);
        assert_int_equal(pool_thread_count(pool), threads);
        for (int round = 0; round < 200; round++) {
            struct tally tally = {.worker_max = threads - 1};
            pool_run(pool, PIECES, count_piece, &tally);
            for (int i = 0; i < PIECES; i++)
                assert_int_equal(tally.seen[i], 1);
        }
        pool_run(pool, 0, count_piece, NULL);
        pool_destroy(pool);
    }
}

static void thread_counts_outside_the_limits_are_refused(void **state)
{
    struct pool *pool;
    conch_error err = {0};
    assert_int_equal(pool_create(&pool, 0, &err), CONCH_ERR_RANGE);
    assert_int_equal(pool_create(&pool, POOL_THREADS_MAX + 1, &err), CONCH_ERR_RANGE);
    assert_true(pool_cores_usable() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_is_done_once_for_any_thread_count),
        cmocka_unit_test(thread_counts_outside_the_limits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
