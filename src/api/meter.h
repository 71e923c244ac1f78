#pragma once
/* How fast a node works: what the last ten seconds were like, sampled once a second by its first loop. Any
 * thread may read. */
#include "store/store.h"
#include "webhook/delivery.h"

#define METER_SECONDS 10

struct meter_sample {
    uint64_t at_us; /* monotonic */
    uint64_t accepted, delivered, failed, commits, commit_us;
};

struct meter { /* zeroed: nothing sampled yet */
    struct meter_sample samples[METER_SECONDS + 1];
    uint64_t taken;                               /* how many samples there were, ever */
    _Atomic uint64_t accepted, delivered, failed; /* events, events and requests a thousand seconds */
    _Atomic uint64_t
        commit_us; /* of one commit, on average; of the last one that was, while there are none */
};

/* About once a second, always on the same thread. */
void meter_sample(struct meter *m, const struct delivery_counters *n, const struct store_stats *s,
                  uint64_t now_us);

/* Resident memory of this process in bytes; 0: not told. */
uint64_t meter_memory(void);
