#pragma once
/* Numbers in base 10, on paths that every request takes and where printf would cost too much. */
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define DECIMAL_LEN 20 /* digits of the largest uint64_t */

/* Writes n without leading zeros and without a NUL; returns the number of digits. */
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

/* The number that the leading digits of s form, at most 9 of them; 0 if there are none. */
static inline uint32_t decimal_leading(struct span s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s.len && i < 9 && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
        n = n * 10 + (uint32_t)(s.ptr[i] - '0');
    return n;
}
