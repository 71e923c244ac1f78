/* One name asked of several resolvers, which live on the same loop: who is asked next, and what is said in
 * the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "loop_fixture.h"
#include "net/dns_query.h"

#define DEADLINE_MS 1000
#define SHORT_MS 500
#define USUAL_MS 2000
#define PATIENCE_MS 20000 /* where the clock must not end it */
#define QUICK_US 480000   /* sooner than the next turn after a silence */
#define TRIES 20          /* how often a busy machine may be slow, where the clock must not be waited for */

/* What a server does; the order of the letters is that of the servers. */
enum habit {
    GOOD = 'g',      /* an address for A, none for AAAA */
    SILENT = 's',    /* takes the query and says nothing */
    DEAD = 'd',      /* there is none: the port is closed */
    FAILING = 'f',   /* SERVFAIL, and it speaks EDNS */
    REFUSING = 'r',  /* REFUSED, and it speaks EDNS */
    NOWHERE = 'n',   /* NXDOMAIN */
    OLD = 'o',       /* FORMERR to EDNS, an address without */
    DROPPING = 'p',  /* nothing to EDNS, an address without */
    LONG = 'l',      /* truncated, an address over TCP */
    CUT = 'c',       /* truncated, silent over TCP */
    CUT_PART = 't',  /* the same, with an address in the datagram */
    CUT_TWICE = 'x', /* truncated, and over TCP too */
    HALF = 'h',      /* truncated, nobody listens for TCP */
    BROKEN = 'b',    /* an address of three bytes */
};

struct peer {
    enum habit habit;
    uv_udp_t udp;
    uv_tcp_t tcp;
    bool has_udp, has_tcp;
    unsigned asked;
};

struct world {
    uv_loop_t loop;
    struct timers timers;
    struct dns_servers servers;
    struct peer peers[DNS_SERVERS_MAX];
    struct dns_query *query;
    unsigned over;
    enum cause_id cause[2]; /* of A and of AAAA */
    size_t count[2];
    uint64_t at_us[2];
    uint64_t started_us;
    bool free_inside; /* the first answer */
};

/* ---- servers ---- */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    static char bytes[65536];
    (void)handle;
    (void)size;
    *buf = uv_buf_init(bytes, sizeof(bytes));
}

/* Makes the answer out of the query; returns its length, 0 for none. */
static size_t answer(enum habit habit, bool over_udp, unsigned char *msg, size_t len)
{
    bool edns = msg[11] == 1, is_a = false;
    size_t end = 12;
    while (msg[end])
        end += msg[end] + 1u;
    is_a = msg[end + 2] == DNS_A;
    end += 5;
    if (habit == SILENT || (habit == DROPPING && edns) || (!over_udp && habit != LONG && habit != CUT_TWICE))
        return 0;
    msg[2] = 0x81;
    msg[3] = 0x80;
    if (habit == FAILING || habit == REFUSING) {
        msg[3] |= habit == FAILING ? 2 : 5;
        return len; /* with the OPT record as it came */
    }
    msg[11] = 0;
    bool cut = habit == CUT_TWICE ||
               (over_udp && (habit == LONG || habit == CUT || habit == CUT_PART || habit == HALF));
    if (habit == OLD && edns)
        msg[3] |= 1;
    else if (habit == NOWHERE)
        msg[3] |= 3;
    else if (is_a && (!cut || habit == CUT_PART)) {
        static const unsigned char record[16] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1";
        msg[7] = 1;
        memcpy(msg + end, record, sizeof(record));
        msg[end + 11] = habit == BROKEN ? 3 : 4;
        end += habit == BROKEN ? 15 : 16;
    }
    if (cut)
        msg[2] |= 2;
    return end;
}

static void on_query(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
                     unsigned flags)
{
    struct peer *p = udp->data;
    (void)flags;
    if (n < 12)
        return;
    p->asked++;
    size_t len = answer(p->habit, true, (unsigned char *)buf->base, (size_t)n);
    const uv_buf_t out = uv_buf_init(buf->base, (unsigned)len);
    if (len)
        assert_int_equal(uv_udp_try_send(udp, &out, 1, from), len);
}

