/* What a channel did in the last hour, and how it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/pulse.h"

#define HOUR_MS 3600000
#define T0 (1800000000000 / PULSE_SLOT_MS * PULSE_SLOT_MS) /* the beginning of a slot */

static const struct outcome refused = {
    .fault = FAULT_status, .cause = CAUSE_status_server_error, .status = 503};

static struct pulse_view at(const struct pulse *p, int64_t ms)
{
    struct pulse_view v;
    pulse_read(p, ms, &v);
    return v;
}

static void an_hour(void **state)
{
    (void)state;
    struct pulse p = {0};
    assert_int_equal(at(&p, T0).delivered, 0);
    assert_int_equal(at(&p, T0).failed_ms, 0);
    for (int i = 0; i < 24; i++) { /* two hours, five events every five minutes, and a failure */
        pulse_delivered(&p, 5, T0 + i * PULSE_SLOT_MS);
        pulse_failed(&p, &refused, T0 + i * PULSE_SLOT_MS + 1);
    }
    int64_t last = T0 + 23 * PULSE_SLOT_MS + 1;
    assert_int_equal(at(&p, last).delivered, 12 * 5);
    assert_int_equal(at(&p, last).failed, 12);
    assert_int_equal(at(&p, last + HOUR_MS / 2).failed, 6);
    assert_int_equal(at(&p, last + HOUR_MS).failed, 0);
    assert_int_equal(at(&p, last + 100 * (int64_t)HOUR_MS).delivered, 0);
    pulse_delivered(&p, 1, last + 100 * (int64_t)HOUR_MS); /* nothing old comes back */
    assert_int_equal(at(&p, last + 100 * (int64_t)HOUR_MS).delivered, 1);
    assert_int_equal(at(&p, last + 100 * (int64_t)HOUR_MS).failed, 0);
}

static void a_clock_set_back(void **state)
{
    (void)state;
    struct pulse p = {0};
    pulse_delivered(&p, 2, T0);
    pulse_delivered(&p, 3, T0 - HOUR_MS);
    assert_int_equal(at(&p, T0).delivered, 5);
    assert_int_equal(at(&p, T0 - HOUR_MS).delivered, 5);
}

static void failing(void **state)
{
    (void)state;
    struct pulse p = {0};
    pulse_failed(&p, &refused, T0 + 1);
    pulse_failed(&p, &refused, T0 + 2);
    struct pulse_view v = at(&p, T0 + 3);
    assert_true(v.failing_ms == T0 + 1 && v.failed_ms == T0 + 2);
    assert_true(v.fault == FAULT_status && v.cause == CAUSE_status_server_error && v.status == 503);
    pulse_delivered(&p, 1, T0 + 4);
    v = at(&p, T0 + 5);
    assert_true(v.failing_ms == 0 && v.failed_ms == T0 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_hour),
        cmocka_unit_test(a_clock_set_back),
        cmocka_unit_test(failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
