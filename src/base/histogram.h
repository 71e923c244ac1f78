#pragma once
/*
 * Counts durations in fixed buckets in Prometheus' form: a bucket counts the durations up to its bound
 * ("le"). Any thread may add and any thread may read; the figures of one reading may differ by a few
 * additions.
 */
#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"

#define HISTOGRAM_BUCKETS 13

struct histogram {                                  /* a zeroed histogram is empty */
    _Atomic uint64_t counts[HISTOGRAM_BUCKETS + 1]; /* the last bucket counts durations beyond every bound */
    _Atomic uint64_t sum_us;
};

void histogram_add(struct histogram *h, uint64_t us);

/*
 * Writes the lines name_bucket, name_sum and name_count in seconds, with HELP and TYPE. ERR_NOMEM, ERR_LIMIT.
 */
enum err histogram_print(const struct histogram *h, struct buf *out, const char *name,
                         const char *help) MUST_CHECK;