static void on_stream_query(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct peer *p = stream->data;
    if (n < 0)
        uv_close((uv_handle_t *)stream, loop_on_conn_closed);
    if (n < 14) /* a query comes in one piece here */
        return;
    unsigned char *msg = (unsigned char *)buf->base;
    size_t len = answer(p->habit, false, msg + 2, (size_t)n - 2);
    if (!len)
        return;
    msg[0] = (unsigned char)(len >> 8);
    msg[1] = (unsigned char)len;
    /* In two pieces, so that it has to be put together. */
    const uv_buf_t first = uv_buf_init(buf->base, 1), rest = uv_buf_init(buf->base + 1, (unsigned)len + 1);
    assert_int_equal(uv_try_write(stream, &first, 1), 1);
    assert_int_equal(uv_try_write(stream, &rest, 1), len + 1);
}

static void on_conn(uv_stream_t *listener, int status)
{
    uv_tcp_t *conn = calloc(1, sizeof(*conn));
    assert_true(status == 0 && conn);
    assert_int_equal(uv_tcp_init(listener->loop, conn), 0);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)conn), 0);
    conn->data = listener->data;
    assert_int_equal(uv_read_start((uv_stream_t *)conn, on_alloc, on_stream_query), 0);
}

/* One port for both. A server that does not speak UDP holds the port with a socket that takes datagrams from
 * itself alone, so that a query meets a closed port, and no other process can open it. */
static void peer_start(struct world *w, struct peer *p, enum habit habit)
{
    union address *a = &w->servers.list[w->servers.count++].address;
    int tcp = -1, udp = -1;
    memset(a, 0, sizeof(*a));
    p->habit = habit;
    p->udp.data = p->tcp.data = p;
    p->has_tcp = habit == LONG || habit == CUT || habit == CUT_PART || habit == CUT_TWICE;
    p->has_udp = habit != DEAD;
    assert_true(loop_port_of_both(&tcp, &udp, &a->v4));
    if (!p->has_udp)
        assert_int_equal(connect(udp, &a->any, sizeof(a->v4)), 0);
    assert_int_equal(uv_tcp_init(&w->loop, &p->tcp), 0);
    assert_int_equal(uv_tcp_open(&p->tcp, tcp), 0);
    assert_int_equal(uv_udp_init(&w->loop, &p->udp), 0);
    assert_int_equal(uv_udp_open(&p->udp, udp), 0);
    if (p->has_udp)
        assert_int_equal(uv_udp_recv_start(&p->udp, on_alloc, on_query), 0);
    if (p->has_tcp)
        assert_int_equal(uv_listen((uv_stream_t *)&p->tcp, 16, on_conn), 0);
}

/* ---- a query ---- */

static void on_answered(void *arg, enum dns_type type, const struct dns_answer *a)
{
    struct world *w = arg;
    size_t i = type == DNS_A ? 0 : 1;
    assert_int_equal(w->cause[i], CAUSE_COUNT);
    w->cause[i] = a->cause;
    w->count[i] = a->count;
    w->at_us[i] = clock_system_mono_us(NULL) - w->started_us;
    w->over++;
    if (w->over == 2 || w->free_inside) {
        dns_query_free(w->query);
        w->query = NULL;
    }
}

static void world_start(struct world *w, const char *habits, uint32_t timeout_ms)
{
    memset(w, 0, sizeof(*w));
    w->cause[0] = w->cause[1] = CAUSE_COUNT;
    assert_int_equal(uv_loop_init(&w->loop), 0);
    timers_init(&w->timers, &w->loop, &clock_system);
    for (size_t i = 0; habits[i]; i++)
        peer_start(w, &w->peers[i], (enum habit)habits[i]);
    w->started_us = clock_system_mono_us(NULL);
    assert_int_equal(dns_query_new(&w->query, &w->loop, &w->timers, &w->servers, "bot.example", timeout_ms,
                                   on_answered, w),
                     ERR_NONE);
}

static void world_end(struct world *w)
{
    dns_query_free(w->query);
    loop_end(&w->loop, w, sizeof(*w));
}

/* ---- cases ---- */

