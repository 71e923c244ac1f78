#include "server/server_conn.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "server/server_h2.h"

#define READS_MAX 16             /* per turn: a fast sender must not starve the others */
#define READ_MIN 1024u           /* minimum room offered to a read */
#define OUT_MAX (64u << 20)      /* whole responses are copied: larger ones must be streamed */
#define LINGER_BYTES (16u << 20) /* maximum input read and dropped after an early answer, */
#define LINGER_CALMED (1u << 20) /* and after a flood */

/* What each phase waits for, for regulars; CONN_H2 depends on its streams (wanted_wait). */
static const struct {
    const char *name;
    enum wait wait;
    const char *too_late; /* text of the 408 when the deadline passes; NULL: closed without an answer */
} phases[] = {
    [CONN_HANDSHAKE] = {"handshake", WAIT_HEAD, NULL},
    [CONN_HEAD] = {"head", WAIT_HEAD, "The request head took too long"},
    [CONN_IDLE] = {"idle", WAIT_IDLE, NULL},
    [CONN_BODY] = {"body", WAIT_BODY, "The request body took too long"},
    [CONN_BUSY] = {"busy", WAIT_NONE, NULL},
    [CONN_H2] = {"http2", WAIT_NONE, NULL},
    [CONN_LINGER] = {"linger", WAIT_LINGER, NULL},
    [CONN_CLOSED] = {"closed", WAIT_NONE, NULL},
};

static void on_poll(uv_poll_t *poll, int status, int events);

/* ---- waiting ---- */

/*
 * Shortens the wait of a stranger's connection; but not of a stranger's request on a regular's connection (a
 * proxy's).
 */
static enum wait of_strangers(const struct server_conn *c, enum wait wait)
{
    if (wait == WAIT_IDLE)
        return c->known ? WAIT_IDLE : WAIT_STRANGER_IDLE;
    bool known = wait == WAIT_BODY ? c->req && c->req->known : c->known;
    return known || (wait != WAIT_HEAD && wait != WAIT_BODY) ? wait : WAIT_STRANGER;
}

static enum wait wanted_wait(const struct server_conn *c)
{
    if (c->phase == CONN_LINGER || c->phase == CONN_CLOSED)
        return phases[c->phase].wait;
    /* No request yet: answered PINGs must not postpone the end. */
    if (c->phase == CONN_H2 && !c->known && !c->used)
        return WAIT_STRANGER;
    if (c->phase == CONN_H2 && h2_calmed(c->h2)) /* not for a client that ignores what it is told */
        return WAIT_LINGER;
    if (buf_len(&c->out) > 0)
        return WAIT_WRITE;
    if (c->phase != CONN_H2)
        return of_strangers(c, phases[c->phase].wait);
    /* Streams have their own deadlines. */
    if (h2_in_head(c->h2))
        return of_strangers(c, WAIT_HEAD);
    return h2_open_streams(c->h2) == 0 ? of_strangers(c, WAIT_IDLE) : WAIT_NONE;
}

static int wanted_events(const struct server_conn *c)
{
    if (c->phase == CONN_CLOSED)
        return 0;
    int events = 0;
    bool full = c->phase == CONN_BUSY && c->in.tail == c->in.alloc;
    bool behind = c->phase != CONN_LINGER && buf_len(&c->out) >= SERVER_OUT_HIGH;
    if (!c->read_closed && !full && !behind)
        events |= UV_READABLE;
    if (buf_len(&c->out) > 0 || c->handshake_writes)
        events |= UV_WRITABLE;
    /* Nothing to wait for, but a reset must still be noticed; errors are reported with any event. */
    return events ? events : UV_PRIORITIZED;
}

static void rearm(struct server_conn *c)
{
    if (c->phase == CONN_CLOSED)
        return;
    enum wait wait = wanted_wait(c);
    if (wait != c->deadline.wait || (wait == WAIT_WRITE && c->written >= SERVER_PROGRESS_MIN)) {
        c->written = 0;
        server_wait(c->server, &c->deadline, wait);
    }
    int events = wanted_events(c);
    if (events == UV_PRIORITIZED && c->deaf)
        events = 0;
    if (events == c->watching)
        return;
    c->watching = events;
    int e = events ? uv_poll_start(&c->poll, events, on_poll) : uv_poll_stop(&c->poll);
    if (e != 0)
        server_conn_close(c);
}

