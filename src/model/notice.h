#pragma once
/*
 * What people are told of by mail. Errors of the same channel, reason and detail that fall into one window
 * are one notice with their count; it is told when the window closes.
 */
#include <stdint.h>

#include "base/span.h"

enum notice_kind {
    NOTICE_FAULT,   /* the bot server did not return 200 */
    NOTICE_STOPPED, /* redelivery of events was given up: one window for all reasons, which shows the first */
    NOTICE_SUSPENDED, /* nothing is sent to the channel any more */
};

/* A window can be set so long at most. One that would close later was opened before the clock was set
 * back. */
#define NOTICE_WINDOW_MAX_MS 86400000

struct notice {
    int64_t id; /* row */
    int64_t channel_id;
    enum notice_kind kind;
    struct span reason, detail;
    int64_t errors;
    int64_t first_ms;  /* the first was detected then, */
    int64_t closes_ms; /* and those from then on belong to another one; wall clock */
};
