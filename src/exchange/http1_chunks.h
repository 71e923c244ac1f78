#pragma once
/*
 * The chunked coding of a response (RFC 9112 7.1), as far as it stands between pieces of content: sizes,
 * extensions, line ends. Extensions mean nothing to us and are passed over; their grammar is followed only to
 * know whether the peer keeps to it. Trailers are fields, and are read as those of the head are.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a whole response that are neither content nor needed to frame it: extensions, blanks, leading
 * zeros. They count as nothing else, so without a cap they could come for ever. No server needs more for an
 * answer that has 1 MiB at most. */
#define HTTP1_CHUNKS_EXTRA_MAX 65536u

struct http1_chunks { /* zeroed: a chunk size comes next */
    uint8_t step;
    bool last;   /* the last chunk's line is over: trailers come next */
    bool broken; /* this is no chunked coding */
    bool lax;    /* it was understood, but does not keep to the grammar */
    uint32_t extra;
    uint64_t left; /* bytes of content that come next; 0: framing comes */
    uint64_t size; /* the size being read */
};

/* Takes framing, up to content, trailers, or the end of these bytes. Returns how many it took. Not to be
 * called while left, last or broken is set. */
size_t http1_chunks_feed(struct http1_chunks *c, const char *p, size_t len);
