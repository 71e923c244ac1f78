/*
 * How a connection to a relay opens and ends, and what goes through it.
 *
 *    resolve → connect → (tls) → greeting → EHLO → (STARTTLS → tls → EHLO) → (AUTH) → ready → mails → QUIT
 *
 * Bytes that come are cut into replies, and each must be awaited: a server that says more than it was asked
 * is not listened to any further.
 */
#include "relay/dialogue.h"

#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdarg.h>

#include "base/mem.h"

#define OUT_MAX 131072u   /* commands, or the part of a mail that is being written */
#define UNACKED_MS 60000u /* how long the kernel waits for an acknowledgement before it drops a connection */

static void on_poll(uv_poll_t *poll, int status, int events);

/* ---- the end of it ---- */

static void dialogue_free(struct dialogue *d)
{
    d->events->freed(d);
    buf_deinit(&d->out);
    mem_free(d);
}

static void on_poll_closed(uv_handle_t *handle)
{
    dialogue_free(handle->data);
}

void dialogue_close(struct dialogue *d)
{
    if (d->closed)
        return;
    d->closed = true;
    timer_disarm(&d->all->timers, &d->timer);
    if (d->query)
        resolve_cancel(d->query);
    if (d->dial)
        dial_cancel(d->dial);
    d->query = NULL;
    d->dial = NULL;
    list_remove(&d->link);
    list_remove(&d->idle_link);
    if (d->poll_open)
        uv_close((uv_handle_t *)&d->poll, on_poll_closed);
    if (d->transport.fd >= 0) {
        transport_shutdown(&d->transport);
        transport_deinit(&d->transport);
    }
    d->events->closed(d);
    if (!d->poll_open)
        dialogue_free(d);
}

/* ---- evidence ---- */

static enum phase phase_of(const struct dialogue *d)
{
    switch (d->state) {
    case DIALOGUE_RESOLVE:
        return PHASE_RESOLVE;
    case DIALOGUE_CONNECT:
        return PHASE_CONNECT;
    case DIALOGUE_TLS:
        return PHASE_TLS;
    case DIALOGUE_END:
        return PHASE_AWAIT;
    case DIALOGUE_REPLIES:
    case DIALOGUE_READY:
    case DIALOGUE_COMMANDS:
    case DIALOGUE_MAIL:
    case DIALOGUE_QUIT:
        break;
    }
    return PHASE_SEND;
}

/* What of a mail is "sent" is its final dot: before that no server takes it. */
void dialogue_evidence(const struct dialogue *d, enum ended ended, enum cause_id cause, struct evidence *ret)
{
    *ret = (struct evidence){
        .phase = phase_of(d),
        .ended = ended,
        .cause = cause,
        .sys_errno = d->transport.sys_errno,
        .tls = d->transport.ssl != NULL || d->state == DIALOGUE_TLS,
        .reused = d->reused,
        .sent = d->state == DIALOGUE_END,
        .sent_whole = d->state == DIALOGUE_END,
        .tls_alert = d->transport.alert,
        .tls13 = d->transport.ssl && SSL_version(d->transport.ssl) == TLS1_3_VERSION,
        .app_data = d->ready,
        .verify = d->transport.verify,
        .tls_old_version = d->transport.old_version,
    };
}

static enum relay_command command_now(const struct dialogue *d)
{
    if (d->awaiting)
        return d->awaited[0];
    return d->state == DIALOGUE_TLS && d->can.starttls ? RELAY_STARTTLS : RELAY_CONNECT;
}

static void fill_result(const struct dialogue *d, struct relay_result *r)
{
    r->command = command_now(d);
    r->dot = d->state == DIALOGUE_END;
    r->reused = d->reused;
    memcpy(r->address, d->address, sizeof(r->address));
    r->tls_version =
        d->transport.ssl && d->transport.handshake_done ? SSL_get_version(d->transport.ssl) : NULL;
}

/* Whether the mail may go over another connection at once: this one may have been dead before it began. */
static bool may_go_again(const struct dialogue *d, const struct mail_order *m, enum ended ended)
{
    return d->reused && !d->positive && d->state != DIALOGUE_END && m->retries < 2 &&
           (ended == ENDED_FIN || ended == ENDED_RST);
}

