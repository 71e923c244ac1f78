/* Alarms begin, last and end; gauges of several loops add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/gauge.h"
#include "base/log.h"

struct world {
    struct alarms alarms;
    struct delivery_counters counters;
    struct store_stats store;
    struct retention_stats retention;
    struct gauges loops[2];
    const struct gauges *all[2];
};

static struct world w;

static int begin(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    w.all[0] = &w.loops[0];
    w.all[1] = &w.loops[1];
    log_set_output(-1, NULL);
    return 0;
}

static bool on(const char *name, int64_t now_ms)
{
    struct buf out;
    char line[80];
    buf_init(&out, 65536);
    assert_int_equal(alarms_print(&w.alarms, &w.store, &w.retention, now_ms, &out), ERR_NONE);
    assert_int_equal(buf_add(&out, "", 1), ERR_NONE);
    (void)snprintf(line, sizeof(line), "todoke_alarm{name=\"%s\"} ", name);
    const char *at = strstr(buf_span(&out).ptr, line);
    assert_non_null(at);
    bool is = at[strlen(line)] == '1';
    assert_true(is || at[strlen(line)] == '0');
    buf_deinit(&out);
    return is;
}

static void watch(int64_t now_ms)
{
    alarms_watch(&w.alarms, &w.counters, w.all, 2, now_ms);
}

static void alarms_last_and_end(void **state)
{
    (void)state;
    watch(1000);
    assert_false(on("local_files", 1000));
    atomic_fetch_add(&w.counters.local[CAUSE_local_files], 3);
    watch(2000);
    assert_true(on("local_files", 2000));
    assert_false(on("local_buffers", 2000));
    watch(2000 + ALARM_HOLD_MS - 1);
    assert_true(on("local_files", 2000 + ALARM_HOLD_MS - 1));
    atomic_fetch_add(&w.counters.local[CAUSE_local_files], 1); /* once more: it lasts */
    watch(3000 + ALARM_HOLD_MS - 1);
    assert_true(on("local_files", 2000 + 2 * ALARM_HOLD_MS));
    watch(4000 + 2 * ALARM_HOLD_MS);
    assert_false(on("local_files", 4000 + 2 * ALARM_HOLD_MS));
    atomic_fetch_add(&w.counters.local[CAUSE_local_cancelled], 1); /* a shutdown is no alarm */
    watch(5000 + 2 * ALARM_HOLD_MS);
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(alarms_print(&w.alarms, &w.store, &w.retention, 5000 + 2 * ALARM_HOLD_MS, &out),
                     ERR_NONE);
    assert_int_equal(buf_add(&out, "", 1), ERR_NONE);
    assert_null(strstr(buf_span(&out).ptr, "} 1\n"));
    assert_null(strstr(buf_span(&out).ptr, "cancelled"));
    buf_deinit(&out);
}

static void states_are_alarms(void **state)
{
    (void)state;
    assert_false(on("store", 1) || on("retention", 1) || on("accept", 1));
    atomic_store(&w.store.last_error, ERR_FULL);
    atomic_store(&w.retention.over, true);
    atomic_store(&w.loops[1].values[GAUGE_accept_failed], 1);
    watch(1);
    assert_true(on("store", 1) && on("retention", 1) && on("accept", 1));
    atomic_store(&w.store.last_error, ERR_NONE);
    assert_false(on("store", 1));
}

static void loops_add_up(void **state)
{
    (void)state;
    atomic_store(&w.loops[0].values[GAUGE_sessions_h2], 5);
    atomic_store(&w.loops[1].values[GAUGE_sessions_h2], 7);
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(gauges_print(w.all, 2, &out), ERR_NONE);
    assert_int_equal(buf_add(&out, "", 1), ERR_NONE);
    const char *text = buf_span(&out).ptr, *type = strstr(text, "# TYPE todoke_sessions gauge\n");
    assert_non_null(type);
    assert_null(strstr(type + 1, "# TYPE todoke_sessions ")); /* told once for both rows */
    assert_non_null(
        strstr(type, "todoke_sessions{protocol=\"http/1.1\"} 0\ntodoke_sessions{protocol=\"h2\"} 12\n"));
    buf_deinit(&out);
    buf_init(&out, 64);
    assert_int_equal(gauges_print(w.all, 2, &out), ERR_LIMIT);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(alarms_last_and_end, begin),
        cmocka_unit_test_setup(states_are_alarms, begin),
        cmocka_unit_test_setup(loops_add_up, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
