/* What is measured, case by case. A node is started for each and sees one kind of load only. */
#include <math.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench.h"

#define CONNECTIONS 100u
#define CHANNELS 100u /* of the other cases */
#define DRAIN_S 60.0  /* what was accepted is there by then, or the measurement gives up */

static const char *const no_args[] = {NULL};

static uint64_t scaled(const struct bench *b, double n)
{
    return (uint64_t)fmax(n * b->scale, 1);
}

static void pause_ms(unsigned ms)
{
    (void)usleep(ms * 1000u);
}

/* Waits until the receiver has counted this many events since before; the time it took, in seconds. */
static double wait_events(const struct receiver *r, uint64_t before, uint64_t count)
{
    uint64_t began = bench_now_us(), had = 0, moved = began;
    for (;;) {
        uint64_t got = atomic_load(&r->events) - before, now = bench_now_us();
        if (got >= count)
            return (double)(now - began) / 1e6;
        if (got != had) {
            had = got;
            moved = now;
        }
        if ((double)(now - moved) > DRAIN_S * 1e6)
            report_die("%llu of %llu events came, then none for %g s", (unsigned long long)got,
                       (unsigned long long)count, DRAIN_S);
        pause_ms(2);
    }
}

static void report_threads(const struct node_cpu *before, const struct node_cpu *after, double events)
{
    for (size_t i = 0; i < after->count; i++) {
        double user = after->threads[i].user_s, system = after->threads[i].system_s;
        for (size_t k = 0; k < before->count; k++) {
            if (strcmp(before->threads[k].name, after->threads[i].name) == 0) {
                user -= before->threads[k].user_s;
                system -= before->threads[k].system_s;
            }
        }
        if ((user + system) * 1e6 / events < 0.05)
            continue;
        char name[64];
        (void)snprintf(name, sizeof(name), "  CPU of %s, own code", after->threads[i].name);
        report_add(name, user * 1e6 / events, "us/event", NULL);
        (void)snprintf(name, sizeof(name), "  CPU of %s, kernel", after->threads[i].name);
        report_add(name, system * 1e6 / events, "us/event", NULL);
    }
}

/* Requests a second that wrk (h2load) gets from the receiver with the same bodies: what the machine can do at
 * most. */
static double ceiling(struct bench *b, const struct receiver *r, bool tls, unsigned batch)
{
    char body_path[512], script_path[512], url[64], out[8192], seconds[16];
    (void)snprintf(body_path, sizeof(body_path), "%s/bench-body.json", b->scratch);
    (void)snprintf(script_path, sizeof(script_path), "%s/bench-post.lua", b->scratch);
    (void)snprintf(url, sizeof(url), "%s://127.0.0.1:%d/", tls ? "https" : "http", r->port);
    (void)snprintf(seconds, sizeof(seconds), "%d", b->scale < 1 ? 1 : 3);
    size_t len;
    AUTO_FREE char *body = publisher_body(batch, b->event_size, &len);
    FILE *f = fopen(body_path, "we");
    if (!f || fwrite(body, 1, len, f) != len || fclose(f))
        report_die("cannot write %s", body_path);
    f = fopen(script_path, "we");
    if (!f ||
        fprintf(f,
                "wrk.method = 'POST'\nwrk.body = io.open('%s'):read('*a')\n"
                "wrk.headers['Content-Type'] = 'application/json'\n",
                body_path) < 0 ||
        fclose(f))
        report_die("cannot write %s", script_path);
    const char *wrk[] = {"wrk", "-t1", "-c100", "-d", seconds, "-s", script_path, url, NULL};
    const char *h2load[] = {"h2load", "-c", "10", "-m", "20", "-D", seconds, "-d", body_path, url, NULL};
    double cpu = receiver_cpu_s(r);
    uint64_t before = atomic_load(&r->requests);
    if (!node_run(tls ? h2load : wrk, out, sizeof(out)))
        return 0;
    report_add("raw: CPU of the receiver",
               (receiver_cpu_s(r) - cpu) * 1e6 / (double)(atomic_load(&r->requests) - before), "us/req",
               NULL);
    const char *at = strstr(out, tls ? "finished in " : "Requests/sec:");
    if (at && tls)
        at = strchr(at, ',');
    return at ? strtod(at + (tls ? 1 : 13), NULL) : 0;
}