static void lost_with(struct dialogue *d, const struct evidence *e)
{
    struct mail_order *m = d->mail;
    const struct dialogue_events *events = d->events;
    if (!d->ready) {
        d->failure_outcome = outcome_of(e);
        fill_result(d, &d->failure);
        d->failure.outcome = &d->failure_outcome;
        dialogue_close(d);
        return;
    }
    d->mail = NULL;
    if (!m) {
        dialogue_close(d);
        return;
    }
    const bool again = !d->refused && may_go_again(d, m, e->ended);
    if (!again && !d->refused) {
        fill_result(d, &m->result);
        m->outcome = outcome_of(e);
        m->result.outcome = &m->outcome;
    }
    if (again) {
        events->again(d, m);
        dialogue_close(d);
        return;
    }
    events->ended(d, m);
    dialogue_close(d);
}

void dialogue_lost(struct dialogue *d, enum ended ended, enum cause_id cause)
{
    struct evidence e;
    if (d->closed)
        return;
    dialogue_evidence(d, ended, cause, &e);
    lost_with(d, &e);
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

static void lost_io(struct dialogue *d, enum io io)
{
    enum cause_id cause = CAUSE_ok;
    if (io == IO_LOCAL)
        cause = d->transport.sys_errno == ENOMEM ? CAUSE_local_out_of_memory : CAUSE_local_internal;
    dialogue_lost(d, ended_of(io), cause);
}

/* ---- deadlines ---- */

static void on_deadline(struct timer *t)
{
    struct dialogue *d = list_entry(t, struct dialogue, timer);
    if (d->state == DIALOGUE_READY)
        dialogue_quit(d);
    else
        dialogue_lost(d, ENDED_DEADLINE, CAUSE_ok);
}

void dialogue_arm(struct dialogue *d, uint32_t ms)
{
    timer_arm(&d->all->timers, &d->timer, relays_now(d->all) + (uint64_t)ms * 1000, on_deadline);
}

/* ---- bytes ---- */

void dialogue_watch(struct dialogue *d)
{
    int events = UV_READABLE | (buf_len(&d->out) && !d->write_dead ? UV_WRITABLE : 0);
    if (d->closed || events == d->poll_events)
        return;
    d->poll_events = events;
    (void)uv_poll_start(&d->poll, events, on_poll);
}

enum err dialogue_say(struct dialogue *d, enum relay_command c, const char *format, ...)
{
    char line[2048]; /* the longest is a password of 512 bytes in base64 */
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(line) - 2 || d->awaiting == DIALOGUE_AWAITED_MAX)
        return ERR_LIMIT;
    memcpy(line + len, "\r\n", 2);
    enum err e = buf_add(&d->out, line, (size_t)len + 2);
    if (!e)
        d->awaited[d->awaiting++] = c;
    explicit_bzero(line, sizeof(line));
    return e;
}

/* A server that closes while we write may have said why before: that is read first. */
static void write_failed(struct dialogue *d, enum io io)
{
    if (io != IO_RESET && io != IO_EOF) {
        lost_io(d, io);
        return;
    }
    d->write_dead = true;
    buf_clear(&d->out);
}

void dialogue_flush(struct dialogue *d)
{
    while (!d->closed && !d->write_dead) {
        if (d->state == DIALOGUE_MAIL && dialogue_fill(d)) {
            dialogue_lost(d, ENDED_LOCAL, CAUSE_local_out_of_memory);
            return;
        }
        struct span out = buf_span(&d->out);
        size_t len = 0;
        if (!out.len)
            break;
        enum io io = transport_write(&d->transport, out.ptr, out.len, &len);
        if (io == IO_OK) {
            buf_consume(&d->out, len);
            if (!buf_len(&d->out))
                dialogue_written(d);
        } else if (io == IO_WANT_WRITE || io == IO_WANT_READ) {
            break;
        } else {
            write_failed(d, io);
        }
    }
    if (!d->closed)
        dialogue_watch(d);
}

