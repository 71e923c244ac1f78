#pragma once
/*
 * Sums a channel's error statistics by bucket and reason, by reason, and by detail. Rows are added one by
 * one, newest first.
 */
#include "base/json_write.h"
#include "report/statistics.h"

/* A week of minutes: more than any chart shows, and as much as an answer can hold. */
#define SUMMARY_BUCKETS_MAX 10080u

struct summary;

/* ERR_NOMEM. */
enum err summary_new(struct summary **ret, enum statistics_by by, int zone) MUST_CHECK;
void summary_free(struct summary *s); /* NULL-safe */

/*
 * Adds a row; rows must come in the store's order. ERR_NOMEM; ERR_LIMIT: more buckets than
 * SUMMARY_BUCKETS_MAX.
 */
enum err summary_add(struct summary *s, const struct error_row *row) MUST_CHECK;

/*
 * Writes the members "by", "buckets", "totals", "details", "total" and "timeZone" into an open object.
 * Buckets are in order of time; totals and details start with the largest.
 */
void summary_show(const struct summary *s, struct json_write *w);
