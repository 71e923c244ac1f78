#pragma once
/*
 * How often a channel may call what is limited: never more than so many calls in any window, counted over all
 * loops of a node. A window is a ring of 61 slots, each a 60th of it, so that a place becomes free at most a
 * 60th of the window late.
 */
#include <pthread.h>

#include "base/clock.h"
#include "base/map.h"

enum rate_kind { RATE_GET, RATE_SET, RATE_TEST, RATE_KINDS };

/* Of line.md: a minute for reading and writing the webhook URL, an hour for trying it. */
#define RATE_MINUTE_MAX 1000u
#define RATE_HOUR_MAX 60u

struct rate_limits {
    pthread_mutex_t lock;
    struct map channels; /* by channel id */
    const struct clock *clock;
    uint64_t sweep_us; /* when those that have been silent were forgotten last */
};

void rate_init(struct rate_limits *r, const struct clock *clock, const struct random *random);
void rate_deinit(struct rate_limits *r); /* safe on a zeroed struct */

/* Whether the channel may call now; what is refused does not count. Any thread. Without memory nobody is
 * refused. */
bool rate_take(struct rate_limits *r, int64_t channel_id, enum rate_kind kind);
