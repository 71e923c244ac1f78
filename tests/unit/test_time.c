/* Points in time as they come in a query or a body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/time.h"

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want; /* -1: refused */
    } rows[] = {
        {"2026-11-22T05:38:20.031Z", 1795325900031},
        {"2026-11-22T05:38:20Z", 1795325900000},
        {"2026-11-22t05:38:20z", 1795325900000},
        {"2026-11-22 05:38Z", 1795325880000},
        {"2026-11-22T14:38:20+09:00", 1795325900000},
        {"2026-11-22T00:08:20-05:30", 1795325900000},
        {"2026-11-22T05:38:20.0319999Z", 1795325900031},
        {"2026-11-22T05:38:20.5Z", 1795325900500},
        {"2028-02-29T00:00:00Z", 1835395200000},
        {"1970-01-01T00:00:00Z", 0},
        {"0", 0},
        {"1795325900031", 1795325900031},
        {"", -1},
        {"x", -1},
        {"-1", -1},
        {"99999999999999", -1}, /* no id of an event reaches so far */
        {"999999999999999", -1},
        {"2026-11-22", -1},
        {"2026-11-22T05:38:20", -1},
        {"2026-11-22T05:38:20.Z", -1},
        {"2026-11-22T05:38:20Zx", -1},
        {"2026-13-22T05:38:20Z", -1},
        {"2026-00-22T05:38:20Z", -1},
        {"2026-11-32T05:38:20Z", -1},
        {"2026-11-22T24:00:00Z", -1},
        {"2026-11-22T05:60:00Z", -1},
        {"2026-11-22T05:38:61Z", -1},
        {"2026-11-22T05:38:20+24:00", -1},
        {"2026-11-22T05:38:20+0900", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"1970-01-01T00:00:00+00:01", -1},
        {"2201-01-01T00:00:00Z", -1},
        {"26-11-22T05:38:20Z", -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ms = -2;
        enum err e = time_parse(span_of(rows[i].text), &ms);
        if (rows[i].want < 0 ? e != ERR_INVALID : e || ms != rows[i].want)
            fail_msg("%s: %lld (%s)", rows[i].text, (long long)ms, err_text(e));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
