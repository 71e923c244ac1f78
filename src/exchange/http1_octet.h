#pragma once
/* Which bytes are allowed where in HTTP/1 (RFC 9110 5.5, 5.6.2). */
#include <stdbool.h>
#include <stdint.h>

enum {
    OCTET_TOKEN = 1, /* in a field's name and in a token */
    OCTET_TEXT = 2,  /* in a field's value: all but control characters, and the tab */
};

extern const uint8_t http1_octets[256];

static inline bool http1_octet_is(char c, uint8_t what)
{
    return http1_octets[(unsigned char)c] & what;
}
