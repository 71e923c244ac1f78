/* What a finished attempt means for an event, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "webhook/redelivery.h"

static const struct redelivery_schedule steady = {
    .delay_ms = {1000, 2000, 4000}, .count = 3, .jitter_percent = 0};

static void decisions(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        enum cause_id cause;
        int status;
        bool redelivery;
        uint16_t tries;
        uint32_t retry_after_s;
        enum fate_end end;
        int64_t wait;
    } rows[] = {
        {"delivered", CAUSE_ok, 200, true, 0, 0, FATE_DELIVERED, 0},
        {"off: given up at once", CAUSE_status_server_error, 500, false, 0, 0, FATE_GIVEN_UP, 0},
        {"first wait", CAUSE_status_server_error, 500, true, 0, 0, FATE_RETRY, 1000},
        {"second wait", CAUSE_response_silent, 0, true, 1, 0, FATE_RETRY, 2000},
        {"last wait", CAUSE_tcp_refused, 0, true, 2, 0, FATE_RETRY, 4000},
        {"the schedule is over", CAUSE_tcp_refused, 0, true, 3, 0, FATE_GIVEN_UP, 0},
        {"Retry-After is longer", CAUSE_status_server_error, 503, true, 0, 3, FATE_RETRY, 3000},
        {"Retry-After is shorter", CAUSE_status_client_error, 429, true, 2, 1, FATE_RETRY, 4000},
        {"Retry-After past the schedule", CAUSE_status_client_error, 429, true, 0, 86400, FATE_RETRY, 7000},
        {"Retry-After past what is left", CAUSE_status_client_error, 429, true, 1, 86400, FATE_RETRY, 6000},
        {"Retry-After with another status", CAUSE_status_server_error, 500, true, 0, 3, FATE_RETRY, 1000},
        {"a redirect is a failure", CAUSE_status_redirect, 302, false, 0, 0, FATE_GIVEN_UP, 0},
    };
    struct random_seeded seeded;
    struct random r = random_seeded_init(&seeded, 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct fault *f = fault_of(cause_of(rows[i].cause)->fault);
        struct outcome o = {.reason = f->reason,
                            .fault = cause_of(rows[i].cause)->fault,
                            .cause = rows[i].cause,
                            .status = rows[i].status};
        struct channel c = {.webhook_redelivery = rows[i].redelivery};
        struct redelivery_news n = {.outcome = &o,
                                    .retry_after_s = rows[i].retry_after_s,
                                    .tries = rows[i].tries,
                                    .faults = 3,
                                    .sent = true,
                                    .now_ms = 1000000};
        struct fate fate = {.event_id = 5, .was_retry = true};
        redelivery_decide(&steady, &c, &n, &r, &fate);
        if (fate.end != rows[i].end || (fate.end == FATE_RETRY && fate.next_due_ms != 1000000 + rows[i].wait))
            fail_msg("%s: end %d after %lld ms", rows[i].why, fate.end,
                     (long long)fate.next_due_ms - 1000000);
        assert_int_equal(fate.tries, rows[i].tries + 1);
        assert_int_equal(fate.faults, 0);
        assert_true(fate.event_id == 5 && fate.was_retry);
    }
}

static struct fate ours(uint16_t tries, uint16_t faults, bool sent)
{
    static struct random_seeded seeded;
    struct random r = random_seeded_init(&seeded, 1);
    struct outcome o = {.reason = REASON_UNCLASSIFIED, .fault = FAULT_dispatch, .cause = CAUSE_local_files};
    struct channel c = {.webhook_redelivery = false};
    struct redelivery_news n = {.outcome = &o, .tries = tries, .faults = faults, .sent = sent};
    struct fate fate;
    redelivery_decide(&steady, &c, &n, &r, &fate);
    return fate;
}

/* Nothing of it left: the bot has seen nothing, so it is no try, and never the end. */
static void faults_of_our_own_before_anything_is_sent(void **state)
{
    (void)state;
    int64_t last = 0;
    for (uint16_t faults = 0; faults < 1000; faults++) {
        struct fate fate = ours(faults % 7, faults, false);
        assert_int_equal(fate.end, FATE_UNSENT);
        assert_int_equal(fate.tries, faults % 7);
        assert_int_equal(fate.faults, faults + 1);
        assert_true(fate.next_due_ms >= 800 && fate.next_due_ms <= 72000);
        assert_true(faults > 5 || fate.next_due_ms > last); /* it doubles */
        last = fate.next_due_ms;
    }
    assert_int_equal(ours(UINT16_MAX, UINT16_MAX, false).faults, UINT16_MAX);
}

/* It may have been processed: a try, and not for ever; but the switch and the schedule do not matter soon. */
static void faults_of_our_own_behind_it(void **state)
{
    (void)state;
    for (uint16_t tries = 0; tries < 20; tries++) {
        struct fate fate = ours(tries, 0, true);
        assert_int_equal(fate.end, FATE_RETRY);
        assert_int_equal(fate.tries, tries + 1);
        assert_int_equal(fate.faults, 1);
        assert_true(fate.next_due_ms >= 800 && fate.next_due_ms <= 1200);
    }
    assert_int_equal(ours(20, 0, true).end, FATE_GIVEN_UP);
}

