/* The request side of HTTP/1, as a table: every row is fed whole, byte by byte, and cut in two at every
 * place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/mem.h"
#include "server/server_h1.h"

static const struct h1_limits limits = {.head_max = 2000, .target_max = 600, .fields_max = 20};
#define BODY_MAX 1000

#define OK 200
#define MORE 0
#define H "Host: a.example\r\n"
#define GET "GET / HTTP/1.1\r\n" H
#define POST "POST /p HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

static const struct row {
    const char *in;
    int want;         /* OK, MORE, or the status of the refusal */
    const char *body; /* with OK; NULL: none */
    const char *left; /* with OK: what is not part of the request; NULL: nothing */
} rows[] = {
    {GET "\r\n", OK, NULL, NULL},
    {GET "\r\nGET /2", OK, NULL, "GET /2"},
    {"\r\n" GET "\r\n", OK, NULL, NULL},
    {"\r\n\r\n\r\n\r\n\r\n" GET "\r\n", 400, NULL, NULL},
    {"\n" GET "\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.0\r\n\r\n", OK, NULL, NULL},
    {"GET / HTTP/1.1\r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", OK, NULL, NULL},
    {"GET / HTTP/1.2\r\n" H "\r\n", OK, NULL, NULL},
    {"GET / HTTP/2.0\r\n" H "\r\n", 505, NULL, NULL},
    {"GET / HTTP/0.9\r\n\r\n", 505, NULL, NULL},
    {"GET / HTTP/9.9\r\n\r\n", 505, NULL, NULL},
    {"GET / HTTP/11\r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.10\r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.x\r\n\r\n", 400, NULL, NULL},
    {"GET / http/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {"GET / ICE/1.0\r\n" H "\r\n", 400, NULL, NULL},
    {"GET / RTSP/1.0\r\n" H "\r\n", 400, NULL, NULL},
    {"GET /\r\n\r\n", 400, NULL, NULL},
    {"GET\r\n\r\n", 400, NULL, NULL},
    {"GET  / HTTP/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {"GET /  HTTP/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1 \r\n" H "\r\n", 400, NULL, NULL},
    {"GET\t/ HTTP/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {" GET / HTTP/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {"G@T / HTTP/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {"get / HTTP/1.1\r\n" H "\r\n", OK, NULL, NULL},
    {"BREW / HTTP/1.1\r\n" H "\r\n", OK, NULL, NULL},
    {"PRI / HTTP/1.1\r\n" H "\r\n", OK, NULL, NULL},
    {"SOURCE / HTTP/1.1\r\n" H "\r\n", OK, NULL, NULL},
    {"M-SEARCH / HTTP/1.1\r\n" H "\r\n", OK, NULL, NULL},
    {"CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n", 501, NULL, NULL},
    {"TRACE / HTTP/1.1\r\n" H "\r\n", OK, NULL, NULL},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", OK, NULL, NULL},
    {"GET * HTTP/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {"GET path HTTP/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {"GET http://a.example/x?y HTTP/1.1\r\n" H "\r\n", OK, NULL, NULL},
    {"GET HTTPS://a.example HTTP/1.1\r\n" H "\r\n", OK, NULL, NULL},
    {"GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {"GET http:///x HTTP/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {"GET /#f HTTP/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {"GET /\x80 HTTP/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {"GET /\x01 HTTP/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {"GET /\x7f HTTP/1.1\r\n" H "\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\n" H "\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\nHost: a\r\n\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400, NULL, NULL},
    {GET " folded\r\n\r\n", 400, NULL, NULL},
    {GET "X: a\r\n\tb\r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, NULL, NULL},
    {GET "X : a\r\n\r\n", 400, NULL, NULL},
    {GET "X\r\n\r\n", 400, NULL, NULL},
    {GET ": a\r\n\r\n", 400, NULL, NULL},
    {GET "X y: a\r\n\r\n", 400, NULL, NULL},
    {GET "X(: a\r\n\r\n", 400, NULL, NULL},
    {GET "X\x80: a\r\n\r\n", 400, NULL, NULL},
    {GET "X: a\x01\r\n\r\n", 400, NULL, NULL},
    {GET "X: a\x7f\r\n\r\n", 400, NULL, NULL},
    {GET "X: caf\xc3\xa9\r\n\r\n", OK, NULL, NULL},
    {GET "X:\r\n\r\n", OK, NULL, NULL},
    {GET "X:a\r\n\r\n", OK, NULL, NULL},
    {GET "X: \t a \t \r\n\r\n", OK, NULL, NULL},
    {GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", OK, NULL,
     NULL},
    {GET "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", OK, NULL, NULL},
    {POST "Content-Length: 5\r\n\r\nhello", OK, "hello", NULL},
    {POST "Content-Length: 5\r\n\r\nhelloGET", OK, "hello", "GET"},
    {POST "Content-Length: 5\r\n\r\nhell", MORE, NULL, NULL},
    {POST "Content-Length: 0\r\n\r\n", OK, NULL, NULL},
    {POST "\r\n", OK, NULL, NULL},
    {GET "Content-Length: 2\r\n\r\nab", OK, "ab", NULL},
    {POST "Content-Length: 1000\r\n\r\n", MORE, NULL, NULL},
    {POST "Content-Length: 1001\r\n\r\n", 413, NULL, NULL},
    {POST "Content-Length: 999999999999999999\r\n\r\n", 413, NULL, NULL},
    {POST "Content-Length: 9999999999999999999\r\n\r\n", 400, NULL, NULL},
    {POST "Content-Length: 18446744073709551616\r\n\r\n", 400, NULL, NULL},
    {POST "Content-Length: -1\r\n\r\n", 400, NULL, NULL},
    {POST "Content-Length: +1\r\n\r\na", 400, NULL, NULL},
    {POST "Content-Length: 1 \r\n\r\na", OK, "a", NULL},
    {POST "Content-Length: 1 1\r\n\r\na", 400, NULL, NULL},
    {POST "Content-Length: 0x1\r\n\r\na", 400, NULL, NULL},
    {POST "Content-Length: 1, 1\r\n\r\na", 400, NULL, NULL},
    {POST "Content-Length:\r\n\r\n", 400, NULL, NULL},
    {POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400, NULL, NULL},
    {POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\na", 400, NULL, NULL},
    {POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL, NULL},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400, NULL, NULL},
    {POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, NULL, NULL},
    {POST "Transfer-Encoding: gzip\r\n\r\n", 501, NULL, NULL},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, NULL, NULL},
    {POST "Transfer-Encoding: chunked, gzip\r\n\r\n", 400, NULL, NULL},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, NULL, NULL},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400, NULL, NULL},
    {POST "Transfer-Encoding: xchunked\r\n\r\n", 501, NULL, NULL},
    {POST "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", OK, NULL, NULL},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "5\r\nhello\r\n0\r\n\r\n", OK, "hello", NULL},
    {CHUNKED "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nNEXT", OK, "hello world", "NEXT"},
    {CHUNKED "a\r\n0123456789\r\nA\r\n0123456789\r\n00\r\n\r\n", OK, "01234567890123456789", NULL},
    {CHUNKED "5;a=b\r\nhello\r\n0;c\r\n\r\n", OK, "hello", NULL},
    {CHUNKED "5 ;a=\"b\"\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\nX", OK, "hello", "X"},
    {CHUNKED "5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n", OK, "hello", NULL},
    {CHUNKED "5\r\nhello\r\n0\r\n", MORE, NULL, NULL},
    {CHUNKED "5\nhello\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "5\rXhello\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "5\r\nhelloXX0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "5\r\nhello\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "5\r\nhello\r\n0\n\r\n", 400, NULL, NULL},
    {CHUNKED "5\r\nhello\r\n0\r\n\n", 400, NULL, NULL},
    {CHUNKED "5 \r\nhello\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED " 5\r\nhello\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "+5\r\nhello\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "-5\r\nhello\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "\r\n5\r\nhello\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED ";\r\n", 400, NULL, NULL},
    {CHUNKED "g\r\n", 400, NULL, NULL},
    {CHUNKED "5;a\x01\r\nhello\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "ffffffffffffffff\r\n", 400, NULL, NULL},
    {CHUNKED "10000000000000005\r\nhello", 400, NULL, NULL},
    {CHUNKED "3e9\r\n", 413, NULL, NULL},
    {CHUNKED "fffffffffffffff\r\n", 413, NULL, NULL},
    {CHUNKED "0\r\nfolded\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "0\r\n: v\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "0\r\nA: v\r\n w\r\n\r\n", 400, NULL, NULL},
    {POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab", OK, "ab", NULL},
    {POST "Expect: the unexpected\r\nContent-Length: 2\r\n\r\nab", 417, NULL, NULL},
    {"POST / HTTP/1.0\r\nExpect: the unexpected\r\n\r\n", OK, NULL, NULL},
    {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\nHost: a.example\r\nX: ", MORE, NULL, NULL},
    {"", MORE, NULL, NULL},
    {"GET", MORE, NULL, NULL},
    {"\r", MORE, NULL, NULL},
};

struct fed {
    struct h1 h1;
    struct buf in;
    struct server_head head;
    enum h1_event last;
};

static void fed_begin(struct fed *f)
{
    memset(f, 0, sizeof(*f));
    buf_init(&f->in, 100000);
    h1_init(&f->h1, &limits);
}

/* Goes on until the request is complete, refused, or wants more. */
static void fed_add(struct fed *f, const char *p, size_t len)
{
    assert_int_equal(buf_add(&f->in, p, len), ERR_NONE);
    if (f->last == H1_REQUEST || f->last == H1_REFUSE)
        return;
    while ((f->last = h1_step(&f->h1, &f->in, &f->head)) == H1_HEAD)
        f->h1.body_max = BODY_MAX;
}

/* The body in pieces: the same body, also one that is longer than a body in memory may be. */
static void streamed_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        size_t len = strlen(row->in);
        if (row->want != OK && row->want != 413)
            continue;
        for (size_t step = 1; step <= len; step++) {
            struct fed f;
            struct buf body;
            fed_begin(&f);
            buf_init(&body, 100000);
            size_t given = 0;
            for (; given < len && f.last != H1_REQUEST; given += step) {
                size_t n = len - given < step ? len - given : step;
                assert_int_equal(buf_add(&f.in, row->in + given, n), ERR_NONE);
                while ((f.last = h1_step(&f.h1, &f.in, &f.head)) == H1_HEAD || f.last == H1_PIECE) {
                    f.h1.streamed = true;
                    if (f.last != H1_PIECE)
                        continue;
                    assert_int_equal(buf_add(&body, f.in.data + f.in.head + f.h1.body_at, f.h1.body_len),
                                     ERR_NONE);
                    h1_taken(&f.h1, &f.in);
                }
                assert_int_not_equal(f.last, H1_REFUSE);
            }
            if (row->want == OK) {
                struct span in = buf_span(&f.in);
                struct span left = {in.ptr + f.h1.used, in.len - f.h1.used};
                assert_int_equal(f.last, H1_REQUEST);
                assert_true(span_eq(buf_span(&body), span_of(row->body ? row->body : "")));
                assert_true(span_starts(span_of(row->left ? row->left : ""), left));
            }
            buf_deinit(&body);
            buf_deinit(&f.in);
        }
    }
}

static int fed_result(const struct fed *f)
{
    if (f->last == H1_REFUSE)
        return f->h1.refusal.status;
    return f->last == H1_REQUEST ? OK : MORE;
}

static void fed_check(struct fed *f, const struct row *row, const char *how)
{
    if (fed_result(f) != row->want)
        fail_msg("%s: %d (%s) instead of %d for: %s", how, fed_result(f), f->h1.refusal.detail, row->want,
                 row->in);
    if (row->want == OK) {
        struct span in = buf_span(&f->in);
        struct span body = {in.ptr + f->h1.body_at, f->h1.body_len};
        struct span left = {in.ptr + f->h1.used, in.len - f->h1.used};
        assert_true(span_eq(body, span_of(row->body ? row->body : "")));
        assert_true(span_eq(left, span_of(row->left ? row->left : "")));
    }
    if (row->want >= 400) {
        char text[512];
        assert_in_range(server_head_refusal_body(&f->h1.refusal, text), 20, 400);
        assert_non_null(f->h1.refusal.detail);
    }
    buf_deinit(&f->in);
}

static void every_row_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        size_t len = strlen(row->in);
        struct fed f;
        for (size_t cut = 0; cut <= len; cut++) {
            fed_begin(&f);
            fed_add(&f, row->in, cut);
            fed_add(&f, row->in + cut, len - cut);
            fed_check(&f, row, "cut in two");
        }
        fed_begin(&f);
        for (size_t at = 0; at < len; at++)
            fed_add(&f, row->in + at, 1);
        if (len > 0)
            fed_check(&f, row, "byte by byte");
        else
            buf_deinit(&f.in);
    }
}

static void the_parts_of_a_request(void **state)
{
    (void)state;
    static const struct {
        const char *in, *method, *path, *query;
        bool keep_alive;
        int http;
    } heads[] = {
        {"GET /a/b?c=d?e HTTP/1.1\r\n" H "\r\n", "GET", "/a/b", "c=d?e", true, 11},
        {"PUT /%20? HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "PUT", "/%20", "", false, 11},
        {"GET http://u@h:1/p?q HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n", "GET", "/p", "q", false, 11},
        {"GET http://h?q HTTP/1.1\r\n" H "\r\n", "GET", "", "q", true, 11},
        {"OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS", "*", "", true, 11},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET", "/", "", false, 10},
        {"GET // HTTP/1.1\r\n" H "Connection: keep-alive\r\n\r\n", "GET", "//", "", true, 11},
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct fed f;
        fed_begin(&f);
        fed_add(&f, heads[i].in, strlen(heads[i].in));
        assert_int_equal(f.last, H1_REQUEST);
        const char *base = buf_span(&f.in).ptr;
        assert_true(span_eq(server_part_span(base, f.head.method), span_of(heads[i].method)));
        assert_true(span_eq(server_part_span(base, f.head.path), span_of(heads[i].path)));
        assert_true(span_eq(server_part_span(base, f.head.query), span_of(heads[i].query)));
        assert_int_equal(f.head.keep_alive, heads[i].keep_alive);
        assert_int_equal(f.head.http, heads[i].http);
        buf_deinit(&f.in);
    }
}

static void fields_are_found_by_lower_case_name(void **state)
{
    (void)state;
    struct fed f;
    fed_begin(&f);
    const char *in = "GET / HTTP/1.1\r\nHOST: a\r\nX-Empty:\r\nX-One:  a b \t\r\nx-one: 2\r\n\r\n";
    fed_add(&f, in, strlen(in));
    assert_int_equal(f.last, H1_REQUEST);
    const char *base = buf_span(&f.in).ptr;
    assert_true(span_eq(server_head_find(&f.head, base, SPAN_LIT("x-one"), 0), SPAN_LIT("a b")));
    assert_true(span_eq(server_head_find(&f.head, base, SPAN_LIT("x-one"), 1), SPAN_LIT("2")));
    assert_null(server_head_find(&f.head, base, SPAN_LIT("x-one"), 2).ptr);
    assert_non_null(server_head_find(&f.head, base, SPAN_LIT("x-empty"), 0).ptr);
    assert_int_equal(server_head_find(&f.head, base, SPAN_LIT("x-empty"), 0).len, 0);
    assert_null(server_head_find(&f.head, base, SPAN_LIT("x-two"), 0).ptr);
    buf_deinit(&f.in);
}

/* head, then unit repeated n times, then tail. */
static int result_of(const char *head, const char *unit, size_t n, const char *tail)
{
    struct fed f;
    fed_begin(&f);
    fed_add(&f, head, strlen(head));
    for (size_t i = 0; i < n && f.last == H1_MORE; i++)
        fed_add(&f, unit, strlen(unit));
    if (f.last == H1_MORE)
        fed_add(&f, tail, strlen(tail));
    int result = fed_result(&f);
    buf_deinit(&f.in);
    return result;
}

static void caps_hold(void **state)
{
    (void)state;
    assert_int_equal(result_of("GET /", "x", 599, " HTTP/1.1\r\n" H "\r\n"), OK);
    assert_int_equal(result_of("GET /", "x", 600, " HTTP/1.1\r\n" H "\r\n"), 414);
    assert_int_equal(result_of("GET /", "x", 5000, ""), 414);
    assert_int_equal(result_of("", "X", 64, " / HTTP/1.1\r\n" H "\r\n"), OK);
    assert_int_equal(result_of("", "X", 65, " / HTTP/1.1\r\n" H "\r\n"), 400);
    assert_int_equal(result_of(GET "X: ", "x", 1900, "\r\n\r\n"), OK);
    assert_int_equal(result_of(GET "X: ", "x", 3000, ""), 431);
    assert_int_equal(result_of(GET "X: ", "x", 2000, "\r\n\r\n"), 431);
    assert_int_equal(result_of(GET, "A: b\r\n", 19, "\r\n"), OK);
    assert_int_equal(result_of(GET, "A: b\r\n", 20, "\r\n"), 431);
    assert_int_equal(result_of(CHUNKED, "1\r\nx\r\n", 1000, "0\r\n\r\n"), OK);
    assert_int_equal(result_of(CHUNKED, "1\r\nx\r\n", 1001, "0\r\n\r\n"), 413);
    assert_int_equal(result_of(CHUNKED "1;", "x", 2000, ""), 400);
    assert_int_equal(result_of(CHUNKED "0\r\n", "A: b\r\n", 10000, ""), 400);
    assert_int_equal(result_of(CHUNKED, "1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\nx\r\n", 1000, ""), 400);
}

/* Framing must not pile up in the buffer: a body in tiny chunks takes no more room than its content and one
 * line. */
static void chunk_framing_takes_no_room(void **state)
{
    (void)state;
    struct fed f;
    fed_begin(&f);
    fed_add(&f, CHUNKED, strlen(CHUNKED));
    size_t head = buf_len(&f.in);
    for (int i = 0; i < 900; i++) {
        fed_add(&f, "1\r\nx\r\n", 6);
        assert_true(buf_len(&f.in) <= head + (size_t)i + 8);
    }
    buf_deinit(&f.in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_however_it_is_cut),
        cmocka_unit_test(streamed_however_it_is_cut),
        cmocka_unit_test(the_parts_of_a_request),
        cmocka_unit_test(fields_are_found_by_lower_case_name),
        cmocka_unit_test(caps_hold),
        cmocka_unit_test(chunk_framing_takes_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
