#include "exchange/http2.h"

#include <assert.h>
#include <string.h>

#include "base/decimal.h"
#include "base/mem.h"
#include "base/origin.h"
#include "net/http2_cut.h"

#define WINDOW 1048576     /* the largest body we accept, so that no answer waits for a WINDOW_UPDATE */
#define HEADERS_MAX_OUT 40 /* fields of one request of ours */
#define BLOCK_MAX                                                                                            \
    (4u * HTTP2_HEAD_MAX) /* bytes of a head as received: no coding makes an acceptable head that large */

struct http2 {
    nghttp2_session *session;
    struct http2_events events;
    struct list streams;
    uint32_t open;
    uint64_t block;                    /* bytes of the frames of the head being received */
    uint8_t first[HTTP2_FRAME_HEADER]; /* the peer's first frame header: it must be SETTINGS (RFC 9113 3.4) */
    uint8_t first_len;
    struct http2_cut cut;
    bool settings, goaway, ours_goaway;
    int32_t goaway_last;
    uint32_t goaway_code;
    enum cause_id broken;
    struct http2_stream *packing_headers, *packing_end; /* streams whose frame nghttp2 is handing out */
    uint64_t packed, flushed;                           /* output offsets */
};

static struct http2_stream *stream_of(struct http2 *h, int32_t id)
{
    return id > 0 ? nghttp2_session_get_stream_user_data(h->session, id) : NULL;
}

/* Forgets the stream: from here on nghttp2's callbacks find nothing for it. */
static void stream_close(struct http2 *h, struct http2_stream *s)
{
    (void)nghttp2_session_set_stream_user_data(h->session, s->id, NULL);
    list_remove(&s->link);
    h->open--;
    s->id = 0;
    if (h->packing_headers == s)
        h->packing_headers = NULL;
    if (h->packing_end == s)
        h->packing_end = NULL;
}

static void stream_end(struct http2 *h, struct http2_stream *s, enum ended ended, enum cause_id cause,
                       uint32_t code)
{
    s->ended = ended;
    s->cause = cause;
    s->code = code;
    stream_close(h, s);
    h->events.stream_ended(h->events.arg, s);
}

