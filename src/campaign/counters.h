#pragma once
/* Sums for /metrics, since the start of the node; all loops add to them. */
#include <stdatomic.h>
#include <stdint.h>

#include "fault/delivery_error.h"
#include "fault/receipt.h"
#include "store/campaign.h"

struct campaign_counters {
    _Atomic uint64_t ended[SERVICE_COUNT][MESSAGE_STATES]; /* messages by what they came to; also RETRYING */
    _Atomic uint64_t failed[DELIVERY_ERROR_COUNT];         /* those that did not arrive, by error */
    _Atomic uint64_t requests[SERVICE_COUNT];
    _Atomic uint64_t requests_failed[SERVICE_COUNT]; /* without a complete answer */
    _Atomic uint64_t claimed;                        /* messages handed to be sent */
    _Atomic uint64_t rendered, rendered_by_engine;
};