void server_conn_dirty(struct server_conn *c)
{
    if (!list_linked(&c->dirty) && c->phase != CONN_CLOSED)
        list_push_back(&c->server->dirty, &c->dirty);
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle)
{
    struct server_conn *c = handle->data;
    struct server *s = c->server;
    mem_free(c);
    s->events->handle_closed(s);
}

void server_conn_drop(struct server_conn *c, struct server_request *r)
{
    if (r == c->req) {
        /* The handler may still be reading: the request takes the bytes over. */
        r->text = c->in;
        c->in = (struct buf){.max = c->in.max};
        c->req = NULL;
    }
    server_request_abort(r);
}

void server_conn_close(struct server_conn *c)
{
    if (c->phase == CONN_CLOSED)
        return;
    if (c->running) {
        c->doomed = true;
        return;
    }
    struct server *s = c->server;
    c->phase = CONN_CLOSED;
    c->running = true; /* handlers told about the end must not re-enter */
    server_wait(s, &c->deadline, WAIT_NONE);
    list_remove(&c->dirty);
    list_remove(&c->link);
    door_leave(c);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    while (!list_empty(&c->requests))
        server_conn_drop(c, list_entry(c->requests.next, struct server_request, link));
    h2_free(c->h2);
    c->h2 = NULL;
    server_give_back(s, &c->in);
    server_give_back(s, &c->out);
    transport_deinit(&c->t);
    s->events->gone(s);
}

void server_conn_doom(struct server_conn *c)
{
    c->doomed = true;
    server_conn_dirty(c);
}

bool server_conn_owes(const struct server_conn *c)
{
    for (const struct list *i = c->requests.next; i != &c->requests; i = i->next)
        if (server_request_owed(list_entry(i, struct server_request, link)))
            return true;
    return false;
}

static void say_goodbye(struct server_conn *c)
{
    if (c->phase != CONN_HANDSHAKE)
        transport_shutdown(&c->t);
    server_conn_close(c);
}

static void linger(struct server_conn *c)
{
    if (c->read_closed) {
        say_goodbye(c);
        return;
    }
    c->close_after_out = false;
    c->phase = CONN_LINGER;
    if (!c->req) /* an answer to a head: decide about the body */
        server_give_back(c->server, &c->in);
    transport_shutdown(&c->t);
}

/* ---- writing ---- */

void server_conn_flush(struct server_conn *c)
{
    bool wrote = false;
    while (buf_len(&c->out) > 0 && !c->doomed) {
        size_t n = 0;
        struct span s = buf_span(&c->out);
        enum io io = transport_write(&c->t, s.ptr, s.len, &n);
        if (io == IO_WANT_READ || io == IO_WANT_WRITE)
            break;
        if (io != IO_OK) {
            server_conn_doom(c);
            return;
        }
        buf_consume(&c->out, n);
        c->written += n;
        wrote = true;
    }
    if (buf_len(&c->out) == 0)
        server_give_back(c->server, &c->out);
    if (wrote && server_conn_is_h1(c) && c->req && buf_len(&c->out) < SERVER_OUT_HIGH / 2)
        server_request_drained(c->req);
    /* Input in our buffer or inside TLS makes no descriptor readable. */
    if (c->held && buf_len(&c->out) < SERVER_OUT_HIGH) {
        c->held = false;
        server_conn_dirty(c);
    }
    if (!c->running)
        rearm(c);
}

/* ---- reading ---- */

/* Where the next bytes are read to; len 0: nowhere now. */
static struct span room_for_input(struct server_conn *c, bool *scratch)
{
    *scratch = !server_conn_is_h1(c);
    if (*scratch)
        return (struct span){c->server->scratch, SERVER_SCRATCH};
    if (c->phase != CONN_BUSY) {
        server_lend(c->server, &c->in);
        size_t want = c->req ? h1_missing(&c->h1, &c->in, &c->req->head) : 0;
        want = want < READ_MIN ? READ_MIN : want > SERVER_SCRATCH ? SERVER_SCRATCH : want;
        if (c->in.alloc - c->in.tail < want && buf_reserve(&c->in, want) != ERR_NONE) {
            server_conn_doom(c);
            return (struct span){NULL, 0};
        }
    }
    /* While the handler has a request its bytes must not move: use only the existing room. */
    if (!c->in.data)
        return (struct span){NULL, 0};
    return (struct span){c->in.data + c->in.tail, c->in.alloc - c->in.tail};
}