static void complete(struct http2 *h, struct http2_stream *s)
{
    int32_t id = s->id;
    bool unsent = s->body_end == 0;
    s->complete = true;
    stream_end(h, s, ENDED_COMPLETE, CAUSE_ok, 0);
    if (unsent) /* an early answer: the rest of the request is useless (RFC 9113 8.1) */
        (void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
}

/* Ends the stream because of what the peer sent on it. */
static void refuse(struct http2 *h, struct http2_stream *s, enum cause_id cause, uint32_t code)
{
    (void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id, code);
    stream_end(h, s, ENDED_PROTOCOL, cause, code);
}

static void malformed(struct http2 *h, struct http2_stream *s)
{
    refuse(h, s, CAUSE_h2_malformed_message, NGHTTP2_PROTOCOL_ERROR);
}

static void answers(struct http2 *h, struct http2_stream *s)
{
    if (s->answer == ANSWER_NONE) {
        s->answer = ANSWER_PARTIAL_HEAD;
        h->events.stream_answers(h->events.arg, s);
    }
}

/* A head that is too large ends its stream; a head without end would keep us decoding. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *frame, void *arg)
{
    (void)session;
    struct http2 *h = arg;
    h->block = frame->type == NGHTTP2_CONTINUATION ? h->block + frame->length : frame->length;
    if (frame->type != NGHTTP2_CONTINUATION || h->block <= BLOCK_MAX)
        return 0;
    h->broken = CAUSE_h2_head_too_large;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session;
    struct http2 *h = arg;
    struct http2_stream *s = stream_of(h, frame->hd.stream_id);
    if (s) {
        answers(h, s);
        http2_message_begin(&s->message);
        s->head_bytes = 0;
        if (s->answer == ANSWER_INTERIM)
            s->answer = ANSWER_PARTIAL_HEAD;
    }
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
    (void)session;
    (void)flags;
    struct http2 *h = arg;
    struct http2_stream *s = stream_of(h, frame->hd.stream_id);
    if (!s)
        return 0;
    size_t size = name_len + value_len + 32;
    if (size > HTTP2_HEAD_MAX - s->head_bytes) {
        refuse(h, s, CAUSE_h2_head_too_large, NGHTTP2_CANCEL);
        return 0;
    }
    s->head_bytes += (uint32_t)size;
    struct span n = {(const char *)name, name_len}, v = {(const char *)value, value_len};
    enum http2_field field = http2_message_field(&s->message, n, &v);
    if (field == HTTP2_FIELD_MALFORMED) {
        malformed(h, s);
        return 0;
    }
    if (s->answer == ANSWER_HEAD || field == HTTP2_FIELD_IGNORED) /* trailers hold nothing we use */
        return 0;
    s->status = s->message.status;
    if (s->status >= 200 && span_eq(n, SPAN_LIT("retry-after")))
        s->retry_after_s = decimal_leading(v);
    if (s->status >= 200 && name[0] != ':' && s->response_fields &&
        buf_printf(s->response_fields, "%.*s: %.*s\n", (int)n.len, n.ptr, (int)v.len, v.ptr))
        s->response_fields = NULL;
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t len,
                   void *arg)
{
    (void)session;
    (void)flags;
    struct http2 *h = arg;
    struct http2_stream *s = stream_of(h, id);
    if (!s)
        return 0;
    if (!http2_message_data(&s->message, (uint64_t)s->body_bytes + len)) {
        malformed(h, s);
    } else if (len > HTTP2_BODY_MAX - s->body_bytes) {
        refuse(h, s, CAUSE_body_too_large, NGHTTP2_CANCEL);
    } else if (s->response_body && buf_add(s->response_body, p, len) == ERR_NOMEM) {
        (void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
        stream_end(h, s, ENDED_LOCAL, CAUSE_local_out_of_memory, 0);
    } else {
        s->body_bytes += (uint32_t)len;
    }
    return 0;
}

static void on_goaway(struct http2 *h, const nghttp2_goaway *frame)
{
    h->goaway = true;
    h->goaway_last = frame->last_stream_id;
    h->goaway_code = frame->error_code;
}

/* A frame of the answer is complete. */
static void on_message(struct http2 *h, struct http2_stream *s, uint8_t type, bool end_stream)
{
    struct http2_message *m = &s->message;
    bool well =
        type == NGHTTP2_HEADERS ? http2_message_head(m, end_stream) : http2_message_data(m, s->body_bytes);
    if (!well || (end_stream && !http2_message_end(m, s->body_bytes))) {
        malformed(h, s);
        return;
    }
    s->answer = m->final ? ANSWER_HEAD : ANSWER_INTERIM;
    s->status = m->final ? m->status : 0;
    if (end_stream)
        complete(h, s);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session;
    struct http2 *h = arg;
    if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
        h->settings = true;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        on_goaway(h, &frame->goaway);
    struct http2_stream *s = stream_of(h, frame->hd.stream_id);
    if (!s)
        return 0;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        stream_end(h, s, ENDED_RST_STREAM, CAUSE_ok, frame->rst_stream.error_code);
    else if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
        on_message(h, s, frame->hd.type, frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    return 0;
}

/* The cause for an error of nghttp2. */
static enum cause_id cause_of_lib(int lib_error)
{
    switch (lib_error) {
    case NGHTTP2_ERR_HEADER_COMP:
        return CAUSE_h2_hpack;
    case NGHTTP2_ERR_FRAME_SIZE_ERROR:
        return CAUSE_h2_frame_size;
    case NGHTTP2_ERR_FLOW_CONTROL:
        return CAUSE_h2_flow_control;
    default:
        return CAUSE_h2_protocol;
    }
}

/* other: the cause of any other error code, which differs between connection and stream. */
static enum cause_id cause_of_code(uint32_t code, enum cause_id other)
{
    switch (code) {
    case NGHTTP2_COMPRESSION_ERROR:
        return CAUSE_h2_hpack;
    case NGHTTP2_FRAME_SIZE_ERROR:
        return CAUSE_h2_frame_size;
    case NGHTTP2_FLOW_CONTROL_ERROR:
        return CAUSE_h2_flow_control;
    default:
        return other;
    }
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int lib_error, void *arg)
{
    (void)session;
    struct http2 *h = arg;
    struct http2_stream *s = stream_of(h, frame->hd.stream_id);
    if (s)
        s->cause = cause_of_lib(lib_error); /* the RST_STREAM or GOAWAY that nghttp2 now sends ends it */
    return 0;
}

/*
 * nghttp2 reports its own verdicts through the frames it sends: GOAWAY with an error breaks the connection,
 * RST_STREAM the stream.
 */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session;
    struct http2 *h = arg;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        h->ours_goaway = true;
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR && h->broken == CAUSE_ok)
            h->broken = cause_of_code(frame->goaway.error_code, CAUSE_h2_protocol);
        return 0;
    }
    struct http2_stream *s = stream_of(h, frame->hd.stream_id);
    if (!s)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS)
        h->packing_headers = s;
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        h->packing_end = s;
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        uint32_t code = frame->rst_stream.error_code;
        enum cause_id cause =
            s->cause != CAUSE_ok ? s->cause : cause_of_code(code, CAUSE_h2_malformed_message);
        stream_end(h, s, ENDED_PROTOCOL, cause, code);
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
    (void)session;
    struct http2 *h = arg;
    struct http2_stream *s = stream_of(h, id);
    for (struct list *l = h->streams.next; !s && l != &h->streams;
         l = l->next) /* a stream that never left the queue has no user data */
        if (list_entry(l, struct http2_stream, link)->id == id)
            s = list_entry(l, struct http2_stream, link);
    if (!s) /* already reported */
        return 0;
    if (h->goaway && (id > h->goaway_last || s->headers_end == 0))
        stream_end(h, s, ENDED_GOAWAY, CAUSE_ok, h->goaway_code);
    else if (h->broken != CAUSE_ok)
        stream_end(h, s, ENDED_PROTOCOL, h->broken, code);
    else if (s->headers_end ==
             0) /* our HEADERS could not be made: nghttp2 closes the stream before it reports that */
        stream_end(h, s, ENDED_LOCAL, CAUSE_local_out_of_memory, code);
    else /* closed without a frame that we saw: its message was malformed */
        stream_end(h, s, ENDED_PROTOCOL, s->cause != CAUSE_ok ? s->cause : CAUSE_h2_malformed_message, code);
    return 0;
}

