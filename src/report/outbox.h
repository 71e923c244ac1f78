#pragma once
/*
 * The outbox: mails are on disk until they are sent, refused for good, or too old. Those that are due go to
 * the mailer in small batches; what became of each is put on record before the next batch.
 *
 *     due? ─► batch ─► mailer (its thread) ─► sent · tried again later, twice as late each time · refused
 *
 * A relay that cannot be used is left alone for a while, and no mail is held to blame for it.
 */
#include <stdatomic.h>
#include <uv.h>

#include "base/clock.h"
#include "mail/mailer.h"
#include "store/steady.h"
#include "store/store.h"

/* Any thread may read. */
struct outbox_stats {
    _Atomic uint64_t sent, written, put_off, failed; /* ends of tries, since the start */
    _Atomic uint64_t waiting, broken;                /* on disk: those that wait, and those that failed */
    _Atomic int64_t oldest_ms;                       /* since when the oldest waits; 0: none does */
    atomic_bool trouble;                             /* the relay (or the Maildir) cannot be used */
};

struct outbox_config {
    struct store *store;
    struct mailbox *mailbox; /* of the loop */
    const struct clock *clock;
    struct mailer *mailer;
    const char *domain;          /* of Message-ID */
    const struct steady *steady; /* whether the clock can be believed; NULL: it can */
    uint32_t expire_ms;          /* how long a mail is tried */
    uint32_t retry_ms;           /* before the second try; twice as long each time, up to an hour */
};

struct outbox {
    struct outbox_config config;
    struct outbox_stats stats;
    uv_timer_t timer;
    struct store_call call; /* look or prune: one at a time */
    bool busy, stopped, halted;
    bool more; /* the batch was full: the next look is at once */
    struct list batch;
    struct list unrecorded;                 /* jobs whose end the store could not take: it is told again */
    uint32_t out;                           /* jobs with the mailer, or their end on its way to the store */
    uint64_t hold_ms, hold_until, prune_at; /* monotonic */
    struct mail_counts counts;
    int64_t prune_ms; /* by which mails are old */
    uint32_t pruned;
};

/* In place: must not move. On the loop's thread. ERR_IO. */
enum err outbox_init(struct outbox *o, uv_loop_t *loop, const struct outbox_config *config) MUST_CHECK;
/* Mails were put in, or one is to be tried again: look now. On the loop's thread. */
void outbox_wake(struct outbox *o);
/* No further batches; the mail that is under way ends, the others come back untried. */
void outbox_stop(struct outbox *o);
bool outbox_idle(const struct outbox *o);
/* What is under way is broken off. The mailer has no job after it; letters of its last ones may still be on
 * their way. */
void outbox_halt(struct outbox *o);
/* Closes the timer; o must stay until the loop has ended. No call may be under way. */
void outbox_close(struct outbox *o);

/* How long a mail waits after that many tries (1 and more). */
uint64_t outbox_wait_ms(uint32_t retry_ms, uint32_t tries);
