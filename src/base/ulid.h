#pragma once
/*
 * ULID (github.com/ulid/spec): 128 bits, written as 26 characters of Crockford's base 32, that sort by time.
 * todoke puts a row's number into the low 64 bits, so that an ID finds its row without an index:
 *
 *     48 bits milliseconds since 1970 | 16 bits node or random | 64 bits rowid
 */
#include <stdint.h>

#include "base/err.h"
#include "base/random.h"
#include "base/span.h"

#define ULID_LEN 26u
#define ULID_MS_MAX 0xFFFFFFFFFFFFu

struct ulid {
    uint64_t hi; /* ms << 16 | node */
    uint64_t lo; /* rowid */
};

/* ms past ULID_MS_MAX (the year 10889) counts as ULID_MS_MAX. */
struct ulid ulid_make(uint64_t ms, uint16_t node, uint64_t rowid);
struct ulid ulid_random(uint64_t ms, const struct random *r); /* 80 random bits below the time */

static inline uint64_t ulid_ms(struct ulid u)
{
    return u.hi >> 16;
}
static inline uint16_t ulid_node(struct ulid u)
{
    return (uint16_t)(u.hi & 0xFFFFu);
}
static inline uint64_t ulid_rowid(struct ulid u)
{
    return u.lo;
}
/* <0, 0, >0: in order of time, in which the texts sort too. */
int ulid_cmp(struct ulid a, struct ulid b);

/* Writes 26 upper-case characters without a NUL. */
void ulid_encode(struct ulid u, char out[static ULID_LEN]);
/*
 * Strict: exactly 26 characters of the alphabet in either case, the first at most '7' (a higher one would not
 * fit 128 bits). Crockford's look-alikes (I, L, O) are refused, so that an identifier has only one text.
 * ERR_INVALID.
 */
enum err ulid_decode(struct span text, struct ulid *ret) MUST_CHECK;

/*
 * Row numbers in order of time: milliseconds << 20 | count, positive in 63 bits until the year 2248. They
 * rise even when the wall clock stands still or steps back, or when a millisecond has more than 2^20 of them
 * (the count then borrows from the next millisecond). A generator belongs to one thread: the store's writer.
 */
struct ulid_seq {
    int64_t last; /* the highest number ever used; set it from the store at start */
};
#define ULID_SEQ_SHIFT 20
/* The next number; ERR_LIMIT when all 63 bits are used up. */
enum err ulid_seq_next(struct ulid_seq *seq, int64_t wall_ms, int64_t *ret) MUST_CHECK;
