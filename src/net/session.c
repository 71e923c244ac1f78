/*
 * One connection to an origin. While it opens it walks a table of phases, each with its entry and its budget:
 *
 *     resolve → connect → tls → session → (ready)
 *
 * Then it carries requests, one at a time by HTTP/1 or many streams by HTTP/2. What ends it is told as
 * evidence. Codecs never call out while they hold the read buffer: streams that end are listed and told
 * afterwards.
 */
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/net_private.h"

#define IDLE_H1_MS 4000    /* docs/attribution.md "Transparent retry" */
#define IDLE_MARGIN_MS 250 /* before the server's own Keep-Alive limit */
#define IDLE_H2_MS 30000
#define PACK_LIMIT 65536 /* output gathered before it is written */

static void enter_resolve(struct session *s);
static void enter_connect(struct session *s);
static void enter_tls(struct session *s);
static void enter_session(struct session *s);
static void on_poll(uv_poll_t *poll, int status, int events);
static void session_flush(struct session *s);

static const struct opening_phase {
    void (*enter)(struct session *s);
    enum phase next;
} opening_phases[PHASE_SEND] = {
    [PHASE_RESOLVE] = {enter_resolve, PHASE_CONNECT},
    [PHASE_CONNECT] = {enter_connect, PHASE_TLS},
    [PHASE_TLS] = {enter_tls, PHASE_SESSION},
    [PHASE_SESSION] = {enter_session, PHASE_SEND},
};

/* ---- the end of it ---- */

static void session_free(struct session *s)
{
    struct net *net = s->net;
    mem_free(s);
    net_handle_closed(net);
}

static void on_poll_closed(uv_handle_t *handle)
{
    session_free(handle->data);
}

void session_close(struct session *s)
{
    if (s->closed)
        return;
    s->closed = true;
    struct net *net = s->net;
    timer_disarm(&net->timers, &s->timer);
    if (s->query)
        resolve_cancel(s->query);
    if (s->dial)
        dial_cancel(s->dial);
    s->query = NULL;
    s->dial = NULL;
    list_remove(&s->link);
    net->stats.connections_open--;
    if (s->ready) {
        if (s->http == 20)
            net->stats.sessions_h2--;
        else
            net->stats.sessions_h1--;
        pool_session_closed(s);
    }
    if (s->poll_open)
        uv_close((uv_handle_t *)&s->poll, on_poll_closed);
    http2_free(s->h2);
    s->h2 = NULL;
    if (s->transport.fd >= 0) {
        transport_shutdown(&s->transport);
        transport_deinit(&s->transport);
    }
    buf_deinit(&s->out);
    if (!s->poll_open)
        session_free(s);
}

/* ---- evidence ---- */

static void answer_evidence(enum answer answer, int status, struct evidence *e)
{
    e->answer = answer;
    e->status = answer == ANSWER_HEAD ? status : 0;
}

/* What is known of an exchange on this session right now; x NULL: while opening. ended is the caller's to
 * set. */
void session_evidence(const struct session *s, const struct exchange *x, struct evidence *ret)
{
    struct evidence e = {
        .phase = s->phase,
        .tls = s->origin->https,
        .http = s->http,
        .tls_alert = s->transport.alert,
        .tls13 = s->transport.ssl && SSL_version(s->transport.ssl) == TLS1_3_VERSION,
        .app_data = s->app_data,
        .verify = s->transport.verify,
        .tls_old_version = s->transport.old_version,
        .sys_errno = s->transport.sys_errno,
    };
    if (s->h2) {
        e.settings = http2_settings_seen(s->h2);
        e.goaway = http2_goaway_seen(s->h2, &e.h2_code);
    }
    if (x) {
        e.reused = x->result.reused;
        if (s->http == 20) {
            e.sent = http2_stream_sent(s->h2, &x->stream);
            e.sent_whole = http2_stream_sent_whole(s->h2, &x->stream);
            answer_evidence(x->stream.answer, x->stream.status, &e);
        } else {
            e.sent = s->sent > 0;
            e.sent_whole = s->sent > 0 && buf_len(&s->out) == 0;
            answer_evidence(s->h1.answer, s->h1.status, &e);
        }
        e.phase = e.sent_whole ? PHASE_AWAIT : PHASE_SEND;
    }
    *ret = e;
}

