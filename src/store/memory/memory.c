/*
 * The store's twin for tests: plain arrays, searched linearly. A transaction works on a copy of the tables,
 * so rollback drops the copy; copied bytes are freed when the twin is closed. Written to be correct, not
 * fast.
 */
#include "store/memory/memory.h"
#include "base/mem.h"
#include "base/ulid.h"
#include "store/memory/memory_error.h"
#include "store/memory/memory_notice.h"

struct vec {
    void *items;
    size_t count, alloc;
};

struct m_payload {
    int64_t id, channel_id;
    uint8_t flags;
    struct span json;
};
struct m_wait { /* queue and retry */
    int64_t channel_id, id, due_ms;
    uint16_t tries, faults;
};
struct m_fate {
    int64_t channel_id, event_id, attempt_id;
    enum fate_end end;
};
struct m_idempotency {
    int64_t channel_id, created_ms;
    struct span key;
    struct idempotency value;
};

struct m_pruned { /* deleted events of an attempt */
    int64_t attempt_id;
    uint32_t count;
};

struct tables {
    struct vec channels, payloads, queue, retry, attempts, fates, idempotency, keys, pruned;
    int64_t next_channel, next_key, key_version, marks[MARK_COUNT];
    struct ulid_seq seq;
    struct memory_notices notices;
    struct memory_errors errors;
};
#define TABLES 9

struct shared {
    struct tables committed;
    struct vec blocks; /* copied bytes, freed on close */
    unsigned refs;
    unsigned long fail_at;
    enum err fail_with;
};

struct memory {
    struct backend backend;
    struct shared *shared;
    struct tables t; /* the transaction's */
    bool reader;
    bool lost;     /* a write has failed since the transaction began, as memory_fail_at() asked */
    int64_t asked; /* m_changes() */
};

static struct memory *memory_of(struct backend *b)
{
    return (struct memory *)(void *)b;
}

static const size_t table_sizes[TABLES] = {
    sizeof(struct channel),       sizeof(struct m_payload),  sizeof(struct m_wait),
    sizeof(struct m_wait),        sizeof(struct attempt),    sizeof(struct m_fate),
    sizeof(struct m_idempotency), sizeof(struct access_key), sizeof(struct m_pruned)};

static struct vec *table(struct tables *t, size_t i)
{
    struct vec *const all[TABLES] = {&t->channels, &t->payloads,    &t->queue, &t->retry, &t->attempts,
                                     &t->fates,    &t->idempotency, &t->keys,  &t->pruned};
    return all[i];
}

static void *vec_add(struct vec *v, size_t size)
{
    if (v->count == v->alloc) {
        size_t alloc = v->alloc ? v->alloc * 2 : 16;
        void *items = mem_resize(v->items, alloc * size);
        if (!items)
            return NULL;
        v->items = items;
        v->alloc = alloc;
    }
    return (char *)v->items + size * v->count++;
}

static void vec_remove(struct vec *v, size_t size, size_t at)
{
    char *p = (char *)v->items + at * size;
    memmove(p, p + size, (v->count - at - 1) * size);
    v->count--;
}

#define VEC_EACH(type, var, vec)                                                                             \
    for (type *var = (vec)->items; var < (type *)(vec)->items + (vec)->count; var++)
#define VEC_INDEX(type, var, vec) ((size_t)((var) - (type *)(vec)->items))

static void tables_free(struct tables *t)
{
    for (size_t i = 0; i < TABLES; i++)
        mem_free(table(t, i)->items);
    memory_notices_free(&t->notices);
    memory_errors_free(&t->errors);
    *t = (struct tables){0};
}

static enum err tables_copy(struct tables *to, struct tables *from)
{
    *to = *from;
    for (size_t i = 0; i < TABLES; i++)
        *table(to, i) = (struct vec){0};
    to->errors = (struct memory_errors){0};
    enum err e = memory_notices_copy(&to->notices, &from->notices);
    if (!e)
        e = memory_errors_copy(&to->errors, &from->errors);
    if (e) {
        tables_free(to);
        return e;
    }
    for (size_t i = 0; i < TABLES; i++) {
        struct vec *a = table(to, i), *b = table(from, i);
        if (!b->count)
            continue;
        a->items = mem_alloc(b->count * table_sizes[i]);
        if (!a->items) {
            tables_free(to);
            return ERR_NOMEM;
        }
        memcpy(a->items, b->items, b->count * table_sizes[i]);
        a->count = a->alloc = b->count;
    }
    return ERR_NONE;
}

