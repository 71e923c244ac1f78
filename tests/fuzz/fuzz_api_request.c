/*
 * What strangers send to our API, into the codecs, without a socket. The first byte chooses the protocol and
 * how the rest is cut. HTTP/1 must come to the same end however it is cut; HTTP/2 must tell the end of every
 * request once.
 */
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "fuzz.h"
#include "server/server_h1.h"
#include "server/server_h2.h"

#define MUST(x)                                                                                              \
    do {                                                                                                     \
        if (!(x)) {                                                                                          \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                    \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* ---- HTTP/1 ---- */

static const struct h1_limits h1_limits = {.head_max = 1000, .target_max = 200, .fields_max = 12};
#define BODY_MAX 300

/* One line a request: what was understood. */
static void note_request(struct buf *notes, const struct h1 *p, const struct buf *in,
                         const struct server_head *head)
{
    struct span all = buf_span(in);
    MUST(p->used <= all.len && p->body_at + p->body_len <= p->used && p->body_len <= BODY_MAX);
    MUST(!p->streamed || p->body_len == 0);
    MUST(p->head_len <= h1_limits.head_max && head->target.len <= h1_limits.target_max);
    MUST(head->field_count <= h1_limits.fields_max && !(head->has_length && head->chunked));
    MUST(buf_add_span(notes, server_part_span(all.ptr, head->method)) == ERR_NONE);
    MUST(buf_add_span(notes, server_part_span(all.ptr, head->path)) == ERR_NONE);
    MUST(buf_add_span(notes, server_part_span(all.ptr, head->query)) == ERR_NONE);
    for (uint32_t i = 0; i < head->field_count; i++) {
        struct span name = server_part_span(all.ptr, head->fields[i].name);
        struct span value = server_part_span(all.ptr, head->fields[i].value);
        MUST(server_head_is_token(name));
        for (size_t at = 0; at < value.len; at++)
            MUST(value.ptr[at] != '\r' && value.ptr[at] != '\n' && value.ptr[at] != '\0');
        MUST(buf_add_span(notes, name) == ERR_NONE && buf_add_span(notes, value) == ERR_NONE);
    }
    MUST(buf_add(notes, all.ptr + p->body_at, p->body_len) == ERR_NONE);
    MUST(buf_printf(notes, " %d%d%d\n", head->http, head->keep_alive, head->expect_continue) == ERR_NONE);
}

/* Feeds data in pieces of step bytes; notes what it meant. streamed: bodies come in pieces, however long. */
static void run_h1(const uint8_t *data, size_t size, size_t step, bool streamed, struct buf *notes)
{
    struct buf in;
    struct h1 p;
    struct server_head head;
    buf_init(&in, 1u << 20);
    h1_init(&p, &h1_limits);
    server_head_clear(&head);
    enum h1_event e = H1_MORE;
    while (size > 0 && e != H1_REFUSE) {
        size_t n = size < step ? size : step;
        MUST(buf_add(&in, data, n) == ERR_NONE);
        data += n;
        size -= n;
        while ((e = h1_step(&p, &in, &head)) != H1_MORE && e != H1_REFUSE) {
            if (e == H1_HEAD) {
                p.body_max = BODY_MAX;
                p.streamed = streamed;
                continue;
            }
            if (e == H1_PIECE) {
                MUST(streamed && p.body_len > 0 && p.body_at + p.body_len <= buf_len(&in));
                MUST(buf_add(notes, in.data + in.head + p.body_at, p.body_len) == ERR_NONE);
                h1_taken(&p, &in);
                continue;
            }
            note_request(notes, &p, &in, &head);
            buf_consume(&in, p.used);
            h1_init(&p, &h1_limits);
            server_head_clear(&head);
        }
        MUST(e == H1_REFUSE || streamed || h1_missing(&p, &in, &head) <= BODY_MAX);
    }
    if (e == H1_REFUSE) {
        char text[512];
        MUST(p.refusal.status >= 400 && p.refusal.status <= 505 &&
             server_head_refusal_body(&p.refusal, text) > 20);
        /* Which of several faults is seen first depends on the cut; that there is one does not. */
        MUST(buf_add_str(notes, "refused\n") == ERR_NONE);
    }
    buf_deinit(&in);
}

static bool refused(const struct buf *notes)
{
    struct span s = buf_span(notes), end = SPAN_LIT("refused\n");
    return s.len >= end.len && memcmp(s.ptr + s.len - end.len, end.ptr, end.len) == 0;
}

static void fuzz_h1(const uint8_t *data, size_t size, size_t step, bool streamed)
{
    struct buf whole, cut;
    buf_init(&whole, 16u << 20);
    buf_init(&cut, 16u << 20);
    run_h1(data, size, size ? size : 1, streamed, &whole);
    run_h1(data, size, step, streamed, &cut);
    /* Pieces of a body that turns out to be malformed were handed out before, more or fewer of them. */
    bool same = streamed && refused(&whole) ? refused(&cut) : span_eq(buf_span(&whole), buf_span(&cut));
    if (!same) {
        (void)fprintf(stderr, "at once:\n%.*s\nin pieces of %zu:\n%.*s\n", (int)buf_len(&whole),
                      buf_span(&whole).ptr, step, (int)buf_len(&cut), buf_span(&cut).ptr);
        abort();
    }
    buf_deinit(&whole);
    buf_deinit(&cut);
}

/* ---- HTTP/2 ---- */

struct host {
    struct h2 *h2;
    struct list requests;
    uint64_t now_us;
    size_t charged;
};

static struct server_request *on_begin(void *arg, int32_t stream)
{
    struct host *host = arg;
    if (stream % 62 == 61) /* as if memory had run out */
        return NULL;
    struct server_request *r = calloc(1, sizeof(*r));
    MUST(r);
    r->stream = stream;
    r->base = "";
    r->body_max = BODY_MAX;
    buf_init(&r->text, 1500);
    buf_init(&r->body, BODY_MAX);
    buf_init(&r->out, 1u << 20);
    list_push_back(&host->requests, &r->link);
    return r;
}

static void answer(struct host *host, struct server_request *r, int status, bool whole)
{
    MUST(!r->answered);
    r->answered = true;
    r->streaming = !whole;
    r->ended = whole;
    r->no_body = span_eq(server_part_span(r->base, r->head.method), SPAN_LIT("HEAD"));
    MUST(buf_add_str(&r->out, "some bytes of a body") == ERR_NONE);
    static const struct server_header_out type = {"content-type", "text/plain"};
    if (h2_respond(host->h2, r, status, &type, 1, "Thu, 01 Jan 1970 00:00:00 GMT", NULL) != ERR_NONE)
        h2_reset(host->h2, r);
}

/* A sink that is full after every other piece. */
static void on_piece(void *arg, struct server_request *r, struct span piece)
{
    (void)arg;
    MUST(piece.len > 0 && r->sinking && !r->sink_full && !r->sink_over && !r->answered && !r->held);
    r->sink_full = ++r->sunk % 2 == 0;
}

static void on_end(void *arg, struct server_request *r)
{
    (void)arg;
    MUST(r->remote_done && !r->sink_over && !r->sink_full && !r->answered && buf_len(&r->body) == 0);
    r->sink_over = true;
}

static void on_head(void *arg, struct server_request *r)
{
    struct host *host = arg;
    if (r->stream % 14 == 3) {
        answer(arg, r, 401, true);
    } else if (r->stream % 14 == 7) {
        r->sinking = r->dispatched = true;
        buf_init(&r->body, 256 * 1024);
        MUST(h2_sink(host->h2, r) == ERR_NONE);
    }
    if (r->stream % 14 == 5 && !r->remote_done)
        r->held = true;
}

static bool on_charge(void *arg, struct server_request *r, size_t len)
{
    struct host *host = arg;
    if (r->sinking)
        return r->stream % 4 == 3;
    host->charged += len;
    return host->charged < 2000;
}

static void on_request(void *arg, struct server_request *r)
{
    MUST(r->dispatched == r->sinking && !r->answered && !r->held);
    r->sink_over = true;
    r->base = buf_span(&r->text).ptr;
    if (r->refusal.status) {
        answer(arg, r, r->refusal.status, true);
        return;
    }
    MUST(r->head.path.at + r->head.path.len <= buf_len(&r->text) && buf_len(&r->body) <= BODY_MAX);
    r->dispatched = true;
    if (r->stream % 4 == 1)
        answer(arg, r, 200, r->stream % 8 == 1);
}

static void on_gone(void *arg, struct server_request *r)
{
    (void)arg;
    MUST(list_linked(&r->link));
    list_remove(&r->link);
    buf_deinit(&r->text);
    buf_deinit(&r->body);
    buf_deinit(&r->out);
    free(r);
}

static void on_sent(void *arg, struct server_request *r, size_t len)
{
    (void)arg;
    (void)r;
    (void)len;
}

static uint64_t on_now(void *arg)
{
    return ((struct host *)arg)->now_us += 1000;
}

/* Answers what was put off, and goes on with what is streamed. */
static void go_on(struct host *host)
{
    for (struct list *i = host->requests.next; i != &host->requests; i = i->next) {
        struct server_request *r = list_entry(i, struct server_request, link);
        if (r->held) {
            r->held = false;
            if (r->stream % 28 == 5)
                answer(host, r, 401, true);
            else
                MUST(h2_go_on(host->h2, r) == ERR_NONE);
        } else if (r->sinking && !r->sink_over) {
            r->sink_full = false;
            MUST(h2_sink(host->h2, r) == ERR_NONE);
        } else if (r->dispatched && !r->answered) {
            answer(host, r, 202, true);
        } else if (r->streaming && !r->ended) {
            r->ended = true;
            r->broken = r->stream % 16 == 5;
            h2_resume(host->h2, r);
        }
    }
}

static void fuzz_h2(const uint8_t *data, size_t size, size_t step)
{
    static const struct server_limits limits = {
        .head_max = 1000, .target_max = 200, .fields_max = 12, .streams_max = 10};
    struct host host = {0};
    list_init(&host.requests);
    struct h2_host calls = {on_begin, on_head, on_charge, on_request, on_piece,
                            on_end,   on_gone, on_sent,   on_now,     &host};
    MUST(h2_new(&host.h2, &calls, &limits) == ERR_NONE);
    struct buf out;
    buf_init(&out, 16u << 20);
    static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    enum err e = h2_input(host.h2, hello, sizeof(hello) - 1);
    while (size > 0 && e == ERR_NONE) {
        size_t n = size < step ? size : step;
        e = h2_input(host.h2, data, n);
        data += n;
        size -= n;
        MUST(h2_output(host.h2, &out, 65536) != ERR_LIMIT);
        MUST(h2_open_streams(host.h2) <= limits.streams_max * 2);
        buf_clear(&out);
        if (n % 2 == 0)
            go_on(&host);
    }
    h2_goaway(host.h2, true);
    (void)!h2_output(host.h2, &out, 65536);
    h2_free(host.h2);
    while (!list_empty(&host.requests))
        on_gone(&host, list_entry(host.requests.next, struct server_request, link));
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t step = (size_t)(data[0] >> 1) + 1;
    if (data[0] & 1)
        fuzz_h2(data + 1, size - 1, step);
    else
        fuzz_h1(data + 1, size - 1, step, false);
    if (!(data[0] & 1))
        fuzz_h1(data + 1, size - 1, step, true);
    return 0;
}
