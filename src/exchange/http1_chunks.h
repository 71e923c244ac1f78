#pragma once
/*
 * The chunked coding of a response (RFC 9112 7.1), between pieces of content: sizes, extensions, line ends.
 * Extensions are ignored; their grammar is checked only to know whether the peer follows it. Trailers are
 * fields, read like those of the head.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Maximum bytes of a whole response that are neither content nor needed to frame it: extensions, blanks,
 * leading zeros. No other limit counts them, so they could arrive forever. No server needs more for an answer
 * of at most 1 MiB.
 */
#define HTTP1_CHUNKS_EXTRA_MAX 65536u

struct http1_chunks { /* zeroed: a chunk size follows */
    uint8_t step;
    bool last;   /* the last chunk's line has ended: trailers follow */
    bool broken; /* this is not chunked coding */
    bool lax;    /* accepted, but not grammatical */
    uint32_t extra;
    uint64_t left; /* bytes of content that follow; 0: framing follows */
    uint64_t size; /* the size being read */
};

/*
 * Consumes framing, up to content, trailers, or the end of these bytes. Returns how many bytes it consumed.
 * Must not be called while left, last or broken is set.
 */
size_t http1_chunks_feed(struct http1_chunks *c, const char *p, size_t len);
