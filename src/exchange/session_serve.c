/*
 * What a session does with bytes: requests out, answers in, by HTTP/1 one at a time or by HTTP/2 in many
 * streams. Codecs never call out while they hold the read buffer: streams that end are listed and reported
 * afterwards.
 */
#include <string.h>

#include "exchange/parts.h"

#define IDLE_MARGIN_MS 250 /* before the server's own Keep-Alive limit */
#define PACK_LIMIT 65536   /* output gathered before it is written */
#define HEAD_ROOM 640      /* most heads are smaller */
#define SPARE_MAX 65536    /* a larger buffer is not kept */
#define TURN_MAX                                                                                             \
    1048576 /* bytes read, and bytes written, before other sessions and the timers get their turn */

/* ---- HTTP/2 ---- */

void session_stream_ended(void *arg, struct http2_stream *stream)
{
    struct session *s = arg;
    list_push_back(&s->ended, &stream->link);
}

/* The server accepts a resumption that received an answer. */
void session_answers(struct session *s)
{
    s->answered = true;
    if (s->resumed)
        s->origin->resumes = true;
}

void session_stream_answers(void *arg, struct http2_stream *stream)
{
    session_answers(arg);
    struct exchange *x = list_entry(stream, struct exchange, stream);
    x->events->answers(x);
}

/* Removes the exchange from the session. */
static void detach(struct session *s, struct exchange *x)
{
    list_remove(&x->wait);
    x->session = NULL;
    if (s->x == x)
        s->x = NULL;
}

/* Reports the streams that ended inside the codec. */
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
        x->events->ended(x, &e);
    }
}

/* The connection ends with open streams: their evidence is recorded before it closes. */
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
        s->draining = true; /* a retry must not use this session */
        x->events->ended(x, &e);
    }
}

/*
 * We ran out of memory inside the codec: frames that nghttp2 handed out may be lost, so the whole session is.
 */
static void no_memory(struct session *s)
{
    if (s->ready)
        end_streams(s, ENDED_LOCAL, CAUSE_local_out_of_memory);
    else
        session_fail_as(s, ENDED_LOCAL, CAUSE_local_out_of_memory);
    session_close(s);
}

/* A writable socket reports so at once. */
void session_come_back(struct session *s)
{
    s->again = true;
    session_watch(s, UV_READABLE | UV_WRITABLE);
}

/* Writes the codec's output as long as the socket accepts it; may end the session. */
static void send_packed(struct session *s)
{
    for (size_t sent = 0;; sent += PACK_LIMIT) {
        if (http2_pack(s->h2, &s->out, PACK_LIMIT) != ERR_NONE) {
            no_memory(s);
            return;
        }
        bool more = buf_len(&s->out) >= PACK_LIMIT;
        session_flush(s);
        if (!more || buf_len(&s->out) > 0)
            return;
        if (sent >= TURN_MAX) {
            session_come_back(s);
            return;
        }
    }
}

/* After input: writes the codec's output, reports ended streams, becomes ready, drains. */
void session_settle(struct session *s)
{
    send_packed(s);
    if (s->closed)
        return;
    enum cause_id broken = http2_broken(s->h2);
    if (!s->ready) {
        if (broken != CAUSE_ok)
            session_fail_as(s, ENDED_PROTOCOL, broken);
        else if (http2_goaway_seen(s->h2, NULL))
            session_fail_as(s, ENDED_GOAWAY, CAUSE_ok);
        else if (http2_ready(s->h2) && !s->draining)
            session_ready(s);
        return;
    }
    if (broken != CAUSE_ok) {
        end_streams(s, ENDED_PROTOCOL, broken);
        session_close(s);
        return;
    }
    if (http2_closing(s->h2))
        s->draining = true;
    tell_ended(s);
    if (s->closed)
        return;
    if (s->draining && http2_open_streams(s->h2) == 0) {
        session_close(s);
        return;
    }
    s->events->vacant(s);
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
    x->events->ended(x, &e);
    if (!reusable)
        return;
    s->idle_ms = idle_ms;
    s->events->vacant(s);
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
    x->events->ended(x, &e);
}

