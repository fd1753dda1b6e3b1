/* The small parts that the verbs stand on, by themselves. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/api/gate.h"
#include "server/api/key_cache.h"
#include "server/api/rate.h"

static struct hash hash_of(uint32_t number)
{
    return hash_sha256(&number, sizeof number);
}

static void a_cached_key_is_found_until_its_time_is_up(void **state)
{
    struct key_cache *cache = key_cache_create();
    const struct hash hash = hash_of(1), other = hash_of(2);
    struct store_key key = {.id = 7}, found;
    uint64_t ticket;
    assert_false(key_cache_get(cache, &hash, 1000, &found, &ticket));
    key_cache_put(cache, &hash, &key, 1000, ticket);
    assert_true(key_cache_get(cache, &hash, 1000 + KEY_CACHE_MS - 1, &found, &ticket));
    assert_int_equal(found.id, 7);
    assert_false(key_cache_get(cache, &hash, 1000 + KEY_CACHE_MS, &found, &ticket));
    assert_false(key_cache_get(cache, &other, 1000, &found, &ticket));
    key_cache_destroy(cache);
}

/* Read before the revocation, put after it: it must not come back. */
static void a_forgotten_key_does_not_come_back_from_an_old_read(void **state)
{
    struct key_cache *cache = key_cache_create();
    const struct hash hash = hash_of(1);
    struct store_key key = {.id = 7}, found;
    uint64_t ticket;
    assert_false(key_cache_get(cache, &hash, 0, &found, &ticket));
    key_cache_forget(cache, 7);
    key_cache_put(cache, &hash, &key, 0, ticket);
    assert_false(key_cache_get(cache, &hash, 0, &found, &ticket));
    key_cache_put(cache, &hash, &key, 0, ticket);
    assert_true(key_cache_get(cache, &hash, 0, &found, &ticket));
    key_cache_forget(cache, 7);
    assert_false(key_cache_get(cache, &hash, 0, &found, &ticket));
    key_cache_destroy(cache);
}

static void the_cache_is_bounded_and_forgets_the_oldest(void **state)
{
    struct key_cache *cache = key_cache_create();
    struct store_key key = {0}, found;
    uint64_t ticket;
    size_t there = 0;
    for (uint32_t i = 0; i < 4 * KEY_CACHE_SLOTS; i++) {
        const struct hash hash = hash_of(i);
        key_cache_get(cache, &hash, i, &found, &ticket);
        key.id = i + 1;
        key_cache_put(cache, &hash, &key, i, ticket);
        assert_true(key_cache_get(cache, &hash, i, &found, &ticket));
    }
    for (uint32_t i = 0; i < 4 * KEY_CACHE_SLOTS; i++) {
        const struct hash hash = hash_of(i);
        there += key_cache_get(cache, &hash, 0, &found, &ticket) && found.id == (int64_t)i + 1;
    }
    assert_in_range(there, KEY_CACHE_SLOTS / 2, KEY_CACHE_SLOTS);
    key_cache_destroy(cache);
}

static void use_is_told_once_a_minute(void **state)
{
    struct key_cache *cache = key_cache_create();
    const struct hash hash = hash_of(1);
    struct store_key key = {.id = 7}, found;
    int64_t ids[4];
    uint64_t ticket;
    key_cache_get(cache, &hash, 1, &found, &ticket);
    key_cache_put(cache, &hash, &key, 1, ticket);
    assert_int_equal(key_cache_used(cache, 1, ids, 4), 1);
    assert_int_equal(ids[0], 7);
    key_cache_get(cache, &hash, 2, &found, &ticket);
    assert_int_equal(key_cache_used(cache, 2, ids, 4), 0);
    assert_int_equal(key_cache_used(cache, 1 + KEY_CACHE_USED_MS, ids, 4), 1);
    assert_int_equal(key_cache_used(cache, 2 + 2 * KEY_CACHE_USED_MS, ids, 4), 0); /* not used since */
    key_cache_destroy(cache);
}

/* What a client that waits as it is told gets: never more than the limit in any minute, and never kept out longer. */
static void the_rate_holds_in_every_minute(void **state)
{
    enum { LIMIT = 7, STEPS = 400 };
    struct rate *rate = rate_create();
    int64_t taken[STEPS], now_ms = 1234567;
    for (int i = 0; i < STEPS; i++) {
        int wait_s = 0, tries = 0;
        while (!rate_take(rate, 5, LIMIT, now_ms, &wait_s)) {
            assert_true(wait_s >= 1 && wait_s <= 120);
            now_ms += wait_s * 1000;
            assert_true(++tries <= 2);
        }
        taken[i] = now_ms;
        now_ms += i % 3 * 700;
    }
    assert_true(taken[STEPS - 1] - taken[0] < (int64_t)STEPS / LIMIT * RATE_WINDOW_MS * 2);
    for (int i = 0; i + 2 * LIMIT < STEPS; i++)
        assert_true(taken[i + 2 * LIMIT] - taken[i] >= RATE_WINDOW_MS);
    for (int i = 0; i < LIMIT; i++) { /* another key has its own */
        int wait_s;
        assert_true(rate_take(rate, 6, LIMIT, now_ms, &wait_s));
    }
    rate_destroy(rate);
}

static void a_quiet_minute_forgives_everything(void **state)
{
    struct rate *rate = rate_create();
    int wait_s;
    for (int i = 0; i < 3; i++)
        assert_true(rate_take(rate, 1, 3, 60000, &wait_s));
    assert_false(rate_take(rate, 1, 3, 60000, &wait_s));
    for (int i = 0; i < 3; i++)
        assert_true(rate_take(rate, 1, 3, 180000, &wait_s));
    assert_false(rate_take(rate, 1, 3, 180000, &wait_s));
    rate_destroy(rate);
}

static void many_keys_are_bounded(void **state)
{
    struct rate *rate = rate_create();
    int wait_s;
    for (int64_t key = 1; key < 10 * RATE_SLOTS; key++)
        assert_true(rate_take(rate, key, 1, 60000 + key, &wait_s));
    rate_destroy(rate);
}

static struct gate gate;
static _Atomic int inside, most, refused;

static void *through(void *context)
{
    for (int i = 0; i < 50; i++) {
        if (!gate_enter(&gate)) {
            atomic_fetch_add(&refused, 1);
            continue;
        }
        const int now = atomic_fetch_add(&inside, 1) + 1;
        for (int seen = atomic_load(&most); now > seen && !atomic_compare_exchange_weak(&most, &seen, now);)
            ;
        usleep(100);
        atomic_fetch_sub(&inside, 1);
        gate_leave(&gate);
    }
    return NULL;
}

static void a_gate_lets_only_so_many_in_and_wait(void **state)
{
    pthread_t threads[8];
    gate_init(&gate, (struct gate_sizes){.inside_max = 2, .waiting_max = 3});
    for (size_t i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, through, NULL);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(most, 1, 2);
    assert_true(refused > 0);
    gate_finish(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cached_key_is_found_until_its_time_is_up),
        cmocka_unit_test(a_forgotten_key_does_not_come_back_from_an_old_read),
        cmocka_unit_test(the_cache_is_bounded_and_forgets_the_oldest),
        cmocka_unit_test(use_is_told_once_a_minute),
        cmocka_unit_test(the_rate_holds_in_every_minute),
        cmocka_unit_test(a_quiet_minute_forgives_everything),
        cmocka_unit_test(many_keys_are_bounded),
        cmocka_unit_test(a_gate_lets_only_so_many_in_and_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