/* A channel's own schedule comes before the node's, with the node's jitter. */
static void a_channel_has_its_own(void **state)
{
    (void)state;
    struct random_seeded seeded;
    struct random r = random_seeded_init(&seeded, 3);
    struct channel c = {.webhook_redelivery = true, .redelivery_schedule = {2, {5, 60}}};
    struct outcome o = {.reason = REASON_ERROR_STATUS_CODE,
                        .fault = FAULT_status,
                        .cause = CAUSE_status_server_error,
                        .status = 503};
    static const struct {
        uint16_t tries;
        uint32_t retry_after_s;
        int64_t wait; /* 0: given up */
    } rows[] = {{0, 0, 5000}, {1, 0, 60000}, {2, 0, 0}, {0, 30, 30000}, {0, 900, 65000}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct redelivery_news n = {
            .outcome = &o, .tries = rows[i].tries, .retry_after_s = rows[i].retry_after_s, .sent = true};
        struct fate fate;
        redelivery_decide(&steady, &c, &n, &r, &fate);
        assert_int_equal(fate.end, rows[i].wait ? FATE_RETRY : FATE_GIVEN_UP);
        assert_int_equal(fate.next_due_ms, rows[i].wait);
    }
    struct redelivery_schedule s = redelivery_schedule_of(&redelivery_default, &c);
    assert_int_equal(s.jitter_percent, redelivery_default.jitter_percent);
    assert_int_equal(redelivery_longest(&s), (60000 + 65000) * 120 / 100);
}

static void schedules_as_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } rows[] = {{"", true},
                {"1", true},
                {"60,120", true},
                {"604800", true},
                {"604801", false},
                {"0", false},
                {"1,", false},
                {",1", false},
                {"1,,2", false},
                {"1;2", false},
                {"-1", false},
                {" 1", false},
                {"99999999999999", false},
                {"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20", true},
                {"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct channel c = {.redelivery_schedule = {1, {77}}};
        char text[CHANNEL_SCHEDULE_TEXT];
        enum err e = channel_schedule_parse(span_of(rows[i].text), &c.redelivery_schedule);
        if ((e == ERR_NONE) != rows[i].good)
            fail_msg("%s", rows[i].text);
        size_t len = channel_schedule_text(&c.redelivery_schedule, text);
        assert_int_equal(len, strlen(text));
        assert_string_equal(text, e ? "77" : rows[i].text);
    }
}

static void jitter_spreads(void **state)
{
    (void)state;
    struct random_seeded seeded;
    struct random r = random_seeded_init(&seeded, 7);
    struct outcome o = {.reason = REASON_ERROR_STATUS_CODE,
                        .fault = FAULT_status,
                        .cause = CAUSE_status_server_error,
                        .status = 500};
    struct channel c = {.webhook_redelivery = true};
    int64_t low = INT64_MAX, high = 0;
    for (int i = 0; i < 2000; i++) {
        struct redelivery_news n = {.outcome = &o, .sent = true};
        struct fate fate;
        redelivery_decide(&redelivery_default, &c, &n, &r, &fate);
        low = fate.next_due_ms < low ? fate.next_due_ms : low;
        high = fate.next_due_ms > high ? fate.next_due_ms : high;
    }
    assert_true(low >= 48000 && low < 49000);
    assert_true(high <= 72000 && high > 71000);
}

/* The bound on due times that come from before the clock was set back holds for every decision. */
static void nothing_waits_longer_than_the_longest(void **state)
{
    (void)state;
    struct random_seeded seeded;
    struct random r = random_seeded_init(&seeded, 11);
    const struct redelivery_schedule *schedules[] = {&steady, &redelivery_default};
    struct channel c = {.webhook_redelivery = true};
    static const enum cause_id causes[] = {CAUSE_status_server_error, CAUSE_local_files};
    for (int i = 0; i < 4000; i++) {
        const struct redelivery_schedule *s = schedules[i % 2];
        enum cause_id cause = causes[i / 2 % 2];
        const struct fault *f = fault_of(cause_of(cause)->fault);
        struct outcome o = {
            .reason = f->reason, .fault = cause_of(cause)->fault, .cause = cause, .status = 503};
        struct redelivery_news n = {.outcome = &o,
                                    .retry_after_s = (uint32_t)i * 100,
                                    .tries = (uint16_t)(i % 20),
                                    .faults = (uint16_t)(i % 33),
                                    .sent = i % 3 == 0};
        struct fate fate;
        redelivery_decide(s, &c, &n, &r, &fate);
        assert_true(fate.next_due_ms <= (int64_t)redelivery_longest(s));
    }
    assert_true(redelivery_longest(&redelivery_default) < 3600000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions),
        cmocka_unit_test(faults_of_our_own_before_anything_is_sent),
        cmocka_unit_test(faults_of_our_own_behind_it),
        cmocka_unit_test(nothing_waits_longer_than_the_longest),
        cmocka_unit_test(jitter_spreads),
        cmocka_unit_test(a_channel_has_its_own),
        cmocka_unit_test(schedules_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
