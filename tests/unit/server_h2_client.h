#pragma once
/*
 * An HTTP/2 client (with prior knowledge) for tests of the server. It writes its frames by hand, so that it
 * can also write those no library would; only the answers' field blocks are decoded by nghttp2.
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
    bool closed, window_updates, pings_back; /* of DATA that comes */
    uint64_t credit, credit_of_1;            /* what WINDOW_UPDATE gave to the connection and to stream 1 */
};

static inline void frame(struct h2_client *c, uint8_t type, uint8_t flags, uint32_t stream, const void *p,
                         size_t len)
{
    uint8_t head[9] = {
        (uint8_t)(len >> 16),    (uint8_t)(len >> 8),     (uint8_t)len,           type,           flags,
        (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    assert_int_equal(buf_add(&c->out, head, 9), ERR_NONE);
    assert_int_equal(buf_add(&c->out, p, len), ERR_NONE);
}

static inline void flush(struct h2_client *c)
{
    cl_send(c->fd, buf_span(&c->out).ptr, buf_len(&c->out));
    buf_clear(&c->out);
}

static inline void flush_slowly(struct h2_client *c)
{
    int one = 1;
    (void)setsockopt(c->fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one));
    for (size_t i = 0; i < buf_len(&c->out); i++)
        cl_send(c->fd, buf_span(&c->out).ptr + i, 1);
    buf_clear(&c->out);
}

/* A field block without indexing or Huffman: pairs of name and value. */
static inline void block(struct buf *b, const char *const *fields)
{
    for (; fields[0]; fields += 2) {
        /* 0x10: never indexed, new name (RFC 7541 6.2.3); lengths stay below 127. */
        assert_int_equal(buf_printf(b, "\x10%c%s%c%s", (int)strlen(fields[0]), fields[0],
                                    (int)strlen(fields[1]), fields[1]),
                         ERR_NONE);
    }
}

static inline void request(struct h2_client *c, uint32_t stream, const char *method, const char *path,
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

static inline void get(struct h2_client *c, uint32_t stream, const char *path)
{
    request(c, stream, "GET", path, NULL, END_STREAM);
}

static inline void client_open(struct h2_client *c, const struct fixture *f)
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

static inline void client_close(struct h2_client *c)
{
    (void)close(c->fd);
    nghttp2_hd_inflate_del(c->inflater);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    for (size_t i = 0; i < 300; i++)
        buf_deinit(&c->answers[i].body);
}

static inline uint32_t number(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void take_fields(struct h2_client *c, struct answer *a, const uint8_t *p, size_t len)
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

static inline void take_frame(struct h2_client *c, const uint8_t *head, const uint8_t *p, size_t len)
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
            if (c->pings_back)
                frame(c, PING, 0, 0, "12345678", 8);
            flush(c);
        }
    } else if (type == RST && a) {
        a->reset = (int)number(p);
        c->finished += !a->ended;
    } else if (type == WINDOW) {
        if (stream == 0)
            c->credit += number(p);
        else if (stream == 1)
            c->credit_of_1 += number(p);
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

static inline bool take_whole_frame(struct h2_client *c)
{
    const uint8_t *p = (const uint8_t *)buf_span(&c->in).ptr;
    if (buf_len(&c->in) < 9)
        return false;
    size_t len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
    if (buf_len(&c->in) < 9 + len)
        return false;
    take_frame(c, p, p + 9, len);
    buf_consume(&c->in, 9 + len);
    return true;
}

/* One frame; false: the end of the connection. */
static inline bool await_frame(struct h2_client *c)
{
    while (!take_whole_frame(c)) {
        if (!cl_read(c->fd, &c->in)) {
            c->closed = true;
            return false;
        }
    }
    return true;
}

/* Reads frames until so many streams are finished, or the end of the connection (n == 0). */
static inline void await(struct h2_client *c, unsigned n)
{
    flush(c);
    while (n == 0 || c->finished < n) {
        if (!await_frame(c)) {
            assert_true(n == 0);
            return;
        }
    }
}

static inline void expect(const struct h2_client *c, uint32_t stream, int status, const char *body)
{
    const struct answer *a = &c->answers[(stream - 1) / 2];
    assert_int_equal(a->status, status);
    assert_true(a->had_id);
    if (body && !span_eq(buf_span(&a->body), span_of(body)))
        fail_msg("stream %u: %.*s instead of %s", stream, (int)buf_len(&a->body), buf_span(&a->body).ptr,
                 body);
}
