#include "server/server_h2.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/origin.h"
#include "net/http2_cut.h"
#include "server/server_h2_budget.h"
#include "server/server_h2_memory.h"

#define CONTINUATIONS_MAX 8
#define OUTBOUND_ACK_MAX 128
#define SETTINGS_ENTRIES_MAX 16
#define STREAM_WINDOW (256 * 1024) /* large enough that most bodies need no WINDOW_UPDATE round trip */
#define CONNECTION_WINDOW (1024 * 1024)
#define CLOSED_MAX 256u /* more than the streams that may be open at once */

/* State of a closed stream, in the slot for its id; a later stream may have taken the slot. */
struct closed {
    uint32_t stream;
    int32_t left; /* bytes the client may still send, which are dropped; -1: the client ended the stream */
};

struct h2 {
    nghttp2_session *session;
    const struct h2_host *host;
    const struct server_limits *limits;
    struct h2_budget budget;
    struct closed closed[CLOSED_MAX];
    uint32_t last_stream; /* the highest stream the client opened, as far as nghttp2 has read, */
    uint32_t walked;      /* and as far as the walk has */
    struct h2_walk walk;
    uint32_t fault; /* fault found by the walk; reported once nghttp2 has read as far */
    struct h2_memory memory;
    uint32_t open, continuations;
    bool in_head, terminated, calmed;
    struct http2_cut cut;
};

/* ---- how it ends ---- */

/* The first reason is the one reported. */
static void terminate(struct h2 *h, uint32_t code)
{
    if (h->terminated)
        return;
    h->terminated = true;
    if (nghttp2_session_terminate_session(h->session, code) != 0)
        h->memory.out = true;
}

/* ---- closed streams ---- */

static struct closed *slot_of(struct h2 *h, uint32_t stream)
{
    return &h->closed[stream / 2 % CLOSED_MAX];
}

static void note_closed(struct h2 *h, uint32_t stream, bool by_client)
{
    *slot_of(h, stream) = (struct closed){stream, by_client ? -1 : STREAM_WINDOW};
}

/*
 * Judges a frame that needs an open stream, on a stream that nghttp2 does not know (any more). If we ended
 * the stream, the client may not know yet: frames that may have been in flight are dropped. If the client
 * ended it, the frame is an error. NGHTTP2_NO_ERROR: nothing is wrong.
 */
static uint32_t closed_fault(struct h2 *h, uint8_t type, uint32_t stream, uint32_t length)
{
    struct closed *c = slot_of(h, stream);
    if (c->stream != stream)
        return type == NGHTTP2_HEADERS ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_STREAM_CLOSED;
    if (type == NGHTTP2_DATA)
        c->left = c->left < (int32_t)length ? -1 : c->left - (int32_t)length;
    return c->left < 0 ? NGHTTP2_STREAM_CLOSED : NGHTTP2_NO_ERROR;
}

static bool is_open(struct h2 *h, uint32_t stream)
{
    return nghttp2_session_find_stream(h->session, (int32_t)stream);
}

/*
 * Sees every frame before nghttp2 reads it. nghttp2 does not report DATA on closed streams, frames of unknown
 * types, or PRIORITY, which we announced to ignore (RFC 9218 2.1).
 */
