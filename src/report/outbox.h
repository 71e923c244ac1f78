#pragma once
/*
 * The outbox stores mails until they are sent, fail for good, or expire. Mails that are due go to the mailer
 * in small batches; all results of a batch are stored before the next one.
 *
 *     due? ─► batch ─► mailer (its thread) ─► sent · tried again later, twice as late each time · failed
 *
 * A relay that does not work is left alone for a while, and that does not count as a try of any mail.
 */
#include <stdatomic.h>
#include <uv.h>

#include "base/clock.h"
#include "mail/mailer.h"
#include "store/steady.h"
#include "store/store.h"

/* Any thread may read. */
struct outbox_stats {
    _Atomic uint64_t sent, written, put_off, failed; /* results of tries since the start */
    _Atomic uint64_t waiting, broken;                /* mails in the store: waiting, and failed */
    _Atomic int64_t oldest_ms;                       /* since when the oldest mail waits; 0: none waits */
    atomic_bool trouble;                             /* the relay (or the Maildir) does not work */
};

struct outbox_config {
    struct store *store;
    struct mailbox *mailbox; /* the loop's */
    const struct clock *clock;
    struct mailer *mailer;
    const char *domain;          /* for Message-ID */
    const struct steady *steady; /* tells whether the wall clock is reliable; NULL: it always is */
    uint32_t expire_ms;          /* how long after its creation a mail is tried */
    uint32_t retry_ms;           /* delay before the second try; doubles each time, up to an hour */
};

struct outbox {
    struct outbox_config config;
    struct outbox_stats stats;
    uv_timer_t timer;
    struct store_call call; /* looks and prunes, one at a time */
    bool busy, stopped, halted;
    bool more; /* the batch was full: look again at once */
    struct list batch;
    struct list unrecorded; /* jobs whose result the store did not take yet; it is submitted again */
    uint32_t out;           /* jobs that the mailer has, or whose result the store is writing */
    uint64_t hold_ms, hold_until, prune_at; /* monotonic */
    struct mail_counts counts;
    int64_t prune_ms; /* mails older than this are pruned */
    uint32_t pruned;
};

/* Initialises in place: an outbox must not move. On the loop's thread. ERR_IO. */
enum err outbox_init(struct outbox *o, uv_loop_t *loop, const struct outbox_config *config) MUST_CHECK;
/* Looks for mails now: some were added, or one is to be retried. On the loop's thread. */
void outbox_wake(struct outbox *o);
/* Sends no further batches. The mail being sent ends; the other mails of the batch return untried. */
void outbox_stop(struct outbox *o);
bool outbox_idle(const struct outbox *o);
/* Aborts the mail being sent. The mailer then has no jobs, but results of its last ones may still arrive. */
void outbox_halt(struct outbox *o);
/* Closes the timer. No call may be running, and o must stay until the loop has ended. */
void outbox_close(struct outbox *o);

/* How long a mail waits after that many tries (at least 1). */
uint64_t outbox_wait_ms(uint32_t retry_ms, uint32_t tries);
