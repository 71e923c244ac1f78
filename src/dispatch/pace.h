#pragma once
/*
 * Limits how many items per second a lane may send. Each item moves the time of the next one by 1/rate
 * (generic cell rate algorithm, ITU-T I.371 Annex A). Items that waited and left late (a timer, a full
 * window) are caught up, up to PACE_LATE_NS, so the rate is exact however coarse the timer. Idle time earns
 * nothing: after a rest items leave one interval apart, without a burst. In any time t at most rate * (t +
 * 0.25 s) + 1 items leave.
 *
 * Pure functions: time is a parameter, in monotonic nanoseconds. At 10,000 per second, rounding to a whole
 * nanosecond is an error of 1 in 100,000.
 */
#include <stdbool.h>
#include <stdint.h>

#define PACE_LATE_NS 250000000u /* half of the 5 % tolerance over 10 s */

struct pace {
    uint64_t interval_ns; /* 0: no limit */
    uint64_t next_ns;     /* earliest time of the next item; may be in the past */
};

/*
 * per_second may change at any time: time owed at the old rate is converted to as many items at the new one.
 * 0 or less: no limit.
 */
void pace_set(struct pace *p, double per_second, uint64_t now_ns);
/* The lane had nothing to send until now: that time is not caught up. */
void pace_idle(struct pace *p, uint64_t now_ns);
/* How many items, at most max, may leave now. */
uint32_t pace_room(const struct pace *p, uint64_t now_ns, uint32_t max);
/* Records that these items left. */
void pace_spend(struct pace *p, uint64_t now_ns, uint32_t items);
