#pragma once
/*
 * What the rules of mail share among themselves: the words of a reply, the tables that know them, and the
 * two ways in which SendGrid speaks. docs/classification.md has the rules in words.
 */
#include "fault/answer_text.h"
#include "fault/receipt.h"

/* What was said, prepared for the patterns. */
struct mail_words {
    struct answer_text whole; /* as answer_text_of() makes it */
    /*
     * whole, in which nothing is left that somebody else chose: addresses with their brackets are "@", URLs
     * and paths "&", names of hosts ".", those of blocklists "%", and the reply code is not repeated where
     * lines were folded. A user called "full" or a host called "unknown" can match no rule.
     */
    struct answer_text plain;
    int code;        /* reply code, 200..599; 0: none was said */
    int enhanced[3]; /* RFC 3463: class, subject, detail; 0.0.0: none */
};

void receipt_mail_words(struct span said, struct mail_words *ret);
/*
 * The reply that the words quote ("host mx said: 550 …"), innermost where several do, as a part of whole.
 * false: they quote none.
 */
bool receipt_mail_quoted(const struct mail_words *w, struct span *ret);

/* What a row of the tables is about, beside its class. */
enum mail_topic {
    MAIL_TOPIC_OWN,     /* our account with the relay: log-in, credits, relaying, verified senders */
    MAIL_TOPIC_SENDER,  /* our domain and host: SPF, DKIM, DMARC, PTR, HELO, the sender's address */
    MAIL_TOPIC_UNKNOWN, /* nobody has the address */
    MAIL_TOPIC_OTHER,
};

/* What mail_words.plain says. NULL: no words that a table knows. */
const struct answer_rule *receipt_mail_rule(struct span plain, enum mail_topic *ret_topic);
bool receipt_mail_rules_ok(void); /* whether all patterns are well-formed; for the tests */

/*
 * A refusal by an SMTP server, in its words. bounce: a service reports the refusal of the recipient's
 * server, so it is a bounce whoever is to blame; false: the speaker may be our own relay.
 */
void receipt_mail_refusal(const struct answer *a, struct span said, bool bounce, struct receipt *ret);

void receipt_sendgrid_answer(const struct answer *a, struct receipt *ret);
void receipt_sendgrid_event(const struct answer *a, struct receipt *ret);
