/*
 * The server over real sockets, HTTP/2 with prior knowledge. The client writes its frames by hand, so that it can also write
 * those no library would; only the answers' field blocks are decoded by nghttp2.
 */
#include <nghttp2/nghttp2.h>

#include "server_fixture.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
enum {
    DATA = 0,
    HEADERS = 1,
    PRIORITY = 2,
    RST = 3,
    SETTINGS = 4,
    PING = 6,
    GOAWAY = 7,
    WINDOW = 8,
    CONTINUATION = 9
};
#define END_STREAM 1
#define ACK 1
#define END_HEADERS 4

struct answer {
    int status;
    struct buf body;
    bool ended, had_length, had_id;
    int reset;     /* -1: none, else its code */
    bool informed; /* 100 */
};

struct h2_client {
    int fd;
    struct buf in, out;
    nghttp2_hd_inflater *inflater;
    struct answer answers[300]; /* by (stream - 1) / 2 */
    int goaway;                 /* -1: none, else its code */
    unsigned finished, pings;
    bool closed, window_updates;
};

static void frame(struct h2_client *c, uint8_t type, uint8_t flags, uint32_t stream, const void *p,
                  size_t len)
{
    uint8_t head[9] = {
        (uint8_t)(len >> 16),    (uint8_t)(len >> 8),     (uint8_t)len,           type,           flags,
        (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    assert_int_equal(buf_add(&c->out, head, 9), ERR_NONE);
    assert_int_equal(buf_add(&c->out, p, len), ERR_NONE);
}

static void flush(struct h2_client *c)
{
    cl_send(c->fd, buf_span(&c->out).ptr, buf_len(&c->out));
    buf_clear(&c->out);
}

/* A field block without indexing or Huffman: pairs of name and value. */
static void block(struct buf *b, const char *const *fields)
{
    for (; fields[0]; fields += 2) {
        /* 0x10: never indexed, new name (RFC 7541 6.2.3); lengths stay below 127. */
        assert_int_equal(buf_printf(b, "\x10%c%s%c%s", (int)strlen(fields[0]), fields[0],
                                    (int)strlen(fields[1]), fields[1]),
                         ERR_NONE);
    }
}

static void request(struct h2_client *c, uint32_t stream, const char *method, const char *path,
                    const char *const *more, uint8_t flags)
{
    const char *head[] = {":method", method, ":scheme", "http", ":path", path, ":authority", "a", NULL, NULL};
    struct buf b;
    buf_init(&b, 20000);
    block(&b, head);
    if (more)
        block(&b, more);
    frame(c, HEADERS, (uint8_t)(flags | END_HEADERS), stream, buf_span(&b).ptr, buf_len(&b));
    buf_deinit(&b);
}

static void get(struct h2_client *c, uint32_t stream, const char *path)
{
    request(c, stream, "GET", path, NULL, END_STREAM);
}

static void client_open(struct h2_client *c, const struct fixture *f)
{
    memset(c, 0, sizeof(*c));
    c->fd = cl_open(f);
    c->goaway = -1;
    buf_init(&c->in, 16u << 20);
    buf_init(&c->out, 16u << 20);
    assert_int_equal(nghttp2_hd_inflate_new(&c->inflater), 0);
    for (size_t i = 0; i < 300; i++) {
        c->answers[i].reset = -1;
        buf_init(&c->answers[i].body, 16u << 20);
    }
    assert_int_equal(buf_add_str(&c->out, PREFACE), ERR_NONE);
    frame(c, SETTINGS, 0, 0, "", 0);
}

static void client_close(struct h2_client *c)
{
    (void)close(c->fd);
    nghttp2_hd_inflate_del(c->inflater);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    for (size_t i = 0; i < 300; i++)
        buf_deinit(&c->answers[i].body);
}

static uint32_t number(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void take_fields(struct h2_client *c, struct answer *a, const uint8_t *p, size_t len)
{
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(c->inflater, &nv, &flags, p, len, 1);
        assert_true(n >= 0);
        p += n;
        len -= (size_t)n;
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            struct span name = {(char *)nv.name, nv.namelen};
            if (span_eq(name, SPAN_LIT(":status"))) {
                int status = (nv.value[0] - '0') * 100 + (nv.value[1] - '0') * 10 + nv.value[2] - '0';
                if (status == 100)
                    a->informed = true;
                else
                    a->status = status;
            }
            a->had_length = a->had_length || span_eq(name, SPAN_LIT("content-length"));
            a->had_id = a->had_id || (span_eq(name, SPAN_LIT("x-line-request-id")) && nv.valuelen == 36);
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            break;
    }
    (void)nghttp2_hd_inflate_end_headers(c->inflater);
}

static void take_frame(struct h2_client *c, const uint8_t *head, const uint8_t *p, size_t len)
{
    uint32_t stream = number(head + 5);
    uint8_t type = head[3], flags = head[4];
    struct answer *a =
        stream ? &c->answers[stream < 600 ? (stream - 1) / 2 : 299] : NULL; /* floods have more */
    if (type == HEADERS && a) {
        assert_true(flags & END_HEADERS);
        take_fields(c, a, p, len);
    } else if (type == DATA && a) {
        assert_int_equal(buf_add(&a->body, p, len), ERR_NONE);
        if (c->window_updates && len > 0) {
            uint8_t more[4] = {0, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
            frame(c, WINDOW, 0, stream, more, 4);
            frame(c, WINDOW, 0, 0, more, 4);
            flush(c);
        }
    } else if (type == RST && a) {
        a->reset = (int)number(p);
        c->finished += !a->ended;
    } else if (type == GOAWAY) {
        c->goaway = (int)number(p + 4);
    } else if (type == SETTINGS && !(flags & ACK)) {
        frame(c, SETTINGS, ACK, 0, "", 0);
        flush(c);
    } else if (type == PING && (flags & ACK)) {
        c->pings++;
    }
    if ((type == HEADERS || type == DATA) && a && (flags & END_STREAM)) {
        a->ended = true;
        c->finished++;
    }
}

/* Reads frames until so many streams are finished, or the end of the connection (n == 0). */
static void await(struct h2_client *c, unsigned n)
{
    flush(c);
    while (n == 0 || c->finished < n) {
        while (buf_len(&c->in) >= 9) {
            const uint8_t *p = (const uint8_t *)buf_span(&c->in).ptr;
            size_t len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
            if (buf_len(&c->in) < 9 + len)
                break;
            take_frame(c, p, p + 9, len);
            buf_consume(&c->in, 9 + len);
        }
        if (n != 0 && c->finished >= n)
            return;
        if (!cl_read(c->fd, &c->in)) {
            c->closed = true;
            assert_true(n == 0);
            return;
        }
    }
}

static void expect(const struct h2_client *c, uint32_t stream, int status, const char *body)
{
    const struct answer *a = &c->answers[(stream - 1) / 2];
    assert_int_equal(a->status, status);
    assert_true(a->had_id);
    if (body && !span_eq(buf_span(&a->body), span_of(body)))
        fail_msg("stream %u: %.*s instead of %s", stream, (int)buf_len(&a->body), buf_span(&a->body).ptr,
                 body);
}

static void many_streams_on_one_connection(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    for (uint32_t i = 0; i < 100; i++)
        get(&c, 2 * i + 1, i % 2 ? "/later" : "/x?y");
    await(&c, 100);
    for (uint32_t i = 0; i < 100; i++)
        expect(&c, 2 * i + 1, i % 2 ? 202 : 200, i % 2 ? "/later" : "GET /x?y ");
    request(&c, 201, "POST", "/p", NULL, 0);
    frame(&c, DATA, 0, 201, "abc", 3);
    frame(&c, DATA, END_STREAM, 201, "def", 3);
    request(&c, 203, "HEAD", "/h", NULL, END_STREAM);
    get(&c, 205, "/empty");
    get(&c, 207, "/stream");
    get(&c, 209, "/broken");
    request(&c, 211, "OPTIONS", "*", NULL, END_STREAM);
    request(&c, 213, "BREW", "/b", NULL, END_STREAM);
    await(&c, 107);
    expect(&c, 201, 200, "POST /p? abcdef");
    expect(&c, 203, 200, "");
    assert_true(c.answers[101].had_length);
    expect(&c, 205, 204, "");
    expect(&c, 207, 200, "one,two");
    expect(&c, 209, 200, "one,");
    assert_int_equal(c.answers[104].reset, NGHTTP2_INTERNAL_ERROR);
    expect(&c, 211, 200, "OPTIONS *? ");
    expect(&c, 213, 200, "BREW /b? ");
    client_close(&c);
    fx_stop(&f);
}

static void byte_by_byte(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    request(&c, 1, "POST", "/p", NULL, 0);
    frame(&c, DATA, END_STREAM, 1, "abc", 3);
    int one = 1;
    (void)setsockopt(c.fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one));
    for (size_t i = 0; i < buf_len(&c.out); i++)
        cl_send(c.fd, buf_span(&c.out).ptr + i, 1);
    buf_clear(&c.out);
    await(&c, 1);
    expect(&c, 1, 200, "POST /p? abc");
    client_close(&c);
    fx_stop(&f);
}

static void refusals(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){.limits = {.body_max = 20000,
                                                    .head_max = 4000,
                                                    .target_max = 100,
                                                    .fields_max = 30,
                                                    .body_timeout_ms = 150}});
    client_open(&c, &f);
    static char junk[16384];
    char path[110] = "/";
    memset(path + 1, 'p', 101);
    request(&c, 1, "POST", "/p", (const char *[]){"content-length", "20001", NULL}, 0);
    request(&c, 3, "POST", "/p", NULL, 0);
    frame(&c, DATA, 0, 3, junk, 16384);
    frame(&c, DATA, 0, 3, junk, 10000); /* the answer may come before the rest */
    get(&c, 5, path);
    request(&c, 7, "POST", "/small", (const char *[]){"content-length", "11", NULL}, 0);
    request(&c, 9, "POST", "/early", NULL, 0);
    request(&c, 11, "POST", "/p", NULL, 0); /* its body never comes */
    request(&c, 13, "POST", "/p", (const char *[]){"expect", "miracles", NULL}, 0);
    request(&c, 15, "POST", "/p", (const char *[]){"expect", "100-continue", "content-length", "2", NULL}, 0);
    const char *fields[80] = {NULL};
    for (int i = 0; i < 30; i++) {
        fields[2 * i] = "x";
        fields[2 * i + 1] = "y";
    }
    request(&c, 17, "GET", "/p", fields, END_STREAM);
    char value[120];
    memset(value, 'v', 119);
    value[119] = '\0';
    const char *large[100] = {NULL};
    for (int i = 0; i < 28; i++) {
        large[2 * i] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
        large[2 * i + 1] = value;
    }
    request(&c, 19, "GET", "/p", large, END_STREAM);
    request(&c, 21, "GET", "no-slash", NULL, END_STREAM);
    request(&c, 23, "GET", "/#f", NULL, END_STREAM);
    frame(&c, DATA, END_STREAM, 15, "ok", 2);
    await(&c, 12);
    expect(&c, 1, 413, NULL);
    expect(&c, 3, 413, NULL);
    expect(&c, 5, 414, NULL);
    expect(&c, 7, 413, NULL);
    expect(&c, 9, 401, "early");
    expect(&c, 11, 408, NULL);
    expect(&c, 13, 417, NULL);
    expect(&c, 15, 200, "POST /p? ok");
    assert_true(c.answers[7].informed);
    expect(&c, 17, 431, NULL);
    expect(&c, 19, 431, NULL);
    assert_true(c.answers[10].reset >= 0 || c.answers[10].status == 400);
    expect(&c, 23, 400, NULL);
    /* Answered early: the client is told not to send the rest, and the connection goes on. */
    get(&c, 31, "/x");
    while (!c.answers[15].ended)
        await(&c, c.finished + 1);
    expect(&c, 31, 200, "GET /x? ");
    assert_int_equal(c.answers[0].reset, NGHTTP2_NO_ERROR);
    assert_int_equal(c.answers[4].reset, NGHTTP2_NO_ERROR);
    client_close(&c);
    fx_stop(&f);
}

