#pragma once
/* A mail in the outbox: one recipient, its content, and its state. */
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* Stored by number. MAIL_WRITTEN: written into the Maildir and sent to nobody. */
enum mail_state { MAIL_WAITING, MAIL_SENT, MAIL_FAILED, MAIL_WRITTEN };
#define MAIL_STATES 4

struct mail {
    int64_t id;         /* never reused */
    int64_t channel_id; /* the channel it is about */
    enum mail_state state;
    uint32_t tries;
    int64_t next_ms; /* waiting: time of the next try; otherwise when the last try ended */
    int64_t created_ms;
    struct span recipient, subject;
    struct span last_error; /* of the last failed try; empty: none failed */
    struct span text, html; /* set only where the caller asks for them */
};

/* Mails with the same content for several recipients. */
struct mail_draft {
    int64_t channel_id;
    struct span subject, text, html;
    const struct span *recipients;
    uint32_t count;
};

struct mail_counts {
    uint64_t waiting, failed;
    int64_t oldest_ms; /* when the mail that has waited longest was made; 0: none waits */
};

/* "waiting", "sent", "failed", "written" */
const char *mail_state_text(enum mail_state s);
