#pragma once
/* Which mails a node may send, from its settings. Days are those of UTC+9. */
#include <stdint.h>

#include "model/account.h"

#define MAIL_TICKET_LEN 43u      /* length of a ticket, as in access/ticket.h */
#define NOTICE_OUTBOX_MAX 50000u /* most mails waiting; more are not added */

struct mail_rules {
    uint32_t window_ms;    /* errors of one kind within this time become one notice */
    uint32_t channel_cap;  /* notices a day about one channel */
    uint32_t provider_cap; /* mails a day about the channels of one provider */
    uint32_t
        account_cap; /* and about those of all providers that one account made; no cap for an operator's */
    uint32_t
        ask_cap; /* mails a day that ask contact addresses to confirm, for one provider and for one account */
    /* URL of the console, without a slash at the end; "": no URL that people can reach */
    const char *public_url;
    /* Makes the ticket of a link and its SHA-256. */
    void (*ticket)(char text[static MAIL_TICKET_LEN + 1], uint8_t hash[static SESSION_HASH_LEN]);
};
