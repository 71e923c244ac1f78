#include "net/server_h2.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/http2_cut.h"

/* A browser that cancels a page full of requests stays below; a flood does not. Tokens come back every
 * second. */
#define RESET_BURST 200
#define RESET_RATE 30
#define CONTROL_BURST 400
#define CONTROL_RATE 50
#define CONTINUATIONS_MAX 8
#define OUTBOUND_ACK_MAX 128
#define SETTINGS_ENTRIES_MAX 16
#define STREAM_WINDOW (256 * 1024) /* so that most bodies need no WINDOW_UPDATE round trip */
#define CONNECTION_WINDOW (1024 * 1024)

struct bucket {
    uint64_t since_us;
    uint32_t tokens, burst, rate;
};

struct h2 {
    nghttp2_session *session;
    const struct h2_host *host;
    const struct server_limits *limits;
    struct bucket resets, controls;
    nghttp2_mem allocator;
    struct list chunks; /* everything the session has allocated */
    uint32_t open, continuations;
    bool in_head, calmed, no_memory;
    struct http2_cut cut;
};

/*
 * nghttp2 1.52 frees a DATA item twice if the queue it goes into cannot grow (nghttp2_submit_data, then
 * nghttp2_session_del). So what a session allocates is on a list: once memory has run out, nghttp2 is not asked again and
 * the list is freed instead.
 */
struct chunk {
    struct list link; /* 16 bytes: what follows is aligned as malloc's is */
};

static void *chunk_add(struct h2 *h, struct chunk *c)
{
    if (!c) {
        h->no_memory = true;
        return NULL;
    }
    list_push_back(&h->chunks, &c->link);
    return c + 1;
}
static void *h2_malloc(size_t size, void *arg)
{
    return chunk_add(arg,
                     size > SIZE_MAX - sizeof(struct chunk) ? NULL : mem_alloc(sizeof(struct chunk) + size));
}
static void h2_mem_free(void *p, void *arg)
{
    (void)arg;
    struct chunk *c = p;
    if (!c)
        return;
    list_remove(&c[-1].link);
    mem_free(c - 1);
}
static void *h2_calloc(size_t n, size_t size, void *arg)
{
    size_t sum = 0;
    bool fits =
        !__builtin_mul_overflow(n, size, &sum) && !__builtin_add_overflow(sum, sizeof(struct chunk), &sum);
    return chunk_add(arg, fits ? mem_zero(1, sum) : NULL);
}
static void *h2_realloc(void *p, size_t size, void *arg)
{
    if (!p)
        return h2_malloc(size, arg);
    struct h2 *h = arg;
    struct chunk *c = (struct chunk *)p - 1;
    list_remove(&c->link);
    struct chunk *grown = size > SIZE_MAX - sizeof(*c) ? NULL : mem_resize(c, sizeof(*c) + size);
    if (!grown)
        list_push_back(&h->chunks, &c->link);
    return chunk_add(h, grown);
}

/* ---- floods ---- */

static void bucket_init(struct bucket *b, uint32_t burst, uint32_t rate, uint64_t now_us)
{
    *b = (struct bucket){now_us, burst, burst, rate};
}

static bool bucket_take(struct bucket *b, uint64_t now_us)
{
    uint64_t gained = (now_us - b->since_us) * b->rate / 1000000;
    if (gained > 0) {
        b->tokens = gained > b->burst - b->tokens ? b->burst : b->tokens + (uint32_t)gained;
        b->since_us = now_us;
    }
    if (b->tokens == 0)
        return false;
    b->tokens--;
    return true;
}

static void calm(struct h2 *h)
{
    if (h->calmed)
        return;
    h->calmed = true;
    if (nghttp2_session_terminate_session(h->session, NGHTTP2_ENHANCE_YOUR_CALM) != 0)
        h->no_memory = true;
}

static void count(struct h2 *h, struct bucket *b)
{
    if (!bucket_take(b, h->host->now_us(h->host->arg)))
        calm(h);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
    (void)session;
    struct h2 *h = arg;
    switch (hd->type) {
    case NGHTTP2_HEADERS:
        h->in_head = (hd->flags & NGHTTP2_FLAG_END_HEADERS) == 0;
        h->continuations = 0;
        break;
    case NGHTTP2_CONTINUATION:
        if (++h->continuations > CONTINUATIONS_MAX)
            calm(h);
        count(h, &h->controls);
        if (hd->flags & NGHTTP2_FLAG_END_HEADERS)
            h->in_head = false;
        break;
    case NGHTTP2_DATA:
        if (hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0)
            count(h, &h->controls);
        break;
    case NGHTTP2_WINDOW_UPDATE: /* as many as there is data to acknowledge */
        break;
    case NGHTTP2_RST_STREAM:
        count(h, &h->resets);
        break;
    default:
        count(h, &h->controls);
        break;
    }
    return 0;
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

/* Which part of the head a pseudo-header field is; NULL: not one we keep. */
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
        /* :authority is what Host is in HTTP/1.1 (RFC 9113 8.3.1), and comes first. */
        ok = name[0] == ':' ? text_add(r, (const uint8_t *)"host", 4, &f->name)
                            : text_add(r, name, name_len, &f->name);
        ok = ok && text_add(r, value, value_len, &f->value);
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

static int head_complete(struct h2 *h, struct server_request *r)
{
    if (!r->refusal.status)
        check_head(r);
    if (!r->refusal.status) {
        h->host->head(h->host->arg, r);
        if (r->answered)
            return 0;
        if (r->head.has_length && r->head.content_length > r->body_max)
            refuse(r, 413, "The body is too large", NULL);
    }
    if (r->refusal.status || r->remote_done)
        h->host->request(h->host->arg, r);
    else if (r->head.expect_continue && h2_continue(h, r) != ERR_NONE)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return h->no_memory ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session;
    struct h2 *h = arg;
    if (h->no_memory)
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
    if (end && !r->answered && !r->dispatched)
        h->host->request(h->host->arg, r);
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *p,
                         size_t len, void *arg)
{
    (void)session;
    (void)flags;
    struct h2 *h = arg;
    struct server_request *r = request_of(h, stream);
    if (!r || r->answered || r->dispatched)
        return 0;
    size_t have = buf_len(&r->body);
    if (have > r->body_max || len > r->body_max - have)
        refuse(r, 413, "The body is too large", NULL);
    else if (!h->host->charge(h->host->arg, r, len))
        refuse(r, 503, "Too many request bodies wait already; try again later", NULL);
    else if (buf_add(&r->body, p, len) != ERR_NONE)
        refuse(r, 503, "There is no memory for this request; try again later", NULL);
    if (r->refusal.status)
        h->host->request(h->host->arg, r);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *arg)
{
    (void)code;
    struct h2 *h = arg;
    struct server_request *r = request_of(h, stream);
    if (!r)
        return 0;
    (void)nghttp2_session_set_stream_user_data(session, stream, NULL);
    h->open--;
    h->host->gone(h->host->arg, r);
    return 0;
}

/* ---- the response ---- */

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        /* Streams we had to reset are errors the client made us answer (CVE-2025-8671), unless they are ours.
         */
        struct server_request *r = request_of(h, frame->hd.stream_id);
        uint32_t code = frame->rst_stream.error_code;
        if (code != NGHTTP2_NO_ERROR && code != NGHTTP2_REFUSED_STREAM && !(r && r->broken))
            count(h, &h->resets);
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
    h->host->sent(h->host->arg, r);
    return (ssize_t)n;
}

