#pragma once
/*
 * What people are told by mail. Errors with the same channel, reason and detail within one window become one
 * notice with their count, which is mailed when the window closes.
 */
#include <stdint.h>

#include "base/span.h"

enum notice_kind {
    NOTICE_FAULT,   /* the bot server did not return 200 */
    NOTICE_STOPPED, /* redelivery of events was stopped: one window for all reasons, which shows the first */
    NOTICE_SUSPENDED, /* sending to the channel was suspended */
};

/*
 * The longest window that can be set. A window that closes later than that was opened before the clock was
 * set back.
 */
#define NOTICE_WINDOW_MAX_MS 86400000

struct notice {
    int64_t id; /* row */
    int64_t channel_id;
    enum notice_kind kind;
    struct span reason, detail;
    int64_t errors;
    int64_t first_ms;  /* when the first error was detected */
    int64_t closes_ms; /* errors from this time on belong to the next notice; wall clock */
};
