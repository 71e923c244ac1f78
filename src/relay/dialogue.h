#pragma once
/*
 * Internal to the folder. One connection to a relay, first opened (dialogue.c, dialogue_login.c), then with
 * one mail after the other (dialogue_serve.c). It tells its owner, the relay, through a table of functions.
 */
#include "net/dial.h"
#include "net/transport.h"
#include "relay/capability.h"
#include "relay/relay.h"
#include "relay/reply.h"

struct dialogue;

/* One mail on its way, or one question (no mail: NOOP). */
struct mail_order {
    struct list link; /* relay.waiting or relay.finished */
    char *from, *to;
    struct buf bytes;
    bool question;
    bool utf8, eightbit; /* what it needs of the server */
    unsigned retries;
    relay_done_fn *done;
    void *arg;
    /* How it ended. */
    struct relay_result result;
    struct outcome outcome;
    char text[REPLY_TEXT_MAX];
};

struct dialogue_events {
    void (*step)(struct dialogue *d, const char *name);
    void (*ready)(struct dialogue *d);
    void (*vacant)(struct dialogue *d); /* its mail has ended, and it can take another */
    void (*ended)(struct dialogue *d, struct mail_order *m);
    void (*again)(struct dialogue *d, struct mail_order *m); /* provably not taken: another connection may */
    void (*closed)(struct dialogue *d); /* whether it was ready or not; how it failed: d->failure */
    void (*freed)(struct dialogue *d);
};

enum dialogue_state {
    DIALOGUE_RESOLVE,
    DIALOGUE_CONNECT,
    DIALOGUE_TLS,
    DIALOGUE_REPLIES, /* greeting to AUTH: d->awaited says which */
    DIALOGUE_READY,   /* waits for work */
    DIALOGUE_COMMANDS,
    DIALOGUE_MAIL, /* writes it */
    DIALOGUE_END,  /* the final dot was given to the kernel */
    DIALOGUE_QUIT,
};

#define DIALOGUE_AWAITED_MAX 4u

struct dialogue {
    struct list link;      /* relay.dialogues */
    struct list idle_link; /* relay.idle */
    struct relays *all;
    const struct dialogue_events *events;
    const struct relay_settings *settings; /* the relay's */
    void *owner;
    enum dialogue_state state;
    bool ready, closed, poll_open, reused;
    bool helo; /* EHLO was not understood */
    bool write_dead;
    bool login_user, login_password; /* AUTH LOGIN: which was sent */
    bool needs_reset;                /* a transaction may be open */
    bool positive;                   /* a command of this mail was accepted */
    bool body_written;
    struct timer timer;
    struct resolve_query *query;
    const struct resolve_result *resolved;
    struct dial *dial;
    struct transport transport;
    uv_poll_t poll;
    int poll_events;
    char address[64];
    struct capability can;
    struct reply reply;
    enum relay_command awaited[DIALOGUE_AWAITED_MAX];
    unsigned awaiting;
    struct buf out;
    struct mail_order *mail;
    size_t mail_at;  /* bytes of it that are in out */
    bool line_start; /* the next byte of it begins a line */
    bool refused;    /* the mail's result is decided, replies to what was sent with it are still to come */
    /* How it failed while it opened. */
    struct relay_result failure;
    struct outcome failure_outcome;
    char failure_text[REPLY_TEXT_MAX];
};

/* dialogue.c */
enum err dialogue_open(struct dialogue **ret, struct relays *all, const struct relay_settings *settings,
                       const struct dialogue_events *events, void *owner) MUST_CHECK;
void dialogue_start(struct dialogue *d); /* may end it */
void dialogue_close(struct dialogue *d);
bool dialogue_alive(struct dialogue *d); /* an idle one; false: it was closed */
void dialogue_arm(struct dialogue *d, uint32_t ms);
void dialogue_watch(struct dialogue *d);
void dialogue_flush(struct dialogue *d); /* may end it */
/* Puts a command into out, and awaits its reply. It is written by dialogue_flush(). */
enum err dialogue_say(struct dialogue *d, enum relay_command c, const char *format, ...)
    __attribute__((format(printf, 3, 4))) MUST_CHECK;
/* The connection, or this side of it, ended this way: the mail or the opening ends with it. */
void dialogue_lost(struct dialogue *d, enum ended ended, enum cause_id cause);
void dialogue_evidence(const struct dialogue *d, enum ended ended, enum cause_id cause, struct evidence *ret);
void dialogue_tls(struct dialogue *d); /* begins the handshake */

/* dialogue_login.c: from the greeting to AUTH. */
void dialogue_greet(struct dialogue *d); /* the connection is up, with TLS where it comes first */
void dialogue_login_reply(struct dialogue *d, enum relay_command c, bool more);
void dialogue_secured(struct dialogue *d); /* TLS is up after STARTTLS */
/* While opening: a reply, or (code 0) what the server lacks, ends it. */
void dialogue_refused(struct dialogue *d, enum relay_command c, int code, struct span text);

/* dialogue_serve.c */
/*
 * May end the dialogue. False: the mail has ended at once, because the server lacks what it needs; the
 * dialogue is as it was.
 */
bool dialogue_serve(struct dialogue *d, struct mail_order *m);
void dialogue_reply(struct dialogue *d, enum relay_command c);
enum err dialogue_fill(struct dialogue *d) MUST_CHECK; /* puts more of the mail into out */
void dialogue_written(struct dialogue *d);             /* all of out was given to the kernel */
void dialogue_rest(struct dialogue *d);                /* there is no mail for it */
void dialogue_quit(struct dialogue *d);
