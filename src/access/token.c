#include "access/token.h"

#include <sodium.h>

#include "base/base64.h"

_Static_assert(ACCESS_HASH_LEN == crypto_hash_sha256_BYTES, "the store keeps SHA-256");

void token_hash(struct span text, uint8_t out[static ACCESS_HASH_LEN])
{
    (void)crypto_hash_sha256(out, (const unsigned char *)(text.ptr ? text.ptr : ""), text.len);
}

void token_make(const struct random *r, char text[static TOKEN_TEXT_LEN + 1], struct channel_token *ret)
{
    char raw[32], encoded[BASE64_LEN(32)];
    r->fill(r->arg, raw, sizeof(raw));
    (void)base64_encode((struct span){raw, sizeof(raw)}, encoded);
    for (size_t i = 0; i < TOKEN_TEXT_LEN; i++) /* it goes into headers and shells */
        text[i] = encoded[i] == '+' ? '-' : encoded[i] == '/' ? '_' : encoded[i];
    text[TOKEN_TEXT_LEN] = '\0';
    token_hash((struct span){text, TOKEN_TEXT_LEN}, ret->hash);
    memcpy(ret->hint, text, sizeof(ret->hint) - 1);
    ret->hint[sizeof(ret->hint) - 1] = '\0';
    explicit_bzero(raw, sizeof(raw));
    explicit_bzero(encoded, sizeof(encoded));
}
