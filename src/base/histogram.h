#pragma once
/*
 * How long something took, counted in fixed buckets as Prometheus has it (a bucket counts what took at most
 * its bound; "le"). Any thread adds, any thread reads; the figures of one reading may be a few additions
 * apart.
 */
#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"

#define HISTOGRAM_BUCKETS 13

struct histogram {                                  /* zeroed: empty */
    _Atomic uint64_t counts[HISTOGRAM_BUCKETS + 1]; /* the last: beyond every bound */
    _Atomic uint64_t sum_us;
};

void histogram_add(struct histogram *h, uint64_t us);

/* The lines of name_bucket, name_sum and name_count in seconds, with HELP and TYPE. ERR_NOMEM, ERR_LIMIT. */
enum err histogram_print(const struct histogram *h, struct buf *out, const char *name,
                         const char *help) MUST_CHECK;
