#pragma once
/*
 * Mails over a relay (RFC 5321), by libcurl: one at a time on one connection, which stays open between the
 * mails of a batch. Blocking: for a thread of its own.
 */
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

enum smtp_tls {
    SMTP_TLS_REQUIRED, /* STARTTLS (RFC 3207), or nothing is sent */
    SMTP_TLS_OFFERED,  /* where the relay offers it */
    SMTP_TLS_NEVER,
};

struct smtp_config {
    const char
        *url; /* smtp://HOST[:PORT][/NAME-FOR-EHLO], or smtps:// for TLS from the first byte (RFC 8314) */
    const char *user, *password; /* NULL: without AUTH */
    const char *ca;              /* certificates to trust beside the system's; NULL: none */
    enum smtp_tls tls;
    uint32_t timeout_ms; /* for one mail, from connecting to the last answer */
};

enum smtp_end {
    SMTP_SENT,
    SMTP_WRITTEN, /* into the Maildir, where there is no relay: smtp_send() never ends so */
    SMTP_LATER,   /* this mail was put off: greylisted (4yz), or the connection broke on it */
    SMTP_REFUSED, /* this mail will never be taken: 5yz to its recipient or its content */
    SMTP_TROUBLE, /* the relay cannot be used now, whatever the mail: not reached, no TLS, no login, sender refused */
    SMTP_STOPPED, /* smtp_stop() was called */
};

struct smtp_result {
    enum smtp_end end;
    char text[240]; /* "RCPT: 550 5.1.1 No such user", or what libcurl says; visible characters only */
};

struct smtp;

/* What config refers to is borrowed and outlives it. ERR_NOMEM. */
enum err smtp_new(struct smtp **ret, const struct smtp_config *config) MUST_CHECK;
void smtp_free(struct smtp *s); /* NULL-safe */

/* Addresses without angle brackets; mail with CRLF. */
void smtp_send(struct smtp *s, const char *from, const char *to, struct span mail, struct smtp_result *ret);
/* Nothing follows for a while: the connection is closed. */
void smtp_rest(struct smtp *s);
/* From any thread: the mail that is under way is broken off, and no other begins. */
void smtp_stop(struct smtp *s);

/* Whether the URL is one of ours. ERR_INVALID. */
enum err smtp_check_url(const char *url) MUST_CHECK;
