#include "exchange/engine.h"

#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "exchange/net_private.h"
#include "net/tls.h"

#define CONNECTIONS_MAX 20000

static void net_free(struct net *net)
{
    struct list *l;
    while ((l = net->unused.next) != &net->unused)
        origin_free(list_entry(l, struct origin, link));
    map_deinit(&net->origins);
    SSL_CTX_free(net->tls);
    mem_free(net->ca_file);
    buf_deinit(&net->spare);
    mem_free(net);
}

void net_handle_closed(struct net *net)
{
    net->handles--;
    if (!net->closing || net->handles > 0)
        return;
    void (*closed)(void *) = net->closed;
    void *arg = net->closed_arg;
    net_free(net);
    if (closed)
        closed(arg);
}

static void on_handle_closed(uv_handle_t *handle)
{
    net_handle_closed(handle->data);
}

static void on_deliver(uv_idle_t *handle)
{
    struct net *net = handle->data;
    struct list batch; /* what a callback starts and ends at once waits for the next turn */
    list_init(&batch);
    struct list *l;
    while ((l = list_pop_front(&net->finished)) != NULL)
        list_push_back(&batch, l);
    while (!list_empty(&batch))
        exchange_deliver(list_entry(batch.next, struct exchange, link));
    if (list_empty(&net->finished)) {
        (void)uv_idle_stop(&net->deliver);
        net->delivering = false;
        if (net->closing && !uv_is_closing((uv_handle_t *)&net->deliver))
            uv_close((uv_handle_t *)&net->deliver, on_handle_closed);
    }
}

void net_deliver_soon(struct net *net)
{
    if (net->delivering)
        return;
    net->delivering = true;
    (void)uv_idle_start(&net->deliver, on_deliver);
}

/* OpenSSL has a session that may be resumed: the origin keeps the newest. */
static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
    struct session *s = SSL_get_app_data(ssl);
    if (!s || s->closed)
        return 0;
    s->heard = true;
    if (!SSL_SESSION_is_resumable(session))
        return 0;
    if (SSL_get_SSL_CTX(ssl) != s->net->tls) /* checked by certificates that have been read anew since */
        return 0;
    SSL_SESSION_free(s->origin->ticket);
    s->origin->ticket = session;
    return 1;
}

enum err net_new(struct net **ret, uv_loop_t *loop, const struct net_config *config)
{
    struct net *net = mem_zero(1, sizeof(*net));
    if (!net)
        return ERR_NOMEM;
    net->loop = loop;
    net->config = *config;
    if (net->config.connections_max == 0)
        net->config.connections_max = CONNECTIONS_MAX;
    if (net->config.connections_per_origin == 0)
        net->config.connections_per_origin = (net->config.connections_max + 1) / 2;
    net->clock = config->clock ? config->clock : &clock_system;
    list_init(&net->unused);
    list_init(&net->exchanges);
    list_init(&net->finished);
    list_init(&net->sessions);
    list_init(&net->idle);
    list_init(&net->starved);
    map_init(&net->origins, ORIGINS_MAX, &random_system);
    enum err e = address_guard_init(&net->guard, config->allow_private, config->allow_any_port);
    if (!e && config->ca_file) {
        net->ca_file = mem_dup(config->ca_file, strlen(config->ca_file));
        e = net->ca_file ? ERR_NONE : ERR_NOMEM;
    }
    if (!e)
        e = tls_client_context(&net->tls, net->ca_file, on_ticket);
    if (!e) /* the last that can fail: from here on there are handles to close */
        e = resolver_new(&net->resolver, loop, &net->timers, config->dns_server);
    if (e) {
        net_free(net);
        return e;
    }
    timers_init(&net->timers, loop, net->clock);
    net->timers.uv.data = net;
    net->deliver.data = net;
    (void)uv_idle_init(loop, &net->deliver);
    net->handles = 2; /* timers, deliver */
    *ret = net;
    return ERR_NONE;
}

void net_close(struct net *net, void (*done)(void *arg), void *arg)
{
    net->closing = true;
    net->closed = done;
    net->closed_arg = arg;
    struct list *l;
    while ((l = net->exchanges.next) != &net->exchanges)
        exchange_cancel(list_entry(l, struct exchange, link));
    while ((l = net->sessions.next) != &net->sessions) {
        struct session *s = list_entry(l, struct session, link);
        if (!s->ready)
            pool_session_dropped(s);
        session_close(s);
    }
    size_t pos = 0;
    struct origin *o;
    while ((o = map_next(&net->origins, &pos)) != NULL)
        origin_end_look_up(o);
    resolver_free(net->resolver);
    timers_close(&net->timers, on_handle_closed);
    net_deliver_soon(net); /* hands over what was cancelled, then closes itself */
}

void net_stats_get(const struct net *net, struct net_stats *ret)
{
    *ret = net->stats;
}

enum err net_reload_ca(struct net *net)
{
    SSL_CTX *tls = NULL;
    enum err e = tls_client_context(&tls, net->ca_file, on_ticket);
    if (e)
        return e;
    SSL_CTX_free(net->tls); /* open connections hold their own reference */
    net->tls = tls;
    size_t pos = 0;
    struct origin *o;
    while ((o = map_next(&net->origins, &pos)) != NULL) { /* what was trusted then need not be trusted now */
        SSL_SESSION_free(o->ticket);
        o->ticket = NULL;
    }
    return ERR_NONE;
}
