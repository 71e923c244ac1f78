#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/distance.h"
#include "fault/search.h"

struct found {
    struct search_hit hits[REASON_COUNT + FAULT_COUNT + CAUSE_COUNT];
    size_t count;
};

static void keep(void *arg, const struct search_hit *hit)
{
    struct found *f = arg;
    assert_true(f->count < sizeof(f->hits) / sizeof(f->hits[0]));
    f->hits[f->count++] = *hit;
}

static enum search_match search(const char *text, struct found *ret)
{
    ret->count = 0;
    return search_catalogue(span_of(text), keep, ret);
}

static void exact_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum search_kind kind;
        enum reason reason;
        enum fault_id fault;
        enum cause_id cause;
        int status;
    } rows[] = {
        {"could_not_connect", SEARCH_REASON, REASON_COULD_NOT_CONNECT, FAULT_ok, CAUSE_ok, 0},
        {"REQUEST_TIMEOUT", SEARCH_REASON, REASON_REQUEST_TIMEOUT, FAULT_ok, CAUSE_ok, 0},
        {"ok", SEARCH_REASON, REASON_OK, FAULT_ok, CAUSE_ok, 0},
        {"Request timeout", SEARCH_DETAIL, REASON_REQUEST_TIMEOUT, FAULT_request_timeout, CAUSE_ok, 0},
        {"tls HANDSHAKE failure", SEARCH_DETAIL, REASON_COULD_NOT_CONNECT, FAULT_tls_handshake, CAUSE_ok, 0},
        {"Connection failed", SEARCH_DETAIL, REASON_COULD_NOT_CONNECT, FAULT_connect_failed, CAUSE_ok, 0},
        {"  Connection failed (session closed)\n", SEARCH_DETAIL, REASON_COULD_NOT_CONNECT,
         FAULT_connect_closed, CAUSE_ok, 0},
        {"TLS handshake failure: https://example.com/webhook", SEARCH_DETAIL, REASON_COULD_NOT_CONNECT,
         FAULT_tls_handshake, CAUSE_ok, 0},
        {"could_not_connect\tNo SSL/TLS record", SEARCH_DETAIL, REASON_COULD_NOT_CONNECT, FAULT_no_tls_record,
         CAUSE_ok, 0},
        {"could_not_connect / tcp_refused", SEARCH_CAUSE, REASON_COULD_NOT_CONNECT, FAULT_connect_failed,
         CAUSE_tcp_refused, 0},
        {"H2_goaway_below", SEARCH_CAUSE, REASON_COULD_NOT_CONNECT, FAULT_connect_goaway,
         CAUSE_h2_goaway_below, 0},
        {"dns_timeout", SEARCH_CAUSE, REASON_COULD_NOT_CONNECT, FAULT_dns_timeout, CAUSE_dns_timeout, 0},
        {"503", SEARCH_CAUSE, REASON_ERROR_STATUS_CODE, FAULT_status, CAUSE_status_server_error, 503},
        {"error_status_code 404", SEARCH_CAUSE, REASON_ERROR_STATUS_CODE, FAULT_status,
         CAUSE_status_client_error, 404},
        {"302", SEARCH_CAUSE, REASON_ERROR_STATUS_CODE, FAULT_status, CAUSE_status_redirect, 302},
        {"101", SEARCH_CAUSE, REASON_ERROR_STATUS_CODE, FAULT_status, CAUSE_status_informational, 101},
        {"999", SEARCH_CAUSE, REASON_ERROR_STATUS_CODE, FAULT_status, CAUSE_status_unknown, 999},
        {"204", SEARCH_CAUSE, REASON_OK, FAULT_ok, CAUSE_ok, 204},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct found f;
        if (search(rows[i].text, &f) != SEARCH_EXACT || f.count != 1)
            fail_msg("\"%s\" is not found exactly", rows[i].text);
        assert_int_equal(f.hits[0].kind, rows[i].kind);
        assert_int_equal(f.hits[0].reason, rows[i].reason);
        assert_int_equal(f.hits[0].fault, rows[i].fault);
        assert_int_equal(f.hits[0].cause, rows[i].cause);
        assert_int_equal(f.hits[0].status, rows[i].status);
    }
}

