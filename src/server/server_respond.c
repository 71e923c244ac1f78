/* Answers a request, whole or in pieces, over either protocol. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "server/server_conn.h"

/* ---- answering ---- */

/* Fields that the server sends itself, or that frame a message (RFC 9110 7.6.1). */
static bool header_is_ours(struct span name)
{
    static const struct span ours[] = {
        {"content-length", 14},    {"date", 4},        {"connection", 10}, {"transfer-encoding", 17},
        {"x-line-request-id", 17}, {"keep-alive", 10}, {"upgrade", 7},     {"proxy-connection", 16},
    };
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (span_eq_nocase(name, ours[i]))
            return true;
    return false;
}

static bool header_is_clean(const struct server_header_out *h)
{
    for (const char *p = h->value; *p; p++)
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
            return false;
    struct span name = span_of(h->name);
    return server_head_is_token(name) && !header_is_ours(name);
}

static size_t clean_headers(const struct server_header_out *headers, size_t count,
                            struct server_header_out out[SERVER_HEADERS_OUT_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < count && n < SERVER_HEADERS_OUT_MAX; i++)
        if (header_is_clean(&headers[i]))
            out[n++] = headers[i];
    return n;
}

struct cursor {
    char *p;
};

static void put(struct cursor *c, const char *s, size_t len)
{
    memcpy(c->p, s, len);
    c->p += len;
}
#define PUT_LIT(c, s) put(c, s, sizeof(s) - 1)

static void put_number(struct cursor *c, uint64_t n)
{
    char digits[20];
    size_t i = sizeof(digits);
    do
        digits[--i] = (char)('0' + n % 10);
    while (n /= 10);
    put(c, digits + i, sizeof(digits) - i);
}

#define HEAD_FIXED 320 /* maximum length of the status line and our own fields */

/* Writes the head and the body after it in one go. length SIZE_MAX: unknown. */
static enum err h1_put_response(struct server_request *r, int status, const struct server_header_out *headers,
                                size_t count, size_t length, struct span body)
{
    struct buf *out = &r->conn->out;
    size_t need = HEAD_FIXED + body.len;
    for (size_t i = 0; i < count; i++)
        need += strlen(headers[i].name) + strlen(headers[i].value) + 4;
    enum err e = buf_reserve(out, need);
    if (e)
        return e;
    struct cursor c = {out->data + out->tail};
    const char *text = server_head_status_text(status);
    PUT_LIT(&c, "HTTP/1.1 ");
    put_number(&c, (uint64_t)status);
    PUT_LIT(&c, " ");
    put(&c, text, strlen(text));
    PUT_LIT(&c, "\r\ndate: ");
    put(&c, server_date(r->server), 29);
    PUT_LIT(&c, "\r\nx-line-request-id: ");
    put(&c, server_request_id(r), 36);
    if (length != SIZE_MAX) {
        PUT_LIT(&c, "\r\ncontent-length: ");
        put_number(&c, length);
    } else if (r->chunked) {
        PUT_LIT(&c, "\r\ntransfer-encoding: chunked");
    }
    if (r->close)
        PUT_LIT(&c, "\r\nconnection: close");
    PUT_LIT(&c, "\r\n");
    for (size_t i = 0; i < count; i++) {
        put(&c, headers[i].name, strlen(headers[i].name));
        PUT_LIT(&c, ": ");
        put(&c, headers[i].value, strlen(headers[i].value));
        PUT_LIT(&c, "\r\n");
    }
    PUT_LIT(&c, "\r\n");
    if (body.len)
        put(&c, body.ptr, body.len);
    out->tail = (size_t)(c.p - out->data);
    return ERR_NONE;
}