struct throughput {
    bool tls, redelivery;
    unsigned batch;
    double events, want_rate, want_cpu;
};

/* As fast as the node takes them, then until the last one has arrived. */
static double saturate(struct bench *b, const struct throughput *t, struct node *n, struct receiver *r,
                       const struct channels *channels)
{
    static struct load_result result;
    struct load load = {.node = n,
                        .channels = channels,
                        .connections = CONNECTIONS,
                        .batch = t->batch,
                        .event_size = b->event_size,
                        .events = scaled(b, t->events / 20),
                        .seconds = 5};
    uint64_t before = atomic_load(&r->events), requests;
    publisher_run(&load, &result); /* warms up: connections, windows */
    (void)wait_events(r, before, result.accepted);
    load.events = scaled(b, t->events);
    load.seconds = 12;
    before = atomic_load(&r->events);
    requests = atomic_load(&r->requests);
    double calls = publisher_metric(n, "todoke_store_calls_total"),
           commits = publisher_metric(n, "todoke_store_commits_total");
    double receiver_cpu = receiver_cpu_s(r);
    struct node_cpu cpu_before = node_cpu(n);
    uint64_t began = bench_now_us();
    publisher_run(&load, &result);
    (void)wait_events(r, before, result.accepted);
    double seconds = (double)(bench_now_us() - began) / 1e6, events = (double)result.accepted;
    pause_ms(100); /* the last results are recorded */
    struct node_cpu cpu = node_cpu(n);
    char want[32];
    report_add("events", events, "", NULL);
    report_add("accepted", events / result.seconds, "/s", NULL);
    (void)snprintf(want, sizeof(want), ">= %.0f", t->want_rate);
    report_add("accepted, stored and delivered", events / seconds, "/s", t->want_rate > 0 ? want : NULL);
    (void)snprintf(want, sizeof(want), "<= %.0f", t->want_cpu);
    report_add("CPU of the node", (node_cpu_total(&cpu) - node_cpu_total(&cpu_before)) * 1e6 / events,
               "us/event", t->want_cpu > 0 ? want : NULL);
    report_threads(&cpu_before, &cpu, events);
    report_add("CPU of the publisher", result.cpu_s * 1e6 / events, "us/event", NULL);
    report_add("CPU of the receiver", (receiver_cpu_s(r) - receiver_cpu) * 1e6 / events, "us/event", NULL);
    report_add("events in a webhook request", events / (double)(atomic_load(&r->requests) - requests), "",
               NULL);
    report_add("calls in a commit of the store",
               (publisher_metric(n, "todoke_store_calls_total") - calls) /
                   (publisher_metric(n, "todoke_store_commits_total") - commits),
               "", NULL);
    report_add("202, p50", hist_ms(&result.latency, 0.5), "ms", t->batch == 1 && !t->tls ? "<= 4" : NULL);
    report_add("202, p99", hist_ms(&result.latency, 0.99), "ms", NULL);
    report_add("memory, peak", node_rss_mb(n, true), "MB", NULL);
    if (result.refused)
        report_add("refused with 429 or 503", (double)result.refused, "events", NULL);
    return events / seconds;
}

