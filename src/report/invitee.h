#pragma once
/*
 * Who is mailed because somebody who is no operator gave a role to the address: the person, as the owner of
 * the mailbox, whichever of its addresses was given. A stranger must not be mailed for ever, nor against
 * their word:
 *
 *     on a day                                  INVITEE_DAY_MAX
 *     in all, until one comes by a link         CONTACT_PERSON_UNANSWERED, to accounts that are not confirmed
 *     once one refused as a contact address     none
 */
#include "store/backend.h"

#define INVITEE_DAY_MAX 3u

/* Whether a mail may go to the account. */
enum err invitee_may(struct backend *b, const struct account *a, int64_t now_ms, bool *ret) MUST_CHECK;
/* One went. */
enum err invitee_told(struct backend *b, const struct account *a, int64_t now_ms) MUST_CHECK;
/* Its owner came by the link: what went before counts no longer. */
enum err invitee_answered(struct backend *b, const struct account *a) MUST_CHECK;