static enum ended ended_of(enum io io)
{
    switch (io) {
    case IO_EOF:
        return ENDED_FIN;
    case IO_RESET:
        return ENDED_RST;
    case IO_NOT_TLS:
        return ENDED_NOT_TLS;
    case IO_ALERT:
        return ENDED_ALERT;
    case IO_TLS:
        return ENDED_TLS_LOCAL;
    case IO_OK:
    case IO_WANT_READ:
    case IO_WANT_WRITE:
    case IO_LOCAL:
        break;
    }
    return ENDED_LOCAL;
}

static enum cause_id local_cause(int sys_errno)
{
    return sys_errno == ENOMEM    ? CAUSE_local_out_of_memory
           : sys_errno == ENOBUFS ? CAUSE_local_buffers
                                  : CAUSE_local_internal;
}

/* How long the phase took so far, for the record. */
static void note_phase_time(struct session *s)
{
    uint32_t us = elapsed_us(s->phase_us, net_now(s->net));
    if (s->phase == PHASE_RESOLVE)
        s->opening.dns_us = us;
    else if (s->phase == PHASE_CONNECT)
        s->opening.connect_us = us;
    else if (s->phase == PHASE_TLS && s->origin->https)
        s->opening.tls_us = us;
}

/* It did not get ready: all that waited for it hear why. */
static void session_fail(struct session *s, struct evidence *e)
{
    note_phase_time(s);
    if (s->phase == PHASE_TLS && s->origin->ticket) { /* whatever it was, try without resumption next time */
        SSL_SESSION_free(s->origin->ticket);
        s->origin->ticket = NULL;
    }
    struct evidence copy = *e;
    pool_session_failed(s, &copy);
    session_close(s);
}

static void session_fail_as(struct session *s, enum ended ended, enum cause_id cause)
{
    struct evidence e;
    session_evidence(s, NULL, &e);
    e.ended = ended;
    e.cause = cause;
    session_fail(s, &e);
}

/* ---- opening ---- */

static void session_phase(struct session *s, enum phase next)
{
    assert(next == PHASE_RESOLVE || opening_phases[s->phase].next == next);
    note_phase_time(s);
    s->phase = next;
    s->phase_us = net_now(s->net);
    opening_phases[next].enter(s); /* may end the session */
}

enum err session_open(struct origin *o, const struct exchange_deadlines *deadlines)
{
    struct net *net = o->net;
    struct session *s = mem_zero(1, sizeof(*s));
    if (!s)
        return ERR_NOMEM;
    s->net = net;
    s->origin = o;
    s->deadlines = *deadlines;
    s->transport.fd = -1;
    s->transport.alert = -1;
    list_init(&s->ended);
    list_init(&s->unsent);
    buf_init(&s->out, SESSION_OUT_MAX);
    list_push_back(&net->sessions, &s->link);
    net->handles++;
    net->stats.connections_open++;
    net->stats.opened_total++;
    s->phase_us = net_now(net);
    session_phase(s, PHASE_RESOLVE);
    return ERR_NONE;
}

static void on_resolved(void *arg, const struct resolve_result *r)
{
    struct session *s = arg;
    struct origin *o = s->origin;
    s->query = NULL;
    if (r->ended != ENDED_COMPLETE) {
        session_fail_as(s, r->ended, r->cause);
        return;
    }
    memcpy(o->addresses, r->addresses, sizeof(o->addresses));
    o->address_count = r->count;
    o->addresses_until_us = net_now(s->net) + (uint64_t)r->ttl_s * 1000000;
    session_phase(s, PHASE_CONNECT);
}

static void enter_resolve(struct session *s)
{
    struct origin *o = s->origin;
    if (o->is_ip) {
        o->addresses[0] = o->addr;
        o->address_count = 1;
        session_phase(s, PHASE_CONNECT);
    } else if (o->address_count > 0 && net_now(s->net) < o->addresses_until_us) {
        session_phase(s, PHASE_CONNECT);
    } else if (resolve_start(s->net->resolver, o->host, s->deadlines.dns_ms, on_resolved, s, &s->query) !=
               ERR_NONE) {
        session_fail_as(s, ENDED_LOCAL, CAUSE_local_out_of_memory);
    }
}

