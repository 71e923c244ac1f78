#pragma once
/*
 * Writes a notice: subject, text and HTML, in the channel's language. The content rows have the names of
 * LINE's documentation, which are the same in both languages. People choose channel names: they appear
 * without line breaks, markup or links (model/name.h).
 */
#include "base/buf.h"
#include "model/channel.h"
#include "model/notice.h"
#include "report/quota.h"

struct notice_facts {
    const struct notice *notice;
    const struct channel *channel;
    const struct mail_rules *rules; /* without a public URL the mail names the page instead of linking it */
    unsigned last;                  /* the caps that this mail reaches: bits 1 << enum quota_kind */
};

/* These append to out. ERR_LIMIT and ERR_NOMEM as buf.h says. */
enum err notice_text_subject(const struct notice_facts *f, struct buf *out) MUST_CHECK;
enum err notice_text_plain(const struct notice_facts *f, struct buf *out) MUST_CHECK;
enum err notice_text_html(const struct notice_facts *f, struct buf *out) MUST_CHECK;

/* "2026/11/22 14:38:20 (UTC+9)" */
#define NOTICE_TIME_LEN 40
void notice_text_time(int64_t ms, char out[static NOTICE_TIME_LEN]);