static void on_walk(void *arg, const struct h2_frame *f)
{
    struct h2 *h = arg;
    uint32_t fault = NGHTTP2_NO_ERROR;
    h2_budget_spend(&h->budget, h2_budget_cost(f->type));
    if (f->type == NGHTTP2_DATA && f->length == 0)
        h2_budget_spend(&h->budget, H2_COST_CONTROL);
    if (f->type == NGHTTP2_PRIORITY && (f->stream == 0 || f->stream == f->depends_on))
        fault = NGHTTP2_PROTOCOL_ERROR;
    if (f->type == NGHTTP2_HEADERS && f->stream % 2 == 1 && f->stream > h->walked) {
        h->walked = f->stream;
        note_closed(h, f->stream, false); /* nghttp2 may refuse it without a callback */
    }
    struct closed *c = slot_of(h, f->stream);
    bool noted = c->stream == f->stream;
    bool open = is_open(h, f->stream) || (noted && f->stream > h->last_stream);
    if (f->type == NGHTTP2_RST_STREAM && noted && open)
        c->left = -1;
    if (f->type == NGHTTP2_DATA && f->stream % 2 == 1 && f->stream <= h->walked &&
        (!open || (noted && c->left < 0)))
        fault = closed_fault(h, f->type, f->stream, f->length);
    if (!h->fault)
        h->fault = fault;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
    (void)session;
    struct h2 *h = arg;
    uint32_t stream = (uint32_t)hd->stream_id;
    if (hd->type == NGHTTP2_CONTINUATION) {
        if (++h->continuations > CONTINUATIONS_MAX)
            terminate(h, NGHTTP2_ENHANCE_YOUR_CALM);
        if (hd->flags & NGHTTP2_FLAG_END_HEADERS)
            h->in_head = false;
    } else if (hd->type == NGHTTP2_HEADERS) {
        h->in_head = (hd->flags & NGHTTP2_FLAG_END_HEADERS) == 0;
        h->continuations = 0;
        if (stream % 2 == 1 && stream > h->last_stream) {
            h->last_stream = stream;
        } else if (stream % 2 == 1 && !is_open(h, stream)) {
            uint32_t fault = closed_fault(h, hd->type, stream, 0);
            if (fault != NGHTTP2_NO_ERROR)
                terminate(h, fault);
        }
    }
    return h->memory.out ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* ---- the request ---- */

static struct server_request *request_of(struct h2 *h, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(h->session, stream);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct server_request *r = h->host->begin(h->host->arg, frame->hd.stream_id);
    if (!r)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    r->head.http = 20;
    r->head.keep_alive = true;
    (void)nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, r);
    h->open++;
    return 0;
}

static bool text_add(struct server_request *r, const uint8_t *p, size_t len, struct server_part *ret)
{
    size_t at = buf_len(&r->text);
    if (buf_add(&r->text, p, len) != ERR_NONE)
        return false;
    *ret = (struct server_part){(uint32_t)at, (uint32_t)len};
    return true;
}

static void refuse(struct server_request *r, int status, const char *detail, const char *property)
{
    if (!r->refusal.status)
        r->refusal = (struct server_refusal){status, detail, property};
}

/* The part of the head for a pseudo-header field; NULL: not one we keep. */
static struct server_part *pseudo_part(struct server_head *head, struct span name)
{
    if (span_eq(name, SPAN_LIT(":method")))
        return &head->method;
    return span_eq(name, SPAN_LIT(":path")) ? &head->target : NULL;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
    (void)session;
    (void)flags;
    struct h2 *h = arg;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct server_request *r = request_of(h, frame->hd.stream_id);
    if (!r || r->refusal.status)
        return 0;
    struct span n = {(const char *)name, name_len};
    struct server_head *head = &r->head;
    bool ok;
    if (span_eq(n, SPAN_LIT(":path")) && value_len > h->limits->target_max) {
        refuse(r, 414, "The request target is too long", NULL);
        return 0;
    }
    if (name_len > 0 && name[0] == ':' && !span_eq(n, SPAN_LIT(":authority"))) {
        struct server_part *part = pseudo_part(head, n);
        ok = !part || text_add(r, value, value_len, part);
    } else {
        if (head->field_count >= h->limits->fields_max) {
            refuse(r, 431, "There are too many header fields", NULL);
            return 0;
        }
        struct server_field *f = &head->fields[head->field_count];
        /* :authority corresponds to Host in HTTP/1.1 (RFC 9113 8.3.1), and comes first. */
        ok = name[0] == ':' ? text_add(r, (const uint8_t *)"host", 4, &f->name)
                            : text_add(r, name, name_len, &f->name);
        /*
         * RFC 9113 8.2.1 forbids blanks at its ends, and nghttp2 would silently drop the field: an
         * Idempotency-Key, for example.
         */
        struct span v = span_trim((struct span){(const char *)value, value_len});
        ok = ok && text_add(r, (const uint8_t *)v.ptr, v.len, &f->value);
        if (ok)
            head->field_count++;
    }
    if (!ok)
        refuse(r, 431, "The header fields are too large", NULL);
    return 0;
}

