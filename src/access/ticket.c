#include "access/ticket.h"

#include <sodium.h>

void ticket_text(const uint8_t bytes[static 32], char text[static TICKET_LEN + 1])
{
    (void)sodium_bin2base64(text, TICKET_LEN + 1, bytes, 32,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING); /* safe in cookies and URL fragments */
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
