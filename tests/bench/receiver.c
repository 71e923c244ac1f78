/* Bot servers. The clear one is as cheap as a server can be, so that it costs the machine little beside the
 * node under test. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "bench.h"
#include "server/server.h"

#define READ_SIZE 65536u
#define HELD_MAX (4u << 20)

struct conn {
    int fd;
    bool silent, counted;
    size_t head_end, length; /* of the request being read; head_end 0: not known yet */
    size_t used, alloc;
    char *data; /* what is left of earlier reads; NULL while there is nothing */
};

struct receiver_thread {
    struct receiver receiver;
    int epoll, listening[2];
    const char *cert, *key;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ready;
    bool is_ready;
};

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static const char failure[] = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno";

static uint64_t digits(const char *p)
{
    uint64_t n = 0;
    for (int i = 0; i < 16; i++)
        n = n * 10 + (uint64_t)(p[i] - '0');
    return n;
}

static void count_events(struct receiver *r, struct span body)
{
    static const size_t mark = sizeof(PUBLISHER_MARK) - 1;
    uint64_t now = bench_now_us(), n = 0;
    const char *p = body.ptr, *end = body.ptr + body.len;
    while ((p = memmem(p, (size_t)(end - p), PUBLISHER_MARK, mark)) && end - p >= (long)mark + 16) {
        uint64_t then = digits(p + mark);
        hist_add(&r->latency, now > then ? now - then : 0);
        n++;
        p += mark + 16;
    }
    atomic_fetch_add_explicit(&r->events, n, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->requests, 1, memory_order_relaxed);
}