static enum err keep(struct memory *m, struct span s, struct span *ret)
{
    char *copy = mem_dup(s.ptr ? s.ptr : "", s.len);
    char **slot = copy ? vec_add(&m->shared->blocks, sizeof(*slot)) : NULL;
    if (!slot) {
        mem_free(copy);
        return ERR_NOMEM;
    }
    *slot = copy;
    *ret = (struct span){copy, s.len};
    return ERR_NONE;
}

static enum err fails(struct memory *m)
{
    if (!m->shared->fail_at || --m->shared->fail_at > 0)
        return ERR_NONE;
    m->lost = true;
    return m->shared->fail_with;
}

static enum err m_begin(struct backend *b)
{
    struct memory *m = memory_of(b);
    m->lost = false;
    return tables_copy(&m->t, &m->shared->committed);
}

/* The twin does not count writes: it always reports one, so at worst the store undoes nothing. */
static int64_t m_changes(struct backend *b)
{
    struct memory *m = memory_of(b);
    return m->lost ? -1 : ++m->asked;
}

static void m_rollback(struct backend *b)
{
    tables_free(&memory_of(b)->t);
}

static enum err m_commit(struct backend *b)
{
    struct memory *m = memory_of(b);
    if (m->reader) {
        tables_free(&m->t);
        return ERR_NONE;
    }
    enum err e = fails(m);
    if (e)
        return e;
    tables_free(&m->shared->committed);
    m->shared->committed = m->t;
    m->t = (struct tables){0};
    return ERR_NONE;
}

static void m_close(struct backend *b)
{
    struct memory *m = memory_of(b);
    if (!m)
        return;
    tables_free(&m->t);
    if (--m->shared->refs == 0) {
        tables_free(&m->shared->committed);
        VEC_EACH(char *, p, &m->shared->blocks)
        mem_free(*p);
        mem_free(m->shared->blocks.items);
        mem_free(m->shared);
    }
    mem_free(m);
}

static enum err m_channel_insert(struct backend *b, struct channel *c)
{
    struct memory *m = memory_of(b);
    enum err e = fails(m);
    if (e)
        return e;
    struct channel *row = vec_add(&m->t.channels, sizeof(*row));
    if (!row)
        return ERR_NOMEM;
    c->id = ++m->t.next_channel;
    *row = *c;
    return ERR_NONE;
}

static enum err m_channel_update(struct backend *b, const struct channel *c)
{
    struct memory *m = memory_of(b);
    VEC_EACH(struct channel, row, &m->t.channels)
    if (row->id == c->id) {
        *row = *c;
        return fails(m);
    }
    return ERR_NOT_FOUND;
}

static void drop_waiting(struct vec *v, int64_t channel_id)
{
    for (size_t i = v->count; i-- > 0;)
        if (((struct m_wait *)v->items)[i].channel_id == channel_id)
            vec_remove(v, sizeof(struct m_wait), i);
}

static enum err m_channel_delete(struct backend *b, int64_t id)
{
    struct memory *m = memory_of(b);
    VEC_EACH(struct channel, row, &m->t.channels)
    {
        if (row->id != id)
            continue;
        vec_remove(&m->t.channels, sizeof(*row), VEC_INDEX(struct channel, row, &m->t.channels));
        drop_waiting(&m->t.queue, id);
        drop_waiting(&m->t.retry, id);
        memory_error_forget(&m->t.errors, id);
        struct vec *v = &m->t.idempotency;
        for (size_t i = v->count; i-- > 0;)
            if (((struct m_idempotency *)v->items)[i].channel_id == id)
                vec_remove(v, sizeof(struct m_idempotency), i);
        return fails(m);
    }
    return ERR_NOT_FOUND;
}

