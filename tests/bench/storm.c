/*
 * What failures cost: a storm in which every request over ten thousand channels fails, against the same load
 * while all is well; and one request in a hundred failing, with error statistics and notices on and off. Turn
 * and turn about, so that what else the machine does falls on both sides.
 */
#include <math.h>
#include <unistd.h>

#include "bench.h"

#define CONNECTIONS 100u
#define TURNS 3
#define TURN_S 4.0
#define GIVE_UP_S 120.0

struct side {
    const char *name;
    unsigned fail_every; /* 0: none, 1: all */
    double events, publish_s, whole_s, cpu_s;
};

static double ended(const struct node *n)
{
    return publisher_metric(n, "todoke_events_delivered_total") +
           publisher_metric(n, "todoke_events_given_up_total");
}

/* A load, until the outcome of its last event is on record. */
static void turn(struct bench *b, const struct node *n, const struct channels *channels, struct side *side)
{
    static struct load_result result;
    struct load load = {.node = n,
                        .channels = channels,
                        .connections = CONNECTIONS,
                        .batch = 1,
                        .event_size = b->event_size,
                        .events = UINT64_MAX,
                        .seconds = TURN_S * fmin(b->scale, 1)};
    double before = ended(n);
    struct node_cpu cpu_before = node_cpu(n);
    uint64_t began = bench_now_us();
    atomic_store(&b->receiver->fail_every, side->fail_every);
    publisher_run(&load, &result);
    while (ended(n) - before < (double)result.accepted) {
        if ((double)(bench_now_us() - began) > GIVE_UP_S * 1e6)
            report_die("%g of %llu events came to an end", ended(n) - before,
                       (unsigned long long)result.accepted);
        (void)usleep(10000);
    }
    side->whole_s += (double)(bench_now_us() - began) / 1e6;
    struct node_cpu cpu = node_cpu(n);
    side->events += (double)result.accepted;
    side->publish_s += result.seconds;
    side->cpu_s += node_cpu_total(&cpu) - node_cpu_total(&cpu_before);
    atomic_store(&b->receiver->fail_every, 0);
}

static double rate(const struct side *s)
{
    return s->events / s->whole_s;
}

static double cpu_us(const struct side *s)
{
    return s->cpu_s * 1e6 / s->events;
}

static void tell(const struct side *s)
{
    char name[80];
    (void)snprintf(name, sizeof(name), "%s: accepted", s->name);
    report_add(name, s->events / s->publish_s, "/s", NULL);
    report_add("  outcome on record", rate(s), "/s", NULL);
    report_add("  CPU of the node", cpu_us(s), "us/event", NULL);
}

/* Applied for and approved, so that channels may switch notices on. */
static void allow_notices(const struct node *n)
{
    char bearer[200], url[160], out[4096];
    (void)snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", n->key);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/api/v1/providers/1/options/error-notification",
                   n->port);
    static const char *const calls[][2] = {{"POST", "{}"}, {"PATCH", "{\"state\":\"approved\"}"}};
    for (size_t i = 0; i < 2; i++) {
        const char *curl[] = {"curl", "-sf",       "-X", calls[i][0],
                              "-H",   bearer,      "-H", "Content-Type: application/json",
                              "-d",   calls[i][1], url,  NULL};
        if (!node_run(curl, out, sizeof(out)))
            report_die("%s %s failed", calls[i][0], url);
    }
}

static void storm(struct bench *b, const struct node *n, const struct channels *channels)
{
    struct side warm = {.name = "", .fail_every = 0}, well = {.name = "all is well"},
                all = {.name = "all fail", .fail_every = 1};
    publisher_patch(n, channels, "{\"errorStatistics\":true}");
    turn(b, n, channels, &warm);
    report_add("memory before", node_rss_mb(n, false), "MB", NULL);
    for (int i = 0; i < TURNS; i++) {
        turn(b, n, channels, &well);
        turn(b, n, channels, &all);
    }
    tell(&well);
    tell(&all);
    report_add("rate in the storm to rate without", rate(&all) / rate(&well), "", ">= 0.5");
    report_add("memory, peak", node_rss_mb(n, true), "MB", "<= 400");
}

static void drizzle(struct bench *b, const struct node *n, const struct channels *channels)
{
    struct side off = {.name = "1 % fail, nobody counts", .fail_every = 100},
                on = {.name = "1 % fail, with statistics and notices", .fail_every = 100};
    allow_notices(n);
    for (int i = 0; i < TURNS; i++) {
        publisher_patch(n, channels, "{\"errorStatistics\":false,\"errorNotification\":false}");
        turn(b, n, channels, &off);
        publisher_patch(
            n, channels,
            "{\"errorStatistics\":true,\"errorNotification\":true,\"contactEmail\":\"bench@example.com\"}");
        turn(b, n, channels, &on);
    }
    tell(&off);
    tell(&on);
    report_add("what statistics and notices add", (cpu_us(&on) / cpu_us(&off) - 1) * 100, "%", "<= 10");
}

void storm_run(struct bench *b)
{
    struct node n;
    char url[64];
    size_t count = (size_t)fmax(10000 * b->scale, 100);
    const char *const args[] = {"--suspend-after", "0", "--retention-size", "0", NULL};
    node_start(&n, args, false);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/webhook", b->receiver->port);
    struct channels channels = publisher_channels(&n, count, url, false);
    const struct channels some = {channels.ids, count < 100 ? count : 100};
    storm(b, &n, &channels);
    drizzle(b, &n, &some);
    node_stop(&n);
    node_remove(&n);
    publisher_free(&channels);
}
