#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void system_fill(void *arg, void *out, size_t len)
{
    (void)arg;
    unsigned char *p = out;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            abort();
        p += n;
        len -= (size_t)n;
    }
}

const struct random random_system = {system_fill, NULL};

/* SplitMix64 (Steele, Lea, Flood 2014): small, and every seed gives a full period. */
static uint64_t seeded_next(struct random_seeded *s)
{
    uint64_t z = (s->state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void seeded_fill(void *arg, void *out, size_t len)
{
    unsigned char *p = out;
    while (len > 0) {
        uint64_t word = seeded_next(arg);
        size_t n = len < sizeof(word) ? len : sizeof(word);
        memcpy(p, &word, n);
        p += n;
        len -= n;
    }
}

struct random random_seeded_init(struct random_seeded *seeded, uint64_t seed)
{
    seeded->state = seed;
    return (struct random){seeded_fill, seeded};
}

uint64_t random_u64(const struct random *r)
{
    uint64_t v;
    r->fill(r->arg, &v, sizeof(v));
    return v;
}

uint64_t random_below(const struct random *r, uint64_t n)
{
    if (n == 0)
        return 0;
    /* Without redrawing, the lowest 2^64 mod n values would make some results likelier than others. */
    uint64_t skip = (0 - n) % n;
    uint64_t v = random_u64(r);
    while (v < skip)
        v = random_u64(r);
    return v % n;
}
