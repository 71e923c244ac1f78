#pragma once
/*
 * Limits the mails to a person because somebody who is not an operator gave a role to their address. All
 * addresses of one mailbox count as one person. A stranger must not be mailed for ever, nor against their
 * will. The limits for one person:
 *
 *     a day                                        INVITEE_DAY_MAX
 *     in total, until one of their links is used   CONTACT_PERSON_UNANSWERED, for unconfirmed accounts
 *     after they refused as a contact address      none
 */
#include "store/backend.h"

#define INVITEE_DAY_MAX 3u

/* Whether a mail to the account is allowed. */
enum err invitee_may(struct backend *b, const struct account *a, int64_t now_ms, bool *ret) MUST_CHECK;
/* Counts one mail to the account. */
enum err invitee_told(struct backend *b, const struct account *a, int64_t now_ms) MUST_CHECK;
/* Resets the total after the account's owner has used a link. */
enum err invitee_answered(struct backend *b, const struct account *a) MUST_CHECK;
