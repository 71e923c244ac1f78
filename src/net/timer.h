#pragma once
/*
 * Deadlines of one loop: a heap of them behind a single uv_timer_t, so that an owner may free its timer at
 * once.
 */
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/heap.h"

struct timer {
    struct heap_node node;
    void (*fire)(struct timer *t);
    bool armed;
};

struct timers {
    struct heap heap;
    uv_timer_t uv;
    const struct clock *clock;
};

void timers_init(struct timers *ts, uv_loop_t *loop, const struct clock *clock);
void timers_close(struct timers *ts, uv_close_cb closed); /* ts->uv.data is the caller's */

/* Arms t for due_us, an absolute time of the clock; replaces an earlier due time. Never fails. */
void timer_arm(struct timers *ts, struct timer *t, uint64_t due_us, void (*fire)(struct timer *t));
void timer_disarm(struct timers *ts, struct timer *t);