static void who_is_asked_next(void **state)
{
    (void)state;
    enum when { QUICKLY, SOME_TIME, AT_DEADLINE };
    static const struct {
        const char *habits;
        enum cause_id cause; /* of A */
        enum when when;
    } cases[] = {
        {"g", CAUSE_ok, QUICKLY},
        {"o", CAUSE_ok, QUICKLY},
        {"l", CAUSE_ok, QUICKLY},
        {"p", CAUSE_ok, SOME_TIME},
        {"n", CAUSE_dns_nxdomain, QUICKLY},
        {"f", CAUSE_dns_servfail, QUICKLY},
        {"r", CAUSE_dns_refused, QUICKLY},
        {"b", CAUSE_dns_bad_response, QUICKLY},
        {"s", CAUSE_dns_timeout, AT_DEADLINE},
        {"d", CAUSE_dns_unreachable, AT_DEADLINE},
        {"c", CAUSE_dns_timeout, AT_DEADLINE},
        {"h", CAUSE_dns_unreachable, AT_DEADLINE},
        {"x", CAUSE_dns_unreachable, AT_DEADLINE},
        {"t", CAUSE_ok, AT_DEADLINE}, /* what was in the datagram */
        /* another server may answer */
        {"dg", CAUSE_ok, QUICKLY},
        {"ddg", CAUSE_ok, QUICKLY},
        {"dddg", CAUSE_ok, QUICKLY},
        {"sg", CAUSE_ok, SOME_TIME},
        {"dsg", CAUSE_ok, SOME_TIME},
        {"fg", CAUSE_ok, QUICKLY},
        {"rg", CAUSE_ok, QUICKLY},
        {"bg", CAUSE_ok, QUICKLY},
        {"frg", CAUSE_ok, QUICKLY},
        {"fo", CAUSE_ok, QUICKLY},
        {"fl", CAUSE_ok, QUICKLY},
        {"hg", CAUSE_ok, QUICKLY},
        {"xg", CAUSE_ok, QUICKLY},
        {"tn", CAUSE_ok, SOME_TIME}, /* an address in hand is more than none */
        {"cg", CAUSE_ok, SOME_TIME},
        {"fsg", CAUSE_ok, SOME_TIME},
        {"sp", CAUSE_ok, SOME_TIME},
        /* or says that there is nothing */
        {"ng", CAUSE_dns_nxdomain, QUICKLY},
        {"fn", CAUSE_dns_nxdomain, QUICKLY},
        /* none does: the first that said something, else silence, else that nobody is there */
        {"fr", CAUSE_dns_servfail, QUICKLY},
        {"rf", CAUSE_dns_refused, QUICKLY},
        {"fs", CAUSE_dns_servfail, AT_DEADLINE},
        {"sf", CAUSE_dns_servfail, AT_DEADLINE},
        {"fd", CAUSE_dns_servfail, AT_DEADLINE},
        {"df", CAUSE_dns_servfail, AT_DEADLINE},
        {"ds", CAUSE_dns_timeout, AT_DEADLINE},
        {"sd", CAUSE_dns_timeout, AT_DEADLINE},
        {"dd", CAUSE_dns_unreachable, AT_DEADLINE},
        {"hd", CAUSE_dns_unreachable, AT_DEADLINE},
        {"hs", CAUSE_dns_timeout, AT_DEADLINE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool by_clock = cases[i].when == AT_DEADLINE;
        for (unsigned tries = 1;; tries++) {
            struct world w;
            world_start(&w, cases[i].habits, by_clock ? DEADLINE_MS : PATIENCE_MS);
            while (w.over < 2)
                (void)uv_run(&w.loop, UV_RUN_ONCE);
            world_end(&w);
            if (w.cause[0] != cases[i].cause || (w.count[0] == 1) != (cases[i].cause == CAUSE_ok))
                fail_msg("%s: %s", cases[i].habits, cause_of(w.cause[0])->id);
            if (w.at_us[0] < (by_clock ? DEADLINE_MS * 1000 : cases[i].when == SOME_TIME ? QUICK_US : 0))
                fail_msg("%s: too soon", cases[i].habits);
            if (cases[i].when != QUICKLY || w.at_us[0] < QUICK_US)
                break;
            if (tries == TRIES)
                fail_msg("%s: late each time", cases[i].habits);
        }
    }
}

/* Servers that are silent to EDNS are asked without it in time, however many they are and however short the
 * time is. */
static void silence_to_edns(void **state)
{
    (void)state;
    static const struct {
        const char *habits;
        uint32_t timeout_ms;
    } cases[] = {
        {"p", SHORT_MS},    {"pp", SHORT_MS},   {"pppp", SHORT_MS}, {"ssp", USUAL_MS},
        {"pppp", USUAL_MS}, {"sssp", USUAL_MS}, {"fssp", USUAL_MS}, {"dddp", SHORT_MS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned tries = 1;; tries++) {
            struct world w;
            world_start(&w, cases[i].habits, cases[i].timeout_ms);
            while (w.over < 2)
                (void)uv_run(&w.loop, UV_RUN_ONCE);
            world_end(&w);
            if (w.cause[0] == CAUSE_ok && w.cause[1] == CAUSE_dns_nodata)
                break;
            if (tries == TRIES)
                fail_msg("%s in %u ms: %s", cases[i].habits, cases[i].timeout_ms, cause_of(w.cause[0])->id);
        }
    }
}

/* The same datagram is not sent twice in a turn. */
static void one_server_has_one_query_a_turn(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, "s", 1750);
    while (w.over < 2)
        (void)uv_run(&w.loop, UV_RUN_ONCE);
    assert_true(w.peers[0].asked <= 8); /* two questions, at 0, 0.5, 1 and 1.5 s */
    world_end(&w);
}

