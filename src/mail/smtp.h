#pragma once
/*
 * Sends mails to a relay (RFC 5321) with libcurl: one at a time on one connection, which stays open between
 * the mails of a batch. Blocks: use it on its own thread.
 */
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

enum smtp_tls {
    SMTP_TLS_REQUIRED, /* STARTTLS (RFC 3207); nothing is sent without it */
    SMTP_TLS_OFFERED,  /* TLS if the relay offers it */
    SMTP_TLS_NEVER,
};

struct smtp_config {
    const char
        *url; /* smtp://HOST[:PORT][/NAME-FOR-EHLO], or smtps:// for TLS from the first byte (RFC 8314) */
    const char *user, *password; /* NULL: no login */
    const char *ca;              /* certificates to trust in addition to the system's; NULL: none */
    enum smtp_tls tls;
    uint32_t timeout_ms; /* for one mail, from connecting to the last reply */
};

enum smtp_end {
    SMTP_SENT,
    SMTP_WRITTEN, /* written to the Maildir because no relay is set; smtp_send() never returns this */
    SMTP_LATER,   /* the mail can be tried again: greylisted (4yz), or the connection broke during the mail */
    SMTP_REFUSED, /* the relay refuses the mail for good: 5yz for its recipient or its content */
    /* the relay does not work for any mail now: unreachable, no TLS, no login, sender refused */
    SMTP_TROUBLE,
    SMTP_STOPPED, /* smtp_stop() was called */
};

struct smtp_result {
    enum smtp_end end;
    char text[240]; /* "RCPT: 550 5.1.1 No such user", or libcurl's message; visible characters only */
};

struct smtp;

/* Borrows what config points to; it must outlive *ret. ERR_NOMEM. */
enum err smtp_new(struct smtp **ret, const struct smtp_config *config) MUST_CHECK;
void smtp_free(struct smtp *s); /* NULL-safe */

/* Sends one mail. Addresses come without angle brackets; the mail has CRLF line ends. */
void smtp_send(struct smtp *s, const char *from, const char *to, struct span mail, struct smtp_result *ret);
/* Closes the connection, because no mail follows for a while. */
void smtp_rest(struct smtp *s);
/* From any thread: aborts the mail being sent; no other mail begins. */
void smtp_stop(struct smtp *s);

/* Whether url has a form that smtp_new() supports. ERR_INVALID. */
enum err smtp_check_url(const char *url) MUST_CHECK;