/* At half of that, so that nothing piles up: how long an event is on its way. */
static void measure_latency(struct bench *b, const struct throughput *t, const struct node *n,
                            struct receiver *r, const struct channels *channels, double rate)
{
    static struct load_result result;
    struct load load = {.node = n,
                        .channels = channels,
                        .connections = CONNECTIONS,
                        .batch = t->batch,
                        .event_size = b->event_size,
                        .events = UINT64_MAX,
                        .seconds = 4 * fmin(b->scale, 1),
                        .rate = rate};
    uint64_t before = atomic_load(&r->events);
    hist_clear(&r->latency);
    publisher_run(&load, &result);
    (void)wait_events(r, before, result.accepted);
    char name[64];
    (void)snprintf(name, sizeof(name), "at %.0f events/s: 202, p50", rate);
    report_add(name, hist_ms(&result.latency, 0.5), "ms", NULL);
    report_add("  202, p99", hist_ms(&result.latency, 0.99), "ms", NULL);
    report_add("  posted to received, p50", hist_ms(&r->latency, 0.5), "ms", NULL);
    report_add("  posted to received, p99", hist_ms(&r->latency, 0.99), "ms", NULL);
}

static void throughput(struct bench *b, const struct throughput *t)
{
    struct receiver *r = t->tls ? b->tls : b->receiver;
    struct node n;
    char url[64];
    const char *const tls_args[] = {"--ca", b->ca, NULL};
    double raw = ceiling(b, r, t->tls, t->batch) * t->batch;
    report_add(t->tls ? "raw: h2load to the receiver" : "raw: wrk to the receiver", raw, "events/s", NULL);
    node_start(&n, t->tls ? tls_args : no_args, false);
    (void)snprintf(url, sizeof(url), "%s://127.0.0.1:%d/webhook", t->tls ? "https" : "http", r->port);
    struct channels channels = publisher_channels(&n, b->channels, url, t->redelivery);
    double rate = saturate(b, t, &n, r, &channels);
    if (raw > 0)
        report_add("share of the raw rate", rate / raw, "", NULL);
    measure_latency(b, t, &n, r, &channels, floor(rate / 2));
    node_stop(&n);
    node_remove(&n);
    publisher_free(&channels);
}

static void run_a(struct bench *b)
{
    throughput(b, &(struct throughput){.batch = 1, .events = 300e3, .want_rate = 35000, .want_cpu = 27});
}

static void run_b(struct bench *b)
{
    throughput(b, &(struct throughput){
                      .batch = 10, .redelivery = true, .events = 1e6, .want_rate = 100e3, .want_cpu = 12});
}

static void run_c(struct bench *b)
{
    throughput(b, &(struct throughput){.batch = 1, .tls = true, .events = 200e3});
}

/* Warms up for some seconds, then adds how long events to healthy bots are on their way. */
static void measure(const struct bench *b, const struct load *load, struct receiver *r, struct hist *into)
{
    static struct load_result result;
    struct load l = *load;
    l.seconds = 2.5; /* what hangs has begun to time out by then, or has ended */
    publisher_run(&l, &result);
    l.seconds = 3 * fmin(b->scale, 1);
    hist_clear(&r->latency);
    publisher_run(&l, &result);
    pause_ms(100);
    hist_merge(into, &r->latency);
}

