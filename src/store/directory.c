#include "store/directory.h"

#include "base/log.h"
#include "base/mem.h"

#define GONE (INT64_MIN / 2) /* backlog of a deleted channel starts here */

struct directory {
    pthread_rwlock_t lock;
    struct channel_ref **refs; /* sorted by id: new ids are always the highest */
    size_t count, alloc, max;
    _Atomic int64_t backlog;
};

enum err directory_new(struct directory **ret, size_t channels_max)
{
    struct directory *d = mem_zero(1, sizeof(*d));
    if (!d)
        return ERR_NOMEM;
    d->max = channels_max;
    (void)pthread_rwlock_init(&d->lock, NULL);
    *ret = d;
    return ERR_NONE;
}

void directory_free(struct directory *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++)
        channel_ref_drop(d->refs[i]);
    mem_free(d->refs);
    (void)pthread_rwlock_destroy(&d->lock);
    mem_free(d);
}

struct channel_ref *channel_ref_hold(struct channel_ref *ref)
{
    atomic_fetch_add_explicit(&ref->refs, 1, memory_order_relaxed);
    return ref;
}

void channel_ref_drop(struct channel_ref *ref)
{
    if (!ref || atomic_fetch_sub_explicit(&ref->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (ref->live && atomic_fetch_sub_explicit(&ref->live->refs, 1, memory_order_acq_rel) == 1)
        mem_free(ref->live);
    mem_free(ref);
}

/* Index of id, or where it would be inserted. */
static size_t position(const struct directory *d, int64_t id)
{
    size_t low = 0, high = d->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (d->refs[mid]->channel.id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct channel_ref *find(const struct directory *d, int64_t id)
{
    size_t at = position(d, id);
    return at < d->count && d->refs[at]->channel.id == id ? d->refs[at] : NULL;
}

struct channel_ref *directory_get(struct directory *d, int64_t id)
{
    (void)pthread_rwlock_rdlock(&d->lock);
    struct channel_ref *ref = find(d, id);
    if (ref)
        (void)channel_ref_hold(ref);
    (void)pthread_rwlock_unlock(&d->lock);
    return ref;
}

static enum err reserve(struct directory *d)
{
    if (d->count < d->alloc)
        return ERR_NONE;
    size_t alloc = d->alloc ? d->alloc * 2 : 64;
    struct channel_ref **refs = mem_resize(d->refs, alloc * sizeof(struct channel_ref *));
    if (!refs)
        return ERR_NOMEM;
    d->refs = refs;
    d->alloc = alloc;
    return ERR_NONE;
}

enum err directory_prepare(struct directory *d, const struct channel *c, struct channel_ref **ret)
{
    struct channel_ref *ref = mem_zero(1, sizeof(*ref));
    if (!ref)
        return ERR_NOMEM;
    ref->refs = 1;
    ref->channel = *c;
    (void)pthread_rwlock_wrlock(&d->lock);
    struct channel_ref *old = find(d, c->id);
    enum err e = ERR_NONE;
    if (old) {
        ref->live = old->live;
        atomic_fetch_add_explicit(&ref->live->refs, 1, memory_order_relaxed);
    } else {
        e = reserve(d);
        ref->live = e ? NULL : mem_zero(1, sizeof(*ref->live));
        if (!e && !ref->live)
            e = ERR_NOMEM;
        if (!e)
            ref->live->refs = 1;
    }
    (void)pthread_rwlock_unlock(&d->lock);
    if (e) {
        channel_ref_drop(ref);
        return e;
    }
    *ret = ref;
    return ERR_NONE;
}

void directory_discard(struct channel_ref *prepared)
{
    channel_ref_drop(prepared);
}

void directory_put(struct directory *d, struct channel_ref *prepared)
{
    (void)pthread_rwlock_wrlock(&d->lock);
    size_t at = position(d, prepared->channel.id);
    struct channel_ref *old = NULL;
    if (at < d->count && d->refs[at]->channel.id == prepared->channel.id) {
        old = d->refs[at];
    } else if (reserve(d)) {
        /* Two channels were created in one commit but there was memory for one; a restart shows the other. */
        log_error("store", "out of memory for a channel", log_int("channel", prepared->channel.id));
        old = prepared;
        prepared = NULL;
    } else {
        memmove(&d->refs[at + 1], &d->refs[at], (d->count - at) * sizeof(d->refs[0]));
        d->count++;
    }
    if (prepared)
        d->refs[at] = prepared;
    (void)pthread_rwlock_unlock(&d->lock);
    channel_ref_drop(old);
}

void directory_remove(struct directory *d, int64_t id)
{
    (void)pthread_rwlock_wrlock(&d->lock);
    size_t at = position(d, id);
    struct channel_ref *old = NULL;
    if (at < d->count && d->refs[at]->channel.id == id) {
        old = d->refs[at];
        d->count--;
        memmove(&d->refs[at], &d->refs[at + 1], (d->count - at) * sizeof(d->refs[0]));
    }
    if (old)
        (void)atomic_fetch_sub(&d->backlog, atomic_exchange(&old->live->backlog, GONE));
    (void)pthread_rwlock_unlock(&d->lock);
    channel_ref_drop(old);
}

size_t directory_count(struct directory *d)
{
    (void)pthread_rwlock_rdlock(&d->lock);
    size_t n = d->count;
    (void)pthread_rwlock_unlock(&d->lock);
    return n;
}

bool directory_full(struct directory *d)
{
    return directory_count(d) >= d->max;
}

int64_t directory_backlog(const struct directory *d)
{
    return atomic_load_explicit(&d->backlog, memory_order_relaxed);
}

void directory_suspended(struct directory *d, uint64_t *ret_channels, uint64_t *ret_events)
{
    uint64_t channels = 0;
    int64_t events = 0;
    (void)pthread_rwlock_rdlock(&d->lock);
    for (size_t i = 0; i < d->count; i++) {
        if (!d->refs[i]->channel.suspended_ms)
            continue;
        channels++;
        events += directory_backlog_of(d->refs[i]->live);
    }
    (void)pthread_rwlock_unlock(&d->lock);
    *ret_channels = channels;
    *ret_events = events < 0 ? 0 : (uint64_t)events;
}

int64_t directory_backlog_of(const struct channel_live *live)
{
    int64_t n = atomic_load_explicit(&live->backlog, memory_order_relaxed);
    return n < GONE / 2 ? 0 : n;
}

int64_t directory_backlog_add(struct directory *d, struct channel_live *live, int64_t n)
{
    int64_t before = atomic_fetch_add_explicit(&live->backlog, n, memory_order_relaxed);
    if (before < GONE / 2)
        return 0;
    (void)atomic_fetch_add_explicit(&d->backlog, n, memory_order_relaxed);
    return before + n;
}

enum err directory_each(struct directory *d, void (*fn)(void *arg, struct channel_ref *ref), void *arg)
{
    (void)pthread_rwlock_rdlock(&d->lock);
    size_t n = d->count;
    struct channel_ref **copy = mem_alloc((n + 1) * sizeof(struct channel_ref *));
    for (size_t i = 0; copy && i < n; i++)
        copy[i] = channel_ref_hold(d->refs[i]);
    (void)pthread_rwlock_unlock(&d->lock);
    if (!copy)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        fn(arg, copy[i]);
        channel_ref_drop(copy[i]);
    }
    mem_free(copy);
    return ERR_NONE;
}

struct load {
    struct store_call call;
    struct directory *d;
};

static enum err load_channel(void *arg, const struct channel *c)
{
    struct load *l = arg;
    struct channel_ref *ref;
    enum err e = directory_prepare(l->d, c, &ref);
    if (!e)
        directory_put(l->d, ref);
    return e;
}

static enum err load_backlog(void *arg, int64_t channel_id, uint64_t queued, uint64_t retrying)
{
    struct load *l = arg;
    struct channel_ref *ref = find(l->d, channel_id); /* no other thread uses the directory yet */
    if (ref)
        (void)directory_backlog_add(l->d, ref->live, (int64_t)(queued + retrying));
    return ERR_NONE;
}

static enum err load_run(struct store_call *c, struct backend *b)
{
    struct load *l = list_entry(c, struct load, call);
    enum err e = b->ops->channels->channel_list(b, 0, UINT32_MAX, load_channel, l);
    return e ? e : b->ops->events->backlog_list(b, load_backlog, l);
}

enum err directory_load(struct directory *d, struct store *s)
{
    struct load l = {.call = {.run = load_run}, .d = d};
    return store_wait(s, &l.call);
}