static void on_dialled(void *arg, const struct dial_result *r)
{
    struct session *s = arg;
    struct origin *o = s->origin;
    s->dial = NULL;
    memcpy(s->opening.address, r->address, sizeof(s->opening.address));
    if (r->ended != ENDED_COMPLETE) {
        o->address_count = o->is_ip ? o->address_count : 0; /* next time ask where it lives now */
        struct evidence e;
        session_evidence(s, NULL, &e);
        e.ended = r->ended;
        e.cause = r->cause;
        e.sys_errno = r->sys_errno;
        session_fail(s, &e);
        return;
    }
    struct transport *t = &s->transport;
    enum err e = transport_init_client(t, r->fd, o->https ? s->net->tls : NULL, o->host, o->is_ip);
    if (e)
        t->fd = r->fd; /* to be closed with the session */
    if (!e && t->ssl) {
        SSL_set_app_data(t->ssl, s);
        if (o->ticket)
            (void)SSL_set_session(t->ssl, o->ticket);
    }
    if (!e && uv_poll_init(s->net->loop, &s->poll, t->fd) != 0)
        e = ERR_NOMEM;
    if (e) {
        session_fail_as(s, ENDED_LOCAL, CAUSE_local_out_of_memory);
        return;
    }
    s->poll.data = s;
    s->poll_open = true;
    session_phase(s, PHASE_TLS);
}

static void enter_connect(struct session *s)
{
    struct origin *o = s->origin;
    if (dial_start(s->net->loop, &s->net->timers, &s->net->guard, o->addresses, o->address_count, o->port,
                   s->deadlines.connect_ms, on_dialled, s, &s->dial) != ERR_NONE)
        session_fail_as(s, ENDED_LOCAL, CAUSE_local_out_of_memory);
}

static void on_session_deadline(struct timer *t)
{
    session_fail_as(list_entry(t, struct session, timer), ENDED_DEADLINE, CAUSE_ok);
}

static void watch(struct session *s, int events)
{
    if (events == s->poll_events)
        return;
    s->poll_events = events;
    (void)uv_poll_start(&s->poll, events, on_poll);
}

static void handshake(struct session *s)
{
    enum io io = transport_handshake(&s->transport);
    switch (io) {
    case IO_OK:
        session_phase(s, PHASE_SESSION);
        return;
    case IO_WANT_READ:
        watch(s, UV_READABLE);
        return;
    case IO_WANT_WRITE:
        watch(s, UV_READABLE | UV_WRITABLE);
        return;
    case IO_EOF:
    case IO_RESET:
    case IO_NOT_TLS:
    case IO_ALERT:
    case IO_TLS:
    case IO_LOCAL:
        session_fail_as(s, ended_of(io), io == IO_LOCAL ? local_cause(s->transport.sys_errno) : CAUSE_ok);
        return;
    }
}

static void enter_tls(struct session *s)
{
    timer_arm(&s->net->timers, &s->timer, s->phase_us + (uint64_t)s->deadlines.session_ms * 1000,
              on_session_deadline);
    handshake(s); /* done at once without TLS */
}

/* ---- HTTP/2 ---- */

static void on_stream_ended(void *arg, struct http2_stream *stream)
{
    struct session *s = arg;
    list_push_back(&s->ended, &stream->link);
}

static void on_stream_answers(void *arg, struct http2_stream *stream)
{
    (void)arg;
    exchange_answers(list_entry(stream, struct exchange, stream));
}

/* Takes the exchange off the session. */
static void detach(struct session *s, struct exchange *x)
{
    list_remove(&x->wait);
    x->session = NULL;
    if (s->x == x)
        s->x = NULL;
}

/* Tells the streams that ended inside the codec. */
static void tell_ended(struct session *s)
{
    struct list *l;
    while ((l = list_pop_front(&s->ended)) != NULL) {
        struct http2_stream *stream = list_entry(l, struct http2_stream, link);
        struct exchange *x = list_entry(stream, struct exchange, stream);
        struct evidence e;
        session_evidence(s, x, &e);
        e.ended = stream->ended;
        e.cause = stream->cause;
        if (stream->ended == ENDED_COMPLETE)
            e.phase = PHASE_DONE;
        if (stream->ended == ENDED_RST_STREAM || stream->ended == ENDED_GOAWAY)
            e.h2_code = stream->code;
        x->result.retry_after_s = stream->retry_after_s;
        detach(s, x);
        exchange_end(x, &e);
    }
}

/* The connection ends with streams on it: what each has seen is taken down before it closes. */
static void end_streams(struct session *s, enum ended ended, enum cause_id cause)
{
    tell_ended(s);
    struct list *l;
    while (s->h2 && (l = http2_streams(s->h2)->next) != http2_streams(s->h2)) {
        struct exchange *x = list_entry(list_entry(l, struct http2_stream, link), struct exchange, stream);
        struct evidence e;
        session_evidence(s, x, &e);
        e.ended = ended;
        e.cause = cause;
        http2_cancel(s->h2, &x->stream);
        detach(s, x);
        pool_session_draining(s); /* a retry must not come back here */
        exchange_end(x, &e);
    }
}

