#pragma once
/*
 * How many items a second a lane may send: each item moves the time of the next one by 1/rate, a grid in time
 * (the generic cell rate algorithm, ITU-T I.371 Annex A). What was late although it waited (a timer, a full
 * window) is caught up, up to PACE_LATE_NS: so the rate holds exactly however coarse the timer is. What was
 * idle saves nothing: after a rest items leave one interval apart, without a burst. In any time t at most
 * rate * (t + 0.25 s) + 1 items leave.
 *
 * Pure: time is passed, monotonic nanoseconds. At 10,000 a second the error of a whole nanosecond is 1 in
 * 100,000.
 */
#include <stdbool.h>
#include <stdint.h>

#define PACE_LATE_NS 250000000u /* half of the 5 % that 10 s may be off */

struct pace {
    uint64_t interval_ns; /* 0: no limit */
    uint64_t next_ns;     /* the next item may leave then; may lie in the past */
};

/* per_second may change at any time: what is owed at the old rate counts as many items at the new one. Not
 * above 0: no limit. */
void pace_set(struct pace *p, double per_second, uint64_t now_ns);
/* The lane had nothing to send until now: nothing is caught up. */
void pace_idle(struct pace *p, uint64_t now_ns);
/* How many of at most max items may leave now. */
uint32_t pace_room(const struct pace *p, uint64_t now_ns, uint32_t max);
/* They left. */
void pace_spend(struct pace *p, uint64_t now_ns, uint32_t items);