static ssize_t body_read(nghttp2_session *session, int32_t id, uint8_t *out, size_t len, uint32_t *flags,
                         nghttp2_data_source *source, void *arg)
{
    (void)session;
    (void)source;
    struct http2_stream *s = stream_of(arg, id);
    if (!s) /* the exchange is over; the stream is about to be reset */
        return NGHTTP2_ERR_DEFERRED;
    size_t n = s->body.len < len ? s->body.len : len;
    if (n)
        memcpy(out, s->body.ptr, n);
    s->body.ptr += n;
    s->body.len -= n;
    if (s->body.len == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static void *alloc_malloc(size_t size, void *arg)
{
    (void)arg;
    return mem_alloc(size);
}
static void alloc_free(void *p, void *arg)
{
    (void)arg;
    mem_free(p);
}
static void *alloc_calloc(size_t n, size_t size, void *arg)
{
    (void)arg;
    return mem_zero(n, size);
}
static void *alloc_realloc(void *p, size_t size, void *arg)
{
    (void)arg;
    return mem_resize(p, size);
}

static enum err session_make(struct http2 *h)
{
    static nghttp2_mem mem = {NULL, alloc_malloc, alloc_free, alloc_calloc, alloc_realloc};
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_option *opt = NULL;
    enum err e = ERR_NOMEM;
    if (nghttp2_session_callbacks_new(&cb) != 0)
        return e;
    if (nghttp2_option_new(&opt) != 0)
        goto out;
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_option_set_peer_max_concurrent_streams(opt, HTTP2_STREAMS_MAX);
    nghttp2_option_set_max_send_header_block_length(opt, HTTP2_HEAD_MAX);
    nghttp2_option_set_no_http_messaging(opt, 1); /* http2_message.h checks instead */
#ifdef HAVE_NGHTTP2_MAX_CONTINUATIONS             /* older versions have no limit */
    nghttp2_option_set_max_continuations(opt, HTTP2_CONTINUATIONS_MAX);
#endif
    if (nghttp2_session_client_new3(&h->session, cb, h, opt, &mem) != 0)
        goto out;
    const nghttp2_settings_entry ours[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0}, /* the server opens none */
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP2_HEAD_MAX},
    };
    if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, ours, sizeof(ours) / sizeof(ours[0])) != 0)
        goto out;
    if (nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, WINDOW * 4) != 0)
        goto out;
    e = ERR_NONE;
