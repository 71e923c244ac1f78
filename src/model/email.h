#pragma once
/*
 * Validates and normalizes mail addresses, for all code that stores them, looks them up or mails to them.
 *
 *     local part   atext of RFC 5322 3.2.3 and dots, and characters beyond ASCII (RFC 6532 3.2); 1 to 64
 *                  bytes (RFC 5321 4.5.3.1.1)
 *     domain       labels of letters, digits and hyphens (RFC 5321 4.1.2, RFC 1035 2.3.4), one is enough; or
 *                  an international domain
 *     in total     254 bytes as mails carry it (RFC 5321 4.5.3.1.3, without the angle brackets)
 *
 * Stricter than RFC 5321 on purpose: quoted local parts, address literals and a dot at the end of the domain
 * are refused. Laxer: a local part may begin or end with dots, or have several in a row
 * (docs/decisions/0031-one-of-each.md). Only sending a mail shows whether it arrives.
 */
#include <stdbool.h>

#include "base/span.h"

#define EMAIL_MAX 254u
#define EMAIL_LOCAL_MAX 64u
#define EMAIL_WHY_MAX 160u /* of a message that says why an address is refused */

/*
 * The three functions below return NULL, or the reason that the address is refused, to follow "no mail
 * address:"; out is untouched then. They allocate only for international domains, which libidn2 converts to
 * A-labels.
 */

/* The form for sending: the local part unchanged (RFC 5321 2.4), the domain as A-labels in lower case
 * (RFC 5891 4.4). */
const char *email_recipient(struct span text, char out[static EMAIL_MAX + 1]);
/* The form for comparing: the same, with ASCII of the local part in lower case. */
const char *email_spelling(struct span text, char out[static EMAIL_MAX + 1]);
/* The form stored in accounts: unchanged, except that ASCII is in lower case. */
const char *email_account(struct span text, char out[static EMAIL_MAX + 1]);

/*
 * The form stored in accounts, also for addresses that only older rules accepted, because their owners still
 * log in. False: nothing like an address.
 */
bool email_look_up(struct span text, char out[static EMAIL_MAX + 1]);

/*
 * The person that an address probably belongs to: many servers ignore dots, and a plus with what follows. Use
 * it only for counting. address has an @ and at most EMAIL_MAX bytes.
 */
struct span email_person(const char *address, char out[static EMAIL_MAX + 1]);
