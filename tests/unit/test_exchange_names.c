/*
 * Exchanges with a bot of two addresses, one of which the resolver tells late: what one connection knows of
 * the name must not mislead another, and a slow family must not cost every exchange a look-up. The resolver
 * and the bot live on the client's loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "exchange/exchange.h"
#include "loop_fixture.h"
#include "net/dns_message.h"

#define ANSWER "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
#define HELD_MAX 64
#define PATIENCE_MS 20000 /* where the clock must not end it */
#define SILENCE_MS 1000   /* the limit, where one family is never told */
#define TRIES 100

#define UNSURE_US 11000000u /* longer than an answer is kept of which one family is not known */

static uint64_t ahead_us; /* of the client's clock */

static uint64_t mono_us(void *arg)
{
    return clock_system_mono_us(arg) + ahead_us;
}

static const struct clock test_clock = {mono_us, clock_system_wall_ms, NULL};

static int fail_a_with; /* the errno with which the kernel refuses a query for A; 0: it takes it */

static bool is_query_for_a(const char *msg)
{
    size_t end = 12;
    while (msg[end])
        end += (unsigned char)msg[end] + 1u;
    return msg[end + 2] == DNS_A;
}

/* Instead of the C library's. */
ssize_t send(int fd, const void *p, size_t len, int flags)
{
    if (fail_a_with && is_query_for_a(p)) {
        errno = fail_a_with;
        return -1;
    }
    return syscall(SYS_sendto, fd, p, len, flags, NULL, 0);
}

struct held {
    struct sockaddr_storage from;
    size_t len;
    char msg[512];
};

struct world {
    uv_loop_t loop;
    struct engine *engine;
    struct url url;
    uv_udp_t dns;
    uv_tcp_t bot4, bot6;
    bool hold;      /* what is asked for A waits for release() */
    bool silent6;   /* what is asked for AAAA is not answered */
    unsigned ttl;   /* of A; AAAA is good for a minute */
    unsigned asked; /* for A */
    struct held held[HELD_MAX];
    size_t held_count;
};

struct attempt {
    struct exchange_request request;
    enum phase phase;
    bool over;
    struct exchange_result result;
};

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    static char bytes[65536];
    (void)handle;
    (void)size;
    *buf = uv_buf_init(bytes, sizeof(bytes));
}

/* ---- the resolver: AAAA is ::1, A is 127.0.0.1 ---- */

static void dns_answer(struct world *w, char *msg, const struct sockaddr *to)
{
    size_t len = 12;
    while (msg[len])
        len += (unsigned char)msg[len] + 1u;
    bool is_a = is_query_for_a(msg);
    len += 5;
    const char record[] = {'\xc0', 12, 0, (char)(is_a ? DNS_A : DNS_AAAA), 0, 1,
                           0,      0,  0, (char)(is_a ? w->ttl : 60),      0, (char)(is_a ? 4 : 16)};
    const char v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
    msg[2] = '\x81';
    msg[3] = '\x80';
    msg[7] = 1;
    msg[11] = 0;
    memcpy(msg + len, record, sizeof(record));
    len += sizeof(record);
    memcpy(msg + len, is_a ? v4 : v6, is_a ? 4 : 16);
    const uv_buf_t out = uv_buf_init(msg, (unsigned)(len + (is_a ? 4 : 16)));
    (void)uv_udp_try_send(&w->dns, &out, 1, to);
}

static void on_query(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
                     unsigned flags)
{
    struct world *w = udp->data;
    (void)flags;
    if (n < 12 || n > 300)
        return;
    bool is_a = is_query_for_a(buf->base);
    w->asked += is_a;
    if (!is_a && w->silent6)
        return;
    if (!is_a || !w->hold) {
        dns_answer(w, buf->base, from);
        return;
    }
    assert_true(w->held_count < HELD_MAX);
    struct held *h = &w->held[w->held_count++];
    memcpy(h->msg, buf->base, (size_t)n);
    memcpy(&h->from, from, sizeof(struct sockaddr_in));
}

static void release(struct world *w)
{
    w->hold = false;
    for (size_t i = 0; i < w->held_count; i++)
        dns_answer(w, w->held[i].msg, (const struct sockaddr *)&w->held[i].from);
    w->held_count = 0;
}

/* ---- the bot ---- */

static void on_request(uv_stream_t *conn, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    const uv_buf_t out =
        uv_buf_init((char *)ANSWER, sizeof(ANSWER) - 1); /* a request comes in one piece here */
    if (n > 0)
        (void)uv_try_write(conn, &out, 1);
    else if (n < 0)
        uv_close((uv_handle_t *)conn, loop_on_conn_closed);
}

