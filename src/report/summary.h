#pragma once
/* The sums of a channel's error statistics: by bucket and reason, by reason, and by detail. Fed row by row,
 * newest first. */
#include "base/json_write.h"
#include "report/statistics.h"

/* A week of minutes: more than any chart shows, and what an answer holds. */
#define SUMMARY_BUCKETS_MAX 10080u

struct summary;

/* ERR_NOMEM. */
enum err summary_new(struct summary **ret, enum statistics_by by, int zone) MUST_CHECK;
void summary_free(struct summary *s); /* NULL-safe */

/* Rows in the order the store lists them. ERR_NOMEM; ERR_LIMIT: more buckets than SUMMARY_BUCKETS_MAX. */
enum err summary_add(struct summary *s, const struct error_row *row) MUST_CHECK;

/* "by", "buckets", "totals", "details", "total", "timeZone", as members of an object that is begun; buckets
 * rise with time, totals and details are the largest first. */
void summary_show(const struct summary *s, struct json_write *w);
