/* What the older edition of LINE's documentation calls otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "fault/edition.h"

static struct outcome answered(int status)
{
    const struct evidence e = {.phase = PHASE_DONE,
                               .ended = ENDED_COMPLETE,
                               .answer = ANSWER_HEAD,
                               .sent = true,
                               .status = status,
                               .tls_alert = -1};
    return outcome_of(&e);
}

static void statuses_of_a_success(void **state)
{
    static const struct {
        int status;
        bool good[3]; /* by enum success */
    } rows[] = {
        {200, {true, true, true}},   {201, {true, true, false}},   {204, {true, true, false}},
        {209, {true, true, false}},  {210, {true, false, false}},  {226, {true, false, false}},
        {299, {true, false, false}}, {302, {false, false, false}}, {500, {false, false, false}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int s = SUCCESS_2XX; s <= SUCCESS_200; s++) {
            struct outcome o = answered(rows[i].status);
            edition_apply(&(struct edition){(enum success)s, true}, &o);
            char detail[8], want[8];
            assert_int_equal(o.reason, rows[i].good[s] ? REASON_OK : REASON_ERROR_STATUS_CODE);
            (void)snprintf(want, sizeof(want), "%d", rows[i].status);
            assert_string_equal(outcome_detail(&o, detail), want);
            assert_int_equal(o.processed, PROCESSED_YES);
            assert_int_equal(o.status, rows[i].status);
            assert_int_equal(cause_of(o.cause)->fault, o.fault);
        }
    }
}

static void the_row_that_is_missing(void **state)
{
    const struct evidence e = {.phase = PHASE_TLS, .ended = ENDED_NOT_TLS, .tls = true, .tls_alert = -1};
    struct outcome now = outcome_of(&e), before = now;
    char detail[8];
    edition_apply(&(struct edition){SUCCESS_2XX, true}, &now);
    assert_string_equal(outcome_detail(&now, detail), "No SSL/TLS record");
    edition_apply(&(struct edition){SUCCESS_2XX, false}, &before);
    assert_string_equal(outcome_detail(&before, detail), "TLS handshake failure");
    assert_int_equal(before.reason, REASON_COULD_NOT_CONNECT);
    assert_int_equal(before.cause, CAUSE_tls_no_record);
    assert_int_equal(before.processed, PROCESSED_NO);
}

/* Every other outcome stays what it is, whatever the edition. */
static void nothing_else_changes(void **state)
{
    for (int c = 0; c < CAUSE_COUNT; c++) {
        enum fault_id fault = cause_of((enum cause_id)c)->fault;
        if (fault == FAULT_ok || fault == FAULT_no_tls_record)
            continue;
        struct outcome o = {.reason = fault_of(fault)->reason,
                            .fault = fault,
                            .cause = (enum cause_id)c,
                            .processed = fault_processed(fault),
                            .status = fault == FAULT_status ? 404 : 0};
        const struct outcome was = o;
        edition_apply(&(struct edition){SUCCESS_200, false}, &o);
        assert_int_equal(o.reason, was.reason);
        assert_int_equal(o.fault, was.fault);
        assert_int_equal(o.cause, was.cause);
        assert_int_equal(o.processed, was.processed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_of_a_success),
        cmocka_unit_test(the_row_that_is_missing),
        cmocka_unit_test(nothing_else_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
