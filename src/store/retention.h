#pragma once
/*
 * Deletes what is no longer needed: ended events with their attempts, after a time or when the database
 * exceeds a size (mostly the oldest first: see size_after), idempotency keys after a day, old error
 * statistics, rotated secrets, expired access tokens, and what waited for deleted channels. Events that wait
 * for an existing channel are never touched.
 *
 *    every second: size ─► too large, or time for a round? ─► step, pause, step … ─► end of the history
 *
 * A step is one small call of the store among the others, followed by a pause several times as long as the
 * step took, including its wait and commit, so that a round uses only part of the store's time and yields to
 * load. Freed pages are reused; the file does not shrink.
 */
#include <stdatomic.h>
#include <uv.h>

#include "base/clock.h"
#include "store/steady.h"
#include "store/store.h"

/* Any thread may read. */
struct retention_stats {
    _Atomic uint64_t events, attempts, keys; /* deleted so far */
    _Atomic uint64_t errors;                 /* rows of the error statistics deleted so far */
    _Atomic uint64_t used, free;             /* bytes of the database, as of a second ago */
    atomic_bool over;                        /* larger than allowed, and only waiting events are left */
    atomic_bool clock;                       /* the clock is not trusted: nothing is deleted by age */
    _Atomic int64_t ahead;                   /* steady_ahead() */
};

struct retention_config {
    struct store *store;
    struct mailbox *mailbox; /* the loop's */
    const struct clock *clock;
    uint32_t age_ms;       /* maximum age of ended events */
    uint32_t key_age_ms;   /* maximum age of idempotency keys */
    uint64_t bytes_max;    /* 0: no limit */
    int64_t audit_age_ms;  /* maximum age of audit log lines */
    int64_t result_age_ms; /* maximum age of jobs that have ended, and of their messages */
    int64_t error_age_ms;  /* maximum age of error statistics; deleted by whole UTC days */
    /* sessions older than, or unused for longer than, this have ended */
    int64_t session_age_ms, session_idle_ms;
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
    uint64_t next_ms; /* when the next round by age starts, monotonic */
    uint64_t next_size_ms;
    /*
     * A round by size continues where the last one stopped, so that waiting events at the beginning of the
     * history are not examined each time. It restarts from time to time, and at the end of the history.
     */
    int64_t size_after, size_from;
    uint64_t size_anew_ms;
    /* The same for a round through events whose ids are ahead of time. */
    int64_t ahead_after;
    uint64_t ahead_anew_ms;
    /* When the step began. Its queueing time and commit count, so that a busy store is left alone. */
    uint64_t began_ms;
    struct steady steady; /* anything on the loop's thread may read it */
    struct steady_look clock;
    bool redated; /* wrong dates were corrected, since the clock is trusted */
    struct history_prune step;
    struct backend_size size;
    uint32_t keys, audit, gone, audience, results;
    struct error_tidy errors;
};

/* Initialises in place: r must not move. On the loop's thread; checks at once. ERR_IO. */
enum err retention_init(struct retention *r, uv_loop_t *loop,
                        const struct retention_config *config) MUST_CHECK;
/* Sets limits that apply from the next round on. On the loop's thread. */
void retention_set(struct retention *r, uint32_t age_ms, uint64_t bytes_max, int64_t audit_age_ms,
                   int64_t error_age_ms);
/* Starts no further steps; one in progress finishes. */
void retention_stop(struct retention *r);
/* Closes the timer; r must stay until the loop has ended. No call may be in progress. */
void retention_close(struct retention *r);
