#include "base/ulid.h"

static const char alphabet[32] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* The value of a character plus one; 0: not in the alphabet. */
#define BOTH(upper, lower, v) [upper] = (v) + 1, [lower] = (v) + 1
static const uint8_t value_of[256] = {
    ['0'] = 1,          ['1'] = 2,          ['2'] = 3,          ['3'] = 4,          ['4'] = 5,
    ['5'] = 6,          ['6'] = 7,          ['7'] = 8,          ['8'] = 9,          ['9'] = 10,
    BOTH('A', 'a', 10), BOTH('B', 'b', 11), BOTH('C', 'c', 12), BOTH('D', 'd', 13), BOTH('E', 'e', 14),
    BOTH('F', 'f', 15), BOTH('G', 'g', 16), BOTH('H', 'h', 17), BOTH('J', 'j', 18), BOTH('K', 'k', 19),
    BOTH('M', 'm', 20), BOTH('N', 'n', 21), BOTH('P', 'p', 22), BOTH('Q', 'q', 23), BOTH('R', 'r', 24),
    BOTH('S', 's', 25), BOTH('T', 't', 26), BOTH('V', 'v', 27), BOTH('W', 'w', 28), BOTH('X', 'x', 29),
    BOTH('Y', 'y', 30), BOTH('Z', 'z', 31),
};

struct ulid ulid_make(uint64_t ms, uint16_t node, uint64_t rowid)
{
    if (ms > ULID_MS_MAX)
        ms = ULID_MS_MAX;
    return (struct ulid){.hi = ms << 16 | node, .lo = rowid};
}

struct ulid ulid_random(uint64_t ms, const struct random *r)
{
    struct {
        uint64_t lo;
        uint16_t node;
    } bits = {0};
    r->fill(r->arg, &bits.lo, sizeof(bits.lo));
    r->fill(r->arg, &bits.node, sizeof(bits.node));
    return ulid_make(ms, bits.node, bits.lo);
}

int ulid_cmp(struct ulid a, struct ulid b)
{
    if (a.hi != b.hi)
        return a.hi < b.hi ? -1 : 1;
    if (a.lo != b.lo)
        return a.lo < b.lo ? -1 : 1;
    return 0;
}

void ulid_encode(struct ulid u, char out[static ULID_LEN])
{
    for (size_t i = ULID_LEN; i-- > 0;) {
        out[i] = alphabet[u.lo & 31u];
        u.lo = u.lo >> 5 | u.hi << 59;
        u.hi >>= 5;
    }
}

enum err ulid_decode(struct span text, struct ulid *ret)
{
    if (text.len != ULID_LEN || text.ptr[0] > '7')
        return ERR_INVALID;
    struct ulid u = {0};
    for (size_t i = 0; i < ULID_LEN; i++) {
        uint8_t v = value_of[(unsigned char)text.ptr[i]];
        if (v == 0)
            return ERR_INVALID;
        u.hi = u.hi << 5 | u.lo >> 59;
        u.lo = u.lo << 5 | (uint64_t)(v - 1);
    }
    *ret = u;
    return ERR_NONE;
}

enum err ulid_seq_next(struct ulid_seq *seq, int64_t wall_ms, int64_t *ret)
{
    if (seq->last == INT64_MAX)
        return ERR_LIMIT;
    int64_t next = seq->last + 1;
    /* A clock beyond 63 bits would leave no numbers for later events: go on counting instead. */
    if (wall_ms > 0 && wall_ms < INT64_MAX >> ULID_SEQ_SHIFT && wall_ms << ULID_SEQ_SHIFT > next)
        next = wall_ms << ULID_SEQ_SHIFT;
    seq->last = next;
    *ret = next;
    return ERR_NONE;
}
