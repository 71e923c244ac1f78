/*
 * The HTTP/1 response codec: one answer, however the network cuts it. The first byte: whether the peer closes
 * at the end, and where to cut; the rest is what the peer sends.
 *
 * llhttp in its strict mode is the judge of what is surely an answer: whatever it takes, the codec takes,
 * with the same status and the same content. The codec may take more.
 */
#include <llhttp.h>
#include <string.h>
#include <strings.h>

#include "exchange/http1.h"
#include "fuzz.h"

#define BODY_KEPT 64

struct told {
    enum http1_state state;
    enum cause_id cause;
    enum answer_part answer;
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

/* ---- the judge ---- */

struct judge {
    int status;
    bool done;
    uint32_t body_bytes;
    bool named; /* the field being read has a name; llhttp takes one without */
    bool nameless;
};

static int judge_begin(llhttp_t *p)
{
    p->content_length = 0; /* llhttp would read on from that of an interim head: 4, then 0, as 40 */
    return HPE_OK;
}

static int judge_field(llhttp_t *p, const char *at, size_t len)
{
    (void)at;
    struct judge *j = p->data;
    j->named |= len > 0;
    return HPE_OK;
}

static int judge_value_complete(llhttp_t *p)
{
    struct judge *j = p->data;
    j->nameless |= !j->named;
    j->named = false;
    return HPE_OK;
}

static int judge_head(llhttp_t *p)
{
    struct judge *j = p->data;
    if (p->http_major != 1 || p->status_code < 100)
        return HPE_USER;
    int no_content = p->status_code < 200 || p->status_code == 204 || p->status_code == 304;
    if (p->status_code >= 200 || p->status_code == 101)
        j->status = p->status_code;
    return no_content;
}

static int judge_body(llhttp_t *p, const char *at, size_t len)
{
    (void)at;
    struct judge *j = p->data;
    j->body_bytes += (uint32_t)len;
    return HPE_OK;
}

static int judge_complete(llhttp_t *p)
{
    struct judge *j = p->data;
    j->done = j->status != 0;
    return j->done ? HPE_PAUSED : HPE_OK;
}

static struct judge judge(const uint8_t *data, size_t size, bool eof)
{
    static const llhttp_settings_t settings = {.on_message_begin = judge_begin,
                                               .on_header_field = judge_field,
                                               .on_header_value_complete = judge_value_complete,
                                               .on_headers_complete = judge_head,
                                               .on_body = judge_body,
                                               .on_message_complete = judge_complete};
    struct judge j = {0};
    llhttp_t parser;
    llhttp_init(&parser, HTTP_RESPONSE, &settings);
    llhttp_set_lenient_keep_alive(&parser, 1);
    parser.data = &j;
    llhttp_errno_t e = llhttp_execute(&parser, (const char *)data, size);
    if (e == HPE_OK && eof && j.status != 0)
        (void)llhttp_finish(&parser);
    j.done &= !j.nameless;
    return j;
}

/* llhttp does not know that a list may have empty elements: behind "chunked," it waits for the close. And it
 * reads a status 0200. */
static bool judge_errs(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i + 9 < size; i++) {
        if (memcmp(data + i, "HTTP/1.", 7) == 0 && memcmp(data + i + 8, " 0", 2) == 0)
            return true;
        if (strncasecmp((const char *)data + i, "chunked", 7) != 0)
            continue;
        size_t at = i + 7;
        while (at < size && strchr(" \t\r\n", data[at]) && data[at])
            at++;
        if (at < size && data[at] == ',')
            return true;
    }
    return false;
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
    struct judge j = judge(data + 1, size - 1, eof);
    if (j.done && size < HTTP1_HEAD_MAX && j.status != 101 && !judge_errs(data, size)) {
        need(whole.state == HTTP1_DONE, "refused, though it keeps to the grammar");
        need(whole.status == j.status, "another status than it has");
        need(whole.body_bytes == j.body_bytes, "other content than it has");
    }
    return 0;
}