static void large_bodies_and_flow_control(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){.limits = {.write_timeout_ms = 300}});
    client_open(&c, &f);
    c.window_updates = true;
    static char piece[16384];
    memset(piece, 'z', sizeof(piece));
    get(&c, 1, "/x");
    await(&c, 1); /* and with it the server's settings: larger windows than the protocol's own */
    request(&c, 3, "POST", "/p", NULL, 0);
    for (int i = 0; i < 8; i++)
        frame(&c, DATA, i == 7 ? END_STREAM : 0, 3, piece, sizeof(piece));
    get(&c, 5, "/flood");
    await(&c, 3);
    assert_int_equal(buf_len(&c.answers[1].body), 8 * 16384 + 9);
    assert_int_equal(buf_len(&c.answers[2].body), FLOOD_BYTES);
    (void)fx_await(f.finished);
    /* Without windows the sender waits, and then gives up. */
    c.window_updates = false;
    get(&c, 7, "/flood");
    flush(&c);
    (void)fx_await(f.aborted);
    await(&c, 4);
    assert_int_equal(c.answers[3].reset, NGHTTP2_INTERNAL_ERROR);
    client_close(&c);
    fx_stop(&f);
}

static void a_cancelled_request_is_told_of(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    get(&c, 1, "/never");
    get(&c, 3, "/never");
    get(&c, 5, "/x");
    await(&c, 1);
    frame(&c, RST, 0, 1, "\0\0\0\x08", 4);
    flush(&c);
    assert_int_equal(fx_await(f.aborted), 1);
    (void)close(c.fd);
    assert_int_equal(fx_await(f.aborted), 1);
    c.fd = -1;
    client_close(&c);
    fx_stop(&f);
}

