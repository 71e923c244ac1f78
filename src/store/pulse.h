#pragma once
/*
 * How a channel has fared lately, in memory: what its health is at a glance, for lists and live views. It
 * begins anew with the node; what must survive (attempts, error rows) is in the store. One thread writes,
 * that of the channel's courier; any thread reads.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fault/outcome.h"

#define PULSE_SLOT_MS 300000 /* five minutes */
#define PULSE_SLOTS 13       /* an hour, and the slot that is being filled */

struct pulse {              /* zeroed: nothing happened yet */
    _Atomic int64_t newest; /* number of the newest slot: wall clock / PULSE_SLOT_MS */
    struct {
        _Atomic uint32_t delivered, failed;
    } slots[PULSE_SLOTS];
    _Atomic int64_t
        failing_ms; /* since when every attempt has failed, wall clock; 0: the last one succeeded */
    _Atomic int64_t failed_ms;  /* the last failure; 0: none */
    _Atomic uint64_t failed_as; /* what it was, packed */
};

/* A request was taken by the bot server; it carried so many events. */
void pulse_delivered(struct pulse *p, uint32_t events, int64_t now_ms);
/* A request failed. Faults of our own machine are not the channel's: do not tell them. */
void pulse_failed(struct pulse *p, const struct outcome *o, int64_t now_ms);

/* It goes to another place now: that the old one failed says nothing of it. */
void pulse_moved(struct pulse *p);

struct pulse_view {
    uint64_t delivered, failed; /* events, and requests, of the last 55 to 60 minutes */
    int64_t failing_ms, failed_ms;
    enum fault_id fault; /* of the last failure, while failed_ms is not 0 */
    enum cause_id cause;
    int status;
};
void pulse_read(const struct pulse *p, int64_t now_ms, struct pulse_view *ret);
