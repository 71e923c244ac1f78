#pragma once
/*
 * The thread that sends mails: a loop posts jobs; the thread builds and sends them one at a time, to a relay
 * or into a Maildir, and returns each to the loop with its result. A slow relay delays only other mails.
 */
#include "base/mailbox.h"
#include "mail/message.h"
#include "mail/smtp.h"

struct mailer;

struct mailer_config {
    struct smtp_config smtp; /* url NULL: no relay, */
    const char *maildir;     /* mails go here instead; the parent directory must exist */
    const char *from;        /* From, and the sender of the envelope */
    struct mailbox *home;
};

/* Embedded in the caller's state of a mail; the mailer owns it from post to done. */
struct mailer_job {
    struct letter letter;
    struct list link;
    struct mail_message message; /* the mailer sets from */
    int64_t id;                  /* of the mail; a Maildir stores each id once */
    struct smtp_result result;
    void (*done)(struct mailer_job *job); /* on home's loop */
};

/* Everything in config is borrowed and must outlive the mailer. ERR_INVALID: from is not an address; ERR_IO,
 * ERR_FULL: cannot create the Maildir; ERR_NOMEM. */
enum err mailer_new(struct mailer **ret, const struct mailer_config *config) MUST_CHECK;
/* Queues a job. If a job finds the relay unusable, the jobs waiting then return unsent (SMTP_STOPPED). */
void mailer_post(struct mailer *m, struct mailer_job *job);
/* Finishes the current mail; waiting jobs, and those posted later, return unsent. */
void mailer_drain(struct mailer *m);
/*
 * Aborts the current mail and joins the thread. Every job returns, unsent ones with SMTP_STOPPED. No job may
 * be posted after this.
 */
void mailer_stop(struct mailer *m);
void mailer_free(struct mailer *m); /* stops it; NULL-safe */
