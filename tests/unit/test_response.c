/* One response, over HTTP/1.1 and over HTTP/2: where it means the same, it is taken the same. */
#include "exchange/http1.h"
#include "http2_peer.h"

#define FIELDS 4

struct response {
    const char *why;
    int status;
    struct {
        const char *name, *value;
    } fields[FIELDS];
    const char *content; /* NULL: none */
    bool good;           /* it is a complete answer with that status */
};

static const struct response cases[] = {
    {"nothing said", 200, {{0}}, NULL, true},
    {"content", 200, {{0}}, "hello", true},
    {"a content-length", 200, {{"content-length", "5"}}, "hello", true},
    {"a content-length of 0", 200, {{"content-length", "0"}}, NULL, true},
    {"zeros before it", 200, {{"content-length", "005"}}, "hello", true},
    {"more zeros than anybody needs",
     200,
     {{"content-length", "00000000000000000000000000000000000000000000000000000000000000000005"}},
     "hello",
     true},
    {"blanks around it", 200, {{"content-length", "\t 5 \t"}}, "hello", true},
    {"the same twice", 200, {{"content-length", "5"}, {"content-length", "5"}}, "hello", true},
    {"the same twice in one field", 200, {{"content-length", "5, 5"}}, "hello", true},
    {"the same number, written twice",
     200,
     {{"content-length", "5"}, {"a", "b"}, {"content-length", "05,5"}},
     "hello",
     true},
    {"two that differ", 200, {{"content-length", "5"}, {"content-length", "6"}}, "hello", false},
    {"two that differ in one field", 200, {{"content-length", "5, 6"}}, "hello", false},
    {"no number", 200, {{"content-length", "five"}}, "hello", false},
    {"a sign", 200, {{"content-length", "+5"}}, "hello", false},
    {"a minus", 200, {{"content-length", "-5"}}, "hello", false},
    {"a word more", 200, {{"content-length", "5 5"}}, "hello", false},
    {"an empty element", 200, {{"content-length", "5,"}}, "hello", false},
    {"empty", 200, {{"content-length", ""}}, "hello", false},
    {"beyond 64 bits", 200, {{"content-length", "18446744073709551621"}}, "hello", false},
    {"204", 204, {{0}}, NULL, true},
    {"204 with a content-length of 0", 204, {{"content-length", "0"}}, NULL, true},
    {"204 with a content-length", 204, {{"content-length", "5"}}, NULL, true},
    {"204 with what is no content-length", 204, {{"content-length", "five"}}, NULL, true},
    {"204 with the content it announces", 204, {{"content-length", "5"}}, "hello", true},
    {"304 with a content-length", 304, {{"content-length", "500"}}, NULL, true},
    {"205 with content", 205, {{"content-length", "5"}}, "hello", true},
    {"a value with blanks at its ends", 200, {{"a", " b "}}, NULL, true},
    {"a value of blanks", 200, {{"a", " \t "}}, NULL, true},
    {"an empty value", 200, {{"a", ""}}, NULL, true},
    {"a value outside ASCII", 200, {{"a", "\xe3\x81\x82\xff"}}, NULL, true},
    {"a status HTTP does not know", 999, {{"content-length", "5"}}, "hello", true},
    {"an error", 503, {{"content-length", "5"}, {"retry-after", "7"}}, "hello", true},
    {"a status below 100", 99, {{0}}, NULL, false},
};

static void add(struct buf *b, const void *p, size_t len)
{
    assert_int_equal(buf_add(b, p, len), ERR_NONE);
}

static void add_text(struct buf *b, const char *s)
{
    add(b, s, strlen(s));
}

static void status_text(const struct response *r, char text[4])
{
    (void)snprintf(text, 4, "%03d", r->status);
}