static void what_is_learned(void **state)
{
    (void)state;
    static const char habits[] = {OLD, DROPPING, 0};
    for (const char *habit = habits; *habit; habit++) {
        struct world w;
        world_start(&w, (const char[]){*habit, 0}, PATIENCE_MS);
        while (w.over < 2)
            (void)uv_run(&w.loop, UV_RUN_ONCE);
        unsigned before = w.peers[0].asked;
        assert_true(before >= 4);
        assert_true(w.servers.list[0].plain_until_us > w.started_us);
        w.over = 0;
        w.cause[0] = w.cause[1] = CAUSE_COUNT;
        assert_int_equal(dns_query_new(&w.query, &w.loop, &w.timers, &w.servers, "bot.example", PATIENCE_MS,
                                       on_answered, &w),
                         ERR_NONE);
        while (w.over < 2)
            (void)uv_run(&w.loop, UV_RUN_ONCE);
        assert_int_equal(w.peers[0].asked, before + 2); /* once for each family, without EDNS */
        world_end(&w);
    }
    struct world w; /* one that loses nothing keeps EDNS */
    world_start(&w, "g", PATIENCE_MS);
    while (w.over < 2)
        (void)uv_run(&w.loop, UV_RUN_ONCE);
    assert_int_equal(w.servers.list[0].plain_until_us, 0);
    world_end(&w);
}

/* Freed inside the first answer, whatever that is, and while everything is under way: nothing is called
 * any more, nothing is leaked. */
static void freed_early(void **state)
{
    (void)state;
    static const char *const all[] = {"g", "f", "l", "t", "s", "d", "fg", "ds"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct world w;
        world_start(&w, all[i], 300);
        w.free_inside = true;
        while (w.over < 1)
            (void)uv_run(&w.loop, UV_RUN_ONCE);
        (void)uv_run(&w.loop, UV_RUN_NOWAIT);
        assert_int_equal(w.over, 1);
        world_end(&w);
        for (int turns = 0; turns < 4; turns++) {
            world_start(&w, all[i], PATIENCE_MS);
            for (int n = 0; n < turns && w.over == 0; n++)
                (void)uv_run(&w.loop, UV_RUN_NOWAIT);
            world_end(&w);
        }
    }
}

static void no_name(void **state)
{
    (void)state;
    struct timers timers = {.clock = &clock_system};
    struct dns_servers servers = {.count = 1};
    struct dns_query *q = NULL;
    assert_int_equal(dns_query_new(&q, NULL, &timers, &servers, "a..b", 1000, on_answered, NULL),
                     ERR_INVALID);
    assert_null(q);
    dns_query_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_asked_next),
        cmocka_unit_test(silence_to_edns),
        cmocka_unit_test(one_server_has_one_query_a_turn),
        cmocka_unit_test(what_is_learned),
        cmocka_unit_test(freed_early),
        cmocka_unit_test(no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
