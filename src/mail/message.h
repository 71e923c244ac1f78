#pragma once
/*
 * Builds the bytes of one mail (RFC 5322, RFC 2045) with GMime: multipart/alternative with a text and an HTML
 * part, 7 bits. Subjects and addresses always stay within their header field: anything that would break a
 * line becomes a space.
 */
#include <stdint.h>

#include "base/buf.h"
#include "model/email.h"

/* A further field of the head. */
struct mail_field {
    const char *name;
    const char *value; /* visible ASCII and blanks; at most some hundred bytes, because it is not folded */
};

struct mail_message {
    const char *from; /* "todoke <todoke@example.com>" or only the address */
    /* The sender's name, any text; NULL: as from has it. With a name, from is only the address. */
    const char *from_name;
    const char *to; /* an address */
    const char *subject;
    struct span text, html; /* UTF-8, lines end with \n; one of them may be absent (ptr NULL) */
    const char *id;         /* Message-ID without its angle brackets; the same for every try of a mail */
    int64_t date_ms;        /* wall clock; shown as UTC+9 */
    const struct mail_field *fields;
    size_t field_count;
};

enum message_lines { MESSAGE_CRLF, MESSAGE_LF };

/* Appends the mail. ERR_LIMIT and ERR_NOMEM from out; ERR_INTERNAL: GMime could not write it. */
enum err message_build(const struct mail_message *m, enum message_lines lines, struct buf *out) MUST_CHECK;

/* Appends the folded value of a Subject header, without the name (RFC 2047, RFC 5322 2.2.3). */
enum err message_subject(struct span subject, struct buf *out) MUST_CHECK;

/*
 * Extracts the address from "Name <address>" or "address", in the form of email_recipient(). ERR_INVALID:
 * text has another form, or is not visible ASCII.
 */
enum err message_address(const char *text, char out[static EMAIL_MAX + 1]) MUST_CHECK;
