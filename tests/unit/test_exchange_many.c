/*
 * Ten thousand exchanges at once on one loop, against a server that accepts and never says a word: all end at
 * their deadline, named for it, in bounded memory. The server is a child process, so that the memory measured
 * is the client's.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "exchange/exchange.h"

#if defined(__SANITIZE_ADDRESS__)
#define WANTED 2000u /* the sanitizer makes connecting slow: the deadlines are for the plain build */
#else
#define WANTED 10000u
#endif
#define RESERVE 100u      /* descriptors for all else */
#define RESPONSE_MS 3000u /* long enough that all are under way before the first ends */
#define RESIDENT_MAX_MB 300
#define ALL_OVER_MS 20000 /* no test of speed: only that nothing hangs */

static pid_t child;
static unsigned short port;
static unsigned count;

/* Accepts for ever and keeps every connection open. */
static void be_silent(int listener)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            (void)pause();
    }
}

static int setup(void **state)
{
    (void)state;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return -1;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    count = files.rlim_cur > WANTED + RESERVE ? WANTED : (unsigned)files.rlim_cur - RESERVE;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    if (listener < 0 || bind(listener, (struct sockaddr *)&sin, len) != 0 || listen(listener, 65535) != 0 ||
        getsockname(listener, (struct sockaddr *)&sin, &len) != 0)
        return -1;
    port = ntohs(sin.sin_port);
    child = fork();
    if (child == 0)
        be_silent(listener);
    (void)close(listener);
    return child > 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    if (child > 0) {
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
    }
    return 0;
}

struct tally {
    struct engine *engine;
    unsigned over, timeouts, early;
    uint64_t opened_before_first_end;
};

static void on_done(void *arg, const struct exchange_result *r)
{
    struct tally *t = arg;
    if (t->over++ == 0) {
        struct engine_stats stats;
        engine_stats_get(t->engine, &stats);
        t->opened_before_first_end = stats.opened_total;
    }
    if (r->outcome.cause == CAUSE_response_silent && r->outcome.processed == PROCESSED_UNKNOWN)
        t->timeouts++;
    if (r->timings.total_us < RESPONSE_MS * 1000)
        t->early++;
    if (t->over == count)
        engine_close(t->engine, NULL, NULL);
}

static void all_end_at_their_deadline(void **state)
{
    (void)state;
    char text[64];
    (void)snprintf(text, sizeof(text), "http://127.0.0.1:%u/x", (unsigned)port);
    struct url url;
    enum cause_id cause = CAUSE_ok;
    assert_int_equal(url_parse(span_of(text), &(struct url_rules){.allow_http = true}, &url, &cause),
                     ERR_NONE);
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct tally t = {0};
    assert_int_equal(engine_new(&t.engine, &loop, &(struct engine_config){.allow_private = true}), ERR_NONE);
    const struct exchange_request request = {
        .url = &url,
        .body = SPAN_LIT("{\"destination\":\"U00000000000000000000000000000000\",\"events\":[]}"),
        .deadlines = {.connect_ms = 10000, .response_ms = RESPONSE_MS},
    };
    uint64_t start = clock_system_mono_us(NULL);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(exchange_start(t.engine, &request, on_done, &t, NULL), ERR_NONE);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    uint64_t took_ms = (clock_system_mono_us(NULL) - start) / 1000;
    assert_int_equal(uv_loop_close(&loop), 0);
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    print_message("# %u at once: %u connections opened before the first ended, %ld MB resident at most, %llu "
                  "ms in all\n",
                  count, (unsigned)t.opened_before_first_end, usage.ru_maxrss / 1024,
                  (unsigned long long)took_ms);
    assert_int_equal(t.over, count);
    assert_int_equal(t.timeouts, count);
    assert_int_equal(t.early, 0);
    assert_int_equal(t.opened_before_first_end, count);
    assert_true(took_ms < ALL_OVER_MS);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
    assert_true(usage.ru_maxrss / 1024 < RESIDENT_MAX_MB);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_end_at_their_deadline)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