/* Each row of the catalogue is found by its own name. */
static void every_row_is_found_by_its_name(void **state)
{
    (void)state;
    struct found f;
    for (enum fault_id i = FAULT_ok + 1; i < FAULT_COUNT; i++) {
        assert_int_equal(search(fault_of(i)->detail, &f), SEARCH_EXACT);
        assert_int_equal(f.hits[0].kind, SEARCH_DETAIL);
        assert_int_equal(f.hits[0].fault, i);
    }
    for (enum cause_id i = CAUSE_ok + 1; i < CAUSE_COUNT; i++) {
        assert_int_equal(search(cause_of(i)->id, &f), SEARCH_EXACT);
        assert_int_equal(f.hits[0].kind, SEARCH_CAUSE);
        assert_int_equal(f.hits[0].cause, i);
    }
}

static bool has_cause(const struct found *f, enum cause_id cause)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->hits[i].kind == SEARCH_CAUSE && f->hits[i].cause == cause)
            return true;
    return false;
}

static void fragments_of_any_text(void **state)
{
    (void)state;
    struct found f;
    assert_int_equal(search("keepalive_requests", &f), SEARCH_FRAGMENT); /* advice, of a detail and a cause */
    assert_int_equal(f.count, 2);
    assert_int_equal(f.hits[0].kind, SEARCH_DETAIL);
    assert_int_equal(f.hits[0].fault, FAULT_connect_goaway);
    assert_int_equal(f.hits[1].cause, CAUSE_h2_goaway_below);
    assert_int_equal(search("tls_cert", &f), SEARCH_FRAGMENT); /* ids */
    assert_int_equal(f.count, 9);
    assert_int_equal(search("econnrefused", &f), SEARCH_FRAGMENT); /* explanation, another case */
    assert_int_equal(f.count, 1);
    assert_true(has_cause(&f, CAUSE_tcp_refused));
    assert_int_equal(search("有効期限", &f), SEARCH_FRAGMENT); /* Japanese */
    assert_true(has_cause(&f, CAUSE_tls_cert_expired));
    assert_int_equal(search("ボットサーバへの接続", &f), SEARCH_FRAGMENT); /* a detail's sentence */
    assert_int_equal(f.count, 1);
    assert_int_equal(f.hits[0].fault, FAULT_connect_closed);
    assert_int_equal(search("within one second", &f), SEARCH_FRAGMENT); /* the older edition */
    assert_int_equal(f.count, 1);
    assert_int_equal(f.hits[0].reason, REASON_REQUEST_TIMEOUT);
    assert_int_equal(search("connection refused", &f), SEARCH_FRAGMENT); /* as other programs call it */
    assert_true(has_cause(&f, CAUSE_tcp_refused));
    assert_int_equal(search("wrong version number", &f), SEARCH_FRAGMENT);
    assert_true(has_cause(&f, CAUSE_tls_no_record));
    assert_int_equal(search("RFC 9113 6.8", &f), SEARCH_FRAGMENT); /* source */
    assert_int_equal(f.count, 3);
}

/* Words in another order than the text has them. */
static void all_words_somewhere_in_the_row(void **state)
{
    (void)state;
    struct found f;
    assert_int_equal(search("expired  certificate certbot", &f), SEARCH_WORDS);
    assert_int_equal(f.count, 1);
    assert_true(has_cause(&f, CAUSE_tls_cert_expired));
}

static void nearest_of_a_misspelling(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum search_kind kind;
        enum reason reason;
        enum fault_id fault;
        enum cause_id cause;
    } rows[] = {
        {"could_not_conect", SEARCH_REASON, REASON_COULD_NOT_CONNECT, FAULT_ok, CAUSE_ok},
        {"tls_cert_exipred", SEARCH_CAUSE, REASON_COULD_NOT_CONNECT, FAULT_tls_handshake,
         CAUSE_tls_cert_expired},
        {"Unknwon host", SEARCH_DETAIL, REASON_COULD_NOT_CONNECT, FAULT_unknown_host, CAUSE_ok},
        {"Stream closed unexpectdly", SEARCH_DETAIL, REASON_UNCLASSIFIED, FAULT_stream_closed, CAUSE_ok},
        {"unclassified Session close unexpectdly", SEARCH_DETAIL, REASON_UNCLASSIFIED, FAULT_session_closed,
         CAUSE_ok},
        {"tcp-refusd", SEARCH_CAUSE, REASON_COULD_NOT_CONNECT, FAULT_connect_failed, CAUSE_tcp_refused},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct found f;
        if (search(rows[i].text, &f) != SEARCH_NEAREST)
            fail_msg("\"%s\" is known", rows[i].text);
        assert_int_equal(f.count, SEARCH_NEAREST_MAX);
        assert_int_equal(f.hits[0].kind, rows[i].kind);
        assert_int_equal(f.hits[0].reason, rows[i].reason);
        assert_int_equal(f.hits[0].fault, rows[i].fault);
        assert_int_equal(f.hits[0].cause, rows[i].cause);
    }
}

