/* One request: its lifetime, reading it, calling its handler. server_respond.c has the answer. */
#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "server/server_conn.h"

#define SPARE_MAX 256 /* request structs kept for reuse: 3 KB each */
/* Bodies of unauthenticated callers, all connections together. */
#define STRANGE_BYTES_MAX (8u << 20)
#define REQUEST_TEXT_SLACK 512u

/* ---- its life ---- */

struct server_request *server_request_new(struct server *s, struct server_conn *c, int32_t stream)
{
    struct server_request *r;
    struct list *spare = list_pop_front(&s->spare);
    if (spare) {
        s->spare_count--;
        r = list_entry(spare, struct server_request, link);
    } else {
        r = mem_alloc(sizeof(*r));
        if (!r)
            return NULL;
    }
    memset(r, 0, offsetof(struct server_request, head) + offsetof(struct server_head, fields));
    r->server = s;
    r->conn = c;
    r->stream = stream;
    r->peer = c->peer;
    r->is_tls = c->t.ssl != NULL;
    r->deadline.of_request = true;
    r->strange = !c->known;
    s->strange_requests += r->strange;
    r->base = "";
    buf_init(&r->text, (size_t)s->limits.head_max + s->limits.target_max + REQUEST_TEXT_SLACK);
    buf_init(&r->body, s->limits.body_max);
    buf_init(&r->out, c->out.max);
    if (stream)
        server_lend(s, &r->text);
    list_push_back(&c->requests, &r->link);
    return r;
}

void server_request_spent(struct server_request *r)
{
    struct server *s = r->server;
    s->stats.buffered -= r->charged;
    if (!r->known)
        s->strange_bytes -= r->charged;
    r->charged = 0;
    server_give_back(s, &r->text);
    server_give_back(s, &r->body);
    r->base = "";
}

void server_request_free(struct server_request *r)
{
    struct server *s = r->server;
    list_remove(&r->link);
    if (!s) {
        buf_deinit(&r->text);
        buf_deinit(&r->body);
        buf_deinit(&r->out);
        mem_free(r);
        return;
    }
    server_wait(s, &r->deadline, WAIT_NONE);
    server_request_spent(r);
    if (r->conn) {
        r->conn->queued -= buf_len(&r->out);
        r->conn->put_off -= r->put_off;
    }
    s->strange_requests -= r->strange;
    server_give_back(s, &r->out);
    if (s->spare_count < SPARE_MAX && !s->closing) {
        list_push_front(&s->spare, &r->link);
        s->spare_count++;
    } else {
        mem_free(r);
    }
}

bool server_request_owed(const struct server_request *r)
{
    return r->streaming ? !r->ended : (r->held || r->dispatched) && !r->answered;
}

void server_request_abort(struct server_request *r)
{
    if (!server_request_owed(r)) {
        server_request_free(r);
        return;
    }
    server_wait(r->server, &r->deadline, WAIT_NONE);
    list_remove(&r->link);
    list_push_back(&r->server->orphans, &r->link);
    if (r->conn)
        r->conn->queued -= buf_len(&r->out);
    r->conn = NULL;
    r->want_drain = false;
    if (r->on_abort)
        r->on_abort(r->abort_arg);
}

bool server_charge(struct server_request *r, size_t len)
{
    struct server *s = r->server;
    if (s->stats.buffered + len > s->limits.buffered_max ||
        (!r->known && s->strange_bytes + len > STRANGE_BYTES_MAX))
        return false;
    s->stats.buffered += len;
    if (!r->known)
        s->strange_bytes += len;
    r->charged += len;
    return true;
}

/* ---- reading it ---- */

struct span server_method(const struct server_request *r)
{
    return server_part_span(r->base, r->head.method);
}

struct span server_path(const struct server_request *r)
{
    /* An absolute-form target may end with its authority (RFC 9112 3.2.2). */
    return r->head.path.len ? server_part_span(r->base, r->head.path) : SPAN_LIT("/");
}

struct span server_query(const struct server_request *r)
{
    return server_part_span(r->base, r->head.query);
}

struct span server_body(const struct server_request *r)
{
    return r->stream ? buf_span(&r->body) : (struct span){r->base + r->body_at, r->body_len};
}

struct span server_header(const struct server_request *r, const char *lower_name)
{
    return server_head_find(&r->head, r->base, span_of(lower_name), 0);
}

struct span server_header_at(const struct server_request *r, const char *lower_name, size_t nth)
{
    return server_head_find(&r->head, r->base, span_of(lower_name), nth);
}

