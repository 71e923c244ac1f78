#pragma once
/*
 * A webhook request, byte for byte:
 *
 *     {"destination":"U…","events":[{…the publisher's members…,"mode":"active","timestamp":…,
 *                                    "webhookEventId":"…","deliveryContext":{"isRedelivery":false}},…]}
 *
 * The publisher's bytes are kept unchanged. todoke appends its members before each event's closing brace;
 * mode and timestamp only if they are missing. On redelivery only isRedelivery changes.
 */
#include <stdint.h>

#include "base/buf.h"
#include "exchange/exchange.h"
#include "model/channel.h"
#include "model/event.h"
#include "webhook/signature.h"

#define REQUEST_HEADERS 7 /* at most */

struct request {
    struct buf body;
    struct header headers[REQUEST_HEADERS];
    size_t header_count;
    char signature[SIGNATURE_LEN + 1];
    char previous[SIGNATURE_LEN + 1]; /* by the secret before, while its grace lasts */
    char id[ULID_LEN + 1];
    char timestamp[24];
    char standard[SIGNATURE_LEN + 4 + SIGNATURE_MORE];
};

/*
 * Builds body and headers in place (the headers point into *r, which must not move). No events: a
 * verification request, whose webhook-id is made from now_ms. user_agent is borrowed as long as the request.
 * While the grace of a rotated secret lasts it is signed with both: x-line-signature with the new one and
 * x-line-signature-previous with the old, webhook-signature holds both, the new one first. ERR_NOMEM,
 * ERR_LIMIT. request_deinit() after either.
 */
enum err request_build(struct request *r, const struct channel *c, struct event *const *events, size_t count,
                       const char *user_agent, int64_t now_ms) MUST_CHECK;
void request_deinit(struct request *r); /* safe on a zeroed struct */