/* Length of the head with its empty line, 0: not whole; *ret_length is Content-Length. */
static size_t read_head(struct span s, size_t *ret_length)
{
    const char *end = memmem(s.ptr, s.len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    *ret_length = 0;
    for (const char *p = memchr(s.ptr, '\n', (size_t)(end - s.ptr)); p && p < end;
         p = memchr(p + 1, '\n', (size_t)(end - p)))
        if (strncasecmp(p + 1, "content-length:", 15) == 0)
            *ret_length = strtoul(p + 16, NULL, 10);
    return (size_t)(end - s.ptr) + 4;
}

static void close_conn(struct receiver_thread *t, struct conn *c)
{
    struct receiver *r = &t->receiver;
    /* By hand: a child that is just being spawned may still hold the descriptor, and then close() takes
     * nothing off the list. */
    (void)epoll_ctl(t->epoll, EPOLL_CTL_DEL, c->fd, NULL);
    (void)close(c->fd);
    mem_free(c->data);
    mem_free(c);
    atomic_fetch_sub_explicit(&r->connections, 1, memory_order_relaxed);
}

/* Takes the whole requests at the front of s; returns the bytes taken. */
static size_t take_requests(struct receiver *r, struct conn *c, struct span s, unsigned *answers)
{
    size_t taken = 0;
    while (taken < s.len) {
        struct span rest = {s.ptr + taken, s.len - taken};
        if (!c->head_end && !(c->head_end = read_head(rest, &c->length)))
            break;
        if (c->silent && !c->counted) {
            c->counted = true;
            atomic_fetch_add_explicit(&r->silent, 1, memory_order_relaxed);
        }
        if (rest.len < c->head_end + c->length)
            break;
        if (!c->silent) {
            count_events(r, (struct span){rest.ptr + c->head_end, c->length});
            ++*answers;
        }
        taken += c->head_end + c->length;
        c->head_end = 0;
        c->counted = false;
    }
    return taken;
}

static bool keep(struct conn *c, struct span rest)
{
    if (c->used + rest.len > c->alloc) {
        size_t want = (c->used + rest.len) * 2;
        char *p = want <= HELD_MAX * 2 ? mem_resize(c->data, want) : NULL;
        if (!p)
            return false;
        c->data = p;
        c->alloc = want;
    }
    memcpy(c->data + c->used, rest.ptr, rest.len);
    c->used += rest.len;
    return true;
}

static bool is_failure(struct receiver *r)
{
    static unsigned answered; /* one thread answers */
    unsigned every = atomic_load_explicit(&r->fail_every, memory_order_relaxed);
    return every && ++answered % every == 0;
}

/* false: the connection is at its end. */
static bool serve(struct receiver *r, struct conn *c, char *scratch)
{
    ssize_t n = recv(c->fd, scratch, READ_SIZE, 0);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    struct span s = {scratch, (size_t)n};
    unsigned answers = 0;
    if (c->used) {
        if (!keep(c, s))
            return false;
        size_t taken = take_requests(r, c, (struct span){c->data, c->used}, &answers);
        memmove(c->data, c->data + taken, c->used - taken);
        c->used -= taken;
    } else {
        size_t taken = take_requests(r, c, s, &answers);
        s = (struct span){s.ptr + taken, s.len - taken};
        if (s.len && !keep(c, s))
            return false;
    }
    if (!c->used && c->data) {
        mem_free(c->data);
        c->data = NULL;
        c->alloc = 0;
    }
    for (; answers > 0; answers--) {
        bool fails = is_failure(r);
        if (send(c->fd, fails ? failure : answer, (fails ? sizeof(failure) : sizeof(answer)) - 1,
                 MSG_NOSIGNAL) < 0)
            return false;
    }
    return true;
}

static int listener(int *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 4096) ||
        getsockname(fd, (struct sockaddr *)&a, &len))
        report_die("cannot listen: %s", strerror(errno));
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void accept_all(struct receiver_thread *t, int which)
{
    for (int fd; (fd = accept4(t->listening[which], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        int one = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        struct conn *c = mem_zero(1, sizeof(*c));
        if (!c)
            report_die("receiver: out of memory");
        c->fd = fd;
        c->silent = which == 1;
        atomic_fetch_add_explicit(&t->receiver.connections, 1, memory_order_relaxed);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        (void)epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &e);
    }
}

static void *receive(void *arg)
{
    struct receiver_thread *t = arg;
    struct epoll_event events[256];
    static char scratch[READ_SIZE];
    for (;;) {
        int n = epoll_wait(t->epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            int *fd = events[i].data.ptr;
            if (fd == &t->listening[0] || fd == &t->listening[1]) {
                accept_all(t, fd == &t->listening[1]);
                continue;
            }
            struct conn *c = events[i].data.ptr;
            if (!serve(&t->receiver, c, scratch))
                close_conn(t, c);
        }
    }
    return NULL;
}

double receiver_cpu_s(const struct receiver *r)
{
    const struct receiver_thread *t = (const struct receiver_thread *)(const void *)r; /* its first member */
    clockid_t clock;
    struct timespec spent = {0};
    if (pthread_getcpuclockid(t->thread, &clock) == 0)
        (void)clock_gettime(clock, &spent);
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

static void start_thread(struct receiver_thread *t, void *(*run)(void *), const char *name)
{
    if (pthread_create(&t->thread, NULL, run, t))
        report_die("cannot start a thread");
    (void)pthread_setname_np(t->thread, name);
}

struct receiver *receiver_start(void)
{
    struct receiver_thread *t = mem_zero(1, sizeof(*t));
    if (!t)
        report_die("out of memory");
    t->epoll = epoll_create1(EPOLL_CLOEXEC);
    t->listening[0] = listener(&t->receiver.port);
    t->listening[1] = listener(&t->receiver.silent_port);
    for (int i = 0; i < 2; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &t->listening[i]};
        if (epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->listening[i], &e))
            report_die("epoll: %s", strerror(errno));
    }
    start_thread(t, receive, "receiver");
    return &t->receiver;
}

static void handle(void *arg, struct server_request *req)
{
    struct receiver_thread *t = arg;
    count_events(&t->receiver, server_body(req));
    server_respond(req, 200, NULL, 0, SPAN_LIT("ok"));
}

static void *receive_tls(void *arg)
{
    struct receiver_thread *t = arg;
    uv_loop_t loop;
    struct server *server = NULL;
    struct server_config config = {
        .listen = "127.0.0.1:0", .tls_cert = t->cert, .tls_key = t->key, .handler = handle, .arg = t};
    if (uv_loop_init(&loop) || server_new(&server, &loop, &config))
        report_die("cannot start a receiver with TLS");
    char address[64];
    server_address(server, address);
    (void)pthread_mutex_lock(&t->lock);
    t->receiver.port = (int)strtol(strrchr(address, ':') + 1, NULL, 10);
    t->is_ready = true;
    (void)pthread_cond_signal(&t->ready);
    (void)pthread_mutex_unlock(&t->lock);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return NULL;
}

struct receiver *receiver_start_tls(const char *cert, const char *key)
{
    struct receiver_thread *t = mem_zero(1, sizeof(*t));
    if (!t)
        report_die("out of memory");
    t->cert = cert;
    t->key = key;
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->ready, NULL);
    start_thread(t, receive_tls, "receiver-tls");
    (void)pthread_mutex_lock(&t->lock);
    while (!t->is_ready)
        (void)pthread_cond_wait(&t->ready, &t->lock);
    (void)pthread_mutex_unlock(&t->lock);
    return &t->receiver;
}