/* Nothing remains: rows are deleted with their channel. */
static enum err m_channel_prune(struct backend *b, uint32_t limit, uint32_t *ret_count)
{
    (void)b;
    (void)limit;
    *ret_count = 0;
    return ERR_NONE;
}

static enum err m_channel_get(struct backend *b, int64_t id, struct channel *ret)
{
    VEC_EACH(struct channel, row, &memory_of(b)->t.channels)
    if (row->id == id) {
        *ret = *row;
        return ERR_NONE;
    }
    return ERR_NOT_FOUND;
}

static enum err m_channel_list(struct backend *b, int64_t after, uint32_t limit, channel_row_fn *fn,
                               void *arg)
{
    VEC_EACH(struct channel, row, &memory_of(b)->t.channels)
    {
        if (row->id <= after)
            continue;
        if (limit-- == 0)
            break;
        enum err e = fn(arg, row);
        if (e)
            return e;
    }
    return ERR_NONE;
}

static enum err m_events_insert(struct backend *b, struct event *const *events, size_t count, int64_t wall_ms)
{
    struct memory *m = memory_of(b);
    struct channel c;
    if (count && m_channel_get(b, events[0]->channel_id, &c))
        return ERR_NOT_FOUND;
    for (size_t i = 0; i < count; i++) {
        struct event *v = events[i];
        enum err e = fails(m);
        if (e || (e = ulid_seq_next(&m->t.seq, wall_ms, &v->item.id)))
            return e;
        struct m_payload *p = vec_add(&m->t.payloads, sizeof(*p));
        if (!p)
            return ERR_NOMEM;
        *p = (struct m_payload){v->item.id, v->channel_id, v->flags, {"", 0}};
        e = keep(m, event_json(v), &p->json);
        struct m_wait *q = e ? NULL : vec_add(&m->t.queue, sizeof(*q));
        if (!q)
            return ERR_NOMEM;
        *q = (struct m_wait){.channel_id = v->channel_id, .id = v->item.id};
    }
    return ERR_NONE;
}

static struct m_payload *payload_of(struct memory *m, int64_t id)
{
    VEC_EACH(struct m_payload, p, &m->t.payloads)
    if (p->id == id)
        return p;
    return NULL;
}

static enum err give_event(struct memory *m, const struct m_wait *w, bool retry, event_row_fn *fn, void *arg)
{
    const struct m_payload *p = payload_of(m, w->id);
    if (!p)
        return ERR_NONE;
    struct event head = {.channel_id = w->channel_id, .flags = p->flags};
    head.item = (struct item){
        .id = w->id, .due_ms = w->due_ms, .tries = w->tries, .faults = w->faults, .retry = retry};
    return fn(arg, p->json, &head);
}

static enum err m_queue_list(struct backend *b, int64_t channel_id, int64_t after, uint32_t limit,
                             event_row_fn *fn, void *arg)
{
    struct memory *m = memory_of(b);
    VEC_EACH(struct m_wait, w, &m->t.queue)
    {
        if (w->channel_id != channel_id || w->id <= after)
            continue;
        if (limit-- == 0)
            break;
        enum err e = give_event(m, w, false, fn, arg);
        if (e)
            return e;
    }
    return ERR_NONE;
}

static enum err m_retry_list(struct backend *b, int64_t channel_id, uint32_t limit, event_row_fn *fn,
                             void *arg)
{
    struct memory *m = memory_of(b);
    int64_t due = INT64_MIN, id = 0; /* of the last event given */
    while (limit-- > 0) {
        const struct m_wait *next = NULL;
        VEC_EACH(struct m_wait, w, &m->t.retry)
        if (w->channel_id == channel_id && (w->due_ms > due || (w->due_ms == due && w->id > id)) &&
            (!next || w->due_ms < next->due_ms || (w->due_ms == next->due_ms && w->id < next->id)))
            next = w;
        if (!next)
            break;
        due = next->due_ms;
        id = next->id;
        enum err e = give_event(m, next, true, fn, arg);
        if (e)
            return e;
    }
    return ERR_NONE;
}

