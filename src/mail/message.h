#pragma once
/*
 * One mail as the bytes that travel (RFC 5322, RFC 2045): multipart/alternative of a text and an HTML part, 7
 * bits, built by GMime. Whatever a subject or an address holds, it is one header field: what would break a
 * line becomes a space.
 */
#include <stdint.h>

#include "base/buf.h"
#include "model/email.h"

struct message {
    const char *from; /* "todoke <todoke@example.com>" or only the address */
    const char *to;   /* an address */
    const char *subject;
    struct span text, html; /* UTF-8, lines end with \n */
    const char *id;         /* Message-ID without its angle brackets: the same one at every try */
    int64_t date_ms;        /* wall clock; shown as UTC+9 */
};

enum message_lines { MESSAGE_CRLF, MESSAGE_LF };

/* Appends the mail. ERR_LIMIT and ERR_NOMEM of the buf; ERR_INTERNAL: GMime could not write it. */
enum err message_build(const struct message *m, enum message_lines lines, struct buf *out) MUST_CHECK;

/* The value of a Subject header, folded (RFC 2047, RFC 5322 2.2.3), without the name. */
enum err message_subject(struct span subject, struct buf *out) MUST_CHECK;

/* The address alone of "Name <address>" or "address", as email_recipient() has it. ERR_INVALID: not exactly
 * one of these, or not visible ASCII. */
enum err message_address(const char *text, char out[static EMAIL_MAX + 1]) MUST_CHECK;
