/*
 * The tail: the newest events of all channels, which the writer knows by heart, so that most events need two rows in all.
 *
 *     payload:   … ─ section ─ section ─┬─ tail, four to five sections long ─ accepted now
 *                             meta 'tail' ┘
 *
 * An event of the tail has no row in queue. If it is delivered soon, alone and at the first try, as most are, its attempt is written under the
 * event's own number, and nothing else: both rows are the last of their tables, where those of other channels are, so a commit writes few
 * pages however many channels it serves. Whatever else becomes of it gets rows by channel at once (fate, retry).
 *
 * When the tail is five sections long the oldest leaves it in one go, sorted by channel: what waits yet gets its row in queue, and
 * the numbers of what was delivered become one row a channel in table section, by which a channel's history is found again.
 *
 * All of it follows from the rows, so a crash costs nothing: the tail is read again. So is it after a rollback.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "store/sqlite.h"

#define SECTION 2048u /* one leaves in half a millisecond, in two if all of it waits */
#define SECTIONS 4u   /* that stay: 250 KiB, a quarter of a second at full speed, 10 ms to read again */

static enum err reserve(struct tail *t, uint32_t count)
{
    if (count <= t->alloc)
        return ERR_NONE;
    uint32_t alloc = count + count / 2;
    void *events = mem_resize(t->events, alloc * sizeof(*t->events));
    if (!events)
        return ERR_NOMEM;
    t->events = events;
    t->alloc = alloc;
    return ERR_NONE;
}

enum err sqlite_tail_load(struct sqlite *s)
{
    struct tail *t = &s->tail;
    if (t->loaded)
        return ERR_NONE;
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_tail_list, &e);
    if (!q)
        return e;
    if (!t->section)
        t->section = SECTION;
    t->count = 0;
    bool row;
    while (!(e = sqlite_row(s, q, &row)) && row) {
        e = reserve(t, t->count + 1);
        if (e) {
            (void)sqlite3_reset(q);
            return e;
        }
        t->events[t->count++] = (struct tail_event){sqlite_number(q, 0), sqlite_number(q, 1),
                                                    (enum tail_state)sqlite_number(q, 2)};
    }
    t->loaded = !e;
    return e;
}

void sqlite_tail_forget(struct sqlite *s)
{
    s->tail.loaded = false;
}

static int by_channel(const void *a, const void *b)
{
    const struct tail_event *x = a, *y = b;
    if (x->channel_id != y->channel_id)
        return x->channel_id < y->channel_id ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static enum err put_waiting(struct sqlite *s, const struct tail_event *v)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_queue_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, v->channel_id);
    sqlite_bind_number(q, 2, v->id);
    return sqlite_run(s, q);
}

static enum err put_delivered(struct sqlite *s, int64_t last_id, int64_t channel_id, const uint8_t *ids,
                              uint32_t count)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = count ? sqlite_statement(s, STATEMENT_section_insert, &e) : NULL;
    if (!q)
        return e;
    sqlite_bind_number(q, 1, last_id);
    sqlite_bind_number(q, 2, channel_id);
    sqlite_bind_bytes(q, 3, ids, (size_t)count * 8);
    e = sqlite_run(s, q);
    (void)sqlite3_clear_bindings(q);
    return e;
}

/* The first n events leave the tail; events is room for them, ids for their numbers. */
static enum err leave(struct sqlite *s, uint32_t n, struct tail_event *events, uint8_t *ids)
{
    struct tail *t = &s->tail;
    int64_t last = t->events[n - 1].id;
    memcpy(events, t->events, n * sizeof(*events));
    qsort(events, n, sizeof(*events), by_channel);
    enum err e = ERR_NONE;
    for (uint32_t i = 0, count = 0; !e && i < n; i++) {
        const struct tail_event *v = &events[i];
        if (v->state == TAIL_WAITS)
            e = put_waiting(s, v);
        else if (v->state == TAIL_DELIVERED)
            for (unsigned k = 0, at = count++ * 8; k < 8; k++)
                ids[at + k] = (uint8_t)((uint64_t)v->id >> (56 - 8 * k));
        if (!e && (i + 1 == n || events[i + 1].channel_id != v->channel_id)) {
            e = put_delivered(s, last, v->channel_id, ids, count);
            count = 0;
        }
    }
    sqlite3_stmt *q = e ? NULL : sqlite_statement(s, STATEMENT_tail_move, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, last);
    e = sqlite_run(s, q);
    t->count -= n;
    memmove(t->events, t->events + n, t->count * sizeof(*t->events));
    return e;
}

enum err sqlite_tail_make_room(struct sqlite *s, size_t count)
{
    struct tail *t = &s->tail;
    enum err e = sqlite_tail_load(s);
    while (!e && t->count >= (SECTIONS + 1) * t->section) {
        AUTO_FREE struct tail_event *events = mem_alloc(t->section * sizeof(*events));
        AUTO_FREE uint8_t *ids = mem_alloc((size_t)t->section * 8);
        e = events && ids ? leave(s, t->section, events, ids) : ERR_NOMEM;
    }
    return e ? e : reserve(t, t->count + (uint32_t)count);
}

void sqlite_tail_add(struct sqlite *s, int64_t channel_id, int64_t id)
{
    s->tail.events[s->tail.count++] = (struct tail_event){id, channel_id, TAIL_WAITS};
}

uint32_t sqlite_tail_find(const struct tail *t, int64_t id)
{
    uint32_t low = 0, high = t->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->events[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct tail_event *sqlite_tail_waiting(struct sqlite *s, int64_t channel_id, int64_t id)
{
    uint32_t at = sqlite_tail_find(&s->tail, id);
    struct tail_event *v = at < s->tail.count ? &s->tail.events[at] : NULL;
    return v && v->id == id && v->channel_id == channel_id && v->state == TAIL_WAITS ? v : NULL;
}

void sqlite_tail_drop(struct sqlite *s, int64_t channel_id)
{
    for (uint32_t i = 0; i < s->tail.count; i++)
        if (s->tail.events[i].channel_id == channel_id && s->tail.events[i].state == TAIL_WAITS)
            s->tail.events[i].state = TAIL_LEFT;
}
