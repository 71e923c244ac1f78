#pragma once
/* The node's throughput over the last ten seconds, sampled once a second by its first loop. Any thread may
 * read. */
#include "store/store.h"
#include "webhook/delivery.h"

#define METER_SECONDS 10

struct meter_sample {
    uint64_t at_us; /* monotonic */
    uint64_t accepted, delivered, failed, commits, commit_us;
};

struct meter { /* zeroed: nothing sampled yet */
    struct meter_sample samples[METER_SECONDS + 1];
    uint64_t taken;                               /* samples since the start */
    _Atomic uint64_t accepted, delivered, failed; /* rates per 1000 s: events, events, requests */
    _Atomic uint64_t commit_us; /* average of one commit; without commits, of the last ones */
};

/* Takes a sample; call it about once a second, always on the same thread. */
void meter_sample(struct meter *m, const struct delivery_counters *n, const struct store_stats *s,
                  uint64_t now_us);

/* Resident memory of this process in bytes; 0: unknown. */
uint64_t meter_memory(void);
