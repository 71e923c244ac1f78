#pragma once
/* An address as mails are sent to it. */
#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"
#include "model/account.h"

/*
 * Upper and lower case are one in the domain (RFC 5321 2.4), and in practice in front of it too: two spellings of an address are one
 * person. Domains are compared and sent as A-labels (RFC 5891 4.4). False: no mail can be sent there.
 */
bool recipient_of(struct span email, char out[static ACCOUNT_EMAIL_MAX + 1]) MUST_CHECK;

/* Whose address it probably is: many servers put dots and what follows a plus aside. Only to be counted by.
 * The address has an @. */
struct span recipient_person(const char *address, char out[static ACCOUNT_EMAIL_MAX + 1]);
