/* When sending to a channel is suspended, and when it goes on: one outcome after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "webhook/suspension.h"

#define HOUR 3600000LL

static const struct outcome good = {.reason = REASON_OK, .cause = CAUSE_ok},
                            bad = {.reason = REASON_ERROR_STATUS_CODE, .cause = CAUSE_status_server_error},
                            ours = {.reason = REASON_COULD_NOT_CONNECT, .cause = CAUSE_local_files};

static const struct suspension_rule rule = {.after_ms = 24 * HOUR, .failures = 5};

struct step {
    int64_t at; /* hours */
    const struct outcome *outcome;
    enum suspension_step want;
    const char *why;
};

/* set: hours by which the wall clock is set forward or back behind the first step. */
static void judged(const struct step *steps, size_t count, struct channel c, int64_t set)
{
    struct suspension_health h = {0};
    for (size_t i = 0; i < count; i++) {
        struct suspension_clock now = {.time_ms = 1700000000000 + (steps[i].at + (i ? set : 0)) * HOUR,
                                       .mono_ms = (uint64_t)((steps[i].at + 7) * HOUR)};
        enum suspension_step got = suspension_judge(&h, &rule, &c, steps[i].outcome, &now);
        if (got != steps[i].want)
            fail_msg("step %zu: %d, not %d: %s", i, (int)got, (int)steps[i].want, steps[i].why);
        if (got == SUSPENSION_NOTE || got == SUSPENSION_BEGIN) /* as the store then has it */
            c.failing_ms = h.since_ms;
        if (got == SUSPENSION_BEGIN)
            c.suspended_ms = now.time_ms;
        if (got == SUSPENSION_LIFT)
            suspension_clear(&c);
    }
}
#define JUDGED_SET(set, channel, ...)                                                                        \
    judged((const struct step[]){__VA_ARGS__},                                                               \
           sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step), channel, set)
#define JUDGED(channel, ...) JUDGED_SET(0, channel, __VA_ARGS__)

static void rows(void **state)
{
    (void)state;
    const struct channel fresh = {0};
    JUDGED(fresh, {0, &bad, SUSPENSION_NONE, "the first"},
           {1, &bad, SUSPENSION_NONE, "no twelfth of the time yet"},
           {3, &bad, SUSPENSION_NOTE, "it lasts: on record"}, {4, &bad, SUSPENSION_NONE, "it is on record"},
           {23, &bad, SUSPENSION_NONE, "often enough, not long enough"}, {24, &bad, SUSPENSION_BEGIN, "now"},
           {25, &bad, SUSPENSION_NONE, "it is suspended"},
           {26, &good, SUSPENSION_LIFT, "one was on its way, and worked"},
           {27, &bad, SUSPENSION_NONE, "counted from the beginning"});
    JUDGED(fresh, {0, &bad, SUSPENSION_NONE, "the first"},
           {30, &bad, SUSPENSION_NOTE, "long enough, not often enough"}, {31, &bad, SUSPENSION_NONE, "3"},
           {32, &bad, SUSPENSION_NONE, "4"}, {33, &bad, SUSPENSION_BEGIN, "5"});
    JUDGED(fresh, {0, &bad, SUSPENSION_NONE, "1"}, {1, &good, SUSPENSION_NONE, "nothing is on record"},
           {23, &bad, SUSPENSION_NONE, "1 again"}, {24, &bad, SUSPENSION_NONE, "2"},
           {26, &bad, SUSPENSION_NOTE, "3"}, {27, &good, SUSPENSION_LIFT, "off the record"});
    JUDGED(fresh, {0, &ours, SUSPENSION_NONE, "ours"}, {10, &ours, SUSPENSION_NONE, "ours"},
           {20, &bad, SUSPENSION_NONE, "the bot's first"}, {30, &ours, SUSPENSION_NONE, "ours do not add up"},
           {40, &ours, SUSPENSION_NONE, ""}, {43, &bad, SUSPENSION_NOTE, "2"},
           {44, &bad, SUSPENSION_NONE, "3"}, {45, &bad, SUSPENSION_NONE, "4"},
           {46, &bad, SUSPENSION_BEGIN, "5"});
    JUDGED_SET(-100, fresh, {0, &bad, SUSPENSION_NONE, "1"},
               {1, &bad, SUSPENSION_NONE, "the clock went back"},
               {3, &bad, SUSPENSION_NOTE, "and counts no less"});
    JUDGED_SET(25, fresh, {0, &bad, SUSPENSION_NONE, "1"}, {1, &bad, SUSPENSION_NONE, "a day forward"},
               {1, &bad, SUSPENSION_NONE, "3"}, {1, &bad, SUSPENSION_NONE, "4"},
               {1, &bad, SUSPENSION_NONE, "often enough, but not for a day"},
               {3, &bad, SUSPENSION_NOTE, "on record as it is"}, {23, &bad, SUSPENSION_NONE, "nearly"},
               {24, &bad, SUSPENSION_BEGIN, "a day"});
    /* After a restart: the time is on record, the failures are counted anew. */
    const struct channel failing = {.failing_ms = 1700000000000 - 30 * HOUR};
    JUDGED(failing, {0, &bad, SUSPENSION_NONE, "1"}, {0, &bad, SUSPENSION_NONE, "2"},
           {0, &bad, SUSPENSION_NONE, "3"}, {0, &bad, SUSPENSION_NONE, "4"},
           {0, &bad, SUSPENSION_BEGIN, "5"});
}

static void asked_once(void **state)
{
    (void)state;
    const struct channel c = {.failing_ms = 1};
    const struct suspension_rule never = {.after_ms = 0, .failures = 1};
    struct suspension_health h = {.failures = 100};
    const struct suspension_clock now = {.time_ms = 1700000000000};
    assert_int_equal(suspension_judge(&h, &never, &c, &bad, &now), SUSPENSION_NONE);
    assert_int_equal(suspension_judge(&h, &rule, &c, &bad, &now), SUSPENSION_BEGIN);
    h.asked = true;
    assert_int_equal(suspension_judge(&h, &rule, &c, &bad, &now), SUSPENSION_NONE);
    assert_int_equal(suspension_judge(&h, &rule, &c, &good, &now), SUSPENSION_NONE);
    h.asked = false; /* it came too late for the store, and is asked for again */
    assert_int_equal(suspension_judge(&h, &rule, &c, &good, &now), SUSPENSION_LIFT);
}

/* At a start nobody knows the time yet: what fails until then begins nothing. */
static void no_time_yet(void **state)
{
    (void)state;
    const struct channel c = {.failing_ms = 1700000000000 - 30 * HOUR};
    struct suspension_health h = {.failures = 100};
    struct suspension_clock now = {.mono_ms = 1};
    assert_int_equal(suspension_judge(&h, &rule, &c, &bad, &now), SUSPENSION_NONE);
    assert_int_equal(h.since_ms, 0);
    now.time_ms = 1700000000000;
    assert_int_equal(suspension_judge(&h, &rule, &c, &bad, &now), SUSPENSION_BEGIN);
    assert_int_equal(h.since_ms, c.failing_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(asked_once),
        cmocka_unit_test(no_time_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