/* Turn and turn about, so that what else the machine does falls on both. */
static void run_d(struct bench *b)
{
    enum { EACH = 50, ROUNDS = 3 };
    const double rate = 4000;
    static struct hist alone, beside;
    struct receiver *r = b->receiver;
    struct node n;
    char good[64], silent[64];
    node_start(&n, no_args, false);
    (void)snprintf(good, sizeof(good), "http://127.0.0.1:%d/webhook", r->port);
    (void)snprintf(silent, sizeof(silent), "http://127.0.0.1:%d/webhook", r->silent_port);
    struct channels channels = publisher_channels(&n, EACH, good, false);
    struct channels hanging = publisher_channels(&n, EACH, silent, false);
    struct channels both = {mem_zero(2 * EACH, sizeof(int64_t)), 2 * EACH};
    if (!both.ids)
        report_die("out of memory");
    for (size_t i = 0; i < EACH; i++) {
        both.ids[2 * i] = channels.ids[i];
        both.ids[2 * i + 1] = hanging.ids[i];
    }
    struct load load = {.node = &n,
                        .connections = CONNECTIONS,
                        .batch = 1,
                        .event_size = b->event_size,
                        .events = UINT64_MAX};
    hist_clear(&alone);
    hist_clear(&beside);
    uint64_t hung = atomic_load(&r->silent);
    for (int i = 0; i < ROUNDS; i++) {
        publisher_patch(&n, &hanging, "{\"useWebhook\":false}");
        load.channels = &channels;
        load.rate = rate;
        measure(b, &load, r, &alone);
        publisher_patch(&n, &hanging, "{\"useWebhook\":true}");
        load.channels = &both;
        load.rate = 2 * rate;
        measure(b, &load, r, &beside);
    }
    double p99 = hist_ms(&alone, 0.99);
    report_add("50 healthy channels, 4000 events/s: p50", hist_ms(&alone, 0.5), "ms", NULL);
    report_add("  p99", p99, "ms", NULL);
    report_add("with 50 hanging ones beside them: p50", hist_ms(&beside, 0.5), "ms", NULL);
    report_add("  p99", hist_ms(&beside, 0.99), "ms", NULL);
    report_add("p99 with to p99 without", p99 > 0 ? hist_ms(&beside, 0.99) / p99 : 0, "", "<= 1.5");
    report_add("requests that hung", (double)(atomic_load(&r->silent) - hung), "", NULL);
    report_add("events waiting for hanging channels", publisher_metric(&n, "todoke_backlog_events"), "",
               NULL);
    report_add("memory", node_rss_mb(&n, false), "MB", NULL);
    node_stop(&n);
    node_remove(&n);
    publisher_free(&channels);
    publisher_free(&hanging);
    publisher_free(&both);
}

static void run_e(struct bench *b)
{
    static struct load_result result;
    struct receiver *r = b->receiver;
    struct node n;
    char url[64], patch[128];
    /* They pile up behind bots that take some requests and never answer. */
    const char *const hang[] = {"--response-timeout", "60s", "--drain-timeout", "100ms", NULL};
    node_start(&n, hang, false);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/webhook", r->silent_port);
    struct channels channels = publisher_channels(&n, CHANNELS, url, true);
    struct load load = {.node = &n,
                        .channels = &channels,
                        .connections = 20,
                        .batch = 100,
                        .event_size = b->event_size,
                        .events = scaled(b, 1e6),
                        .seconds = 60};
    publisher_run(&load, &result);
    report_add("events accepted, their bots hang", (double)result.accepted, "", NULL);
    report_add("accepted, 100 a call", (double)result.accepted / result.seconds, "/s", NULL);
    report_add("memory then", node_rss_mb(&n, false), "MB", "<= 300");
    uint64_t before = atomic_load(&r->events);
    (void)snprintf(patch, sizeof(patch), "{\"webhookUrl\":\"http://127.0.0.1:%d/webhook\"}", r->port);
    publisher_patch(&n, &channels, patch);
    node_stop(&n);
    uint64_t early = atomic_load(&r->events) - before;
    struct node_cpu none = {0};
    node_start(&n, no_args, true);
    uint64_t began = bench_now_us();
    report_add("start-up", n.start_s, "s", "<= 2");
    (void)wait_events(r, before, result.accepted);
    double seconds = (double)(bench_now_us() - began) / 1e6, events = (double)(result.accepted - early);
    pause_ms(100);
    struct node_cpu cpu = node_cpu(&n);
    report_add("drained", events / seconds, "/s", ">= 60000");
    report_add("CPU of the node, start-up included", node_cpu_total(&cpu) * 1e6 / events, "us/event", NULL);
    report_threads(&none, &cpu, events);
    report_add("memory, peak", node_rss_mb(&n, true), "MB", "<= 300");
    node_stop(&n);
    node_remove(&n);
    publisher_free(&channels);
}

