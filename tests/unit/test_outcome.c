/* Evidence in, outcome out: the table of docs/attribution.md, a row a condition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "fault/outcome.h"

struct row {
    const char *why;
    struct evidence e;
    enum cause_id cause;
    const char *reason, *detail;
    enum processed processed;
};

#define CNC "could_not_connect"
#define RTO "request_timeout"
#define ESC "error_status_code"
#define UNC "unclassified"
#define NO PROCESSED_NO
#define YES PROCESSED_YES
#define UNKNOWN PROCESSED_UNKNOWN
#define CLOSED_EARLY "Connection failed (session closed)"
#define GOAWAY_EARLY "Connection failed (received GOAWAY)"
#define NEGOTIATION "Session protocol negotiation failure"
#define TLS_FAILURE "TLS handshake failure"
#define SESSION_CLOSED "Session closed unexpectedly"
#define STREAM_CLOSED "Stream closed unexpectedly"
#define DISPATCH "Unclassified webhook dispatch error"

/* Where an exchange stood when it ended. */
#define AT_URL .phase = PHASE_URL, .tls_alert = -1
#define AT_DNS .phase = PHASE_RESOLVE, .tls = true, .tls_alert = -1
#define AT_CONNECT .phase = PHASE_CONNECT, .tls = true, .tls_alert = -1
#define AT_TLS .phase = PHASE_TLS, .tls = true, .tls_alert = -1
#define AT_SETTINGS .phase = PHASE_SESSION, .tls = true, .http = 20, .tls13 = true, .tls_alert = -1
#define AT_SEND(h)                                                                                           \
    .phase = PHASE_SEND, .tls = true, .http = (h), .settings = (h) == 20, .tls13 = true, .tls_alert = -1
#define SENT(h)                                                                                              \
    .phase = PHASE_AWAIT, .tls = true, .http = (h), .settings = (h) == 20, .tls13 = true, .tls_alert = -1,   \
    .sent = true, .sent_whole = true
#define HEAD(n) .answer = ANSWER_HEAD, .status = (n), .app_data = true

#define URL(id)                                                                                              \
    {                                                                                                        \
        "URL: " #id, {AT_URL, .ended = ENDED_URL, .cause = CAUSE_##id}, CAUSE_##id, CNC,                     \
            "Invalid URL syntax", NO                                                                         \
    }
#define DNS(id, detail)                                                                                      \
    {                                                                                                        \
        "DNS: " #id, {AT_DNS, .ended = ENDED_DNS, .cause = CAUSE_##id}, CAUSE_##id, CNC, detail, NO          \
    }
#define ERRNO(n, id, detail)                                                                                 \
    {                                                                                                        \
#n, {AT_CONNECT, .ended = ENDED_ERRNO, .sys_errno = n }, CAUSE_##id, CNC, detail, NO                 \
    }
#define OURS(n, id)                                                                                          \
    {                                                                                                        \
#n, {AT_CONNECT, .ended = ENDED_ERRNO, .sys_errno = n }, CAUSE_##id, UNC, DISPATCH, NO               \
    }
#define VERIFY(n, id)                                                                                        \
    {                                                                                                        \
#n, {AT_TLS, .ended = ENDED_TLS_LOCAL, .verify = n }, CAUSE_##id, CNC, TLS_FAILURE, NO               \
    }
#define ALERT(n, id)                                                                                         \
    {                                                                                                        \
        "alert " #n, {.phase = PHASE_TLS, .tls = true, .ended = ENDED_ALERT, .tls_alert = n}, CAUSE_##id,    \
            CNC, TLS_FAILURE, NO                                                                             \
    }
#define ANSWER(n, id, reason, detail)                                                                        \
    {                                                                                                        \
        "status " #n, {SENT(11), .ended = ENDED_COMPLETE, HEAD(n)}, CAUSE_##id, reason, detail, YES          \
    }
/* By a limiter or a proxy in front of the bot, perhaps. */
#define ANSWER_IN_FRONT(n, id, detail)                                                                       \
    {                                                                                                        \
        "status " #n, {SENT(11), .ended = ENDED_COMPLETE, HEAD(n)}, CAUSE_##id, ESC, detail, UNKNOWN         \
    }
#define RST_STREAM(n, id, processed)                                                                         \
    {                                                                                                        \
        "RST_STREAM " #n, {SENT(20), .ended = ENDED_RST_STREAM, .h2_code = n}, CAUSE_##id, UNC,              \
            STREAM_CLOSED, processed                                                                         \
    }
#define BROKEN(h, id)                                                                                        \
    {                                                                                                        \
        "bytes: " #id, {SENT(h), .ended = ENDED_PROTOCOL, .cause = CAUSE_##id}, CAUSE_##id, UNC, DISPATCH,   \
            UNKNOWN                                                                                          \
    }

static const struct row rows[] = {
#include "outcome_rows.def"
};

static const size_t row_count = sizeof(rows) / sizeof(rows[0]);