static enum err m_oldest(struct backend *b, int64_t channel_id, int64_t *ret_pending, int64_t *ret_retrying)
{
    struct memory *m = memory_of(b);
    int64_t ids[2] = {0};
    for (int i = 0; i < 2; i++)
        VEC_EACH(struct m_wait, w, i ? &m->t.retry : &m->t.queue)
    if (w->channel_id == channel_id && (!ids[i] || w->id < ids[i]))
        ids[i] = w->id;
    *ret_pending = ids[0];
    *ret_retrying = ids[1];
    return ERR_NONE;
}

static enum err m_backlog_list(struct backend *b, backlog_row_fn *fn, void *arg)
{
    struct memory *m = memory_of(b);
    VEC_EACH(struct channel, c, &m->t.channels)
    {
        uint64_t queued = 0, retrying = 0;
        VEC_EACH(struct m_wait, w, &m->t.queue)
        queued += w->channel_id == c->id;
        VEC_EACH(struct m_wait, w, &m->t.retry)
        retrying += w->channel_id == c->id;
        enum err e = queued || retrying ? fn(arg, c->id, queued, retrying) : ERR_NONE;
        if (e)
            return e;
    }
    return ERR_NONE;
}

static struct m_wait *waiting(struct vec *v, int64_t channel_id, int64_t id)
{
    VEC_EACH(struct m_wait, w, v)
    if (w->channel_id == channel_id && w->id == id)
        return w;
    return NULL;
}

static bool unwait(struct vec *v, int64_t channel_id, int64_t id)
{
    struct m_wait *w = waiting(v, channel_id, id);
    if (w)
        vec_remove(v, sizeof(*w), VEC_INDEX(struct m_wait, w, v));
    return w;
}

static enum err put_retry(struct memory *m, struct m_wait row)
{
    (void)unwait(&m->t.retry, row.channel_id, row.id);
    struct m_wait *w = vec_add(&m->t.retry, sizeof(*w));
    if (!w)
        return ERR_NOMEM;
    *w = row;
    return ERR_NONE;
}

static enum err put_attempt(struct memory *m, const struct attempt *a)
{
    struct attempt *row = vec_add(&m->t.attempts, sizeof(*row));
    if (!row)
        return ERR_NOMEM;
    *row = *a;
    struct span *const texts[] = {&row->reason,    &row->detail, &row->cause,
                                  &row->processed, &row->phase,  &row->address};
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < sizeof(texts) / sizeof(texts[0]); i++)
        e = keep(m, *texts[i], texts[i]);
    return e;
}

static enum err m_result_put(struct backend *b, struct attempt *a, const struct fate *fates, size_t count,
                             int64_t wall_ms)
{
    struct memory *m = memory_of(b);
    enum err e = fails(m);
    if (e || (e = ulid_seq_next(&m->t.seq, wall_ms, &a->id)))
        return e;
    bool kept = fate_keeps_attempt(fates, count);
    e = kept ? put_attempt(m, a) : ERR_NONE;
    for (size_t i = 0; !e && i < count; i++) {
        const struct fate *f = &fates[i];
        struct m_fate *fate = kept ? vec_add(&m->t.fates, sizeof(*fate)) : NULL;
        if (kept && !fate)
            return ERR_NOMEM;
        if (kept)
            *fate = (struct m_fate){a->channel_id, f->event_id, a->id, f->end};
        bool waited = unwait(f->was_retry ? &m->t.retry : &m->t.queue, a->channel_id, f->event_id);
        if (fate_waits(f->end) && waited)
            e = put_retry(m,
                          (struct m_wait){a->channel_id, f->event_id, f->next_due_ms, f->tries, f->faults});
    }
    if (!e)
        e = memory_error_result(&m->t.errors, a, wall_ms);
    return e ? e : memory_notice_result(&m->t.notices, a, wall_ms);
}

