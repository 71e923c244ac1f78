#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

static void grows_and_consumes(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    for (int i = 0; i < 100; i++)
        assert_int_equal(buf_add(&b, "0123456789", 10), ERR_NONE);
    assert_int_equal(buf_len(&b), 1000);
    assert_int_equal(buf_add(&b, "x", 1), ERR_LIMIT);
    buf_consume(&b, 995);
    assert_true(span_eq(buf_span(&b), SPAN_LIT("56789")));
    assert_int_equal(buf_add(&b, "abc", 3), ERR_NONE);
    assert_true(span_eq(buf_span(&b), SPAN_LIT("56789abc")));
    buf_deinit(&b);
}

static void printf_keeps_to_the_cap(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    assert_int_equal(buf_printf(&b, "%d", 12345), ERR_NONE);
    assert_int_equal(buf_printf(&b, "%d", 6), ERR_LIMIT);
    assert_true(span_eq(buf_span(&b), SPAN_LIT("12345")));
    buf_deinit(&b);
}

static void refused_allocation_changes_nothing(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    assert_int_equal(buf_add(&b, "ab", 2), ERR_NONE);
    char big[9000] = {0};
    mem_fail_at(1);
    assert_int_equal(buf_add(&b, big, sizeof(big)), ERR_NOMEM);
    assert_true(mem_fail_hit());
    mem_fail_at(0);
    assert_true(span_eq(buf_span(&b), SPAN_LIT("ab")));
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_consumes),
        cmocka_unit_test(printf_keeps_to_the_cap),
        cmocka_unit_test(refused_allocation_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