static void on_idle_deadline(struct timer *t)
{
    struct session *s = list_entry(t, struct session, timer);
    if (s->h2) {
        http2_goaway(s->h2);
        if (http2_pack(s->h2, &s->out, PACK_LIMIT) == ERR_NONE)
            session_flush(s);
    }
    session_close(s);
}

static void arm_idle(struct session *s, uint32_t ms)
{
    timer_arm(&s->net->timers, &s->timer, net_now(s->net) + (uint64_t)ms * 1000, on_idle_deadline);
}

static void session_ready(struct session *s)
{
    timer_disarm(&s->net->timers, &s->timer);
    s->ready = true;
    s->phase = PHASE_SEND;
    if (s->http == 20)
        s->net->stats.sessions_h2++;
    else
        s->net->stats.sessions_h1++;
    if (s->http == 20)
        arm_idle(s, IDLE_H2_MS);
    else
        arm_idle(s, IDLE_H1_MS);
    pool_session_ready(s);
}

/* After bytes went in: sends what the codec wants to say, tells what ended, gets ready, drains. */
static void settle_h2(struct session *s)
{
    if (http2_pack(s->h2, &s->out, PACK_LIMIT) != ERR_NONE) {
        if (s->ready)
            end_streams(s, ENDED_LOCAL, CAUSE_local_out_of_memory);
        else
            session_fail_as(s, ENDED_LOCAL, CAUSE_local_out_of_memory);
        session_close(s);
        return;
    }
    session_flush(s);
    enum cause_id broken = http2_broken(s->h2);
    if (!s->ready) {
        if (broken != CAUSE_ok)
            session_fail_as(s, ENDED_PROTOCOL, broken);
        else if (http2_goaway_seen(s->h2, NULL))
            session_fail_as(s, ENDED_GOAWAY, CAUSE_ok);
        else if (http2_ready(s->h2))
            session_ready(s);
        return;
    }
    if (broken != CAUSE_ok) {
        end_streams(s, ENDED_PROTOCOL, broken);
        session_close(s);
        return;
    }
    if (http2_closing(s->h2) && !s->draining) {
        s->draining = true;
        pool_session_draining(s);
    }
    tell_ended(s);
    if (s->closed)
        return;
    if (s->draining && http2_open_streams(s->h2) == 0) {
        session_close(s);
        return;
    }
    if (http2_open_streams(s->h2) == 0)
        arm_idle(s, IDLE_H2_MS);
    pool_session_free(s);
}

/* ---- HTTP/1 ---- */

static void h1_done(struct session *s)
{
    struct exchange *x = s->x;
    const struct http1_response *r = &s->h1;
    struct evidence e;
    session_evidence(s, x, &e);
    e.ended = ENDED_COMPLETE;
    e.phase = PHASE_DONE;
    e.http = r->version;
    e.status = r->status;
    x->result.retry_after_s = r->retry_after_s;
    bool reusable = r->keep_alive && e.sent_whole && !s->write_dead && !transport_pending(&s->transport);
    uint32_t idle_ms = IDLE_H1_MS;
    if (r->keep_alive_s > 0 && r->keep_alive_s * 1000 < idle_ms + IDLE_MARGIN_MS)
        idle_ms = r->keep_alive_s * 1000 - IDLE_MARGIN_MS;
    detach(s, x);
    if (!reusable)
        session_close(s);
    exchange_end(x, &e);
    if (!reusable)
        return;
    arm_idle(s, idle_ms);
    pool_session_free(s);
}

static void h1_broken(struct session *s)
{
    struct exchange *x = s->x;
    struct evidence e;
    session_evidence(s, x, &e);
    e.cause = s->h1.cause;
    e.ended = e.cause == CAUSE_local_out_of_memory ? ENDED_LOCAL : ENDED_PROTOCOL;
    detach(s, x);
    session_close(s);
    exchange_end(x, &e);
}

