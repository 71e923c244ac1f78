#include "api/meter.h"

#include <stdio.h>
#include <unistd.h>

static uint64_t get(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static uint64_t failed_requests(const struct delivery_counters *n)
{
    uint64_t sum = 0;
    for (int i = 0; i < FAULT_COUNT; i++)
        sum += get(&n->failed[i]);
    for (int i = 0; i < 1000; i++)
        sum += get(&n->failed_status[i]);
    return sum;
}

void meter_sample(struct meter *m, const struct delivery_counters *n, const struct store_stats *s,
                  uint64_t now_us)
{
    const struct meter_sample now = {
        .at_us = now_us,
        .accepted = get(&n->accepted),
        .delivered = get(&n->delivered),
        .failed = failed_requests(n),
        .commits = get(&s->commits),
        .commit_us = get(&s->commit.sum_us),
    };
    uint64_t kept = m->taken < METER_SECONDS ? m->taken : METER_SECONDS;
    const struct meter_sample before = kept ? m->samples[(m->taken - kept) % (METER_SECONDS + 1)] : now;
    m->samples[m->taken++ % (METER_SECONDS + 1)] = now;
    uint64_t us = now.at_us - before.at_us;
    if (!us)
        return;
    /* Rates per 1000 s: integers that stand for three decimal places. */
    const double scale = 1e9 / (double)us;
    atomic_store(&m->accepted, (uint64_t)((double)(now.accepted - before.accepted) * scale));
    atomic_store(&m->delivered, (uint64_t)((double)(now.delivered - before.delivered) * scale));
    atomic_store(&m->failed, (uint64_t)((double)(now.failed - before.failed) * scale));
    if (now.commits > before.commits)
        atomic_store(&m->commit_us, (now.commit_us - before.commit_us) / (now.commits - before.commits));
}

uint64_t meter_memory(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    unsigned long long size = 0, pages = 0;
    bool told = fscanf(f, "%llu %llu", &size, &pages) == 2;
    (void)fclose(f);
    return told ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}
