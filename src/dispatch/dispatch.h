#pragma once
/*
 * Who is sent to next. A lane is the queue to one destination; a dispatch holds the lanes of one loop thread.
 * It does no I/O and knows nothing of what an item is: sending, loading and freeing are its owner's, through
 * hooks.
 *
 *     dispatch_fresh ─► [fresh FIFO] ─┐                        ┌─ good: the window grows
 *     dispatch_refilled ─► ───────────┤─► round robin ─► send ─┤
 *     dispatch_retry ─► [by due time] ┘    over lanes          └─ bad: it shrinks
 *                                          that have a place in their window, and whose rate has one
 *
 * Memory is bounded whatever the backlog: a lane takes a limited number of items; what comes while it is full
 * is let go
 * ("behind") and loaded from the store again once there is room. An item is in a lane from the moment it is
 * taken until dispatch_done(), so that nothing is sent twice; that needs one rule of the owner: what is added
 * and what is loaded arrives in the order in which the store committed and read.
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
    LANE_GOOD,    /* the destination took it */
    LANE_NEUTRAL, /* it answered, but not as wished: no reason to send more or less at once */
    LANE_BAD,     /* it cannot be reached, is silent or overloaded */
};

/* Which destination: kind is a number of the owner's, id counts within the kind. Hashed as it lies, so it
 * has no padding. */
struct lane_key {
    int64_t kind, id;
};

struct lane {
    struct lane_key key;
    void *owner; /* the owner's; starts as NULL */

    /* All below is dispatch's. */
    struct list link;   /* in the round of lanes that can send, */
    struct list hungry; /* or among those that wait for memory to be refilled */
    struct list fresh;
    uint32_t fresh_count;
    int64_t high;   /* the highest fresh id ever taken */
    int64_t missed; /* the highest fresh id let go */
    bool behind;    /* the store holds fresh items past high */
    bool refilling;
    int64_t refill_from; /* the refill under way began there */
    struct list due;     /* retries whose time has come */
    struct heap later;
    struct map retries; /* by id: all retries in memory, those being sent included */
    bool retry_behind;  /* the store holds retries that are not in memory */
    bool retry_refilling;
    uint64_t horizon_ms;   /* when the first retry let go is due (monotonic) */
    struct heap_node wake; /* monotonic microseconds */
    bool wake_set;
    struct pace pace;
    bool paused;
    uint64_t held_us; /* rests until then; 0: it does not */
    bool asleep;      /* it rests for so long that it holds no memory */
    uint32_t batch_max;
    double window; /* requests at once */
    bool steady;   /* a failure was seen: the window grows slowly from then on */
    uint32_t in_flight;
    uint32_t out;         /* items that were sent and are not done or put off yet, */
    uint32_t retries_out; /* and the retries among them */
    unsigned turn;
};

struct dispatch_config {
    uint32_t in_flight_max;            /* requests at once, all lanes together */
    uint32_t window_first, window_max; /* requests at once of a lane */
    uint32_t lane_items_max;           /* fresh items a lane holds in memory */
    uint32_t lane_retries_max;         /* retries a lane holds in memory before it lets later ones go */
    /* Bytes of all items in memory, those being sent included; what lanes get a few at a time, so that
     * none starves, may add as much again. */
    uint64_t memory_max;
    uint32_t bytes_max; /* of one request's items, unless one alone is larger */
    struct clock clock;
    void *arg;
    /* Starts one request; dispatch_sent() ends it, later. On failure nothing was started: the items stay. */
    enum err (*send)(void *arg, struct lane *lane, struct item *const *items, uint32_t count);
    /* Loads at most limit fresh items with ids above after, in order; answered by dispatch_refilled(). */
    void (*refill)(void *arg, struct lane *lane, int64_t after, uint32_t limit);
    /* Loads the limit first retries by due time; answered by dispatch_retries_loaded(). */
    void (*load_retries)(void *arg, struct lane *lane, uint32_t limit);
    void (*forget)(void *arg, struct item *item); /* frees an item that was let go */
};

