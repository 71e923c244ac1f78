#pragma once
/* Base 16 (RFC 4648 section 8); ours is written in lower case, read in either. */
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

/* The value 0..15 of a hexadecimal digit, or -1. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Writes 2 * in.len characters, no NUL. */
static inline void hex_encode(struct span in, char *out)
{
    static const char digits[16] = "0123456789abcdef";
    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = (unsigned char)in.ptr[i];
        out[2 * i] = digits[c >> 4];
        out[2 * i + 1] = digits[c & 15];
    }
}

/* Writes in.len / 2 bytes. ERR_INVALID: an odd length or another character (out is then undefined). */
MUST_CHECK static inline enum err hex_decode(struct span in, void *out)
{
    if (in.len % 2 != 0)
        return ERR_INVALID;
    unsigned char *to = out;
    for (size_t i = 0; i < in.len; i += 2) {
        int hi = hex_digit(in.ptr[i]);
        int lo = hex_digit(in.ptr[i + 1]);
        if (hi < 0 || lo < 0)
            return ERR_INVALID;
        to[i / 2] = (unsigned char)(hi << 4 | lo);
    }
    return ERR_NONE;
}
