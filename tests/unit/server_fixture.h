#pragma once
/*
 * A server in a thread of its own, on an ephemeral port, with a handler whose paths do what the tests need;
 * and a blocking client that speaks raw bytes. Nothing here waits for a time to pass: only for bytes, or for
 * an event to be counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/mem.h"
#include "server/server_core.h"

#define PATIENCE_MS 20000 /* a test that waits longer has failed; far beyond any deadline used */
#define FLOOD_BYTES (4u << 20)
#define BIG_BYTES 300000u

struct fixture {
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t later;
    struct server *server;
    struct server_config config;
    enum err started;
    uint16_t port;
    /* 1: close, 2: drain, 3: reload, 4: read the stats, 5: let in what is held, 6: refuse it, 7: stand
     * still until told */
    atomic_int command;
    enum err reloaded;
    int ready, aborted, finished, obeyed, told; /* eventfds */
    struct server_request *waiting[256];
    unsigned waiting_count;
    struct server_request *held[64];
    unsigned held_count;
    unsigned big;      /* how often /big was asked for */
    uv_timer_t thirst; /* the sink of /slow takes more */
    struct sunk *slow;
    struct server_stats stats; /* as the last command 4 found them */
};

/* A response made in pieces until FLOOD_BYTES are out. */
struct flood {
    struct fixture *f;
    struct server_request *r;
    size_t sent;
};

/* A body that came in pieces: how long it is, and a sum that knows their order. */
struct sunk {
    struct fixture *f;
    struct server_request *r;
    size_t len, most; /* most: the longest piece */
    uint32_t sum;
    bool slow;
};

static inline uint32_t fx_sum(uint32_t sum, struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        sum = (sum ^ (unsigned char)s.ptr[i]) * 16777619u;
    return sum;
}

