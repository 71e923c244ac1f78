#include "net/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "net/socket.h"

#define STAGGER_MAX_US 250000u /* RFC 8305 5: Connection Attempt Delay */
#define STAGGER_MIN_US 10000u  /* and its lower limit */
/*
 * Maximum concurrent attempts, so that a name with a hundred dead addresses does not take a hundred
 * descriptors. The attempt that has waited longest makes room.
 */
#define ATTEMPTS_MAX 32

struct attempt {
    struct list link;
    uv_poll_t poll;
    int fd;
    struct dial *dial;
    union address address;
};

struct dial {
    uv_loop_t *loop;
    struct timers *timers;
    const struct address_guard *guard;
    union address *addresses;
    size_t count, next; /* next: index of the first address not tried */
    bool more;          /* more addresses may be added */
    uint16_t port;
    uint32_t timeout_ms;
    struct list attempts; /* attempts in progress, oldest first */
    size_t open;
    struct timer deadline, stagger;
    uint64_t deadline_us;
    bool expired;  /* the deadline ended some attempts */
    int sys_errno; /* errno of the most informative failure so far; 0: none */
    int want;      /* errno of the shortage for which the next address could not be tried; 0: none */
    char address[64];
    dial_done_fn *done;
    void *arg;
};

static void on_attempt_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

/* Ends an attempt and closes its socket, unless the dialler keeps it. */
static void attempt_end(struct attempt *a, bool keep_fd)
{
    list_remove(&a->link);
    a->dial->open--;
    uv_close((uv_handle_t *)&a->poll, on_attempt_closed);
    if (!keep_fd)
        (void)close(a->fd);
}

static void end_attempts(struct dial *d)
{
    struct list *l;
    while ((l = d->attempts.next) != &d->attempts)
        attempt_end(list_entry(l, struct attempt, link), false);
}

static void dial_free(struct dial *d)
{
    end_attempts(d);
    timer_disarm(d->timers, &d->deadline);
    timer_disarm(d->timers, &d->stagger);
    mem_free(d->addresses);
    mem_free(d);
}

static void dial_end(struct dial *d, int fd, enum ended ended, enum cause_id cause)
{
    struct dial_result r = {
        .fd = fd, .ended = ended, .cause = cause, .sys_errno = d->want && fd < 0 ? d->want : d->sys_errno};
    memcpy(r.address, d->address, sizeof(r.address));
    dial_done_fn *done = d->done;
    void *arg = d->arg;
    dial_free(d);
    done(arg, &r);
}

