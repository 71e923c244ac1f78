#pragma once
/*
 * A hash table from byte strings to pointers: open addressing, linear probing, deletion without tombstones.
 * Strangers choose the keys, so keys are hashed with a secret (SipHash-1-3, Aumasson and Bernstein 2012):
 * nobody can provoke collisions. The map owns neither keys nor values: a key's bytes must live as long as its
 * entry, and usually lie in the value itself.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/random.h"
#include "base/span.h"

struct map_slot;

struct map {
    struct map_slot *slots;
    size_t room;  /* slots allocated, a power of two or 0 */
    size_t count; /* entries held */
    size_t max;   /* cap on entries */
    uint64_t secret[2];
};

/* Allocates nothing. max: the cap on entries. */
void map_init(struct map *m, size_t max, const struct random *random);
void map_deinit(struct map *m); /* safe on a zeroed struct; frees none of the values */

/* value must not be NULL. ERR_EXISTS: the map has the key already; ERR_LIMIT: max reached; ERR_NOMEM. */
enum err map_put(struct map *m, struct span key, void *value) MUST_CHECK;
void *map_get(const struct map *m, struct span key); /* NULL: no such key */
void *map_remove(struct map *m, struct span key);    /* the removed value; NULL: no such key */

/*
 * Yields all values, in no particular order: start with *pos = 0 and stop at NULL. The map must not change
 * meanwhile; to free all values, walk the map first and then call map_deinit.
 */
void *map_next(const struct map *m, size_t *pos);

/* The hash itself (64 bits), for callers that distribute things by a key. */
uint64_t map_siphash(const uint64_t secret[static 2], struct span s);
