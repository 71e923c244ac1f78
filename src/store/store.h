#pragma once
/*
 * The store as the rest of the program sees it: calls are handed over, run on a thread of the store, and
 * answered on the caller's loop.
 *
 *     loop ──store_submit──► [queue] ─► store thread: BEGIN, run every call that has gathered, COMMIT ─►
 * mailbox ─► loop: done
 *
 * One thread owns all writes and commits whatever has gathered at once (natural group commit): the busier the
 * node, the larger the commits. An answer means the data is on the disk. Reading for people goes over a
 * second connection and thread, so that a long list never holds up a commit.
 */
#include <stdatomic.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "base/mailbox.h"
#include "store/backend.h"

struct store;

/* Embedded in what a call needs; owned by the store from submit to done. */
struct store_call {
    struct letter letter; /* how the answer travels */
    struct list link;     /* the store's queue */
    /* On a store thread; returns what becomes err. Only a run that ends with ERR_NONE keeps what it has
     * written. It may run twice: when another call of the same commit failed after it had written, or the
     * commit did. */
    enum err (*run)(struct store_call *c, struct backend *b);
    /* On the store thread after the commit, in commit order, only if err is ERR_NONE; may be NULL. */
    void (*committed)(struct store_call *c);
    /* On home's loop, or on the store thread where home is NULL. The call is the caller's again. */
    void (*done)(struct store_call *c);
    struct mailbox *home;
    enum err err;
};

struct store_stats {
    _Atomic uint64_t commits, calls, failures;
    struct histogram commit; /* how long each took, its calls included */
    _Atomic uint64_t queued; /* calls waiting for the writer */
    _Atomic int last_error;  /* enum err of the last commit */
    /* Which file was deleted, replaced or cut under the running node, in words, English and Japanese; NULL:
     * none. */
    _Atomic(const char *const *) files;
    /* The database is damaged; commits are missing. Both stay until integrity.h knows better. */
    atomic_bool damaged, lost;
    atomic_bool
        passed_over; /* events that wait cannot be read: until the next start, whatever integrity.h finds */
};

/*
 * Opens the data directory (made if missing, mode 0700) and starts the threads. One process at a time:
 * ERR_BUSY when another one has it (files.h). ERR_VERSION: written by a newer todoke; ERR_DAMAGED; ERR_IO
 * (errno), ERR_FULL, ERR_NOMEM. seal (backend.h, sqlite_seal()) outlives the store; NULL: what is secret is
 * kept as it is.
 */
enum err store_open(struct store **ret, const char *dir, const struct store_seal *seal) MUST_CHECK;

/* The same threads over backends that are open already; they belong to the store from now on, on failure too.
 */
enum err store_start(struct store **ret, struct backend *writer, struct backend *reader) MUST_CHECK;

/* Runs and answers what was submitted and ends the threads; waits. Whatever is submitted from then on is
 * answered with ERR_CLOSED. */
void store_stop(struct store *s);
/* The same, and closes. NULL-safe. */
void store_close(struct store *s);

void store_submit(struct store *s,
                  struct store_call *c); /* writes, and reads that must be in order with them */
void store_read(struct store *s, struct store_call *c); /* reads only; sees every commit answered before */

/* Waits for it: start-up, commands and tests. home and done are ignored. */
enum err store_wait(struct store *s, struct store_call *c) MUST_CHECK;

const struct store_stats *store_stats(const struct store *s);
/* What the store's own marks say (store_mark), by whoever reads them. */
void store_tell(struct store *s, bool damaged, bool lost);
