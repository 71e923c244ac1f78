/* A connection that speaks HTTP/1: one request at a time; the next one waits in the buffer. */
#include <string.h>

#include "server/server_conn.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* RFC 9113 3.4 */
#define PREFACE_LEN (sizeof(preface) - 1)

static void say(struct server_conn *c, struct span text)
{
    server_lend(c->server, &c->out);
    if (buf_add_span(&c->out, text) != ERR_NONE)
        server_conn_doom(c);
}

void server_conn_answered(struct server_conn *c)
{
    struct server_request *r = c->req;
    bool close = r->close;
    c->req = NULL;
    server_request_free(r);
    if (close || c->h1.used == 0) {
        c->close_after_out = true;
        c->phase = CONN_BUSY; /* no further input is parsed as a request */
    } else {
        buf_consume(&c->in, c->h1.used);
        c->phase = buf_len(&c->in) > 0 ? CONN_HEAD : CONN_IDLE;
    }
    server_wait(c->server, &c->deadline, WAIT_NONE);
    if (buf_len(&c->in) == 0)
        server_give_back(c->server, &c->in);
    if (c->running)
        return;
    server_conn_flush(c);
    if (c->close_after_out || c->read_closed || buf_len(&c->in) > 0 || transport_pending(&c->t))
        server_conn_dirty(c);
}

void server_conn_h1_refuse(struct server_conn *c, struct server_refusal refusal)
{
    struct server_request *r = c->req;
    r->base = buf_span(&c->in).ptr;
    if (!c->h1.head_done) /* a refused head has no usable method or target */
        server_head_clear(&r->head);
    if (r->sinking)
        c->phase = CONN_BUSY; /* nothing after it can be understood */
    server_request_refuse(r, &refusal);
}

static void h1_head(struct server_conn *c)
{
    struct server_request *r = c->req;
    r->base = buf_span(&c->in).ptr;
    /* A request without a body is complete: answering its head may keep the connection. */
    if (!r->head.chunked && r->head.content_length == 0)
        c->h1.used = c->h1.head_len;
    c->phase = CONN_BODY;
    server_request_head(r); /* may hold it: CONN_BUSY */
    if (c->req == r)
        c->h1.body_max = r->body_max;
}

static void h1_piece(struct server_conn *c)
{
    struct server_request *r = c->req;
    r->base = buf_span(&c->in).ptr;
    server_request_sink(r, (struct span){r->base + c->h1.body_at, c->h1.body_len});
    h1_taken(&c->h1, &c->in);
    if (r->sink_full)
        c->phase = CONN_BUSY;
}

static void h1_request(struct server_conn *c)
{
    struct server_request *r = c->req;
    if (r->sinking) {
        r->base = buf_span(&c->in).ptr;
        c->phase = CONN_BUSY;
        server_request_sink_end(r);
        return;
    }
    r->base = buf_span(&c->in).ptr;
    r->body_at = c->h1.body_at;
    r->body_len = c->h1.body_len;
    c->phase = CONN_BUSY;
    server_wait(c->server, &c->deadline, WAIT_NONE);
    server_request_dispatch(r);
}

/* The request is incomplete. */
static void h1_more(struct server_conn *c)
{
    struct server_request *r = c->req;
    if (c->read_closed) {
        c->close_after_out = true;
        return;
    }
    if (!c->h1.head_done) {
        c->phase = CONN_HEAD;
        return;
    }
    if (r->head.expect_continue) {
        /* Not if the body is already arriving (RFC 9110 10.1.1). */
        if (buf_len(&c->in) == c->h1.head_len)
            say(c, SPAN_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
        r->head.expect_continue = false;
    }
    size_t held = buf_len(&c->in);
    if (held > r->charged && !server_charge(r, held - r->charged))
        server_conn_h1_refuse(
            c, (struct server_refusal){503, "Too many request bodies wait already; try again later", NULL});
}

static bool h1_step_once(struct server_conn *c)
{
    if (!c->req) {
        if (buf_len(&c->in) == 0) {
            c->close_after_out = c->close_after_out || c->read_closed;
            return false;
        }
        c->req = server_request_new(c->server, c, 0);
        if (!c->req) {
            server_conn_doom(c);
            return false;
        }
        h1_init(&c->h1, &c->server->h1_limits);
    }
    switch (h1_step(&c->h1, &c->in, &c->req->head)) {
    case H1_HEAD:
        h1_head(c);
        return true;
    case H1_PIECE:
        h1_piece(c);
        return true;
    case H1_REQUEST:
        h1_request(c);
        return true;
    case H1_REFUSE:
        server_conn_h1_refuse(c, c->h1.refusal);
        return false;
    case H1_MORE:
    default:
        h1_more(c);
        return false;
    }
}

/* Clear text only: whether the first bytes announce HTTP/2. No request starts with them. */
static bool looks_like_h2(struct server_conn *c, bool *all)
{
    struct span s = buf_span(&c->in);
    size_t n = s.len < PREFACE_LEN ? s.len : PREFACE_LEN;
    *all = n == PREFACE_LEN;
    return !c->used && !c->t.ssl && memcmp(s.ptr, preface, n) == 0;
}

void server_conn_h1_run(struct server_conn *c)
{
    bool all;
    if (looks_like_h2(c, &all)) {
        if (!all) {
            c->close_after_out = c->read_closed;
            return;
        }
        server_conn_h2_begin(c);
        struct buf in = c->in;
        c->in = (struct buf){.max = in.max};
        if (c->h2)
            server_conn_h2_take(c, buf_span(&in).ptr, buf_len(&in));
        server_give_back(c->server, &in);
        return;
    }
    c->used = true;
    while (server_conn_is_h1(c) && c->phase != CONN_BUSY && !c->close_after_out && !c->doomed) {
        if (buf_len(&c->out) >= SERVER_OUT_HIGH) {
            /* Many short requests in one read: their answers must be sent before more are made. */
            server_conn_flush(c);
            if (buf_len(&c->out) >= SERVER_OUT_HIGH) {
                c->held = true;
                break;
            }
        }
        if (!h1_step_once(c))
            break;
    }
}
