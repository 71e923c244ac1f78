#pragma once
/*
 * When a job repeats:
 * {"every":"day"|"week"|"month","days":["mon","thu"],"day":31,"time":"09:00","zone":"Asia/Tokyo"}. Pure;
 * the zones are the system's (tzdata).
 */
#include <stdint.h>

#include "carrier/carrier.h"

enum repeat_every { REPEAT_DAY, REPEAT_WEEK, REPEAT_MONTH };

struct repeat {
    enum repeat_every every;
    unsigned days; /* REPEAT_WEEK: bits, Monday is 1 */
    unsigned day;  /* REPEAT_MONTH: 1 to 31; the last one of a month that has fewer */
    unsigned hour, minute;
    char zone[64];
};

/* json: a value that json_check() accepted. ERR_INVALID: why says which member and what. */
enum err repeat_read(struct repeat *ret, struct span json, struct carrier_fault *why) MUST_CHECK;

/*
 * The first time after after_ms. A time that a day does not have, because clocks go forward, is the first
 * one that exists then; one that a day has twice is its first. ERR_INVALID: the zone is not known any more.
 */
enum err repeat_next(const struct repeat *r, int64_t after_ms, int64_t *ret_ms) MUST_CHECK;