static void h1_input(struct session *s, size_t len)
{
    if (!s->x) { /* unsolicited, such as a 408 */
        session_close(s);
        return;
    }
    if (s->h1.answer == ANSWER_NONE) {
        session_answers(s);
        s->x->events->answers(s->x);
    }
    switch (http1_response_feed(&s->h1, s->engine->scratch, len)) {
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

/* Nothing more can be read from the connection. */
void session_over(struct session *s, enum io io)
{
    enum ended ended = session_ended_of(io);
    enum cause_id cause = io == IO_LOCAL ? session_local_cause(s->transport.sys_errno) : CAUSE_ok;
    if (!s->ready) {
        if (s->h2 && http2_broken(s->h2) != CAUSE_ok)
            session_fail_as(s, ENDED_PROTOCOL, http2_broken(s->h2));
        else if (s->h2 && http2_goaway_seen(s->h2, NULL))
            session_fail_as(s, ENDED_GOAWAY, CAUSE_ok);
        else
            session_fail_as(s, ended, cause);
        return;
    }
    if (ended != ENDED_LOCAL)
        session_doubt(s);
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
        x->events->ended(x, &e);
}

/* Reads all there is, up to the limit of one turn. False: the session ended or failed. */
bool session_read(struct session *s)
{
    struct engine *engine = s->engine;
    for (uint64_t stop = s->transport.raw_in + TURN_MAX;;) {
        if (s->transport.raw_in >= stop) { /* a peer that never stops sending does not stop the clock */
            session_come_back(s);
            return true;
        }
        size_t len = 0;
        enum io io = transport_read(&s->transport, engine->scratch, sizeof(engine->scratch), &len);
        if (io == IO_WANT_READ)
            return true;
        if (io == IO_WANT_WRITE) {
            session_come_back(s);
            return true;
        }
        if (io != IO_OK) {
            if (s->h2) { /* report what came before the end first, and accept no new exchanges */
                s->draining = true;
                session_settle(s);
            }
            if (!s->closed)
                session_over(s, io);
            return false;
        }
        s->app_data = true;
        if (s->h2) {
            enum err e = http2_feed(s->h2, (const uint8_t *)engine->scratch, len);
            if (e == ERR_NONE)
                continue;
            if (e == ERR_NOMEM)
                no_memory(s);
            else
                session_settle(s);
            return false;
        }
        h1_input(s, len);
        if (s->closed)
            return false;
        if (len < sizeof(engine->scratch) && !transport_pending(&s->transport))
            /* nothing left; asking again would cost a call per answer, and the poll reports more */
            return true;
    }
}

/* Sessions of a loop share output memory, because mostly one of them writes at a time. */
static void take_spare(struct session *s)
{
    struct buf *spare = &s->engine->spare;
    if (s->out.data || !spare->data)
        return;
    s->out.data = spare->data;
    s->out.alloc = spare->alloc;
    spare->data = NULL;
}

static void give_spare(struct session *s)
{
    struct buf *out = &s->out, *spare = &s->engine->spare;
    if (buf_len(out) == 0 && out->data && !spare->data && out->alloc <= SPARE_MAX) {
        spare->data = out->data;
        spare->alloc = out->alloc;
        out->data = NULL;
        out->head = out->tail = out->alloc = 0;
    }
    buf_trim(out);
}

void session_flush(struct session *s)
{
    while (buf_len(&s->out) > 0 && !s->write_dead) {
        struct span out = buf_span(&s->out);
        size_t n = 0;
        enum io io = transport_write(&s->transport, out.ptr, out.len, &n);
        if (io == IO_WANT_WRITE) {
            session_watch(s, UV_READABLE | UV_WRITABLE);
            return;
        }
        if (io == IO_WANT_READ)
            return;
        if (io != IO_OK) {
            s->write_dead =
                true; /* the socket is now readable: reading tells who ended it and what was sent before */
            session_watch(s, UV_READABLE);
            return;
        }
        buf_consume(&s->out, n);
        if (s->h2)
            http2_flushed(s->h2, n);
        else
            s->sent += n;
    }
    session_watch(s, s->again ? UV_READABLE | UV_WRITABLE : UV_READABLE);
    if (s->write_dead)
        return;
    give_spare(s);
    while (!list_empty(&s->unsent)) {
        struct exchange *x = list_entry(s->unsent.next, struct exchange, wait);
        if (s->h2 && !http2_stream_sent_whole(s->h2, &x->stream))
            break;
        list_remove(&x->wait);
        x->events->sent(x);
    }
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
        session_settle(s);
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

bool session_is_idle(const struct session *s)
{
    return s->ready && !s->draining && (s->h2 ? http2_open_streams(s->h2) == 0 : !s->x);
}

static enum err h1_write_request(struct session *s, const struct exchange_request *r)
{
    struct buf *out = &s->out;
    take_spare(s);
    /* Reserve everything at once, so that appending moves no bytes. */
    enum err e = buf_reserve(out, HEAD_ROOM + r->body.len);
    const char *const line[] = {r->method ? r->method : "POST",
                                " ",
                                r->url->target,
                                " HTTP/1.1\r\nhost: ",
                                r->url->authority,
                                "\r\n"};
    for (size_t i = 0; !e && i < sizeof(line) / sizeof(line[0]); i++)
        e = buf_add_str(out, line[i]);
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
        e = buf_add_str(out, "content-length: ");
    if (!e)
        e = buf_add_uint(out, r->body.len);
    if (!e)
        e = buf_add_str(out, "\r\n\r\n");
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
    } else {
        http1_response_init(&s->h1);
        s->h1.body = x->request.response_body;
        s->h1.fields = x->request.response_fields;
        s->h1.fields_len = s->h1.fields ? buf_len(s->h1.fields) : 0;
        s->sent = 0;
        e = h1_write_request(s, &x->request);
    }
    if (e)
        return e;
    if (!s->h2)
        s->x = x;
    if (s->announced)
        s->engine->stats.reused_total++;
    x->events->attached(x, s, s->announced);
    list_push_back(&s->unsent, &x->wait);
    if (!s->h2) {
        session_flush(s);
        return ERR_NONE;
    }
    send_packed(s);
    /* for example, its HEADERS could not be made: reported at the next turn */
    if (!s->closed && !list_empty(&s->ended))
        session_come_back(s);
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
    send_packed(s);
    if (s->closed)
        return;
    if (s->draining && http2_open_streams(s->h2) == 0)
        session_close(s);
    else
        s->events->vacant(s);
}
