#pragma once
/*
 * SendGrid's Event Webhook: signed arrays of events (docs.sendgrid.com "Event Webhook"). Pure; the node
 * receives them at /hooks/sendgrid/{sender}.
 */
#include "base/json_scan.h"
#include "base/span.h"

#define SENDGRID_EVENT_OLD_S 300 /* a batch whose timestamp is further from now is refused */

/*
 * Whether the batch is SendGrid's: an ECDSA P-256 signature (DER, base64) over the timestamp and the raw
 * body, by the key that the console shows (SPKI, base64). False also for a timestamp that is too old, or no
 * number.
 */
bool sendgrid_event_verify(const char *key, struct span signature, struct span timestamp, struct span body,
                           int64_t now_ms);

struct sendgrid_event {
    struct span raw;   /* the event as JSON */
    int64_t job_id, n; /* of the message; 0: none of this node's */
    struct span email; /* borrowed from raw; may have escapes */
};

/* Walks the events of a batch; json_check() must have accepted it. False: no more. */
bool sendgrid_event_next(struct json_iter *it, struct sendgrid_event *ret);
