/* Options and words of a command line, whatever their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/arguments.h"

#define WORDS 3

static struct {
    bool json;
    const char *name, *note, *tls;
    uint32_t limit;
} got;

static int read_all(const char *const *line, struct arguments *a, char **argv)
{
    const struct argument first[] = {ARGUMENT_OF_FLAG("--json", &got.json, "as JSON"),
                                     ARGUMENT_OF_TEXT("--name", &got.name, "N", "a name"), ARGUMENT_END};
    const struct argument second[] = {ARGUMENT_OF_TEXT("--note", &got.note, "N", "a note"),
                                      ARGUMENT_OF_NUMBER("--limit", &got.limit, 1, 9, "N", "rows"),
                                      {"--tls", ARGUMENT_SWITCH, &got.tls, "", "over TLS", 0, 0},
                                      ARGUMENT_END};
    int argc = 2;
    memset(&got, 0, sizeof(got));
    argv[0] = (char *)(uintptr_t) "command";
    argv[1] = (char *)(uintptr_t) "verb";
    for (; *line; line++)
        argv[argc++] = (char *)(uintptr_t)*line;
    argv[argc] = NULL;
    *a = (struct arguments){.command = "command verb", .options = {first, second}, .words_max = WORDS};
    return arguments_read(a, argc, argv, 2);
}

static void lines(void **state)
{
    (void)state;
    static const struct {
        const char *line[8];
        const char *want; /* json name note limit tls | words; NULL: refused */
    } rows[] = {
        {{NULL}, "0 - - 0 - |"},
        {{"--json", "--name", "a", "x"}, "1 a - 0 - | x"},
        {{"x", "--name=a", "y", "--limit", "9", "z"}, "0 a - 9 - | x y z"},
        {{"--name=", "--note", ""}, "0   0 - |"},
        {{"--name", "a", "--name", "b"}, "0 b - 0 - |"},
        {{"--name=--json"}, "0 --json - 0 - |"},
        {{"--name", "--other"}, "0 --other - 0 - |"}, /* no option of ours: a value */
        {{"--name", "-"}, "0 - - 0 - |"},
        {{"-", "--json"}, "1 - - 0 - | -"},
        {{"--json", "--", "--name", "-x"}, "1 - - 0 - | --name -x"},
        {{"--", "--"}, "0 - - 0 - | --"},
        {{"--tls", "x"}, "0 - - 0 true | x"},
        {{"--tls=false"}, "0 - - 0 false |"},
        {{"a", "b", "c", "d"}, NULL},
        {{"--", "a", "b", "c", "d"}, NULL},
        {{"--name"}, NULL},
        {{"--name", "--json"}, NULL},
        {{"--name", "--note=x"}, NULL},
        {{"--json=1"}, NULL},
        {{"--limit", "0"}, NULL},
        {{"--limit", "10"}, NULL},
        {{"--limit=x"}, NULL},
        {{"--na", "a"}, NULL}, /* short for --name alone, */
        {{"--na=a"}, NULL},
        {{"--nam"}, NULL},
        {{"--js=1"}, NULL},
        {{"--n", "a"}, NULL}, /* and for --name and --note */
        {{"--names", "a"}, NULL},
        {{"---name", "a"}, NULL},
        {{"--=a"}, NULL},
        {{"-n", "a"}, NULL},
        {{"-name", "a"}, NULL},
        {{"-json"}, NULL},
        {{"x", "-:"}, NULL},
        {{"x", "-W", "json"}, NULL},
    };
    for (int posix = 0; posix < 2; posix++) {
        if (posix)
            (void)setenv("POSIXLY_CORRECT", "1", 1);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            struct arguments a;
            char *argv[12], text[200];
            int status = read_all(rows[i].line, &a, argv);
            if (status != (rows[i].want ? 0 : 2))
                fail_msg("%s: %d", rows[i].line[0] ? rows[i].line[0] : "", status);
            if (status)
                continue;
            int n = snprintf(text, sizeof(text), "%d %s %s %u %s |", got.json, got.name ? got.name : "-",
                             got.note ? got.note : "-", got.limit, got.tls ? got.tls : "-");
            for (size_t k = 0; k < a.word_count; k++)
                n += snprintf(text + n, sizeof(text) - (size_t)n, " %s", a.words[k]);
            assert_string_equal(text, rows[i].want);
        }
    }
    (void)unsetenv("POSIXLY_CORRECT");
}

static void asked_for(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"c"}, (char[]){"--data=x"}, (char[]){"--"}, (char[]){"--key"}, NULL};
    assert_true(arguments_have(4, argv, "--data"));
    assert_false(arguments_have(4, argv, "--dat"));
    assert_false(arguments_have(4, argv, "--key"));
    assert_false(arguments_ask_help(4, argv));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines), cmocka_unit_test(asked_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
