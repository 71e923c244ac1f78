/*
 * Happy eyeballs over many addresses: listeners that take no more connections, so that the kernel answers no
 * SYN, beside one that lives; and addresses that come while others are being tried.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/dial.h"

#define DEAF_MAX 63
#define FILLERS 3
#define PATIENCE_MS 20000

static const struct address_guard anywhere = {.allow_private = true};

/* ---- addresses of 127.0.7.x, on one port ---- */

static union address loopback(unsigned last, unsigned port)
{
    union address a;
    memset(&a, 0, sizeof(a));
    a.v4.sin_family = AF_INET;
    a.v4.sin_addr.s_addr = htonl(0x7f000700 + last);
    a.v4.sin_port = htons((uint16_t)port);
    return a;
}

/* backlog < 0: bound, but nobody listens. port 0: any, which it returns. */
static int listen_at(unsigned last, unsigned *port, int backlog)
{
    union address a = loopback(last, *port);
    socklen_t len = sizeof(a.v4);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &a.any, len), 0);
    if (backlog >= 0)
        assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, &a.any, &len), 0);
    *port = ntohs(a.v4.sin_port);
    return fd;
}

struct deaf {
    int listener, fillers[FILLERS];
};

static void deaf_start(struct deaf *d, unsigned last, unsigned port)
{
    d->listener = listen_at(last, &port, 0);
    union address a = loopback(last, port);
    for (size_t i = 0; i < FILLERS; i++) {
        d->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(connect(d->fillers[i], &a.any, sizeof(a.v4)) == 0 || errno == EINPROGRESS);
        struct pollfd p = {d->fillers[i], POLLOUT, 0};
        (void)poll(&p, 1, i == 0 ? PATIENCE_MS : 20); /* one or two are taken, the others hang */
    }
}

static void deaf_stop(struct deaf *d)
{
    for (size_t i = 0; i < FILLERS; i++)
        (void)close(d->fillers[i]);
    (void)close(d->listener);
}

/* ---- a dial and its end ---- */

struct world {
    uv_loop_t loop;
    struct timers timers;
    struct dial *dial;
    bool over;
    struct dial_result result;
    uint64_t started_us, took_us;
};

static void on_done(void *arg, const struct dial_result *r)
{
    struct world *w = arg;
    assert_false(w->over);
    w->over = true;
    w->result = *r;
    w->took_us = clock_system_mono_us(NULL) - w->started_us;
    if (r->fd >= 0)
        (void)close(r->fd);
}

static void world_start(struct world *w)
{
    memset(w, 0, sizeof(*w));
    assert_int_equal(uv_loop_init(&w->loop), 0);
    timers_init(&w->timers, &w->loop, &clock_system);
    w->started_us = clock_system_mono_us(NULL);
}

static void world_dial(struct world *w, const union address *addresses, size_t count, bool more,
                       unsigned port, uint32_t ms)
{
    assert_int_equal(dial_start(&w->loop, &w->timers, &anywhere, addresses, count, more, (uint16_t)port, ms,
                                on_done, w, &w->dial),
                     ERR_NONE);
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer; /* the loop comes back: that is all */
}

/* Runs until it is over, or for a while. */
static void world_run(struct world *w, uint64_t ms)
{
    uv_timer_t stop;
    (void)uv_timer_init(&w->loop, &stop);
    uint64_t end = clock_system_mono_us(NULL) + ms * 1000;
    while (!w->over && clock_system_mono_us(NULL) < end) {
        (void)uv_timer_start(&stop, on_tick, 5, 0);
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&stop, NULL);
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
}

static void world_end(struct world *w)
{
    timers_close(&w->timers, NULL);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
}

static size_t open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

/* ---- cases ---- */

