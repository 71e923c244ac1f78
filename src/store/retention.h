#pragma once
/*
 * What is no longer needed goes: events that have ended, with their attempts, after a time or when the
 * database grows past a size (the oldest first, mostly: see size_after), idempotency keys after a day, error
 * statistics after theirs, secrets that were rotated out and access tokens that expired, and what waited for
 * channels that were deleted. What waits for any other is never touched.
 *
 *     every second: size ─► too large, or time for a round? ─► step, pause, step, pause … ─► the end of the history
 *
 * A step is one small call of the store among the others, and is followed by a pause several times as long as
 * it took, waiting and commit included, so that a round takes a part of the store's time and gives way to
 * load. Freed pages are used again; the file does not shrink.
 */
#include <stdatomic.h>
#include <uv.h>

#include "base/clock.h"
#include "store/steady.h"
#include "store/store.h"

/* Any thread may read. */
struct retention_stats {
    _Atomic uint64_t events, attempts, keys; /* that went */
    _Atomic uint64_t errors;                 /* rows of the error statistics that went */
    _Atomic uint64_t used, free;             /* bytes of the database, as of a second ago */
    atomic_bool over;                        /* larger than it may be, and only what waits is left */
    atomic_bool clock;                       /* the clock cannot be believed: nothing goes by age */
    _Atomic int64_t ahead;                   /* steady_ahead() */
};

struct retention_config {
    struct store *store;
    struct mailbox *mailbox; /* of the loop */
    const struct clock *clock;
    uint32_t age_ms;                         /* of what has ended */
    uint32_t key_age_ms;                     /* of idempotency keys */
    uint64_t bytes_max;                      /* 0: no bound */
    int64_t audit_age_ms;                    /* of lines of the audit log */
    int64_t error_age_ms;                    /* of rows of the error statistics; whole days of UTC go */
    int64_t session_age_ms, session_idle_ms; /* sessions older, or unused for longer, have ended */
};

struct retention {
    struct retention_config config;
    struct retention_stats stats;
    uv_timer_t timer;
    struct store_call call; /* one at a time */
    bool busy, stopped;
    enum retention_round {
        ROUND_NONE,
        ROUND_CLOCK,
        ROUND_AGE,
        ROUND_AHEAD,
        ROUND_SIZE,
        ROUND_KEYS,
        ROUND_ERRORS
    } round;
    uint64_t next_ms; /* of the next round by age, monotonic */
    uint64_t next_size_ms;
    /* A round by size goes on where the last one stopped: what waits at the beginning of the history is not
     * looked at each time. Now and then, and at the end of the history, it begins anew. */
    int64_t size_after, size_from;
    uint64_t size_anew_ms;
    /* The same for a round through events whose numbers are ahead of time. */
    int64_t ahead_after;
    uint64_t ahead_anew_ms;
    /* Of the step; its way through the queue and its commit count, so that a busy store is left alone. */
    uint64_t began_ms;
    struct steady steady; /* anybody on the loop may read it */
    struct steady_look clock;
    bool redated; /* what a wrong clock had dated, since the clock is believed */
    struct history_prune step;
    struct backend_size size;
    uint32_t keys, audit, gone;
    struct error_tidy errors;
};

/* In place: must not move. On the loop's thread; the first look is at once. ERR_IO. */
enum err retention_init(struct retention *r, uv_loop_t *loop,
                        const struct retention_config *config) MUST_CHECK;
/* Other bounds from the next round on. On the loop's thread. */
void retention_set(struct retention *r, uint32_t age_ms, uint64_t bytes_max, int64_t audit_age_ms,
                   int64_t error_age_ms);
/* No further steps; one that is under way ends. */
void retention_stop(struct retention *r);
/* Closes the timer; r must stay until the loop has ended. No call may be under way. */
void retention_close(struct retention *r);
