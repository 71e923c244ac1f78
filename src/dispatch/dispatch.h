#pragma once
/*
 * Decides which destination is sent to next. A lane is the queue of one destination; a dispatch holds the
 * lanes of one loop thread. It does no I/O and does not know what an item is: its owner sends, loads and
 * frees items through hooks.
 *
 *    dispatch_fresh ─► [fresh FIFO] ─┐                        ┌─ good: the window grows
 *    dispatch_refilled ─► ───────────┤─► round robin ─► send ─┤
 *    dispatch_retry ─► [by due time] ┘    over lanes          └─ bad: it shrinks
 *                                         whose window and rate have room
 *
 * Memory is bounded whatever the backlog: a lane holds a limited number of items. Items that arrive while it
 * is full are dropped from memory ("behind") and loaded from the store again once there is room. An item
 * stays in its lane from the moment it is taken until dispatch_done(), so that nothing is sent twice. This
 * requires that the owner adds and loads items in the order in which the store committed and read them.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "dispatch/pace.h"
#include "model/item.h"

struct dispatch;

/* How a request ended, as far as the lane is concerned. */
enum lane_news {
    LANE_GOOD,    /* the destination accepted it */
    LANE_NEUTRAL, /* it answered, but not with success: no reason to change the rate */
    LANE_BAD,     /* it is unreachable, silent or overloaded */
};

/*
 * Identifies a destination: kind is chosen by the owner, id is unique within the kind. Hashed as bytes, so it
 * must have no padding.
 */
struct lane_key {
    int64_t kind, id;
};

struct lane {
    struct lane_key key;
    void *owner; /* for the owner's use; starts as NULL */

    /* Everything below is private to dispatch. */
    struct list link;   /* in the round of lanes that can send, */
    struct list hungry; /* or among lanes that wait for memory to be refilled */
    struct list fresh;
    uint32_t fresh_count;
    int64_t high;   /* the highest fresh id ever taken */
    int64_t missed; /* the highest fresh id dropped */
    bool behind;    /* the store holds fresh items with ids above high */
    bool refilling;
    int64_t refill_from; /* start id of the refill in progress */
    struct list due;     /* retries that are due */
    struct heap later;
    struct map retries; /* by id: all retries in memory, including those being sent */
    bool retry_behind;  /* the store holds retries that are not in memory */
    bool retry_refilling;
    uint64_t horizon_ms;   /* due time of the first dropped retry (monotonic) */
    struct heap_node wake; /* monotonic microseconds */
    bool wake_set;
    struct pace pace;
    bool paused;
    uint64_t held_us; /* the lane rests until then; 0: it does not */
    bool asleep;      /* it rests so long that it holds no memory */
    uint32_t batch_max;
    double window; /* allowed concurrent requests */
    bool steady;   /* a failure was seen: from then on the window grows slowly */
    uint32_t in_flight;
    uint32_t out;         /* items sent and neither done nor put off yet, */
    uint32_t retries_out; /* and how many of them are retries */
    unsigned turn;
};

struct dispatch_config {
    uint32_t in_flight_max;            /* concurrent requests of all lanes together */
    uint32_t window_first, window_max; /* concurrent requests per lane */
    uint32_t lane_items_max;           /* fresh items a lane holds in memory */
    uint32_t lane_retries_max;         /* retries a lane holds in memory before it drops later ones */
    /*
     * Bytes of all items in memory, including those being sent. The few items that every lane may still get,
     * so that none starves, may add as much again.
     */
    uint64_t memory_max;
    uint32_t bytes_max; /* bytes of one request's items; a single larger item is allowed */
    struct clock clock;
    void *arg;
    /*
     * Starts one request; dispatch_sent() ends it, later. On failure nothing was started and the items stay.
     */
    enum err (*send)(void *arg, struct lane *lane, struct item *const *items, uint32_t count);
    /* Loads at most limit fresh items with ids above after, in order; answered by dispatch_refilled(). */
    void (*refill)(void *arg, struct lane *lane, int64_t after, uint32_t limit);
    /* Loads the first limit retries by due time; answered by dispatch_retries_loaded(). */
    void (*load_retries)(void *arg, struct lane *lane, uint32_t limit);
    void (*forget)(void *arg, struct item *item); /* frees a dropped item */
};

