/* How often a channel may call: never more than the limit in any window, on a clock of the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access/rate.h"
#include "base/mem.h"

static uint64_t now_us;

static uint64_t mono(void *arg)
{
    (void)arg;
    return now_us;
}

static int64_t wall(void *arg)
{
    (void)arg;
    return 0;
}

static const struct clock clock_mine = {mono, wall, NULL};

static unsigned take_all(struct rate_limits *r, int64_t id, enum rate_kind kind)
{
    unsigned n = 0;
    while (n < 5000 && rate_take(r, id, kind))
        n++;
    return n;
}

static void limits_are_the_documented_ones(void **state)
{
    (void)state;
    struct rate_limits r;
    now_us = 7777777;
    rate_init(&r, &clock_mine, &random_system);
    assert_int_equal(take_all(&r, 1, RATE_GET), 1000);
    assert_int_equal(take_all(&r, 1, RATE_SET), 1000); /* each call its own */
    assert_int_equal(take_all(&r, 1, RATE_TEST), 60);
    assert_int_equal(take_all(&r, 2, RATE_TEST), 60); /* each channel its own */
    now_us += 59 * 1000000;
    assert_false(rate_take(&r, 1, RATE_GET));
    now_us += 2 * 1000000;
    assert_int_equal(take_all(&r, 1, RATE_GET), 1000);
    assert_false(rate_take(&r, 1, RATE_TEST));
    now_us += 3600ull * 1000000;
    assert_int_equal(take_all(&r, 1, RATE_TEST), 60);
    rate_deinit(&r);
}

/* Against every single call that was let through, remembered. */
static void never_more_in_any_window(void **state)
{
    (void)state;
    static uint64_t taken[200000];
    size_t count = 0, first = 0;
    struct random_seeded seeded;
    struct random random = random_seeded_init(&seeded, 4);
    struct rate_limits r;
    now_us = 0;
    rate_init(&r, &clock_mine, &random_system);
    unsigned refused = 0, late = 0;
    for (int i = 0; i < 150000; i++) {
        /* bursts and lulls */
        now_us += random_below(&random, 500) ? random_below(&random, 30000) : random_below(&random, 9000000);
        while (first < count && taken[first] + 60000000 <= now_us)
            first++;
        if (rate_take(&r, 5, RATE_SET)) {
            taken[count++] = now_us;
            assert_true(count - first <= 1000);
        } else {
            refused++;
            late += count - first < 900; /* a place becomes free at most a second late */
        }
    }
    assert_true(refused > 1000);
    assert_int_equal(late, 0);
    rate_deinit(&r);
}

static void the_silent_are_forgotten(void **state)
{
    (void)state;
    struct rate_limits r;
    now_us = 0;
    rate_init(&r, &clock_mine, &random_system);
    for (int64_t id = 1; id <= 1000; id++)
        assert_true(rate_take(&r, id, RATE_GET));
    assert_int_equal(r.channels.count, 1000);
    now_us += 601ull * 1000000;
    assert_true(rate_take(&r, 7, RATE_TEST));
    assert_int_equal(r.channels.count, 1);
    now_us += 601ull * 1000000; /* an hour's call is remembered for the hour */
    assert_true(rate_take(&r, 8, RATE_GET));
    assert_int_equal(r.channels.count, 2);
    rate_deinit(&r);
    rate_deinit(&r);
}

static void without_memory_nobody_is_refused(void **state)
{
    (void)state;
    for (unsigned long n = 1; n <= 3; n++) {
        struct rate_limits r;
        rate_init(&r, &clock_mine, &random_system);
        (void)mem_fail_at(n);
        for (int i = 0; i < 3; i++)
            assert_true(rate_take(&r, i + 1, RATE_TEST));
        (void)mem_fail_at(0);
        rate_deinit(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_the_documented_ones),
        cmocka_unit_test(never_more_in_any_window),
        cmocka_unit_test(the_silent_are_forgotten),
        cmocka_unit_test(without_memory_nobody_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
