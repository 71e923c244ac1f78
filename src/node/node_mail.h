#pragma once
/* The mail of a node: the mailer, its outbox and the notices, set up from the settings. Runs on the first
 * loop. */
#include "node/settings.h"
#include "report/approval.h"
#include "report/notice.h"
#include "report/outbox.h"

struct node_mail {
    struct notices notices;
    struct outbox outbox;
    struct approvals approvals;
    struct mailer *mailer;
    bool notices_open, outbox_open;
    char from[512], domain[256], maildir[4096];
    /*
     * URL of the console, for links; "": neither public-url nor the listening address is reachable by others.
     */
    char url[512];
    char *password; /* from smtp-password-file */
};

/*
 * Opens m in place; it must not move. Settings are borrowed. Fills m->url, to which the public_url of rules
 * points. url: where the API listens, for links if public-url is not set. On failure prints a message on
 * stderr; ERR_INVALID: invalid settings.
 */
enum err node_mail_open(struct node_mail *m, const struct settings *s, const struct mail_rules *rules,
                        const char *url, uv_loop_t *loop, struct store *store, struct mailbox *mailbox,
                        const struct steady *steady) MUST_CHECK;
/* Applies the settings that SIGHUP can change. */
void node_mail_set(struct node_mail *m, const struct mail_rules *rules);

/* Makes the ticket of a link in a mail, for struct mail_rules. */
void node_mail_ticket(char text[static MAIL_TICKET_LEN + 1], uint8_t hash[static SESSION_HASH_LEN]);

/* Begins the drain: no new mails are sent. Idle: no mail is being sent. */
void node_mail_stop(struct node_mail *m);
bool node_mail_idle(const struct node_mail *m);
/* Aborts the mail under way; call it before the store stops. */
void node_mail_halt(struct node_mail *m);
/* Closes the timers; run the loop until they are closed. Safe on a zeroed struct, and twice. */
void node_mail_close(struct node_mail *m);
void node_mail_free(struct node_mail *m);
