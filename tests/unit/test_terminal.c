/* What the binary writes to a terminal; skipped where there can be none. TODOKE_BIN names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pty.h>

#include "command/paint.h"
#include "command_fixture.h"

/* What the binary writes to a terminal of that many columns. */
static void run_on_terminal(unsigned short columns, const char *const *env, const char *const *argv)
{
    const char *path = binary();
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    int master;
    (void)fflush(NULL);
    pid_t pid = forkpty(&master, NULL, NULL, &size);
    assert_true(pid >= 0);
    if (pid == 0)
        become(env, argv, path);
    size_t used = 0;
    for (;;) {
        ssize_t n = read(master, ran.out + used, sizeof(ran.out) - 1 - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* EIO: the other side is closed */
        used += (size_t)n;
    }
    ran.out[used] = '\0';
    (void)close(master);
    ran.status = status_of(pid);
}

/* Cuts the escapes out of what a terminal was sent, and sees that every line fits. */
static void assert_lines_fit(char *text, unsigned columns)
{
    char line[1000];
    size_t n = 0;
    for (const char *p = text; *p; p++) {
        if (*p == '\033') {
            p = strchr(p, 'm');
            assert_non_null(p);
        } else if (*p == '\n') {
            line[n] = '\0';
            if (paint_width(line) > columns && !strchr(line, '`')) /* commands are never broken */
                fail_msg("wider than %u columns: %s", columns, line);
            n = 0;
        } else if (*p != '\r') {
            assert_true(n < sizeof(line) - 1);
            line[n++] = *p;
        }
    }
}

static void colours_and_breaks_on_a_terminal_only(void **state)
{
    (void)state;
    static const char *const en[] = {"explain", "response_silent", NULL};
    static const char *const ja[] = {"explain", "--lang=ja", "response_silent", NULL};
    run_on_terminal(70, NO_ENV, en);
    assert_int_equal(ran.status, 0);
    assert_has(ran.out, "\033[1m");
    assert_lines_fit(ran.out, 70);
    run_on_terminal(70, NO_ENV, ja);
    assert_lines_fit(ran.out, 70);
    run_on_terminal(70, ENV("NO_COLOR", "1"), en);
    assert_lacks(ran.out, "\033");
    assert_lines_fit(ran.out, 70);
    run_on_terminal(70, ENV("NO_COLOR", ""), en); /* empty does not count (no-color.org) */
    assert_has(ran.out, "\033");
    run_on_terminal(70, ENV("TERM", "dumb"), en);
    assert_lacks(ran.out, "\033");
    run_on_terminal(10, NO_ENV, ja); /* too narrow to break: the terminal does it */
    assert_int_equal(ran.status, 0);
}

/* A chroot often lacks /dev/pts. Said in TAP: a test that cannot run must be seen to. */
static bool has_terminals(void)
{
    int leader, follower;
    if (openpty(&leader, &follower, NULL, NULL, NULL)) {
        (void)printf("1..0 # SKIP no terminal can be opened (%s); is /dev/pts mounted?\n", strerror(errno));
        return false;
    }
    (void)close(leader);
    (void)close(follower);
    return true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colours_and_breaks_on_a_terminal_only),
    };
    return has_terminals() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
