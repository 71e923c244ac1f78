#include "api/live.h"

#include "api/gate.h"

#define HEARTBEAT_TICKS 15u /* proxies close connections that are silent for a minute */
#define OLDEST_TICKS 5u
#define MESSAGE_MAX 65536u
#define RETRY_MS 3000 /* how long a browser waits before it reconnects */

struct stream {
    struct list link;
    struct call *call;
    uint64_t caller;
    const struct live_source *source;
    int64_t id;
    struct buf told;     /* the last message */
    unsigned quiet;      /* ticks without one */
    bool gone;           /* the client has left */
    bool checking, over; /* checking: a check of the access or a read is under way */
    struct buf read;     /* by source->read: one JSON value */
    bool last;
};

void live_init(struct live *l)
{
    list_init(&l->streams);
}

/* Identifies the caller for the limit on streams: an account's id, or FNV-1a of a key. */
static uint64_t caller_of(const struct call *c)
{
    if (c->account)
        return (uint64_t)c->account->id;
    struct span s = server_header(c->req, "authorization");
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * 1099511628211u;
    return h;
}

/* Ends the stream at once, or after the access check that is under way. */
static void end(struct stream *s, bool complete)
{
    struct live *l = &s->call->api->live;
    s->over = true;
    if (s->checking)
        return;
    list_remove(&s->link);
    l->count--;
    l->watching -= s->source->oldest;
    buf_deinit(&s->told);
    buf_deinit(&s->read);
    call_stream_end(s->call, complete && !s->gone); /* s lives in the call */
}

static void on_gone(void *arg)
{
    struct stream *s = arg;
    s->gone = true;
    if (!s->call->api->live.walking)
        end(s, false);
}

static enum err write_state(struct stream *s, struct buf *out)
{
    struct json_write w;
    enum err e = buf_printf(out, "event: %s\ndata: ", s->source->event);
    json_write_init(&w, out);
    if (!e && s->source->read)
        json_write_raw(&w, buf_span(&s->read));
    else if (!e)
        e = s->source->write(&w, s->call, s->id);
    if (!e)
        e = json_write_finish(&w);
    return e ? e : buf_add_str(out, "\n\n");
}

/*
 * Sends the state if it has changed, or else a heartbeat when one is due. Ends the stream of a client that
 * does not read, because its send buffer is full.
 */
static enum err tell(struct stream *s)
{
    struct buf now;
    buf_init(&now, MESSAGE_MAX);
    enum err e = write_state(s, &now);
    bool changed = !e && !span_eq(buf_span(&now), buf_span(&s->told));
    if (changed)
        e = call_stream_write(s->call, buf_span(&now));
    else if (!e && ++s->quiet >= HEARTBEAT_TICKS)
        e = call_stream_write(s->call, SPAN_LIT(":\n\n"));
    if (changed || s->quiet >= HEARTBEAT_TICKS)
        s->quiet = 0;
    if (e || !changed) {
        buf_deinit(&now);
        return e;
    }
    buf_deinit(&s->told);
    s->told = now;
    return ERR_NONE;
}

static enum err oldest_run(struct store_call *call, struct backend *b)
{
    struct live *l = list_entry(call, struct live, call);
    return oldest_find(l->api->config.directory, b, &l->found);
}

static void oldest_done(struct store_call *call)
{
    struct live *l = list_entry(call, struct live, call);
    l->asking = false;
    if (!call->err)
        l->oldest = l->found;
}

static void ask_oldest(struct api *a)
{
    struct live *l = &a->live;
    if (!l->watching || l->asking || (l->ask_in && --l->ask_in))
        return;
    l->ask_in = OLDEST_TICKS;
    l->asking = true;
    l->api = a;
    l->call = (struct store_call){.run = oldest_run, .done = oldest_done, .home = a->config.mailbox};
    store_read(a->config.store, &l->call);
}

