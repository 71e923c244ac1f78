#pragma once
/*
 * Mails to people who are invited or given a role. The inviter chooses none of the words except the
 * provider's name, and that appears only if no mail program can turn it into a link: otherwise the node would
 * carry strangers' words to strangers. The mail is put into the outbox in the transaction of the invitation.
 */
#include "store/backend.h"

enum invitation_kind {
    INVITATION_LINK,   /* the account has no password: the mail has the link to set one */
    INVITATION_AGAIN,  /* the same, for an account that had a password before */
    INVITATION_WAITS,  /* the account has no password yet, but an earlier link that is still valid */
    INVITATION_ROLE,   /* the account has a password: the mail only tells of the role */
    INVITATION_DOUBTED /* the account is not confirmed: the role waits until an operator confirms it */
};

struct invitation_mail {
    enum invitation_kind kind;
    const struct account *to;
    const char *ticket;              /* the ticket in the link */
    enum grant grant;                /* the role that is given; GRANT_NONE: none */
    const struct provider *provider; /* the provider of the role, or of the role's channel; NULL: none */
    const char *public_url;          /* URL of the console, without a slash at the end */
};

/* *ret_sent is false when no mail can be sent to the address, or when the outbox is full. */
enum err invitation_put_mail(struct backend *b, const struct invitation_mail *m, int64_t now_ms,
                             bool *ret_sent) MUST_CHECK;
