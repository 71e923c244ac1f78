/* What each outcome leads to: every cause of the catalogue, and who is never blamed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault/effect.h"

static struct outcome outcome_by(enum cause_id cause)
{
    enum fault_id fault = cause_of(cause)->fault;
    return (struct outcome){.reason = fault_of(fault)->reason, .fault = fault, .cause = cause};
}

static void a_success_leads_to_nothing(void **state)
{
    (void)state;
    struct outcome o = outcome_by(CAUSE_ok);
    assert_int_equal(effect_of(&o), 0);
}

static void our_own_faults_blame_nobody(void **state)
{
    (void)state;
    int seen = 0;
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++) {
        if (!cause_is_local(c))
            continue;
        struct outcome o = outcome_by(c);
        if (effect_of(&o) != EFFECT_AGAIN)
            fail_msg("%s: %u", cause_of(c)->id, effect_of(&o));
        seen++;
    }
    assert_true(seen > 3);
}

/* Its name is looked up again by the schedule, but that our resolver is gone is no error of a bot, or
 * everybody would be told. */
static void nor_does_our_resolver(void **state)
{
    (void)state;
    struct outcome o = outcome_by(CAUSE_dns_unreachable);
    assert_int_equal(effect_of(&o), EFFECT_RETRY);
}

static void every_other_failure_is_the_bots(void **state)
{
    (void)state;
    const unsigned want = EFFECT_COUNT | EFFECT_NOTIFY | EFFECT_SUSPEND;
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++) {
        struct outcome o = outcome_by(c);
        if (cause_of(c)->blame == BLAME_LOCAL || o.reason == REASON_OK)
            continue;
        unsigned got = effect_of(&o);
        if ((got & want) != want || got & EFFECT_AGAIN)
            fail_msg("%s: %u", cause_of(c)->id, got);
        assert_int_equal(!!(got & EFFECT_RETRY), fault_of(o.fault)->retry == RETRY_LATER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_success_leads_to_nothing),
        cmocka_unit_test(our_own_faults_blame_nobody),
        cmocka_unit_test(nor_does_our_resolver),
        cmocka_unit_test(every_other_failure_is_the_bots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
