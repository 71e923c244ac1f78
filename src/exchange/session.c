/*
 * One connection to an origin. While it opens it goes through the first rows of the phase table:
 *
 *    resolve → connect → tls → session → (ready)
 *
 * Then it carries requests, one at a time by HTTP/1 or many streams by HTTP/2. How it ends is reported as
 * evidence. Codecs never call out while they hold the read buffer: streams that end are listed and reported
 * afterwards.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "exchange/parts.h"

#define UNACKED_MS 30000u /* how long the kernel waits for an acknowledgement before it drops a connection */
/*
 * How long HTTP/1 waits before it sends after the first resumption with an origin, in addition to twice what
 * TCP and TLS took: so a server that accepts the ticket and then ends the connection is noticed before the
 * request is sent. A busy or distant server gets more time.
 */
#define LISTEN_US 200000u

static void enter_resolve(struct session *s);
static void enter_connect(struct session *s);
static void enter_tls(struct session *s);
static void enter_session(struct session *s);
static void listen_first(struct session *s);
static void on_poll(uv_poll_t *poll, int status, int events);

enum watch { WATCH_RESOLVER, WATCH_DIALLER, WATCH_SESSION, WATCH_EXCHANGE };

/*
 * The phases of an exchange, each with its deadline and what ends it. The first four open a connection that
 * exchanges wait for; in the last two each exchange has its own clock (exchange.c). A limit counts from the
 * start of the phase `since`; if that is an earlier phase, its clock continues. The watcher of a phase ends
 * it with ENDED_DEADLINE.
 */
static const struct phase_row {
    void (*enter)(struct session *s);
    size_t limit; /* offset in struct exchange_deadlines */
    enum phase since;
    enum watch watch;
    enum phase next;
} phases[PHASE_DONE] = {
#define LIMIT(name) offsetof(struct exchange_deadlines, name)
    /* ends when addresses are known (on_resolved) */
    [PHASE_RESOLVE] = {enter_resolve, LIMIT(dns_ms), PHASE_RESOLVE, WATCH_RESOLVER, PHASE_CONNECT},
    /* ends when one address has accepted, or all have failed (on_dialled) */
    [PHASE_CONNECT] = {enter_connect, LIMIT(connect_ms), PHASE_CONNECT, WATCH_DIALLER, PHASE_TLS},
    /* ends with the handshake; at once without TLS (handshake) */
    [PHASE_TLS] = {enter_tls, LIMIT(session_ms), PHASE_TLS, WATCH_SESSION, PHASE_SESSION},
    /* ends with the server's SETTINGS (session_settle); with HTTP/1 at once, or after a resumption's trial */
    [PHASE_SESSION] = {enter_session, LIMIT(session_ms), PHASE_TLS, WATCH_SESSION, PHASE_SEND},
    /* ends when the whole request was accepted (session_flush), or with what ends PHASE_AWAIT */
    [PHASE_SEND] = {NULL, LIMIT(response_ms), PHASE_SEND, WATCH_EXCHANGE, PHASE_AWAIT},
    /* ends with the answer, or with the stream or the connection (session_serve.c) */
    [PHASE_AWAIT] = {NULL, LIMIT(response_ms), PHASE_SEND, WATCH_EXCHANGE, PHASE_DONE},
#undef LIMIT
};

uint32_t session_limit_ms(const struct exchange_deadlines *d, enum phase phase)
{
    return *(const uint32_t *)(const void *)((const char *)d + phases[phase].limit);
}

uint64_t session_opening_ms(const struct exchange_deadlines *d)
{
    uint64_t sum = 0;
    for (enum phase p = PHASE_RESOLVE; p < PHASE_SEND; p++)
        if (phases[p].since == p)
            sum += session_limit_ms(d, p);
    return sum;
}

/* ---- the end of it ---- */

