/* Retention: deletes ended events with their attempts, a few at a time. */
#include "store/sqlite/sqlite.h"

#define STEP_MAX 1000u
#define SECTIONS_MAX 256u
#define ATTEMPTS_MAX 256u /* of one event per step; a longer history takes several steps */

struct victim {
    int64_t id, channel_id;
};

static enum err run_with(struct sqlite *s, enum statement id, const int64_t *numbers, int count)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, id, &e);
    if (!q)
        return e;
    for (int i = 0; i < count; i++)
        sqlite_bind_number(q, i + 1, numbers[i]);
    return sqlite_run(s, q);
}

/* Attempts that carried an event, oldest first. */
static enum err attempts_of(struct sqlite *s, const struct victim *v, int64_t *ids, uint32_t *ret_n)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_prune_fates, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, v->channel_id);
    sqlite_bind_number(q, 2, v->id);
    sqlite_bind_number(q, 3, ATTEMPTS_MAX);
    uint32_t n = 0;
    while (sqlite_next(s, q, &e))
        ids[n++] = sqlite_number(q, 0);
    *ret_n = n;
    return e;
}

/* An attempt is deleted with the last of its events. */
static enum err drop_attempt(struct sqlite *s, int64_t id, uint32_t *count)
{
    enum err e = run_with(s, STATEMENT_prune_attempt, &id, 1);
    if (e)
        return e;
    if (sqlite3_changes(s->db) > 0) {
        (*count)++;
        return ERR_NONE;
    }
    return run_with(s, STATEMENT_prune_attempt_one, &id, 1);
}

/* ERR_NOT_FOUND: the event does not wait. */
static enum err waits(struct sqlite *s, const struct victim *v)
{
    if (sqlite_tail_waiting(s, v->channel_id, v->id))
        return ERR_NONE;
    int64_t row;
    const int64_t event[] = {v->channel_id, v->id};
    enum err e = sqlite_first(s, STATEMENT_queue_has, event, 2, &row);
    return e == ERR_NOT_FOUND ? sqlite_first(s, STATEMENT_retry_get, event, 2, &row) : e;
}

static enum err prune_one(struct sqlite *s, const struct victim *v, struct history_prune *p)
{
    int64_t newest_ms = 0;
    enum err e = waits(s, v);
    if (e != ERR_NOT_FOUND)
        return e;
    e = sqlite_first(s, p->tried_before_ms ? STATEMENT_prune_tried : STATEMENT_prune_newest,
                     (int64_t[]){v->channel_id, v->id}, 2, &newest_ms);
    if (!e && p->tried_before_ms) {
        bool young = newest_ms >= p->tried_before_ms && newest_ms <= p->tried_now_ms;
        p->ret_young += young;
        if (young || !newest_ms || newest_ms > p->tried_now_ms)
            return ERR_NONE;
    } else if (e || newest_ms >= p->before_ms) {
        return e; /* it ended later than it was accepted: still young */
    }
    int64_t attempts[ATTEMPTS_MAX];
    uint32_t n = 0;
    e = attempts_of(s, v, attempts, &n);
    for (uint32_t i = 0; !e && i < n; i++)
        e = drop_attempt(s, attempts[i], &p->ret_attempts);
    if (!e && n)
        e = run_with(s, STATEMENT_prune_event_fates, (int64_t[]){v->channel_id, v->id, attempts[n - 1]}, 3);
    if (e || n == ATTEMPTS_MAX)
        return e; /* the event is deleted with its last attempts, in a later step */
    p->ret_events++;
    return run_with(s, STATEMENT_prune_payload, &v->id, 1);
}

/*
 * Deletes sections that end after `after` and by `until`, if their last event is deleted. *ret_at: where to
 * continue; `until` at the end.
 */
static enum err prune_sections(struct sqlite *s, int64_t after, int64_t until, int64_t *ret_at)
{
    enum err e = ERR_NONE;
    *ret_at = until;
    for (uint32_t i = 0; !e; i++) {
        int64_t section, below, any;
        e = sqlite_first(s, STATEMENT_section_from, (int64_t[]){after + 1}, 1, &section);
        if (e || !section || section > until)
            break;
        if (i == SECTIONS_MAX) {
            *ret_at = after;
            break;
        }
        e = sqlite_first(s, STATEMENT_section_below, &section, 1, &below);
        if (!e)
            e = sqlite_first(s, STATEMENT_prune_any, (int64_t[]){below, section}, 2, &any);
        if (e == ERR_NOT_FOUND)
            e = run_with(s, STATEMENT_prune_section, &section, 1);
        after = section;
    }
    return e;
}

enum err sqlite_history_prune(struct backend *b, struct history_prune *p)
{
    struct sqlite *s = sqlite_of(b);
    struct victim victims[STEP_MAX];
    uint32_t scan = p->scan < STEP_MAX ? p->scan : STEP_MAX, n = 0;
    p->ret_after = 0;
    p->ret_events = p->ret_attempts = p->ret_young = 0;
    enum err e = sqlite_tail_load(s);
    sqlite3_stmt *q = e ? NULL : sqlite_statement(s, STATEMENT_prune_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, p->after);
    sqlite_bind_number(q, 2, p->before_ms << ULID_SEQ_SHIFT);
    sqlite_bind_number(q, 3, scan);
    while (sqlite_next(s, q, &e))
        victims[n++] = (struct victim){sqlite_number(q, 0), sqlite_number(q, 1)};
    for (uint32_t i = 0; !e && i < n; i++)
        e = prune_one(s, &victims[i], p);
    int64_t until = n == scan && n ? victims[n - 1].id : (p->before_ms << ULID_SEQ_SHIFT) - 1, at = until;
    if (!e)
        e = prune_sections(s, p->after, until, &at);
    if (!e && (n == scan || at < until))
        p->ret_after = at;
    if (!e && p->ret_events)
        e = run_with(s, STATEMENT_last_row, &s->seq.last, 1);
    return e;
}

enum err sqlite_size(struct backend *b, struct backend_size *ret)
{
    static const enum statement asked[] = {STATEMENT_page_count, STATEMENT_page_free, STATEMENT_page_size};
    struct sqlite *s = sqlite_of(b);
    uint64_t n[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        enum err e = ERR_NONE;
        sqlite3_stmt *q = sqlite_statement(s, asked[i], &e);
        bool row = false;
        if (!q || (e = sqlite_row(s, q, &row)))
            return e;
        if (row) {
            n[i] = (uint64_t)sqlite_number(q, 0);
            (void)sqlite3_reset(q);
        }
    }
    *ret = (struct backend_size){.used = (n[0] - n[1]) * n[2], .free = n[1] * n[2]};
    return ERR_NONE;
}