static void check_head(struct server_request *r)
{
    const char *base = r->base = buf_span(&r->text).ptr;
    struct server_head *head = &r->head;
    if (span_eq(server_part_span(base, head->method), SPAN_LIT("CONNECT"))) {
        refuse(r, 501, "CONNECT is not supported", NULL);
        return;
    }
    if (!server_head_is_token(server_part_span(base, head->method)))
        refuse(r, 400, "The method is malformed", NULL);
    if (!server_head_set_target(head, base))
        refuse(r, 400, "The request target is malformed", NULL);
    struct span length = server_head_find(head, base, SPAN_LIT("content-length"), 0);
    if (length.ptr) {
        head->has_length = server_head_parse_length(length, &head->content_length);
        if (!head->has_length)
            refuse(r, 400, "The length is no number", "content-length");
    }
    struct span expect = server_head_find(head, base, SPAN_LIT("expect"), 0);
    head->expect_continue = expect.ptr && span_eq_nocase(expect, SPAN_LIT("100-continue"));
    if (expect.ptr && !head->expect_continue)
        refuse(r, 417, "100-continue is the only expectation understood", "expect");
}

static enum err say_continue(struct h2 *h, struct server_request *r)
{
    nghttp2_nv nv = {(uint8_t *)":status", (uint8_t *)"100", 7, 3, NGHTTP2_NV_FLAG_NONE};
    int e = nghttp2_submit_headers(h->session, NGHTTP2_FLAG_NONE, r->stream, NULL, &nv, 1, NULL);
    return e == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : e ? err_origin(ERR_INTERNAL) : ERR_NONE;
}

/* Bytes that were taken or dropped make room in the windows; of_stream false: only in the connection's. */
static void consume(struct h2 *h, int32_t stream, size_t len, bool of_stream)
{
    int e = of_stream ? nghttp2_session_consume(h->session, stream, len)
                      : nghttp2_session_consume_connection(h->session, len);
    if (e == NGHTTP2_ERR_NOMEM)
        h->memory.out = true;
}

static void sink_end(struct h2 *h, struct server_request *r)
{
    if (r->remote_done && !r->sink_full && !r->sink_over && !r->answered && buf_len(&r->body) == 0)
        h->host->end(h->host->arg, r);
}

enum err h2_sink(struct h2 *h, struct server_request *r)
{
    if (h->memory.out)
        return ERR_NOMEM;
    size_t len = buf_len(&r->body);
    if (!r->refusal.status && r->charged < STREAM_WINDOW &&
        !h->host->charge(h->host->arg, r, STREAM_WINDOW - r->charged))
        r->refusal =
            (struct server_refusal){503, "Too many request bodies wait already; try again later", NULL};
    if (r->refusal.status) {
        h->host->request(h->host->arg, r);
        return ERR_NONE;
    }
    if (len && !r->sink_full) {
        h->host->piece(h->host->arg, r, buf_span(&r->body));
        buf_clear(&r->body);
        if (nghttp2_session_consume_stream(h->session, r->stream, len) == NGHTTP2_ERR_NOMEM)
            return ERR_NOMEM;
    }
    if (!r->remote_done && r->head.expect_continue && !len && !r->sunk) {
        r->head.expect_continue = false;
        return say_continue(h, r);
    }
    sink_end(h, r);
    return ERR_NONE;
}

