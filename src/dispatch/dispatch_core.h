#pragma once
/*
 * What the parts of dispatch share; nobody else includes it. A part calls only those before it:
 *
 *     pace: how many items a rate lets go
 *     turn: can a lane send, and when is it looked at again
 *     stock: the items that lanes hold in memory, kept filled from the store
 *     dispatch: lanes, and whose turn it is
 */
#include "dispatch/dispatch.h"

#define DISPATCH_AGAIN_MS 200u /* after a failure of our own: memory, store */

struct dispatch {
    struct dispatch_config c;
    struct map lanes;
    struct list round;  /* lanes that can send */
    struct list hungry; /* lanes that wait for memory */
    struct heap wakes;  /* lanes by when they are looked at again, monotonic microseconds */
    uint64_t memory;
    uint32_t in_flight;
    bool stopped;
    uint64_t again_ms; /* a failure of our own is tried again then; 0: none */
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
/* How many items of at most max its rate lets go now. */
uint32_t turn_room(const struct dispatch *d, const struct lane *lane, uint32_t max);
/* Call it before an item joins a lane that may have been idle: what was idle catches nothing up. */
void turn_join(const struct dispatch *d, struct lane *lane);
/* Into the round, if the lane can send now; if only its rate is against it, it is looked at in time. */
void turn_activate(struct dispatch *d, struct lane *lane);
void turn_again_later(struct dispatch *d);
void turn_unwake(struct dispatch *d, struct lane *lane);
void turn_set_wake(struct dispatch *d, struct lane *lane);

void stock_go_out(struct lane *lane, struct item *item);
void stock_come_back(struct lane *lane, struct item *item);
void stock_refill(struct dispatch *d, struct lane *lane);
/* Call it whenever an item has gone. */
void stock_feed(struct dispatch *d);
/* Lets go of what is not on its way; the store has it. */
void stock_shed(struct dispatch *d, struct lane *lane);