enum err dispatch_new(struct dispatch **ret, const struct dispatch_config *config) MUST_CHECK;
void dispatch_free(struct dispatch *d); /* lets every item go; none may be on its way */

/* The lane of a key, made if there is none. NULL: out of memory. */
struct lane *dispatch_lane(struct dispatch *d, struct lane_key key) MUST_CHECK;
struct lane *dispatch_find(struct dispatch *d, struct lane_key key); /* NULL: none */

void dispatch_each(struct dispatch *d, void (*fn)(void *arg, struct lane *lane), void *arg);

/* batch_max: items in one request. A paused lane sends and loads nothing, and holds no memory but for what
 * is on its way: a lane that waits for long takes none from the others. */
void dispatch_set(struct dispatch *d, struct lane *lane, uint32_t batch_max, bool paused);
/* The lane rests until then (monotonic microseconds, as struct clock has them) and goes on by itself; what
 * is on its way ends. Its items stay in order: in memory during a short rest, in the store during one of
 * more than 10 s, so that they take no memory from other lanes. A later call puts the end off or brings it
 * nearer; a time that has passed (0) lets the lane go on at once. The pause of dispatch_set() is apart: a
 * lane sends when neither holds it. */
#define DISPATCH_FOR_EVER UINT64_MAX
void dispatch_hold(struct dispatch *d, struct lane *lane, uint64_t until_us);
/* At most so many items a second, retries included; dispatch/pace.h says how exactly. Not above 0: as many
 * as the window lets. It may change at any time. A request takes no more items than may leave at once. */
void dispatch_rate(struct dispatch *d, struct lane *lane, double per_second);
/* The store holds items this lane has never seen: at start, after a redelivery by hand. */
void dispatch_behind(struct dispatch *d, struct lane *lane, bool fresh, bool retries);
/* Lets go of everything that is not on its way: the destination is gone. */
void dispatch_drop(struct dispatch *d, struct lane *lane);
/* The same, and frees the lane. False: something of it is on its way, or being loaded; try again once that
 * has ended. */
bool dispatch_release(struct dispatch *d, struct lane *lane);

void dispatch_fresh(struct dispatch *d, struct lane *lane, struct item *item);
/* Puts off an item of the lane (or a loaded one) until item->due_ms. */
void dispatch_retry(struct dispatch *d, struct lane *lane, struct item *item);
/* more: the limit was reached. items holds struct item by link, in order. */
void dispatch_refilled(struct dispatch *d, struct lane *lane, struct list *items, bool more);
void dispatch_retries_loaded(struct dispatch *d, struct lane *lane, struct list *items, bool more);
void dispatch_refill_failed(struct dispatch *d, struct lane *lane,
                            bool retries); /* tried again at the next tick */

/* A request has ended: its place in the window is free. Its items stay in the lane until they are done or put
 * off. */
void dispatch_sent(struct dispatch *d, struct lane *lane, enum lane_news news);
/* The item's end is on record; it is the owner's again. */
void dispatch_done(struct dispatch *d, struct lane *lane, struct item *item);

/* Sends what can be sent. Call it once after a batch of news, and at the time dispatch_next_ms() gave. */
void dispatch_pump(struct dispatch *d);
/* Whole milliseconds, rounded up, until a lane can do something that it cannot do now: a retry is due, its
 * rate lets the next item go, its rest is over. UINT64_MAX: nothing waits for time. Counted from the start
 * of the present millisecond, as timers of libuv are. */
uint64_t dispatch_next_ms(struct dispatch *d);
/* No further sends (drain): what is on its way ends. */
void dispatch_stop(struct dispatch *d);

struct dispatch_stats {
    uint64_t in_flight, lanes, memory, active;
    uint64_t window; /* of all lanes that do not rest */
    uint64_t
        waiting; /* lanes that do not rest, with items that could be sent but for a place, rate or memory */
};
void dispatch_stats_get(const struct dispatch *d, struct dispatch_stats *ret);
