#pragma once
/*
 * What the owner of a channel's contact address said to its mails, once a provider: until then nothing is
 * sent there but the one mail that asks.
 */
#include <stdbool.h>
#include <stdint.h>

#include "model/account.h"

/* Stored by number. */
enum contact_state { CONTACT_UNCONFIRMED, CONTACT_CONFIRMED, CONTACT_REFUSED };
#define CONTACT_STATES 3

struct contact {
    int64_t provider_id;
    char address[EMAIL_MAX + 1]; /* email_spelling() */
    enum contact_state state;
    int64_t channel_id; /* for which it was asked last, or that of whoever decided by hand */
    uint32_t asked;     /* mails that asked */
    int64_t asked_ms;   /* when the last did; 0: none did */
    uint8_t
        hash[SESSION_HASH_LEN]; /* SHA-256 of what the last one's link holds; while asked is 0: of nothing */
    int64_t decided_ms;         /* 0: it is not */
};

/* How often people were asked, whoever asked them. */
struct contact_asks {
    uint32_t lately;     /* providers that did within a time */
    uint32_t unanswered; /* and in all, those that got no yes */
    uint32_t refused;    /* those that got a no, or for which an operator said so */
};

/* Mails are counted by day (UTC+9), to a cap each. */
enum mail_topic { MAIL_OF_PROVIDER, MAIL_OF_ACCOUNT, ASK_OF_PROVIDER, ASK_OF_ACCOUNT };

/* "unconfirmed", "confirmed", "refused" */
const char *contact_state_text(enum contact_state s);
