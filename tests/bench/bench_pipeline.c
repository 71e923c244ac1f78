/* `./dev bench [CASE ...]`: runs the cases, prints a table, writes the same figures as JSON. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"

static int usage(FILE *to, int status)
{
    (void)fputs("usage: bench_pipeline [OPTION ...] [CASE ...]\n\n"
                "  --scale X    counts and times by this factor; 0.1 is a quick look [1]\n"
                "  --channels N channels of the cases a to c [100]\n"
                "  --size BYTES of an event [500]\n"
                "  --json FILE  [build/bench.json]\n"
                "  --dir DIR    where data directories are made and removed [build]\n\ncases:\n",
                to);
    for (size_t i = 0; i < bench_case_count; i++)
        (void)fprintf(to, "  %s  %s\n", bench_cases[i].letter, bench_cases[i].title);
    return status;
}

/* A certificate that is its own authority, for 127.0.0.1. */
static void make_certificate(const char *dir, char *cert, char *key, size_t size)
{
    (void)snprintf(cert, size, "%s/bench-cert.pem", dir);
    (void)snprintf(key, size, "%s/bench-key.pem", dir);
    const char *argv[] = {"openssl",
                          "req",
                          "-x509",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:P-256",
                          "-nodes",
                          "-days",
                          "2",
                          "-subj",
                          "/CN=todoke bench",
                          "-addext",
                          "subjectAltName=IP:127.0.0.1",
                          "-batch",
                          "-keyout",
                          key,
                          "-out",
                          cert,
                          NULL};
    if (!node_run(argv, NULL, 0))
        report_die("`openssl req` failed");
}

static bool is_chosen(const char *letter, int count, char **chosen)
{
    for (int i = 0; i < count; i++)
        if (strcmp(chosen[i], letter) == 0)
            return true;
    return count == 0;
}

static bool is_case(const char *letter)
{
    for (size_t i = 0; i < bench_case_count; i++)
        if (strcmp(bench_cases[i].letter, letter) == 0)
            return true;
    return false;
}

static void on_signal(int number)
{
    node_kill_all();
    _exit(128 + number);
}

static void run(struct bench *b, int count, char **chosen)
{
    static char cert[4096], key[4096];
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) { /* ten thousand connections */
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    b->receiver = receiver_start();
    if (is_chosen("c", count, chosen)) {
        make_certificate(b->scratch, cert, key, sizeof(cert));
        b->ca = cert;
        b->tls = receiver_start_tls(cert, key);
    }
    (void)printf("%ld processors, scale %g\n", sysconf(_SC_NPROCESSORS_ONLN), b->scale);
    for (size_t i = 0; i < bench_case_count; i++) {
        if (!is_chosen(bench_cases[i].letter, count, chosen))
            continue;
        report_case(bench_cases[i].letter, bench_cases[i].title);
        bench_cases[i].run(b);
    }
}

int main(int argc, char **argv)
{
    struct bench b = {.scale = 1, .channels = 100, .event_size = 500};
    const char *json = "build/bench.json", *dir = "build", *binary = getenv("TODOKE_BIN");
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at += 2) {
        const char *value = at + 1 < argc ? argv[at + 1] : NULL;
        if (strcmp(argv[at], "--help") == 0)
            return usage(stdout, 0);
        if (!value)
            return usage(stderr, 2);
        if (strcmp(argv[at], "--scale") == 0)
            b.scale = strtod(value, NULL);
        else if (strcmp(argv[at], "--channels") == 0)
            b.channels = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(argv[at], "--size") == 0)
            b.event_size = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(argv[at], "--json") == 0)
            json = value;
        else if (strcmp(argv[at], "--dir") == 0)
            dir = value;
        else
            return usage(stderr, 2);
    }
    for (int i = at; i < argc; i++)
        if (!is_case(argv[i]))
            return usage(stderr, 2);
    if (!(b.scale > 0 && b.scale <= 100) || b.channels < 1 || b.channels > 100000 || b.event_size > 50000)
        return usage(stderr, 2);
    b.scratch = dir;
    node_prepare(binary ? binary : "build/todoke", dir);
    run(&b, argc - at, argv + at);
    if (report_write(json)) {
        (void)fprintf(stderr, "bench: %s: %s\n", json, strerror(errno));
        return 1;
    }
    (void)printf("\nwritten to %s\n", json);
    return 0;
}
