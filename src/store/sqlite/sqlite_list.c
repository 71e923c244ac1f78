/* States of events, and lists of a channel's events: several sources, each newest first, merged. */
#include "base/mem.h"
#include "store/sqlite/sqlite.h"

enum err sqlite_event_state(struct sqlite *s, int64_t channel_id, struct event_view *v)
{
    enum { RETRY, FATE, OWN, QUEUE, TAIL, PLACES };
    static const enum statement places[PLACES] = {STATEMENT_retry_get, STATEMENT_fate_last,
                                                  STATEMENT_attempt_own, STATEMENT_queue_has,
                                                  STATEMENT_tail_has};
    bool ended = false;
    for (int i = 0; i < PLACES && !(ended && i > OWN); i++) {
        enum err e = ERR_NONE;
        sqlite3_stmt *q = sqlite_statement(s, places[i], &e);
        if (!q)
            return e;
        sqlite_bind_number(q, 1, channel_id);
        sqlite_bind_number(q, 2, v->id);
        bool row;
        e = sqlite_row(s, q, &row);
        if (e)
            return e;
        if (!row)
            continue;
        if (i == RETRY) {
            v->state = EVENT_RETRYING;
            v->due_ms = sqlite_number(q, 0);
            v->tries = (uint16_t)sqlite_number(q, 1);
        } else if (i == FATE) {
            v->state = sqlite_number(q, 0) == FATE_DELIVERED ? EVENT_DELIVERED : EVENT_GIVEN_UP;
            v->tries = (uint16_t)sqlite_number(q, 1);
        } else if (i == OWN) {
            if (!ended)
                v->state = EVENT_DELIVERED;
            v->tries++;
        } else {
            v->state = EVENT_PENDING;
        }
        (void)sqlite3_reset(q);
        if (i == RETRY || i >= QUEUE)
            return ERR_NONE;
        ended = true;
    }
    return ended ? ERR_NONE : ERR_NOT_FOUND;
}

enum err sqlite_event_get(struct backend *b, int64_t channel_id, int64_t id, event_view_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_event_payload, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    struct event_view v = {.id = id, .flags = (uint8_t)sqlite_number(q, 1), .json = sqlite_span(q, 2)};
    e = sqlite_number(q, 0) != channel_id ? ERR_NOT_FOUND
        : !sqlite_event_is_whole(v.json)  ? sqlite_err(s, SQLITE_CORRUPT)
                                          : sqlite_event_state(s, channel_id, &v);
    if (!e)
        e = fn(arg, &v);
    (void)sqlite3_reset(q);
    return e;
}

/* The ids of one channel in the sections, newest first. */
struct sections {
    uint8_t *ids; /* the channel's ids in section `at`; 8 bytes each */
    uint32_t count;
    int64_t at, below; /* last id of the section, and of the previous one; 0: none */
};

/* Loads the channel's ids in section `at`, if there is one. */
static enum err enter(struct sqlite *s, struct sections *v, int64_t channel_id, int64_t at)
{
    v->at = at;
    v->count = 0;
    v->below = 0;
    if (!at)
        return ERR_NONE;
    enum err e = sqlite_first(s, STATEMENT_section_below, &at, 1, &v->below);
    sqlite3_stmt *q = e ? NULL : sqlite_statement(s, STATEMENT_section_ids, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, at);
    sqlite_bind_number(q, 2, channel_id);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e;
    struct span ids = sqlite_span(q, 0);
    mem_free(v->ids);
    v->ids = mem_alloc(ids.len + 1);
    if (v->ids) {
        memcpy(v->ids, ids.ptr, ids.len);
        v->count = (uint32_t)(ids.len / 8);
    }
    (void)sqlite3_reset(q);
    return v->ids ? ERR_NONE : ERR_NOMEM;
}

/* *ret_id: the next id; once all are given, the start of the section; 0 at the end. */
static enum err next_of_sections(struct sqlite *s, struct sections *v, int64_t channel_id, int64_t *ret_id,
                                 bool *ret_border)
{
    *ret_border = !v->count;
    if (v->count) {
        const uint8_t *p = v->ids + (size_t)--v->count * 8;
        uint64_t id = 0;
        for (int k = 0; k < 8; k++)
            id = id << 8 | p[k];
        *ret_id = (int64_t)id;
        return ERR_NONE;
    }
    *ret_id = v->below ? v->below + 1 : 0;
    return enter(s, v, channel_id, v->below);
}

enum { SOURCE_QUEUE, SOURCE_TAIL, SOURCE_RETRY, SOURCE_FATE, SOURCE_SECTIONS, SOURCES };

