#pragma once
/* Channel access tokens: a ticket each, told once. */
#include "access/ticket.h"
#include "store/backend.h"

#define TOKEN_TEXT_LEN TICKET_LEN
#define TOKEN_MAX 30u /* valid ones of a channel, as the platform has it */

/* Makes a token: the text for its owner; hash and hint of *ret are set, the rest is the caller's. */
void token_make(const struct random *r, char text[static TOKEN_TEXT_LEN + 1], struct channel_token *ret);

static inline bool token_valid(const struct channel_token *t, int64_t now_ms)
{
    return !t->expires_ms || now_ms < t->expires_ms;
}