static void no_text_finds_nothing(void **state)
{
    (void)state;
    struct found f;
    assert_int_equal(search("", &f), SEARCH_NONE);
    assert_int_equal(search(" \t\r\n ", &f), SEARCH_NONE);
    assert_int_equal(f.count, 0);
}

/* Not a status: four digits, two, a leading zero, signs. What is left to be found is no exact row. */
static void odd_numbers_are_no_status(void **state)
{
    (void)state;
    static const char *const texts[] = {"5030", "50", "099", "+50", "-1", "5.3", "５０３"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct found f;
        assert_int_not_equal(search(texts[i], &f), SEARCH_EXACT);
    }
}

static void everything_once_and_in_groups(void **state)
{
    (void)state;
    struct found f = {.count = 0};
    search_all(keep, &f);
    assert_int_equal(f.count, REASON_COUNT + FAULT_COUNT + CAUSE_COUNT);
    size_t kinds[3] = {0};
    for (size_t i = 0; i < f.count; i++) {
        kinds[f.hits[i].kind]++;
        if (i == 0)
            continue;
        if (f.hits[i].kind == SEARCH_DETAIL)
            assert_int_equal(f.hits[i].reason, f.hits[i - 1].reason);
        if (f.hits[i].kind == SEARCH_CAUSE)
            assert_int_equal(f.hits[i].fault, f.hits[i - 1].fault);
    }
    assert_int_equal(kinds[SEARCH_REASON], REASON_COUNT);
    assert_int_equal(kinds[SEARCH_DETAIL], FAULT_COUNT);
    assert_int_equal(kinds[SEARCH_CAUSE], CAUSE_COUNT);
}

/* Whatever is pasted, something is said of it and nothing is read past its end. */
static void any_bytes_at_all(void **state)
{
    (void)state;
    uint32_t x = 1;
    for (int round = 0; round < 300; round++) {
        size_t len = (size_t)(round % 150) + 1;
        char *text = test_malloc(len); /* its own block, so that a sanitizer sees the end */
        for (size_t i = 0; i < len; i++) {
            x = x * 1664525u + 1013904223u;
            text[i] = (char)(x >> 24);
        }
        struct found f = {.count = 0};
        (void)search_catalogue((struct span){text, len}, keep, &f);
        assert_true(f.count > 0 || len < 3);
        test_free(text);
    }
    for (enum reason r = 0; r < REASON_COUNT; r++) { /* a reason with nothing but separators behind it */
        char text[64];
        (void)snprintf(text, sizeof(text), "%s :/, ", reason_text(r));
        struct found f;
        (void)search(text, &f);
        assert_int_equal(f.hits[0].reason, r);
    }
}

static void distances(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t want;
    } rows[] = {
        {"", "", 0},           {"", "abc", 3},    {"abc", "", 3},     {"abc", "abc", 0},
        {"abc", "abd", 1},     {"abc", "ab", 1},  {"abc", "xabc", 1}, {"abcd", "acbd", 1}, /* a swap */
        {"ABC", "abc", 0},     {"a_b", "a b", 0}, {"a-b", "a_b", 0},  {"kitten", "sitting", 3},
        {"probe", "prboe", 1}, {"ca", "abc", 3},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(distance_nocase(span_of(rows[i].a), span_of(rows[i].b)), rows[i].want);
        assert_int_equal(distance_nocase(span_of(rows[i].b), span_of(rows[i].a)), rows[i].want);
    }
    char a[4 * DISTANCE_MAX_LEN], b[4 * DISTANCE_MAX_LEN];
    memset(a, 'a', sizeof(a));
    memset(b, 'b', sizeof(b));
    assert_int_equal(distance_nocase((struct span){a, sizeof(a)}, (struct span){b, sizeof(b)}),
                     DISTANCE_MAX_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_names),
        cmocka_unit_test(every_row_is_found_by_its_name),
        cmocka_unit_test(fragments_of_any_text),
        cmocka_unit_test(all_words_somewhere_in_the_row),
        cmocka_unit_test(nearest_of_a_misspelling),
        cmocka_unit_test(no_text_finds_nothing),
        cmocka_unit_test(odd_numbers_are_no_status),
        cmocka_unit_test(everything_once_and_in_groups),
        cmocka_unit_test(any_bytes_at_all),
        cmocka_unit_test(distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
