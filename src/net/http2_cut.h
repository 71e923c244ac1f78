#pragma once
/*
 * Splits input so that nghttp2 sees only complete frame headers. nghttp2 1.52 counts a CONTINUATION each time
 * it sees a part of its header, so nine parts count as nine frames, and it allows only a limited number
 * (nghttp2 issue 2817).
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HTTP2_FRAME_HEADER 9u /* RFC 9113 4.1 */
#define HTTP2_MAGIC 24u       /* the client's connection preface, RFC 9113 3.4 */

struct http2_cut {                    /* zeroed: a frame header comes next */
    uint8_t held[HTTP2_FRAME_HEADER]; /* the received part of a header */
    uint8_t held_len;
    size_t payload_left; /* bytes until the next header */
};

/*
 * Passes the bytes on in one or two pieces, except an incomplete header at their end; stops at the first
 * failure of pass.
 */
enum err http2_cut_feed(struct http2_cut *c, const uint8_t *p, size_t len,
                        enum err (*pass)(void *arg, const uint8_t *p, size_t len), void *arg) MUST_CHECK;
