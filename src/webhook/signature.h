#pragma once
/*
 * The signatures of a webhook request: x-line-signature, and the headers of the Standard Webhooks
 * specification (github.com/standard-webhooks/standard-webhooks, "Signature scheme"), both keyed with the
 * channel secret.
 */
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define SIGNATURE_LEN 44u /* base64 of 32 bytes */

/* Base64(HMAC-SHA256(secret, body)), NUL-terminated. ERR_NOMEM. */
enum err signature_line(struct span secret, struct span body, char out[static SIGNATURE_LEN + 1]) MUST_CHECK;

/* "v1," and Base64(HMAC-SHA256(secret, "id.timestamp.body")). ERR_NOMEM. */
enum err signature_standard(struct span secret, struct span id, int64_t timestamp_s, struct span body,
                            char out[static SIGNATURE_LEN + 4]) MUST_CHECK;

#define SIGNATURE_MORE                                                                                       \
    (SIGNATURE_LEN + 4u) /* of a second signature in one webhook-signature header: " v1,…" */

/* Both at once: the key is set up once. */
enum err signature_both(struct span secret, struct span id, int64_t timestamp_s, struct span body,
                        char line[static SIGNATURE_LEN + 1], char out[static SIGNATURE_LEN + 4]) MUST_CHECK;
