#pragma once
/*
 * From windows to mails: once a second those that have closed are told. Window, recipients and outbox change in one commit: a window becomes
 * mails exactly once, whatever happens to the process.
 *
 *     result_put ─► window (counts up) ─closes─► subject, text, HTML × recipients ─► outbox (report/outbox.h)
 */
#include <stdatomic.h>
#include <uv.h>

#include "base/clock.h"
#include "store/store.h"

#define NOTICE_PEOPLE_MAX 100u   /* recipients of one notice */
#define NOTICE_OUTBOX_MAX 50000u /* mails that wait: beyond, windows stay open and go on counting */

/* Any thread may read. */
struct notice_stats {
    _Atomic uint64_t told; /* notices that became mails */
    _Atomic uint64_t unwanted, nobody,
        capped;                /* that did not: option or switch off, no recipient, daily cap */
    _Atomic uint64_t deferred; /* times a window stayed open because the outbox was full */
};

struct notice_settings {
    uint32_t window_ms;
    uint32_t daily_cap;     /* notices a channel and day (UTC+9), but for suspensions */
    const char *public_url; /* of the console, without a slash at the end; "": none that leads people there */
};

struct notice_config {
    struct store *store;
    struct mailbox *mailbox; /* of the loop */
    const struct clock *clock;
    struct notice_settings settings;
    void (*told)(void *arg); /* mails were put into the outbox; on the loop */
    void *arg;
};

struct notices {
    struct notice_config config;
    struct notice_stats stats;
    uv_timer_t timer;
    struct store_call call; /* one at a time */
    bool busy, stopped;
    uint64_t began_ms;
    uint32_t found; /* windows of the step */
    struct notice_step {
        uint64_t told, unwanted, nobody, capped, deferred;
    } step;
};

/* In place: must not move. On the loop's thread. ERR_IO. */
enum err notices_init(struct notices *n, uv_loop_t *loop, const struct notice_config *config) MUST_CHECK;
void notices_set(struct notices *n, const struct notice_settings *settings);
/* No further steps; one that is under way ends. */
void notices_stop(struct notices *n);
/* Closes the timer; n must stay until the loop has ended. No call may be under way. */
void notices_close(struct notices *n);

/* One step, on a store thread, in a transaction: at most limit windows that are closed now. Tests call it with a time of their own. */
enum err notices_step(struct backend *b, const struct notice_settings *settings, int64_t now_ms,
                      uint32_t limit, struct notice_step *ret, uint32_t *ret_found) MUST_CHECK;
