#pragma once
/*
 * Content-Length of a response (RFC 9110 8.6): the same number may be said several times, in one field ("5,
 * 5") or in several; two numbers, or what is no number, is no length.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct content_length { /* zeroed: none was said */
    uint64_t value;     /* valid while said is not 0 and bad is false */
    uint8_t said;       /* how often, counted up to 2 */
    bool bad;           /* two numbers that differ, or something else than digits */
};

/* Adds one number: digits and nothing else, less than 2^64. */
void content_length_add(struct content_length *l, struct span digits);

/* Adds the numbers of a whole field value, which commas part. */
void content_length_add_list(struct content_length *l, struct span value);
