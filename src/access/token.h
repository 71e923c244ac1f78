#pragma once
/* Channel access tokens: 256 random bits each, told once; the store has their SHA-256. */
#include "base/random.h"
#include "store/backend.h"

#define TOKEN_TEXT_LEN 43u /* of base64url */
#define TOKEN_MAX 30u      /* valid ones of a channel, as the platform has it */

/* Makes a token: the text for its owner; hash and hint of *ret are set, the rest is the caller's. */
void token_make(const struct random *r, char text[static TOKEN_TEXT_LEN + 1], struct channel_token *ret);
void token_hash(struct span text, uint8_t out[static ACCESS_HASH_LEN]);

static inline bool token_valid(const struct channel_token *t, int64_t now_ms)
{
    return !t->expires_ms || now_ms < t->expires_ms;
}
