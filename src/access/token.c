#include "access/token.h"

_Static_assert(ACCESS_HASH_LEN == SESSION_HASH_LEN, "both are SHA-256");

void token_make(const struct random *r, char text[static TOKEN_TEXT_LEN + 1], struct channel_token *ret)
{
    ticket_make(r, text, ret->hash);
    memcpy(ret->hint, text, sizeof(ret->hint) - 1);
    ret->hint[sizeof(ret->hint) - 1] = '\0';
}