static void run_f(struct bench *b)
{
    static struct load_result result;
    struct receiver *r = b->receiver;
    struct node n;
    char url[64];
    size_t count = scaled(b, 10000);
    node_start(&n, no_args, false);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/webhook", r->port);
    uint64_t began = bench_now_us();
    struct channels channels = publisher_channels(&n, count, url, false);
    report_add("channels", (double)count, "", NULL);
    report_add("made", (double)count / ((double)(bench_now_us() - began) / 1e6), "/s", NULL);
    node_stop(&n);
    node_start(&n, no_args, true);
    pause_ms(500);
    report_add("start-up", n.start_s, "s", NULL);
    report_add("memory after start-up", node_rss_mb(&n, false), "MB", "<= 100");
    uint64_t before = atomic_load(&r->events);
    struct load load = {.node = &n,
                        .channels = &channels,
                        .connections = 20,
                        .batch = 1,
                        .event_size = b->event_size,
                        .events = count,
                        .seconds = 30};
    publisher_run(&load, &result);
    (void)wait_events(r, before, result.accepted);
    struct node_cpu cpu_before = node_cpu(&n);
    began = bench_now_us();
    pause_ms(b->scale < 1 ? 1000 : 3000);
    struct node_cpu cpu = node_cpu(&n);
    report_add("memory after an event to each", node_rss_mb(&n, false), "MB", "<= 100");
    report_add("CPU while idle",
               (node_cpu_total(&cpu) - node_cpu_total(&cpu_before)) /
                   ((double)(bench_now_us() - began) / 1e6) * 100,
               "%", NULL);
    node_stop(&n);
    node_remove(&n);
    publisher_free(&channels);
}

static void run_g(struct bench *b)
{
    static struct load_result result;
    struct receiver *r = b->receiver;
    struct node n;
    char url[64];
    size_t count = scaled(b, 10000);
    const char *const args[] = {
        "--response-timeout", "60s", "--drain-timeout", "100ms", "--log", "error", NULL};
    node_start(&n, args, false);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/webhook", r->silent_port);
    struct channels channels = publisher_channels(&n, count, url, false);
    uint64_t before = atomic_load(&r->silent);
    struct load load = {.node = &n,
                        .channels = &channels,
                        .connections = 20,
                        .batch = 1,
                        .event_size = b->event_size,
                        .events = count,
                        .seconds = 30};
    struct node_cpu cpu_before = node_cpu(&n);
    publisher_run(&load, &result);
    uint64_t began = bench_now_us();
    while (atomic_load(&r->silent) - before < count && bench_now_us() - began < 20000000u)
        pause_ms(5);
    struct node_cpu cpu = node_cpu(&n);
    report_add("requests in flight", (double)(atomic_load(&r->silent) - before), "", NULL);
    report_add("CPU to get there", (node_cpu_total(&cpu) - node_cpu_total(&cpu_before)) * 1e6 / (double)count,
               "us/event", NULL);
    report_add("memory", node_rss_mb(&n, true), "MB", "<= 400");
    node_stop(&n);
    node_remove(&n);
    publisher_free(&channels);
}

const struct bench_case bench_cases[] = {
    {"a", "one event a call, HTTP/1.1 out, 100 connections in", run_a},
    {"b", "ten events a call, redelivery on: batches out, HTTP/1.1", run_b},
    {"c", "one event a call, HTTP/2 over TLS out", run_c},
    {"d", "half of the channels hang", run_d},
    {"e", "a million events wait: start-up and drain", run_e},
    {"f", "ten thousand channels, idle", run_f},
    {"g", "ten thousand requests to bots that never answer", run_g},
    {"h", "a storm: every request over ten thousand channels fails; and one in a hundred", storm_run},
};
const size_t bench_case_count = sizeof(bench_cases) / sizeof(bench_cases[0]);