static enum err read_state(struct memory *m, int64_t channel_id, struct event_view *v)
{
    if (waiting(&m->t.queue, channel_id, v->id)) {
        v->state = EVENT_PENDING;
        return ERR_NONE;
    }
    const struct m_wait *retry = waiting(&m->t.retry, channel_id, v->id);
    if (retry) {
        v->state = EVENT_RETRYING;
        v->due_ms = retry->due_ms;
        v->tries = retry->tries;
        return ERR_NONE;
    }
    bool found = false;
    VEC_EACH(struct m_fate, f, &m->t.fates)
    if (f->channel_id == channel_id && f->event_id == v->id) {
        found = true;
        if (f->end != FATE_UNSENT)
            v->tries++;
        v->state = f->end == FATE_DELIVERED ? EVENT_DELIVERED : EVENT_GIVEN_UP;
    }
    return found ? ERR_NONE : ERR_NOT_FOUND;
}

static enum err m_event_get(struct backend *b, int64_t channel_id, int64_t id, event_view_fn *fn, void *arg)
{
    struct memory *m = memory_of(b);
    const struct m_payload *p = payload_of(m, id);
    if (!p || p->channel_id != channel_id)
        return ERR_NOT_FOUND;
    struct event_view v = {.id = id, .flags = p->flags, .json = p->json};
    enum err e = read_state(m, channel_id, &v);
    return e ? e : fn(arg, &v);
}

static enum err m_event_list(struct backend *b, int64_t channel_id, unsigned states, int64_t before,
                             uint32_t limit, uint32_t scan, event_view_fn *fn, void *arg, int64_t *ret_last)
{
    struct memory *m = memory_of(b);
    const struct m_payload *all = m->t.payloads.items;
    uint32_t given = 0;
    int64_t last = 0;
    for (size_t i = m->t.payloads.count; i-- > 0 && given < limit;) {
        struct event_view v = {.id = all[i].id};
        if (all[i].channel_id != channel_id || v.id >= before || read_state(m, channel_id, &v))
            continue;
        last = v.id;
        if (!(states & (1u << v.state)))
            continue;
        given++;
        enum err e = fn(arg, &v);
        if (e)
            return e;
    }
    (void)scan; /* everything is in memory: no limit needed */
    *ret_last = given == limit ? last : 0;
    return ERR_NONE;
}

static enum err m_attempt_list(struct backend *b, int64_t channel_id, int64_t event_id, attempt_row_fn *fn,
                               void *arg)
{
    struct memory *m = memory_of(b);
    VEC_EACH(struct m_fate, f, &m->t.fates)
    {
        if (f->channel_id != channel_id || f->event_id != event_id)
            continue;
        VEC_EACH(struct attempt, a, &m->t.attempts)
        {
            enum err e = a->id == f->attempt_id ? fn(arg, a) : ERR_NONE;
            if (e)
                return e;
        }
    }
    return ERR_NONE;
}

static enum err m_redeliver_ids(struct backend *b, int64_t channel_id, const int64_t *ids, size_t count,
                                int64_t wall_ms, struct redelivered *ret)
{
    struct memory *m = memory_of(b);
    enum err e = fails(m);
    struct redelivered n = {0};
    for (size_t i = 0; !e && i < count; i++) {
        struct event_view v = {.id = ids[i]};
        if (read_state(m, channel_id, &v)) {
            n.unknown++;
        } else if (v.state != EVENT_DELIVERED && v.state != EVENT_GIVEN_UP) {
            n.waiting++;
        } else {
            e = put_retry(m, (struct m_wait){channel_id, ids[i], wall_ms, v.tries, 0});
            n.due++;
        }
    }
    if (!e)
        *ret = n;
    return e;
}

/* Whether the event's last attempt gave it up, and for the given reason, if one is given. */
static bool given_up_for(struct memory *m, int64_t channel_id, int64_t event_id, struct span reason)
{
    bool is = false;
    VEC_EACH(struct m_fate, f, &m->t.fates)
    if (f->channel_id == channel_id && f->event_id == event_id)
        VEC_EACH(struct attempt, a, &m->t.attempts)
    if (a->id == f->attempt_id)
        is = f->end == FATE_GIVEN_UP && (!reason.len || span_eq(a->reason, reason));
    return is;
}

