#pragma once
/*
 * HTTP/1 response codec (RFC 9112), by llhttp in its strict mode: bytes in, an answer out; no I/O. The body
 * is counted and thrown away: a webhook's answer is its status.
 */
#include <llhttp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "fault/outcome.h"

#define HTTP1_HEAD_MAX 65536u   /* bytes of status line and fields */
#define HTTP1_BODY_MAX 1048576u /* bytes of content */
#define HTTP1_KEEP_ALIVE_MAX_S                                                                               \
    86400u /* a longer promise is cut to this: it is reckoned with in milliseconds */

enum http1_state {
    HTTP1_MORE,  /* the answer is not complete */
    HTTP1_DONE,  /* complete: status, keep_alive */
    HTTP1_ERROR, /* the bytes break HTTP: cause */
};

struct http1_response {
    llhttp_t parser;
    enum http1_state state;
    enum cause_id cause;    /* of HTTP1_ERROR */
    enum answer answer;     /* how far it came */
    int status;             /* final status, or 101; 0: none read */
    int version;            /* 10 or 11 */
    bool keep_alive;        /* the connection may carry another request */
    uint32_t keep_alive_s;  /* Keep-Alive: timeout=N; 0: not said */
    uint32_t retry_after_s; /* Retry-After in seconds; 0: absent or a date */
    uint32_t head_bytes, body_bytes;
    /* the field being read: only the few that matter are kept */
    char field[16], value[48];
    uint8_t field_len, value_len;
    struct buf *body; /* where the content goes, up to its cap; NULL: counted only */
};

void http1_response_init(struct http1_response *r);

/* Feeds bytes. After HTTP1_DONE or HTTP1_ERROR nothing more must be fed. Bytes behind the end of the message
 * clear keep_alive. */
enum http1_state http1_response_feed(struct http1_response *r, const char *p, size_t len);

/* The peer closed: HTTP1_DONE where the message was delimited by that (RFC 9112 6.3 rule 8), else HTTP1_MORE:
 * it is truncated. */
enum http1_state http1_response_eof(struct http1_response *r);
