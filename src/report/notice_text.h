#pragma once
/*
 * What a notice says: subject, text and HTML, in the channel's language. The names of the content rows are those of LINE's documentation and
 * the same in both languages, as there. Channel names come from people: no line of theirs becomes one of ours, no markup, and no link (model/name.h).
 */
#include "base/buf.h"
#include "model/channel.h"
#include "model/notice.h"

struct notice_facts {
    const struct notice *notice;
    const struct channel *channel;
    const char
        *public_url; /* of the console, without a slash at the end; "": the page is named, and no link */
    uint32_t window_ms;
    uint32_t last_of; /* this is the last mail of the day: the cap; 0: it is not */
};

/* Append. ERR_LIMIT and ERR_NOMEM of the buf. */
enum err notice_text_subject(const struct notice_facts *f, struct buf *out) MUST_CHECK;
enum err notice_text_plain(const struct notice_facts *f, struct buf *out) MUST_CHECK;
enum err notice_text_html(const struct notice_facts *f, struct buf *out) MUST_CHECK;

/* "2026/11/22 14:38:20 (UTC+9)" */
#define NOTICE_TIME_LEN 40
void notice_text_time(int64_t ms, char out[static NOTICE_TIME_LEN]);
