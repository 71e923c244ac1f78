#pragma once
/* Metrics of notices and mails in Prometheus' text format. */
#include "base/buf.h"
#include "report/notice.h"
#include "report/outbox.h"

enum err metrics_mail_print(const struct notice_stats *notices, const struct outbox_stats *outbox,
                            int64_t now_ms, struct buf *out) MUST_CHECK;