static void session_free(struct session *s)
{
    struct engine *engine = s->engine;
    mem_free(s);
    engine->events->handle_closed(engine);
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
    struct engine *engine = s->engine;
    timer_disarm(&engine->timers, &s->timer);
    if (s->query)
        resolve_cancel(s->query);
    if (s->dial)
        dial_cancel(s->dial);
    s->query = NULL;
    s->dial = NULL;
    list_remove(&s->link);
    engine->stats.connections_open--;
    if (s->ready) {
        if (s->http == 20)
            engine->stats.sessions_h2--;
        else
            engine->stats.sessions_h1--;
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
    s->events->closed(s);
    if (!s->poll_open)
        session_free(s);
}

/* ---- evidence ---- */

static void answer_evidence(enum answer_part answer, int status, struct evidence *e)
{
    e->answer = answer;
    e->status = answer == ANSWER_HEAD ? status : 0;
}

/*
 * Whether a resumption was offered, was not declined as far as we know, and has not received an answer yet.
 */
static bool may_blame_resumption(const struct session *s)
{
    return (s->phase == PHASE_TLS ? s->offered : s->resumed) && !s->answered;
}

/* The evidence for an exchange on this session now; x NULL: while opening. The caller sets `ended`. */
void session_evidence(const struct session *s, const struct exchange *x, struct evidence *ret)
{
    struct evidence e = {
        .phase = s->phase,
        .tls = s->origin->https,
        .http = s->http,
        .tls_alert = s->transport.alert,
        .tls13 = s->transport.ssl && SSL_version(s->transport.ssl) == TLS1_3_VERSION,
        .app_data = s->app_data,
        .resumption = may_blame_resumption(s),
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

enum ended session_ended_of(enum io io)
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

enum cause_id session_local_cause(int sys_errno)
{
    return sys_errno == ENOMEM    ? CAUSE_local_out_of_memory
           : sys_errno == ENOBUFS ? CAUSE_local_buffers
                                  : CAUSE_local_internal;
}

void session_doubt(struct session *s)
{
    struct origin *o = s->origin;
    if (!may_blame_resumption(s) || s->transport.verify != X509_V_OK)
        return;
    SSL_SESSION_free(o->ticket);
    o->ticket = NULL;
    o->resumes = false;
    o->resume_from_us = engine_now(s->engine) + FULL_HANDSHAKES_US;
}

/* The session failed to open: reports the cause to all waiters, after it is gone and its place free. */
static void session_fail(struct session *s, const struct evidence *e)
{
    struct origin *o = s->origin;
    uint64_t now = engine_now(s->engine), tcp_us = s->opening.began_us[PHASE_TLS];
    s->opening.began_us[s->phase + 1] = now;
    s->opening.session_us = s->phase >= PHASE_TLS ? elapsed_us(tcp_us, now) : 0;
    if (e->ended != ENDED_LOCAL)
        session_doubt(s);
    struct evidence evidence = *e;
    struct opening how = s->opening;
    int http = s->http;
    const struct session_events *events = s->events;
    session_close(s);
    events->failed(o, &how, http, &evidence);
}

void session_fail_as(struct session *s, enum ended ended, enum cause_id cause)
{
    struct evidence e;
    session_evidence(s, NULL, &e);
    e.ended = ended;
    e.cause = cause;
    session_fail(s, &e);
}

/* ---- opening ---- */

static void on_session_deadline(struct timer *t)
{
    session_fail_as(list_entry(t, struct session, timer), ENDED_DEADLINE, CAUSE_ok);
}

/* When the session's current phase must end; WATCH_SESSION. */
static uint64_t due_us(const struct session *s)
{
    return s->opening.began_us[phases[s->phase].since] +
           (uint64_t)session_limit_ms(&s->deadlines, s->phase) * 1000;
}

static void session_phase(struct session *s, enum phase next)
{
    const struct phase_row *row = &phases[next];
    assert(next == PHASE_RESOLVE || phases[s->phase].next == next);
    s->phase = next;
    s->opening.began_us[next] = engine_now(s->engine);
    s->events->phase(s, next);
    if (row->watch == WATCH_SESSION && row->since == next)
        timer_arm(&s->engine->timers, &s->timer, due_us(s), on_session_deadline);
    row->enter(s); /* may end the session */
}

enum err session_open(struct origin *o, const struct exchange_deadlines *deadlines,
                      const struct session_events *events)
{
    struct engine *engine = o->engine;
    struct session *s = mem_zero(1, sizeof(*s));
    if (!s)
        return ERR_NOMEM;
    s->engine = engine;
    s->events = events;
    s->origin = o;
    s->deadlines = *deadlines;
    s->transport.fd = -1;
    s->transport.alert = -1;
    list_init(&s->ended);
    list_init(&s->unsent);
    buf_init(&s->out, SESSION_OUT_MAX);
    list_push_back(&engine->sessions, &s->link);
    engine->handles++;
    engine->stats.connections_open++;
    engine->stats.opened_total++;
    session_phase(s, PHASE_RESOLVE);
    return ERR_NONE;
}

static void forget_addresses(struct origin *o)
{
    mem_free(o->addresses);
    o->addresses = NULL;
    o->address_count = 0;
}

/*
 * Caches the addresses for later connections. A result with one family only is never cached, because its
 * users would miss the other. Without memory the name is looked up again.
 */
static void keep_addresses(struct origin *o, const struct resolve_result *r)
{
    union address *copy = mem_alloc(r->count * sizeof(*copy));
    if (!copy)
        return;
    memcpy(copy, r->addresses, r->count * sizeof(*copy));
    forget_addresses(o);
    o->addresses = copy;
    o->address_count = r->count;
    o->addresses_until_us = engine_now(o->engine) + (uint64_t)r->ttl_s * 1000000;
}

static void on_look_up(void *arg, const struct resolve_result *r)
{
    struct origin *o = arg;
    o->look_up = NULL;
    o->engine->look_ups--;
    if (r->ended == ENDED_COMPLETE)
        keep_addresses(o, r);
}

/*
 * The connection is up without the other family. The origin continues the look-up: otherwise, where that
 * family is slow or silent, every connection would look the name up again.
 */
static void look_up_goes_on(struct session *s)
{
    struct origin *o = s->origin;
    struct resolve_query *query = s->query;
    s->query = NULL;
    if (o->look_up || s->engine->look_ups == LOOK_UPS_MAX) {
        resolve_cancel(query);
        return;
    }
    o->look_up = query;
    s->engine->look_ups++;
    resolve_hand_over(query, on_look_up, o);
}

static void on_resolved(void *arg, const struct resolve_result *r)
{
    struct session *s = arg;
    if (!r->more)
        s->query = NULL;
    if (r->ended != ENDED_COMPLETE) {
        session_fail_as(s, r->ended, r->cause);
        return;
    }
    if (!r->more)
        keep_addresses(s->origin, r);
    if (s->dial) { /* the other family, while the first is being tried */
        dial_add(s->dial, r->addresses, r->count);
        return;
    }
    s->resolved = r;
    session_phase(s, PHASE_CONNECT);
}

static void enter_resolve(struct session *s)
{
    struct origin *o = s->origin;
    if (address_port_refused(&s->engine->guard, o->port)) {
        session_fail_as(s, ENDED_GUARD, CAUSE_ok);
    } else if (o->is_ip || (o->address_count > 0 && engine_now(s->engine) < o->addresses_until_us)) {
        session_phase(s, PHASE_CONNECT);
    } else if (resolve_start(s->engine->resolver, o->host, session_limit_ms(&s->deadlines, PHASE_RESOLVE),
                             on_resolved, s, &s->query) != ERR_NONE) {
        session_fail_as(s, ENDED_LOCAL, CAUSE_local_out_of_memory);
    }
}

static void on_dialled(void *arg, const struct dial_result *r)
{
    struct session *s = arg;
    struct origin *o = s->origin;
    s->dial = NULL;
    if (s->query) /* only if connected: without the other family it has not failed */
        look_up_goes_on(s);
    memcpy(s->opening.address, r->address, sizeof(s->opening.address));
    if (r->ended != ENDED_COMPLETE) {
        forget_addresses(o); /* look up its address again next time */
        struct evidence e;
        session_evidence(s, NULL, &e);
        e.ended = r->ended;
        e.cause = r->cause;
        e.sys_errno = r->sys_errno;
        session_fail(s, &e);
        return;
    }
    struct transport *t = &s->transport;
    /*
     * A dead path accepts our bytes silently, and an HTTP/2 session outlives request timeouts: let the kernel
     * end the connection.
     */
    unsigned unacked_ms =
        s->deadlines.response_ms > UNACKED_MS / 2 ? s->deadlines.response_ms * 2 : UNACKED_MS;
    (void)setsockopt(r->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof(unacked_ms));
    enum err e = transport_init_client(t, r->fd, o->https ? s->engine->tls : NULL, o->host, o->is_ip);
    if (e)
        t->fd = r->fd; /* to be closed with the session */
    if (!e && t->ssl) {
        SSL_set_app_data(t->ssl, s);
        /* OpenSSL treats a TLS 1.3 ticket as used after one use. */
        if (o->ticket && SSL_SESSION_is_resumable(o->ticket) && engine_now(s->engine) >= o->resume_from_us)
            s->offered = SSL_set_session(t->ssl, o->ticket) == 1;
    }
    if (!e && uv_poll_init(s->engine->loop, &s->poll, t->fd) != 0)
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
    const struct resolve_result *r = s->resolved;
    const union address *addresses = o->is_ip ? &o->addr : r ? r->addresses : o->addresses;
    size_t count = o->is_ip ? 1 : r ? r->count : o->address_count;
    s->resolved = NULL;
    if (dial_start(s->engine->loop, &s->engine->timers, &s->engine->guard, addresses, count, r && r->more,
                   o->port, session_limit_ms(&s->deadlines, PHASE_CONNECT), on_dialled, s,
                   &s->dial) != ERR_NONE)
        session_fail_as(s, ENDED_LOCAL, CAUSE_local_out_of_memory);
}

void session_watch(struct session *s, int events)
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
        session_watch(s, UV_READABLE);
        return;
    case IO_WANT_WRITE:
        session_watch(s, UV_READABLE | UV_WRITABLE);
        return;
    case IO_EOF:
    case IO_RESET:
    case IO_NOT_TLS:
    case IO_ALERT:
    case IO_TLS:
    case IO_LOCAL:
        session_fail_as(s, session_ended_of(io),
                        io == IO_LOCAL ? session_local_cause(s->transport.sys_errno) : CAUSE_ok);
        return;
    }
}

static void enter_tls(struct session *s)
{
    handshake(s); /* completes at once without TLS */
}

static void on_idle_deadline(struct timer *t)
{
    struct session *s = list_entry(t, struct session, timer);
    if (s->h2) {
        http2_goaway(s->h2);
        if (http2_pack(s->h2, &s->out, SESSION_OUT_MAX) == ERR_NONE)
            session_flush(s);
    }
    session_close(s);
}

void session_arm_idle(struct session *s)
{
    timer_arm(&s->engine->timers, &s->timer, engine_now(s->engine) + (uint64_t)s->idle_ms * 1000,
              on_idle_deadline);
}

void session_ready(struct session *s)
{
    timer_disarm(&s->engine->timers, &s->timer);
    s->ready = true;
    s->phase = PHASE_SEND;
    s->opening.began_us[PHASE_SEND] = engine_now(s->engine);
    if (s->http == 20)
        s->engine->stats.sessions_h2++;
    else
        s->engine->stats.sessions_h1++;
    s->idle_ms = s->http == 20 ? IDLE_H2_MS : IDLE_H1_MS;
    s->events->ready(s);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct session *s = poll->data;
    if (s->closed)
        return;
    int wanted = s->poll_events;
    s->again = false;
    if (status < 0) /* libuv has stopped the poll; reading the socket shows the error */
        s->poll_events = 0;
    if (s->phase == PHASE_TLS) {
        handshake(s);
    } else if (s->phase == PHASE_SESSION && s->http != 20) {
        listen_first(s);
    } else {
        session_flush(s);
        if (!s->closed && session_read(s) && !s->closed && s->h2)
            session_settle(s);
    }
    if (!s->closed && s->poll_events == 0)
        session_watch(s, wanted);
}

static void enter_session(struct session *s)
{
    const unsigned char *alpn = NULL;
    unsigned alpn_len = 0;
    if (s->transport.ssl) {
        SSL_get0_alpn_selected(s->transport.ssl, &alpn, &alpn_len);
        s->resumed = SSL_session_reused(s->transport.ssl);
        if (s->resumed)
            s->engine->stats.resumed_total++;
    }
    s->http = alpn_len == 2 && memcmp(alpn, "h2", 2) == 0 ? 20 : 11;
    if (s->http == 20) {
        const struct http2_events events = {session_stream_ended, session_stream_answers, s};
        if (http2_new(&s->h2, &events) != ERR_NONE) {
            session_fail_as(s, ENDED_LOCAL, CAUSE_local_out_of_memory);
            return;
        }
        if (session_read(s)) /* SETTINGS may already be there */
            session_settle(s);
        return;
    }
    listen_first(s);
}

static void on_listened(struct timer *t)
{
    session_ready(list_entry(t, struct session, timer));
}

/*
 * Whether the first resumption with this origin is on trial: if it ends before the request, certainly nothing
 * was handled. Some servers confirm the resumption with a new ticket; one sent during the handshake does not
 * count.
 */
static bool is_on_trial(struct session *s)
{
    if (!s->resumed || s->origin->resumes)
        return false;
    if (s->listening)
        return !s->heard;
    s->listening = true;
    s->heard = false;
    const uint64_t *began_us = s->opening.began_us;
    uint64_t deadline_us = due_us(s);
    uint64_t until_us =
        engine_now(s->engine) + LISTEN_US + 2 * (began_us[PHASE_SESSION] - began_us[PHASE_CONNECT]);
    timer_arm(&s->engine->timers, &s->timer, until_us < deadline_us ? until_us : deadline_us, on_listened);
    return true;
}

/* HTTP/1, after the handshake: the connection may already have ended. */
static void listen_first(struct session *s)
{
    session_watch(s, UV_READABLE);
    /* an end seen before the write proves that nothing was handled */
    enum io io = transport_peek(&s->transport);
    if (io != IO_OK && io != IO_WANT_READ && io != IO_WANT_WRITE) {
        session_over(s, io);
        return;
    }
    if (io != IO_OK && is_on_trial(s))
        return;
    /* early bytes are judged with the answer; TLS may already hold them, and no poll reports those */
    if (io == IO_OK)
        session_come_back(s);
    session_ready(s);
}