/* more: bytes follow the reply in the same read. */
static void take_reply(struct dialogue *d, bool more)
{
    const enum relay_command c = d->awaited[0];
    d->awaiting--;
    memmove(d->awaited, d->awaited + 1, d->awaiting * sizeof(*d->awaited));
    if (!d->ready) {
        dialogue_login_reply(d, c, more);
        return;
    }
    dialogue_reply(d, c);
    if (d->closed || d->mail || d->state == DIALOGUE_QUIT)
        return;
    if (more) /* it would be taken for the answer to the next mail */
        dialogue_close(d);
    else
        d->events->vacant(d);
}

/* False: the connection ended. */
static bool take_bytes(struct dialogue *d, const char *p, size_t len)
{
    while (len && !d->closed) {
        size_t used = 0;
        if (!d->awaiting) { /* nobody asked: "421 closing", or nonsense */
            if (d->state == DIALOGUE_QUIT || d->state == DIALOGUE_READY)
                dialogue_close(d);
            else
                dialogue_lost(d, ENDED_PROTOCOL, CAUSE_h1_not_http);
            return false;
        }
        const enum reply_step step = reply_read(&d->reply, p, len, &used);
        p += used;
        len -= used;
        if (step == REPLY_BROKEN) {
            dialogue_lost(d, ENDED_PROTOCOL, CAUSE_h1_not_http);
            return false;
        }
        if (step == REPLY_MORE)
            continue;
        take_reply(d, len > 0);
        if (!d->closed)
            reply_begin(&d->reply);
    }
    return !d->closed;
}

static void read_all(struct dialogue *d)
{
    char chunk[4096];
    while (!d->closed && d->state != DIALOGUE_TLS) {
        size_t len = 0;
        enum io io = transport_read(&d->transport, chunk, sizeof(chunk), &len);
        if (io == IO_OK) {
            if (!take_bytes(d, chunk, len))
                return;
        } else if (io == IO_WANT_READ || io == IO_WANT_WRITE) {
            return;
        } else {
            lost_io(d, io);
        }
    }
}

bool dialogue_alive(struct dialogue *d)
{
    enum io io = transport_peek(&d->transport);
    if (io == IO_WANT_READ || io == IO_WANT_WRITE)
        return true;
    dialogue_close(d); /* an end, or bytes that nobody asked for: "421 closing" */
    return false;
}

