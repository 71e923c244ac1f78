#pragma once
/*
 * What the parts of dispatch share; no other file includes it. A part calls only the parts listed before it:
 *
 *    pace: how many items a rate allows
 *    turn: whether a lane can send, and when it is looked at again
 *    stock: the items that lanes hold in memory, refilled from the store
 *    dispatch: lanes, and whose turn it is
 */
#include "dispatch/dispatch.h"

#define DISPATCH_AGAIN_MS 200u /* delay after a local failure: memory, store */

struct dispatch {
    struct dispatch_config c;
    struct map lanes;
    struct list round;  /* lanes that can send */
    struct list hungry; /* lanes that wait for memory */
    struct heap wakes;  /* lanes by the time of their next look, monotonic microseconds */
    uint64_t memory;
    uint32_t in_flight;
    bool stopped;
    uint64_t again_ms; /* when to try again after a local failure; 0: none */
};

static inline uint64_t dispatch_now_us(const struct dispatch *d)
{
    return d->c.clock.mono_us(d->c.clock.arg);
}
static inline uint64_t dispatch_now_ms(const struct dispatch *d)
{
    return dispatch_now_us(d) / 1000;
}

/* Paused, or held until a time. */
bool turn_rests(const struct lane *lane);
bool turn_may_retry(const struct lane *lane);
bool turn_can_send(const struct lane *lane);
/* How many items, at most max, the lane's rate allows now. */
uint32_t turn_room(const struct dispatch *d, const struct lane *lane, uint32_t max);
/* Call before an item joins a lane that may have been idle: idle time is not caught up. */
void turn_join(const struct dispatch *d, struct lane *lane);
/* Adds the lane to the round if it can send now; if only its rate prevents that, schedules a look in time. */
void turn_activate(struct dispatch *d, struct lane *lane);
void turn_again_later(struct dispatch *d);
void turn_unwake(struct dispatch *d, struct lane *lane);
void turn_set_wake(struct dispatch *d, struct lane *lane);

void stock_go_out(struct lane *lane, struct item *item);
void stock_come_back(struct lane *lane, struct item *item);
void stock_refill(struct dispatch *d, struct lane *lane);
/* Call whenever an item has left memory. */
void stock_feed(struct dispatch *d);
/* Drops what is not in flight; the store has it. */
void stock_shed(struct dispatch *d, struct lane *lane);
