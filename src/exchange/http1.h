#pragma once
/*
 * HTTP/1 response codec (RFC 9112): bytes in, an answer out; no I/O. The body is counted and discarded,
 * because a webhook's answer is its status. Accepts what other clients accept
 * (docs/decisions/0018-responses.md), but a connection whose answer breaks the grammar is not reused.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "exchange/http1_chunks.h"
#include "fault/outcome.h"
#include "net/content_length.h"

#define HTTP1_HEAD_MAX 65536u   /* bytes of a status line and fields, trailers too */
#define HTTP1_BODY_MAX 1048576u /* bytes of content */
#define HTTP1_KEEP_ALIVE_MAX_S                                                                               \
    86400u /* longer values are reduced to this, because it is computed in milliseconds */

enum http1_state {
    HTTP1_MORE,  /* the answer is not complete */
    HTTP1_DONE,  /* complete: status, keep_alive */
    HTTP1_ERROR, /* the bytes break HTTP: cause */
};

struct http1_response {
    enum http1_state state;
    enum cause_id cause;     /* of HTTP1_ERROR */
    enum answer_part answer; /* how much of the answer was read */
    int status;              /* final status, or 101; 0: none read */
    int version;             /* 10 or 11 */
    bool keep_alive;         /* the connection may carry another request */
    uint32_t keep_alive_s;   /* Keep-Alive: timeout=N; 0: not given */
    uint32_t retry_after_s;  /* Retry-After in seconds; 0: absent or a date */
    uint32_t head_bytes, body_bytes;
    struct buf *body;   /* receives the content, up to its cap; NULL: counted only */
    struct buf *fields; /* receives the head's fields (exchange.h); NULL: none, or it is full */
    /* parser state: http1.c */
    uint8_t step, at;
    int code;         /* the status, before its head is whole */
    bool lax;         /* accepted but not grammatical: the connection is not reused */
    bool in_fields;   /* a field was read, which may continue on the next line */
    bool in_trailers; /* after the last chunk */
    bool said_close, said_keep_alive;
    bool coding_said;  /* Transfer-Encoding is present, */
    bool coded;        /* names a coding, */
    bool chunked_said; /* names chunked, */
    bool chunked;      /* and chunked is last */
    bool value_over;   /* value is too small for all of it */
    size_t fields_len; /* of the fields that are whole */
    uint8_t field, name_len, value_len;
    char name[20], value[48]; /* of the current field, as far as needed */
    struct content_length length;
    uint64_t body_left; /* of content of a known length */
    struct http1_chunks chunks;
};

void http1_response_init(struct http1_response *r);

/*
 * Feeds bytes. Do not call after HTTP1_DONE or HTTP1_ERROR. Bytes after the end of the message clear
 * keep_alive.
 */
enum http1_state http1_response_feed(struct http1_response *r, const char *p, size_t len);

/*
 * The peer closed: HTTP1_DONE if closing delimits the message (RFC 9112 6.3 rule 8), else HTTP1_MORE: it is
 * truncated.
 */
enum http1_state http1_response_eof(struct http1_response *r);