/* unit many times over: the connection must end, with GOAWAY and this code. */
static void flooded(const struct fixture *f, int code, int times,
                    void (*unit)(struct h2_client *c, uint32_t i))
{
    struct h2_client c;
    client_open(&c, f);
    for (int i = 0; i < times; i++)
        unit(&c, (uint32_t)i);
    await(&c, 0);
    assert_int_equal(c.goaway, code);
    client_close(&c);
}

static void rapid_reset(struct h2_client *c, uint32_t i)
{
    get(c, 2 * i + 1, "/never");
    frame(c, RST, 0, 2 * i + 1, "\0\0\0\x08", 4);
}
static void bad_requests(struct h2_client *c, uint32_t i)
{
    request(c, 2 * i + 1, "GET", "/x", (const char *[]){"Upper", "case", NULL}, END_STREAM);
}
static void bad_windows(struct h2_client *c, uint32_t i)
{
    request(c, 2 * i + 1, "POST", "/x", NULL, 0);
    frame(c, WINDOW, 0, 2 * i + 1, "\0\0\0\0", 4);
}
static void short_pings(struct h2_client *c, uint32_t i)
{
    frame(c, PING, 0, 0, &i, sizeof(i)); /* must be 8 bytes */
}
static void pings(struct h2_client *c, uint32_t i)
{
    (void)i;
    frame(c, PING, 0, 0, "12345678", 8);
}
static void settings(struct h2_client *c, uint32_t i)
{
    (void)i;
    frame(c, SETTINGS, 0, 0, "", 0);
}
static void priorities(struct h2_client *c, uint32_t i)
{
    frame(c, PRIORITY, 0, 2 * i + 1, "\0\0\0\0\x10", 5);
}
static void empty_data(struct h2_client *c, uint32_t i)
{
    if (i == 0)
        request(c, 1, "POST", "/x", NULL, 0);
    frame(c, DATA, 0, 1, "", 0);
}
static void continuations(struct h2_client *c, uint32_t i)
{
    if (i == 0)
        frame(c, HEADERS, END_STREAM, 1, "\x82", 1);
    frame(c, CONTINUATION, 0, 1, "", 0);
}
static void unknown_frames(struct h2_client *c, uint32_t i)
{
    frame(c, 0xee, 0, i, "?", 1);
}

