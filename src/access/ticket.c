#include "access/ticket.h"

#include <sodium.h>

#include "base/base64.h"

void ticket_text(const uint8_t bytes[static 32], char text[static TICKET_LEN + 1])
{
    char encoded[BASE64_LEN(32)];
    (void)base64_encode((struct span){(const char *)bytes, 32}, encoded);
    for (size_t i = 0; i < TICKET_LEN; i++) /* base64url without padding, safe in cookies and URL fragments */
        text[i] = encoded[i] == '+' ? '-' : encoded[i] == '/' ? '_' : encoded[i];
    text[TICKET_LEN] = '\0';
    explicit_bzero(encoded, sizeof(encoded));
}

void ticket_make(const struct random *r, char text[static TICKET_LEN + 1],
                 uint8_t hash[static SESSION_HASH_LEN])
{
    uint8_t raw[32];
    r->fill(r->arg, raw, sizeof(raw));
    ticket_text(raw, text);
    ticket_hash((struct span){text, TICKET_LEN}, hash);
    explicit_bzero(raw, sizeof(raw));
}

void ticket_hash(struct span text, uint8_t hash[static SESSION_HASH_LEN])
{
    (void)crypto_hash_sha256(hash, (const unsigned char *)(text.ptr ? text.ptr : ""), text.len);
}