static void on_conn(uv_stream_t *listener, int status)
{
    uv_tcp_t *conn = calloc(1, sizeof(*conn));
    assert_true(status == 0 && conn);
    assert_int_equal(uv_tcp_init(listener->loop, conn), 0);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)conn), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)conn, on_alloc, on_request), 0);
}

/* Both have the same port; where the one of IPv6 does not listen, its address refuses. */
static void bot_open(struct world *w, bool listens6)
{
    union address a4 = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    for (;;) {
        int len = sizeof(a4.v4);
        a4.v4.sin_port = 0;
        assert_int_equal(uv_tcp_init(&w->loop, &w->bot4), 0);
        assert_int_equal(uv_tcp_init(&w->loop, &w->bot6), 0);
        assert_int_equal(uv_tcp_bind(&w->bot4, &a4.any, 0), 0);
        assert_int_equal(uv_listen((uv_stream_t *)&w->bot4, 16, on_conn), 0);
        assert_int_equal(uv_tcp_getsockname(&w->bot4, &a4.any, &len), 0);
        union address a6 = {.v6 = {.sin6_family = AF_INET6, .sin6_port = a4.v4.sin_port}};
        a6.v6.sin6_addr = in6addr_loopback;
        int rc = uv_tcp_bind(&w->bot6, &a6.any, UV_TCP_IPV6ONLY);
        if (!rc && listens6)
            rc = uv_listen((uv_stream_t *)&w->bot6, 16, on_conn);
        if (!rc && !listens6) { /* libuv tells of a port that is taken only here */
            int size = sizeof(a6.v6);
            rc = uv_tcp_getsockname(&w->bot6, &a6.any, &size);
        }
        if (!rc)
            break;
        assert_int_equal(rc, UV_EADDRINUSE);
        uv_close((uv_handle_t *)&w->bot4, NULL);
        uv_close((uv_handle_t *)&w->bot6, NULL);
        (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    }
    char text[64];
    (void)snprintf(text, sizeof(text), "http://bot.example:%u/x", (unsigned)ntohs(a4.v4.sin_port));
    enum cause_id cause = CAUSE_ok;
    assert_int_equal(url_parse(span_of(text), &(struct url_rules){.allow_http = true}, &w->url, &cause),
                     ERR_NONE);
}

/* ---- the client ---- */

static void on_phase(void *arg, enum phase phase, uint32_t at_us)
{
    struct attempt *a = arg;
    (void)at_us;
    a->phase = phase;
}

static void on_done(void *arg, const struct exchange_result *r)
{
    struct attempt *a = arg;
    a->result = *r;
    a->over = true;
}

static void start(struct world *w, struct attempt *a, uint32_t dns_ms)
{
    *a = (struct attempt){.request = {.url = &w->url,
                                      .deadlines = {dns_ms, PATIENCE_MS, PATIENCE_MS, PATIENCE_MS},
                                      .on_phase = on_phase}};
    assert_int_equal(exchange_start(w->engine, &a->request, on_done, a, NULL), ERR_NONE);
}

static void end(struct world *w, const struct attempt *a)
{
    while (!a->over)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
}

static void must_reach(const struct attempt *a, const char *address)
{
    if (a->result.outcome.cause != CAUSE_ok)
        fail_msg("%s", cause_of(a->result.outcome.cause)->id);
    assert_int_equal(strncmp(a->result.address, address, strlen(address)), 0);
}

/* One exchange; how many questions for A it took. */
static unsigned cost_of_one(struct world *w, uint32_t dns_ms, const char *address)
{
    struct attempt a;
    unsigned before = w->asked;
    start(w, &a, dns_ms);
    end(w, &a);
    must_reach(&a, address);
    return w->asked - before;
}

static void world_open(struct world *w, bool listens6, unsigned ttl)
{
    memset(w, 0, sizeof(*w));
    w->ttl = ttl;
    w->dns.data = w;
    assert_int_equal(uv_loop_init(&w->loop), 0);
    bot_open(w, listens6);
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int len = sizeof(sin);
    assert_int_equal(uv_udp_init(&w->loop, &w->dns), 0);
    assert_int_equal(uv_udp_bind(&w->dns, (const struct sockaddr *)&sin, 0), 0);
    assert_int_equal(uv_udp_getsockname(&w->dns, (struct sockaddr *)&sin, &len), 0);
    assert_int_equal(uv_udp_recv_start(&w->dns, on_alloc, on_query), 0);
    char server[32];
    (void)snprintf(server, sizeof(server), "127.0.0.1:%u", (unsigned)ntohs(sin.sin_port));
    const struct engine_config config = {
        .dns_server = server, .allow_private = true, .allow_any_port = true, .clock = &test_clock};
    assert_int_equal(engine_new(&w->engine, &w->loop, &config), ERR_NONE);
}

static void on_engine_closed(void *arg)
{
    *(bool *)arg = true;
}

static void world_close(struct world *w)
{
    bool closed = false;
    engine_close(w->engine, on_engine_closed, &closed);
    while (!closed)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    loop_end(&w->loop, w, sizeof(*w));
}

static void stop_listening6(struct world *w)
{
    uv_close((uv_handle_t *)&w->bot6, NULL);
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
}

/* ---- cases ---- */

/* The one has an address that refuses, and waits for the other family; the other opens meanwhile. */
static void two_at_once(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, false, 0);
    (void)cost_of_one(&w, PATIENCE_MS,
                      "127.0.0.1"); /* it speaks HTTP/1: each opens a connection of its own */
    w.hold = true;
    struct attempt one, other;
    start(&w, &one, PATIENCE_MS);
    while (!one.over && one.phase != PHASE_CONNECT)
        (void)uv_run(&w.loop, UV_RUN_ONCE);
    unsigned before = w.asked;
    start(&w, &other, PATIENCE_MS);
    while (!one.over && !other.over && w.asked == before)
        (void)uv_run(&w.loop, UV_RUN_ONCE);
    release(&w);
    end(&w, &one);
    end(&w, &other);
    must_reach(&one, "127.0.0.1");
    must_reach(&other, "127.0.0.1");
    world_close(&w);
}