static enum err m_redeliver_range(struct backend *b, int64_t channel_id, struct redeliver_range *r,
                                  uint32_t limit, int64_t wall_ms, uint32_t *ret_count)
{
    struct memory *m = memory_of(b);
    uint32_t total = 0;
    r->ret_resume = r->resume;
    VEC_EACH(struct m_payload, p, &m->t.payloads)
    {
        struct event_view v = {.id = p->id};
        if (total >= limit || p->channel_id != channel_id || p->id < r->resume ||
            event_time_ms(p->id) < r->from_ms || event_time_ms(p->id) >= r->to_ms ||
            read_state(m, channel_id, &v) || v.state != EVENT_GIVEN_UP ||
            !given_up_for(m, channel_id, p->id, r->reason))
            continue;
        struct redelivered n;
        enum err e = m_redeliver_ids(b, channel_id, &p->id, 1, wall_ms, &n);
        if (e)
            return e;
        total += n.due;
        r->ret_resume = p->id + 1;
    }
    r->ret_done = total < limit;
    *ret_count = total;
    return ERR_NONE;
}

static enum err m_idempotency_get(struct backend *b, int64_t channel_id, struct span key, int64_t since_ms,
                                  struct idempotency *ret)
{
    VEC_EACH(struct m_idempotency, i, &memory_of(b)->t.idempotency)
    if (i->channel_id == channel_id && span_eq(i->key, key) && i->created_ms >= since_ms) {
        *ret = i->value;
        return ERR_NONE;
    }
    return ERR_NOT_FOUND;
}

static enum err m_idempotency_put(struct backend *b, int64_t channel_id, struct span key,
                                  const struct idempotency *value, int64_t wall_ms)
{
    struct memory *m = memory_of(b);
    enum err e = fails(m);
    struct m_idempotency *row = NULL;
    VEC_EACH(struct m_idempotency, i, &m->t.idempotency)
    if (i->channel_id == channel_id && span_eq(i->key, key))
        row = i;
    if (!e && !row) {
        row = vec_add(&m->t.idempotency, sizeof(*row));
        e = row ? keep(m, key, &row->key) : ERR_NOMEM;
    }
    if (e)
        return e;
    row->channel_id = channel_id;
    row->created_ms = wall_ms;
    row->value = *value;
    return ERR_NONE;
}

static enum err m_idempotency_prune(struct backend *b, int64_t before_ms, uint32_t limit, uint32_t *ret_count)
{
    struct memory *m = memory_of(b);
    struct vec *v = &m->t.idempotency;
    uint32_t n = 0;
    for (size_t i = v->count; i-- > 0 && n < limit;) {
        if (((struct m_idempotency *)v->items)[i].created_ms < before_ms) {
            vec_remove(v, sizeof(struct m_idempotency), i);
            n++;
        }
    }
    *ret_count = n;
    return fails(m);
}

/* *ret_last: whether that was the last of the attempt's events. */
static enum err count_pruned(struct memory *m, const struct attempt *a, bool *ret_last)
{
    struct m_pruned *row = NULL;
    VEC_EACH(struct m_pruned, p, &m->t.pruned)
    if (p->attempt_id == a->id)
        row = p;
    if (!row) {
        row = vec_add(&m->t.pruned, sizeof(*row));
        if (!row)
            return ERR_NOMEM;
        *row = (struct m_pruned){.attempt_id = a->id};
    }
    *ret_last = ++row->count >= a->events;
    if (*ret_last)
        vec_remove(&m->t.pruned, sizeof(*row), VEC_INDEX(struct m_pruned, row, &m->t.pruned));
    return ERR_NONE;
}

static enum err prune_one(struct memory *m, const struct m_payload *p, uint32_t *attempts)
{
    struct vec *fates = &m->t.fates, *all = &m->t.attempts;
    for (size_t i = fates->count; i-- > 0;) {
        const struct m_fate f = ((struct m_fate *)fates->items)[i];
        if (f.channel_id != p->channel_id || f.event_id != p->id)
            continue;
        vec_remove(fates, sizeof(f), i);
        for (size_t k = all->count; k-- > 0;) {
            bool last = false;
            const struct attempt *a = (struct attempt *)all->items + k;
            enum err e = a->id == f.attempt_id ? count_pruned(m, a, &last) : ERR_NONE;
            if (e)
                return e;
            if (last) {
                vec_remove(all, sizeof(*a), k);
                (*attempts)++;
            }
        }
    }
    return ERR_NONE;
}

