#pragma once
/*
 * A bucket of the error statistics: the failed attempts of one channel with the same reason and detail within
 * one minute. Minutes are whole ones of UTC, so they are whole ones in every zone that differs from it by
 * minutes, and rows of several nodes merge.
 */
#include <stdint.h>

#include "base/span.h"

#define ERROR_MINUTE_MS 60000
#define ERROR_REASON_MAX 31 /* bytes; the catalogue's longest are shorter, a test sees to it */
#define ERROR_DETAIL_MAX 63

struct error_row {
    int64_t channel_id;
    int64_t minute; /* since 1970 */
    struct span reason, detail;
    int64_t first_ms, last_ms; /* when the first and the last of them were detected, wall clock */
    int64_t errors;
};

/* Which of a channel's rows: they are listed from the highest (the newest minute) down. */
struct error_place {
    int64_t minute;
    char reason[ERROR_REASON_MAX + 1], detail[ERROR_DETAIL_MAX + 1];
};

/* Order within a channel: minute, reason, detail; below 0, 0 or above, as strcmp(). */
int error_row_compare(const struct error_row *a, const struct error_row *b);
void error_place_of(const struct error_row *row, struct error_place *ret);
