#pragma once
/*
 * How many mails may still be sent today (UTC+9): about a channel, about the channels of its provider, and
 * about those of all providers that the same account made. The counts are in the store, so that a restart
 * resets nothing, and change in the transaction of the counted mails.
 */
#include "report/mail_rules.h"
#include "store/backend.h"

enum quota_kind { QUOTA_CHANNEL, QUOTA_PROVIDER, QUOTA_ACCOUNT };
#define QUOTA_KINDS 3

struct quota {
    int64_t ids[QUOTA_KINDS]; /* the account's is 0 if it has no cap */
    uint32_t used[QUOTA_KINDS], caps[QUOTA_KINDS];
    int64_t day;
};

enum err quota_read(struct backend *b, const struct mail_rules *rules, const struct channel *c,
                    int64_t now_ms, struct quota *ret) MUST_CHECK;

/*
 * How many of a notice's mails may be sent: all or none, except that a day's first notice is cut to the cap.
 * On 0, *ret_full is the cap that is reached.
 */
uint32_t quota_allows(const struct quota *q, uint32_t mails, enum quota_kind *ret_full);

/* The caps that leave no room for another such notice after this one: bits 1 << enum quota_kind. */
unsigned quota_last(const struct quota *q, uint32_t mails);

/*
 * Counts the mails. Caps in `last` count as reached for the day, because the mail says that it is the last
 * one.
 */
enum err quota_take(struct backend *b, const struct quota *q, uint32_t mails, unsigned last) MUST_CHECK;

/*
 * Counts one mail that asks a contact address to confirm, caused by account_id (0: no cap). The mail counts
 * among the others too. *ret_taken false: today's limit is reached.
 */
enum err quota_ask(struct backend *b, const struct mail_rules *rules, const struct channel *c,
                   int64_t account_id, int64_t now_ms, bool *ret_taken) MUST_CHECK;
