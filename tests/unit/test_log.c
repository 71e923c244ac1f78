#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/origin.h"

static int64_t fixed_wall(void *arg)
{
    (void)arg;
    return 1795325900031; /* 2026-11-22T05:38:20.031Z */
}

static const struct clock fixed_clock = {clock_system_mono_us, fixed_wall, NULL};
static int pipe_fd[2];
static char got[65536];

static int open_pipe(void **state)
{
    (void)state;
    if (pipe(pipe_fd) != 0)
        return -1;
    log_set_output(pipe_fd[1], &fixed_clock);
    return log_configure("info") ? -1 : 0;
}

static int close_pipe(void **state)
{
    (void)state;
    log_set_output(2, NULL);
    (void)close(pipe_fd[0]);
    (void)close(pipe_fd[1]);
    return 0;
}

/* What one write brought, NUL-terminated. */
static const char *line(void)
{
    ssize_t n = read(pipe_fd[0], got, sizeof(got) - 1);
    assert_true(n > 0);
    got[n] = '\0';
    return got;
}

#define HEAD "time=2026-11-22T05:38:20.031Z "

static void fields_are_quoted_as_needed(void **state)
{
    (void)state;
    log_warn("net", "connection refused", log_str("url", "https://example.com/"), log_int("tries", -3),
             log_uint("bytes", UINT64_MAX), log_str("none", ""), log_bool("up", false),
             log_err("err", ERR_NOMEM), log_errno("errno", ECONNREFUSED));
    assert_string_equal(line(), HEAD
                        "level=warn module=net msg=\"connection refused\" url=https://example.com/ tries=-3 "
                        "bytes=18446744073709551615 none=\"\" up=false err=\"out of memory\" "
                        "errno=ECONNREFUSED\n");
    log_error("a", "plain");
    assert_string_equal(line(), HEAD "level=error module=a msg=plain\n");
}

static void nothing_forges_a_line(void **state)
{
    (void)state;
    static const struct {
        struct span in;
        const char *want;
    } rows[] = {
        {SPAN_LIT("a b"), "\"a b\""},
        {SPAN_LIT("a=b"), "\"a=b\""},
        {SPAN_LIT("say \"hi\""), "\"say \\\"hi\\\"\""},
        {SPAN_LIT("C:\\x"), "\"C:\\\\x\""},
        {SPAN_LIT("x\nlevel=error"), "\"x\\nlevel=error\""},
        {SPAN_LIT("\r\t"), "\"\\r\\t\""},
        {SPAN_LIT("\0\x1B[2J\x7F"), "\"\\u0000\\u001b[2J\\u007f\""},
        {SPAN_LIT("\xC2\x9B"), "\"\\u009b\""}, /* CSI as a C1 character */
        {SPAN_LIT("\xE2\x80\xAE"
                  "gpj.exe"),
         "\"\\u202egpj.exe\""}, /* right-to-left override */
        {SPAN_LIT("日本語"), "\"日本語\""},
        {SPAN_LIT("a\xFF"
                  "b\xE3\x81"),
         "\"a\xEF\xBF\xBD"
         "b\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {SPAN_LIT("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* a surrogate */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char want[256];
        (void)snprintf(want, sizeof(want), HEAD "level=info module=m msg=v v=%s\n", rows[i].want);
        log_info("m", "v", log_span("v", rows[i].in));
        assert_string_equal(line(), want);
    }
}

static int evaluated;
static const char *count_evaluation(void)
{
    evaluated++;
    return "x";
}

static void levels_by_module(void **state)
{
    (void)state;
    assert_int_equal(log_configure("warn,net=debug,store=error"), ERR_NONE);
    assert_true(log_on(LOG_LEVEL_DEBUG, "net"));
    assert_true(log_on(LOG_LEVEL_WARN, "api"));
    assert_false(log_on(LOG_LEVEL_INFO, "api"));
    assert_false(log_on(LOG_LEVEL_WARN, "store"));
    evaluated = 0;
    log_info("api", "off", log_str("x", count_evaluation()));
    assert_int_equal(evaluated, 0);
    log_debug("net", "on", log_str("x", count_evaluation()));
    assert_int_equal(evaluated, 1);
    assert_string_equal(line(), HEAD "level=debug module=net msg=on x=x\n");

    static const char *const bad[] = {"",     "loud",   "info,",         ",info",   "info,net",
                                      "net=", "=debug", "info,net=loud", "info net"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(log_configure(bad[i]), ERR_INVALID);
    assert_int_equal(log_configure("abcdefghijklmnopqrstuvwxyz=info"), ERR_LIMIT);
    assert_true(log_on(LOG_LEVEL_DEBUG, "net")); /* a refused setting changes nothing */
    assert_int_equal(log_configure("error"), ERR_NONE);
    assert_false(log_on(LOG_LEVEL_DEBUG, "net"));
}

static void long_lines_are_cut_whole(void **state)
{
    (void)state;
    static char big[LOG_LINE_MAX * 2];
    static const char *const units[] = {"x", "\n", "\"", "\x01", "あ", "x y", "\xFF"};
    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++)
        for (size_t len = LOG_LINE_MAX - 200; len < LOG_LINE_MAX + 10; len++) {
            for (size_t i = 0; i < len; i++)
                big[i] = units[u][i % strlen(units[u])];
            log_info("m", "v", log_span("v", (struct span){big, len}), log_int("n", 123456789));
            const char *s = line();
            size_t n = strlen(s);
            assert_true(n <= LOG_LINE_MAX);
            assert_int_equal(s[n - 1], '\n');
            bool cut = n > 16 && strcmp(s + n - 16, " truncated=true\n") == 0;
            bool whole = n > 13 && strcmp(s + n - 13, " n=123456789\n") == 0;
            assert_true(cut != whole);
            assert_true(strchr(s, '\n') == s + n - 1);
            size_t quotes = 0;
            for (const char *p = s; *p; p++)
                if (*p == '\\')
                    p++;
                else if (*p == '"')
                    quotes++;
            assert_true(quotes % 2 == 0);
        }
}

static void *write_many(void *arg)
{
    for (int i = 0; i < 100; i++)
        log_info("thread", arg, log_int("i", i));
    return NULL;
}

static void threads_never_mix(void **state)
{
    (void)state;
    pthread_t t[4];
    static char names[4][2] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, write_many, names[i]), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    const char *s = line(); /* all of it fits the pipe */
    int lines = 0;
    while (*s) {
        const char *end = strchr(s, '\n');
        assert_non_null(end);
        assert_int_equal(strncmp(s, HEAD "level=info module=thread msg=",
                                 sizeof(HEAD "level=info module=thread msg=") - 1),
                         0);
        lines++;
        s = end + 1;
    }
    assert_int_equal(lines, 400);
}