static void h1_input(struct session *s, size_t len)
{
    if (!s->x) { /* nobody asked: an unsolicited 408, say */
        session_close(s);
        return;
    }
    if (s->h1.answer == ANSWER_NONE)
        exchange_answers(s->x);
    switch (http1_response_feed(&s->h1, s->net->scratch, len)) {
    case HTTP1_MORE:
        return;
    case HTTP1_DONE:
        h1_done(s);
        return;
    case HTTP1_ERROR:
        h1_broken(s);
        return;
    }
}

/* ---- bytes ---- */

/* The connection is over for reading. */
static void session_over(struct session *s, enum io io)
{
    enum ended ended = ended_of(io);
    enum cause_id cause = io == IO_LOCAL ? local_cause(s->transport.sys_errno) : CAUSE_ok;
    if (!s->ready) {
        if (s->h2 && http2_broken(s->h2) != CAUSE_ok)
            session_fail_as(s, ENDED_PROTOCOL, http2_broken(s->h2));
        else if (s->h2 && http2_goaway_seen(s->h2, NULL))
            session_fail_as(s, ENDED_GOAWAY, CAUSE_ok);
        else
            session_fail_as(s, ended, cause);
        return;
    }
    if (s->h2) {
        end_streams(s, ended, cause);
        session_close(s);
        return;
    }
    struct exchange *x = s->x;
    if (x && ended == ENDED_FIN && http1_response_eof(&s->h1) == HTTP1_DONE) {
        h1_done(s);
        return;
    }
    struct evidence e;
    if (x) {
        session_evidence(s, x, &e);
        e.ended = ended;
        e.cause = cause;
        detach(s, x);
    }
    session_close(s);
    if (x)
        exchange_end(x, &e);
}

/* Reads all there is. Returns false when the session has ended (or failed) by it. */
static bool session_read(struct session *s)
{
    struct net *net = s->net;
    for (;;) {
        size_t len = 0;
        enum io io = transport_read(&s->transport, net->scratch, sizeof(net->scratch), &len);
        if (io == IO_WANT_READ)
            return true;
        if (io == IO_WANT_WRITE) {
            watch(s, UV_READABLE | UV_WRITABLE);
            return true;
        }
        if (io != IO_OK) {
            if (s->h2 && s->ready)
                settle_h2(s); /* what came before the end is told first */
            if (!s->closed)
                session_over(s, io);
            return false;
        }
        s->app_data = true;
        if (s->h2) {
            enum err e = http2_feed(s->h2, (const uint8_t *)net->scratch, len);
            if (e == ERR_NONE)
                continue;
            if (e == ERR_NOMEM) {
                if (s->ready)
                    end_streams(s, ENDED_LOCAL, CAUSE_local_out_of_memory);
                else
                    session_fail_as(s, ENDED_LOCAL, CAUSE_local_out_of_memory);
                session_close(s);
            } else {
                settle_h2(s);
            }
            return false;
        }
        if (s->ready) {
            h1_input(s, len);
            if (s->closed)
                return false;
        }
        /* Bytes before our request on a fresh HTTP/1 connection answer nothing; they are judged with the
         * answer (feeding needs a request). */
    }
}

