#pragma once
/*
 * One request to a channel: builds, signs and sends it, classifies the outcome, and records the result for
 * each of its events.
 *
 *     events ─► request ─► exchange ─► outcome ─► fates ─► record (courier/record.h) ─► done, or again later
 */
#include "base/histogram.h"
#include "courier/courier.h"
#include "exchange/exchange.h"
#include "fault/edition.h"
#include "webhook/redelivery.h"
#include "webhook/suspension.h"

struct channel_route;

struct delivery_settings {
    struct exchange_deadlines deadlines; /* the channel's response timeout, if any, comes before */
    struct redelivery_schedule schedule;
    struct suspension_rule suspension;
    struct edition edition;
    uint32_t notice_window_ms; /* errors within it share one notice */
    const char *user_agent;
    bool allow_http;
};

/* Of the whole node; any thread may read. */
struct delivery_counters {
    _Atomic uint64_t accepted, delivered, given_up, put_off, attempts, retried;
    _Atomic uint64_t suspended; /* times a channel was */
    _Atomic uint64_t failed[FAULT_COUNT];
    _Atomic uint64_t failed_status[1000]; /* error_status_code by status */
    _Atomic uint64_t local[CAUSE_COUNT];  /* faults of our own machine by cause: somebody should look */
    struct histogram dns, connect, tls;   /* of the attempts that opened a connection */
    struct histogram first_byte, total;
};

/* What all deliveries of a loop share; borrowed. */
struct deliveries {
    struct courier *courier;
    struct mailbox *mailbox; /* the loop's */
    struct engine *engine;
    struct directory *directory;
    const struct delivery_settings *settings;
    struct delivery_counters *counters;
    const struct clock *clock;
    /* What the outcome means for the channel as a whole is judged by whoever owns its lane. now: the route as
     * it is, sent: as it was when the request left. */
    void (*judge)(void *arg, struct channel_route *now, const struct channel_route *sent,
                  const struct outcome *outcome);
    void *arg;
};

/* As courier_owner.send; the lane's owner is its route. */
enum err delivery_send(const struct deliveries *all, struct lane *lane, struct item *const *items,
                       uint32_t count) MUST_CHECK;
