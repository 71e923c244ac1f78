#pragma once
/*
 * Turns notice windows into mails: once a second, every window that has closed becomes a notice. Window,
 * recipients and outbox change in one commit, so that a window becomes mails exactly once even if the process
 * is killed.
 *
 *     result_put ─► window (counts up) ─closes─► subject, text, HTML × recipients ─► outbox (report/outbox.h)
 */
#include <stdatomic.h>
#include <uv.h>

#include "base/clock.h"
#include "report/mail_rules.h"
#include "report/quota.h"
#include "store/store.h"

#define NOTICE_PEOPLE_MAX 100u /* recipients of one notice */

/* Any thread may read. */
struct notice_stats {
    _Atomic uint64_t told;             /* notices that became mails */
    _Atomic uint64_t unwanted, nobody; /* not mailed: option or switch off; no recipient that may get mails */
    _Atomic uint64_t capped[QUOTA_KINDS]; /* not mailed: a daily cap was reached */
    _Atomic uint64_t deferred;            /* how often a window stayed open because the outbox was full */
    _Atomic uint64_t asked;               /* contact addresses asked to confirm */
};

struct notice_config {
    struct store *store;
    struct mailbox *mailbox; /* the loop's */
    const struct clock *clock;
    struct mail_rules rules;
    void (*told)(void *arg); /* called on the loop after mails were put into the outbox */
    void *arg;
};

struct notices {
    struct notice_config config;
    struct mail_rules step_rules; /* rules of the running step; used on the store's thread */
    struct notice_stats stats;
    uv_timer_t timer;
    struct store_call call; /* at most one at a time */
    bool busy, stopped;
    uint64_t began_ms;
    uint32_t found; /* windows found in the step */
    struct notice_step {
        uint64_t told, unwanted, nobody, capped[QUOTA_KINDS], deferred, asked;
    } step;
};

/* Initialises in place: notices must not move. On the loop's thread. ERR_IO. */
enum err notices_init(struct notices *n, uv_loop_t *loop, const struct notice_config *config) MUST_CHECK;
void notices_set(struct notices *n, const struct mail_rules *rules);
/* Starts no further steps; a running one ends. */
void notices_stop(struct notices *n);
/* Closes the timer. No call may be running, and n must stay until the loop has ended. */
void notices_close(struct notices *n);

/*
 * Runs one step inside a transaction on a store thread: takes at most limit of the closed windows. Tests pass
 * their own time.
 */
enum err notices_step(struct backend *b, const struct mail_rules *rules, int64_t now_ms, uint32_t limit,
                      struct notice_step *ret, uint32_t *ret_found) MUST_CHECK;
