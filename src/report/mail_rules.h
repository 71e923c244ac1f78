#pragma once
/* What a node may mail, as its settings have it. Days are those of UTC+9. */
#include <stdint.h>

#include "model/account.h"

#define MAIL_TICKET_LEN 43u      /* of a ticket, as in access/ticket.h */
#define NOTICE_OUTBOX_MAX 50000u /* mails that wait: beyond, none is added */

struct mail_rules {
    uint32_t window_ms;    /* errors of one kind within it are one notice */
    uint32_t channel_cap;  /* notices about a channel a day */
    uint32_t provider_cap; /* mails about the channels of a provider a day, */
    uint32_t
        account_cap; /* and about those of all providers that one account made, unless it is an operator's */
    uint32_t
        ask_cap; /* mails a day that ask contact addresses to confirm: of a provider, and of an account */
    const char *public_url; /* of the console, without a slash at the end; "": none that leads people there */
    /* Makes what a link holds, and its SHA-256. */
    void (*ticket)(char text[static MAIL_TICKET_LEN + 1], uint8_t hash[static SESSION_HASH_LEN]);
};
