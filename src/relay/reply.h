#pragma once
/*
 * Reads the replies of an SMTP server (RFC 5321 4.2): one to many lines, each with the code in front.
 * Defined for all bytes; what a reply may cost is bounded, so that a server that never stops talking is
 * noticed.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

#define REPLY_BYTES_MAX 65536u /* of one reply; the largest real ones, of EHLO, have some 2,000 */
#define REPLY_TEXT_MAX 4096u   /* kept of it; people are shown some hundred bytes */

enum reply_step {
    REPLY_MORE,   /* all bytes were used, the reply goes on */
    REPLY_WHOLE,  /* reply.code and reply_text() hold it */
    REPLY_BROKEN, /* this is no reply, or one without an end */
};

struct reply {
    int code;  /* 200 to 599; of several that differ, the last */
    bool last; /* of the line being read: it is the reply's last one */
    bool cr;   /* held back: the line's end, or a byte of its text */
    size_t column, bytes;
    size_t text_len;
    char text[REPLY_TEXT_MAX]; /* the lines without their codes, with \n between them */
};

void reply_begin(struct reply *r);
/* *ret_used: how many of the bytes belong to the reply. */
enum reply_step reply_read(struct reply *r, const char *p, size_t len, size_t *ret_used) MUST_CHECK;
static inline struct span reply_text(const struct reply *r) /* lines with \n between them */
{
    return (struct span){r->text, r->text_len};
}

/*
 * Brings the lines into one, with blanks between them. An enhanced status (RFC 3463) that each line repeats
 * in front of its text (RFC 2034 4) is kept once. out has room for text.len bytes, and may be text.ptr.
 * Returns the length.
 */
size_t reply_unfold(struct span text, char *out);
