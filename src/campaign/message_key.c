#include "campaign/message_key.h"

#include <sodium.h>
#include <stdio.h>

void message_key(struct span nonce, int64_t n, char out[static MESSAGE_KEY_LEN + 1])
{
    unsigned char text[64], h[crypto_hash_sha256_BYTES];
    int len = snprintf((char *)text, sizeof(text), "%.*s %lld", (int)nonce.len, nonce.ptr, (long long)n);
    (void)crypto_hash_sha256(h, text, (unsigned long long)len);
    h[6] = (unsigned char)((h[6] & 0x0f) | 0x80);
    h[8] = (unsigned char)((h[8] & 0x3f) | 0x80);
    (void)snprintf(out, MESSAGE_KEY_LEN + 1,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[0], h[1], h[2],
                   h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13], h[14], h[15]);
}
