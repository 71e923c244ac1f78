/*
 * Decides which session serves which exchange. Per origin (scheme, host, port): idle HTTP/1 sessions, last
 * used first; HTTP/2 sessions with room for streams; sessions that are opening; exchanges that wait. While an
 * origin's protocol is unknown, or is HTTP/2, one session opens and all exchanges wait for it; with HTTP/1
 * each exchange opens its own.
 */
#include <string.h>

#include "base/decimal.h"
#include "base/mem.h"
#include "exchange/parts.h"

static void origin_pump(struct origin *o);

static void origin_note_use(struct origin *o)
{
    bool used = o->open > 0 || o->opening > 0 || o->waiting > 0;
    if (used)
        list_remove(&o->link);
    else if (!list_linked(&o->link))
        list_push_back(&o->engine->unused, &o->link);
}

void origin_end_look_up(struct origin *o)
{
    if (!o->look_up)
        return;
    resolve_cancel(o->look_up);
    o->look_up = NULL;
    o->engine->look_ups--;
}

void origin_free(struct origin *o)
{
    if (!o)
        return;
    origin_end_look_up(o);
    if (o->key)
        (void)map_remove(&o->engine->origins, span_of(o->key));
    list_remove(&o->link);
    list_remove(&o->starved_link);
    SSL_SESSION_free(o->ticket);
    mem_free(o->addresses);
    mem_free(o->key);
    mem_free(o->host);
    mem_free(o);
}

static enum err origin_make(struct engine *engine, const struct url *url, const char *key,
                            struct origin **ret)
{
    struct origin *o = mem_zero(1, sizeof(*o));
    if (!o)
        return ERR_NOMEM;
    o->engine = engine;
    o->https = url->https;
    o->is_ip = url->is_ip;
    o->port = url->port;
    if (url->is_ip)
        memcpy(&o->addr, &url->addr, address_len((const struct sockaddr *)&url->addr));
    list_init(&o->idle);
    list_init(&o->multiplexed);
    list_init(&o->waiters);
    o->host = mem_dup(url->host, strlen(url->host));
    char *copy = mem_dup(key, strlen(key));
    enum err e = o->host && copy ? map_put(&engine->origins, span_of(copy), o) : ERR_NOMEM;
    if (e == ERR_LIMIT && !list_empty(&engine->unused)) { /* forget the least recently used one */
        origin_free(list_entry(engine->unused.next, struct origin, link));
        e = map_put(&engine->origins, span_of(copy), o);
    }
    if (e) {
        mem_free(copy);
        origin_free(o);
        return e;
    }
    o->key = copy;
    origin_note_use(o);
    *ret = o;
    return ERR_NONE;
}

enum err origin_get(struct engine *engine, const struct url *url, struct origin **ret)
{
    char key[8 + sizeof(url->host) + DECIMAL_LEN]; /* "https|bot.example.com|443" */
    size_t host = strlen(url->host), len = url->https ? 6 : 5;
    memcpy(key, "https|", 6);
    if (!url->https)
        key[4] = '|';
    memcpy(key + len, url->host, host);
    len += host;
    key[len++] = '|';
    len += decimal_put(key + len, url->port);
    key[len] = '\0';
    struct origin *o = map_get(&engine->origins, (struct span){key, len});
    if (!o)
        return origin_make(engine, url, key, ret);
    *ret = o;
    return ERR_NONE;
}

static void end_local(struct exchange *x, enum phase phase, enum cause_id cause)
{
    struct evidence e = {
        .phase = phase, .ended = ENDED_LOCAL, .cause = cause, .tls = x->origin->https, .tls_alert = -1};
    x->events->ended(x, &e);
}

static void on_wait_deadline(struct timer *t)
{
    end_local(list_entry(t, struct exchange, timer), PHASE_SESSION, CAUSE_local_pool_full);
}

