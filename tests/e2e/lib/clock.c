/*
 * A wall clock that is off by CLOCK_OFFSET_MS: loaded into a node with LD_PRELOAD (lib/clock.mjs), so that a test can put midnight where
 * it wants it. The monotonic clock is left alone.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static long long offset_ms;

__attribute__((constructor)) static void read_offset(void)
{
    const char *text = getenv("CLOCK_OFFSET_MS");
    offset_ms = text ? atoll(text) : 0;
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(id, ret);
    if (status || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
        return status;
    long long ns = ret->tv_nsec + (offset_ms % 1000) * 1000000;
    long long carry = ns >= 1000000000 ? 1 : ns < 0 ? -1 : 0;
    ret->tv_sec += offset_ms / 1000 + carry;
    ret->tv_nsec = (long)(ns - carry * 1000000000);
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}
