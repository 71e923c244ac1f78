#pragma once
/* The binary itself, run as people run it: what it prints where, and its exit status. TODOKE_BIN names it.
 * After <cmocka.h>. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct ran {
    int status; /* exit status, -1: a signal */
    char out[400000], err[20000];
};
static struct ran ran; /* too large for a stack */

static inline const char *binary(void)
{
    const char *path = getenv("TODOKE_BIN");
    if (!path)
        fail_msg("TODOKE_BIN is not set");
    return path;
}

/* In the child: a known environment, then the binary. Never returns. */
static inline _Noreturn void become(const char *const *env, const char *const *argv, const char *path)
{
    char binary_path[4096];
    (void)snprintf(binary_path, sizeof(binary_path), "%s", path); /* path points into the environment */
    (void)clearenv();
    (void)setenv("TERM", "xterm", 1);
    for (; *env; env += 2)
        (void)setenv(env[0], env[1], 1);
    const char *args[12] = {"todoke"};
    for (size_t i = 0; argv[i] && i < 10; i++)
        args[i + 1] = argv[i];
    union {
        const char **in;
        char **out;
    } a = {.in = args}; /* execv takes char *const[], though it changes nothing */
    (void)execv(binary_path, a.out);
    _exit(126);
}

static inline int status_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void read_back(FILE *f, char *buf, size_t size)
{
    rewind(f);
    size_t n = fread(buf, 1, size - 1, f);
    assert_true(n < size - 1);
    buf[n] = '\0';
    (void)fclose(f);
}

static inline void run_with(const char *const *env, const char *const *argv)
{
    const char *path = binary();
    FILE *out = tmpfile(), *err = tmpfile();
    assert_non_null(out);
    assert_non_null(err);
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(fileno(out), STDOUT_FILENO);
        (void)dup2(fileno(err), STDERR_FILENO);
        become(env, argv, path);
    }
    ran.status = status_of(pid);
    read_back(out, ran.out, sizeof(ran.out));
    read_back(err, ran.err, sizeof(ran.err));
}

#define NO_ENV ((const char *const[]){NULL})
#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})
#define RUN(...) run_with(NO_ENV, (const char *const[]){__VA_ARGS__, NULL})
#define RUN_WITH(env, ...) run_with(env, (const char *const[]){__VA_ARGS__, NULL})

static inline void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static inline void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" is in:\n%s", part, text);
}