/* Whether this machine lacks a resource: the address was then not tried and its server is not to blame. */
static bool is_want(int e)
{
    return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

/*
 * Ranks failures by how much they say. A shortage on this machine ranks first, then an answer of the server's
 * host, then one of a router on the way; last, that this machine does not support the protocol.
 */
static int telling(int e)
{
    if (is_want(e))
        return 6;
    switch (e) {
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
    (void)status; /* libuv reports EBADF for every error: the socket has the real one */
    (void)events;
    struct attempt *a = poll->data;
    struct dial *d = a->dial;
    int e = 0;
    socklen_t len = sizeof(e);
    if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0)
        e = errno;
    if (e == 0) {
        int fd = a->fd;
        address_text(&a->address.any, d->address);
        attempt_end(a, true);
        d->sys_errno = 0;
        dial_end(d, fd, ENDED_COMPLETE, CAUSE_ok);
        return;
    }
    attempt_end(a, false);
    dial_failed(d, e);
    dial_next(d);
}

/* Starts to connect to one address. Returns 0 if in progress, else the errno. */
static int attempt_start(struct dial *d, const union address *address)
{
    int fd = socket_open(address->any.sa_family, SOCK_STREAM);
    if (fd < 0)
        return -fd;
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
    address_text(&address->any, d->address);
    const struct sockaddr *sa = &a->address.any;
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
    d->open++;
    (void)uv_poll_start(&a->poll, UV_WRITABLE, on_connect);
    return 0;
}

static uint64_t now_us(const struct dial *d)
{
    return d->timers->clock->mono_us(d->timers->clock->arg);
}

static void on_stagger(struct timer *t)
{
    dial_next(list_entry(t, struct dial, stagger));
}

/* Schedules the next address so that the last one still gets a quarter of the time. */
static void stagger_arm(struct dial *d)
{
    uint64_t now = now_us(d), last = d->deadline_us - (uint64_t)d->timeout_ms * 1000 / 4;
    uint64_t us = last > now ? (last - now) / (d->count - d->next) : 0;
    us = us > STAGGER_MAX_US ? STAGGER_MAX_US : us < STAGGER_MIN_US ? STAGGER_MIN_US : us;
    timer_arm(d->timers, &d->stagger, now + us, on_stagger);
}

/* Starts the next address that may be tried; reports the failure if none is left, in progress or expected. */
static void dial_next(struct dial *d)
{
    while (d->next < d->count) {
        union address *address = &d->addresses[d->next++];
        if (address_refused(d->guard, &address->any))
            continue;
        if (d->open == ATTEMPTS_MAX) {
            attempt_end(list_entry(d->attempts.next, struct attempt, link), false);
            dial_failed(d, ETIMEDOUT);
        }
        address_set_port(&address->any, d->port);
        int e = attempt_start(d, address);
        d->want = is_want(e) ? e : 0;
        if (d->want) { /* the address keeps its turn: descriptors may soon be free again */
            d->next--;
            break;
        }
        if (e == 0) {
            if (d->next < d->count)
                stagger_arm(d);
            return;
        }
        dial_failed(d, e);
    }
    timer_disarm(d->timers, &d->stagger);
    if (!list_empty(&d->attempts)) {
        if (d->next < d->count) /* not tried for lack of a resource */
            stagger_arm(d);
        return;
    }
    if (d->more) /* not ended by the clock: the other family has its own deadline */
        timer_disarm(d->timers, &d->deadline);
    else if (d->want) /* not every address was tried */
        dial_end(d, -1, ENDED_ERRNO, CAUSE_ok);
    else
        dial_end(d, -1, d->expired ? ENDED_DEADLINE : d->sys_errno ? ENDED_ERRNO : ENDED_GUARD, CAUSE_ok);
}

static void on_deadline(struct timer *t)
{
    struct dial *d = list_entry(t, struct dial, deadline);
    d->expired = true;
    end_attempts(d);
    d->next = d->count;
    dial_next(d);
}

static void deadline_arm(struct dial *d)
{
    d->deadline_us = now_us(d) + (uint64_t)d->timeout_ms * 1000;
    timer_arm(d->timers, &d->deadline, d->deadline_us, on_deadline);
}

enum err dial_start(uv_loop_t *loop, struct timers *timers, const struct address_guard *guard,
                    const union address *addresses, size_t count, bool more, uint16_t port,
                    uint32_t timeout_ms, dial_done_fn *done, void *arg, struct dial **ret)
{
    struct dial *d = mem_zero(1, sizeof(*d));
    if (!d)
        return ERR_NOMEM;
    d->addresses = mem_zero(count ? count : 1, sizeof(*addresses));
    if (!d->addresses) {
        mem_free(d);
        return ERR_NOMEM;
    }
    memcpy(d->addresses, addresses, count * sizeof(*addresses));
    d->loop = loop;
    d->timers = timers;
    d->guard = guard;
    d->count = count;
    d->more = more;
    d->port = port;
    d->timeout_ms = timeout_ms;
    d->done = done;
    d->arg = arg;
    list_init(&d->attempts);
    deadline_arm(d);
    *ret = d;
    dial_next(d);
    return ERR_NONE;
}

static bool is_tried(const struct dial *d, union address address)
{
    address_set_port(&address.any, d->port);
    for (size_t i = 0; i < d->next; i++) {
        union address tried = d->addresses[i];
        address_set_port(&tried.any, d->port); /* an address refused by the guard has no port yet */
        if (memcmp(&tried, &address, sizeof(address)) == 0)
            return true;
    }
    return false;
}

void dial_add(struct dial *d, const union address *addresses, size_t count)
{
    d->more = false;
    union address *all = mem_zero(d->next + count + 1, sizeof(*all));
    if (all) { /* otherwise the addresses it has must do */
        size_t n = d->next;
        memcpy(all, d->addresses, n * sizeof(*all));
        for (size_t i = 0; i < count; i++)
            if (!is_tried(d, addresses[i]))
                all[n++] = addresses[i];
        mem_free(d->addresses);
        d->addresses = all;
        d->count = n;
    }
    if (d->next < d->count)
        deadline_arm(d);
    if (!d->stagger.armed)
        dial_next(d);
}

void dial_cancel(struct dial *d)
{
    dial_free(d);
}
