#pragma once
/*
 * Keeps the lanes of one loop thread filled from the store. A courier picks the next lane (dispatch.h), loads
 * its pending items, and makes sure that every result is recorded (record.h). The owner of the lane's kind
 * knows what an item is, how to send it and what its result means; the courier calls its function table.
 *
 *     courier_hand_over ─► lane ─► owner.send ─► courier_sent ─► courier_record ─► written: courier_again or
 *     owner.fill (store) ─► ▲                                                     │ courier_done, courier_end
 *                           └──────────────────── again, in time ─────────────────┘
 *
 * An item is one block of mem_* that begins with struct item: the courier may free an item and load it again
 * later.
 */
#include "base/mailbox.h"
#include "courier/record.h"
#include "dispatch/dispatch.h"

struct courier;
struct courier_fill;

/* What lanes are for. The numbers stand here, so that no two owners take the same one. */
enum courier_kind {
    COURIER_CHANNEL, /* the events of a channel: webhook/channels.c */
    COURIER_JOB,     /* the messages of a job: campaign/campaign.c */
    COURIER_KINDS,
};

/* What the owner of a kind does. All on the courier's loop, but for fill. */
struct courier_owner {
    void *arg;
    /* Whether there is somebody to send to. */
    bool (*known)(void *arg, int64_t id);
    /* Makes the owner's part of the lane (lane->owner), or makes it anew after a change, and tells the
     * courier with courier_set() how the lane is sent. On failure all stays as it was, and is tried again.
     * ERR_NOMEM. */
    enum err (*open)(void *arg, struct lane *lane) MUST_CHECK;
    void (*close)(void *arg, struct lane *lane); /* frees lane->owner */
    /* Starts one request, which ends with courier_end(), later. On failure nothing was started: the items
     * stay. */
    enum err (*send)(void *arg, struct lane *lane, struct item *const *items, uint32_t count) MUST_CHECK;
    /* Reads what waits, by courier_fill_add(). On the store's writing thread. */
    enum err (*fill)(void *arg, struct backend *b, struct courier_fill *fill) MUST_CHECK;
    /* No item of the lane is ever put off for longer than this (ms). */
    uint64_t (*longest)(void *arg, const struct lane *lane);
};

struct courier_config {
    uv_loop_t *loop;
    struct mailbox *mailbox; /* the loop's */
    struct store *store;
    const struct clock *clock;
    uint32_t window_max;    /* requests at once of a lane */
    uint32_t in_flight_max; /* of this courier */
    uint64_t memory_max;    /* bytes of items held by this courier */
    uint32_t bytes_max;     /* of the items of one request, unless one alone is larger */
};

/* Everything in config is borrowed and outlives the courier. ERR_NOMEM, ERR_IO. */
enum err courier_new(struct courier **ret, const struct courier_config *config) MUST_CHECK;
/* Before the first lane of that kind; what the owner refers to outlives the courier. */
void courier_own(struct courier *c, enum courier_kind kind, const struct courier_owner *owner);

/* Takes up what the store holds for a lane and the lane does not know. On the loop's thread. ERR_NOMEM. */
enum err courier_resume(struct courier *c, enum courier_kind kind, int64_t id) MUST_CHECK;
/*
 * The owner sends nothing more for it: the lane closes, once what is under way has ended. On the loop's
 * thread.
 */
void courier_forget(struct courier *c, enum courier_kind kind, int64_t id);
/* Call after a batch of letters, and when a request has ended: sends what can be sent. */
void courier_pump(struct courier *c);

/* Drain: nothing new is sent. Idle: no request is on its way, no result waits for the store, nothing is being
 * loaded. */
void courier_stop(struct courier *c);
bool courier_idle(const struct courier *c);
/* Once idle, or after all requests were ended; the loop must run on until the courier's timer has closed. */
void courier_close(struct courier *c);
void courier_free(struct courier *c); /* NULL-safe */

struct courier_stats {
    struct dispatch_stats dispatch;
    uint64_t unrecorded; /* results the store has not taken yet */
};
void courier_stats_get(const struct courier *c, struct courier_stats *ret);

/* Items of one commit, in its order; made before the commit, so that handing over cannot fail. */
struct courier_fresh {
    struct letter letter;
    struct courier *courier;
    enum courier_kind kind;
    int64_t id;
    struct list items; /* struct item by link */
};
/* From any thread, in the order of commits: the items and the struct, one block of mem_*, are the courier's
 * now. */
void courier_hand_over(struct courier *c, struct courier_fresh *f);

/* Whom a lane sends to was changed, is gone, or (retries) has retries in the store that the courier does not
 * know. */
struct courier_note {
    struct letter letter;
    struct courier *courier;
    enum courier_kind kind;
    int64_t id;
    bool retries;
};
/* From any thread; the note, a block of mem_*, is freed by it. */
void courier_notify(struct courier *c, struct courier_note *note);

/*
 * For owners, on the courier's loop.
 */
struct lane *courier_lane(struct courier *c, enum courier_kind kind, int64_t id); /* NULL: none */
/* batch_max: items in one request. A paused lane sends and loads nothing; its items stay in the store. */
void courier_set(struct courier *c, struct lane *lane, uint32_t batch_max, bool paused);
/* At most so many items a second, as dispatch_rate() has it; not above 0: as many as the window lets. */
void courier_rate(struct courier *c, struct lane *lane, double per_second);
/* The lane rests until then (monotonic microseconds), as dispatch_hold() has it; 0: it goes on. */
void courier_hold(struct courier *c, struct lane *lane, uint64_t until_us);

/* A request has ended: its place is free. Its items stay in the lane until courier_again() or
 * courier_done(). */
void courier_sent(struct courier *c, struct lane *lane, enum lane_news news);
/* Puts its result on record, however long that takes. */
void courier_record(struct courier *c, struct record *r);
/* It is on record that the item waits until item->due_ms (wall clock). */
void courier_again(struct courier *c, struct lane *lane, struct item *item);
/* The item has ended, or was not sent and waits in the store; it is freed. */
void courier_done(struct courier *c, struct lane *lane, struct item *item);
/* Nothing of the request remains: its result is on record or there is none. lane may be freed by it. */
void courier_end(struct courier *c, struct lane *lane);

/* Loading a lane. */
struct courier_fill {
    int64_t id;
    bool retries;   /* those that wait for their time, first due first; else the fresh ones, */
    int64_t after;  /* with ids above this, in order */
    uint32_t limit; /* at most so many */

    uint32_t count; /* read so far */
    uint64_t bytes;
    struct list items;
};
/* Enough was read: what is left is loaded later. Ask before an item is made. */
bool courier_fill_full(const struct courier_fill *f);
/* Takes an item with id, size and memory set; one that waits also with due_ms. */
void courier_fill_add(struct courier_fill *f, struct item *item);

/* The couriers of a node: a lane belongs to one of them. */
struct courier_set {
    struct courier *all[64];
    size_t count;
};
struct courier *courier_of(const struct courier_set *set, int64_t id);
