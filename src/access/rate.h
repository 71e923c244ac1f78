#pragma once
/*
 * Limits how often a channel may make certain calls: never more than the limit within any window, counted
 * over all loops of a node. A window is a ring of 61 slots, each a 60th of the window, so that a place
 * becomes free at most a 60th of the window late.
 */
#include <pthread.h>

#include "base/clock.h"
#include "base/map.h"

enum rate_kind { RATE_GET, RATE_SET, RATE_TEST, RATE_KINDS };

/* From line.md: per minute for reading and writing the webhook URL, per hour for testing it. */
#define RATE_MINUTE_MAX 1000u
#define RATE_HOUR_MAX 60u

struct rate_limits {
    pthread_mutex_t lock;
    struct map channels; /* by channel id */
    const struct clock *clock;
    uint64_t sweep_us; /* when idle channels were last forgotten */
};

void rate_init(struct rate_limits *r, const struct clock *clock, const struct random *random);
void rate_deinit(struct rate_limits *r); /* safe on a zeroed struct */

/*
 * Whether the channel may call now; refused calls do not count. From any thread. Out of memory, nobody is
 * refused.
 */
bool rate_take(struct rate_limits *r, int64_t channel_id, enum rate_kind kind);