static void floods_are_ended(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    flooded(&f, NGHTTP2_ENHANCE_YOUR_CALM, 5000, rapid_reset);
    flooded(&f, NGHTTP2_ENHANCE_YOUR_CALM, 5000, bad_requests);
    flooded(&f, NGHTTP2_PROTOCOL_ERROR, 5000, bad_windows);
    flooded(&f, NGHTTP2_ENHANCE_YOUR_CALM, 5000, settings);
    flooded(&f, NGHTTP2_ENHANCE_YOUR_CALM, 5000, pings);
    flooded(&f, NGHTTP2_ENHANCE_YOUR_CALM, 5000, priorities);
    flooded(&f, NGHTTP2_ENHANCE_YOUR_CALM, 5000, empty_data);
    flooded(&f, NGHTTP2_FRAME_SIZE_ERROR, 1, short_pings);
    struct h2_client c;
    client_open(&c, &f);
    for (uint32_t i = 0; i < 1000; i++)
        continuations(&c, i);
    await(&c, 0); /* nghttp2 itself may hang up first */
    client_close(&c);
    client_open(&c, &f); /* these are to be ignored (RFC 9113 5.5), and cost next to nothing */
    for (uint32_t i = 0; i < 5000; i++)
        unknown_frames(&c, i);
    get(&c, 1, "/x");
    await(&c, 1);
    expect(&c, 1, 200, "GET /x? ");
    client_close(&c);
    fx_stop(&f);
}

