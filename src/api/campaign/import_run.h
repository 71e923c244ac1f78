#pragma once
/*
 * The imports that run, of all loops. An import has a thread of its own, so that parsing holds up no loop:
 *
 *     loop ─ import_put ─► [pieces] ─► thread: rows ─► batches ─► store: one transaction a batch
 *
 * A piece is taken while less than a megabyte waits; two batches may be on their way to the store. What a
 * batch took stays, whatever becomes of the import later, and counts with it: batch and counts are one
 * transaction.
 */
#include "api/campaign/import_rows.h"
#include "base/clock.h"
#include "base/mailbox.h"
#include "store/store.h"

struct imports;
struct import_run;

/*
 * Ends the imports that a process before this one has left. Everything is borrowed. ERR_NOMEM, or what the
 * store fails with.
 */
enum err imports_new(struct imports **ret, struct store *store, const struct clock *clock) MUST_CHECK;
/* Ends those that run, as of a node that ends, and waits for them. Before the store stops. NULL-safe. */
void imports_stop(struct imports *m);
void imports_free(struct imports *m);

struct import_config {
    int64_t provider_id;
    struct import_shape shape;
    struct mailbox *home;
    /*
     * On home's loop: less waits again, or the import has failed (import_run_failed). Not after
     * import_run_end().
     */
    void (*more)(void *arg);
    void *arg;
};

/* A place for an import, before anything of it is stored. ERR_LIMIT: too many run; ERR_NOMEM. */
enum err import_run_new(struct imports *m, const struct import_config *config,
                        struct import_run **ret) MUST_CHECK;
/* It was not begun: gives the place back. */
void import_run_drop(struct import_run *r);
/* Starts its thread. list_id: of a list. ERR_IO, ERR_NOMEM, ERR_NOT_FOUND (the charset). */
enum err import_run_begin(struct import_run *r, int64_t import_id, int64_t list_id) MUST_CHECK;
/* Copies a piece. *ret_more: another one may come. ERR_NOMEM. */
enum err import_run_put(struct import_run *r, struct span piece, bool *ret_more) MUST_CHECK;
/* NULL, or why it ended by itself. *ret_client: by what the client sent. */
const char *import_run_failed(struct import_run *r, bool *ret_client);
/* No more pieces come, and r is no longer the caller's. reason: NULL, or why it ended early. */
void import_run_end(struct import_run *r, const char *reason);
