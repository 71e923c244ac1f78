/* Sessions, tickets, roles in words, and how often somebody may try. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "access/account.h"
#include "access/login_limit.h"
#include "access/session.h"
#include "base/mem.h"

static void names_and_roles(void **state)
{
    (void)state;
    char hundred[301] = "";
    for (size_t i = 0; i < 100; i++)
        memcpy(hundred + 3 * i, "あ", 4);
    assert_null(name_refuse(span_of(hundred)));
    assert_null(name_refuse(SPAN_LIT("x")));
    assert_non_null(name_refuse(SPAN_LIT("")));
    assert_non_null(name_refuse(SPAN_LIT("a\nb")));
    assert_non_null(name_refuse(SPAN_LIT("a\xc0")));
    memcpy(hundred, "abc", 3); /* two characters more */
    assert_non_null(name_refuse(span_of(hundred)));
    for (enum grant g = GRANT_TESTER; g <= GRANT_ADMIN; g++)
        assert_int_equal(account_grant_of(account_grant_text(g)), g);
    assert_int_equal(account_grant_of("none"), GRANT_NONE);
    assert_int_equal(account_grant_of("Admin"), GRANT_NONE);
    assert_int_equal(account_grant_of(NULL), GRANT_NONE);
}

#define TICKET "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN-_0"

