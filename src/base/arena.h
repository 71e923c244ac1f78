#pragma once
/*
 * One request's or attempt's memory: many small allocations, one release. Nothing in it is freed singly.
 */
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* the newest; older ones hang behind it */
    size_t chunk_size;         /* bytes a chunk has unless more are asked for at once */
    size_t used, max;          /* bytes handed out, padding included, and their cap */
};

void arena_init(struct arena *a, size_t chunk_size, size_t max); /* allocates nothing */
void arena_deinit(struct arena *a);                              /* safe on a zeroed struct */
/* Forgets everything but keeps one chunk for the next round. */
void arena_reset(struct arena *a);

/* Aligned for any type, uninitialised; NULL past max or out of memory. */
void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;
void *arena_zero(struct arena *a, size_t count, size_t size) MUST_CHECK;
/* A copy with a NUL behind it; NULL as above. */
char *arena_dup(struct arena *a, struct span s) MUST_CHECK;
