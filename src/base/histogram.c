#include "base/histogram.h"

#include <stdio.h>

/* In microseconds: from a round trip on the same machine to the longest usual timeout. */
static const uint64_t bounds_us[HISTOGRAM_BUCKETS] = {
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2000000, 5000000,
};

void histogram_add(struct histogram *h, uint64_t us)
{
    unsigned i = 0;
    while (i < HISTOGRAM_BUCKETS && us > bounds_us[i])
        i++;
    (void)atomic_fetch_add_explicit(&h->counts[i], 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&h->sum_us, us, memory_order_relaxed);
}

enum err histogram_print(const struct histogram *h, struct buf *out, const char *name, const char *help)
{
    enum err e = buf_printf(out, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name);
    unsigned long long below = 0;
    for (unsigned i = 0; !e && i < HISTOGRAM_BUCKETS; i++) {
        below += atomic_load_explicit(&h->counts[i], memory_order_relaxed);
        e = buf_printf(out, "%s_bucket{le=\"%g\"} %llu\n", name, (double)bounds_us[i] / 1e6, below);
    }
    below += atomic_load_explicit(&h->counts[HISTOGRAM_BUCKETS], memory_order_relaxed);
    if (!e)
        e = buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.6f\n%s_count %llu\n", name, below, name,
                       (double)atomic_load_explicit(&h->sum_us, memory_order_relaxed) / 1e6, name, below);
    return e;
}