enum err h2_continue(struct h2 *h, struct server_request *r)
{
    if (h->no_memory)
        return ERR_NOMEM;
    nghttp2_nv nv = {(uint8_t *)":status", (uint8_t *)"100", 7, 3, NGHTTP2_NV_FLAG_NONE};
    int e = nghttp2_submit_headers(h->session, NGHTTP2_FLAG_NONE, r->stream, NULL, &nv, 1, NULL);
    return e == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : e ? ERR_INTERNAL : ERR_NONE;
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
    if (h->no_memory)
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
    bool body = !r->no_body && (!r->ended || r->broken || buf_len(&r->out) > 0);
    int e = nghttp2_submit_response(h->session, r->stream, nv, n, body ? &provider : NULL);
    return e == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : e ? ERR_INTERNAL : ERR_NONE;
}

void h2_resume(struct h2 *h, struct server_request *r)
{
    if (!r->deferred || h->no_memory)
        return;
    r->deferred = false;
    if (nghttp2_session_resume_data(h->session, r->stream) == NGHTTP2_ERR_NOMEM)
        h->no_memory = true;
}

void h2_reset(struct h2 *h, struct server_request *r)
{
    r->broken = true;
    if (!h->no_memory &&
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, r->stream, NGHTTP2_INTERNAL_ERROR) != 0)
        h->no_memory = true;
}

void h2_goaway(struct h2 *h, bool last)
{
    if (h->no_memory)
        return;
    int e = last ? nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
                                         nghttp2_session_get_last_proc_stream_id(h->session),
                                         NGHTTP2_NO_ERROR, NULL, 0)
                 : nghttp2_submit_shutdown_notice(h->session);
    if (e == NGHTTP2_ERR_NOMEM)
        h->no_memory = true;
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
        e = nghttp2_session_server_new3(&h->session, callbacks, h, option, &h->allocator);
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
    h->allocator = (nghttp2_mem){h, h2_malloc, h2_mem_free, h2_calloc, h2_realloc};
    list_init(&h->chunks);
    h->cut.payload_left = HTTP2_MAGIC; /* passes as it comes */
    uint64_t now = host->now_us(host->arg);
    bucket_init(&h->resets, RESET_BURST, RESET_RATE, now);
    bucket_init(&h->controls, CONTROL_BURST, CONTROL_RATE, now);
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
        return e == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_INTERNAL;
    }
    *ret = h;
    return ERR_NONE;
}

void h2_free(struct h2 *h)
{
    if (!h)
        return;
    if (!h->no_memory)
        nghttp2_session_del(h->session);
    for (struct list *item; (item = list_pop_front(&h->chunks));)
        mem_free(list_entry(item, struct chunk, link));
    mem_free(h);
}

static enum err receive(void *arg, const uint8_t *p, size_t len)
{
    struct h2 *h = arg;
    ssize_t n = nghttp2_session_mem_recv(h->session, p, len);
    if (n == NGHTTP2_ERR_FLOODED) /* more acknowledgements owed than OUTBOUND_ACK_MAX */
        calm(h);
    if (h->no_memory || n == NGHTTP2_ERR_NOMEM)
        return ERR_NOMEM;
    return n < 0 || h2_done(h) ? ERR_CLOSED : ERR_NONE;
}

enum err h2_input(struct h2 *h, const void *p, size_t len)
{
    return h->no_memory ? ERR_NOMEM : http2_cut_feed(&h->cut, p, len, receive, h);
}

enum err h2_output(struct h2 *h, struct buf *out, size_t high)
{
    while (buf_len(out) < high && !h->no_memory) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(h->session, &p);
        if (n == 0)
            break;
        if (n < 0 || buf_add(out, p, (size_t)n) != ERR_NONE)
            return n < 0 && n != NGHTTP2_ERR_NOMEM ? ERR_INTERNAL : ERR_NOMEM;
    }
    return h->no_memory ? ERR_NOMEM : ERR_NONE;
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