static void take_input(struct server_conn *c, const char *p, size_t len, bool scratch)
{
    if (!scratch) {
        c->in.tail += len;
        if (c->phase != CONN_BUSY)
            server_conn_h1_run(c);
    } else if (c->phase == CONN_H2) {
        if (!c->h2_over)
            server_conn_h2_take(c, p, len);
    } else {
        c->lingered += len;
        if (c->lingered > (c->h2 && h2_calmed(c->h2) ? LINGER_CALMED : LINGER_BYTES))
            server_conn_doom(c);
    }
}

static void input_ended(struct server_conn *c)
{
    c->read_closed = true;
    if (server_conn_is_h1(c) && c->phase != CONN_BUSY)
        server_conn_h1_run(c);
    else if (!server_conn_is_h1(c))
        server_conn_doom(c);
}

static void read_input(struct server_conn *c)
{
    for (int i = 0; i < READS_MAX && !c->doomed && !c->read_closed; i++) {
        if (c->phase != CONN_LINGER && buf_len(&c->out) >= SERVER_OUT_HIGH) {
            c->held = true;
            return;
        }
        bool scratch;
        struct span room = room_for_input(c, &scratch);
        if (room.len == 0)
            return;
        size_t n = 0;
        enum io io = transport_read(&c->t, (char *)(uintptr_t)room.ptr, room.len, &n);
        if (io == IO_WANT_READ || io == IO_WANT_WRITE)
            return;
        if (io == IO_EOF) {
            input_ended(c);
            return;
        }
        if (io != IO_OK) {
            server_conn_doom(c);
            return;
        }
        take_input(c, room.ptr, n, scratch);
        if (n < room.len && !transport_pending(&c->t))
            return;
    }
    if (!c->doomed && !c->read_closed && transport_pending(&c->t))
        server_conn_dirty(c);
}

static void handshake(struct server_conn *c)
{
    enum io io = transport_handshake(&c->t);
    if (c->t.raw_out > 0) /* there is an answer to what it sent */
        door_hear(c);
    c->handshake_writes = io == IO_WANT_WRITE;
    if (io == IO_WANT_READ || io == IO_WANT_WRITE)
        return;
    if (io != IO_OK) {
        server_conn_doom(c);
        return;
    }
    const unsigned char *name = NULL;
    unsigned len = 0;
    if (c->t.ssl)
        SSL_get0_alpn_selected(c->t.ssl, &name, &len);
    c->phase = CONN_HEAD;
    if (len == 2 && memcmp(name, "h2", 2) == 0)
        server_conn_h2_begin(c);
}

/* Called at the end of everything that happens to a connection. */
static void settle(struct server_conn *c)
{
    if (!c->doomed && c->phase == CONN_H2 && buf_len(&c->out) == 0)
        server_conn_h2_run(c);
    if (!c->doomed && buf_len(&c->out) > 0)
        server_conn_flush(c);
    if (!c->doomed && c->close_after_out && buf_len(&c->out) == 0)
        linger(c);
    c->running = false;
    if (c->doomed)
        server_conn_close(c);
    if (c->phase != CONN_CLOSED && server_conn_is_h1(c) && !c->req && buf_len(&c->in) == 0)
        server_give_back(c->server, &c->in);
    rearm(c);
}

void server_conn_run(struct server_conn *c)
{
    if (c->phase == CONN_CLOSED || c->running)
        return;
    c->running = true;
    if (!c->doomed && server_conn_is_h1(c) && c->phase != CONN_BUSY &&
        (buf_len(&c->in) > 0 || c->read_closed))
        server_conn_h1_run(c);
    if (!c->doomed && transport_pending(&c->t) && c->phase != CONN_HANDSHAKE)
        read_input(c);
    settle(c);
}