static void handshake(struct dialogue *d)
{
    enum io io = transport_handshake(&d->transport);
    if (io == IO_WANT_READ || io == IO_WANT_WRITE) {
        int events = io == IO_WANT_READ ? UV_READABLE : UV_READABLE | UV_WRITABLE;
        if (events != d->poll_events) {
            d->poll_events = events;
            (void)uv_poll_start(&d->poll, events, on_poll);
        }
        return;
    }
    if (io != IO_OK) {
        lost_io(d, io);
        return;
    }
    d->state = DIALOGUE_REPLIES;
    if (d->settings->security == RELAY_SECURITY_TLS)
        dialogue_greet(d);
    else
        dialogue_secured(d);
    if (!d->closed) {
        dialogue_flush(d);
        if (!d->closed)
            read_all(d); /* TLS may hold bytes that no poll will report */
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct dialogue *d = poll->data;
    (void)events;
    if (d->closed)
        return;
    if (status < 0) /* libuv has stopped the poll; reading the socket shows the error */
        d->poll_events = 0;
    if (d->state == DIALOGUE_TLS) {
        handshake(d);
        return;
    }
    dialogue_flush(d);
    if (!d->closed)
        read_all(d);
    if (!d->closed && d->state != DIALOGUE_TLS)
        dialogue_watch(d);
}

/* ---- opening ---- */

void dialogue_tls(struct dialogue *d)
{
    struct transport *t = &d->transport;
    const char *host = d->settings->host;
    union address ip;
    char bracketed[256];
    (void)snprintf(bracketed, sizeof(bracketed), strchr(host, ':') ? "[%s]" : "%s", host);
    d->state = DIALOGUE_TLS;
    d->events->step(d, "tls");
    dialogue_arm(d, d->settings->deadlines.session_ms);
    const int fd = t->fd;
    enum err e = transport_init_client(t, fd, d->all->tls, host, !address_parse(bracketed, 0, &ip));
    if (e) {
        t->fd = fd;
        dialogue_lost(d, ENDED_LOCAL, CAUSE_local_out_of_memory);
        return;
    }
    d->poll_events = UV_READABLE | UV_WRITABLE; /* the handshake begins at the loop's next turn */
    (void)uv_poll_start(&d->poll, d->poll_events, on_poll);
}

static void on_dialled(void *arg, const struct dial_result *r)
{
    struct dialogue *d = arg;
    d->dial = NULL;
    if (d->query)
        resolve_cancel(d->query);
    d->query = NULL;
    memcpy(d->address, r->address, sizeof(d->address));
    if (r->ended != ENDED_COMPLETE) {
        struct evidence e;
        dialogue_evidence(d, r->ended, r->cause, &e);
        e.sys_errno = r->sys_errno;
        lost_with(d, &e);
        return;
    }
    unsigned unacked_ms = UNACKED_MS;
    (void)setsockopt(r->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof(unacked_ms));
    if (transport_init_client(&d->transport, r->fd, NULL, NULL, false))
        d->transport.fd = r->fd; /* to be closed; in the clear there is nothing to fail */
    if (uv_poll_init(d->all->loop, &d->poll, r->fd) != 0) {
        dialogue_lost(d, ENDED_LOCAL, CAUSE_local_out_of_memory);
        return;
    }
    d->poll.data = d;
    d->poll_open = true;
    if (d->settings->security == RELAY_SECURITY_TLS) {
        dialogue_tls(d);
        return;
    }
    d->state = DIALOGUE_REPLIES;
    dialogue_greet(d);
    if (!d->closed)
        dialogue_flush(d);
}

static void enter_connect(struct dialogue *d, const union address *addresses, size_t count, bool more)
{
    d->state = DIALOGUE_CONNECT;
    d->events->step(d, "connect");
    if (dial_start(d->all->loop, &d->all->timers, &d->all->guard, addresses, count, more, d->settings->port,
                   d->settings->deadlines.connect_ms, on_dialled, d, &d->dial))
        dialogue_lost(d, ENDED_LOCAL, CAUSE_local_out_of_memory);
}

static void on_resolved(void *arg, const struct resolve_result *r)
{
    struct dialogue *d = arg;
    if (!r->more)
        d->query = NULL;
    if (r->ended != ENDED_COMPLETE)
        dialogue_lost(d, r->ended, r->cause);
    else if (d->dial) /* the other family, while the first is being tried */
        dial_add(d->dial, r->addresses, r->count);
    else
        enter_connect(d, r->addresses, r->count, r->more);
}

enum err dialogue_open(struct dialogue **ret, struct relays *all, const struct relay_settings *settings,
                       const struct dialogue_events *events, void *owner)
{
    struct dialogue *d = mem_zero(1, sizeof(*d));
    if (!d)
        return ERR_NOMEM;
    d->all = all;
    d->settings = settings;
    d->events = events;
    d->owner = owner;
    d->transport.fd = -1;
    d->transport.alert = -1;
    buf_init(&d->out, OUT_MAX);
    reply_begin(&d->reply);
    *ret = d;
    return ERR_NONE;
}

void dialogue_start(struct dialogue *d)
{
    const char *host = d->settings->host;
    char bracketed[256];
    union address ip;
    (void)snprintf(bracketed, sizeof(bracketed), strchr(host, ':') ? "[%s]" : "%s", host);
    d->state = DIALOGUE_RESOLVE;
    d->events->step(d, "resolve");
    if (!address_parse(bracketed, d->settings->port, &ip))
        enter_connect(d, &ip, 1, false);
    else if (resolve_start(d->all->resolver, host, d->settings->deadlines.dns_ms, on_resolved, d, &d->query))
        dialogue_lost(d, ENDED_LOCAL, CAUSE_local_out_of_memory);
}