static void a_closed_output_is_survived(void **state)
{
    (void)state;
    log_set_output(-1, &fixed_clock);
    errno = EAGAIN;
    log_info("m", "lost");
    assert_int_equal(errno, EAGAIN);
}

/* The place where a fault begins is logged once, with errno where the system refused, and errno is kept. */
static void a_fault_tells_where_it_begins(void **state)
{
    (void)state;
    char want[300];
    errno = EACCES;
    int at = __LINE__ + 1;
    assert_int_equal(err_origin(ERR_IO), ERR_IO);
    assert_int_equal(errno, EACCES);
    (void)snprintf(want, sizeof(want),
                   HEAD "level=error module=todoke msg=\"input/output error\" file=%s line=%d errno=EACCES\n",
                   __FILE__, at);
    assert_string_equal(line(), want);

    mem_fail_at(1);
    at = __LINE__ + 1;
    assert_null(mem_alloc(10));
    mem_fail_at(0);
    (void)snprintf(want, sizeof(want), "line=%d\n", at);
    assert_non_null(strstr(line(), "msg=\"out of memory\" "));
    assert_non_null(strstr(got, want));
}

/* A place that fails all the time does not fill the log: it is logged once a second, and what was left out is
 * counted. */
static void a_fault_that_lasts_is_not_logged_each_time(void **state)
{
    (void)state;
    uint64_t begun = clock_system.mono_us(NULL);
    for (int i = 0; i < 1000; i++)
        (void)err_origin(ERR_FULL);
    uint64_t seconds = (clock_system.mono_us(NULL) - begun) / 1000000;
    size_t lines = 0;
    for (const char *p = line(); (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_in_range(lines, 1, 1 + seconds);
    assert_true(err_is_fault(ERR_FULL) && err_is_fault(ERR_NOMEM) && err_is_fault(ERR_INTERNAL));
    assert_false(err_is_fault(ERR_NONE) || err_is_fault(ERR_LIMIT) || err_is_fault(ERR_VERSION));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_are_quoted_as_needed, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(nothing_forges_a_line, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(levels_by_module, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(long_lines_are_cut_whole, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(threads_never_mix, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(a_closed_output_is_survived, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(a_fault_tells_where_it_begins, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(a_fault_that_lasts_is_not_logged_each_time, open_pipe, close_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