out:
    nghttp2_option_del(opt);
    nghttp2_session_callbacks_del(cb);
    return e;
}

enum err http2_new(struct http2 **ret, const struct http2_events *events)
{
    struct http2 *h = mem_zero(1, sizeof(*h));
    if (!h)
        return ERR_NOMEM;
    h->events = *events;
    list_init(&h->streams);
    enum err e = session_make(h);
    if (e) {
        http2_free(h);
        return e;
    }
    *ret = h;
    return ERR_NONE;
}

void http2_free(struct http2 *h)
{
    if (!h)
        return;
    nghttp2_session_del(h->session);
    mem_free(h);
}

/* False once the first frame is known not to be SETTINGS. */
static bool first_frame_pass(struct http2 *h, const uint8_t *p, size_t len)
{
    while (len > 0 && h->first_len < HTTP2_FRAME_HEADER) {
        h->first[h->first_len++] = *p++;
        len--;
        bool wrong = (h->first_len == 4 && h->first[3] != NGHTTP2_SETTINGS) ||
                     (h->first_len == 5 && (h->first[4] & NGHTTP2_FLAG_ACK));
        if (wrong)
            return false;
    }
    return true;
}

static enum err receive(void *arg, const uint8_t *p, size_t len)
{
    struct http2 *h = arg;
    ssize_t n = nghttp2_session_mem_recv(h->session, p, len);
    if (n == NGHTTP2_ERR_NOMEM)
        return ERR_NOMEM;
    if (n < 0 && h->broken == CAUSE_ok)
        h->broken = n == NGHTTP2_ERR_FLOODED ? CAUSE_h2_protocol : cause_of_lib((int)n);
    return h->broken == CAUSE_ok ? ERR_NONE : ERR_INVALID;
}

enum err http2_feed(struct http2 *h, const uint8_t *p, size_t len)
{
    if (h->broken != CAUSE_ok)
        return ERR_INVALID;
    if (len == 0)
        return ERR_NONE;
    if (h->first_len < HTTP2_FRAME_HEADER && !first_frame_pass(h, p, len)) {
        h->broken = CAUSE_h2_first_frame;
        return ERR_INVALID;
    }
    return http2_cut_feed(&h->cut, p, len, receive, h);
}

enum err http2_pack(struct http2 *h, struct buf *out, size_t limit)
{
    while (buf_len(out) < limit) {
        const uint8_t *p = NULL;
        ssize_t n = nghttp2_session_mem_send(h->session, &p);
        if (n < 0)
            return n == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : err_origin(ERR_INTERNAL);
        if (n == 0)
            break;
        enum err e = buf_add(out, p, (size_t)n);
        if (e)
            return e;
        h->packed += (uint64_t)n;
        /* nghttp2 hands out one frame at a time and calls on_frame_send first: its end is known here. */
        if (h->packing_headers)
            h->packing_headers->headers_end = h->packed;
        if (h->packing_end)
            h->packing_end->body_end = h->packed;
        h->packing_headers = h->packing_end = NULL;
    }
    return ERR_NONE;
}