/* Judges an event by its attempts, where its id tells no time. */
static bool keep_by_tries(struct memory *m, const struct m_payload *row, struct history_prune *p)
{
    int64_t newest = 0;
    VEC_EACH(struct m_fate, f, &m->t.fates)
    if (f->channel_id == row->channel_id && f->event_id == row->id)
        VEC_EACH(struct attempt, a, &m->t.attempts)
    if (a->id == f->attempt_id && a->started_ms > newest)
        newest = a->started_ms;
    bool young = newest >= p->tried_before_ms && newest <= p->tried_now_ms;
    p->ret_young += young;
    return young || !newest || newest > p->tried_now_ms;
}

static enum err m_history_prune(struct backend *b, struct history_prune *p)
{
    struct memory *m = memory_of(b);
    struct vec *v = &m->t.payloads;
    int64_t before = p->before_ms << ULID_SEQ_SHIFT;
    uint32_t seen = 0;
    p->ret_after = 0;
    p->ret_events = p->ret_attempts = p->ret_young = 0;
    for (size_t i = 0; i < v->count && seen < p->scan;) {
        const struct m_payload row = ((struct m_payload *)v->items)[i++];
        if (row.id <= p->after || row.id >= before)
            continue;
        if (++seen == p->scan)
            p->ret_after = row.id;
        bool keep =
            waiting(&m->t.queue, row.channel_id, row.id) || waiting(&m->t.retry, row.channel_id, row.id);
        VEC_EACH(struct m_fate, f, &m->t.fates)
        if (f->channel_id == row.channel_id && f->event_id == row.id && f->attempt_id >= before)
            keep = true;
        if (!keep && p->tried_before_ms)
            keep = keep_by_tries(m, &row, p);
        if (keep)
            continue;
        enum err e = prune_one(m, &row, &p->ret_attempts);
        if (e)
            return e;
        vec_remove(v, sizeof(row), --i);
        p->ret_events++;
    }
    return p->ret_events ? fails(m) : ERR_NONE;
}

static enum err m_size(struct backend *b, struct backend_size *ret)
{
    *ret = (struct backend_size){0};
    VEC_EACH(struct m_payload, p, &memory_of(b)->t.payloads)
    ret->used += p->json.len;
    return ERR_NONE;
}

static enum err m_key_insert(struct backend *b, struct access_key *k)
{
    struct memory *m = memory_of(b);
    enum err e = fails(m);
    if (e)
        return e;
    VEC_EACH(struct access_key, old, &m->t.keys)
    if (memcmp(old->hash, k->hash, sizeof(k->hash)) == 0)
        return ERR_EXISTS;
    struct access_key *row = vec_add(&m->t.keys, sizeof(*row));
    if (!row)
        return ERR_NOMEM;
    k->id = ++m->t.next_key;
    *row = *k;
    m->t.key_version++;
    return ERR_NONE;
}

static enum err m_key_revoke(struct backend *b, int64_t id, int64_t wall_ms)
{
    struct memory *m = memory_of(b);
    VEC_EACH(struct access_key, k, &m->t.keys)
    if (k->id == id && !k->revoked_ms) {
        k->revoked_ms = wall_ms;
        m->t.key_version++;
        return fails(m);
    }
    return ERR_NOT_FOUND;
}

static enum err m_key_list(struct backend *b, key_row_fn *fn, void *arg)
{
    VEC_EACH(struct access_key, k, &memory_of(b)->t.keys)
    {
        enum err e = fn(arg, k);
        if (e)
            return e;
    }
    return ERR_NONE;
}

static enum err m_mark_get(struct backend *b, enum store_mark mark, int64_t *ret)
{
    *ret = memory_of(b)->t.marks[mark];
    return ERR_NONE;
}

static enum err m_mark_put(struct backend *b, enum store_mark mark, int64_t value)
{
    struct memory *m = memory_of(b);
    enum err e = fails(m);
    if (!e)
        m->t.marks[mark] = value;
    return e;
}

