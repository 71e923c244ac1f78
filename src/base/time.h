#pragma once
/* Points in time as people and programs write them. */
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

/*
 * A date-time of RFC 3339 (seconds and fraction may be missing) from 1970 to 2200, or milliseconds since 1970
 * in digits; ERR_INVALID. Thousandths are kept, what is finer is cut.
 */
enum err time_parse(struct span text, int64_t *ret_ms) MUST_CHECK;

#define TIME_TEXT_SIZE 32u
/* "2026-11-22T05:38:20.031Z" */
void time_text(int64_t ms, char out[static TIME_TEXT_SIZE]);
