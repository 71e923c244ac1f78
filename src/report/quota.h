#pragma once
/*
 * How many mails may still go today (UTC+9) about a channel, about the channels of its provider, and about
 * those of all providers that the same account made. In the store, so that a restart forgives nothing; in the
 * transaction of the mails that are counted.
 */
#include "report/mail_rules.h"
#include "store/backend.h"

enum quota_kind { QUOTA_CHANNEL, QUOTA_PROVIDER, QUOTA_ACCOUNT };
#define QUOTA_KINDS 3

struct quota {
    int64_t ids[QUOTA_KINDS]; /* of an account 0: it has no cap */
    uint32_t used[QUOTA_KINDS], caps[QUOTA_KINDS];
    int64_t day;
};

enum err quota_read(struct backend *b, const struct mail_rules *rules, const struct channel *c,
                    int64_t now_ms, struct quota *ret) MUST_CHECK;

/* How many of so many mails of one notice may go: all or none, but that the first of a day are cut to the
 * cap. 0: *ret_full says why. */
uint32_t quota_allows(const struct quota *q, uint32_t mails, enum quota_kind *ret_full);

/* After so many mails, which caps let no other notice like it through: bits 1 << enum quota_kind. */
unsigned quota_last(const struct quota *q, uint32_t mails);

/* Counts them. Those caps are reached for the day: what was said to be the last is the last. */
enum err quota_take(struct backend *b, const struct quota *q, uint32_t mails, unsigned last) MUST_CHECK;

/*
 * The same for one mail that asks a contact address, which account_id (0: one without a cap) has caused; it
 * counts among the others, too. *ret_taken false: there are no more today.
 */
enum err quota_ask(struct backend *b, const struct mail_rules *rules, const struct channel *c,
                   int64_t account_id, int64_t now_ms, bool *ret_taken) MUST_CHECK;