static enum err read_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct stream *s = c->state;
    struct json_write w;
    buf_clear(&s->read);
    json_write_init(&w, &s->read);
    enum err e = s->source->read(&w, c, b, s->id, &s->last);
    enum err f = json_write_finish(&w);
    return e ? e : f;
}

static void show(struct stream *s);

static void read_done(struct store_call *call)
{
    struct stream *s = call_of(call)->state;
    s->checking = false;
    if (call->err || s->over || s->gone)
        end(s, call->err == ERR_NOT_FOUND || s->over);
    else
        show(s);
}

static void on_checked(struct call *c, bool allowed)
{
    struct stream *s = c->state;
    s->checking = false;
    if (!allowed || s->over || s->gone) {
        end(s, true);
    } else if (s->source->read) {
        s->checking = true;
        call_read(c, read_run, read_done);
    } else {
        show(s);
    }
}

static void show(struct stream *s)
{
    struct live *l = &s->call->api->live;
    l->walking = true;
    enum err e = tell(s);
    l->walking = false;
    if (e || s->gone || s->last)
        end(s, e == ERR_NOT_FOUND || s->last);
}

void live_tick(struct api *a)
{
    struct live *l = &a->live;
    if (atomic_load_explicit(a->config.draining, memory_order_relaxed)) {
        live_end_all(a);
        return;
    }
    ask_oldest(a);
    for (struct list *i = l->streams.next, *next; i != &l->streams; i = next) {
        next = i->next;
        struct stream *s = list_entry(i, struct stream, link);
        if (s->checking)
            continue;
        s->checking = true;
        gate_again(s->call, on_checked);
    }
}

void live_end_all(struct api *a)
{
    for (struct list *i = a->live.streams.next, *next; i != &a->live.streams; i = next) {
        next = i->next;
        end(list_entry(i, struct stream, link), true);
    }
}

static bool has_room(struct call *c, uint64_t caller)
{
    const struct live *l = &c->api->live;
    unsigned same = 0;
    for (const struct list *i = l->streams.next; i != &l->streams; i = i->next)
        same += list_entry(i, struct stream, link)->caller == caller;
    if (same >= LIVE_CALLER_MAX)
        call_retry(c, 429, "Too many live streams are open under this key or session", 30);
    else if (l->count >= LIVE_MAX)
        call_retry(c, 503, "Too many live streams are open", 30);
    return same < LIVE_CALLER_MAX && l->count < LIVE_MAX;
}

static void begin(struct stream *s)
{
    struct call *c = s->call;
    struct live *l = &c->api->live;
    char retry[32];
    (void)snprintf(retry, sizeof(retry), "retry: %d\n\n", RETRY_MS);
    list_push_back(&l->streams, &s->link);
    l->count++;
    l->watching += s->source->oldest;
    l->walking = true;
    call_stream_begin(c, "text/event-stream", on_gone, s);
    enum err e = call_stream_write(c, span_of(retry));
    if (!e)
        e = tell(s);
    l->walking = false;
    if (e || s->gone || s->last)
        end(s, !e && s->last);
}

/* An object that is not there is answered with 404, not with a stream that ends. */
static void first_done(struct store_call *call)
{
    struct call *c = call_of(call);
    struct stream *s = c->state;
    if (!call->err) {
        begin(s);
        return;
    }
    buf_deinit(&s->read);
    call_stopped(c, call->err);
}

void live_begin(struct call *c, const struct live_source *source, int64_t id)
{
    if (atomic_load_explicit(c->api->config.draining, memory_order_relaxed)) {
        call_retry(c, 503, "This node is shutting down", 5);
        return;
    }
    uint64_t caller = caller_of(c);
    struct stream *s = has_room(c, caller) ? call_state(c, sizeof(*s)) : NULL;
    if (!s)
        return;
    c->state = s;
    *s = (struct stream){.call = c, .caller = caller, .source = source, .id = id};
    buf_init(&s->read, MESSAGE_MAX);
    if (source->read)
        call_read(c, read_run, first_done);
    else
        begin(s);
}
