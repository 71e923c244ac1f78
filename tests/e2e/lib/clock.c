/*
 * A wall clock that is off by CLOCK_OFFSET_MS, or by what the file CLOCK_FILE says at the moment: loaded into
 * a node with LD_PRELOAD (lib/clock.mjs), so that a test can put midnight where it wants it, and set the
 * clock of a running node. The monotonic clock is left alone.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long offset_ms;
static int file = -1;

__attribute__((constructor)) static void read_offset(void)
{
    const char *text = getenv("CLOCK_OFFSET_MS");
    offset_ms = text ? atoll(text) : 0;
    const char *path = getenv("CLOCK_FILE");
    if (path)
        file = open(path, O_RDONLY | O_CLOEXEC);
}

static long long offset(void)
{
    char text[32] = "";
    return file >= 0 && pread(file, text, sizeof(text) - 1, 0) > 0 ? atoll(text) : offset_ms;
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(id, ret);
    if (status || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
        return status;
    const long long off = offset();
    long long ns = ret->tv_nsec + (off % 1000) * 1000000;
    long long carry = ns >= 1000000000 ? 1 : ns < 0 ? -1 : 0;
    ret->tv_sec += off / 1000 + carry;
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