static void every_row(void **state)
{
    (void)state;
    int bad = 0;
    for (size_t i = 0; i < row_count; i++) {
        const struct row *r = &rows[i];
        struct outcome o = outcome_of(&r->e);
        char buf[8];
        const char *detail = outcome_detail(&o, buf);
        if (o.cause == r->cause && o.processed == r->processed &&
            strcmp(reason_text(o.reason), r->reason) == 0 && strcmp(detail, r->detail) == 0 &&
            o.phase == r->e.phase)
            continue;
        bad++;
        print_error("%s: %s, %s, %s, processed %s; want %s, %s, %s, %s\n", r->why, reason_text(o.reason),
                    detail, cause_of(o.cause)->id, processed_text(o.processed), r->reason, r->detail,
                    cause_of(r->cause)->id, processed_text(r->processed));
    }
    assert_int_equal(bad, 0);
}

/* Made from the .def files: a new row there asks for one here. */
static void every_fault_and_cause_is_reached(void **state)
{
    (void)state;
    static const char *const causes[] = {
#define CAUSE(id, ...) #id,
#include "fault/cause.def"
#undef CAUSE
    };
    static const char *const faults[] = {
#define FAULT(id, ...) #id,
#include "fault/fault.def"
#undef FAULT
    };
    /* One cause is given by edition_apply(), after it: test_edition.c. */
    bool cause_seen[CAUSE_COUNT] = {[CAUSE_status_other_success] = true}, fault_seen[FAULT_COUNT] = {false};
    int missing = 0;
    for (size_t i = 0; i < row_count; i++) {
        struct outcome o = outcome_of(&rows[i].e);
        cause_seen[o.cause] = true;
        fault_seen[o.fault] = true;
    }
    for (size_t i = 0; i < CAUSE_COUNT; i++)
        if (!cause_seen[i] && ++missing)
            print_error("no row reaches cause %s\n", causes[i]);
    for (size_t i = 0; i < FAULT_COUNT; i++)
        if (!fault_seen[i] && ++missing)
            print_error("no row reaches fault %s\n", faults[i]);
    assert_int_equal(missing, 0);
}

/* Mostly sensible values, now and then one from outside. */
static int around(const struct random *r, int low, int high)
{
    if (random_below(r, 16) == 0)
        return (int)(uint32_t)random_u64(r);
    return low + (int)random_below(r, (uint64_t)(high - low) + 1);
}

static struct evidence random_evidence(const struct random *r)
{
    uint64_t flags = random_u64(r);
    return (struct evidence){
        .phase = (enum phase)around(r, 0, PHASE_COUNT),
        .ended = (enum ended)around(r, 0, ENDED_LOCAL + 1),
        .cause = (enum cause_id)around(r, 0, CAUSE_COUNT),
        .sys_errno = around(r, 0, 140),
        .tls = flags & 1,
        .http = around(r, 9, 21),
        .reused = flags & 2,
        .sent = flags & 4,
        .sent_whole = flags & 8,
        .answer = (enum answer_part)around(r, 0, ANSWER_HEAD + 1),
        .status = around(r, -1, 1000),
        .settings = flags & 16,
        .goaway = flags & 32,
        .h2_code = (uint32_t)around(r, 0, 14),
        .tls_alert = around(r, -1, 256),
        .tls13 = flags & 64,
        .app_data = flags & 128,
        .verify = around(r, 0, 100),
        .tls_old_version = flags & 256,
        .resumption = flags & 512,
    };
}

static void total_and_consistent(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random r = random_seeded_init(&seed, 2);
    for (int i = 0; i < 300000; i++) {
        struct evidence e = random_evidence(&r);
        struct outcome o = outcome_of(&e);
        assert_true(o.cause < CAUSE_COUNT && o.fault < FAULT_COUNT && o.reason < REASON_COUNT);
        assert_int_equal(cause_of(o.cause)->fault, o.fault);
        assert_int_equal(fault_of(o.fault)->reason, o.reason);
        char buf[8];
        assert_true(strlen(outcome_detail(&o, buf)) > 0);
        assert_true(strlen(phase_text(e.phase)) > 0);
        /* Success is a complete answer and nothing else. */
        assert_true(o.reason != REASON_OK || e.ended == ENDED_COMPLETE);
        switch (o.reason) {
        case REASON_OK:
        case REASON_ERROR_STATUS_CODE:
            if (e.ended == ENDED_COMPLETE)
                assert_int_equal(o.processed, processed_by_status(e.status));
            break;
        case REASON_COULD_NOT_CONNECT:
            assert_int_equal(o.processed, PROCESSED_NO);
            break;
        case REASON_REQUEST_TIMEOUT:
        case REASON_UNCLASSIFIED:
        case REASON_COUNT:
            /* Whoever has our request may have handled it, unless it says that it has not. */
            if (e.sent && (o.cause != CAUSE_h2_rst_refused || e.answer == ANSWER_HEAD))
                assert_int_not_equal(o.processed, PROCESSED_NO);
            if (o.processed == PROCESSED_YES)
                assert_true(e.answer == ANSWER_HEAD && e.status >= 200);
            break;
        }
        if (outcome_may_retry(&e, &o) || outcome_wants_full_handshake(&e, &o))
            assert_int_equal(o.processed, PROCESSED_NO);
    }
}

