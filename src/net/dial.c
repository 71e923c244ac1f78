#include "net/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "net/resolve.h"

#define STAGGER_US 250000 /* RFC 8305 5: Connection Attempt Delay */
#define RESERVE_MAX 64u   /* descriptors that are not for connections to bots */

struct attempt {
    struct list link;
    uv_poll_t poll;
    int fd;
    struct dial *dial;
    struct sockaddr_storage address;
};

struct dial {
    uv_loop_t *loop;
    struct timers *timers;
    const struct address_guard *guard;
    struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX];
    size_t count, next;
    uint16_t port;
    struct list attempts; /* the open ones */
    struct timer deadline, stagger;
    int sys_errno; /* the most telling failure so far; 0: none */
    char address[64];
    dial_done_fn *done;
    void *arg;
};

static void on_attempt_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

/* Lets go of an attempt; its socket is closed unless the dialler keeps it. */
static void attempt_end(struct attempt *a, bool keep_fd)
{
    list_remove(&a->link);
    uv_close((uv_handle_t *)&a->poll, on_attempt_closed);
    if (!keep_fd)
        (void)close(a->fd);
}

static void dial_free(struct dial *d)
{
    struct list *l;
    while ((l = d->attempts.next) != &d->attempts)
        attempt_end(list_entry(l, struct attempt, link), false);
    timer_disarm(d->timers, &d->deadline);
    timer_disarm(d->timers, &d->stagger);
    mem_free(d);
}

static void dial_end(struct dial *d, int fd, enum ended ended, enum cause_id cause)
{
    struct dial_result r = {.fd = fd, .ended = ended, .cause = cause, .sys_errno = d->sys_errno};
    memcpy(r.address, d->address, sizeof(r.address));
    dial_done_fn *done = d->done;
    void *arg = d->arg;
    dial_free(d);
    done(arg, &r);
}

/* How much a failure says. A want of our own machine above all: with it not every address was tried, and the bot must not be blamed. Then an
 * answer of the server's host, then one of the way there, last that this machine does not speak that protocol at all. */
static int telling(int e)
{
    switch (e) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return 6;
    case ECONNREFUSED:
    case ECONNRESET:
        return 5;
    case ETIMEDOUT:
        return 4;
    case EAFNOSUPPORT:
    case ENETUNREACH:
        return 2;
    case EADDRNOTAVAIL:
        return 1;
    default:
        return 3;
    }
}

static void dial_failed(struct dial *d, int e)
{
    if (d->sys_errno == 0 || telling(e) > telling(d->sys_errno))
        d->sys_errno = e;
}

static void dial_next(struct dial *d);

static void on_connect(uv_poll_t *poll, int status, int events)
{
    (void)status; /* libuv says EBADF for every error: the socket itself knows which */
    (void)events;
    struct attempt *a = poll->data;
    struct dial *d = a->dial;
    int e = 0;
    socklen_t len = sizeof(e);
    if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0)
        e = errno;
    if (e == 0) {
        int fd = a->fd;
        address_text((const struct sockaddr *)&a->address, d->address);
        attempt_end(a, true);
        d->sys_errno = 0;
        dial_end(d, fd, ENDED_COMPLETE, CAUSE_ok);
        return;
    }
    attempt_end(a, false);
    dial_failed(d, e);
    dial_next(d);
}

/* The last descriptors are the API's and the store's: a node whose bots all hang must still answer whoever asks. The kernel gives
 * the lowest free number, so the number says how many are in use at least. */
static bool is_reserved(int fd)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return false;
    rlim_t reserve = limit.rlim_cur / 8 < RESERVE_MAX ? limit.rlim_cur / 8 : RESERVE_MAX;
    return (rlim_t)fd >= limit.rlim_cur - reserve;
}

/* Starts to connect to one address. 0: under way; else the errno. */
static int attempt_start(struct dial *d, const struct sockaddr_storage *address)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return errno;
    if (is_reserved(fd)) {
        (void)close(fd);
        return EMFILE;
    }
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct attempt *a = mem_zero(1, sizeof(*a));
    if (!a) {
        (void)close(fd);
        return ENOMEM;
    }
    a->fd = fd;
    a->dial = d;
    a->address = *address;
    address_text((const struct sockaddr *)address, d->address);
    const struct sockaddr *sa = (const struct sockaddr *)&a->address;
    int e = connect(fd, sa, address_len(sa)) == 0 || errno == EINPROGRESS ? 0 : errno;
    if (e == 0 && uv_poll_init(d->loop, &a->poll, fd) != 0)
        e = ENOMEM;
    if (e != 0) {
        mem_free(a);
        (void)close(fd);
        return e;
    }
    a->poll.data = a;
    list_push_back(&d->attempts, &a->link);
    (void)uv_poll_start(&a->poll, UV_WRITABLE, on_connect);
    return 0;
}

static void on_stagger(struct timer *t)
{
    dial_next(list_entry(t, struct dial, stagger));
}

/* Begins with the next address that may be tried; with none left and none under way, tells the failure. */
static void dial_next(struct dial *d)
{
    while (d->next < d->count) {
        struct sockaddr_storage *address = &d->addresses[d->next++];
        if (address_refused(d->guard, (const struct sockaddr *)address))
            continue;
        address_set_port(address, d->port);
        int e = attempt_start(d, address);
        if (e == 0) {
            if (d->next < d->count)
                timer_arm(d->timers, &d->stagger,
                          d->timers->clock->mono_us(d->timers->clock->arg) + STAGGER_US, on_stagger);
            return;
        }
        dial_failed(d, e);
    }
    if (list_empty(&d->attempts))
        dial_end(d, -1, d->sys_errno ? ENDED_ERRNO : ENDED_GUARD, CAUSE_ok);
}

static void on_deadline(struct timer *t)
{
    dial_end(list_entry(t, struct dial, deadline), -1, ENDED_DEADLINE, CAUSE_ok);
}

enum err dial_start(uv_loop_t *loop, struct timers *timers, const struct address_guard *guard,
                    const struct sockaddr_storage *addresses, size_t count, uint16_t port,
                    uint32_t timeout_ms, dial_done_fn *done, void *arg, struct dial **ret)
{
    struct dial *d = mem_zero(1, sizeof(*d));
    if (!d)
        return ERR_NOMEM;
    d->loop = loop;
    d->timers = timers;
    d->guard = guard;
    d->count = count < RESOLVE_ADDRESSES_MAX ? count : RESOLVE_ADDRESSES_MAX;
    memcpy(d->addresses, addresses, d->count * sizeof(addresses[0]));
    d->port = port;
    d->done = done;
    d->arg = arg;
    list_init(&d->attempts);
    timer_arm(timers, &d->deadline, timers->clock->mono_us(timers->clock->arg) + (uint64_t)timeout_ms * 1000,
              on_deadline);
    *ret = d;
    dial_next(d);
    return ERR_NONE;
}

void dial_cancel(struct dial *d)
{
    dial_free(d);
}
