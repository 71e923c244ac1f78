#pragma once
/*
 * Recent health of a channel, in memory, for lists and live views. It starts empty with the node; what must
 * survive (attempts, error rows) is in the store. The thread of the channel's courier writes; any thread
 * reads.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fault/outcome.h"

#define PULSE_SLOT_MS 300000 /* five minutes */
#define PULSE_SLOTS 13       /* an hour, and the slot being filled */

struct pulse {              /* zeroed: nothing happened yet */
    _Atomic int64_t newest; /* number of the newest slot: wall clock / PULSE_SLOT_MS */
    struct {
        _Atomic uint32_t delivered, failed;
    } slots[PULSE_SLOTS];
    _Atomic int64_t
        failing_ms; /* since when every attempt has failed, wall clock; 0: the last one succeeded */
    _Atomic int64_t failed_ms;  /* time of the last failure; 0: none */
    _Atomic uint64_t failed_as; /* the last failure's outcome, packed */
};

/* The bot server accepted a request that carried this many events. */
void pulse_delivered(struct pulse *p, uint32_t events, int64_t now_ms);
/* A request failed. Do not report failures of this machine: they are not the channel's. */
void pulse_failed(struct pulse *p, const struct outcome *o, int64_t now_ms);

/* The webhook URL changed: failures of the old one no longer count. */
void pulse_moved(struct pulse *p);

struct pulse_view {
    uint64_t delivered, failed; /* events, and requests, of the last 55 to 60 minutes */
    int64_t failing_ms, failed_ms;
    enum fault_id fault; /* of the last failure, while failed_ms is not 0 */
    enum cause_id cause;
    int status;
};
void pulse_read(const struct pulse *p, int64_t now_ms, struct pulse_view *ret);