static enum err m_key_version(struct backend *b, int64_t *ret)
{
    *ret = memory_of(b)->t.key_version;
    return ERR_NONE;
}

static enum err m_touch(struct backend *b, int64_t wall_ms)
{
    (void)wall_ms;
    return fails(memory_of(b));
}

static enum err m_notice_put(struct backend *b, const struct notice *n)
{
    struct memory *m = memory_of(b);
    enum err e = fails(m);
    return e ? e : memory_notice_put(&m->t.notices, n);
}

static enum err m_notice_due(struct backend *b, int64_t wall_ms, uint32_t limit, notice_row_fn *fn, void *arg)
{
    return memory_notice_due(&memory_of(b)->t.notices, wall_ms, limit, fn, arg);
}

static enum err m_error_list(struct backend *b, struct error_page *p, error_row_fn *fn, void *arg)
{
    return memory_error_list(&memory_of(b)->t.errors, p, fn, arg);
}

static enum err m_error_tidy(struct backend *b, struct error_tidy *t)
{
    struct memory *m = memory_of(b);
    enum err e = fails(m);
    if (!e)
        memory_error_tidy(&m->t.errors, t);
    return e;
}

static const struct backend_marks memory_marks = {
    .size = m_size,
    .mark_get = m_mark_get,
    .mark_put = m_mark_put,
    .touch = m_touch,
};

static const struct backend_channels memory_channels = {
    .channel_insert = m_channel_insert,
    .channel_update = m_channel_update,
    .channel_delete = m_channel_delete,
    .channel_prune = m_channel_prune,
    .channel_get = m_channel_get,
    .channel_list = m_channel_list,
};

static const struct backend_events memory_events = {
    .events_insert = m_events_insert,
    .queue_list = m_queue_list,
    .retry_list = m_retry_list,
    .oldest = m_oldest,
    .backlog_list = m_backlog_list,
    .result_put = m_result_put,
    .event_get = m_event_get,
    .event_list = m_event_list,
    .attempt_list = m_attempt_list,
    .redeliver_ids = m_redeliver_ids,
    .redeliver_range = m_redeliver_range,
    .idempotency_get = m_idempotency_get,
    .idempotency_put = m_idempotency_put,
    .idempotency_prune = m_idempotency_prune,
    .history_prune = m_history_prune,
};

static const struct backend_errors memory_errors = {
    .notice_put = m_notice_put,
    .notice_due = m_notice_due,
    .error_list = m_error_list,
    .error_tidy = m_error_tidy,
};

static const struct backend_keys memory_keys = {
    .key_insert = m_key_insert,
    .key_revoke = m_key_revoke,
    .key_list = m_key_list,
    .key_version = m_key_version,
};

static const struct backend_ops memory_ops = {
    .begin = m_begin,
    .commit = m_commit,
    .rollback = m_rollback,
    .changes = m_changes,
    .close = m_close,
    .marks = &memory_marks,
    .channels = &memory_channels,
    .events = &memory_events,
    .errors = &memory_errors,
    .keys = &memory_keys,
};

static struct memory *handle(struct shared *shared, bool reader)
{
    struct memory *m = mem_zero(1, sizeof(*m));
    if (!m)
        return NULL;
    m->backend.ops = &memory_ops;
    m->shared = shared;
    m->reader = reader;
    shared->refs++;
    return m;
}

enum err memory_open(struct backend **ret)
{
    struct shared *s = mem_zero(1, sizeof(*s));
    struct memory *m = s ? handle(s, false) : NULL;
    if (!m) {
        mem_free(s);
        return ERR_NOMEM;
    }
    s->committed.next_channel = 2000000000;
    s->committed.key_version = 1;
    *ret = &m->backend;
    return ERR_NONE;
}

enum err memory_open_reader(struct backend **ret, struct backend *writer)
{
    struct memory *m = handle(memory_of(writer)->shared, true);
    if (!m)
        return ERR_NOMEM;
    *ret = &m->backend;
    return ERR_NONE;
}

void memory_fail_at(struct backend *b, unsigned long nth, enum err e)
{
    memory_of(b)->shared->fail_at = nth;
    memory_of(b)->shared->fail_with = e;
}