/* However many take the SYN and say nothing, the last one has its turn, with time to answer. */
static void every_address_has_its_turn(void **state)
{
    (void)state;
    static const size_t counts[] = {2, 17, DEAF_MAX};
    unsigned port = 0;
    int live = listen_at(200, &port, 16);
    static struct deaf deaf[DEAF_MAX];
    for (size_t i = 0; i < DEAF_MAX; i++)
        deaf_start(&deaf[i], (unsigned)i + 1, port);
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        union address addresses[DEAF_MAX + 1];
        for (size_t i = 0; i < counts[c]; i++)
            addresses[i] = loopback((unsigned)i + 1, 0);
        addresses[counts[c]] = loopback(200, 0);
        struct world w;
        world_start(&w);
        world_dial(&w, addresses, counts[c] + 1, false, port, 3000);
        size_t before = open_descriptors();
        while (!w.over) {
            (void)uv_run(&w.loop, UV_RUN_ONCE);
            assert_true(open_descriptors() < before + 40);
        }
        world_end(&w);
        if (w.result.ended != ENDED_COMPLETE || strncmp(w.result.address, "127.0.7.200:", 12) != 0)
            fail_msg("%zu deaf ones: %d, %s", counts[c], w.result.ended, w.result.address);
        assert_true(w.took_us >= (counts[c] == 2 ? 500000 : 2000000)); /* nobody was hurried needlessly */
    }
    for (size_t i = 0; i < DEAF_MAX; i++)
        deaf_stop(&deaf[i]);
    (void)close(live);
}

static void all_deaf_is_a_timeout(void **state)
{
    (void)state;
    unsigned port = 0;
    int live = listen_at(200, &port, 16);
    static struct deaf deaf[40];
    union address addresses[40];
    for (size_t i = 0; i < 40; i++) {
        deaf_start(&deaf[i], (unsigned)i + 1, port);
        addresses[i] = loopback((unsigned)i + 1, 0);
    }
    struct world w;
    world_start(&w);
    world_dial(&w, addresses, 40, false, port, 600);
    world_run(&w, PATIENCE_MS);
    assert_true(w.over);
    assert_int_equal(w.result.ended, ENDED_DEADLINE);
    assert_true(w.took_us >= 595000);
    world_end(&w);
    for (size_t i = 0; i < 40; i++)
        deaf_stop(&deaf[i]);
    (void)close(live);
}