enum err dispatch_new(struct dispatch **ret, const struct dispatch_config *config) MUST_CHECK;
void dispatch_free(struct dispatch *d); /* drops every item; none may be in flight */

/* Returns the lane of a key, created if missing. NULL: out of memory. */
struct lane *dispatch_lane(struct dispatch *d, struct lane_key key) MUST_CHECK;
struct lane *dispatch_find(struct dispatch *d, struct lane_key key); /* NULL: none */

void dispatch_each(struct dispatch *d, void (*fn)(void *arg, struct lane *lane), void *arg);

/*
 * batch_max: items per request. A paused lane sends and loads nothing, and holds only its items in flight: a
 * lane that waits for long takes no memory from the others.
 */
void dispatch_set(struct dispatch *d, struct lane *lane, uint32_t batch_max, bool paused);
/*
 * Makes the lane rest until the given time (monotonic microseconds, as in struct clock); it then continues by
 * itself. Requests in flight finish. The order of items is kept: in memory during a short rest, in the store
 * during one of more than 10 s, so that they take no memory from other lanes. A later call moves the end; a
 * time in the past (0) ends the rest at once. The pause of dispatch_set() is independent: a lane sends only
 * when neither applies.
 */
#define DISPATCH_FOR_EVER UINT64_MAX
void dispatch_hold(struct dispatch *d, struct lane *lane, uint64_t until_us);
/*
 * Limits items per second, retries included; dispatch/pace.h says how exactly. 0 or less: limited by the
 * window only. May change at any time. A request takes no more items than may leave at once.
 */
void dispatch_rate(struct dispatch *d, struct lane *lane, double per_second);
/* The store holds items this lane has never seen: at start, or after a manual redelivery. */
void dispatch_behind(struct dispatch *d, struct lane *lane, bool fresh, bool retries);
/* Drops everything that is not in flight: the destination is gone. */
void dispatch_drop(struct dispatch *d, struct lane *lane);
/* The same, and frees the lane. False: items are in flight or being loaded; try again once that has ended. */
bool dispatch_release(struct dispatch *d, struct lane *lane);

void dispatch_fresh(struct dispatch *d, struct lane *lane, struct item *item);
/* Puts off an item of the lane, or a loaded one, until item->due_ms. */
void dispatch_retry(struct dispatch *d, struct lane *lane, struct item *item);
/* more: the limit was reached. items: list of struct item by link, in order. */
void dispatch_refilled(struct dispatch *d, struct lane *lane, struct list *items, bool more);
void dispatch_retries_loaded(struct dispatch *d, struct lane *lane, struct list *items, bool more);
void dispatch_refill_failed(struct dispatch *d, struct lane *lane,
                            bool retries); /* loading is tried again at the next tick */

/*
 * A request has ended: its place in the window is free. Its items stay in the lane until they are done or put
 * off.
 */
void dispatch_sent(struct dispatch *d, struct lane *lane, enum lane_news news);
/* The item's end is recorded; the owner owns it again. */
void dispatch_done(struct dispatch *d, struct lane *lane, struct item *item);

/* Sends what can be sent. Call once after a batch of changes, and at the time dispatch_next_ms() gave. */
void dispatch_pump(struct dispatch *d);
/*
 * Milliseconds, rounded up, until a lane can do something it cannot do now: a retry is due, its rate allows
 * the next item, its rest is over. UINT64_MAX: nothing waits for time. Counted from the start of the current
 * millisecond, like libuv's timers.
 */
uint64_t dispatch_next_ms(struct dispatch *d);
/* Ends sending (drain): requests in flight finish. */
void dispatch_stop(struct dispatch *d);

struct dispatch_stats {
    uint64_t in_flight, lanes, memory, active;
    uint64_t window;  /* sum over lanes that do not rest */
    uint64_t waiting; /* lanes that do not rest and have items, but lack window, rate or memory */
};
void dispatch_stats_get(const struct dispatch *d, struct dispatch_stats *ret);