static const struct {
    enum statement statement;
    unsigned states; /* states found in that source */
} sources[SOURCES] = {
    [SOURCE_QUEUE] = {STATEMENT_queue_before, 1u << EVENT_PENDING},
    [SOURCE_TAIL] = {STATEMENT_tail_before, 1u << EVENT_PENDING | 1u << EVENT_DELIVERED},
    [SOURCE_RETRY] = {STATEMENT_retry_before, 1u << EVENT_RETRYING},
    [SOURCE_FATE] = {STATEMENT_fate_before, 1u << EVENT_DELIVERED | 1u << EVENT_GIVEN_UP},
    [SOURCE_SECTIONS] = {STATEMENT_COUNT, 1u << EVENT_DELIVERED},
};

struct walk {
    struct sqlite *s;
    int64_t channel_id;
    sqlite3_stmt *rows[SOURCES]; /* NULL: exhausted, or not needed */
    struct sections sections;
    int64_t heads[SOURCES]; /* next id of each source; 0: none */
    bool border;            /* the head of the sections is the start of one */
};

static enum err advance(struct walk *w, int source)
{
    w->heads[source] = 0;
    if (source == SOURCE_SECTIONS)
        return next_of_sections(w->s, &w->sections, w->channel_id, &w->heads[source], &w->border);
    bool row;
    enum err e = sqlite_row(w->s, w->rows[source], &row);
    if (row)
        w->heads[source] = sqlite_number(w->rows[source], 0);
    else
        w->rows[source] = NULL;
    return e;
}

static enum err begin_walk(struct walk *w, unsigned states, int64_t before, uint32_t scan)
{
    enum err e = ERR_NONE;
    for (int i = 0; !e && i < SOURCES; i++) {
        if (!(states & sources[i].states))
            continue;
        if (i == SOURCE_SECTIONS) {
            int64_t at;
            e = sqlite_first(w->s, STATEMENT_section_from, &before, 1, &at);
            if (!e && !at)
                e = sqlite_first(w->s, STATEMENT_section_below, &before, 1, &at);
            if (!e)
                e = enter(w->s, &w->sections, w->channel_id, at);
        } else {
            /* Failures have their own index. */
            bool given_up = i == SOURCE_FATE && !(states & 1u << EVENT_DELIVERED);
            w->rows[i] =
                sqlite_statement(w->s, given_up ? STATEMENT_fate_failed_before : sources[i].statement, &e);
            if (!w->rows[i])
                return e;
            sqlite_bind_number(w->rows[i], 1, w->channel_id);
            sqlite_bind_number(w->rows[i], 2, before);
            sqlite_bind_number(w->rows[i], 3, scan);
        }
        do
            e = e ? e : advance(w, i);
        while (!e && w->heads[i] >= before);
    }
    return e;
}

/*
 * The newest id not given yet, 0 at the end. *ret_event: whether it is an event; otherwise a section starts
 * there.
 */
static enum err next_of_all(struct walk *w, int64_t *ret_id, bool *ret_event)
{
    int64_t newest = 0;
    for (int i = 0; i < SOURCES; i++)
        if (w->heads[i] > newest)
            newest = w->heads[i];
    *ret_id = newest;
    *ret_event = false;
    enum err e = ERR_NONE;
    for (int i = 0; newest && i < SOURCES; i++) {
        while (!e && w->heads[i] == newest) {
            *ret_event |= i != SOURCE_SECTIONS || !w->border;
            e = advance(w, i);
        }
    }
    return e;
}

static void end_walk(struct walk *w)
{
    for (int i = 0; i < SOURCES; i++)
        if (w->rows[i])
            (void)sqlite3_reset(w->rows[i]);
    mem_free(w->sections.ids);
}

enum err sqlite_event_list(struct backend *b, int64_t channel_id, unsigned states, int64_t before,
                           uint32_t limit, uint32_t scan, event_view_fn *fn, void *arg, int64_t *ret_last)
{
    struct walk w = {.s = sqlite_of(b), .channel_id = channel_id};
    uint32_t seen = 0, given = 0;
    int64_t last = 0;
    enum err e = begin_walk(&w, states, before, scan);
    while (!e && given < limit && seen < scan) {
        struct event_view v = {.id = 0};
        bool event;
        if ((e = next_of_all(&w, &v.id, &event)) || !v.id)
            break;
        seen++;
        last = v.id;
        e = event ? sqlite_event_state(w.s, channel_id, &v) : ERR_NOT_FOUND;
        if (!e && states & (1u << v.state)) {
            given++;
            e = fn(arg, &v);
        } else if (e == ERR_NOT_FOUND) {
            e = ERR_NONE;
        }
    }
    end_walk(&w);
    if (!e)
        *ret_last = given == limit || seen == scan ? last : 0;
    return e;
}
