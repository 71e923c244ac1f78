#pragma once
/* What several endpoints do with accounts: show, audit, confirm and invite. */
#include "access/confirm.h"
#include "api/people/login_json.h"
#include "report/invitation.h"

/* Writes the members into an object that the caller has begun. */
void account_json_show(struct json_write *w, const struct account *a);
/* Adds a line about an account to the audit log. */
enum err account_json_audit(struct call *c, struct backend *b, const char *action,
                            const struct account *a) MUST_CHECK;
/* As confirm_roles(), with its line in the audit log; `who` is the actor if it is not the caller. */
enum err account_json_confirm(struct call *c, struct backend *b, const struct account *before,
                              enum confirm_by by, const struct account *who) MUST_CHECK;

/* Makes a link that lets the account's owner set a password within 7 days; replaces an earlier link. */
enum err account_json_invite(struct call *c, struct backend *b, const struct account *a,
                             char ticket[static TICKET_LEN + 1]) MUST_CHECK;
/*
 * Puts the mail into the outbox if this node mails invitations. The caller sets to, ticket, grant and
 * provider.
 */
enum err account_json_mail(struct call *c, struct backend *b, struct invitation_mail m,
                           bool *ret_sent) MUST_CHECK;
/* Writes the members about the link, which an operator is shown only once. */
void account_json_link(struct call *c, struct json_write *w, const char *ticket, bool mailed);
/* Records who made a new account. */
void account_json_made_by(const struct call *c, struct account *a);
