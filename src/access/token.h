#pragma once
/* Channel access tokens: each is a ticket that is shown once. */
#include "access/ticket.h"
#include "store/backend.h"

#define TOKEN_TEXT_LEN TICKET_LEN
#define TOKEN_MAX 30u /* valid tokens of one channel, as on LINE's platform */

/*
 * Makes a token: writes the text for its owner and sets *ret's hash and hint; the caller sets the other
 * members.
 */
void token_make(const struct random *r, char text[static TOKEN_TEXT_LEN + 1], struct channel_token *ret);

static inline bool token_valid(const struct channel_token *t, int64_t now_ms)
{
    return !t->expires_ms || now_ms < t->expires_ms;
}
