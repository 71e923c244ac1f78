#pragma once
/*
 * From windows to mails: once a second those that have closed are told. Window, recipients and outbox change
 * in one commit: a window becomes mails exactly once, whatever happens to the process.
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
    _Atomic uint64_t unwanted, nobody; /* that did not: option or switch off; no recipient that may be told */
    _Atomic uint64_t capped[QUOTA_KINDS]; /* nor these: a daily cap */
    _Atomic uint64_t deferred;            /* times a window stayed open because the outbox was full */
    _Atomic uint64_t asked;               /* contact addresses that were asked to confirm */
};

struct notice_config {
    struct store *store;
    struct mailbox *mailbox; /* of the loop */
    const struct clock *clock;
    struct mail_rules rules;
    void (*told)(void *arg); /* mails were put into the outbox; on the loop */
    void *arg;
};

struct notices {
    struct notice_config config;
    struct mail_rules step_rules; /* of the step under way, on the store's thread */
    struct notice_stats stats;
    uv_timer_t timer;
    struct store_call call; /* one at a time */
    bool busy, stopped;
    uint64_t began_ms;
    uint32_t found; /* windows of the step */
    struct notice_step {
        uint64_t told, unwanted, nobody, capped[QUOTA_KINDS], deferred, asked;
    } step;
};

/* In place: must not move. On the loop's thread. ERR_IO. */
enum err notices_init(struct notices *n, uv_loop_t *loop, const struct notice_config *config) MUST_CHECK;
void notices_set(struct notices *n, const struct mail_rules *rules);
/* No further steps; one that is under way ends. */
void notices_stop(struct notices *n);
/* Closes the timer; n must stay until the loop has ended. No call may be under way. */
void notices_close(struct notices *n);

/* One step, on a store thread, in a transaction: at most limit windows that are closed now. Tests call it
 * with a time of their own. */
enum err notices_step(struct backend *b, const struct mail_rules *rules, int64_t now_ms, uint32_t limit,
                      struct notice_step *ret, uint32_t *ret_found) MUST_CHECK;
