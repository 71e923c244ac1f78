#pragma once
/* What the tests of the HTTP/2 client codec share: frames as string literals, and a server that is a test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "exchange/http2.h"

#define OUT_MAX 4194304
#define STREAMS 120

/* Frames (RFC 9113 4.1) of less than 256 bytes for streams below 256, as string literals. */
#define FRAME(len, type, flags, id) "\x00\x00" len type flags "\x00\x00\x00" id
#define SETTINGS FRAME("\x00", "\x04", "\x00", "\x00")
#define SETTINGS_ACK FRAME("\x00", "\x04", "\x01", "\x00")
#define MAX_STREAMS(n) FRAME("\x06", "\x04", "\x00", "\x00") "\x00\x03\x00\x00\x00" n
#define HEADERS(len, flags, id) FRAME(len, "\x01", flags, id)
#define DATA(len, flags, id) FRAME(len, "\x00", flags, id)
#define RST_STREAM(id, code) FRAME("\x04", "\x03", "\x00", id) "\x00\x00\x00" code
#define GOAWAY(last, code) FRAME("\x08", "\x07", "\x00", "\x00") "\x00\x00\x00" last "\x00\x00\x00" code
#define OPEN "\x04" /* END_HEADERS */
#define END "\x05"  /* END_HEADERS and END_STREAM */
#define ONE "\x01"
#define S200 "\x88" /* :status of the static table (RFC 7541 A) */
#define S204 "\x89"
#define S304 "\x8b"
#define S500 "\x8e"
#define LENGTH(len) "\x0f\x0d" len /* content-length, literal: 3 bytes and its value */
#define STATUS(n) "\x08\x03" n     /* 5 bytes */
#define LITERAL(s) s, sizeof(s) - 1

struct peer {
    struct http2 *h;
    struct buf out;
    struct http2_stream streams[STREAMS];
    int ended, answered;
    struct http2_stream *last;
};

static const struct url url = {.https = true, .authority = "bot.example:8443", .target = "/hook?a=1"};

static inline void on_ended(void *arg, struct http2_stream *s)
{
    struct peer *p = arg;
    assert_int_equal(s->id, 0);
    p->ended++;
    p->last = s;
}

static inline void on_answers(void *arg, struct http2_stream *s)
{
    struct peer *p = arg;
    assert_int_not_equal(s->id, 0);
    p->answered++;
}

static inline void pack(struct peer *p)
{
    assert_int_equal(http2_pack(p->h, &p->out, OUT_MAX / 2), ERR_NONE);
}

static inline void flush(struct peer *p)
{
    pack(p);
    http2_flushed(p->h, buf_len(&p->out));
    buf_clear(&p->out);
}

static inline struct peer *peer_new(void)
{
    struct peer *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    const struct http2_events events = {on_ended, on_answers, p};
    buf_init(&p->out, OUT_MAX);
    assert_int_equal(http2_new(&p->h, &events), ERR_NONE);
    return p;
}

static inline void peer_free(struct peer *p)
{
    http2_free(p->h);
    buf_deinit(&p->out);
    free(p);
}

/* step bytes at a time; what the codec answers is packed after each, as the session does. */
static inline enum err feed(struct peer *p, const char *bytes, size_t len, size_t step)
{
    enum err e = ERR_NONE;
    for (size_t at = 0; at < len && e == ERR_NONE; at += step) {
        size_t n = step < len - at ? step : len - at;
        uint8_t *piece = malloc(n);
        assert_non_null(piece);
        memcpy(piece, bytes + at, n);
        e = http2_feed(p->h, piece, n);
        free(piece);
        pack(p);
        if (http2_broken(p->h) != CAUSE_ok)
            return ERR_INVALID;
    }
    return e;
}

#define FEED(p, bytes) feed(p, bytes, sizeof(bytes) - 1, SIZE_MAX)

static inline enum err request(struct peer *p, int i, struct span body)
{
    const struct exchange_request r = {.url = &url, .body = body};
    return http2_request(p->h, &p->streams[i], &r);
}

/* Ready, with count requests sent. */
static inline struct peer *peer_with(int count)
{
    struct peer *p = peer_new();
    assert_int_equal(FEED(p, SETTINGS SETTINGS_ACK), ERR_NONE);
    for (int i = 0; i < count; i++)
        assert_int_equal(request(p, i, SPAN_LIT("{}")), ERR_NONE);
    flush(p);
    return p;
}
