#pragma once
/*
 * HTTP/1 requests: bytes in, events out, no I/O. The caller keeps the bytes in one buffer; the parser reports
 * what the front of it is. Head and decoded body lie side by side in that buffer, so a request costs no copy.
 *
 * Lines are checked here before llhttp sees them (RFC 9112 2.2, 5.2): CRLF only, no bare CR, no folding.
 * llhttp 8.1 in its lenient build accepts a bare CR and any two bytes after a chunk; requests are smuggled
 * where two parsers disagree on one message. For the same reason the chunked coding is decoded here.
 */
#include "base/buf.h"
#include "server/server_head.h"

enum h1_event {
    H1_MORE,    /* more bytes are needed */
    H1_HEAD,    /* the head is complete; set body_max, then continue */
    H1_PIECE,   /* streamed: body_len bytes of the body at body_at; take them, then h1_taken() */
    H1_REQUEST, /* the request is complete: head, body of body_len at body_at, used bytes in all */
    H1_REFUSE,  /* refusal says why; nothing after it can be understood: answer and close */
};

struct h1_limits {
    uint32_t head_max, target_max, fields_max;
};

struct h1 {
    const struct h1_limits *limits;
    uint32_t body_max;    /* set before the step after H1_HEAD */
    bool streamed;        /* likewise: the body comes in pieces, and body_max does not count */
    size_t scanned, line; /* bytes examined so far; start of the current line */
    uint32_t lines;       /* complete lines of the head */
    uint32_t skipped;     /* empty lines before the request line */
    bool head_done;
    uint8_t chunk_state;
    size_t head_len;
    size_t body_at, body_len;
    uint64_t chunk_left;
    uint32_t chunk_line; /* bytes of the current chunk or trailer line */
    size_t raw;          /* chunked: where the undecoded bytes begin */
    uint64_t framing;    /* chunked: bytes that were not content */
    uint64_t taken;      /* streamed: bytes of the body that were taken */
    size_t used;
    struct server_refusal refusal;
};

/* Call before each request; limits must outlive it. */
void h1_init(struct h1 *p, const struct h1_limits *limits);

/*
 * Reports what the front of `in` is. Called again after H1_HEAD, and after H1_MORE with more bytes in it. It
 * may drop bytes at the front (empty lines before a request) and in the middle (chunk framing), and converts
 * field names to lower case in place. head's offsets count from the front of in.
 */
enum h1_event h1_step(struct h1 *p, struct buf *in, struct server_head *head);

/* Drops the piece that H1_PIECE told of; what follows it moves up. */
void h1_taken(struct h1 *p, struct buf *in);

/* A message has begun: if a deadline ends it, answer 408. */
bool h1_begun(const struct h1 *p, const struct buf *in);
/* Number of missing bytes if known (content-length), else 0; streamed: as many as there is room for. */
size_t h1_missing(const struct h1 *p, const struct buf *in, const struct server_head *head);
