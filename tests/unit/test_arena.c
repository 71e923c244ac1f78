#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdalign.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/random.h"

static void blocks_are_aligned_and_apart(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random r = random_seeded_init(&seed, 2);
    struct arena a;
    arena_init(&a, 256, 1 << 20);
    for (int round = 0; round < 20; round++) {
        unsigned char *block[200];
        size_t size[200];
        for (size_t i = 0; i < 200; i++) {
            size[i] = random_below(&r, i % 20 ? 60 : 1000);
            block[i] = arena_alloc(&a, size[i]);
            assert_non_null(block[i]);
            assert_true((uintptr_t)block[i] % alignof(max_align_t) == 0);
            memset(block[i], (int)i, size[i]);
        }
        for (size_t i = 0; i < 200; i++)
            for (size_t k = 0; k < size[i]; k++)
                assert_int_equal(block[i][k], i);
        arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    arena_deinit(&a);
}

static void keeps_to_its_cap(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 64, 160);
    assert_null(arena_alloc(&a, 161));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_zero(&a, SIZE_MAX / 2, 3));
    assert_int_equal(a.used, 0);
    assert_non_null(arena_alloc(&a, 100));
    assert_null(arena_alloc(&a, 100));
    assert_non_null(arena_alloc(&a, 16));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 160));
    assert_null(arena_alloc(&a, 0));
    arena_deinit(&a);
    mem_fail_at(1);
    assert_null(arena_alloc(&a, 1));
    mem_fail_at(0);
    assert_int_equal(a.used, 0);
}

static void copies_and_zeroes(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 64, 1000);
    assert_string_equal(arena_dup(&a, SPAN_LIT("event")), "event");
    assert_string_equal(arena_dup(&a, (struct span){NULL, 0}), "");
    arena_reset(&a);
    memset(arena_alloc(&a, 48), 0xFF, 48);
    arena_reset(&a);
    const char *z = arena_zero(&a, 6, 8);
    for (int i = 0; i < 48; i++)
        assert_int_equal(z[i], 0);
    arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_apart),
        cmocka_unit_test(keeps_to_its_cap),
        cmocka_unit_test(copies_and_zeroes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