static void wait_for_session(struct exchange *x)
{
    struct origin *o = x->origin;
    const struct exchange_deadlines *d = &x->request.deadlines;
    /*
     * An opening session fails by its own, earlier deadlines: this one is for exchanges that find no room to
     * open one.
     */
    uint64_t budget = (session_opening_ms(d) + 200) * 1000;
    timer_arm(&x->engine->timers, &x->timer, engine_now(x->engine) + budget, on_wait_deadline);
    list_push_back(&o->waiters, &x->wait);
    o->waiting++;
    origin_note_use(o);
}

void pool_forget(struct exchange *x)
{
    if (!list_linked(&x->wait))
        return;
    list_remove(&x->wait);
    x->origin->waiting--;
    origin_note_use(x->origin);
}

/* The session has no work: it may be closed to make room. */
static void rest(struct session *s)
{
    if (list_linked(&s->idle_link))
        return;
    list_push_back(&s->engine->idle, &s->idle_link);
    s->engine->stats.connections_idle++;
    session_arm_idle(s);
    if (s->http != 20)
        list_push_front(&s->origin->idle, &s->pool_link);
}

static void work(struct session *s)
{
    timer_disarm(&s->engine->timers, &s->timer);
    if (!list_linked(&s->idle_link))
        return;
    list_remove(&s->idle_link);
    s->engine->stats.connections_idle--;
    if (s->http != 20)
        list_remove(&s->pool_link);
}

/* Gives the exchange to the session. */
static void serve(struct session *s, struct exchange *x)
{
    timer_disarm(&x->engine->timers, &x->timer);
    work(s);
    if (session_serve(s, x) == ERR_NONE)
        return;
    end_local(x, PHASE_SEND, CAUSE_local_out_of_memory);
    if (!s->closed && session_is_idle(s))
        rest(s);
}

static struct session *find_open(struct origin *o)
{
    for (struct list *l = o->multiplexed.next, *next; l != &o->multiplexed; l = next) {
        next = l->next;
        struct session *s = list_entry(l, struct session, pool_link);
        if (session_capacity(s) == 0)
            continue;
        if (session_alive(s) && session_capacity(s) > 0)
            return s;
        next = o->multiplexed.next; /* serving may have closed other sessions; this one is gone or full */
    }
    while (!list_empty(&o->idle)) {
        struct session *s = list_entry(o->idle.next, struct session, pool_link);
        if (session_alive(s)) /* otherwise it was closed and removed from the list */
            return s;
    }
    return NULL;
}

void pool_acquire(struct exchange *x)
{
    struct origin *o = x->origin;
    struct session *s = x->fresh ? NULL : find_open(o);
    if (s) {
        serve(s, x);
        return;
    }
    wait_for_session(x);
    origin_pump(o);
}

static bool has_room(const struct engine *engine)
{
    return engine->stats.connections_open < engine->config.connections_max;
}

/* Makes room for one more connection, by closing an idle one of any origin if needed. */
static bool make_room(struct origin *o)
{
    struct engine *engine = o->engine;
    if (o->open + o->opening >= engine->config.connections_per_origin)
        return false;
    while (!has_room(engine)) { /* a free place may go to another origin that has waited longer */
        if (list_empty(&engine->idle)) {
            if (!list_linked(&o->starved_link))
                list_push_back(&engine->starved, &o->starved_link);
            return false;
        }
        session_close(list_entry(engine->idle.next, struct session, idle_link));
    }
    return true;
}

/* Repeats until the room is used: not every starved origin still needs it. */
static void use_room(struct engine *engine)
{
    struct list *l;
    while ((has_room(engine) || !list_empty(&engine->idle)) && (l = list_pop_front(&engine->starved)) != NULL)
        origin_pump(list_entry(l, struct origin, starved_link));
}

static struct exchange *next_waiter(struct origin *o, bool fresh_too)
{
    for (struct list *l = o->waiters.next; l != &o->waiters; l = l->next) {
        struct exchange *x = list_entry(l, struct exchange, wait);
        if (fresh_too || !x->fresh)
            return x;
    }
    return NULL;
}

