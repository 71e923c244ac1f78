#include "base/map.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "base/mem.h"

#define ROOM_FIRST 16u

struct map_slot {
    uint64_t hash;
    struct span key;
    void *value; /* NULL: the slot is free */
};

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

/* SipHash-1-3: one round a word and three to finish, the variant meant for hash tables. */
uint64_t map_siphash(const uint64_t secret[static 2], struct span in)
{
    struct sip s = {secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du,
                    secret[0] ^ 0x6c7967656e657261u, secret[1] ^ 0x7465646279746573u};
    size_t i = 0;
    for (; in.len - i >= 8; i += 8) {
        uint64_t word;
        memcpy(&word, in.ptr + i, 8);
        sip_word(&s, le64toh(word));
    }
    uint64_t last = (uint64_t)in.len << 56;
    for (unsigned shift = 0; i < in.len; i++, shift += 8)
        last |= (uint64_t)(unsigned char)in.ptr[i] << shift;
    sip_word(&s, last);
    s.v2 ^= 0xFF;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

void map_init(struct map *m, size_t max, const struct random *random)
{
    *m = (struct map){.max = max};
    random->fill(random->arg, m->secret, sizeof(m->secret));
}

void map_deinit(struct map *m)
{
    mem_free(m->slots);
    m->slots = NULL;
    m->room = m->count = 0;
}

/*
 * The slot that holds key, or the free slot where it belongs. map_put sees that there always is a free slot.
 */
static size_t find_slot(const struct map *m, struct span key, uint64_t hash)
{
    size_t i = hash & (m->room - 1);
    while (m->slots[i].value && !(m->slots[i].hash == hash && span_eq(m->slots[i].key, key)))
        i = (i + 1) & (m->room - 1);
    return i;
}

static enum err grow(struct map *m)
{
    size_t room = m->room ? m->room * 2 : ROOM_FIRST;
    struct map_slot *slots = mem_zero(room, sizeof(*slots));
    if (!slots)
        return ERR_NOMEM;
    for (size_t i = 0; i < m->room; i++) {
        if (!m->slots[i].value)
            continue;
        size_t to = m->slots[i].hash & (room - 1);
        while (slots[to].value)
            to = (to + 1) & (room - 1);
        slots[to] = m->slots[i];
    }
    mem_free(m->slots);
    m->slots = slots;
    m->room = room;
    return ERR_NONE;
}

enum err map_put(struct map *m, struct span key, void *value)
{
    assert(value);
    uint64_t hash = map_siphash(m->secret, key);
    if (m->room && m->slots[find_slot(m, key, hash)].value)
        return ERR_EXISTS;
    if (m->count >= m->max)
        return ERR_LIMIT;
    /* At most three quarters full, so that probes stay short and always end at a free slot. */
    if (m->count + 1 > m->room / 4 * 3) {
        enum err e = grow(m);
        if (e)
            return e;
    }
    m->slots[find_slot(m, key, hash)] = (struct map_slot){hash, key, value};
    m->count++;
    return ERR_NONE;
}

void *map_get(const struct map *m, struct span key)
{
    if (m->count == 0)
        return NULL;
    return m->slots[find_slot(m, key, map_siphash(m->secret, key))].value;
}

void *map_remove(struct map *m, struct span key)
{
    if (m->count == 0)
        return NULL;
    size_t mask = m->room - 1;
    size_t hole = find_slot(m, key, map_siphash(m->secret, key));
    void *value = m->slots[hole].value;
    if (!value)
        return NULL;
    /*
     * Moves the entries behind the hole into it, except those that would then lie before the start of their
     * probe.
     */
    for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){0};
    m->count--;
    return value;
}

void *map_next(const struct map *m, size_t *pos)
{
    while (*pos < m->room) {
        void *value = m->slots[(*pos)++].value;
        if (value)
            return value;
    }
    return NULL;
}