enum err h2_go_on(struct h2 *h, struct server_request *r)
{
    if (h->memory.out)
        return ERR_NOMEM;
    if (buf_len(&r->body) &&
        nghttp2_session_consume_stream(h->session, r->stream, buf_len(&r->body)) == NGHTTP2_ERR_NOMEM)
        return ERR_NOMEM;
    if (r->head.has_length && r->head.content_length > r->body_max)
        refuse(r, 413, "The body is too large", NULL);
    if (r->refusal.status || r->remote_done)
        h->host->request(h->host->arg, r);
    else if (r->head.expect_continue && buf_len(&r->body) == 0)
        return say_continue(h, r);
    return ERR_NONE;
}

static int head_complete(struct h2 *h, struct server_request *r)
{
    if (!r->refusal.status)
        check_head(r);
    if (!r->refusal.status) {
        h->host->head(h->host->arg, r);
        if (r->answered || r->sinking)
            return 0;
    }
    if (!r->held && h2_go_on(h, r) != ERR_NONE)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return h->memory.out ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session;
    struct h2 *h = arg;
    if (h->memory.out)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct server_request *r = request_of(h, frame->hd.stream_id);
    if (!r)
        return 0;
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (end)
        r->remote_done = true;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        return head_complete(h, r);
    bool data = frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0;
    if (data && frame->hd.length == frame->data.padlen && !end)
        h2_budget_spend(&h->budget, H2_COST_CONTROL); /* only padding */
    if (end && r->sinking)
        sink_end(h, r);
    else if (end && !r->answered && !r->dispatched && !r->held)
        h->host->request(h->host->arg, r);
    return 0;
}

/*
 * What the sink does not take waits, and the stream's window with it: so that is all that can arrive. The
 * connection's window is for all streams.
 */
static void sink_data(struct h2 *h, struct server_request *r, const uint8_t *p, size_t len)
{
    consume(h, r->stream, len, false);
    h2_budget_earn(&h->budget, H2_COST_FRAME);
    if (r->sink_over)
        return;
    if (!r->sink_full && buf_len(&r->body) == 0) {
        h->host->piece(h->host->arg, r, (struct span){(const char *)p, len});
        if (nghttp2_session_consume_stream(h->session, r->stream, len) == NGHTTP2_ERR_NOMEM)
            h->memory.out = true;
    } else if (buf_add(&r->body, p, len) != ERR_NONE) {
        r->refusal =
            (struct server_refusal){503, "There is no memory for this request; try again later", NULL};
        h->host->request(h->host->arg, r);
    }
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *p,
                         size_t len, void *arg)
{
    (void)session;
    (void)flags;
    struct h2 *h = arg;
    struct server_request *r = request_of(h, stream);
    if (r && r->sinking && !r->answered && !r->refusal.status) {
        sink_data(h, r, p, len);
        return 0;
    }
    consume(h, stream, len, !r || !r->held); /* held: the client sends no more than one window */
    if (!r || r->answered || r->dispatched || r->refusal.status)
        return 0;
    size_t have = buf_len(&r->body);
    if (have > r->body_max || len > r->body_max - have)
        refuse(r, 413, "The body is too large", NULL);
    else if (!h->host->charge(h->host->arg, r, len))
        refuse(r, 503, "Too many request bodies wait already; try again later", NULL);
    else if (buf_add(&r->body, p, len) != ERR_NONE)
        refuse(r, 503, "There is no memory for this request; try again later", NULL);
    else
        h2_budget_earn(&h->budget, H2_COST_FRAME);
    if (r->refusal.status && !r->held)
        h->host->request(h->host->arg, r);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *arg)
{
    struct h2 *h = arg;
    struct server_request *r = request_of(h, stream);
    const struct closed *c = slot_of(h, (uint32_t)stream);
    bool reset = c->stream == (uint32_t)stream && c->left < 0;
    note_closed(h, (uint32_t)stream, (r && r->remote_done) || reset);
    if (!r)
        return 0;
    if (r->answered && code == NGHTTP2_NO_ERROR)
        h2_budget_earn(&h->budget, H2_EARN_ANSWER);
    (void)nghttp2_session_set_stream_user_data(session, stream, NULL);
    h->open--;
    h->host->gone(h->host->arg, r);
    return 0;
}

