#pragma once
/*
 * Content-Length of a response (RFC 9110 8.6): the same number may be repeated, in one field ("5, 5") or
 * several. Differing numbers, or anything but a number, make the length invalid.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct content_length { /* zeroed: no length given */
    uint64_t value;     /* valid if said is not 0 and bad is false */
    uint8_t said;       /* how many times the length was given, counted up to 2 */
    bool bad;           /* numbers that differ, or not digits */
};

/* Adds one number: digits only, less than 2^64. */
void content_length_add(struct content_length *l, struct span digits);

/* Adds the numbers of a whole field value, separated by commas. */
void content_length_add_list(struct content_length *l, struct span value);