void http2_flushed(struct http2 *h, size_t len)
{
    h->flushed += len;
    assert(h->flushed <= h->packed);
}

static nghttp2_nv field(struct span name, struct span value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.ptr,
                        .value = (uint8_t *)(uintptr_t)value.ptr,
                        .namelen = name.len,
                        .valuelen = value.len,
                        .flags = NGHTTP2_NV_FLAG_NONE};
}

enum err http2_request(struct http2 *h, struct http2_stream *s, const struct exchange_request *request)
{
    if (http2_capacity(h) == 0)
        return ERR_CONFLICT;
    if (request->header_count > HEADERS_MAX_OUT)
        return ERR_LIMIT;
    char length[24];
    int digits = snprintf(length, sizeof(length), "%zu", request->body.len);
    nghttp2_nv nv[HEADERS_MAX_OUT + 5];
    size_t n = 0;
    nv[n++] = field(SPAN_LIT(":method"), span_of(request->method ? request->method : "POST"));
    nv[n++] = field(SPAN_LIT(":scheme"), SPAN_LIT("https"));
    nv[n++] = field(SPAN_LIT(":authority"), span_of(request->url->authority));
    nv[n++] = field(SPAN_LIT(":path"), span_of(request->url->target));
    for (size_t i = 0; i < request->header_count; i++)
        nv[n++] = field(request->headers[i].name, request->headers[i].value);
    nv[n++] = field(SPAN_LIT("content-length"), (struct span){length, (size_t)digits});
    *s = (struct http2_stream){.body = request->body,
                               .response_body = request->response_body,
                               .response_fields = request->response_fields};
    nghttp2_data_provider provider = {.read_callback = body_read};
    int32_t id = nghttp2_submit_request(h->session, NULL, nv, n, request->body.len ? &provider : NULL, s);
    if (id == NGHTTP2_ERR_NOMEM)
        return ERR_NOMEM;
    if (id < 0)
        return ERR_CONFLICT; /* stream ids are used up */
    s->id = id;
    list_push_back(&h->streams, &s->link);
    h->open++;
    return ERR_NONE;
}

void http2_cancel(struct http2 *h, struct http2_stream *s)
{
    if (s->id == 0)
        return;
    (void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
    stream_close(h, s);
}

bool http2_settings_seen(const struct http2 *h)
{
    return h->settings;
}

bool http2_goaway_seen(const struct http2 *h, uint32_t *ret_code)
{
    if (h->goaway && ret_code)
        *ret_code = h->goaway_code;
    return h->goaway;
}

bool http2_closing(const struct http2 *h)
{
    return h->goaway || h->ours_goaway || h->broken != CAUSE_ok ||
           !nghttp2_session_check_request_allowed(h->session);
}

uint32_t http2_capacity(const struct http2 *h)
{
    if (!h->settings || http2_closing(h))
        return 0;
    uint32_t theirs =
        nghttp2_session_get_remote_settings(h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    uint32_t cap = theirs < HTTP2_STREAMS_MAX ? theirs : HTTP2_STREAMS_MAX;
    return h->open < cap ? cap - h->open : 0;
}

bool http2_ready(const struct http2 *h)
{
    return h->settings && http2_capacity(h) + h->open > 0 && !http2_closing(h);
}

uint32_t http2_open_streams(const struct http2 *h)
{
    return h->open;
}

struct list *http2_streams(struct http2 *h)
{
    return &h->streams;
}

enum cause_id http2_broken(const struct http2 *h)
{
    return h->broken;
}

bool http2_stream_sent(const struct http2 *h, const struct http2_stream *s)
{
    return s->headers_end != 0 && h->flushed >= s->headers_end;
}

bool http2_stream_sent_whole(const struct http2 *h, const struct http2_stream *s)
{
    return s->body_end != 0 && h->flushed >= s->body_end;
}

void http2_goaway(struct http2 *h)
{
    (void)nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR);
}
