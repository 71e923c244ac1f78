#pragma once
/*
 * A row of the error statistics: the failed attempts of one channel with the same reason and detail within
 * one minute. Minutes are those of UTC: they are also minutes in every zone whose offset is in whole minutes,
 * and rows of several nodes can be merged.
 */
#include <stdint.h>

#include "base/span.h"

#define ERROR_MINUTE_MS 60000
#define ERROR_REASON_MAX 31 /* bytes; a test checks that the catalogue's reasons are shorter */
#define ERROR_DETAIL_MAX 63

struct error_row {
    int64_t channel_id;
    int64_t minute; /* since 1970 */
    struct span reason, detail;
    int64_t first_ms, last_ms; /* wall clock: when the first and the last error were detected */
    int64_t errors;
};

/* The place of a row in a channel's list, which runs from the newest minute to the oldest. */
struct error_place {
    int64_t minute;
    char reason[ERROR_REASON_MAX + 1], detail[ERROR_DETAIL_MAX + 1];
};

/* Compares by minute, reason, detail; returns <0, 0 or >0 as strcmp(). */
int error_row_compare(const struct error_row *a, const struct error_row *b);
void error_place_of(const struct error_row *row, struct error_place *ret);