/* interim: a 103 with these fields comes first, of which nothing counts. */
static void add_h1(struct buf *b, const struct response *r, bool interim)
{
    char status[4];
    status_text(r, status);
    add_text(b, "HTTP/1.1 ");
    add_text(b, interim ? "103" : status);
    add_text(b, " Text\r\n");
    for (size_t i = 0; i < FIELDS && r->fields[i].name; i++) {
        add_text(b, r->fields[i].name);
        add_text(b, ":");
        add_text(b, r->fields[i].value);
        add_text(b, "\r\n");
    }
    add_text(b, "\r\n");
    if (!interim && r->content)
        add_text(b, r->content);
}

static void add_frame(struct buf *b, uint8_t type, uint8_t flags, struct span payload)
{
    const uint8_t head[9] = {0, 0, (uint8_t)payload.len, type, flags, 0, 0, 0, 1};
    add(b, head, sizeof(head));
    add(b, payload.ptr, payload.len);
}

static void add_field(struct buf *b, const char *name, const char *value)
{
    const uint8_t n = (uint8_t)strlen(name), v = (uint8_t)strlen(value);
    add(b, "", 1); /* literal, not indexed, a new name */
    add(b, &n, 1);
    add(b, name, n);
    add(b, &v, 1);
    add(b, value, v);
}

static void add_h2(struct buf *b, const struct response *r, bool interim)
{
    struct buf block;
    char status[4];
    buf_init(&block, 1000);
    status_text(r, status);
    add_field(&block, ":status", interim ? "103" : status);
    for (size_t i = 0; i < FIELDS && r->fields[i].name; i++)
        add_field(&block, r->fields[i].name, r->fields[i].value);
    bool end = !interim && !r->content;
    add_frame(b, NGHTTP2_HEADERS, (uint8_t)(NGHTTP2_FLAG_END_HEADERS | (end ? NGHTTP2_FLAG_END_STREAM : 0)),
              buf_span(&block));
    if (!interim && r->content)
        add_frame(b, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, span_of(r->content));
    buf_deinit(&block);
}

static bool h1_is_good(const struct response *c, struct span bytes, size_t step)
{
    struct http1_response r;
    http1_response_init(&r);
    for (size_t at = 0; at < bytes.len && r.state == HTTP1_MORE; at += step)
        (void)http1_response_feed(&r, bytes.ptr + at, step < bytes.len - at ? step : bytes.len - at);
    (void)http1_response_eof(&r);
    assert_int_equal(r.state, c->good ? HTTP1_DONE : HTTP1_ERROR);
    return r.state == HTTP1_DONE && r.status == c->status;
}

static bool h2_is_good(const struct response *c, struct span bytes, size_t step)
{
    struct peer *p = peer_with(1);
    const struct http2_stream *s = &p->streams[0];
    (void)feed(p, bytes.ptr, bytes.len, step);
    assert_int_equal(http2_broken(p->h), CAUSE_ok);
    assert_int_equal(p->ended, 1);
    bool good = s->ended == ENDED_COMPLETE && s->status == c->status;
    assert_true(good || (s->ended == ENDED_PROTOCOL && s->cause == CAUSE_h2_malformed_message));
    peer_free(p);
    return good;
}

static void the_same_over_both(void **state)
{
    (void)state;
    int bad = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 4; i++) {
        const struct response *c = &cases[i / 4];
        size_t step = i & 1 ? 1 : 1000;
        struct buf h1, h2;
        buf_init(&h1, 10000);
        buf_init(&h2, 10000);
        if (i & 2) {
            add_h1(&h1, c, true);
            add_h2(&h2, c, true);
        }
        add_h1(&h1, c, false);
        add_h2(&h2, c, false);
        bool one = h1_is_good(c, buf_span(&h1), step), two = h2_is_good(c, buf_span(&h2), step);
        if (one != c->good || two != c->good) {
            print_error("%s: HTTP/1.1 %d, HTTP/2 %d, want %d\n", c->why, one, two, c->good);
            bad++;
        }
        buf_deinit(&h1);
        buf_deinit(&h2);
    }
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_over_both)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