/* ---- the response ---- */

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code == NGHTTP2_ENHANCE_YOUR_CALM)
        h->calmed = true;
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        /*
         * Resets we must send are errors the client made us answer (CVE-2025-8671), unless they are our own.
         */
        struct server_request *r = request_of(h, frame->hd.stream_id);
        uint32_t code = frame->rst_stream.error_code;
        if (code != NGHTTP2_NO_ERROR && code != NGHTTP2_REFUSED_STREAM && !(r && r->broken))
            h2_budget_spend(&h->budget, H2_COST_CONTROL);
        return 0;
    }
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    /* Answered before the body was read: the client need not send the rest (RFC 9113 8.1). */
    struct server_request *r = request_of(h, frame->hd.stream_id);
    if (r && !r->remote_done &&
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return 0;
}

static ssize_t on_read_body(nghttp2_session *session, int32_t stream, uint8_t *p, size_t len, uint32_t *flags,
                            nghttp2_data_source *source, void *arg)
{
    (void)session;
    (void)stream;
    struct h2 *h = arg;
    struct server_request *r = source->ptr;
    struct span have = buf_span(&r->out);
    size_t n = have.len < len ? have.len : len;
    if (n == 0 && r->broken)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (n == 0 && !r->ended) {
        r->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    memcpy(p, have.ptr, n);
    buf_consume(&r->out, n);
    if (buf_len(&r->out) == 0 && r->ended && !r->broken)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    h2_budget_earn(&h->budget, n < len ? H2_EARN_DATA : (int32_t)(n / H2_EARN_BYTES));
    h->host->sent(h->host->arg, r, n);
    return (ssize_t)n;
}

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NONE};
}

enum err h2_respond(struct h2 *h, struct server_request *r, int status,
                    const struct server_header_out *headers, size_t count_out, const char *date,
                    const char *length)
{
    if (h->memory.out)
        return ERR_NOMEM;
    char code[12];
    (void)snprintf(code, sizeof(code), "%d", status);
    nghttp2_nv nv[SERVER_HEADERS_OUT_MAX + 4];
    size_t n = 0;
    nv[n++] = field(":status", code);
    if (date)
        nv[n++] = field("date", date);
    if (r->id[0])
        nv[n++] = field("x-line-request-id", r->id);
    if (length)
        nv[n++] = field("content-length", length);
    for (size_t i = 0; i < count_out && i < SERVER_HEADERS_OUT_MAX; i++)
        nv[n++] = field(headers[i].name, headers[i].value);
    nghttp2_data_provider provider = {.source.ptr = r, .read_callback = on_read_body};
    /* The rest of the request is dropped: the client gets no window for it. */
    if (!r->remote_done)
        (void)nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, r->stream, 0);
    bool body = !r->no_body && (!r->ended || r->broken || buf_len(&r->out) > 0);
    int e = nghttp2_submit_response(h->session, r->stream, nv, n, body ? &provider : NULL);
    return e == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : e ? err_origin(ERR_INTERNAL) : ERR_NONE;
}

void h2_resume(struct h2 *h, struct server_request *r)
{
    if (!r->deferred || h->memory.out)
        return;
    r->deferred = false;
    if (nghttp2_session_resume_data(h->session, r->stream) == NGHTTP2_ERR_NOMEM)
        h->memory.out = true;
}

void h2_reset(struct h2 *h, struct server_request *r)
{
    r->broken = true;
    if (!h->memory.out &&
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, r->stream, NGHTTP2_INTERNAL_ERROR) != 0)
        h->memory.out = true;
}

void h2_goaway(struct h2 *h, bool last)
{
    if (h->memory.out)
        return;
    int e = last ? nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
                                         nghttp2_session_get_last_proc_stream_id(h->session),
                                         NGHTTP2_NO_ERROR, NULL, 0)
                 : nghttp2_submit_shutdown_notice(h->session);
    if (e == NGHTTP2_ERR_NOMEM)
        h->memory.out = true;
}

/* ---- the session ---- */

