/* A connection that speaks HTTP/2: what the session has to say to its host. */
#include "net/server_conn.h"

static struct server_request *on_h2_begin(void *arg, int32_t stream)
{
    struct server_conn *c = arg;
    server_wait(c->server, &c->deadline, WAIT_NONE);
    return server_request_new(c->server, c, stream);
}

static void on_h2_head(void *arg, struct server_request *r)
{
    struct server_conn *c = arg;
    server_request_head(r);
    if (!r->answered && !r->remote_done)
        server_wait(c->server, &r->deadline, WAIT_BODY);
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
    if (r->refusal.status)
        server_request_refuse(r, &r->refusal);
    else
        server_request_dispatch(r);
}

static void on_h2_gone(void *arg, struct server_request *r)
{
    server_conn_drop(arg, r);
}

static void on_h2_sent(void *arg, struct server_request *r)
{
    struct server_conn *c = arg;
    server_wait(c->server, &r->deadline, buf_len(&r->out) > 0 || r->ended ? WAIT_WRITE : WAIT_NONE);
    if (buf_len(&r->out) < SERVER_OUT_HIGH / 2)
        server_request_drained(r);
}

static uint64_t on_h2_now(void *arg)
{
    return server_now_us(((struct server_conn *)arg)->server);
}

void server_conn_h2_begin(struct server_conn *c)
{
    c->h2_host = (struct h2_host){on_h2_begin, on_h2_head, on_h2_charge, on_h2_request,
                                  on_h2_gone,  on_h2_sent, on_h2_now,    c};
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

/* Writes what the session has, as long as the socket takes it. */
void server_conn_h2_run(struct server_conn *c)
{
    do {
        server_lend(c->server, &c->out);
        if (h2_output(c->h2, &c->out, SERVER_OUT_HIGH) != ERR_NONE) {
            server_conn_doom(c);
            return;
        }
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
