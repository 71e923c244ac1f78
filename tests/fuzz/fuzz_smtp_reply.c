/*
 * Replies of an SMTP server, in whatever pieces they come: the same replies, bounded, and what is made of
 * their text has no more bytes than it. The first byte of the input is the length of the pieces.
 */
#include "campaign/mail_build.h"
#include "fuzz.h"
#include "relay/capability.h"
#include "relay/reply.h"

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

/* Reads one reply in pieces of this length; returns the bytes it used. */
static size_t read_one(struct reply *r, struct span in, size_t piece, enum reply_step *ret)
{
    size_t at = 0;
    *ret = REPLY_MORE;
    reply_begin(r);
    while (at < in.len && *ret == REPLY_MORE) {
        size_t used = 0, len = piece < in.len - at ? piece : in.len - at;
        *ret = reply_read(r, in.ptr + at, len, &used);
        need(used > 0 && used <= len, "bytes that are not there");
        need(*ret != REPLY_MORE || used == len, "bytes left over");
        at += used;
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct reply whole, cut;
    static char out[REPLY_TEXT_MAX];
    struct mail_verp verp;
    if (size == 0)
        return 0;
    const size_t piece = (size_t)data[0] + 1;
    struct span in = {(const char *)data + 1, size - 1};
    (void)mail_verp_read(in, &verp);
    while (in.len) {
        enum reply_step a, b;
        const size_t used = read_one(&whole, in, in.len, &a);
        need(read_one(&cut, in, piece, &b) == used && a == b, "not the same in pieces");
        need(whole.text_len == cut.text_len && memcmp(whole.text, cut.text, cut.text_len) == 0,
             "another text");
        need(whole.text_len <= REPLY_TEXT_MAX && used <= REPLY_BYTES_MAX + 1, "no bounds");
        if (a != REPLY_WHOLE)
            break;
        need(whole.code >= 200 && whole.code <= 599, "no code");
        struct capability c;
        capability_read(&c, reply_text(&whole));
        const size_t len = reply_unfold(reply_text(&whole), out);
        need(len <= whole.text_len && !memchr(out, '\n', len), "not one line");
        need(reply_unfold(reply_text(&cut), cut.text) == len && memcmp(cut.text, out, len) == 0,
             "another one in place");
        in = (struct span){in.ptr + used, in.len - used};
    }
    return 0;
}
