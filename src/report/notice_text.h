#pragma once
/*
 * What a notice says: subject, text and HTML, in the channel's language. The names of the content rows are
 * those of LINE's documentation and the same in both languages, as there. Channel names come from people: no
 * line of theirs becomes one of ours, no markup, and no link (model/name.h).
 */
#include "base/buf.h"
#include "model/channel.h"
#include "model/notice.h"
#include "report/quota.h"

struct notice_facts {
    const struct notice *notice;
    const struct channel *channel;
    const struct mail_rules *rules; /* without a public URL: the page is named, and no link */
    unsigned last;                  /* the caps that this mail reaches: bits 1 << enum quota_kind */
};

/* Append. ERR_LIMIT and ERR_NOMEM of the buf. */
enum err notice_text_subject(const struct notice_facts *f, struct buf *out) MUST_CHECK;
enum err notice_text_plain(const struct notice_facts *f, struct buf *out) MUST_CHECK;
enum err notice_text_html(const struct notice_facts *f, struct buf *out) MUST_CHECK;

/* "2026/11/22 14:38:20 (UTC+9)" */
#define NOTICE_TIME_LEN 40
void notice_text_time(int64_t ms, char out[static NOTICE_TIME_LEN]);
