#pragma once
/*
 * What makes HEADERS and DATA of a stream a response (RFC 9113 8): the rules that nghttp2 would enforce, and
 * refuses to be moved on. It refuses a 204 that has a content-length, and drops fields whose value has a
 * blank at an end; over HTTP/1 we take both.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "net/content_length.h"

struct http2_message { /* zeroed: nothing has come */
    bool trailers;     /* the head being read is that of the trailers */
    bool regular;      /* a field has come in it that is no pseudo-field */
    int status;        /* of it, interim or final; 0: none yet */
    bool final;        /* a final head has come whole */
    struct content_length length;
};

enum http2_field {
    HTTP2_FIELD_TAKEN,
    HTTP2_FIELD_IGNORED,   /* its bytes are none of a field: as if it had not come */
    HTTP2_FIELD_MALFORMED, /* it makes the message malformed (RFC 9113 8.1.1) */
};

/* HEADERS begin. */
void http2_message_begin(struct http2_message *m);

/* A field of them, pseudo or not. Takes blanks off both ends of the value: RFC 9113 8.2.1 forbids them, and
 * HTTP/1 has them everywhere. */
enum http2_field http2_message_field(struct http2_message *m, struct span name,
                                     struct span *value) MUST_CHECK;

/* These return false where the message is malformed: behind HEADERS, with so much content in all behind DATA,
 * and so much behind END_STREAM. */
bool http2_message_head(struct http2_message *m, bool end_stream) MUST_CHECK;
bool http2_message_data(const struct http2_message *m, uint64_t content) MUST_CHECK;
bool http2_message_end(const struct http2_message *m, uint64_t content) MUST_CHECK;
