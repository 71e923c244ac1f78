#pragma once
/*
 * An attempt: one webhook request with one or more events, and its result. Names from the catalogue are
 * stored as strings.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct attempt {
    int64_t id; /* its row; the high bits are the time when it was stored */
    int64_t channel_id;
    int64_t started_ms;                                  /* wall clock */
    uint32_t events;                                     /* number of events in the request */
    struct span reason, detail, cause, processed, phase; /* "ok" and "200" for a success */
    int status;                                          /* 0: no final status was received */
    int http;                                            /* HTTP version: 0 (none), 10, 11, 20 */
    bool reused, resumed;
    uint32_t retries;    /* automatic retries inside the exchange */
    struct span address; /* "203.0.113.7:443"; empty: no connection was tried */
    uint32_t dns_us, connect_us, tls_us, send_us, first_byte_us, total_us;
    uint32_t notice_ms; /* window of the notice about this failure; 0: no notice. Not stored */
    /* the failure counts in the error statistics. Not stored: the statistics have their own rows */
    bool counted;
    /* events that this failure stopped from being redelivered; for the notice. Not stored */
    uint32_t stopped;
};

/* What an attempt means for one of its events. */
enum fate_end {
    FATE_RETRY,
    FATE_DELIVERED,
    FATE_GIVEN_UP,
    FATE_UNSENT, /* a fault of this node: nothing was sent, and the event is tried again */
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
    int64_t next_due_ms; /* while the event waits: when it is due again, wall clock */
    uint16_t tries;      /* how often it has been sent, this attempt included */
    uint16_t faults;     /* faults of this node in a row */
};

/*
 * How many attempts in a row that failed by a fault of this node are stored for one event: an outage of days
 * must not fill the store.
 */
#define FATE_FAULTS_KEPT 20u

/* Whether the attempt is stored; otherwise only its one event's next due time is. */
static inline bool fate_keeps_attempt(const struct fate *fates, size_t count)
{
    return count != 1 || fates->end != FATE_UNSENT || fates->faults <= FATE_FAULTS_KEPT;
}
