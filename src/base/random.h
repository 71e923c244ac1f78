#pragma once
/* Randomness comes through a passed struct, so that a test can control it (as clock.h does for time). */
#include <stddef.h>
#include <stdint.h>

struct random {
    void (*fill)(void *arg, void *out, size_t len); /* never fails */
    void *arg;
};

/*
 * The kernel's generator (getrandom(2)). If the kernel refuses, the process aborts: every secret depends on
 * it.
 */
extern const struct random random_system;

/* Repeatable numbers for tests and jitter simulations; never for secrets. */
struct random_seeded {
    uint64_t state;
};
/* keeps a pointer to *seeded */
struct random random_seeded_init(struct random_seeded *seeded, uint64_t seed);

uint64_t random_u64(const struct random *r);
/* Uniform in 0 .. n-1 without modulo bias; 0 when n is 0. */
uint64_t random_below(const struct random *r, uint64_t n);
