#pragma once
/*
 * What a mail address is, in one place: whoever stores one, mails to one or looks one up asks here.
 *
 *     local part   atext of RFC 5322 3.2.3 and dots, and characters beyond ASCII (RFC 6532 3.2); 1 to 64
 *                  bytes (RFC 5321 4.5.3.1.1)
 *     domain       labels of letters, digits and hyphens (RFC 5321 4.1.2, RFC 1035 2.3.4), one is enough; or
 *                  an international domain
 *     in total     254 bytes as mails carry it (RFC 5321 4.5.3.1.3, without the angle brackets)
 *
 * Refused on purpose, though RFC 5321 has them: quoted local parts, address literals, a dot at the end of
 * the domain. Accepted, though RFC 5321 has them not: dots at the ends of a local part, or in a row
 * (docs/decisions/0031-one-of-each.md). Whether mail arrives, only mail can tell.
 */
#include <stdbool.h>

#include "base/span.h"

#define EMAIL_MAX 254u
#define EMAIL_LOCAL_MAX 64u
#define EMAIL_WHY_MAX 160u /* of a message that says why not */

/*
 * The three functions below return NULL, or why it is none: words that go behind "no mail address:"; out is
 * untouched then. None allocates but for an international domain, which libidn2 turns into A-labels.
 */

/* As mails are sent to it: the local part as it came (RFC 5321 2.4), the domain as A-labels in lower case
 * (RFC 5891 4.4). */
const char *email_recipient(struct span text, char out[static EMAIL_MAX + 1]);
/* In the one spelling that tells people apart: the same with the local part's ASCII in lower case. */
const char *email_spelling(struct span text, char out[static EMAIL_MAX + 1]);
/* As an account keeps it: as it came, ASCII in lower case. */
const char *email_account(struct span text, char out[static EMAIL_MAX + 1]);

/*
 * As email_account() would have kept it, of any address that was ever taken: what is stored was once judged
 * by other rules, and its owner still logs in. False: nothing like an address.
 */
bool email_look_up(struct span text, char out[static EMAIL_MAX + 1]);

/*
 * Whose address it probably is: many servers put dots and what follows a plus aside. Only to be counted by.
 * address has an @ and at most EMAIL_MAX bytes.
 */
struct span email_person(const char *address, char out[static EMAIL_MAX + 1]);
