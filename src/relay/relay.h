#pragma once
/*
 * A mail relay, and mails given to it over SMTP (RFC 5321): connections that are opened as needed and kept
 * open between mails. Of each mail that is not taken it is known who refused it, at which command and in
 * which words, or how far the exchange had come; docs/decisions/0035-smtp.md says why this is no library.
 *
 *     relay_send ─► waiting ─► a dialogue, opened up to its login ─► MAIL RCPT DATA ─► done
 *
 * On one loop thread.
 */
#include "base/buf.h"
#include "fault/outcome.h"
#include "relay/relays.h"

struct relay;

enum relay_security {
    RELAY_SECURITY_NONE,     /* everything, the password included, in the clear */
    RELAY_SECURITY_STARTTLS, /* nothing is sent to a server that does not offer it */
    RELAY_SECURITY_TLS,      /* from the first byte (RFC 8314) */
};

/* What a reply answers, or what was waited for. */
enum relay_command {
    RELAY_CONNECT, /* the greeting, and all before it */
    RELAY_EHLO,
    RELAY_STARTTLS, /* and the TLS handshake behind it */
    RELAY_AUTH,
    RELAY_MAIL,
    RELAY_RCPT,
    RELAY_DATA,
    RELAY_END, /* of the mail: the final dot */
    RELAY_RSET,
    RELAY_NOOP,
    RELAY_QUIT,
    RELAY_COMMANDS
};
const char *relay_command_text(enum relay_command c); /* "CONNECT", "END" */

struct relay_deadlines { /* milliseconds; 0: the default */
    uint32_t dns_ms;     /* 5,000 */
    uint32_t connect_ms; /* 10,000 */
    uint32_t session_ms; /* 30,000, for each: TLS, greeting, EHLO, STARTTLS, AUTH */
    uint32_t command_ms; /* 60,000, from MAIL to the reply to DATA */
    uint32_t data_ms;    /* 180,000, to write the mail */
    uint32_t end_ms;     /* 600,000, from the final dot to its reply (RFC 5321 4.5.3.2.6) */
    uint32_t idle_ms;    /* 20,000, between two mails: then the connection is closed */
};

struct relay_settings { /* copied */
    const char *host;   /* a name or an address */
    uint16_t port;
    enum relay_security security;
    const char *user, *password; /* NULL: no login */
    const char *name; /* of this node, for EHLO; NULL: the address of the connection (RFC 5321 4.1.3) */
    uint32_t connections_max; /* 0: 32 */
    struct relay_deadlines deadlines;
};

struct relay_result {
    /*
     * The reply that decided; 0: there was none. Without a reply and without an outcome nothing was sent,
     * because the server lacks what the mail needs: text says what.
     */
    int code;
    enum relay_command command;
    struct span text; /* of the reply: its lines as one, any bytes */
    /*
     * How it ended without a reply, in the words of the webhook half; NULL: with one. processed is exact:
     * only a mail whose final dot had left may have been taken.
     */
    const struct outcome *outcome;
    bool dot;         /* the final dot had been given to the kernel */
    bool reused;      /* the connection had served before */
    unsigned retries; /* on other connections, after one was found closed */
    char address[64]; /* "203.0.113.7:587"; "": none was connected to */
    const char *tls_version;
};

/* result is valid during the call. Never called inside the function that was given it. */
typedef void relay_done_fn(void *arg, const struct relay_result *result);

/* ERR_NOMEM. */
enum err relay_open(struct relay **ret, struct relays *all, const struct relay_settings *settings) MUST_CHECK;
/* Mails that were given to it are still sent; then it frees itself. NULL-safe. */
void relay_close(struct relay *r);

/*
 * Gives a mail to the relay. from ("": the null sender) and to are addresses without angle brackets. The
 * mail's bytes move out of the buffer; its lines end with CRLF, and others are made so. ERR_INVALID: an
 * address that cannot stand in a command; ERR_LIMIT: too many mails wait; ERR_CLOSED: after relays_close();
 * ERR_NOMEM. After an error nothing was taken over.
 */
enum err relay_send(struct relay *r, const char *from, const char *to, struct buf *mail, relay_done_fn *done,
                    void *arg) MUST_CHECK;

/*
 * Asks a relay whether it would take mails, and sends none: a connection of its own up to the login, NOOP,
 * QUIT. step, which may be NULL, is called as each begins, also inside this call: resolve, connect, tls,
 * greeting, ehlo, starttls, auth, noop. done: command NOOP with its reply, or where it ended. ERR_NOMEM.
 */
enum err relay_verify(struct relays *all, const struct relay_settings *settings,
                      void (*step)(void *arg, const char *name), relay_done_fn *done, void *arg) MUST_CHECK;

struct relay_stats {
    uint64_t open, idle, waiting, opened_total;
};
void relay_stats_get(const struct relay *r, struct relay_stats *ret);
