/*
 * The tail: the newest events of all channels, which the writer keeps in memory, so that most events need
 * only two rows in all.
 *
 *    payload:   … ─ section ─ section ─┬─ tail, four to five sections long ─ accepted now
 *                            meta 'tail' ┘
 *
 * An event in the tail has no row in queue. Most events are delivered soon, alone and on the first attempt;
 * then the attempt is written under the event's own number and nothing else. Both rows are the last of their
 * tables, beside those of other channels, so a commit writes few pages however many channels it serves. Any
 * other outcome gets rows by channel at once (fate, retry).
 *
 * When the tail is five sections long, the oldest section leaves it in one step, sorted by channel: events
 * that still wait get rows in queue, and the numbers of delivered ones become one row per channel in table
 * section, by which a channel's history is found.
 *
 * The tail follows from the rows, so a crash loses nothing: the tail is read again, as it is after a
 * rollback.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite/sqlite.h"

#define SECTION 2048u /* a section leaves in half a millisecond, in two if all its events wait */
/* Probes past damage: each is a search down the tree from either end, some microseconds. */
#define HOLES_MAX 1024u
#define SECTIONS 4u /* that remain: 250 KiB, a quarter of a second at full speed, 10 ms to read again */

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

struct hole {
    int64_t after, before; /* event numbers */
};

/*
 * Loads the events in a hole, up to `last` if it is among them, or up to damage; *ret_met: the last one read.
 */
static enum err load_between(struct sqlite *s, bool back, struct hole h, int64_t last, int64_t *ret_met)
{
    struct tail *t = &s->tail;
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, back ? STATEMENT_tail_list_back : STATEMENT_tail_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, h.after);
    sqlite_bind_number(q, 2, h.before);
    int64_t met = back ? h.before : h.after;
    bool row = true;
    while (!e && met != last && !(e = sqlite_row(s, q, &row)) && row) {
        if ((e = reserve(t, t->count + 1)))
            break;
        met = sqlite_number(q, 0);
        t->events[t->count++] =
            (struct tail_event){met, sqlite_number(q, 1), (enum tail_state)sqlite_number(q, 2)};
    }
    (void)sqlite3_reset(q);
    *ret_met = met;
    return e;
}

static int by_number(const void *a, const void *b)
{
    const struct tail_event *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int by_first(const void *a, const void *b)
{
    const struct tail_span *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Adds a span for events read since the tail had `from` events: there is no damage between them. */
static enum err add_span(struct tail *t, uint32_t from, bool open)
{
    if (from == t->count && !open)
        return ERR_NONE;
    if (t->whole_count == t->whole_alloc) {
        uint32_t alloc = t->whole_alloc ? 2 * t->whole_alloc : 16;
        void *whole = mem_resize(t->whole, alloc * sizeof(*t->whole));
        if (!whole)
            return ERR_NOMEM;
        t->whole = whole;
        t->whole_alloc = alloc;
    }
    struct tail_span span = {INT64_MAX, open ? INT64_MAX : 0};
    for (uint32_t i = from; i < t->count; i++) { /* ascending or descending */
        int64_t id = t->events[i].id;
        span.first = id < span.first ? id : span.first;
        span.last = id > span.last ? id : span.last;
    }
    t->whole[t->whole_count++] = span;
    return ERR_NONE;
}

/*
 * Loads what is readable before and after damage. The range left between is halved by number, breadth first:
 * if its middle is on a readable page, two smaller holes remain. *h becomes the range that covers everything
 * unreadable.
 */
static enum err load_around(struct sqlite *s, struct hole *h)
{
    struct tail *t = &s->tail;
    struct hole holes[HOLES_MAX] = {*h};
    *h = (struct hole){INT64_MAX, 0};
    for (uint32_t at = 0, count = 1; at < count; at++) {
        struct hole left = holes[at];
        uint32_t from = t->count;
        enum err e = load_between(s, false, holes[at], INT64_MAX, &left.after), added;
        if ((added = add_span(t, from, !e && holes[at].before == INT64_MAX)))
            return added;
        if (!e)
            continue;
        from = t->count;
        if (e == ERR_DAMAGED)
            e = load_between(s, true, left, 0, &left.before);
        if (e && e != ERR_DAMAGED)
            return e;
        if ((added = add_span(t, from, holes[at].before == INT64_MAX && t->count > from)))
            return added;
        int64_t middle = left.after + (left.before - left.after) / 2;
        if (middle - left.after > 1 && count + 2 <= HOLES_MAX) {
            holes[count++] = (struct hole){left.after, middle};
            holes[count++] = (struct hole){middle - 1, left.before};
            continue;
        }
        h->after = left.after < h->after ? left.after : h->after;
        h->before = left.before > h->before ? left.before : h->before;
    }
    return ERR_NONE;
}

static void tell_hole(const struct hole *h, uint32_t read)
{
    log_error(
        "store",
        "some of the newest events cannot be read because the database is damaged: skipping them, the others "
        "continue; see \"A damaged database\" in docs/operations.md",
        log_int("accepted_from_ms", h->after >> ULID_SEQ_SHIFT),
        log_int("to_ms", h->before >> ULID_SEQ_SHIFT), log_int("after", h->after),
        log_int("before", h->before), log_uint("read", read));
}

/* Loads only the ranges known to be readable and touches nothing else. */
static enum err load_whole(struct sqlite *s, int64_t after)
{
    struct tail *t = &s->tail;
    enum err e = ERR_NONE;
    for (uint32_t i = 0; !e && i < t->whole_count; i++) {
        struct hole h = {t->whole[i].first - 1, i + 1 < t->whole_count ? t->whole[i + 1].first : INT64_MAX};
        int64_t met;
        if (t->whole[i].last <= after)
            continue;
        h.after = h.after < after ? after : h.after;
        e = load_between(s, false, h, t->whole[i].last, &met);
    }
    return e;
}

/* Called after damage was met for the first time, or again. */
static enum err learn(struct sqlite *s, int64_t after)
{
    struct tail *t = &s->tail;
    struct hole h = {after, INT64_MAX};
    t->count = t->whole_count = 0;
    enum err e = load_around(s, &h);
    if (e) {
        t->whole_count = 0;
        return e;
    }
    qsort(t->events, t->count, sizeof(*t->events), by_number);
    qsort(t->whole, t->whole_count, sizeof(*t->whole), by_first);
    if (h.before > h.after)
        tell_hole(&h, t->count);
    return ERR_NONE;
}

enum err sqlite_tail_load(struct sqlite *s)
{
    struct tail *t = &s->tail;
    if (t->loaded)
        return ERR_NONE;
    if (!t->section)
        t->section = SECTION;
    t->count = 0;
    int64_t after, met;
    enum err e = sqlite_first(s, STATEMENT_tail_from, NULL, 0, &after);
    if (!e)
        e = t->whole_count ? load_whole(s, after)
                           : load_between(s, false, (struct hole){after, INT64_MAX}, INT64_MAX, &met);
    if (e == ERR_DAMAGED)
        e = learn(s, after);
    t->loaded = !e;
    return e;
}

enum err sqlite_warm(struct backend *b)
{
    return sqlite_tail_load(sqlite_of(b));
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

/* Moves the first n events out of the tail; events and ids are buffers for them and their numbers. */
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
    s->tail.changes++;
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
    s->tail.changes++;
    for (uint32_t i = 0; i < s->tail.count; i++)
        if (s->tail.events[i].channel_id == channel_id && s->tail.events[i].state == TAIL_WAITS)
            s->tail.events[i].state = TAIL_LEFT;
}
