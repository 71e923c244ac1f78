#pragma once
/* Time comes through a passed struct, so that a test can control it. */
#include <stdint.h>
#include <time.h>

struct clock {
    uint64_t (*mono_us)(void *arg); /* monotonic, microseconds: deadlines and durations */
    /* UTC since 1970, milliseconds: times that people read or that outlive the process */
    int64_t (*wall_ms)(void *arg);
    void *arg;
};

static inline uint64_t clock_system_mono_us(void *arg)
{
    (void)arg;
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}
static inline int64_t clock_system_wall_ms(void *arg)
{
    (void)arg;
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
__attribute__((unused)) static const struct clock clock_system = {clock_system_mono_us, clock_system_wall_ms,
                                                                  NULL};
