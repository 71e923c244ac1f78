#pragma once
/* An attempt: one webhook request with 1..n events, and what came of it. Names of the catalogue are kept as
 * strings. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct attempt {
    int64_t id; /* row; its high bits are the time it was recorded */
    int64_t channel_id;
    int64_t started_ms;                                  /* wall clock */
    uint32_t events;                                     /* how many it carried */
    struct span reason, detail, cause, processed, phase; /* "ok" and "200" for a success */
    int status;                                          /* 0: no final status was read */
    int http;                                            /* 0, 10, 11, 20 */
    bool reused, resumed;
    uint32_t retries;    /* transparent ones inside the exchange */
    struct span address; /* "203.0.113.7:443"; empty: no connection was tried */
    uint32_t dns_us, connect_us, tls_us, send_us, first_byte_us, total_us;
    uint32_t
        notice_ms; /* a failure that is told by mail: how long its window is; 0: nobody is told. Not kept */
    bool counted;  /* a failure that stands in the error statistics. Not kept: its row is */
    uint32_t stopped; /* events whose redelivery it ended, to be told as well. Not kept */
};

/* What an attempt means for one of its events. */
enum fate_end {
    FATE_RETRY,
    FATE_DELIVERED,
    FATE_GIVEN_UP,
    FATE_UNSENT, /* a fault of our own: nothing of it left, it is tried again */
    FATE_COUNT
};

static inline bool fate_waits(enum fate_end end)
{
    return end == FATE_RETRY || end == FATE_UNSENT;
}

struct fate {
    int64_t event_id;
    enum fate_end end;
    bool was_retry;      /* the event's row was in the retry table */
    int64_t next_due_ms; /* while it waits: when it is due again, wall clock */
    uint16_t tries;      /* how often it has been sent now */
    uint16_t faults;     /* faults of our own in a row */
};

/* Attempts of one event that a fault of our own stopped, in a row, that are kept on record: an outage of days
 * must not fill the store. */
#define FATE_FAULTS_KEPT 20u

/* Whether the attempt is to be kept; else only the time when its one event is due again is. */
static inline bool fate_keeps_attempt(const struct fate *fates, size_t count)
{
    return count != 1 || fates->end != FATE_UNSENT || fates->faults <= FATE_FAULTS_KEPT;
}
