#include "net/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "net/dns_message.h"

#define QUERY_TIMEOUT_MS 500 /* before c-ares asks again: a lost datagram costs half a second of the two */
#define QUERY_TRIES 4
#define RESOLUTION_DELAY_US 50000 /* RFC 8305 3: how long the other family is waited for */
#define TTL_MAX_S 300             /* an answer is asked for anew at least so often, whatever it says */

/* What became of one family's query. */
enum family_state {
    FAMILY_PENDING,
    FAMILY_ADDRESSES,
    FAMILY_FAILED, /* with a cause */
};

struct family {
    struct resolve_query *query;
    enum family_state state;
    enum cause_id cause;
    struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX];
    size_t count;
    uint32_t ttl_s;
    bool outstanding; /* c-ares will still call back */
    bool again;       /* asked for the second time, of the other servers */
};

struct resolve_query {
    struct resolver *resolver;
    struct list link;
    struct family v4, v6;
    struct timer deadline, delay;
    bool over; /* answered or cancelled: waits only for c-ares to let go */
    resolve_done_fn *done;
    void *arg;
    char host[256];
};

/*
 * c-ares either hands us SERVFAIL, REFUSED and NOTIMP as they are (ARES_FLAG_NOCHECKRESP), or asks the next server for us and forgets
 * what the first one said. An honest cause needs the former, a host with two resolvers the latter: so there are two channels, and
 * such an answer is asked for again on the second where there is another server to ask.
 */
enum channel_use { CHANNEL_PLAIN, CHANNEL_FAILOVER, CHANNEL_COUNT };

struct channel_slot {
    ares_channel ares;
    bool open;
    struct resolver *resolver;
};

/* One socket of c-ares under the loop's eyes. */
struct watch {
    struct list link;
    uv_poll_t poll;
    ares_socket_t fd;
    struct channel_slot *slot;
};

struct resolver {
    uv_loop_t *loop;
    struct timers *timers;
    struct channel_slot slots[CHANNEL_COUNT]; /* the second is open where there are several servers */
    struct list watches, queries;
    struct timer tick; /* c-ares' own time-outs */
    unsigned handles;  /* watches not yet closed */
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
};

static void resolver_maybe_free(struct resolver *r)
{
    if (!r->closing || r->handles > 0)
        return;
    void (*closed)(void *) = r->closed;
    void *arg = r->closed_arg;
    mem_free(r);
    if (closed)
        closed(arg);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *w = handle->data;
    struct resolver *r = w->slot->resolver;
    mem_free(w);
    r->handles--;
    resolver_maybe_free(r);
}