static void an_idle_connection_is_closed_and_a_slow_head_too(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){.limits = {.idle_timeout_ms = 150, .head_timeout_ms = 150}});
    client_open(&c, &f);
    get(&c, 1, "/x");
    await(&c, 0);
    expect(&c, 1, 200, "GET /x? ");
    assert_int_equal(c.goaway, NGHTTP2_NO_ERROR);
    client_close(&c);
    client_open(&c, &f);
    get(&c, 1, "/never");
    frame(&c, HEADERS, END_STREAM, 3, "\x82", 1); /* no END_HEADERS, and nothing after it */
    await(&c, 0);
    client_close(&c);
    fx_stop(&f);
}

static void drain_says_goaway_and_finishes(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    request(&c, 1, "POST", "/p", NULL, 0);
    get(&c, 3, "/x");
    await(&c, 1);
    fx_command(&f, 2);
    frame(&c, DATA, END_STREAM, 1, "abc", 3);
    await(&c, 0);
    expect(&c, 1, 200, "POST /p? abc");
    assert_int_equal(c.goaway, NGHTTP2_NO_ERROR);
    client_close(&c);
    fx_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_streams_on_one_connection),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(refusals),
        cmocka_unit_test(large_bodies_and_flow_control),
        cmocka_unit_test(a_cancelled_request_is_told_of),
        cmocka_unit_test(floods_are_ended),
        cmocka_unit_test(an_idle_connection_is_closed_and_a_slow_head_too),
        cmocka_unit_test(drain_says_goaway_and_finishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
