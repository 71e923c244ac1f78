/* The publisher: calls prepared once, patched in place and posted over kept connections, one open call on
 * each. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench.h"

#define ANSWER_MAX 65536u
#define PARALLEL 32u /* connections for setting up */
#define SAMPLE                                                                                               \
    "{\"type\":\"message\"," PUBLISHER_MARK "0000000000000000\",\"mode\":\"active\","                        \
    "\"timestamp\":1700000000000,\"source\":{\"type\":\"user\",\"userId\":"                                  \
    "\"U4af4980629e1a2b3c4d5e6f708192a3b\"},\"replyToken\":\"nHuyWiB7yP5Zw52FIkcQobQuGDXCTA\","              \
    "\"message\":{\"id\":\"444573844083572737\",\"type\":\"text\",\"text\":\""

static int dial(const struct node *n)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)n->port)};
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
        report_die("cannot connect to the node: %s", strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static char *make(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *make(const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *p = n >= 0 ? mem_alloc((size_t)n + 1) : NULL;
    if (!p)
        report_die("out of memory");
    (void)vsnprintf(p, (size_t)n + 1, format, again);
    va_end(args);
    va_end(again);
    return p;
}

static void send_call(int fd, const struct node *n, const char *method, const char *path, const char *body)
{
    AUTO_FREE char *text = make("%s %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"
                                "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                                method, path, n->key, strlen(body), body);
    size_t len = strlen(text);
    if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
        report_die("%s %s: %s", method, path, strerror(errno));
}

/* Length of the answer at the front, 0: not whole. */
static size_t answer_length(const char *p, size_t len, int *ret_status, struct span *ret_body)
{
    const char *end = memmem(p, len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end - p) + 4, body = 0;
    for (const char *l = p; (l = memchr(l, '\n', (size_t)(end - l))); l++)
        if (strncasecmp(l + 1, "content-length:", 15) == 0)
            body = strtoul(l + 16, NULL, 10);
    if (len < head + body)
        return 0;
    *ret_status = (int)strtol(p + 9, NULL, 10);
    *ret_body = (struct span){p + head, body};
    return head + body;
}

static int receive_answer(int fd, char *buffer, size_t size, struct span *ret_body)
{
    int status;
    for (size_t used = 0; used < size;) {
        ssize_t n = recv(fd, buffer + used, size - used, 0);
        if (n <= 0)
            break;
        used += (size_t)n;
        if (answer_length(buffer, used, &status, ret_body))
            return status;
    }
    report_die("the node gave no answer");
}

/* The same call for every channel (or, without ids, count times), many at once; each answer is given to
 * fn. */
static void call_all(const struct node *n, size_t count, const char *method, const int64_t *ids,
                     const char *body, void (*fn)(size_t at, int status, struct span body, void *arg),
                     void *arg)
{
    static char buffer[ANSWER_MAX];
    int fds[PARALLEL];
    size_t lanes = count < PARALLEL ? count : PARALLEL;
    for (size_t i = 0; i < lanes; i++)
        fds[i] = dial(n);
    for (size_t at = 0; at < count; at += lanes) {
        for (size_t i = 0; i < lanes && at + i < count; i++) {
            char path[64] = "/api/v1/channels";
            if (ids)
                (void)snprintf(path, sizeof(path), "/api/v1/channels/%lld", (long long)ids[at + i]);
            send_call(fds[i], n, method, path, body);
        }
        for (size_t i = 0; i < lanes && at + i < count; i++) {
            struct span answered;
            int status = receive_answer(fds[i], buffer, sizeof(buffer), &answered);
            fn(at + i, status, answered, arg);
        }
    }
    for (size_t i = 0; i < lanes; i++)
        (void)close(fds[i]);
}

static void take_id(size_t at, int status, struct span body, void *arg)
{
    struct channels *c = arg;
    static const char mark[] = "\"channelId\":\"";
    const char *p = memmem(body.ptr, body.len, mark, sizeof(mark) - 1);
    if (status != 201 || !p)
        report_die("a channel was not made: %d %.*s", status, (int)body.len, body.ptr);
    c->ids[at] = strtoll(p + sizeof(mark) - 1, NULL, 10);
}

struct channels publisher_channels(const struct node *n, size_t count, const char *url, bool redelivery)
{
    struct channels c = {mem_zero(count, sizeof(int64_t)), count};
    if (!c.ids)
        report_die("out of memory");
    AUTO_FREE char *body =
        make("{\"name\":\"bench\",\"webhookUrl\":\"%s\",\"useWebhook\":true,\"webhookRedelivery\":%s}", url,
             redelivery ? "true" : "false");
    call_all(n, count, "POST", NULL, body, take_id, &c);
    return c;
}

static void want_ok(size_t at, int status, struct span body, void *arg)
{
    if (status != 200)
        report_die("a channel was not changed: %d %.*s", status, (int)body.len, body.ptr);
}

void publisher_patch(const struct node *n, const struct channels *c, const char *json)
{
    call_all(n, c->count, "PATCH", c->ids, json, want_ok, NULL);
}

void publisher_free(struct channels *c)
{
    mem_free(c->ids);
    *c = (struct channels){0};
}

double publisher_metric(const struct node *n, const char *name)
{
    static char buffer[ANSWER_MAX * 4];
    struct span body;
    int fd = dial(n);
    send_call(fd, n, "GET", "/metrics", "");
    int status = receive_answer(fd, buffer, sizeof(buffer), &body);
    (void)close(fd);
    size_t len = strlen(name);
    for (const char *p = body.ptr, *end = p + body.len; status == 200 && p && p < end; p++) {
        if ((size_t)(end - p) > len && strncmp(p, name, len) == 0 && p[len] == ' ')
            return strtod(p + len, NULL);
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p)
            break;
    }
    return -1;
}

char *publisher_body(unsigned batch, unsigned event_size, size_t *ret_len)
{
    size_t fixed = sizeof(SAMPLE) - 1 + 3, size = event_size > fixed ? event_size : fixed, at = 0;
    char *p = mem_alloc(batch * (size + 1) + 32);
    if (!p)
        report_die("out of memory");
    memcpy(p, "{\"events\":[", 11);
    at = 11;
    for (unsigned i = 0; i < batch; i++) {
        if (i)
            p[at++] = ',';
        memcpy(p + at, SAMPLE, sizeof(SAMPLE) - 1);
        at += sizeof(SAMPLE) - 1;
        memset(p + at, 'x', size - fixed);
        at += size - fixed;
        memcpy(p + at, "\"}}", 3);
        at += 3;
    }
    memcpy(p + at, "]}", 3);
    *ret_len = at + 2;
    return p;
}

struct client {
    int fd;
    char *call; /* the whole request */
    size_t sent, used;
    uint64_t began;
    char *answer;
};

/* All of one run. Every call has the same bytes but for the channel's number and the times. */
struct run {
    const struct load *load;
    struct load_result *result;
    char *call;
    size_t call_len, id_at;
    size_t *marks; /* of load->batch times */
    struct client *clients;
    unsigned *free; /* clients without an open call */
    unsigned free_count;
    int epoll;
    uint64_t posted;
    size_t turn; /* channel */
};

static void prepare(struct run *r)
{
    size_t body_len;
    AUTO_FREE char *body = publisher_body(r->load->batch, r->load->event_size, &body_len);
    static const char path[] = "POST /api/v1/channels/";
    r->call = make("%s0000000000/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                   path, r->load->node->key, body_len, body);
    r->call_len = strlen(r->call);
    r->id_at = sizeof(path) - 1;
    r->marks = mem_zero(r->load->batch, sizeof(size_t));
    if (!r->marks)
        report_die("out of memory");
    const char *p = r->call;
    for (unsigned i = 0; i < r->load->batch; i++) {
        p = strstr(p, PUBLISHER_MARK) + sizeof(PUBLISHER_MARK) - 1;
        r->marks[i] = (size_t)(p - r->call);
    }
}

static void write_digits(char *to, unsigned count, uint64_t n)
{
    while (count-- > 0) {
        to[count] = (char)('0' + n % 10);
        n /= 10;
    }
}

static void push(struct client *c, size_t len)
{
    ssize_t n = send(c->fd, c->call + c->sent, len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        report_die("posting: %s", strerror(errno));
    c->sent += n > 0 ? (size_t)n : 0;
}

static void post(struct run *r, struct client *c, uint64_t now)
{
    c->began = now;
    c->sent = c->used = 0;
    const struct channels *channels = r->load->channels;
    write_digits(c->call + r->id_at, 10, (uint64_t)channels->ids[r->turn++ % channels->count]);
    char time[16];
    write_digits(time, 16, now);
    for (unsigned i = 0; i < r->load->batch; i++)
        memcpy(c->call + r->marks[i], time, 16);
    r->posted += r->load->batch;
    push(c, r->call_len);
    if (c->sent < r->call_len) {
        struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
        (void)epoll_ctl(r->epoll, EPOLL_CTL_MOD, c->fd, &e);
    }
}

/* An answer came: counted, and the client is free. */
static void conclude(struct run *r, struct client *c, int status, struct span body)
{
    if (status == 202) {
        r->result->accepted += r->load->batch;
        hist_add(&r->result->latency, bench_now_us() - c->began);
    } else if (status == 429 || status == 503) {
        r->result->refused += r->load->batch;
    } else {
        report_die("a call was answered %d: %.*s", status, (int)body.len, body.ptr);
    }
    r->free[r->free_count++] = (unsigned)(c - r->clients);
}

static void on_event(struct run *r, const struct epoll_event *e)
{
    struct client *c = e->data.ptr;
    if (e->events & EPOLLOUT) {
        push(c, r->call_len);
        if (c->sent == r->call_len) {
            struct epoll_event in = {.events = EPOLLIN, .data.ptr = c};
            (void)epoll_ctl(r->epoll, EPOLL_CTL_MOD, c->fd, &in);
        }
    }
    if (!(e->events & ~(uint32_t)EPOLLOUT))
        return;
    ssize_t n = recv(c->fd, c->answer + c->used, ANSWER_MAX - c->used, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        report_die("the node closed a connection of the publisher");
    c->used += (size_t)n;
    int status;
    struct span body;
    if (answer_length(c->answer, c->used, &status, &body))
        conclude(r, c, status, body);
}

/* How many events should have been posted by now. */
static uint64_t allowed(const struct run *r, uint64_t began, uint64_t now)
{
    const struct load *l = r->load;
    if ((double)(now - began) >= l->seconds * 1e6)
        return r->posted; /* no more */
    if (l->rate <= 0)
        return l->events;
    uint64_t due = (uint64_t)(l->rate * (double)(now - began) / 1e6);
    return due < l->events ? due : l->events;
}

static void open_clients(struct run *r)
{
    unsigned n = r->load->connections;
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    r->clients = mem_zero(n, sizeof(*r->clients));
    r->free = mem_zero(n, sizeof(*r->free));
    if (!r->clients || !r->free)
        report_die("out of memory");
    for (unsigned i = 0; i < n; i++) {
        struct client *c = &r->clients[i];
        c->fd = dial(r->load->node);
        c->call = mem_dup(r->call, r->call_len);
        c->answer = mem_alloc(ANSWER_MAX);
        if (!c->call || !c->answer)
            report_die("out of memory");
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        (void)epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &e);
        r->free[r->free_count++] = i;
    }
}

static double own_cpu_s(void)
{
    struct timespec spent = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

void publisher_run(const struct load *load, struct load_result *ret)
{
    *ret = (struct load_result){0};
    struct run r = {.load = load, .result = ret};
    prepare(&r);
    open_clients(&r);
    uint64_t began = bench_now_us(), now = began;
    double cpu_s = own_cpu_s();
    for (;;) {
        uint64_t due = allowed(&r, began, now);
        while (r.free_count > 0 && r.posted < due)
            post(&r, &r.clients[r.free[--r.free_count]], now);
        bool over = r.posted >= load->events || (double)(now - began) >= load->seconds * 1e6;
        if (over && r.free_count == load->connections)
            break;
        struct epoll_event events[128];
        int n = epoll_wait(r.epoll, events, 128, load->rate > 0 ? 1 : 1000);
        for (int i = 0; i < n; i++)
            on_event(&r, &events[i]);
        now = bench_now_us();
        if ((double)(now - began) > (load->seconds + 30) * 1e6)
            report_die("calls were not answered within 30 s");
    }
    ret->seconds = (double)(bench_now_us() - began) / 1e6;
    ret->cpu_s = own_cpu_s() - cpu_s;
    for (unsigned i = 0; i < load->connections; i++) {
        (void)close(r.clients[i].fd);
        mem_free(r.clients[i].call);
        mem_free(r.clients[i].answer);
    }
    (void)close(r.epoll);
    mem_free(r.clients);
    mem_free(r.free);
    mem_free(r.marks);
    mem_free(r.call);
}
