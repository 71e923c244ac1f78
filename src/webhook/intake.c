#include "webhook/intake.h"

#include <openssl/evp.h>

#include "base/mem.h"

struct intake_call {
    struct store_call call;
    struct intake *intake;
    struct channel_ref *ref;
    struct courier_fresh *fresh; /* NULL once the courier owns it and its events */
    uint32_t count;
    enum err refused; /* why new events are refused; ERR_NONE: they are accepted */
    bool replayed;    /* the key is known: the first call's answer is repeated */
    int64_t now_ms;
    intake_done_fn *done;
    void *arg;
    struct idempotency *keyed; /* NULL: no key */
    size_t key_len;
    char key[];
};

/* Offset of the ids from key[], aligned. */
static size_t ids_offset(size_t key_len)
{
    size_t end = offsetof(struct intake_call, key) + key_len;
    return (end + 7) / 8 * 8 - offsetof(struct intake_call, key);
}

/* The ids for the answer, stored after the key. */
static int64_t *ids_of(struct intake_call *c)
{
    return (int64_t *)(void *)(c->key + ids_offset(c->key_len));
}

/* The events, stored after the ids. */
static struct event **events_of(struct intake_call *c)
{
    return (struct event **)(void *)(ids_of(c) + c->count);
}

static enum err run(struct store_call *call, struct backend *b)
{
    struct intake_call *c = list_entry(call, struct intake_call, call);
    struct span key = {c->key, c->key_len};
    int64_t channel_id = c->ref->channel.id;
    c->replayed = false;
    if (c->keyed) {
        struct idempotency old;
        enum err e = b->ops->events->idempotency_get(b, channel_id, key, c->now_ms - c->intake->key_ms, &old);
        if (e && e != ERR_NOT_FOUND)
            return e;
        if (!e) {
            if (memcmp(old.body_hash, c->keyed->body_hash, sizeof(old.body_hash)) != 0)
                return ERR_CONFLICT;
            *c->keyed = old;
            c->replayed = true;
            return ERR_NONE;
        }
    }
    if (c->refused)
        return c->refused;
    struct event **events = events_of(c);
    enum err e = b->ops->events->events_insert(b, events, c->count, c->now_ms);
    if (e || !c->keyed)
        return e;
    c->keyed->count = c->count;
    for (uint32_t i = 0; i < c->count; i++)
        c->keyed->ids[i] = events[i]->item.id;
    return b->ops->events->idempotency_put(b, channel_id, key, c->keyed, c->now_ms);
}

static void committed(struct store_call *call)
{
    struct intake_call *c = list_entry(call, struct intake_call, call);
    if (c->replayed)
        return;
    struct courier_fresh *f = c->fresh;
    /* The answer is sent later, on this thread; by then the courier may have freed the events. */
    struct event **events = events_of(c);
    int64_t *ids = ids_of(c);
    for (uint32_t i = 0; i < c->count; i++) {
        ids[i] = events[i]->item.id;
        list_push_back(&f->items, &events[i]->item.link);
    }
    c->fresh = NULL;
    courier_hand_over(courier_of(c->intake->couriers, f->id), f);
}

static void finished(struct store_call *call)
{
    struct intake_call *c = list_entry(call, struct intake_call, call);
    if (c->fresh) { /* not handed over: refused, or a repeated call */
        for (uint32_t i = 0; i < c->count; i++)
            mem_free(events_of(c)[i]);
        mem_free(c->fresh);
        if (!c->refused)
            (void)directory_backlog_add(c->intake->directory, c->ref->live, -(int64_t)c->count);
    } else {
        atomic_fetch_add_explicit(&c->intake->counters->accepted, c->count, memory_order_relaxed);
    }
    const int64_t *ids = ids_of(c);
    uint32_t count = c->count;
    if (c->replayed) {
        ids = c->keyed->ids;
        count = c->keyed->count;
    }
    c->done(c->arg, call->err, ids, count);
    channel_ref_drop(c->ref);
    mem_free(c->keyed);
    mem_free(c);
}

/* Reserves room for n events in the backlogs of the channel and the node; fails if a cap is exceeded. */
static enum err count_in(struct intake *in, struct channel_ref *ref, int64_t n)
{
    if (!ref->channel.use_webhook)
        return ERR_DENIED;
    int64_t channel = directory_backlog_add(in->directory, ref->live, n);
    if (channel <= in->channel_backlog_max && directory_backlog(in->directory) <= in->node_backlog_max)
        return ERR_NONE;
    (void)directory_backlog_add(in->directory, ref->live, -n);
    return ERR_LIMIT;
}

static struct idempotency *keyed_by(struct span body)
{
    struct idempotency *k = mem_zero(1, sizeof(*k));
    if (k && !EVP_Digest(body.ptr, body.len, k->body_hash, NULL, EVP_sha256(), NULL)) {
        mem_free(k);
        return NULL;
    }
    return k;
}

enum err intake_submit(struct intake *in, struct channel_ref *ref, struct publication *p, struct span key,
                       struct span body, struct mailbox *home, intake_done_fn *done, void *arg)
{
    enum err refused = count_in(in, ref, (int64_t)p->count);
    if (refused && !key.len)
        return refused;
    size_t size = offsetof(struct intake_call, key) + ids_offset(key.len) +
                  p->count * (sizeof(int64_t) + sizeof(struct event *));
    struct intake_call *c =
        mem_zero(1, size < sizeof(struct intake_call) ? sizeof(struct intake_call) : size);
    struct courier_fresh *f = c ? mem_zero(1, sizeof(*f)) : NULL;
    struct idempotency *keyed = f && key.len ? keyed_by(body) : NULL;
    if (!f || (key.len && !keyed)) {
        mem_free(f);
        mem_free(c);
        if (!refused)
            (void)directory_backlog_add(in->directory, ref->live, -(int64_t)p->count);
        return ERR_NOMEM;
    }
    f->kind = COURIER_CHANNEL;
    f->id = ref->channel.id;
    list_init(&f->items);
    *c = (struct intake_call){.intake = in,
                              .ref = channel_ref_hold(ref),
                              .fresh = f,
                              .count = (uint32_t)p->count,
                              .refused = refused,
                              .done = done,
                              .arg = arg,
                              .keyed = keyed,
                              .key_len = key.len,
                              .now_ms = in->clock->wall_ms(in->clock->arg)};
    if (key.len)
        memcpy(c->key, key.ptr, key.len);
    memcpy(events_of(c), p->events, p->count * sizeof(struct event *));
    c->call = (struct store_call){.run = run, .committed = committed, .done = finished, .home = home};
    p->count = 0;
    store_submit(in->store, &c->call);
    return ERR_NONE;
}

struct chore {
    struct store_call call;
    int64_t ms;
};

static void chore_done(struct store_call *call)
{
    mem_free(list_entry(call, struct chore, call));
}

static void chore_submit(struct intake *in, struct mailbox *home,
                         enum err (*what)(struct store_call *c, struct backend *b), int64_t ms)
{
    struct chore *c = mem_zero(1, sizeof(*c));
    if (!c)
        return; /* next time */
    c->ms = ms;
    c->call = (struct store_call){.run = what, .done = chore_done, .home = home};
    store_submit(in->store, &c->call);
}

static enum err touch_run(struct store_call *call, struct backend *b)
{
    return b->ops->marks->touch(b, list_entry(call, struct chore, call)->ms);
}

void intake_try_store(struct intake *in, struct mailbox *home)
{
    chore_submit(in, home, touch_run, in->clock->wall_ms(in->clock->arg));
}
