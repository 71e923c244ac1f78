#pragma once
/* A mail in the outbox: one recipient, what it says, and how it fares. */
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* Stored by number. A mail that was written lies in the Maildir: nobody was sent it. */
enum mail_state { MAIL_WAITING, MAIL_SENT, MAIL_FAILED, MAIL_WRITTEN };
#define MAIL_STATES 4

struct mail {
    int64_t id;         /* never used twice */
    int64_t channel_id; /* which it is about */
    enum mail_state state;
    uint32_t tries;
    int64_t next_ms; /* waiting: when it is tried next; else when that ended */
    int64_t created_ms;
    struct span recipient, subject;
    struct span last_error; /* of the last try that failed; empty: none has */
    struct span text, html; /* only where asked for */
};

/* Mails that say the same to several people. */
struct mail_draft {
    int64_t channel_id;
    struct span subject, text, html;
    const struct span *recipients;
    uint32_t count;
};

struct mail_counts {
    uint64_t waiting, failed;
    int64_t oldest_ms; /* when the one that has waited longest was made; 0: none waits */
};

/* "waiting", "sent", "failed", "written" */
const char *mail_state_text(enum mail_state s);
