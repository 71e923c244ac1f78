#pragma once
/* Metrics of targeted delivery in Prometheus' text format. */
#include "base/buf.h"
#include "campaign/counters.h"

/* jobs: how many are open. */
enum err metrics_campaign_print(const struct campaign_counters *n, uint64_t jobs, struct buf *out) MUST_CHECK;
