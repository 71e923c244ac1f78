/* A connection that speaks HTTP/2: implements the callbacks of the session's host. */
#include "server/server_conn.h"

/* Bytes of answers queued for the peer; beyond this, requests wait to be dispatched. */
#define QUEUED_MAX (1u << 20)
/*
 * Per connection without an authenticated caller: requests whose bodies have not arrived. No console has as
 * many.
 */
#define STRANGE_BODIES_MAX 8u
/* All strangers' connections together: beyond this, each gets only that many at once. */
#define STRANGE_REQUESTS_MAX 4096u
#define STRANGE_REQUESTS_LEAST 8u

/* ---- requests ---- */

static unsigned requests_of(const struct server_conn *c, bool waiting_only)
{
    unsigned n = 0;
    for (const struct list *i = c->requests.next; i != &c->requests; i = i->next) {
        const struct server_request *r = list_entry(i, struct server_request, link);
        n += !waiting_only || (!r->known && !r->remote_done && !r->answered);
    }
    return n;
}

static struct server_request *on_h2_begin(void *arg, int32_t stream)
{
    struct server_conn *c = arg;
    struct server *s = c->server;
    if (!c->known && s->strange_requests >= STRANGE_REQUESTS_MAX &&
        requests_of(c, false) >= STRANGE_REQUESTS_LEAST)
        return NULL;
    c->used = true;
    server_wait(s, &c->deadline, WAIT_NONE);
    return server_request_new(s, c, stream);
}

static void on_h2_head(void *arg, struct server_request *r)
{
    struct server_conn *c = arg;
    server_request_head(r);
    if (r->answered || r->held || r->sinking || r->remote_done)
        return;
    if (!r->known && requests_of(c, true) > STRANGE_BODIES_MAX)
        r->refusal = (struct server_refusal){503, "Too many requests wait for their bodies already", NULL};
    server_wait(c->server, &r->deadline, r->known ? WAIT_BODY : WAIT_STRANGER);
}

static bool on_h2_charge(void *arg, struct server_request *r, size_t len)
{
    (void)arg;
    return server_charge(r, len);
}

static void on_h2_request(void *arg, struct server_request *r)
{
    struct server_conn *c = arg;
    server_wait(c->server, &r->deadline, WAIT_NONE);
    r->base = buf_span(&r->text).ptr;
    if (r->refusal.status) {
        server_request_refuse(r, &r->refusal);
    } else if (c->queued >= QUEUED_MAX) {
        r->put_off = true;
        c->put_off++;
    } else {
        server_request_dispatch(r);
    }
}

/* Dispatches requests whose turn it is, in order of arrival. */
static void dispatch_put_off(struct server_conn *c)
{
    for (struct list *i = c->requests.next, *next; c->put_off > 0 && c->queued < QUEUED_MAX; i = next) {
        struct server_request *r = list_entry(i, struct server_request, link);
        next = i->next;
        if (!r->put_off)
            continue;
        r->put_off = false;
        c->put_off--;
        server_request_dispatch(r);
    }
}

void server_conn_h2_go_on(struct server_conn *c, struct server_request *r)
{
    if (!r->refusal.status && !r->remote_done)
        server_wait(c->server, &r->deadline, r->known ? WAIT_BODY : WAIT_STRANGER);
    if (h2_go_on(c->h2, r) != ERR_NONE)
        server_conn_doom(c);
}

void server_conn_h2_sink(struct server_conn *c, struct server_request *r)
{
    if (!r->remote_done)
        server_wait(c->server, &r->deadline, WAIT_BODY);
    if (h2_sink(c->h2, r) != ERR_NONE)
        server_conn_doom(c);
    server_conn_dirty(c);
}

static void on_h2_piece(void *arg, struct server_request *r, struct span piece)
{
    struct server_conn *c = arg;
    server_request_sink(r, piece);
    if (r->sink_full)
        server_wait(c->server, &r->deadline, WAIT_NONE);
}

static void on_h2_end(void *arg, struct server_request *r)
{
    (void)arg;
    r->base = buf_span(&r->text).ptr;
    server_request_sink_end(r);
}

static void on_h2_gone(void *arg, struct server_request *r)
{
    struct server_conn *c = arg;
    if (r->ended && !r->broken && buf_len(&r->out) == 0)
        c->taken_us = server_now_us(c->server);
    server_conn_drop(c, r);
}

/* ---- answers ---- */

static void on_h2_sent(void *arg, struct server_request *r, size_t len)
{
    struct server_conn *c = arg;
    c->queued -= len;
    r->sent += len;
    bool over = buf_len(&r->out) == 0 && !r->ended;
    if (over || r->deadline.wait != WAIT_WRITE || r->sent >= SERVER_PROGRESS_MIN) {
        if (over || r->sent >= SERVER_PROGRESS_MIN)
            c->taken_us = server_now_us(c->server);
        r->sent = 0;
        server_wait(c->server, &r->deadline, over ? WAIT_NONE : WAIT_WRITE);
    }
    if (buf_len(&r->out) < SERVER_OUT_HIGH / 2)
        server_request_drained(r);
}

void server_conn_h2_unread(struct server_conn *c, struct server_request *r)
{
    struct server *s = c->server;
    if (c->phase != CONN_H2)
        return; /* already over and counted */
    h2_reset(c->h2, r);
    server_conn_dirty(c);
    if (c->close_after_out || server_now_us(s) - c->taken_us < (uint64_t)s->limits.write_timeout_ms * 1000)
        return; /* other answers are read: this one is unwanted, or waits for its turn */
    s->stats.unread_total++;
    server_conn_h2_end(c);
}

/* ---- the connection ---- */

static uint64_t on_h2_now(void *arg)
{
    return server_now_us(((struct server_conn *)arg)->server);
}

void server_conn_h2_begin(struct server_conn *c)
{
    c->h2_host = (struct h2_host){on_h2_begin, on_h2_head, on_h2_charge, on_h2_request, on_h2_piece,
                                  on_h2_end,   on_h2_gone, on_h2_sent,   on_h2_now,     c};
    if (h2_new(&c->h2, &c->h2_host, &c->server->limits) != ERR_NONE) {
        server_conn_doom(c);
        return;
    }
    c->phase = CONN_H2;
    server_conn_dirty(c);
}

void server_conn_h2_take(struct server_conn *c, const char *p, size_t len)
{
    enum err e = h2_input(c->h2, p, len);
    if (e == ERR_NOMEM)
        server_conn_doom(c);
    else if (e)
        c->h2_over = true;
    server_conn_dirty(c);
}

void server_conn_h2_run(struct server_conn *c)
{
    do {
        server_lend(c->server, &c->out);
        if (h2_output(c->h2, &c->out, SERVER_OUT_HIGH) != ERR_NONE) {
            server_conn_doom(c);
            return;
        }
        if (c->put_off > 0 && !c->close_after_out)
            dispatch_put_off(c);
        if (buf_len(&c->out) == 0) {
            server_give_back(c->server, &c->out);
            break;
        }
        server_conn_flush(c);
    } while (buf_len(&c->out) == 0 && !c->doomed);
    if ((c->h2_over || h2_done(c->h2)) && !c->close_after_out) {
        c->server->stats.floods_total += h2_calmed(c->h2);
        c->close_after_out = true;
    }
}

void server_conn_h2_end(struct server_conn *c)
{
    h2_goaway(c->h2, true);
    c->close_after_out = true;
    server_conn_dirty(c);
}
