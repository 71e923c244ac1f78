#include "net/http2_cut.h"

#include <string.h>

static size_t payload_len(const uint8_t *header)
{
    return (size_t)header[0] << 16 | (size_t)header[1] << 8 | header[2];
}

/* How many of these bytes precede an incomplete frame header. */
static size_t whole_headers(struct http2_cut *c, const uint8_t *p, size_t len)
{
    size_t at = 0;
    for (;;) {
        size_t n = c->payload_left < len - at ? c->payload_left : len - at;
        at += n;
        c->payload_left -= n;
        if (len - at < HTTP2_FRAME_HEADER)
            return at;
        c->payload_left = payload_len(p + at);
        at += HTTP2_FRAME_HEADER;
    }
}

enum err http2_cut_feed(struct http2_cut *c, const uint8_t *p, size_t len,
                        enum err (*pass)(void *arg, const uint8_t *p, size_t len), void *arg)
{
    if (c->held_len > 0) {
        size_t missing = HTTP2_FRAME_HEADER - c->held_len, n = missing < len ? missing : len;
        memcpy(c->held + c->held_len, p, n);
        c->held_len = (uint8_t)(c->held_len + n);
        p += n;
        len -= n;
        if (c->held_len < HTTP2_FRAME_HEADER)
            return ERR_NONE;
        c->payload_left = payload_len(c->held);
        c->held_len = 0;
        enum err e = pass(arg, c->held, HTTP2_FRAME_HEADER);
        if (e)
            return e;
    }
    size_t whole = whole_headers(c, p, len);
    if (len > whole)
        memcpy(c->held, p + whole, len - whole);
    c->held_len = (uint8_t)(len - whole);
    return whole > 0 ? pass(arg, p, whole) : ERR_NONE;
}
