#include "net/socket.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define RESERVE_MAX 64u /* descriptors not used for outgoing connections */

/*
 * The last descriptors are reserved for the API and the store: a node whose bots all hang must still answer
 * its callers. The kernel gives the lowest free number, so the number tells how many are at least in use.
 */
static bool is_reserved(int fd)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return false;
    rlim_t reserve = limit.rlim_cur / 8 < RESERVE_MAX ? limit.rlim_cur / 8 : RESERVE_MAX;
    return (rlim_t)fd >= limit.rlim_cur - reserve;
}

int socket_open(int family, int type)
{
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (is_reserved(fd)) {
        (void)close(fd);
        return -EMFILE;
    }
    return fd;
}
