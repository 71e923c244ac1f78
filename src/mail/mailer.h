#pragma once
/*
 * The thread that sends: jobs go in from a loop, are built and sent one after the other, to a relay or into a
 * Maildir, and come back to the loop with their end. What takes long here delays other mails and nothing
 * else.
 */
#include "base/mailbox.h"
#include "mail/message.h"
#include "mail/smtp.h"

struct mailer;

struct mailer_config {
    struct smtp_config smtp; /* url NULL: there is no relay, */
    const char *maildir;     /* and mails are put here; its parent directory is there */
    const char *from;        /* From, and the sender of the envelope */
    struct mailbox *home;
};

/* Embedded in what a mail needs; the mailer's from post to done. */
struct mailer_job {
    struct letter letter;
    struct list link;
    struct message message; /* from is the mailer's */
    int64_t id;             /* of the mail: a Maildir has it once */
    struct smtp_result result;
    void (*done)(struct mailer_job *job); /* on home's loop */
};

/* Everything in config is borrowed and outlives it. ERR_INVALID: from is no address; ERR_IO, ERR_FULL: the
 * Maildir cannot be made; ERR_NOMEM. */
enum err mailer_new(struct mailer **ret, const struct mailer_config *config) MUST_CHECK;
/* Once one finds the relay unusable, those that wait behind it come back untried (SMTP_STOPPED). */
void mailer_post(struct mailer *m, struct mailer_job *job);
/* What is under way ends; what waits comes back untried, and so does what is posted from now on. */
void mailer_drain(struct mailer *m);
/* Breaks off what is under way: every job comes back, as stopped if it was not sent. Waits for the thread. No
 * job may be posted any more. */
void mailer_stop(struct mailer *m);
void mailer_free(struct mailer *m); /* stops it; NULL-safe */