static void serve_waiters(struct session *s, bool is_new)
{
    struct origin *o = s->origin;
    struct exchange *x;
    while (!s->closed && session_capacity(s) > 0 && (x = next_waiter(o, is_new)) != NULL) {
        if (!is_new && s->http != 20 && !session_alive(s)) /* as when it is taken from the idle list */
            return;
        pool_forget(x);
        serve(s, x);
    }
}

static void on_ready(struct session *s)
{
    struct origin *o = s->origin;
    o->opening--;
    o->open++;
    o->http = s->http == 20 ? 20 : 11;
    if (s->http == 20)
        list_push_back(&o->multiplexed, &s->pool_link);
    serve_waiters(s, true);
    s->announced = true;
    if (!s->closed && session_is_idle(s))
        rest(s);
    origin_pump(o);
    use_room(s->engine);
}

static void on_vacant(struct session *s)
{
    serve_waiters(s, false);
    if (s->closed || !session_is_idle(s))
        return;
    rest(s);
    use_room(s->engine); /* origins that wait for room may get its place */
}

/*
 * The waiter to which a failed session is reported. Waiters for a full handshake did not wait for a
 * resumption in progress: other sessions are opening for them.
 */
static struct exchange *waiter_of_failed(struct origin *o, const struct evidence *e)
{
    for (struct list *l = o->waiters.next; l != &o->waiters; l = l->next) {
        struct exchange *x = list_entry(l, struct exchange, wait);
        if (!e->resumption || !x->full)
            return x;
    }
    return NULL;
}

static void on_failed(struct origin *o, const struct opening *how, int http, const struct evidence *e)
{
    o->opening--;
    /* One waiter per session if each opens its own; else all have waited for this one. */
    unsigned fail = o->http == 11 ? (o->waiting > 0 ? 1 : 0) : o->waiting;
    struct list failed;
    list_init(&failed);
    struct exchange *waiter;
    for (; fail > 0 && (waiter = waiter_of_failed(o, e)) != NULL; fail--) {
        pool_forget(waiter);
        list_push_back(&failed, &waiter->wait);
    }
    struct list *l;
    while ((l = list_pop_front(&failed)) != NULL) {
        struct exchange *x = list_entry(l, struct exchange, wait);
        x->events->failed(x, how, http, e);
    }
    origin_note_use(o);
    origin_pump(o);
}

static void on_closed(struct session *s)
{
    struct origin *o = s->origin;
    if (s->ready) {
        work(s);
        list_remove(&s->pool_link);
        o->open--;
        origin_note_use(o);
        origin_pump(o);
    }
    use_room(s->engine);
}

static void on_phase(struct session *s, enum phase phase)
{
    for (struct list *l = s->origin->waiters.next; l != &s->origin->waiters; l = l->next) {
        struct exchange *x = list_entry(l, struct exchange, wait);
        x->events->phase(x, phase);
    }
}

static const struct session_events session_events = {
    .phase = on_phase, .ready = on_ready, .failed = on_failed, .vacant = on_vacant, .closed = on_closed};

/* Opens as many sessions as the waiters need. */
static void origin_pump(struct origin *o)
{
    if (o->pumping) /* called for a session that failed at once: the outer call continues */
        return;
    o->pumping = true;
    while (o->waiting > 0 && !o->engine->closing) {
        unsigned wanted = o->http == 11 ? o->waiting : 1;
        if (o->opening >= wanted || !make_room(o))
            break;
        struct exchange *x = list_entry(o->waiters.next, struct exchange, wait);
        o->opening++;
        if (session_open(o, &x->request.deadlines, &session_events) != ERR_NONE) {
            o->opening--;
            end_local(x, PHASE_RESOLVE, CAUSE_local_out_of_memory);
        }
    }
    o->pumping = false;
}

void pool_session_drop(struct session *s)
{
    s->origin->opening--;
    origin_note_use(s->origin);
    session_close(s);
}
