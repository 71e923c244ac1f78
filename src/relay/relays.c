#include "relay/relays.h"

#include "base/mem.h"
#include "net/tls.h"

static void relays_free(struct relays *all)
{
    SSL_CTX_free(all->tls);
    mem_free(all->ca_file);
    mem_free(all);
}

static enum err make_tls(const struct relays *all, SSL_CTX **ret)
{
    enum err e = tls_client_context(ret, all->ca_file, NULL);
    if (!e)
        (void)SSL_CTX_set_alpn_protos(*ret, NULL, 0); /* it offers HTTP; a mail server may refuse that */
    return e;
}

enum err relays_new(struct relays **ret, uv_loop_t *loop, const struct relays_config *config)
{
    struct relays *all = mem_zero(1, sizeof(*all));
    if (!all)
        return ERR_NOMEM;
    all->loop = loop;
    all->clock = config->clock ? config->clock : &clock_system;
    list_init(&all->members);
    enum err e = address_guard_init(&all->guard, config->allow_private, true);
    if (!e && config->ca_file) {
        all->ca_file = mem_dup(config->ca_file, strlen(config->ca_file));
        e = all->ca_file ? ERR_NONE : ERR_NOMEM;
    }
    if (!e)
        e = make_tls(all, &all->tls);
    if (!e) /* the last step that can fail: from here on there are handles to close */
        e = resolver_new(&all->resolver, loop, &all->timers, config->dns_server);
    if (e) {
        relays_free(all);
        return e;
    }
    timers_init(&all->timers, loop, all->clock);
    all->timers.uv.data = all;
    all->handles = 1;
    *ret = all;
    return ERR_NONE;
}

void relays_handle_closed(struct relays *all)
{
    if (--all->handles)
        return;
    void (*closed)(void *) = all->closed;
    void *arg = all->closed_arg;
    relays_free(all);
    if (closed)
        closed(arg);
}

static void on_timers_closed(uv_handle_t *handle)
{
    relays_handle_closed(handle->data);
}

void relays_close(struct relays *all, void (*done)(void *arg), void *arg)
{
    if (!all) {
        if (done)
            done(arg);
        return;
    }
    all->closed = done;
    all->closed_arg = arg;
    while (!list_empty(&all->members)) {
        struct relays_member *m = list_entry(all->members.next, struct relays_member, link);
        m->end(m);
    }
    resolver_free(all->resolver);
    timers_close(&all->timers, on_timers_closed);
}

enum err relays_reload_ca(struct relays *all)
{
    SSL_CTX *tls = NULL;
    enum err e = make_tls(all, &tls);
    if (e)
        return e;
    SSL_CTX_free(all->tls); /* open connections hold their own reference */
    all->tls = tls;
    return ERR_NONE;
}