static int make_session(struct h2 *h)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    int e = nghttp2_session_callbacks_new(&callbacks);
    if (e == 0)
        e = nghttp2_option_new(&option);
    if (e == 0) {
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
        nghttp2_option_set_max_outbound_ack(option, OUTBOUND_ACK_MAX);
        nghttp2_option_set_max_settings(option, SETTINGS_ENTRIES_MAX);
        nghttp2_option_set_no_closed_streams(option, 1);
        nghttp2_option_set_no_auto_window_update(option, 1); /* a sink may take its time */
        nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
        e = nghttp2_session_server_new3(&h->session, callbacks, h, option, &h->memory.allocator);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return e;
}

enum err h2_new(struct h2 **ret, const struct h2_host *host, const struct server_limits *limits)
{
    struct h2 *h = mem_zero(1, sizeof(*h));
    if (!h)
        return ERR_NOMEM;
    h->host = host;
    h->limits = limits;
    h2_memory_init(&h->memory);
    h->cut.payload_left = HTTP2_MAGIC; /* passes unchanged */
    h2_budget_init(&h->budget, host->now_us(host->arg));
    h2_walk_init(&h->walk);
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->head_max},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    int e = make_session(h);
    if (e == 0)
        e = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
                                    sizeof(settings) / sizeof(settings[0]));
    if (e == 0)
        e = nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
    if (e != 0) {
        h2_free(h);
        return e == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : err_origin(ERR_INTERNAL);
    }
    *ret = h;
    return ERR_NONE;
}

void h2_free(struct h2 *h)
{
    if (!h)
        return;
    if (!h->memory.out)
        nghttp2_session_del(h->session);
    h2_memory_deinit(&h->memory);
    mem_free(h);
}

/* Checked after input and output, which are bounded: what was earned in the same read counts. */
static void check_budget(struct h2 *h)
{
    if (h2_budget_spent(&h->budget))
        terminate(h, NGHTTP2_ENHANCE_YOUR_CALM);
}

static enum err receive(void *arg, const uint8_t *p, size_t len)
{
    struct h2 *h = arg;
    ssize_t n = nghttp2_session_mem_recv(h->session, p, len);
    if (n == NGHTTP2_ERR_FLOODED) /* more pending acknowledgements than OUTBOUND_ACK_MAX */
        terminate(h, NGHTTP2_ENHANCE_YOUR_CALM);
    if (h->memory.out || n == NGHTTP2_ERR_NOMEM)
        return ERR_NOMEM;
    return n < 0 || h2_done(h) ? ERR_CLOSED : ERR_NONE;
}

enum err h2_input(struct h2 *h, const void *p, size_t len)
{
    if (h->memory.out)
        return ERR_NOMEM;
    h2_budget_refill(&h->budget, h->host->now_us(h->host->arg));
    h2_walk_feed(&h->walk, p, len, on_walk, h);
    enum err e = http2_cut_feed(&h->cut, p, len, receive, h);
    if (h->memory.out)
        return ERR_NOMEM;
    if (h->fault)
        terminate(h, h->fault);
    check_budget(h);
    return h->memory.out ? ERR_NOMEM : e ? e : h->terminated ? ERR_CLOSED : ERR_NONE;
}

enum err h2_output(struct h2 *h, struct buf *out, size_t high)
{
    while (buf_len(out) < high && !h->memory.out) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(h->session, &p);
        if (n == 0)
            break;
        if (n < 0 || buf_add(out, p, (size_t)n) != ERR_NONE)
            return n < 0 && n != NGHTTP2_ERR_NOMEM ? ERR_INTERNAL : ERR_NOMEM;
    }
    if (!h->memory.out)
        check_budget(h);
    return h->memory.out ? ERR_NOMEM : ERR_NONE;
}

bool h2_done(const struct h2 *h)
{
    return !nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session);
}

bool h2_calmed(const struct h2 *h)
{
    return h->calmed;
}

bool h2_in_head(const struct h2 *h)
{
    return h->in_head;
}

uint32_t h2_open_streams(const struct h2 *h)
{
    return h->open;
}
