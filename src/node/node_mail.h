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
    /* Of the console, for links; "": neither public-url nor the listening address is reachable for others. */
    char url[512];
    char *password; /* of smtp-password-file */
};

/*
 * In place: must not move. Settings are borrowed; the public_url of rules is m->url, which is filled here;
 * url: where the API listens, for links where public-url is not set. On failure a message is on stderr,
 * ERR_INVALID: the settings are not good.
 */
enum err node_mail_open(struct node_mail *m, const struct settings *s, const struct mail_rules *rules,
                        const char *url, uv_loop_t *loop, struct store *store, struct mailbox *mailbox,
                        const struct steady *steady) MUST_CHECK;
/* SIGHUP: what a running node can change. */
void node_mail_set(struct node_mail *m, const struct mail_rules *rules);

/* What the link in a mail holds, for struct mail_rules. */
void node_mail_ticket(char text[static MAIL_TICKET_LEN + 1], uint8_t hash[static SESSION_HASH_LEN]);

/* The drain: nothing new begins. Idle: nothing is under way. */
void node_mail_stop(struct node_mail *m);
bool node_mail_idle(const struct node_mail *m);
/* What is under way is broken off; before the store stops. */
void node_mail_halt(struct node_mail *m);
/* The timers; the loop runs on until they are closed. Safe on a zeroed struct, and twice. */
void node_mail_close(struct node_mail *m);
void node_mail_free(struct node_mail *m);
