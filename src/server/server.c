#include "server/server.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/origin.h"
#include "server/server_conn.h"

#define ACCEPTS_MAX 64         /* per turn */
#define ACCEPT_PAUSE_US 100000 /* after descriptors ran out */
#define DRAIN_NOTICE_US                                                                                      \
    500000 /* between the first GOAWAY, a notice, and the final one: more than a round trip */

/* ---- time ---- */

static void request_timeout(struct server_request *r)
{
    struct server *s = r->server;
    struct server_conn *c = r->conn;
    s->stats.timeouts_total++;
    bool body = r->deadline.wait != WAIT_WRITE;
    server_wait(s, &r->deadline, WAIT_NONE);
    if (body) {
        static const struct server_refusal late = {408, "The request body took too long", NULL};
        r->base = buf_span(&r->text).ptr;
        server_request_refuse(r, &late);
    } else {
        server_conn_h2_unread(c, r);
    }
}

static void expire(struct server *s, uint64_t now)
{
    for (enum wait kind = WAIT_HEAD; kind < WAIT_COUNT; kind++) {
        while (!list_empty(&s->waits[kind])) {
            struct deadline *d = list_entry(s->waits[kind].next, struct deadline, link);
            if (d->due_us > now)
                break;
            if (d->of_request)
                request_timeout(list_entry(d, struct server_request, deadline));
            else
                server_conn_timeout(list_entry(d, struct server_conn, deadline));
        }
    }
}

static void resume_accepting(struct server *s);
static void await_room(struct server *s);

static void on_tick(uv_timer_t *timer)
{
    struct server *s = timer->data;
    uint64_t now = server_now_us(s);
    expire(s, now);
    await_room(s);
    if (s->resume_us && now >= s->resume_us)
        resume_accepting(s);
    if (s->draining && !s->drained && now >= s->drain_us) {
        s->drained = true;
        for (struct list *i = s->conns.next, *next; i != &s->conns; i = next) {
            next = i->next;
            server_conn_drain(list_entry(i, struct server_conn, link), true);
        }
    }
    if (list_empty(&s->conns) && !s->resume_us && (!s->draining || s->drained))
        (void)uv_timer_stop(timer);
}

/* Often enough for the shortest wait, rarely enough to cost nothing. */
static void start_tick(struct server *s)
{
    if (uv_is_active((uv_handle_t *)&s->tick))
        return;
    uint64_t shortest = UINT64_MAX;
    for (enum wait kind = WAIT_HEAD; kind < WAIT_COUNT; kind++)
        shortest = server_wait_us(s, kind) < shortest ? server_wait_us(s, kind) : shortest;
    uint64_t ms = shortest / 8000;
    ms = ms < 5 ? 5 : ms > 250 ? 250 : ms;
    (void)uv_timer_start(&s->tick, on_tick, ms, ms);
}

/* ---- the end of a turn ---- */

static void run_dirty(struct server *s)
{
    if (list_empty(&s->dirty))
        return;
    struct list now;
    list_init(&now);
    struct list *last = s->dirty.prev;
    now = (struct list){last, s->dirty.next};
    now.next->prev = now.prev->next = &now;
    list_init(&s->dirty);
    struct list *item;
    while ((item = list_pop_front(&now)))
        server_conn_run(list_entry(item, struct server_conn, dirty));
}

static void on_again(uv_idle_t *idle)
{
    (void)idle;
}

/*
 * Work put off while put-off work runs must not wait for the next event: an idle handle keeps the loop
 * turning.
 */
static void end_of_turn(struct server *s)
{
    run_dirty(s);
    if (list_empty(&s->dirty) || s->closing)
        (void)uv_idle_stop(&s->again);
    else
        (void)uv_idle_start(&s->again, on_again);
}

static void on_before(uv_prepare_t *h)
{
    end_of_turn(h->data);
}

static void on_after(uv_check_t *h)
{
    end_of_turn(h->data);
}

/* ---- accepting ---- */

static void on_listener(uv_poll_t *poll, int status, int events);

static void resume_accepting(struct server *s)
{
    s->resume_us = 0;
    if (!s->draining && !s->closing && !uv_is_active((uv_handle_t *)&s->admit))
        (void)uv_poll_start(&s->listener, UV_READABLE, on_listener);
}

/*
 * No descriptors or no memory: connections in the kernel's queue stay there and keep the listener readable,
 * so accepting at once would spin. Existing connections continue; a stranger's is closed to make room.
 */
