#pragma once
/*
 * Checks that HEADERS and DATA of a stream form a response (RFC 9113 8). nghttp2 would enforce these rules
 * too strictly and cannot be configured: it refuses a 204 with a content-length, and drops fields whose value
 * starts or ends with a blank. Over HTTP/1 we accept both.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "net/content_length.h"

struct http2_message { /* zeroed: nothing received */
    bool trailers;     /* the head being read is the trailers */
    bool regular;      /* it already had a field that is not a pseudo-field */
    int status;        /* of that head, interim or final; 0: none yet */
    bool final;        /* a final head was received completely */
    struct content_length length;
};

enum http2_field {
    HTTP2_FIELD_TAKEN,
    HTTP2_FIELD_IGNORED,   /* the field is ignored, as if it had not arrived */
    HTTP2_FIELD_MALFORMED, /* it makes the message malformed (RFC 9113 8.1.1) */
};

/* Start of HEADERS. */
void http2_message_begin(struct http2_message *m);

/*
 * One field of them, pseudo or not. Removes blanks at both ends of the value: RFC 9113 8.2.1 forbids them,
 * but HTTP/1 has them everywhere.
 */
enum http2_field http2_message_field(struct http2_message *m, struct span name,
                                     struct span *value) MUST_CHECK;

/*
 * Call after HEADERS, after DATA with the total content so far, and after END_STREAM. False: the message is
 * malformed.
 */
bool http2_message_head(struct http2_message *m, bool end_stream) MUST_CHECK;
bool http2_message_data(const struct http2_message *m, uint64_t content) MUST_CHECK;
bool http2_message_end(const struct http2_message *m, uint64_t content) MUST_CHECK;
