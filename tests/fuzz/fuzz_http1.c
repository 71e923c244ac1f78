/*
 * The HTTP/1 response codec: one answer, however the network cuts it. The first byte: whether the peer closes at the
 * end, and where to cut; the rest is what the peer sends.
 */
#include <string.h>

#include "fuzz.h"
#include "net/http1.h"

#define BODY_KEPT 64

struct told {
    enum http1_state state;
    enum cause_id cause;
    enum answer answer;
    int status, version;
    bool keep_alive;
    uint32_t keep_alive_s, retry_after_s, body_bytes;
    char body[BODY_KEPT];
    size_t body_len;
};

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "http1: %s\n", what);
    abort();
}

static void check(const struct http1_response *r)
{
    need(r->state != HTTP1_ERROR || r->cause != CAUSE_ok, "an error without a cause");
    need(r->state == HTTP1_ERROR || r->cause == CAUSE_ok, "a cause without an error");
    need(r->state != HTTP1_DONE || r->answer == ANSWER_HEAD, "done without a head");
    need(r->status == 0 || r->status == 101 || (r->status >= 200 && r->status <= 999), "status out of range");
    need((r->status != 0) == (r->answer == ANSWER_HEAD), "status and head disagree");
    need(!r->keep_alive || r->answer == ANSWER_HEAD, "keep-alive without a head");
    need(r->head_bytes <= HTTP1_HEAD_MAX && r->body_bytes <= HTTP1_BODY_MAX, "a cap is passed");
}

/* Feeds pieces of 1 .. step bytes, chosen by a small generator; step 0: all at once. */
static void run(const uint8_t *data, size_t size, unsigned step, bool eof, struct told *ret)
{
    struct http1_response r;
    struct buf body;
    buf_init(&body, BODY_KEPT);
    http1_response_init(&r);
    r.body = &body;
    uint32_t seed = step * 2654435761u + 1;
    size_t at = 0;
    while (at < size && r.state == HTTP1_MORE) {
        seed = seed * 1664525u + 1013904223u;
        size_t n = step == 0 ? size : 1 + (seed >> 16) % step;
        n = n < size - at ? n : size - at;
        char *piece = malloc(n); /* of its exact size: a read past it is seen */
        if (!piece)
            abort();
        memcpy(piece, data + at, n);
        need(http1_response_feed(&r, piece, n) == r.state, "feed returns another state");
        free(piece);
        check(&r);
        at += n;
    }
    /* More bytes behind the end would be found by the pool: the connection is not used again either way. */
    bool rest = at < size;
    if (eof) {
        need(http1_response_eof(&r) == r.state, "eof returns another state");
        check(&r);
        need(r.state != HTTP1_MORE || !r.keep_alive || r.answer != ANSWER_HEAD,
             "kept alive though truncated");
    }
    *ret = (struct told){.state = r.state,
                         .cause = r.cause,
                         .answer = r.answer,
                         .status = r.status,
                         .version = r.version,
                         .keep_alive = r.keep_alive && !rest,
                         .keep_alive_s = r.keep_alive_s,
                         .retry_after_s = r.retry_after_s,
                         .body_bytes = r.state == HTTP1_ERROR ? 0 : r.body_bytes,
                         .body_len = r.state == HTTP1_ERROR ? 0 : buf_len(&body)};
    memcpy(ret->body, buf_span(&body).ptr, ret->body_len);
    buf_deinit(&body);
}

static void same(const struct told *a, const struct told *b)
{
    need(a->state == b->state, "cut differently, another state");
    need(a->cause == b->cause, "cut differently, another cause");
    need(a->answer == b->answer, "cut differently, another answer");
    need(a->status == b->status && a->version == b->version, "cut differently, another status");
    need(a->state != HTTP1_DONE || a->keep_alive == b->keep_alive, "cut differently, another keep-alive");
    need(a->keep_alive_s == b->keep_alive_s, "cut differently, another keep-alive time");
    need(a->retry_after_s == b->retry_after_s, "cut differently, another retry-after");
    need(a->body_bytes == b->body_bytes, "cut differently, another body length");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bool eof = data[0] & 1;
    unsigned step = 2 + (data[0] >> 1);
    struct told whole, bytes, pieces;
    run(data + 1, size - 1, 0, eof, &whole);
    run(data + 1, size - 1, 1, eof, &bytes);
    run(data + 1, size - 1, step, eof, &pieces);
    same(&whole, &bytes);
    same(&whole, &pieces);
    return 0;
}
