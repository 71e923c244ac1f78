#include "exchange/engine.h"

#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "exchange/parts.h"
#include "net/tls.h"

#define CONNECTIONS_MAX 20000

static void engine_free(struct engine *engine)
{
    struct list *l;
    while ((l = engine->unused.next) != &engine->unused)
        origin_free(list_entry(l, struct origin, link));
    map_deinit(&engine->origins);
    SSL_CTX_free(engine->tls);
    mem_free(engine->ca_file);
    buf_deinit(&engine->spare);
    mem_free(engine);
}

static void handle_closed(struct engine *engine)
{
    engine->handles--;
    if (!engine->closing || engine->handles > 0)
        return;
    void (*closed)(void *) = engine->closed;
    void *arg = engine->closed_arg;
    engine_free(engine);
    if (closed)
        closed(arg);
}

static void on_handle_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void on_deliver(uv_idle_t *handle)
{
    struct engine *engine = handle->data;
    struct list batch; /* work that a callback starts and ends at once waits for the next turn */
    list_init(&batch);
    struct list *l;
    while ((l = list_pop_front(&engine->finished)) != NULL)
        list_push_back(&batch, l);
    while (!list_empty(&batch))
        exchange_deliver(list_entry(batch.next, struct exchange, link));
    if (list_empty(&engine->finished)) {
        (void)uv_idle_stop(&engine->deliver);
        engine->delivering = false;
        if (engine->closing && !uv_is_closing((uv_handle_t *)&engine->deliver))
            uv_close((uv_handle_t *)&engine->deliver, on_handle_closed);
    }
}

static void deliver_soon(struct engine *engine)
{
    if (engine->delivering)
        return;
    engine->delivering = true;
    (void)uv_idle_start(&engine->deliver, on_deliver);
}

static const struct engine_events events = {.finished = deliver_soon, .handle_closed = handle_closed};

/* OpenSSL has a new resumable session: the origin keeps the newest. */
static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
    struct session *s = SSL_get_app_data(ssl);
    if (!s || s->closed)
        return 0;
    s->heard = true;
    if (!SSL_SESSION_is_resumable(session))
        return 0;
    if (SSL_get_SSL_CTX(ssl) != s->engine->tls) /* verified with certificates that were reloaded since */
        return 0;
    SSL_SESSION_free(s->origin->ticket);
    s->origin->ticket = session;
    return 1;
}

enum err engine_new(struct engine **ret, uv_loop_t *loop, const struct engine_config *config)
{
    struct engine *engine = mem_zero(1, sizeof(*engine));
    if (!engine)
        return ERR_NOMEM;
    engine->loop = loop;
    engine->events = &events;
    engine->config = *config;
    if (engine->config.connections_max == 0)
        engine->config.connections_max = CONNECTIONS_MAX;
    if (engine->config.connections_per_origin == 0)
        engine->config.connections_per_origin = (engine->config.connections_max + 1) / 2;
    engine->clock = config->clock ? config->clock : &clock_system;
    list_init(&engine->unused);
    list_init(&engine->exchanges);
    list_init(&engine->finished);
    list_init(&engine->sessions);
    list_init(&engine->idle);
    list_init(&engine->starved);
    map_init(&engine->origins, ORIGINS_MAX, &random_system);
    enum err e = address_guard_init(&engine->guard, config->allow_private, config->allow_any_port);
    if (!e && config->ca_file) {
        engine->ca_file = mem_dup(config->ca_file, strlen(config->ca_file));
        e = engine->ca_file ? ERR_NONE : ERR_NOMEM;
    }
    if (!e)
        e = tls_client_context(&engine->tls, engine->ca_file, on_ticket);
    if (!e) /* the last step that can fail: from here on there are handles to close */
        e = resolver_new(&engine->resolver, loop, &engine->timers, config->dns_server);
    if (e) {
        engine_free(engine);
        return e;
    }
    timers_init(&engine->timers, loop, engine->clock);
    engine->timers.uv.data = engine;
    engine->deliver.data = engine;
    (void)uv_idle_init(loop, &engine->deliver);
    engine->handles = 2; /* timers, deliver */
    *ret = engine;
    return ERR_NONE;
}

void engine_close(struct engine *engine, void (*done)(void *arg), void *arg)
{
    engine->closing = true;
    engine->closed = done;
    engine->closed_arg = arg;
    struct list *l;
    while ((l = engine->exchanges.next) != &engine->exchanges)
        exchange_cancel(list_entry(l, struct exchange, link));
    while ((l = engine->sessions.next) != &engine->sessions) {
        struct session *s = list_entry(l, struct session, link);
        if (s->ready)
            session_close(s);
        else
            pool_session_drop(s);
    }
    size_t pos = 0;
    struct origin *o;
    while ((o = map_next(&engine->origins, &pos)) != NULL)
        origin_end_look_up(o);
    resolver_free(engine->resolver);
    timers_close(&engine->timers, on_handle_closed);
    deliver_soon(engine); /* delivers cancelled exchanges, then closes itself */
}

void engine_stats_get(const struct engine *engine, struct engine_stats *ret)
{
    *ret = engine->stats;
}

enum err engine_reload_ca(struct engine *engine)
{
    SSL_CTX *tls = NULL;
    enum err e = tls_client_context(&tls, engine->ca_file, on_ticket);
    if (e)
        return e;
    SSL_CTX_free(engine->tls); /* open connections hold their own reference */
    engine->tls = tls;
    size_t pos = 0;
    struct origin *o;
    while ((o = map_next(&engine->origins, &pos)) !=
           NULL) { /* a formerly trusted certificate may no longer be trusted */
        SSL_SESSION_free(o->ticket);
        o->ticket = NULL;
    }
    return ERR_NONE;
}