static inline void fx_count(int fd)
{
    uint64_t one = 1;
    assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

/* Waits until something was counted; returns how often. */
static inline uint64_t fx_await(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    uint64_t n = 0;
    assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
    return n;
}

static inline void fx_on_abort(void *arg)
{
    struct server_request *r = arg;
    struct span path = server_path(r); /* still there */
    int fd = path.len > 0 ? ((struct fixture *)r->server->config.arg)->aborted : -1;
    server_respond(r, 200, NULL, 0, SPAN_LIT("nobody reads this"));
    fx_count(fd);
}

static inline void fx_flood(void *arg)
{
    struct flood *w = arg;
    static char piece[10000];
    memset(piece, 'x', sizeof(piece));
    while (w->sent < FLOOD_BYTES) {
        size_t n = FLOOD_BYTES - w->sent < sizeof(piece) ? FLOOD_BYTES - w->sent : sizeof(piece);
        enum err e = server_respond_write(w->r, (struct span){piece, n});
        if (e == ERR_BUSY)
            return;
        if (e)
            break;
        w->sent += n;
    }
    server_respond_end(w->r, true);
    fx_count(w->f->finished);
    mem_free(w);
}

static inline void fx_flood_abort(void *arg)
{
    struct flood *w = arg;
    int fd = w->f->aborted;
    server_respond_end(w->r, false);
    mem_free(w);
    fx_count(fd);
}

static inline bool fx_sink_piece(void *arg, struct span piece)
{
    struct sunk *k = arg;
    k->len += piece.len;
    k->sum = fx_sum(k->sum, piece);
    k->most = piece.len > k->most ? piece.len : k->most;
    if (k->slow)
        k->f->slow = k;
    return !k->slow;
}

static inline void fx_sink_answer(struct sunk *k, int status, const char *word)
{
    char text[80];
    int n = snprintf(text, sizeof(text), "%s %zu %08x", word, k->len, k->sum);
    if (k->f->slow == k)
        k->f->slow = NULL;
    server_respond(k->r, status, NULL, 0, (struct span){text, (size_t)n});
    mem_free(k);
}

static inline void fx_sink_end(void *arg)
{
    fx_sink_answer(arg, 200, "sunk");
}

static inline void fx_sink_broken(void *arg, int status, const char *message)
{
    (void)message;
    fx_sink_answer(arg, status, "broken");
}

static inline void fx_sink_abort(void *arg)
{
    int fd = ((struct sunk *)arg)->f->aborted;
    fx_sink_answer(arg, 200, "nobody reads this");
    fx_count(fd);
}

static inline void fx_sink_more(uv_timer_t *t)
{
    struct fixture *f = t->data;
    struct sunk *k = f->slow;
    f->slow = NULL;
    if (k)
        server_body_more(k->r);
}

static inline void fx_sink(struct fixture *f, struct server_request *r)
{
    struct sunk *k = mem_zero(1, sizeof(*k));
    *k =
        (struct sunk){.f = f, .r = r, .sum = 2166136261u, .slow = span_eq(server_path(r), SPAN_LIT("/slow"))};
    server_on_abort(r, fx_sink_abort, k);
    server_body_begin(r, &(struct server_sink){fx_sink_piece, fx_sink_end, fx_sink_broken, k});
}

static inline void fx_answer_waiting(uv_timer_t *t)
{
    struct fixture *f = t->data;
    unsigned n = f->waiting_count;
    f->waiting_count = 0;
    for (unsigned i = 0; i < n; i++)
        server_respond(f->waiting[i], 202, NULL, 0, server_path(f->waiting[i]));
}

static inline void fx_echo(struct server_request *r)
{
    struct buf b;
    buf_init(&b, 4u << 20);
    enum err e = buf_add_span(&b, server_method(r));
    e = e ? e : buf_add_str(&b, " ");
    e = e ? e : buf_add_span(&b, server_path(r));
    e = e ? e : buf_add_str(&b, "?");
    e = e ? e : buf_add_span(&b, server_query(r));
    e = e ? e : buf_add_str(&b, " ");
    e = e ? e : buf_add_span(&b, server_body(r));
    struct server_header_out h[] = {{"content-type", "text/plain"},
                                    {"x-bad", "a\r\nevil: yes"},
                                    {"content-length", "7"},
                                    {"x-good", "ok"}};
    server_respond(r, e ? 503 : 200, h, 4, buf_span(&b));
    buf_deinit(&b);
}

static inline void fx_handler(void *arg, struct server_request *r)
{
    struct fixture *f = arg;
    struct span path = server_path(r);
    if (span_eq(path, SPAN_LIT("/sink")) || span_eq(path, SPAN_LIT("/slow"))) {
        fx_sink(f, r); /* all of it is there already */
    } else if (span_eq(path, SPAN_LIT("/never"))) {
        server_on_abort(r, fx_on_abort, r);
        fx_count(f->ready);
    } else if (span_eq(path, SPAN_LIT("/later")) && f->waiting_count < 256) {
        f->waiting[f->waiting_count++] = r;
        (void)uv_timer_start(&f->later, fx_answer_waiting, 2, 0);
    } else if (span_eq(path, SPAN_LIT("/keep")) && f->waiting_count < 256) {
        f->waiting[f->waiting_count++] = r; /* answered by the test, once the server is gone */
        fx_count(f->ready);
    } else if (span_eq(path, SPAN_LIT("/stream"))) {
        server_respond_begin(r, 200, NULL, 0, NULL, NULL);
        (void)!server_respond_write(r, SPAN_LIT("one,"));
        (void)!server_respond_write(r, SPAN_LIT("two"));
        server_respond_end(r, true);
    } else if (span_eq(path, SPAN_LIT("/broken"))) {
        server_respond_begin(r, 200, NULL, 0, NULL, NULL);
        (void)!server_respond_write(r, SPAN_LIT("one,"));
        server_respond_end(r, false);
    } else if (span_eq(path, SPAN_LIT("/flood"))) {
        struct flood *w = mem_zero(1, sizeof(*w));
        *w = (struct flood){f, r, 0};
        server_on_abort(r, fx_flood_abort, w);
        server_respond_begin(r, 200, NULL, 0, fx_flood, w);
        fx_flood(w);
    } else if (span_eq(path, SPAN_LIT("/big"))) {
        static char body[BIG_BYTES];
        f->big++;
        server_respond(r, 200, NULL, 0, (struct span){body, sizeof(body)});
    } else if (span_eq(path, SPAN_LIT("/empty"))) {
        server_respond(r, 204, NULL, 0, SPAN_LIT(""));
    } else {
        fx_echo(r);
    }
}

/* "x-key: good" is known at once. */
static inline void fx_on_head(void *arg, struct server_request *r)
{
    struct fixture *f = arg;
    if (span_eq(server_header(r, "x-key"), SPAN_LIT("good")))
        server_vouch(r, 7);
    bool sink = span_eq(server_path(r), SPAN_LIT("/sink")) || span_eq(server_path(r), SPAN_LIT("/slow"));
    if (sink && server_awaits_body(r)) {
        server_hold(r);
        fx_sink(f, r);
    } else if (span_eq(server_path(r), SPAN_LIT("/held")) && server_awaits_body(r) && f->held_count < 64) {
        f->held[f->held_count++] = r;
        server_hold(r);
        fx_count(f->ready);
    } else if (span_eq(server_path(r), SPAN_LIT("/early")))
        server_respond(r, 401, NULL, 0, SPAN_LIT("early"));
    else if (span_eq(server_path(r), SPAN_LIT("/small")))
        server_set_body_max(r, 10);
}

static inline void fx_on_wake(uv_async_t *a)
{
    struct fixture *f = a->data;
    int command = atomic_exchange(&f->command, 0);
    if (command == 1) {
        server_close(f->server, NULL, NULL);
        uv_close((uv_handle_t *)&f->later, NULL);
        uv_close((uv_handle_t *)&f->thirst, NULL);
        uv_close((uv_handle_t *)a, NULL);
    } else if (command == 2) {
        server_drain(f->server);
    } else if (command == 3) {
        f->reloaded = server_reload_tls(f->server);
    } else if (command == 4) {
        server_stats_get(f->server, &f->stats);
    } else if (command == 7) {
        (void)fx_await(f->told);
    } else if (command >= 5) {
        unsigned n = f->held_count;
        f->held_count = 0;
        for (unsigned i = 0; i < n && command == 5; i++) {
            server_vouch(f->held[i], 7);
            server_go_on(f->held[i]);
        }
        for (unsigned i = 0; i < n && command == 6; i++)
            server_respond(f->held[i], 401, NULL, 0, SPAN_LIT("unknown"));
    }
    fx_count(f->obeyed);
}

static inline void *fx_main(void *arg)
{
    struct fixture *f = arg;
    assert_int_equal(uv_loop_init(&f->loop), 0);
    f->started = server_new(&f->server, &f->loop, &f->config);
    if (f->started == ERR_NONE) {
        char at[64];
        server_address(f->server, at);
        unsigned port = 0;
        assert_int_equal(sscanf(at, "127.0.0.1:%u", &port), 1);
        f->port = (uint16_t)port;
        assert_int_equal(uv_async_init(&f->loop, &f->wake, fx_on_wake), 0);
        assert_int_equal(uv_timer_init(&f->loop, &f->later), 0);
        assert_int_equal(uv_timer_init(&f->loop, &f->thirst), 0);
        f->wake.data = f->later.data = f->thirst.data = f;
        assert_int_equal(uv_timer_start(&f->thirst, fx_sink_more, 1, 1), 0);
    }
    fx_count(f->ready);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    return NULL;
}

static inline void fx_start(struct fixture *f, const struct server_config *config)
{
    memset(f, 0, sizeof(*f));
    f->config = *config;
    f->config.listen = "127.0.0.1:0";
    f->config.handler = fx_handler;
    f->config.on_head = fx_on_head;
    f->config.arg = f;
    f->ready = eventfd(0, EFD_CLOEXEC);
    f->aborted = eventfd(0, EFD_CLOEXEC);
    f->finished = eventfd(0, EFD_CLOEXEC);
    f->obeyed = eventfd(0, EFD_CLOEXEC);
    f->told = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(pthread_create(&f->thread, NULL, fx_main, f), 0);
    (void)fx_await(f->ready);
    assert_int_equal(f->started, ERR_NONE);
}

static inline void fx_command(struct fixture *f, int command)
{
    atomic_store(&f->command, command);
    assert_int_equal(uv_async_send(&f->wake), 0);
    (void)fx_await(f->obeyed);
}

static inline void fx_stop(struct fixture *f)
{
    atomic_store(&f->command, 1);
    assert_int_equal(uv_async_send(&f->wake), 0);
    assert_int_equal(pthread_join(f->thread, NULL), 0);
    (void)close(f->ready);
    (void)close(f->aborted);
    (void)close(f->finished);
    (void)close(f->obeyed);
    (void)close(f->told);
}

/* ---- a client ---- */

/* From 127.0.0.last. */
static inline int cl_open_from(const struct fixture *f, uint8_t last)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET};
    at.sin_addr.s_addr = htonl(0x7f000000u | last);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    at.sin_port = htons(f->port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    return fd;
}

