#pragma once
/*
 * Mails to people who are invited, or given a role. Whoever invites chooses none of their words, but for the
 * provider's name, and that only where no mail program can take it for a link: else the node would carry
 * strangers' words to strangers. Put into the outbox in the transaction of the invitation.
 */
#include "store/backend.h"

enum invitation_kind {
    INVITATION_LINK,   /* an account without a password, and the link by which it gets one */
    INVITATION_AGAIN,  /* the same for one that had a password */
    INVITATION_WAITS,  /* it has no password yet, and a link that is still good */
    INVITATION_ROLE,   /* it has one: it is only told of the role */
    INVITATION_DOUBTED /* it is not confirmed, so that the role waits for an operator's word */
};

struct invitation_mail {
    enum invitation_kind kind;
    const struct account *to;
    const char *ticket;              /* of the link */
    enum grant grant;                /* that is given; GRANT_NONE: none is */
    const struct provider *provider; /* to which, or to a channel of which; NULL: none */
    const char *public_url;          /* of the console, without a slash at the end */
};

/* *ret_sent false: no mail can be sent to the address, or too many wait already. */
enum err invitation_put_mail(struct backend *b, const struct invitation_mail *m, int64_t now_ms,
                             bool *ret_sent) MUST_CHECK;
