#include "net/resolve.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/origin.h"
#include "net/dns_query.h"

#define RESOLUTION_DELAY_US 50000 /* RFC 8305 3: how long to wait for the other family */
#define TTL_MAX_S 300             /* maximum time an answer is cached, whatever its TTL */
#define TTL_UNSURE_S 10           /* the same, where no resolver has answered for the other family */

/* State of one family's question. */
enum family_state {
    FAMILY_PENDING,
    FAMILY_ADDRESSES,
    FAMILY_FAILED, /* with a cause */
};

struct family {
    enum family_state state;
    enum cause_id cause;
    union address addresses[DNS_ADDRESSES_MAX];
    size_t count;
    uint32_t ttl_s;
};

struct resolve_query {
    struct resolver *resolver;
    struct dns_query *dns;
    struct family v4, v6;
    struct timer delay;
    bool told; /* one family's addresses were reported, the other is still being asked for */
    resolve_done_fn *done;
    void *arg;
};

/* c-ares only reads where the system keeps its resolvers and hosts; it sends nothing. */
struct resolver {
    uv_loop_t *loop;
    struct timers *timers;
    ares_channel system;
    struct dns_servers servers;
    bool rotate; /* "options rotate" of resolv.conf */
};

/* ---- the resolvers ---- */

static enum err read_resolv_conf(struct resolver *r)
{
    struct ares_addr_port_node *list = NULL;
    int rc = ares_get_servers_ports(r->system, &list);
    if (rc != ARES_SUCCESS)
        return rc == ARES_ENOMEM ? ERR_NOMEM : err_origin(ERR_IO);
    for (const struct ares_addr_port_node *n = list; n && r->servers.count < DNS_SERVERS_MAX; n = n->next) {
        union address *a = &r->servers.list[r->servers.count++].address;
        if (n->family == AF_INET)
            a->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = n->addr.addr4};
        else {
            a->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
            memcpy(&a->v6.sin6_addr, &n->addr.addr6, sizeof(a->v6.sin6_addr));
        }
        address_set_port(&a->any, n->udp_port ? (uint16_t)n->udp_port : NS_DEFAULTPORT);
    }
    ares_free_data(list);
    struct ares_options options = {0};
    int known = 0;
    r->rotate = ares_save_options(r->system, &options, &known) == ARES_SUCCESS && (known & ARES_OPT_ROTATE);
    ares_destroy_options(&options);
    return r->servers.count > 0 ? ERR_NONE : err_origin(ERR_IO);
}

enum err resolver_new(struct resolver **ret, uv_loop_t *loop, struct timers *timers, const char *server)
{
    struct resolver *r = mem_zero(1, sizeof(*r));
    if (!r)
        return ERR_NOMEM;
    r->loop = loop;
    r->timers = timers;
    enum err e = ERR_NONE;
    if (server) {
        union address *a = &r->servers.list[0].address;
        e = address_parse(server, NS_DEFAULTPORT, a);
        if (!e && a->v4.sin_port == 0) /* the IPv6 port is at the same place */
            e = ERR_INVALID;
        r->servers.count = 1;
    }
    if (!e) {
        int rc = ares_init(&r->system);
        if (rc != ARES_SUCCESS) {
            r->system = NULL;
            e = rc == ARES_ENOMEM ? ERR_NOMEM : err_origin(ERR_IO);
        }
    }
    if (!e && !server)
        e = read_resolv_conf(r);
    if (e) {
        resolver_free(r);
        return e;
    }
    *ret = r;
    return ERR_NONE;
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    if (r->system)
        ares_destroy(r->system);
    mem_free(r);
}

/* ---- answers ---- */

static void query_free(struct resolve_query *q)
{
    timer_disarm(q->resolver->timers, &q->delay);
    dns_query_free(q->dns);
    mem_free(q);
}

/* IPv6 first, then alternating (RFC 8305 4). */
static void gather(const struct resolve_query *q, struct resolve_result *ret)
{
    const struct family *families[2] = {&q->v6, &q->v4};
    ret->count = 0;
    ret->ttl_s = TTL_MAX_S;
    ret->more = false;
    for (size_t i = 0; i < DNS_ADDRESSES_MAX; i++)
        for (size_t f = 0; f < 2; f++)
            if (families[f]->state == FAMILY_ADDRESSES && i < families[f]->count)
                ret->addresses[ret->count++] = families[f]->addresses[i];
    for (size_t f = 0; f < 2; f++) {
        if (families[f]->state == FAMILY_ADDRESSES && families[f]->ttl_s < ret->ttl_s)
            ret->ttl_s = families[f]->ttl_s;
        ret->more = ret->more || families[f]->state == FAMILY_PENDING;
        bool unsure = families[f]->state == FAMILY_FAILED && dns_is_failure(families[f]->cause);
        if (unsure && ret->ttl_s > TTL_UNSURE_S)
            ret->ttl_s = TTL_UNSURE_S;
    }
    ret->ended = ENDED_COMPLETE;
    ret->cause = CAUSE_ok;
}

/* Reports the addresses so far; the query continues if one family is still missing. */
static void query_tell(struct resolve_query *q)
{
    struct resolve_result result;
    gather(q, &result);
    resolve_done_fn *done = q->done;
    void *arg = q->arg;
    q->told = true;
    if (!result.more)
        query_free(q);
    done(arg, &result); /* may cancel the rest of the query */
}