static inline int cl_open(const struct fixture *f)
{
    return cl_open_from(f, 1);
}

/* The peer may have closed already: that is seen when reading. */
static inline void cl_send(int fd, const void *p, size_t len)
{
    const char *c = p;
    while (len > 0) {
        ssize_t n = send(fd, c, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        c += n;
        len -= (size_t)n;
    }
}

static inline void cl_say(int fd, const char *text)
{
    cl_send(fd, text, strlen(text));
}

/* More bytes into b; false: the end (FIN or RST). A test that waits in vain fails. */
static inline bool cl_read(int fd, struct buf *b)
{
    assert_int_equal(buf_reserve(b, 65536), ERR_NONE);
    ssize_t n = recv(fd, b->data + b->tail, 65536, 0);
    if (n < 0)
        assert_int_not_equal(errno, EAGAIN);
    if (n <= 0)
        return false;
    b->tail += (size_t)n;
    return true;
}

struct response {
    int status;
    bool close, eof; /* eof: the connection ended before the response was complete */
    struct buf raw;  /* the head, then the body */
    size_t head_len;
    char id[37];
};

static inline const char *cl_field(const struct response *r, const char *name)
{
    char needle[64];
    (void)snprintf(needle, sizeof(needle), "\r\n%s: ", name);
    const char *at = memmem(r->raw.data, r->head_len, needle, strlen(needle));
    return at ? at + strlen(needle) : NULL;
}

/* One response out of b (read from fd as needed); what follows stays in b. */
static inline struct response cl_response(int fd, struct buf *b, bool to_head)
{
    struct response r = {0};
    buf_init(&r.raw, 16u << 20);
    char *end = NULL;
    while (!(end = buf_len(b) ? memmem(b->data + b->head, buf_len(b), "\r\n\r\n", 4) : NULL)) {
        if (!cl_read(fd, b)) {
            r.eof = true;
            return r;
        }
    }
    r.head_len = (size_t)(end + 4 - (b->data + b->head));
    assert_int_equal(buf_add(&r.raw, b->data + b->head, r.head_len), ERR_NONE);
    buf_consume(b, r.head_len);
    assert_int_equal(buf_reserve(&r.raw, 1), ERR_NONE);
    r.raw.data[r.raw.tail] = '\0';
    assert_int_equal(sscanf(r.raw.data, "HTTP/1.1 %d ", &r.status), 1);
    if (r.status < 200)
        return r;
    const char *connection = cl_field(&r, "connection");
    r.close = connection && strncmp(connection, "close\r\n", 7) == 0;
    const char *id = cl_field(&r, "x-line-request-id");
    assert_non_null(id);
    memcpy(r.id, id, 36);
    assert_int_equal(id[36], '\r');
    assert_non_null(cl_field(&r, "date"));
    const char *length = cl_field(&r, "content-length");
    size_t want = !length || to_head ? 0 : strtoul(length, NULL, 10);
    while (buf_len(b) < want && cl_read(fd, b))
        ;
    r.eof = buf_len(b) < want;
    if (r.eof)
        want = buf_len(b);
    assert_int_equal(buf_add(&r.raw, b->data + b->head, want), ERR_NONE);
    buf_consume(b, want);
    return r;
}

static inline struct span cl_body(const struct response *r)
{
    return (struct span){r->raw.data + r->head_len, buf_len(&r->raw) - r->head_len};
}

/* Sends text on a new connection and returns the status of the first answer; -1: closed without one. */
static inline int cl_once(const struct fixture *f, const char *p, size_t len, bool *ret_closed)
{
    int fd = cl_open(f);
    struct buf b;
    buf_init(&b, 16u << 20);
    cl_send(fd, p, len);
    struct response r = cl_response(fd, &b, false);
    int status = r.eof && r.head_len == 0 ? -1 : r.status;
    if (ret_closed) {
        *ret_closed = r.close;
        if (r.close)
            assert_false(cl_read(fd, &b));
    }
    buf_deinit(&r.raw);
    buf_deinit(&b);
    (void)close(fd);
    return status;
}

/* The next response has this status and body. */
static inline void cl_expect(int fd, struct buf *b, int status, const char *body)
{
    struct response r = cl_response(fd, b, false);
    assert_int_equal(r.status, status);
    if (!span_eq(cl_body(&r), span_of(body)))
        fail_msg("body %.*s instead of %s", (int)cl_body(&r).len, cl_body(&r).ptr, body);
    buf_deinit(&r.raw);
}

static inline void cl_reset(int fd)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    (void)close(fd);
}