static void watch_close(struct watch *w)
{
    list_remove(&w->link);
    uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

static void on_tick(struct timer *t);

/* c-ares counts its time-outs only when asked to. */
static void tick_arm(struct resolver *r)
{
    if (list_empty(&r->queries)) {
        timer_disarm(r->timers, &r->tick);
        return;
    }
    uint64_t wait = 1000000;
    for (size_t i = 0; i < CHANNEL_COUNT; i++) {
        struct timeval most = {.tv_sec = 1}, tv;
        if (!r->slots[i].open)
            continue;
        const struct timeval *next = ares_timeout(r->slots[i].ares, &most, &tv);
        uint64_t us = (uint64_t)next->tv_sec * 1000000u + (uint64_t)next->tv_usec;
        wait = us < wait ? us : wait;
    }
    timer_arm(r->timers, &r->tick, r->timers->clock->mono_us(r->timers->clock->arg) + wait + 1000, on_tick);
}

static void on_tick(struct timer *t)
{
    struct resolver *r = list_entry(t, struct resolver, tick);
    for (size_t i = 0; i < CHANNEL_COUNT; i++)
        if (r->slots[i].open)
            ares_process_fd(r->slots[i].ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    tick_arm(r);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    struct channel_slot *slot = w->slot;
    bool in = status < 0 || (events & UV_READABLE), out = status < 0 || (events & UV_WRITABLE);
    ares_socket_t fd = w->fd; /* w may be closed by the call */
    ares_process_fd(slot->ares, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
    tick_arm(slot->resolver);
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct channel_slot *slot = arg;
    struct resolver *r = slot->resolver;
    struct watch *w = NULL;
    for (struct list *l = r->watches.next; l != &r->watches; l = l->next)
        if (list_entry(l, struct watch, link)->fd == fd && list_entry(l, struct watch, link)->slot == slot)
            w = list_entry(l, struct watch, link);
    if (!readable && !writable) {
        if (w)
            watch_close(w);
        return;
    }
    if (!w) {
        w = mem_zero(1, sizeof(*w));
        if (!w)
            return; /* unseen, the query runs into its time-out */
        if (uv_poll_init(r->loop, &w->poll, fd) != 0) {
            mem_free(w);
            return;
        }
        w->poll.data = w;
        w->fd = fd;
        w->slot = slot;
        r->handles++;
        list_push_back(&r->watches, &w->link);
    }
    (void)uv_poll_start(&w->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_socket);
}

/* "ADDR:PORT", an IPv6 address in brackets; the port may be missing. */
static enum err parse_server(const char *text, struct ares_addr_port_node *ret)
{
    char host[64];
    const char *end, *port;
    if (*text == '[') {
        end = strchr(++text, ']');
        port = end ? end + 1 : NULL;
    } else {
        end = strchrnul(text, ':');
        port = end;
    }
    if (!end || (size_t)(end - text) >= sizeof(host))
        return ERR_INVALID;
    memcpy(host, text, (size_t)(end - text));
    host[end - text] = '\0';
    *ret = (struct ares_addr_port_node){.family = AF_INET};
    if (inet_pton(AF_INET, host, &ret->addr.addr4) != 1) {
        ret->family = AF_INET6;
        if (inet_pton(AF_INET6, host, &ret->addr.addr6) != 1)
            return ERR_INVALID;
    }
    unsigned long n = NS_DEFAULTPORT;
    if (*port) {
        char *stop = NULL;
        n = port[0] == ':' && port[1] >= '0' && port[1] <= '9' ? strtoul(port + 1, &stop, 10) : 0;
        if (n == 0 || n > 65535 || *stop)
            return ERR_INVALID;
    }
    ret->udp_port = ret->tcp_port = (int)n;
    return ERR_NONE;
}

static enum err slot_open(struct resolver *r, enum channel_use use, struct ares_addr_port_node *server)
{
    struct channel_slot *slot = &r->slots[use];
    slot->resolver = r;
    struct ares_options options = {
        .flags = use == CHANNEL_PLAIN ? ARES_FLAG_NOCHECKRESP : 0,
        .timeout = QUERY_TIMEOUT_MS,
        .tries = QUERY_TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = slot,
    };
    int rc = ares_init_options(&slot->ares, &options,
                               ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    slot->open = rc == ARES_SUCCESS;
    if (rc == ARES_SUCCESS && server)
        rc = ares_set_servers_ports(slot->ares, server);
    return rc == ARES_SUCCESS ? ERR_NONE : rc == ARES_ENOMEM ? ERR_NOMEM : ERR_IO;
}

static bool has_several_servers(struct resolver *r)
{
    struct ares_addr_port_node *servers = NULL;
    if (ares_get_servers_ports(r->slots[CHANNEL_PLAIN].ares, &servers) != ARES_SUCCESS)
        return false;
    bool several = servers && servers->next;
    ares_free_data(servers);
    return several;
}

enum err resolver_new(struct resolver **ret, uv_loop_t *loop, struct timers *timers, const char *server)
{
    struct ares_addr_port_node parsed;
    enum err e = server ? parse_server(server, &parsed) : ERR_NONE;
    if (e)
        return e;
    struct resolver *r = mem_zero(1, sizeof(*r));
    if (!r)
        return ERR_NOMEM;
    r->loop = loop;
    r->timers = timers;
    list_init(&r->watches);
    list_init(&r->queries);
    e = slot_open(r, CHANNEL_PLAIN, server ? &parsed : NULL);
    if (!e && has_several_servers(r))
        e = slot_open(r, CHANNEL_FAILOVER, NULL);
    if (e) {
        resolver_close(r, NULL, NULL);
        return e;
    }
    *ret = r;
    return ERR_NONE;
}

void resolver_close(struct resolver *r, void (*closed)(void *arg), void *arg)
{
    r->closing = true;
    r->closed = closed;
    r->closed_arg = arg;
    for (size_t i = 0; i < CHANNEL_COUNT;
         i++) /* every outstanding callback runs now, every socket is given up */
        if (r->slots[i].open)
            ares_destroy(r->slots[i].ares);
    timer_disarm(r->timers, &r->tick);
    r->handles++; /* hold on while the watches close */
    struct list *l;
    while ((l = list_pop_front(&r->watches)) != NULL)
        watch_close(list_entry(l, struct watch, link));
    r->handles--;
    resolver_maybe_free(r);
}

static void query_free_if_idle(struct resolve_query *q)
{
    if (!q->over || q->v4.outstanding || q->v6.outstanding)
        return;
    list_remove(&q->link);
    mem_free(q);
}

static void query_stop(struct resolve_query *q)
{
    q->over = true;
    timer_disarm(q->resolver->timers, &q->deadline);
    timer_disarm(q->resolver->timers, &q->delay);
}

static void query_answer(struct resolve_query *q, const struct resolve_result *result)
{
    query_stop(q);
    q->done(q->arg, result);
    query_free_if_idle(q);
}

/* IPv6 first, then by turns (RFC 8305 4). */
static void query_answer_addresses(struct resolve_query *q)
{
    struct resolve_result result = {.ended = ENDED_COMPLETE, .cause = CAUSE_ok, .ttl_s = TTL_MAX_S};
    const struct family *families[2] = {&q->v6, &q->v4};
    for (size_t i = 0; i < RESOLVE_ADDRESSES_MAX; i++)
        for (size_t f = 0; f < 2; f++)
            if (families[f]->state == FAMILY_ADDRESSES && i < families[f]->count &&
                result.count < RESOLVE_ADDRESSES_MAX)
                result.addresses[result.count++] = families[f]->addresses[i];
    for (size_t f = 0; f < 2; f++)
        if (families[f]->state == FAMILY_ADDRESSES && families[f]->ttl_s < result.ttl_s)
            result.ttl_s = families[f]->ttl_s;
    query_answer(q, &result);
}

static void query_answer_failure(struct resolve_query *q, enum cause_id cause)
{
    struct resolve_result result = {.ended = ENDED_DNS, .cause = cause};
    if (cause == CAUSE_local_out_of_memory || cause == CAUSE_local_files || cause == CAUSE_local_internal)
        result.ended = ENDED_LOCAL;
    query_answer(q, &result);
}

/* Of two failed families the one that says more; the name's own non-existence says most, "no such record"
 * least. */
static enum cause_id worse(enum cause_id a, enum cause_id b)
{
    static const enum cause_id order[] = {
        CAUSE_local_out_of_memory, CAUSE_local_files,    CAUSE_dns_nxdomain,     CAUSE_dns_timeout,
        CAUSE_dns_unreachable,     CAUSE_dns_cname_loop, CAUSE_dns_servfail,     CAUSE_dns_refused,
        CAUSE_dns_formerr,         CAUSE_dns_notimp,     CAUSE_dns_bad_response, CAUSE_dns_nodata,
    };
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return a;
}

static void on_delay(struct timer *t)
{
    query_answer_addresses(list_entry(t, struct resolve_query, delay));
}

static void on_deadline(struct timer *t)
{
    struct resolve_query *q = list_entry(t, struct resolve_query, deadline);
    if (q->v4.state == FAMILY_ADDRESSES ||
        q->v6.state == FAMILY_ADDRESSES) /* the other was still waited for */
        query_answer_addresses(q);
    else
        query_answer_failure(q, CAUSE_dns_timeout);
}

/* A family has ended: answer, or wait for the other. */
static void query_advance(struct resolve_query *q)
{
    if (q->over) {
        query_free_if_idle(q);
        return;
    }
    bool pending = q->v4.state == FAMILY_PENDING || q->v6.state == FAMILY_PENDING;
    bool any = q->v4.state == FAMILY_ADDRESSES || q->v6.state == FAMILY_ADDRESSES;
    if (any && !pending) {
        query_answer_addresses(q);
    } else if (any) {
        struct timers *ts = q->resolver->timers;
        if (!q->delay.armed)
            timer_arm(ts, &q->delay, ts->clock->mono_us(ts->clock->arg) + RESOLUTION_DELAY_US, on_delay);
    } else if (q->v4.cause == CAUSE_dns_nxdomain || q->v6.cause == CAUSE_dns_nxdomain) {
        query_answer_failure(q,
                             CAUSE_dns_nxdomain); /* the name does not exist, for either family (RFC 8020) */
    } else if (!pending) {
        query_answer_failure(q, worse(q->v4.cause, q->v6.cause));
    }
}

static enum cause_id cause_of_status(int status)
{
    switch (status) {
    case ARES_ENOTFOUND:
        return CAUSE_dns_nxdomain;
    case ARES_ENODATA:
        return CAUSE_dns_nodata;
    case ARES_ESERVFAIL:
        return CAUSE_dns_servfail;
    case ARES_EREFUSED:
        return CAUSE_dns_refused;
    case ARES_EFORMERR:
        return CAUSE_dns_formerr;
    case ARES_ENOTIMP:
        return CAUSE_dns_notimp;
    case ARES_ETIMEOUT:
        return CAUSE_dns_timeout;
    case ARES_ECONNREFUSED:
        return CAUSE_dns_unreachable;
    case ARES_ENOMEM:
        return CAUSE_local_out_of_memory;
    case ARES_EBADNAME:
    case ARES_EBADRESP:
        return CAUSE_dns_bad_response;
    default:
        return CAUSE_dns_servfail;
    }
}

static void take_v4(struct family *f, const struct ares_addrttl *found, int n)
{
    for (int i = 0; i < n && f->count < RESOLVE_ADDRESSES_MAX; i++) {
        f->state = FAMILY_ADDRESSES;
        *(struct sockaddr_in *)(void *)&f->addresses[f->count++] =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = found[i].ipaddr};
        uint32_t ttl = found[i].ttl > 0 ? (uint32_t)found[i].ttl : 0;
        f->ttl_s = f->count == 1 || ttl < f->ttl_s ? ttl : f->ttl_s;
    }
}

static void take_v6(struct family *f, const struct ares_addr6ttl *found, int n)
{
    for (int i = 0; i < n && f->count < RESOLVE_ADDRESSES_MAX; i++) {
        f->state = FAMILY_ADDRESSES;
        struct sockaddr_in6 *to = (struct sockaddr_in6 *)(void *)&f->addresses[f->count++];
        *to = (struct sockaddr_in6){.sin6_family = AF_INET6};
        memcpy(&to->sin6_addr, &found[i].ip6addr, 16);
        uint32_t ttl = found[i].ttl > 0 ? (uint32_t)found[i].ttl : 0;
        f->ttl_s = f->count == 1 || ttl < f->ttl_s ? ttl : f->ttl_s;
    }
}

static void family_fail(struct family *f, enum cause_id cause)
{
    f->state = FAMILY_FAILED;
    f->cause = cause;
}

/* c-ares says "connection refused" also where no socket could be had at all. */
static bool out_of_descriptors(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE;
    (void)close(fd);
    return false;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *msg, int len);

/* A server that cannot or will not answer: perhaps another can. */
static bool ask_others(struct family *f, enum cause_id cause)
{
    struct resolve_query *q = f->query;
    struct channel_slot *slot = &q->resolver->slots[CHANNEL_FAILOVER];
    bool may = cause == CAUSE_dns_servfail || cause == CAUSE_dns_refused || cause == CAUSE_dns_notimp;
    if (!may || !slot->open || q->resolver->closing)
        return false;
    f->again = true;
    f->cause = cause;
    f->outstanding = true;
    ares_query(slot->ares, q->host, ns_c_in, f == &q->v4 ? ns_t_a : ns_t_aaaa, on_answer, f);
    return true;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *msg, int len)
{
    (void)timeouts;
    struct family *f = arg;
    struct resolve_query *q = f->query;
    f->outstanding = false;
    if (!q->over) {
        int n = RESOLVE_ADDRESSES_MAX;
        bool is_v4 = f == &q->v4;
        struct ares_addrttl v4[RESOLVE_ADDRESSES_MAX];
        struct ares_addr6ttl v6[RESOLVE_ADDRESSES_MAX];
        if (status == ARES_SUCCESS)
            status = is_v4 ? ares_parse_a_reply(msg, len, NULL, v4, &n)
                           : ares_parse_aaaa_reply(msg, len, NULL, v6, &n);
        if (status == ARES_SUCCESS && n > 0) {
            if (is_v4)
                take_v4(f, v4, n);
            else
                take_v6(f, v6, n);
        } else {
            enum cause_id cause = cause_of_status(status == ARES_SUCCESS ? ARES_ENODATA : status);
            if (msg && cause == CAUSE_dns_nodata && dns_has_cname_loop(msg, len))
                cause = CAUSE_dns_cname_loop;
            if (cause == CAUSE_dns_unreachable && out_of_descriptors())
                cause = CAUSE_local_files;
            if (f->again) /* the others have nothing better to say than the first had */
                cause = f->cause;
            else if (ask_others(f, cause))
                return;
            family_fail(f, cause);
        }
    }
    query_advance(q);
}

static void take_hosts_v4(struct resolver *r, struct family *f, const char *host)
{
    struct hostent *found = NULL;
    if (ares_gethostbyname_file(r->slots[CHANNEL_PLAIN].ares, host, AF_INET, &found) != ARES_SUCCESS)
        return;
    for (char **a = found->h_addr_list; *a; a++) {
        struct ares_addrttl one = {.ttl = TTL_MAX_S};
        memcpy(&one.ipaddr, *a, sizeof(one.ipaddr));
        take_v4(f, &one, 1);
    }
    ares_free_hostent(found);
}

static void take_hosts_v6(struct resolver *r, struct family *f, const char *host)
{
    struct hostent *found = NULL;
    if (ares_gethostbyname_file(r->slots[CHANNEL_PLAIN].ares, host, AF_INET6, &found) != ARES_SUCCESS)
        return;
    for (char **a = found->h_addr_list; *a; a++) {
        struct ares_addr6ttl one = {.ttl = TTL_MAX_S};
        memcpy(&one.ip6addr, *a, sizeof(one.ip6addr));
        take_v6(f, &one, 1);
    }
    ares_free_hostent(found);
}

/* /etc/hosts first, as every resolver of the system does; localhost needs no file (RFC 6761 6.3). */
static bool look_up_hosts(struct resolver *r, struct resolve_query *q, const char *host)
{
    take_hosts_v4(r, &q->v4, host);
    take_hosts_v6(r, &q->v6, host);
    size_t len = strlen(host);
    bool localhost =
        strcmp(host, "localhost") == 0 || (len > 10 && strcmp(host + len - 10, ".localhost") == 0);
    if (localhost && q->v4.count + q->v6.count == 0) {
        const struct ares_addrttl v4 = {.ipaddr = {htonl(INADDR_LOOPBACK)}, .ttl = TTL_MAX_S};
        const struct ares_addr6ttl v6 = {.ip6addr = {._S6_un = {._S6_u8 = {[15] = 1}}}, .ttl = TTL_MAX_S};
        take_v4(&q->v4, &v4, 1);
        take_v6(&q->v6, &v6, 1);
    }
    return q->v4.count + q->v6.count > 0;
}

enum err resolve_start(struct resolver *r, const char *host, uint32_t timeout_ms, resolve_done_fn *done,
                       void *arg, struct resolve_query **ret)
{
    struct resolve_query *q = mem_zero(1, sizeof(*q));
    if (!q)
        return ERR_NOMEM;
    q->resolver = r;
    q->v4.query = q->v6.query = q;
    q->done = done;
    q->arg = arg;
    (void)snprintf(q->host, sizeof(q->host), "%s", host);
    *ret = q;
    list_push_back(&r->queries, &q->link);
    if (look_up_hosts(r, q, host)) {
        query_answer_addresses(q);
        return ERR_NONE;
    }
    q->v4.state = q->v6.state = FAMILY_PENDING;
    q->v4.cause = q->v6.cause = CAUSE_ok;
    q->v4.outstanding = q->v6.outstanding = true;
    timer_arm(r->timers, &q->deadline,
              r->timers->clock->mono_us(r->timers->clock->arg) + (uint64_t)timeout_ms * 1000, on_deadline);
    /* c-ares may answer at once: the query lives until both families were asked and have answered. */
    ares_query(r->slots[CHANNEL_PLAIN].ares, host, ns_c_in, ns_t_a, on_answer, &q->v4);
    ares_query(r->slots[CHANNEL_PLAIN].ares, host, ns_c_in, ns_t_aaaa, on_answer, &q->v6);
    tick_arm(r);
    return ERR_NONE;
}

void resolve_cancel(struct resolve_query *q)
{
    query_stop(q);
    query_free_if_idle(q);
}