/*
 * The more informative of two failures. NXDOMAIN holds for the name, whichever family was asked for; an
 * unanswered question may have been the one with an address; "no such record" says least.
 */
static enum cause_id worse(enum cause_id a, enum cause_id b)
{
    static const enum cause_id order[] = {
        CAUSE_local_out_of_memory, CAUSE_local_files,     CAUSE_local_buffers,  CAUSE_dns_nxdomain,
        CAUSE_dns_timeout,         CAUSE_dns_unreachable, CAUSE_dns_cname_loop, CAUSE_dns_servfail,
        CAUSE_dns_refused,         CAUSE_dns_formerr,     CAUSE_dns_notimp,     CAUSE_dns_bad_response,
        CAUSE_dns_nodata,
    };
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return a;
}

static void query_fail(struct resolve_query *q, enum cause_id cause)
{
    struct resolve_result result = {.ended = cause_is_local(cause) ? ENDED_LOCAL : ENDED_DNS, .cause = cause};
    resolve_done_fn *done = q->done;
    void *arg = q->arg;
    query_free(q);
    done(arg, &result);
}

static void on_delay(struct timer *t)
{
    query_tell(list_entry(t, struct resolve_query, delay));
}

/* One family is finished: the other is still awaited, whatever the first result. */
static void on_answered(void *arg, enum dns_type type, const struct dns_answer *answer)
{
    struct resolve_query *q = arg;
    struct family *f = type == DNS_A ? &q->v4 : &q->v6;
    f->state = answer->cause == CAUSE_ok ? FAMILY_ADDRESSES : FAMILY_FAILED;
    f->cause = answer->cause;
    f->count = answer->count;
    f->ttl_s = answer->ttl_s;
    memcpy(f->addresses, answer->addresses, answer->count * sizeof(answer->addresses[0]));
    bool pending = q->v4.state == FAMILY_PENDING || q->v6.state == FAMILY_PENDING;
    bool any = q->v4.state == FAMILY_ADDRESSES || q->v6.state == FAMILY_ADDRESSES;
    struct timers *ts = q->resolver->timers;
    if (any && pending)
        timer_arm(ts, &q->delay, ts->clock->mono_us(ts->clock->arg) + RESOLUTION_DELAY_US, on_delay);
    else if (any)
        query_tell(q);
    else if (!pending)
        query_fail(q, worse(q->v4.cause, q->v6.cause));
}

/* ---- /etc/hosts ---- */

static void family_add(struct family *f, int af, const void *bytes)
{
    if (f->count == DNS_ADDRESSES_MAX)
        return;
    union address *a = &f->addresses[f->count++];
    memset(a, 0, sizeof(*a));
    a->any.sa_family = (sa_family_t)af;
    if (af == AF_INET)
        memcpy(&a->v4.sin_addr, bytes, sizeof(a->v4.sin_addr));
    else
        memcpy(&a->v6.sin6_addr, bytes, sizeof(a->v6.sin6_addr));
    f->state = FAMILY_ADDRESSES;
    f->ttl_s = TTL_MAX_S;
}

static void look_up_file(struct resolver *r, struct family *f, int af, const char *host)
{
    struct hostent *found = NULL;
    if (ares_gethostbyname_file(r->system, host, af, &found) != ARES_SUCCESS)
        return;
    for (char **a = found->h_addr_list; *a; a++)
        family_add(f, af, *a);
    ares_free_hostent(found);
}

/* Reads the hosts file first, as every system resolver does; localhost needs no file (RFC 6761 6.3). */
static bool look_up_hosts(struct resolver *r, struct resolve_query *q, const char *host)
{
    q->v4.state = q->v6.state = FAMILY_FAILED;
    look_up_file(r, &q->v4, AF_INET, host);
    look_up_file(r, &q->v6, AF_INET6, host);
    size_t len = strlen(host);
    bool localhost =
        strcmp(host, "localhost") == 0 || (len > 10 && strcmp(host + len - 10, ".localhost") == 0);
    if (localhost && q->v4.count + q->v6.count == 0) {
        const struct in_addr v4 = {htonl(INADDR_LOOPBACK)};
        family_add(&q->v4, AF_INET, &v4);
        family_add(&q->v6, AF_INET6, &in6addr_loopback);
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
    q->done = done;
    q->arg = arg;
    *ret = q;
    if (look_up_hosts(r, q, host)) {
        query_tell(q);
        return ERR_NONE;
    }
    q->v4.state = q->v6.state = FAMILY_PENDING;
    enum err e = dns_query_new(&q->dns, r->loop, r->timers, &r->servers, host, timeout_ms, on_answered, q);
    if (e == ERR_INVALID) { /* such a name cannot be asked for */
        query_fail(q, CAUSE_dns_bad_response);
        return ERR_NONE;
    }
    if (e) {
        *ret = NULL;
        query_free(q);
        return e;
    }
    if (r->rotate)
        r->servers.first = (r->servers.first + 1) % r->servers.count;
    return ERR_NONE;
}

void resolve_hand_over(struct resolve_query *q, resolve_done_fn *done, void *arg)
{
    q->done = done;
    q->arg = arg;
}

void resolve_cancel(struct resolve_query *q)
{
    query_free(q);
}