size_t server_header_count(const struct server_request *r, const char *lower_name)
{
    size_t n = 0;
    while (server_head_find(&r->head, r->base, span_of(lower_name), n).ptr)
        n++;
    return n;
}

int server_http(const struct server_request *r)
{
    return r->head.http;
}

bool server_is_tls(const struct server_request *r)
{
    return r->is_tls;
}

bool server_peer_is_loopback(const struct server_request *r)
{
    if (r->peer.any.sa_family == AF_INET)
        return ntohl(r->peer.v4.sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *a = &r->peer.v6.sin6_addr;
    return r->peer.any.sa_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127));
}

void server_peer(const struct server_request *r, char out[64])
{
    address_text(&r->peer.any, out);
}

/*
 * A bijection on 64 bits (splitmix64's finaliser): a counter passed through it never repeats and does not
 * look like a counter.
 */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

const char *server_request_id(struct server_request *r)
{
    static const char hex[] = "0123456789abcdef";
    if (r->id[0] || !r->server)
        return r->id;
    uint64_t half[2] = {r->server->id_seed[0], mix(r->server->id_seed[1] + r->server->id_next++)};
    half[0] = (half[0] & ~0xf000ull) | 0x4000u; /* version 4, variant 1: RFC 9562 5.4 */
    half[1] = (half[1] & ~(3ull << 62)) | (2ull << 62);
    char *p = r->id;
    for (unsigned i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *p++ = '-';
        *p++ = hex[half[i / 16] >> (60 - i % 16 * 4) & 15];
    }
    *p = '\0';
    return r->id;
}

void server_set_body_max(struct server_request *r, uint32_t bytes)
{
    if (bytes < r->body_max)
        r->body_max = bytes;
}

bool server_awaits_body(const struct server_request *r)
{
    if (r->stream)
        return !r->remote_done;
    if (r->head.chunked)
        return true;
    return r->conn && buf_len(&r->conn->in) - r->conn->h1.head_len < r->head.content_length;
}

void server_hold(struct server_request *r)
{
    r->held = true;
    if (!r->stream)
        r->conn->phase = CONN_BUSY;
}

void server_vouch(struct server_request *r, uint64_t stamp)
{
    r->stamp = stamp;
    if (!r->known && r->server)
        r->server->strange_bytes -= r->charged;
    r->known = true;
    if (r->conn)
        door_know(r->conn);
}

uint64_t server_vouched(const struct server_request *r)
{
    return r->stamp;
}

void server_on_abort(struct server_request *r, void (*fn)(void *arg), void *arg)
{
    r->on_abort = fn;
    r->abort_arg = arg;
}

/* ---- towards the handler ---- */

void server_request_head(struct server_request *r)
{
    struct server *s = r->server;
    s->stats.requests_total++;
    door_hear(r->conn);
    r->body_max = s->limits.body_max;
    if (s->config.on_head)
        s->config.on_head(s->config.arg, r);
}

void server_request_dispatch(struct server_request *r)
{
    r->dispatched = true;
    r->server->config.handler(r->server->config.arg, r);
}

/* Progress postpones the deadline: a body may be as long as it likes, but not as slow. */
static void postpone(struct server_request *r, size_t len)
{
    r->sunk += len;
    if (r->sunk < SERVER_PROGRESS_MIN)
        return;
    r->sunk = 0;
    server_wait(r->server, r->stream ? &r->deadline : &r->conn->deadline, WAIT_BODY);
}

void server_request_sink(struct server_request *r, struct span piece)
{
    if (r->conn && !r->sink_over)
        postpone(r, piece.len);
    r->sink_full = !r->sink.piece(r->sink.arg, piece);
}

void server_request_sink_end(struct server_request *r)
{
    r->sink_over = true;
    if (r->conn)
        server_wait(r->server, &r->deadline, WAIT_NONE);
    r->sink.end(r->sink.arg);
}

void server_request_refuse(struct server_request *r, const struct server_refusal *refusal)
{
    if (!r->sinking) {
        r->server->events->refuse(r, refusal);
        return;
    }
    if (r->sink_over || r->answered)
        return;
    r->sink_over = r->close = true;
    r->sink_full = false;
    server_wait(r->server, &r->deadline, WAIT_NONE);
    r->sink.broken(r->sink.arg, refusal->status, refusal->detail);
}

void server_request_drained(struct server_request *r)
{
    if (!r->want_drain)
        return;
    r->want_drain = false;
    if (r->on_drain)
        r->on_drain(r->drain_arg);
}
