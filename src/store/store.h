#pragma once
/*
 * The store as the rest of the program sees it: calls are handed over, run on a thread of the store, and
 * answered on the caller's loop.
 *
 *    loop ─store_submit─► [queue] ─► store thread: BEGIN, run the calls, COMMIT ─► mailbox ─► loop: done
 *
 * One thread does all writes and commits all gathered calls at once (group commit): the busier the node, the
 * larger the commits. An answer means the data is on the disk. Reads for the console and lists use a second
 * connection and thread, so that a long list never delays a commit.
 */
#include <stdatomic.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "base/mailbox.h"
#include "store/backend.h"

struct store;

/* Embedded in the caller's own struct; owned by the store from submit to done. */
struct store_call {
    struct letter letter; /* carries the answer back */
    struct list link;     /* link in the store's queue */
    /*
     * Runs on a store thread; its result becomes err. Only a run that returns ERR_NONE keeps what it wrote.
     * It may run twice: when the commit failed, or another call of the same commit failed after writing.
     */
    enum err (*run)(struct store_call *c, struct backend *b);
    /* Runs on the store thread after the commit, in commit order, only if err is ERR_NONE; may be NULL. */
    void (*committed)(struct store_call *c);
    /* Runs on home's loop, or on the store thread where home is NULL. The caller owns the call again. */
    void (*done)(struct store_call *c);
    struct mailbox *home;
    enum err err;
};

struct store_stats {
    _Atomic uint64_t commits, calls, failures;
    struct histogram commit; /* duration of each commit, its calls included */
    _Atomic uint64_t queued; /* calls waiting for the writer */
    _Atomic int last_error;  /* enum err of the last commit */
    /*
     * Which file was deleted, replaced or truncated under the running node, in words, English and Japanese;
     * NULL: none.
     */
    _Atomic(const char *const *) files;
    /* The database is damaged; commits are missing. Both stay set until integrity.h clears them. */
    atomic_bool damaged, lost;
    /* some waiting events cannot be read; set until the next start, whatever integrity.h finds */
    atomic_bool passed_over;
};

/*
 * Opens the data directory (created if missing, mode 0700) and starts the threads. One process at a time:
 * ERR_BUSY when another one has it (files.h). ERR_VERSION: written by a newer todoke; ERR_DAMAGED; ERR_IO
 * (errno), ERR_FULL, ERR_NOMEM. seal (backend.h, sqlite_seal()) must outlive the store; NULL: secrets are
 * stored in clear.
 */
enum err store_open(struct store **ret, const char *dir, const struct store_seal *seal) MUST_CHECK;

/* The same threads over backends that are already open; the store owns them from now on, on failure too. */
enum err store_start(struct store **ret, struct backend *writer, struct backend *reader) MUST_CHECK;

/*
 * Runs and answers everything submitted, then ends the threads; blocks. Later calls are answered with
 * ERR_CLOSED.
 */
void store_stop(struct store *s);
/* The same, and closes the backends. NULL-safe. */
void store_close(struct store *s);

void store_submit(struct store *s,
                  struct store_call *c); /* writes, and reads that must be ordered with writes */
void store_read(struct store *s, struct store_call *c); /* reads only; sees every commit answered before */

/* Runs the call and blocks until it is done: for start-up, commands and tests. home and done are ignored. */
enum err store_wait(struct store *s, struct store_call *c) MUST_CHECK;

const struct store_stats *store_stats(const struct store *s);
/* Sets damaged and lost from the store's own marks (store_mark); called by whoever reads them. */
void store_tell(struct store *s, bool damaged, bool lost);