static void cookies(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool there;
    } rows[] = {
        {SESSION_COOKIE "=" TICKET, true},
        {"a=b; " SESSION_COOKIE "=" TICKET, true},
        {"a=b;" SESSION_COOKIE "=" TICKET ";c=d", true},
        {SESSION_COOKIE "=short; " SESSION_COOKIE "=" TICKET, true}, /* another site's, below us */
        {SESSION_COOKIE "=" TICKET "x", false},
        {"x" SESSION_COOKIE "=" TICKET, false},
        {SESSION_COOKIE "2=" TICKET, false},
        {SESSION_COOKIE "=", false},
        {SESSION_COOKIE, false},
        {SESSION_COOKIE "=\"" TICKET "\"", false},
        {";;; ", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct span found = session_cookie(span_of(rows[i].header));
        assert_int_equal(span_eq(found, SPAN_LIT(TICKET)), rows[i].there);
        assert_int_equal(found.ptr != NULL, rows[i].there);
    }
    assert_null(session_cookie((struct span){NULL, 0}).ptr);
    char out[SESSION_COOKIE_LEN];
    session_set_cookie(TICKET, true, out);
    assert_string_equal(out, "todoke_session=" TICKET "; Path=/; HttpOnly; SameSite=Strict; Secure");
    session_set_cookie("", false, out);
    assert_string_equal(out, "todoke_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
}

static void tickets(void **state)
{
    (void)state;
    struct random_seeded seeded;
    struct random r = random_seeded_init(&seeded, 1);
    char a[TICKET_LEN + 1], b[TICKET_LEN + 1], csrf[TICKET_LEN + 1], other[TICKET_LEN + 1];
    uint8_t hash_a[SESSION_HASH_LEN], hash_b[SESSION_HASH_LEN], again[SESSION_HASH_LEN];
    ticket_make(&r, a, hash_a);
    ticket_make(&r, b, hash_b);
    assert_int_equal(strlen(a), TICKET_LEN);
    assert_string_not_equal(a, b);
    assert_memory_not_equal(hash_a, hash_b, sizeof(hash_a));
    ticket_hash(span_of(a), again);
    assert_memory_equal(hash_a, again, sizeof(again));
    session_csrf(span_of(a), csrf);
    session_csrf(span_of(b), other);
    assert_int_equal(strlen(csrf), TICKET_LEN);
    assert_string_not_equal(csrf, other);
    assert_string_not_equal(csrf, a);
    assert_true(session_csrf_ok(span_of(a), span_of(csrf)));
    assert_false(session_csrf_ok(span_of(a), span_of(other)));
    assert_false(session_csrf_ok(span_of(a), span_of(a)));
    assert_false(session_csrf_ok(span_of(a), (struct span){csrf, TICKET_LEN - 1}));
    assert_false(session_csrf_ok(span_of(a), (struct span){NULL, 0}));
}

static void ends(void **state)
{
    (void)state;
    const int64_t hour = 3600000, day = 24 * hour;
    struct session s = {.created_ms = 1000, .used_ms = 1000};
    assert_int_equal(session_expires(&s, 12 * hour), 1000 + 12 * hour);
    s.used_ms = 1000 + 30 * day - hour;
    assert_int_equal(session_expires(&s, 12 * hour), 1000 + 30 * day);
    s.used_ms = 5000;
    assert_false(session_stale(&s, 12 * hour, 5000 + 59999));
    assert_true(session_stale(&s, 12 * hour, 5000 + 60000));
    assert_false(session_stale(&s, 2000, 5000 + 99));
    assert_true(session_stale(&s, 2000, 5000 + 100)); /* short times are written down more often */
}

static uint64_t now_us;

static uint64_t mono(void *arg)
{
    (void)arg;
    return now_us;
}

static int64_t wall(void *arg)
{
    (void)arg;
    return 0;
}

static const struct clock hand = {mono, wall, NULL};

#define A SPAN_LIT("a@example.com")
#define B SPAN_LIT("b@example.com")
#define PEER SPAN_LIT("192.0.2.1")

static struct login_limit *fresh(size_t entries)
{
    struct login_limit *l;
    now_us = 1000000;
    assert_int_equal(login_limit_new(&l, &hand, &random_system, entries), ERR_NONE);
    return l;
}

static struct span nth_peer(char text[static 24], unsigned n)
{
    (void)snprintf(text, 24, "10.0.%u.%u", n / 256, n % 256);
    return span_of(text);
}

static void waits_of_an_address(void **state)
{
    (void)state;
    struct login_limit *l = fresh(1000);
    char peer[24];
    unsigned n = 0;
    for (; n < LOGIN_LIMIT_ACCOUNT_FREE; n++)
        assert_int_equal(login_limit_try(l, A, nth_peer(peer, n)), 0);
    /* Now it waits, whoever asks; and asking costs nothing. */
    for (uint32_t want = 1; want < LOGIN_LIMIT_WAIT_MAX_S; want *= 2) {
        assert_int_equal(login_limit_try(l, A, nth_peer(peer, ++n)), want);
        assert_int_equal(login_limit_try(l, A, nth_peer(peer, ++n)), want);
        now_us += want * UINT64_C(1000000) - 1;
        assert_int_equal(login_limit_try(l, A, nth_peer(peer, ++n)), 1);
        now_us += 1;
        assert_int_equal(login_limit_try(l, A, nth_peer(peer, ++n)), 0);
    }
    assert_int_equal(login_limit_try(l, A, nth_peer(peer, ++n)), LOGIN_LIMIT_WAIT_MAX_S); /* at most */
    assert_int_equal(login_limit_try(l, B, nth_peer(peer, ++n)), 0);                      /* nobody else */
    login_limit_success(l, A, nth_peer(peer, n));
    for (unsigned i = 0; i < LOGIN_LIMIT_ACCOUNT_FREE; i++)
        assert_int_equal(login_limit_try(l, A, nth_peer(peer, ++n)), 0);
    assert_int_equal(login_limit_try(l, A, nth_peer(peer, ++n)), 1);
    login_limit_free(l);
}

static void waits_of_a_peer(void **state)
{
    (void)state;
    struct login_limit *l = fresh(1000);
    char address[24];
    for (unsigned n = 0; n < LOGIN_LIMIT_PEER_FREE; n++)
        assert_int_equal(login_limit_try(l, nth_peer(address, n), PEER), 0);
    assert_int_equal(login_limit_try(l, B, PEER), 1);
    assert_int_equal(login_limit_try(l, B, SPAN_LIT("192.0.2.2")), 0);
    /* One success takes one failure back, not all: or an account of one's own would be a way around. */
    login_limit_success(l, nth_peer(address, 0), PEER);
    assert_int_equal(login_limit_try(l, nth_peer(address, 1), PEER), 0);
    assert_int_equal(login_limit_try(l, nth_peer(address, 1), PEER), 1);
    now_us += (uint64_t)LOGIN_LIMIT_FORGET_S * 1000000u;
    for (unsigned n = 0; n < LOGIN_LIMIT_PEER_FREE; n++)
        assert_int_equal(login_limit_try(l, nth_peer(address, 100 + n), PEER), 0);
    login_limit_free(l);
}

/* An IPv6 address is as good as any other of its /64. */
static void waits_of_a_network(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        bool same;
    } rows[] = {
        {"2001:db8::1", "2001:db8::ffff:1", true}, {"2001:db8::1", "2001:0db8:0:0:9::1", true},
        {"2001:db8::1", "2001:db8:0:1::1", false}, {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        {"192.0.2.1", "192.0.2.2", false},         {"unknown:thing", "unknown:other", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct login_limit *l = fresh(1000);
        char address[24];
        for (unsigned n = 0; n < LOGIN_LIMIT_PEER_FREE; n++)
            assert_int_equal(login_limit_try(l, nth_peer(address, n), span_of(rows[i].first)), 0);
        assert_int_equal(login_limit_try(l, B, span_of(rows[i].first)), 1);
        assert_int_equal(login_limit_try(l, B, span_of(rows[i].second)), rows[i].same ? 1 : 0);
        login_limit_free(l);
    }
}

static void tries_that_do_not_count(void **state)
{
    (void)state;
    struct login_limit *l = fresh(1000);
    for (unsigned n = 0; n < 100; n++) {
        assert_int_equal(login_limit_try(l, A, PEER), 0);
        login_limit_undo(l, A, PEER);
    }
    login_limit_undo(l, B, PEER); /* of nobody */
    login_limit_free(l);
}

static void is_bounded(void **state)
{
    (void)state;
    struct login_limit *l = fresh(4);
    char peer[24], address[24];
    for (unsigned n = 0; n <= LOGIN_LIMIT_ACCOUNT_FREE; n++)
        assert_int_equal(login_limit_try(l, A, nth_peer(peer, n)), n < LOGIN_LIMIT_ACCOUNT_FREE ? 0 : 1);
    for (unsigned n = 0; n < 3; n++) /* the last one seen stays */
        assert_int_equal(login_limit_try(l, nth_peer(address, n), nth_peer(peer, 50 + n)), 0);
    assert_int_equal(login_limit_try(l, A, nth_peer(peer, 60)), 1);
    for (unsigned n = 0; n < 4; n++)
        assert_int_equal(login_limit_try(l, nth_peer(address, 10 + n), nth_peer(peer, 70 + n)), 0);
    assert_int_equal(login_limit_try(l, A, nth_peer(peer, 80)), 0);
    login_limit_free(l);
}

/* Without memory nothing is counted, nothing leaks, and nothing is refused for it. */
static void without_memory(void **state)
{
    (void)state;
    for (unsigned long nth = 1;; nth++) {
        struct login_limit *l = NULL;
        (void)mem_fail_at(nth);
        enum err e = login_limit_new(&l, &hand, &random_system, 100);
        if (!e)
            assert_int_equal(login_limit_try(l, A, PEER), 0);
        int hit = mem_fail_hit();
        (void)mem_fail_at(0);
        assert_true(!e || e == ERR_NOMEM);
        login_limit_free(l);
        if (!hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_roles),
        cmocka_unit_test(cookies),
        cmocka_unit_test(tickets),
        cmocka_unit_test(ends),
        cmocka_unit_test(waits_of_an_address),
        cmocka_unit_test(waits_of_a_peer),
        cmocka_unit_test(waits_of_a_network),
        cmocka_unit_test(tries_that_do_not_count),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