static void session_flush(struct session *s)
{
    while (buf_len(&s->out) > 0 && !s->write_dead) {
        struct span out = buf_span(&s->out);
        size_t n = 0;
        enum io io = transport_write(&s->transport, out.ptr, out.len, &n);
        if (io == IO_WANT_WRITE) {
            watch(s, UV_READABLE | UV_WRITABLE);
            return;
        }
        if (io == IO_WANT_READ)
            return;
        if (io != IO_OK) {
            s->write_dead =
                true; /* the socket is readable now: reading tells who ended it and what was said before */
            watch(s, UV_READABLE);
            return;
        }
        buf_consume(&s->out, n);
        if (s->h2)
            http2_flushed(s->h2, n);
        else
            s->sent += n;
    }
    if (s->write_dead)
        return;
    buf_trim(&s->out);
    watch(s, UV_READABLE);
    while (!list_empty(&s->unsent)) {
        struct exchange *x = list_entry(s->unsent.next, struct exchange, wait);
        if (s->h2 && !http2_stream_sent_whole(s->h2, &x->stream))
            break;
        list_remove(&x->wait);
        exchange_sent(x);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct session *s = poll->data;
    if (s->closed)
        return;
    int wanted = s->poll_events;
    if (status < 0) /* what error it is shows when the socket is read; libuv has stopped the poll meanwhile */
        s->poll_events = 0;
    if (s->phase == PHASE_TLS) {
        handshake(s);
    } else {
        session_flush(s);
        if (session_read(s) && !s->closed && s->h2)
            settle_h2(s);
    }
    if (!s->closed && s->poll_events == 0)
        watch(s, wanted);
}

static void enter_session(struct session *s)
{
    const unsigned char *alpn = NULL;
    unsigned alpn_len = 0;
    if (s->transport.ssl) {
        SSL_get0_alpn_selected(s->transport.ssl, &alpn, &alpn_len);
        s->resumed = SSL_session_reused(s->transport.ssl);
        if (s->resumed)
            s->net->stats.resumed_total++;
    }
    s->http = alpn_len == 2 && memcmp(alpn, "h2", 2) == 0 ? 20 : 11;
    if (s->http == 20) {
        const struct http2_events events = {on_stream_ended, on_stream_answers, s};
        if (http2_new(&s->h2, &events) != ERR_NONE) {
            session_fail_as(s, ENDED_LOCAL, CAUSE_local_out_of_memory);
            return;
        }
        if (session_read(s)) /* SETTINGS may stand there already */
            settle_h2(s);
        return;
    }
    watch(s, UV_READABLE);
    enum io io = transport_peek(&s->transport); /* an end seen before the write leaves no doubt; early bytes
                                                   are judged with the answer */
    if (io == IO_OK || io == IO_WANT_READ || io == IO_WANT_WRITE)
        session_ready(s);
    else
        session_over(s, io);
}

/* ---- serving ---- */

bool session_alive(struct session *s)
{
    if (s->write_dead) {
        session_close(s);
        return false;
    }
    if (!s->h2) {
        bool quiet = transport_peek(&s->transport) == IO_WANT_READ;
        if (!quiet)
            session_close(s);
        return quiet;
    }
    if (http2_open_streams(s->h2) > 0) /* busy: the loop reads it anyway */
        return true;
    if (session_read(s) && !s->closed)
        settle_h2(s);
    return !s->closed && !s->draining;
}

unsigned session_capacity(const struct session *s)
{
    if (s->closed || !s->ready || s->write_dead || s->draining)
        return 0;
    if (s->http == 20)
        return http2_capacity(s->h2);
    return s->x ? 0 : 1;
}

static enum err h1_write_request(struct session *s, const struct exchange_request *r)
{
    struct buf *out = &s->out;
    enum err e = buf_printf(out, "%s %s HTTP/1.1\r\nhost: %s\r\n", r->method ? r->method : "POST",
                            r->url->target, r->url->authority);
    for (size_t i = 0; !e && i < r->header_count; i++) {
        e = buf_add_span(out, r->headers[i].name);
        if (!e)
            e = buf_add_str(out, ": ");
        if (!e)
            e = buf_add_span(out, r->headers[i].value);
        if (!e)
            e = buf_add_str(out, "\r\n");
    }
    if (!e)
        e = buf_printf(out, "content-length: %zu\r\n\r\n", r->body.len);
    if (!e)
        e = buf_add_span(out, r->body);
    if (e)
        buf_clear(out);
    return e;
}

enum err session_serve(struct session *s, struct exchange *x)
{
    enum err e;
    if (s->h2) {
        e = http2_request(s->h2, &x->stream, &x->request);
        if (!e)
            e = http2_pack(s->h2, &s->out, SESSION_OUT_MAX);
        if (e)
            http2_cancel(s->h2, &x->stream);
    } else {
        http1_response_init(&s->h1);
        s->h1.body = x->request.response_body;
        s->sent = 0;
        e = h1_write_request(s, &x->request);
    }
    if (e)
        return e;
    timer_disarm(&s->net->timers, &s->timer);
    if (!s->h2)
        s->x = x;
    if (s->announced)
        s->net->stats.reused_total++;
    exchange_attached(x, s, s->announced);
    list_push_back(&s->unsent, &x->wait);
    session_flush(s);
    return ERR_NONE;
}

void session_abandon(struct session *s, struct exchange *x)
{
    detach(s, x);
    if (!s->h2) {
        session_close(s);
        return;
    }
    if (x->stream.id == 0) { /* it has just ended inside the codec */
        list_remove(&x->stream.link);
        return;
    }
    http2_cancel(s->h2, &x->stream);
    if (http2_pack(s->h2, &s->out, PACK_LIMIT) == ERR_NONE)
        session_flush(s);
    if (s->draining && http2_open_streams(s->h2) == 0)
        session_close(s);
    else if (http2_open_streams(s->h2) == 0)
        arm_idle(s, IDLE_H2_MS);
}
