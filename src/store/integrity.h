#pragma once
/*
 * Checks the database for damage once a week, and soon after a start if it is small or damage was met. Works
 * in steps of some milliseconds with pauses between them (sqlite_integrity.c). A finding is recorded in the
 * store and raises an alarm until a later check, or `todoke check`, finds nothing.
 */
#include <uv.h>

#include "base/clock.h"
#include "store/store.h"

struct integrity_config {
    struct store *store;
    struct mailbox *mailbox; /* the loop's */
    const struct clock *clock;
};

struct integrity {
    struct integrity_config config;
    uv_timer_t timer;
    struct store_call call; /* one at a time */
    bool busy, stopped, walking;
    bool met;    /* a call has met damage since the last complete check */
    bool kept;   /* the damage is recorded in the store */
    bool looked; /* a complete check was made since the start */
    int64_t marks[MARK_COUNT];
    uint64_t bytes;    /* of the database */
    uint64_t began_ms; /* of the step, monotonic */
    uint64_t next_ms;  /* no complete check starts before this, monotonic */
    struct integrity_step step;
    uint32_t found; /* so far */
};

/* In place: must not move. On the loop's thread. ERR_IO. */
enum err integrity_init(struct integrity *i, uv_loop_t *loop,
                        const struct integrity_config *config) MUST_CHECK;
/* No further steps; one that is under way ends. */
void integrity_stop(struct integrity *i);
/* Closes the timer; i must stay until the loop has ended. No call may be under way. */
void integrity_close(struct integrity *i);
