#pragma once
/*
 * The webhooks of one loop thread: its lanes are the channels that hash to it. A courier builds and sends
 * requests, has their outcome recorded, and puts events off or lets them go.
 *
 *     intake / store ──letters──► lanes ─► request ─► exchange ─► fate ─► store (attempt, fates) ─► lane:
 * done or put off
 */
#include <stdatomic.h>

#include "base/histogram.h"
#include "base/mailbox.h"
#include "dispatch/dispatch.h"
#include "exchange/exchange.h"
#include "fault/edition.h"
#include "store/directory.h"
#include "webhook/redelivery.h"
#include "webhook/suspension.h"

struct courier;

struct courier_settings {
    struct exchange_deadlines deadlines; /* the channel's response timeout, if any, comes before */
    struct redelivery_schedule schedule;
    struct suspension_rule suspension;
    struct edition edition;
    uint32_t notice_window_ms; /* errors within it are told together */
    const char *user_agent;
    bool allow_http;
    uint32_t window_max;    /* requests at once to a channel */
    uint32_t in_flight_max; /* of this courier */
    uint64_t memory_max;    /* bytes of events held by this courier */
};

/* Of the whole node; any thread may read. */
struct courier_counters {
    _Atomic uint64_t accepted, delivered, given_up, put_off, attempts, retried;
    _Atomic uint64_t suspended; /* times a channel was */
    _Atomic uint64_t failed[FAULT_COUNT];
    _Atomic uint64_t failed_status[1000]; /* error_status_code by status */
    _Atomic uint64_t local[CAUSE_COUNT];  /* faults of our own machine by cause: somebody should look */
    struct histogram dns, connect, tls;   /* of the attempts that opened a connection */
    struct histogram first_byte, total;
};

struct courier_config {
    uv_loop_t *loop;
    struct mailbox *mailbox; /* the loop's */
    struct engine *engine;
    struct store *store;
    struct directory *directory;
    const struct courier_settings *settings;
    struct courier_counters *counters;
    const struct clock *clock;
    const _Atomic int64_t *
        ahead; /* steady_ahead(), for what is judged by how long it has lasted; NULL: the clock is believed */
};

/* Everything in config is borrowed and outlives the courier. ERR_NOMEM, ERR_IO. */
enum err courier_new(struct courier **ret, const struct courier_config *config) MUST_CHECK;

/* Other settings from the next request on; bounds (window, in flight, memory) stay. On the loop's thread; they outlive the courier. */
void courier_set_settings(struct courier *c, const struct courier_settings *settings);

/* Takes up what the store holds for a channel of this courier. On the loop's thread, at start. */
void courier_resume(struct courier *c, int64_t channel_id);

/* Call after a batch of letters: sends what can be sent. */
void courier_pump(struct courier *c);

/* Drain: nothing new is sent. Idle: no request is on its way, no result waits for the store. */
void courier_stop(struct courier *c);
bool courier_idle(const struct courier *c);
/* Once idle, or after engine_close() has ended the rest; the loop must run on until its timer has closed. */
void courier_close(struct courier *c);
void courier_free(struct courier *c);

struct courier_stats {
    struct dispatch_stats dispatch;
    uint64_t unrecorded; /* results the store has not taken yet */
};
void courier_stats_get(const struct courier *c, struct courier_stats *ret);

/* Events of one call, just committed; made before the commit, so that handing over cannot fail. */
struct courier_fresh {
    struct letter letter;
    struct courier *courier;
    int64_t channel_id;
    uint32_t count;
    struct event *events[];
};
/* From any thread: events and the struct are the courier's now. */
void courier_hand_over(struct courier *c, struct courier_fresh *f);

/* A channel was changed, deleted, or (redeliver) has retries the courier does not know. From any thread; the
 * note is freed by it. */
struct courier_note {
    struct letter letter;
    struct courier *courier;
    int64_t channel_id;
    bool redeliver;
};
void courier_notify(struct courier *c, struct courier_note *note);

/*
 * The channel's URL was verified: if it was suspended, it goes on. From the loop of home; c is the channel's courier. ERR_NOMEM.
 */
enum err courier_verified(struct courier *c, int64_t channel_id, const char *url,
                          struct mailbox *home) MUST_CHECK;

/* The couriers of a node: a channel belongs to one of them. */
struct courier_set {
    struct courier *all[64];
    size_t count;
};
struct courier *courier_of(const struct courier_set *set, int64_t channel_id);