static void pause_accepting(struct server *s)
{
    s->stats.accept_failed_total++;
    (void)uv_poll_stop(&s->listener);
    s->resume_us = server_now_us(s) + ACCEPT_PAUSE_US;
    start_tick(s);
    door_spare(s);
}

static void on_admit(uv_timer_t *timer)
{
    struct server *s = timer->data;
    await_room(s);
    if (!uv_is_active((uv_handle_t *)timer) && !s->resume_us)
        resume_accepting(s);
}

/* Strangers must leave before others are accepted, and have a moment left. */
static void await_room(struct server *s)
{
    uint64_t until_us = door_close_behind(s), now_us = server_now_us(s);
    if (!until_us || s->fd < 0)
        return;
    (void)uv_poll_stop(&s->listener);
    (void)uv_timer_start(&s->admit, on_admit, until_us > now_us ? (until_us - now_us) / 1000 + 1 : 0, 0);
}

static void accepted(struct server *s, int fd, const struct sockaddr *peer)
{
    if (door_full(&s->door)) {
        s->stats.refused_total++;
        (void)close(fd);
        return;
    }
    s->stats.accepted_total++;
    server_conn_open(s, fd, peer);
    await_room(s);
    start_tick(s);
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
    struct server *s = poll->data;
    (void)events;
    if (status < 0) {
        pause_accepting(s);
        return;
    }
    for (int i = 0; i < ACCEPTS_MAX && !uv_is_active((uv_handle_t *)&s->admit); i++) {
        union address peer = {0};
        socklen_t len = sizeof(peer);
        int fd = accept4(s->fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accepted(s, fd, &peer.any);
            continue;
        }
        if (errno == EAGAIN)
            return;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(s);
            return;
        }
        /*
         * Any other error concerns only the connection that was waiting (accept(2)): continue with the next.
         */
    }
}

/* ---- beginning and end ---- */

static void server_free(struct server *s)
{
    for (struct list *item; (item = list_pop_front(&s->orphans));)
        list_entry(item, struct server_request, link)->server = NULL;
    for (struct list *item; (item = list_pop_front(&s->spare));)
        mem_free(list_entry(item, struct server_request, link));
    while (s->block_count)
        mem_free(s->blocks[--s->block_count]);
    server_tls_free(s->tls);
    door_deinit(&s->door);
    mem_free(s->scratch);
    if (s->fd >= 0)
        (void)close(s->fd);
    mem_free(s);
}

static void handle_closed(struct server *s)
{
    if (--s->handles > 0 || !s->closing)
        return;
    void (*done)(void *arg) = s->closed;
    void *arg = s->closed_arg;
    server_free(s);
    if (done)
        done(arg);
}

static void on_handle_closed(uv_handle_t *h)
{
    handle_closed(h->data);
}

static void conn_gone(struct server *s)
{
    s->stats.connections_open--;
    if (s->resume_us)
        resume_accepting(s);
}

static const struct server_events events = {
    .refuse = server_respond_refusal, .gone = conn_gone, .handle_closed = handle_closed};

static const struct door_calls door_calls = {
    .owes = server_conn_owes, .hear_out = server_conn_hear_out, .close = server_conn_close};

/* The kernel then refuses new connections, or gives them to another process that listens there. */
static void close_listener(struct server *s)
{
    if (s->fd < 0)
        return;
    uv_close((uv_handle_t *)&s->listener, on_handle_closed);
    (void)close(s->fd);
    s->fd = -1;
}

static void set_default(uint32_t *value, uint32_t if_zero)
{
    if (*value == 0)
        *value = if_zero;
}

static void set_at_most(uint32_t *value, uint32_t most)
{
    if (*value > most)
        *value = most;
}

static void set_limits(struct server *s)
{
    struct server_limits *l = &s->limits;
    set_default(&l->connections_max, 10000);
    set_default(&l->head_max, 32 * 1024);
    set_default(&l->target_max, 8 * 1024);
    set_default(&l->fields_max, 100);
    set_default(&l->body_max, (1024 + 64) * 1024);
    set_default(&l->streams_max, 128);
    set_default(&l->head_timeout_ms, 10000);
    set_default(&l->body_timeout_ms, 30000);
    set_default(&l->idle_timeout_ms, 60000);
    set_default(&l->write_timeout_ms, 30000);
    set_default(&l->linger_timeout_ms, 2000);
    set_default(&l->stranger_timeout_ms, 5000);
    set_default(&l->stranger_idle_ms, 15000);
    set_at_most(&l->stranger_timeout_ms, l->head_timeout_ms);
    set_at_most(&l->stranger_timeout_ms, l->body_timeout_ms);
    set_at_most(&l->stranger_idle_ms, l->idle_timeout_ms);
    if (l->buffered_max == 0)
        l->buffered_max = 256ull << 20;
    if (l->fields_max > SERVER_FIELDS_MAX)
        l->fields_max = SERVER_FIELDS_MAX;
    s->h1_limits = (struct h1_limits){l->head_max, l->target_max, l->fields_max};
    door_init(&s->door, &door_calls, l->connections_max, l->strangers_max);
}

