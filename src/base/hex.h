#pragma once
/* Hexadecimal digits in parsers. Whole texts are read and written by libsodium (sodium_bin2hex()). */

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
