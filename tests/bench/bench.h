#pragma once
/*
 * The whole way of an event, measured: a publisher and a receiver in this process, a node beside it.
 *
 *     publisher.c ──HTTP/1.1──► todoke serve (node.c) ──webhooks──► receiver.c
 *          │ 202: latency         │ CPU by thread, memory              │ events, latency
 *          └──────────────────────┴── cases.c ── report.c ─────────────┘
 *
 * Every event carries the time at which it was posted (CLOCK_MONOTONIC, µs), so the receiver knows how long
 * it was on its way.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/span.h"

/* report.c: latencies by logarithm, 32 steps an octave: 3 % off at most. One thread adds; others may read
 * meanwhile. */
#define HIST_BUCKETS (32 * 32)
struct hist {
    _Atomic uint64_t counts[HIST_BUCKETS];
};
void hist_add(struct hist *h, uint64_t us);
void hist_clear(struct hist *h);
void hist_merge(struct hist *to, const struct hist *from);
double hist_ms(const struct hist *h, double quantile); /* 0: nothing was counted */

/* One figure: printed at once, kept for the JSON. want: "≤ 27" and the like, or NULL. */
void report_case(const char *letter, const char *title);
void report_add(const char *name, double value, const char *unit, const char *want);
void report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
enum err report_write(const char *path) MUST_CHECK;
_Noreturn void report_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* receiver.c: a bot server in a thread of its own. One epoll loop for clear HTTP/1.1, the node's server code
 * for TLS and HTTP/2. */
struct receiver {
    _Atomic uint64_t events, requests; /* of whole requests */
    _Atomic uint64_t silent;           /* requests that get no answer */
    _Atomic uint64_t connections;      /* open now */
    struct hist latency;               /* posted to received */
    _Atomic unsigned fail_every;       /* the clear one answers one request in so many with 500; 0: none */
    int port, silent_port;             /* an answer at once; none ever */
};
struct receiver *receiver_start(void);
double receiver_cpu_s(const struct receiver *r); /* what its thread has used */
/* cert, key: PEM files. Answers over TLS, HTTP/2 by ALPN; only port is set. */
struct receiver *receiver_start_tls(const char *cert, const char *key);

/* node.c: a node of the binary under test, with a data directory of its own; its log goes to node.log in
 * there. */
#define NODE_THREADS 8
struct node_cpu {
    size_t count;
    struct {
        char name[20];
        double user_s, system_s;
    } threads[NODE_THREADS];
};
struct node {
    char dir[512], key[128];
    int port;
    long pid;
    double start_s; /* from exec to ready */
};
void node_prepare(const char *binary, const char *under); /* once */
/* args: NULL-terminated, further flags. keep: runs again on the directory of before. */
void node_start(struct node *n, const char *const *args, bool keep);
void node_stop(struct node *n); /* SIGTERM, and waits */
void node_remove(struct node *n);
void node_kill_all(void); /* when the measurement gives up */
struct node_cpu node_cpu(const struct node *n);
double node_cpu_total(const struct node_cpu *c);
double node_rss_mb(const struct node *n, bool peak);
/* Runs a command and waits; its output goes to out, NUL-terminated, its errors to bench.log. false: it
 * failed. */
bool node_run(const char *const *argv, char *out, size_t size);

/* publisher.c */
struct channels {
    int64_t *ids;
    size_t count;
};
/* count channels with this URL, made over parallel connections. */
struct channels publisher_channels(const struct node *n, size_t count, const char *url, bool redelivery);
void publisher_patch(const struct node *n, const struct channels *c, const char *json);
void publisher_free(struct channels *c);
/* A number of /metrics; -1: there is none of that name. */
double publisher_metric(const struct node *n, const char *name);

struct load {
    const struct node *node;
    const struct channels *channels; /* in turn */
    unsigned connections;
    unsigned batch;      /* events a call */
    unsigned event_size; /* bytes, about */
    uint64_t events;     /* in all; posting ends there, or */
    double seconds;      /* after this */
    double rate;         /* events a second; 0: the next call as soon as the last is answered */
};
struct load_result {
    uint64_t accepted, refused; /* events; refused: 429 and 503 */
    double seconds, cpu_s;      /* cpu_s: of the publisher */
    struct hist latency;        /* of the calls answered with 202 */
};
void publisher_run(const struct load *load, struct load_result *ret);
/* The body of a call with batch events, as publisher_run() posts it; the caller's (mem_free). */
char *publisher_body(unsigned batch, unsigned event_size, size_t *ret_len);
#define PUBLISHER_MARK "\"postedAt\":\"" /* 16 digits follow */

static inline uint64_t bench_now_us(void)
{
    return clock_system.mono_us(NULL);
}

/* cases.c */
struct bench {
    struct receiver *receiver, *tls;
    const char *scratch; /* a directory for files */
    const char *ca;
    double scale;        /* of counts and times: 0.1 is a quick look */
    unsigned channels;   /* of a to c */
    unsigned event_size; /* bytes, about */
};
struct bench_case {
    const char *letter, *title;
    void (*run)(struct bench *b);
};
void storm_run(struct bench *b); /* storm.c */
extern const struct bench_case bench_cases[];
extern const size_t bench_case_count;
