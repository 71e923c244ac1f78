#pragma once
/*
 * Formats error statistics for a viewer: rows and buckets in a zone with a fixed offset from UTC in whole
 * minutes. The default is UTC+9, as LINE shows it. A zone with daylight saving time has one offset in summer
 * and another in winter; the viewer chooses.
 */
#include "base/err.h"
#include "base/span.h"
#include "fault/fault.h"
#include "model/error_row.h"

#define STATISTICS_ZONE 540      /* minutes east of UTC: "+09:00" */
#define STATISTICS_ZONE_MAX 840  /* +14:00 and -14:00 */
#define STATISTICS_TIME_SIZE 26u /* size of "2026-11-22T05:38:00+09:00" and NUL */

/*
 * Parses "+09:00", "-03:30" or "Z" into minutes east of UTC; also " 09:00", because + becomes a space in a
 * query. ERR_INVALID.
 */
enum err statistics_zone_parse(struct span text, int *ret) MUST_CHECK;
void statistics_zone_text(int zone, char out[static 7]);

/* The columns of a row except for reason, detail and errors. */
struct statistics_cells {
    char date[11]; /* "2026/11/22" */
    char start[9]; /* "05:38:00": when the first error was detected, and the last */
    char end[9];
};
void statistics_cells(const struct error_row *row, int zone, struct statistics_cells *ret);
/* Writes RFC 3339 in seconds, with the zone's offset. */
void statistics_time(int64_t ms, int zone, char out[static STATISTICS_TIME_SIZE]);
/* Writes "20261122". */
void statistics_day(int64_t ms, int zone, char out[static 9]);

enum statistics_by { STATISTICS_BY_MINUTE, STATISTICS_BY_HOUR, STATISTICS_BY_DAY };
enum err statistics_by_parse(struct span text, enum statistics_by *ret) MUST_CHECK;
const char *statistics_by_text(enum statistics_by by);
int64_t statistics_by_ms(enum statistics_by by);
/* The start of the zone's minute, hour or day that contains ms. */
int64_t statistics_bucket(int64_t ms, enum statistics_by by, int zone);

/*
 * Finds the catalogue row with this reason and detail. *ret_status is the status code if the detail is one,
 * otherwise 0. ERR_NOT_FOUND.
 */
enum err statistics_fault(struct span reason, struct span detail, enum fault_id *ret,
                          int *ret_status) MUST_CHECK;
/* Finds the row from the detail alone: each detail has one reason. */
enum err statistics_detail(struct span detail, enum fault_id *ret, int *ret_status) MUST_CHECK;

/*
 * The cursor at which a page ends and the viewer asks for the next one: "29730000.dns_timeout",
 * "29730000.503".
 */
#define STATISTICS_CURSOR_SIZE 96u
void statistics_cursor(const struct error_place *at, char out[static STATISTICS_CURSOR_SIZE]);
enum err statistics_cursor_parse(struct span text, struct error_place *ret) MUST_CHECK;