static void take_what_is_there(struct server_conn *c)
{
    if (!c->doomed && c->phase == CONN_HANDSHAKE)
        handshake(c);
    if (!c->doomed && c->phase != CONN_HANDSHAKE)
        read_input(c);
    if (!c->doomed && server_conn_is_h1(c) && c->phase != CONN_BUSY && buf_len(&c->in) > 0)
        server_conn_h1_run(c);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct server_conn *c = poll->data;
    if (c->phase == CONN_CLOSED)
        return;
    c->running = true;
    if (status < 0) {
        server_conn_doom(c);
    } else if (events & UV_PRIORITIZED) {
        char byte;
        /* A reset, or unexpected urgent data: nothing to listen to until the answer. */
        if (recv(c->t.fd, &byte, 1, MSG_PEEK) < 0 && errno != EAGAIN && errno != EINTR)
            server_conn_doom(c);
        else
            c->deaf = true;
    } else {
        if (buf_len(&c->out) > 0)
            server_conn_flush(c);
        take_what_is_there(c);
    }
    settle(c);
}

void server_conn_hear_out(struct server_conn *c)
{
    if (c->phase == CONN_CLOSED || c->running)
        return;
    c->running = true;
    take_what_is_there(c);
    settle(c);
}

/* ---- the rest ---- */

void server_conn_timeout(struct server_conn *c)
{
    c->running = true;
    bool refuse =
        phases[c->phase].too_late && c->deadline.wait != WAIT_WRITE && c->req && h1_begun(&c->h1, &c->in);
    bool idle = c->deadline.wait == WAIT_IDLE || c->deadline.wait == WAIT_STRANGER_IDLE;
    if (!idle && c->phase != CONN_LINGER)
        c->server->stats.timeouts_total++;
    server_wait(c->server, &c->deadline, WAIT_NONE);
    if (refuse) {
        server_conn_h1_refuse(c, (struct server_refusal){408, phases[c->phase].too_late, NULL});
    } else if (c->phase == CONN_H2 && buf_len(&c->out) == 0 && !c->close_after_out) {
        server_conn_h2_end(c);
    } else {
        if (c->phase != CONN_HANDSHAKE && buf_len(&c->out) == 0)
            transport_shutdown(&c->t);
        server_conn_doom(c);
    }
    settle(c);
}

void server_conn_drain(struct server_conn *c, bool last)
{
    if (c->phase == CONN_CLOSED)
        return;
    if (c->phase == CONN_H2) {
        h2_goaway(c->h2, last);
        server_conn_dirty(c);
    } else if (!last && !c->running && (c->phase == CONN_IDLE || c->phase == CONN_HEAD) && !c->req &&
               buf_len(&c->out) == 0) {
        c->close_after_out = true;
        server_conn_dirty(c);
    }
}

void server_conn_open(struct server *s, int fd, const struct sockaddr *peer)
{
    struct server_conn *c = mem_zero(1, sizeof(*c));
    if (!c || transport_init_server(&c->t, fd, s->tls ? server_tls_ctx(s->tls) : NULL) != ERR_NONE) {
        mem_free(c);
        (void)close(fd);
        s->stats.accept_failed_total++;
        return;
    }
    c->server = s;
    memcpy(&c->peer, peer, address_len(peer));
    if (door_enter(c) != ERR_NONE || uv_poll_init(s->loop, &c->poll, fd) != 0) {
        door_leave(c);
        transport_deinit(&c->t);
        mem_free(c);
        s->stats.accept_failed_total++;
        return;
    }
    s->handles++;
    c->poll.data = c;
    list_init(&c->requests);
    list_push_back(&s->conns, &c->link);
    buf_init(&c->in, (size_t)s->limits.head_max + s->limits.body_max + 2 * SERVER_SCRATCH);
    buf_init(&c->out, OUT_MAX);
    c->phase = s->tls ? CONN_HANDSHAKE : CONN_HEAD;
    s->stats.connections_open++;
    /* Most have already sent a request, and may become regulars before their place is needed. */
    server_conn_hear_out(c);
}