/* The first connection needed one family only; when the next opens, that one refuses. */
static void first_good_then_refused(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, true, 60);
    w.hold = true;
    assert_true(cost_of_one(&w, PATIENCE_MS, "[::1]") > 0);
    stop_listening6(&w);
    struct attempt a;
    unsigned before = w.asked;
    start(&w, &a, PATIENCE_MS);
    while (!a.over && w.asked == before)
        (void)uv_run(&w.loop, UV_RUN_ONCE);
    release(&w);
    end(&w, &a);
    must_reach(&a, "127.0.0.1");
    world_close(&w);
}

/* What comes after the connection is up is kept, for the next one. */
static void what_comes_late_is_kept(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, true, 60);
    w.hold = true;
    assert_true(cost_of_one(&w, PATIENCE_MS, "[::1]") > 0);
    release(&w);
    unsigned tries = 0;
    while (cost_of_one(&w, PATIENCE_MS, "[::1]") > 0)
        assert_true(tries++ < TRIES);
    ahead_us += UNSURE_US;
    stop_listening6(&w);
    assert_int_equal(cost_of_one(&w, PATIENCE_MS, "127.0.0.1"), 0);
    world_close(&w);
}

/* A family that is never told costs look-ups until the limit of the first, not one an exchange; but it is
 * asked for again soon. */
static void a_silent_family_is_not_asked_each_time(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, true, 60);
    w.hold = true;
    assert_true(cost_of_one(&w, SILENCE_MS, "[::1]") > 0);
    unsigned tries = 0;
    while (cost_of_one(&w, SILENCE_MS, "[::1]") > 0) {
        w.held_count = 0;
        assert_true(tries++ < TRIES);
    }
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(cost_of_one(&w, SILENCE_MS, "[::1]"), 0);
    ahead_us += UNSURE_US;
    assert_true(cost_of_one(&w, SILENCE_MS, "[::1]") > 0);
    world_close(&w);
}

/* Closed while it is asked for behind a connection: nothing is left. */
static void closed_meanwhile(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, true, 60);
    w.hold = true;
    assert_true(cost_of_one(&w, PATIENCE_MS, "[::1]") > 0);
    assert_true(cost_of_one(&w, PATIENCE_MS, "[::1]") > 0);
    world_close(&w);
}

/* A want of our own machine stands before the silence of the other family, and has its own name. */
static void our_own_machine(void **state)
{
    (void)state;
    static const struct {
        int e;
        enum cause_id cause;
    } cases[] = {
        {ENOBUFS, CAUSE_local_buffers},
        {ENOMEM, CAUSE_local_out_of_memory},
        {ENETUNREACH, CAUSE_dns_timeout},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        struct attempt a;
        world_open(&w, false, 60);
        w.silent6 = true;
        fail_a_with = cases[i].e;
        start(&w, &a, 300);
        end(&w, &a);
        fail_a_with = 0;
        if (a.result.outcome.cause != cases[i].cause)
            fail_msg("%d: %s", cases[i].e, cause_of(a.result.outcome.cause)->id);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_at_once),
        cmocka_unit_test(first_good_then_refused),
        cmocka_unit_test(what_comes_late_is_kept),
        cmocka_unit_test(a_silent_family_is_not_asked_each_time),
        cmocka_unit_test(closed_meanwhile),
        cmocka_unit_test(our_own_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