static enum err prepare(struct server *s, const struct server_config *config)
{
    s->scratch = mem_alloc(SERVER_SCRATCH);
    if (!s->scratch)
        return ERR_NOMEM;
    if (getrandom(s->id_seed, sizeof(s->id_seed), 0) != (ssize_t)sizeof(s->id_seed))
        return err_origin(ERR_IO);
    if (config->tls_cert || config->tls_key) {
        if (!config->tls_cert || !config->tls_key)
            return ERR_INVALID;
        enum err e = server_tls_new(&s->tls, config->tls_cert, config->tls_key);
        if (e)
            return e;
    }
    return server_listen(s, config);
}

static void start(struct server *s)
{
    (void)uv_timer_init(s->loop, &s->tick);
    (void)uv_timer_init(s->loop, &s->admit);
    (void)uv_prepare_init(s->loop, &s->before);
    (void)uv_check_init(s->loop, &s->after);
    (void)uv_idle_init(s->loop, &s->again);
    s->tick.data = s->admit.data = s->before.data = s->after.data = s->again.data = s->listener.data = s;
    (void)uv_prepare_start(&s->before, on_before);
    (void)uv_check_start(&s->after, on_after);
    /* These handles must not keep the loop alive. */
    uv_unref((uv_handle_t *)&s->before);
    uv_unref((uv_handle_t *)&s->after);
    s->handles = 6;
}

enum err server_new(struct server **ret, uv_loop_t *loop, const struct server_config *config)
{
    struct server *s = mem_zero(1, sizeof(*s));
    if (!s)
        return ERR_NOMEM;
    s->loop = loop;
    s->events = &events;
    s->fd = -1;
    s->limits = config->limits;
    s->config = *config;
    s->config.listen = s->config.tls_cert = s->config.tls_key = NULL;
    s->clock = config->clock ? config->clock : &clock_system;
    list_init(&s->conns);
    list_init(&s->orphans);
    list_init(&s->dirty);
    list_init(&s->spare);
    for (enum wait kind = WAIT_NONE; kind < WAIT_COUNT; kind++)
        list_init(&s->waits[kind]);
    set_limits(s);
    enum err e = prepare(s, config);
    if (!e && uv_poll_init(loop, &s->listener, s->fd) != 0)
        e = err_origin(ERR_IO);
    if (e) {
        int saved = errno;
        if (config->listen_fd > 0)
            s->fd = -1; /* still owned by the caller */
        server_free(s);
        errno = saved;
        return e;
    }
    start(s);
    resume_accepting(s);
    *ret = s;
    return ERR_NONE;
}

enum err server_reload_tls(struct server *s)
{
    return s->tls ? server_tls_reload(s->tls) : ERR_NONE;
}

void server_drain(struct server *s)
{
    if (s->draining || s->closing)
        return;
    on_listener(&s->listener, 0, UV_READABLE); /* connections in the queue were already acknowledged */
    s->draining = true;
    s->drain_us = server_now_us(s) + DRAIN_NOTICE_US;
    s->resume_us = 0;
    close_listener(s);
    start_tick(s);
    for (struct list *i = s->conns.next, *next; i != &s->conns; i = next) {
        next = i->next;
        server_conn_drain(list_entry(i, struct server_conn, link), false);
    }
}

void server_close(struct server *s, void (*done)(void *arg), void *arg)
{
    if (s->closing)
        return;
    s->closing = true;
    s->closed = done;
    s->closed_arg = arg;
    close_listener(s);
    uv_handle_t *handles[] = {(uv_handle_t *)&s->tick, (uv_handle_t *)&s->admit, (uv_handle_t *)&s->before,
                              (uv_handle_t *)&s->after, (uv_handle_t *)&s->again};
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
        uv_close(handles[i], on_handle_closed);
    for (struct list *i = s->conns.next, *next; i != &s->conns; i = next) {
        next = i->next;
        server_conn_close(list_entry(i, struct server_conn, link));
    }
}

void server_stats_get(const struct server *s, struct server_stats *ret)
{
    *ret = s->stats;
    ret->strangers_open = door_strangers(&s->door);
}