/* Others are to come: without them it has not failed, and they have their whole time. */
static void addresses_that_come_later(void **state)
{
    (void)state;
    unsigned port = 0;
    int live = listen_at(200, &port, 16), none = listen_at(201, &port, -1);
    struct deaf deaf;
    deaf_start(&deaf, 1, port);
    const union address dead = loopback(201, 0), silent = loopback(1, 0), good = loopback(200, 0);
    static const struct {
        bool silent, second; /* the first takes the SYN and says nothing; there is a second */
        uint32_t first_ms;   /* when it comes */
        enum ended ended;
    } cases[] = {
        {false, true, 10, ENDED_COMPLETE},  {false, false, 10, ENDED_ERRNO},
        {false, true, 400, ENDED_COMPLETE}, {false, false, 400, ENDED_ERRNO},
        {true, true, 10, ENDED_COMPLETE},   {true, false, 10, ENDED_DEADLINE},
        {true, true, 400, ENDED_COMPLETE},  {true, false, 400, ENDED_DEADLINE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        world_start(&w);
        const union address *first = cases[i].silent ? &silent : &dead;
        const union address all[2] = {good, *first}; /* the new one goes first, the tried one not again */
        world_dial(&w, first, 1, true, port, 200);
        world_run(&w, cases[i].first_ms);
        assert_false(w.over);
        dial_add(w.dial, all, cases[i].second ? 2 : 0);
        world_run(&w, PATIENCE_MS);
        assert_true(w.over);
        if (w.result.ended != cases[i].ended)
            fail_msg("case %zu: %d", i, w.result.ended);
        if (!cases[i].second && !cases[i].silent)
            assert_int_equal(w.result.sys_errno, ECONNREFUSED);
        world_end(&w);
    }
    deaf_stop(&deaf);
    (void)close(live);
    (void)close(none);
}

static void cancelled(void **state)
{
    (void)state;
    unsigned port = 0;
    int none = listen_at(201, &port, -1);
    const union address dead = loopback(201, 0);
    for (int run = 0; run < 2; run++) {
        struct world w;
        world_start(&w);
        world_dial(&w, &dead, 1, true, port, 200);
        if (run)
            world_run(&w, 20);
        dial_cancel(w.dial);
        world_run(&w, 20);
        assert_false(w.over);
        world_end(&w);
    }
    (void)close(none);
}

static void without_memory(void **state)
{
    (void)state;
    unsigned port = 0;
    int live = listen_at(200, &port, 16);
    const union address all[2] = {loopback(200, 0), loopback(201, 0)};
    for (unsigned long n = 1; n <= 8; n++) {
        struct world w;
        world_start(&w);
        (void)mem_fail_at(n);
        enum err e = dial_start(&w.loop, &w.timers, &anywhere, all + 1, 1, true, (uint16_t)port, 500, on_done,
                                &w, &w.dial);
        if (!e)
            dial_add(w.dial, all, 2);
        world_run(&w, e ? 0 : PATIENCE_MS);
        (void)mem_fail_at(0);
        assert_true(e ? !w.over : w.over);
        world_end(&w);
    }
    (void)close(live);
}

/* Descriptors left: so many, or as many as there were. */
static void leave_descriptors(int n)
{
    static struct rlimit usual;
    if (usual.rlim_cur == 0)
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    int next = n < 0 ? 0 : dup(STDERR_FILENO);
    assert_true(next >= 0);
    if (next > 0)
        (void)close(next);
    struct rlimit l = {n < 0 ? usual.rlim_cur : (rlim_t)(next + n), usual.rlim_max};
    while (n >= 0 && l.rlim_cur - l.rlim_cur / 8 < (rlim_t)(next + n))
        l.rlim_cur++; /* the last eighth is for others: socket.c */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
}

/* An address that no descriptor was left for was not tried: it keeps its turn, and its server is not
 * blamed. */
static void few_descriptors(void **state)
{
    (void)state;
    enum { DEAF = 6 };
    unsigned port = 0;
    int live = listen_at(200, &port, 16);
    static struct deaf deaf[DEAF];
    union address addresses[DEAF + 1];
    for (size_t i = 0; i < DEAF; i++) {
        deaf_start(&deaf[i], (unsigned)i + 1, port);
        addresses[i] = loopback((unsigned)i + 1, 0);
    }
    addresses[DEAF] = loopback(200, 0);
    static const struct {
        int left;   /* descriptors */
        bool freed; /* the others come back after 300 ms */
        size_t count;
        enum ended ended;
        int sys_errno;
    } cases[] = {
        {0, false, DEAF, ENDED_ERRNO, EMFILE},     {3, false, DEAF, ENDED_ERRNO, EMFILE},
        {3, false, DEAF + 1, ENDED_ERRNO, EMFILE}, {3, true, DEAF + 1, ENDED_COMPLETE, 0},
        {3, true, DEAF, ENDED_DEADLINE, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        world_start(&w);
        leave_descriptors(cases[i].left);
        world_dial(&w, addresses, cases[i].count, false, port, 1500);
        world_run(&w, cases[i].freed ? 300 : PATIENCE_MS);
        leave_descriptors(-1);
        assert_int_equal(w.over, !cases[i].freed);
        world_run(&w, PATIENCE_MS);
        assert_true(w.over);
        if (w.result.ended != cases[i].ended || w.result.sys_errno != cases[i].sys_errno)
            fail_msg("case %zu: %d, %d", i, w.result.ended, w.result.sys_errno);
        world_end(&w);
    }
    for (size_t i = 0; i < DEAF; i++)
        deaf_stop(&deaf[i]);
    (void)close(live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_has_its_turn),
        cmocka_unit_test(all_deaf_is_a_timeout),
        cmocka_unit_test(addresses_that_come_later),
        cmocka_unit_test(few_descriptors),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
