#pragma once
/* Numbers in base 10 where printf would cost more than all around it: in every request and every answer. */
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define DECIMAL_LEN 20 /* of the largest */

/* Writes n without leading zeros and without a NUL; returns how many digits. */
static inline size_t decimal_put(char out[static DECIMAL_LEN], uint64_t n)
{
    char digits[DECIMAL_LEN];
    size_t len = 0;
    do {
        digits[len++] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    for (size_t i = 0; i < len; i++)
        out[i] = digits[len - 1 - i];
    return len;
}

/* The digits at the start of s, at most 9 of them, as a number; without one, 0. */
static inline uint32_t decimal_leading(struct span s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s.len && i < 9 && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
        n = n * 10 + (uint32_t)(s.ptr[i] - '0');
    return n;
}