static bool status_has_length(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* Shared by whole and streamed answers. False: the client is gone. */
static bool answer_begins(struct server_request *r, int status)
{
    assert(!r->answered && status >= 200 && status <= 599);
    if (!r->conn)
        return false;
    r->answered = true;
    struct span method = server_part_span(r->base, r->head.method);
    r->no_body = !status_has_length(status) || (r->head.http && span_eq(method, SPAN_LIT("HEAD")));
    if (!r->stream) {
        bool unread = r->sinking ? !r->sink_over
                                 : !r->dispatched && (r->head.chunked ||
                                                      (r->head.has_length && r->head.content_length > 0));
        r->close = r->close || !r->head.keep_alive || r->server->draining || unread;
    }
    server_wait(r->server, &r->deadline, r->stream ? WAIT_WRITE : WAIT_NONE);
    (void)server_request_id(r);
    return true;
}

static void h2_answer(struct server_request *r, int status, const struct server_header_out *headers,
                      size_t count, const char *length)
{
    struct server_conn *c = r->conn;
    if (h2_respond(c->h2, r, status, headers, count, server_date(r->server), length) != ERR_NONE)
        h2_reset(c->h2, r);
    server_conn_dirty(c);
}

void server_respond(struct server_request *r, int status, const struct server_header_out *headers,
                    size_t count, struct span body)
{
    if (!answer_begins(r, status)) {
        server_request_free(r);
        return;
    }
    struct server_conn *c = r->conn;
    struct server_header_out clean[SERVER_HEADERS_OUT_MAX];
    count = clean_headers(headers, count, clean);
    size_t length = status_has_length(status) ? body.len : SIZE_MAX;
    if (r->no_body)
        body.len = 0;
    if (!r->stream) {
        if (h1_put_response(r, status, clean, count, length, body) != ERR_NONE)
            server_conn_close(c);
        else
            server_conn_answered(c);
        return;
    }
    r->ended = true;
    if (buf_add_span(&r->out, body) != ERR_NONE) {
        h2_reset(c->h2, r);
        server_conn_dirty(c);
        return;
    }
    c->queued += body.len;
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%zu", length);
    h2_answer(r, status, clean, count, length == SIZE_MAX ? NULL : digits);
    server_request_spent(r);
}

/* ---- answering in pieces ---- */

void server_respond_begin(struct server_request *r, int status, const struct server_header_out *headers,
                          size_t count, void (*on_drain)(void *arg), void *arg)
{
    r->streaming = true;
    r->on_drain = on_drain;
    r->drain_arg = arg;
    if (!answer_begins(r, status)) {
        r->answered = true;
        return;
    }
    struct server_conn *c = r->conn;
    struct server_header_out clean[SERVER_HEADERS_OUT_MAX];
    count = clean_headers(headers, count, clean);
    if (r->stream) {
        h2_answer(r, status, clean, count, NULL);
        return;
    }
    /* HTTP/1.0 has no chunks: the body ends with the connection. */
    r->chunked = r->head.http == 11 && !r->no_body;
    r->close = r->close || r->head.http != 11;
    c->phase = CONN_BUSY;
    if (h1_put_response(r, status, clean, count, SIZE_MAX, (struct span){NULL, 0}) != ERR_NONE)
        server_conn_close(c);
    else
        server_conn_flush(c);
}

static enum err h1_put_piece(struct server_request *r, struct span piece)
{
    struct buf *out = &r->conn->out;
    if (!r->chunked)
        return buf_add_span(out, piece);
    enum err e = buf_reserve(out, piece.len + 24);
    if (!e)
        e = buf_printf(out, "%zx\r\n", piece.len);
    if (!e)
        e = buf_add_span(out, piece);
    if (!e)
        e = buf_add(out, "\r\n", 2);
    return e;
}

enum err server_respond_write(struct server_request *r, struct span piece)
{
    assert(r->streaming && !r->ended);
    struct server_conn *c = r->conn;
    if (!c || c->doomed)
        return ERR_CLOSED;
    if (r->no_body || piece.len == 0)
        return ERR_NONE;
    struct buf *out = r->stream ? &r->out : &c->out;
    if (buf_len(out) >= SERVER_OUT_HIGH) {
        r->want_drain = true;
        return ERR_BUSY;
    }
    enum err e = r->stream ? buf_add_span(out, piece) : h1_put_piece(r, piece);
    if (e)
        return e == ERR_LIMIT ? ERR_BUSY : e;
    if (!r->stream) {
        server_conn_flush(c);
        return ERR_NONE;
    }
    c->queued += piece.len;
    if (r->deadline.wait == WAIT_NONE)
        server_wait(r->server, &r->deadline, WAIT_WRITE);
    h2_resume(c->h2, r);
    server_conn_dirty(c);
    return ERR_NONE;
}

void server_respond_end(struct server_request *r, bool complete)
{
    assert(r->streaming && !r->ended);
    struct server_conn *c = r->conn;
    r->ended = true;
    r->want_drain = false;
    if (!c) {
        server_request_free(r);
        return;
    }
    r->broken = r->broken || !complete;
    if (r->stream) {
        if (r->deadline.wait == WAIT_NONE)
            server_wait(r->server, &r->deadline, WAIT_WRITE);
        h2_resume(c->h2, r);
        server_conn_dirty(c);
        return;
    }
    if (r->broken)
        r->close = true;
    else if (r->chunked && buf_add(&c->out, "0\r\n\r\n", 5) != ERR_NONE)
        r->close = true;
    server_conn_answered(c);
}

/* ---- what else is said of a request ---- */

void server_respond_refusal(struct server_request *r, const struct server_refusal *refusal)
{
    static const struct server_header_out type = {"content-type", "application/json"};
    char body[512];
    size_t len = server_head_refusal_body(refusal, body);
    r->server->stats.rejected_total++;
    r->close = true;
    server_respond(r, refusal->status, &type, 1, (struct span){body, len});
}

void server_go_on(struct server_request *r)
{
    r->held = false;
    struct server_conn *c = r->conn;
    if (!c) {
        server_request_free(r);
        return;
    }
    if (r->stream)
        server_conn_h2_go_on(c, r);
    else
        c->phase = CONN_BODY;
    server_conn_dirty(c);
}

/* ---- a body in pieces ---- */

/* Tells the sink what has arrived already; true: it takes more. */
static bool sink_gathered(struct server_request *r, struct span body)
{
    if (body.len && !r->sink_full)
        server_request_sink(r, body);
    return !r->sink_full;
}

void server_body_begin(struct server_request *r, const struct server_sink *sink)
{
    struct server_conn *c = r->conn;
    bool whole = r->dispatched;
    r->sink = *sink;
    r->sinking = r->dispatched = true;
    r->held = false;
    if (whole) {
        r->sink_over = true;
        if (sink_gathered(r, server_body(r)))
            sink->end(sink->arg);
    } else if (c && r->stream) {
        server_conn_h2_sink(c, r);
    } else if (c) {
        c->h1.streamed = true;
        c->phase = CONN_BODY;
        server_conn_dirty(c);
    } else if (r->on_abort) {
        r->on_abort(r->abort_arg);
    }
}

void server_body_more(struct server_request *r)
{
    struct server_conn *c = r->conn;
    if (!r->sink_full)
        return;
    r->sink_full = false;
    if (r->sink_over) {
        r->sink.end(r->sink.arg);
    } else if (c && r->stream) {
        server_conn_h2_sink(c, r);
    } else if (c) {
        c->phase = CONN_BODY;
        server_conn_dirty(c);
    }
}