static void retried(void **state)
{
    (void)state;
    for (size_t i = 0; i < row_count; i++) {
        const struct evidence *e = &rows[i].e;
        struct outcome o = outcome_of(e);
        bool goaway = o.cause == CAUSE_h2_goaway_below || o.cause == CAUSE_h2_goaway_early;
        bool refused = o.cause == CAUSE_h2_rst_refused && e->answer != ANSWER_HEAD;
        bool want = goaway || refused || o.cause == CAUSE_pool_stale;
        if (outcome_may_retry(e, &o) != want)
            fail_msg("%s: retried %d, want %d", rows[i].why, !want, want);
        /* A fresh connection that fails is the server's answer. */
        if (!e->reused && !goaway && o.reason == REASON_COULD_NOT_CONNECT)
            assert_false(outcome_may_retry(e, &o));
    }
}

/* A refused resumption is tried again in full, and nothing else is: not what was sent, but for an alert that
 * says that the handshake failed; not a certificate; not what the clock ended. */
static void full_handshake(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        struct evidence e;
        bool want;
    } cases[] = {
        {"an alert", {AT_TLS, .resumption = true, .ended = ENDED_ALERT}, true},
        {"a reset", {AT_TLS, .resumption = true, .ended = ENDED_RST}, true},
        {"a FIN", {AT_TLS, .resumption = true, .ended = ENDED_FIN}, true},
        {"a record of its that we cannot read", {AT_TLS, .resumption = true, .ended = ENDED_TLS_LOCAL}, true},
        {"none was offered", {AT_TLS, .ended = ENDED_ALERT}, false},
        {"a certificate: it was declined",
         {AT_TLS, .resumption = true, .ended = ENDED_TLS_LOCAL, .verify = X509_V_ERR_CERT_HAS_EXPIRED},
         false},
        {"silence", {AT_TLS, .resumption = true, .ended = ENDED_DEADLINE}, false},
        {"no TLS any more", {AT_TLS, .resumption = true, .ended = ENDED_NOT_TLS}, false},
        {"a fault of ours",
         {AT_TLS, .resumption = true, .ended = ENDED_LOCAL, .cause = CAUSE_local_out_of_memory},
         false},
        {"before SETTINGS", {AT_SETTINGS, .resumption = true, .ended = ENDED_RST}, true},
        {"before the request", {AT_SEND(11), .resumption = true, .ended = ENDED_FIN}, true},
        {"a FIN with the request sent", {SENT(11), .resumption = true, .ended = ENDED_FIN}, false},
        {"a reset with the request sent", {SENT(20), .resumption = true, .ended = ENDED_RST}, false},
        {"TLS 1.3: an alert, the request sent with our Finished",
         {.phase = PHASE_AWAIT,
          .tls = true,
          .http = 11,
          .tls13 = true,
          .sent = true,
          .tls_alert = 51,
          .resumption = true,
          .ended = ENDED_ALERT},
         true},
        {"TLS 1.2: an alert, the request sent",
         {.phase = PHASE_AWAIT,
          .tls = true,
          .http = 11,
          .sent = true,
          .tls_alert = 80,
          .resumption = true,
          .ended = ENDED_ALERT},
         false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct outcome o = outcome_of(&cases[i].e);
        if (outcome_wants_full_handshake(&cases[i].e, &o) != cases[i].want)
            fail_msg("%s: want %d", cases[i].why, cases[i].want);
    }
}

/* A fault of ours never blames the bot. */
static void ours_is_ours(void **state)
{
    (void)state;
    for (size_t i = 0; i < row_count; i++) {
        struct outcome o = outcome_of(&rows[i].e);
        if (rows[i].e.ended == ENDED_LOCAL)
            assert_true(cause_is_local(o.cause));
        if (cause_is_local(o.cause))
            assert_int_equal(cause_of(o.cause)->blame, BLAME_LOCAL);
    }
}

/* The status is told once it was read, and no other number is. */
static void status_is_told(void **state)
{
    (void)state;
    static const struct {
        struct evidence e;
        int status;
    } cases[] = {
        {{SENT(11), .ended = ENDED_COMPLETE, HEAD(503)}, 503},
        {{SENT(11), .ended = ENDED_FIN, HEAD(500)}, 500},
        {{SENT(11), .ended = ENDED_COMPLETE, .answer = ANSWER_HEAD, .status = 101}, 101},
        {{SENT(20), .ended = ENDED_DEADLINE, .answer = ANSWER_INTERIM, .status = 103}, 0},
        {{SENT(11), .ended = ENDED_FIN}, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(outcome_of(&cases[i].e).status, cases[i].status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row),
        cmocka_unit_test(every_fault_and_cause_is_reached),
        cmocka_unit_test(total_and_consistent),
        cmocka_unit_test(retried),
        cmocka_unit_test(full_handshake),
        cmocka_unit_test(ours_is_ours),
        cmocka_unit_test(status_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
