#pragma once
/*
 * Whether the owner of a contact address has agreed to mails about a provider's channels. Before that, the
 * only mail sent to the address is the one that asks.
 */
#include <stdbool.h>
#include <stdint.h>

#include "model/account.h"

/* Stored by number. */
enum contact_state { CONTACT_UNCONFIRMED, CONTACT_CONFIRMED, CONTACT_REFUSED };
#define CONTACT_STATES 3

struct contact {
    int64_t provider_id;
    char address[EMAIL_MAX + 1]; /* normalised by email_spelling() */
    enum contact_state state;
    int64_t channel_id; /* the channel it was last asked or decided for */
    uint32_t asked;     /* number of mails that asked */
    int64_t asked_ms;   /* time of the last one; 0: never asked */
    /* SHA-256 of the ticket in the last link; no such link while asked is 0 */
    uint8_t hash[SESSION_HASH_LEN];
    int64_t decided_ms; /* 0: not decided */
};

/* How often one person was asked, by all providers. */
struct contact_asks {
    uint32_t lately;     /* providers that asked within a given time */
    uint32_t unanswered; /* providers that asked at any time and got no confirmation */
    uint32_t refused;    /* providers whose question was refused, by the person or by an operator */
};

/* What the daily counts of mails are kept for (days of UTC+9); each has its own cap. */
enum mail_topic { MAIL_OF_PROVIDER, MAIL_OF_ACCOUNT, ASK_OF_PROVIDER, ASK_OF_ACCOUNT };

/* "unconfirmed", "confirmed", "refused" */
const char *contact_state_text(enum contact_state s);
