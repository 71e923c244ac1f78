#include "store/memory/memory_notice.h"

#include "base/mem.h"

void memory_notices_free(struct memory_notices *v)
{
    mem_free(v->items);
    *v = (struct memory_notices){0};
}

enum err memory_notices_copy(struct memory_notices *to, const struct memory_notices *from)
{
    *to = (struct memory_notices){.next = from->next};
    if (!from->count)
        return ERR_NONE;
    to->items = mem_alloc(from->count * sizeof(*to->items));
    if (!to->items)
        return ERR_NOMEM;
    memcpy(to->items, from->items, from->count * sizeof(*to->items));
    to->count = to->alloc = from->count;
    return ERR_NONE;
}

static struct notice view(const struct memory_notice *m)
{
    struct notice n = m->notice;
    n.reason = span_of(m->reason);
    n.detail = span_of(m->detail);
    return n;
}

static void take(char *to, size_t size, struct span s)
{
    size_t len = s.len < size - 1 ? s.len : size - 1;
    memcpy(to, s.ptr ? s.ptr : "", len);
    to[len] = '\0';
}

static enum err open_window(struct memory_notices *v, const struct notice *n)
{
    if (v->count == v->alloc) {
        size_t alloc = v->alloc ? 2 * v->alloc : 16;
        void *items = mem_resize(v->items, alloc * sizeof(*v->items));
        if (!items)
            return ERR_NOMEM;
        v->items = items;
        v->alloc = alloc;
    }
    struct memory_notice *m = &v->items[v->count++];
    m->notice = *n;
    m->notice.id = ++v->next;
    take(m->reason, sizeof(m->reason), n->reason);
    take(m->detail, sizeof(m->detail), n->detail);
    return ERR_NONE;
}

enum err memory_notice_put(struct memory_notices *v, const struct notice *n)
{
    for (size_t i = 0; i < v->count; i++) {
        struct memory_notice *m = &v->items[i];
        const struct notice have = view(m);
        if (have.channel_id != n->channel_id || have.kind != n->kind || have.closes_ms <= n->first_ms ||
            have.closes_ms > n->closes_ms)
            continue;
        if (n->kind == NOTICE_FAULT && (!span_eq(have.reason, n->reason) || !span_eq(have.detail, n->detail)))
            continue;
        m->notice.errors += n->errors;
        return ERR_NONE;
    }
    return open_window(v, n);
}

enum err memory_notice_result(struct memory_notices *v, const struct attempt *a, int64_t wall_ms)
{
    struct notice n = {.channel_id = a->channel_id,
                       .kind = NOTICE_FAULT,
                       .reason = a->reason,
                       .detail = a->detail,
                       .errors = 1,
                       .first_ms = wall_ms,
                       .closes_ms = wall_ms + a->notice_ms};
    enum err e = a->notice_ms ? memory_notice_put(v, &n) : ERR_NONE;
    if (e || !a->notice_ms || !a->stopped)
        return e;
    n.kind = NOTICE_STOPPED;
    n.errors = a->stopped;
    return memory_notice_put(v, &n);
}

enum err memory_notice_due(const struct memory_notices *v, int64_t wall_ms, uint32_t limit, notice_row_fn *fn,
                           void *arg)
{
    int64_t closes = INT64_MIN, id = 0; /* of the one given last */
    while (limit-- > 0) {
        const struct memory_notice *next = NULL;
        for (size_t i = 0; i < v->count; i++) {
            const struct notice *n = &v->items[i].notice;
            if (n->closes_ms > wall_ms && n->closes_ms <= wall_ms + NOTICE_WINDOW_MAX_MS)
                continue;
            if (n->closes_ms < closes || (n->closes_ms == closes && n->id <= id))
                continue;
            if (!next || n->closes_ms < next->notice.closes_ms)
                next = &v->items[i];
        }
        if (!next)
            break;
        const struct notice n = view(next);
        closes = n.closes_ms;
        id = n.id;
        enum err e = fn(arg, &n);
        if (e)
            return e;
    }
    return ERR_NONE;
}
