#pragma once
/* What is done with accounts in more than one place: shown, written down, invited. */
#include "api/session_json.h"

/* The members, inside an object the caller has begun. */
void account_json_show(struct json_write *w, const struct account *a);
/* A line of the audit log about an account. */
enum err account_json_audit(struct call *c, struct backend *b, const char *action,
                            const struct account *a) MUST_CHECK;
/* A link by which the account's owner sets a password, good for 7 days; an earlier one is good no more. */
enum err account_json_invite(struct call *c, struct backend *b, const struct account *a,
                             char ticket[static TICKET_LEN + 1]) MUST_CHECK;
