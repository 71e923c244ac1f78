#pragma once
/*
 * The database is looked through for damage: once a week, and, while it is small or when damage was met, soon
 * after the start. In steps of some milliseconds with pauses between them (sqlite_integrity.c). What was
 * found is kept in the store and raises an alarm until a later look finds nothing, or `todoke check` does.
 */
#include <uv.h>

#include "base/clock.h"
#include "store/store.h"

struct integrity_config {
    struct store *store;
    struct mailbox *mailbox; /* of the loop */
    const struct clock *clock;
};

struct integrity {
    struct integrity_config config;
    uv_timer_t timer;
    struct store_call call; /* one at a time */
    bool busy, stopped, walking;
    bool met;    /* a call has met damage, and since then the database was not looked through */
    bool kept;   /* that it is damaged is on record */
    bool looked; /* through all of it, since the start */
    int64_t marks[MARK_COUNT];
    uint64_t bytes;    /* of the database */
    uint64_t began_ms; /* of the step, monotonic */
    uint64_t next_ms;  /* no further look through the database before, monotonic */
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
