#pragma once
/* What is done with accounts in more than one place: shown, written down, confirmed, invited. */
#include "access/confirm.h"
#include "api/people/session_json.h"
#include "report/invitation.h"

/* The members, inside an object the caller has begun. */
void account_json_show(struct json_write *w, const struct account *a);
/* A line of the audit log about an account. */
enum err account_json_audit(struct call *c, struct backend *b, const char *action,
                            const struct account *a) MUST_CHECK;
/* As confirm_roles(), with its line of the audit log, in the name of who if that is not the caller. */
enum err account_json_confirm(struct call *c, struct backend *b, const struct account *before,
                              enum confirm_by by, const struct account *who) MUST_CHECK;

/* A link by which the account's owner sets a password, good for 7 days; an earlier one is good no more. */
enum err account_json_invite(struct call *c, struct backend *b, const struct account *a,
                             char ticket[static TICKET_LEN + 1]) MUST_CHECK;
/* Puts it into the outbox where invitations are mailed: to, ticket, grant and provider are the caller's. */
enum err account_json_mail(struct call *c, struct backend *b, struct invitation_mail m,
                           bool *ret_sent) MUST_CHECK;
/* The members that an operator is shown of it, once. */
void account_json_link(struct call *c, struct json_write *w, const char *ticket, bool mailed);
/* Whom the account owes its being to, for a new one. */
void account_json_made_by(const struct call *c, struct account *a);
