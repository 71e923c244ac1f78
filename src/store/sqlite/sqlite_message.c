/* The messages of jobs. */
#include <string.h>

#include "store/sqlite/sqlite.h"

/* NULL where the span is none: said, because a statement keeps what was bound to it the time before. */
static void bind_or_null(sqlite3_stmt *q, int at, struct span text)
{
    if (text.ptr)
        sqlite_bind_span(q, at, text);
    else
        (void)sqlite3_bind_null(q, at);
}

enum err sqlite_message_insert(struct backend *b, const struct message *m)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_message_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, m->job_id);
    sqlite_bind_number(q, 2, m->n);
    sqlite_bind_number(q, 3, m->user_id);
    bind_or_null(q, 4, m->name);
    bind_or_null(q, 5, m->target);
    sqlite_bind_number(q, 6, m->state);
    sqlite_bind_span(q, 7, m->error);
    sqlite_bind_span(q, 8, m->detail);
    sqlite_bind_span(q, 9, m->processed);
    sqlite_bind_span(q, 10, m->judged);
    sqlite_bind_number(q, 11, m->tries);
    sqlite_bind_number(q, 12, m->due_ms);
    sqlite_bind_span(q, 13, m->service_id);
    sqlite_bind_number(q, 14, m->at_ms);
    return sqlite_run(s, q);
}

enum err sqlite_message_update(struct backend *b, const struct message *m)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_message_update, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, m->job_id);
    sqlite_bind_number(q, 2, m->n);
    sqlite_bind_number(q, 3, m->user_id);
    bind_or_null(q, 4, m->target);
    sqlite_bind_number(q, 5, m->state);
    sqlite_bind_span(q, 6, m->error);
    sqlite_bind_span(q, 7, m->detail);
    sqlite_bind_span(q, 8, m->processed);
    sqlite_bind_span(q, 9, m->judged);
    sqlite_bind_number(q, 10, m->tries);
    sqlite_bind_number(q, 11, m->due_ms);
    sqlite_bind_span(q, 12, m->service_id);
    sqlite_bind_number(q, 13, m->at_ms);
    e = sqlite_run(s, q);
    return !e && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

static struct span span_or_null(sqlite3_stmt *q, int column)
{
    return sqlite3_column_type(q, column) == SQLITE_NULL ? (struct span){0} : sqlite_span(q, column);
}

static struct message row_of(sqlite3_stmt *q)
{
    return (struct message){
        .job_id = sqlite_number(q, 0),
        .n = sqlite_number(q, 1),
        .user_id = sqlite_number(q, 2),
        .name = span_or_null(q, 3),
        .target = span_or_null(q, 4),
        .state = (enum message_state)sqlite_number(q, 5),
        .error = sqlite_span(q, 6),
        .detail = sqlite_span(q, 7),
        .processed = sqlite_span(q, 8),
        .judged = sqlite_span(q, 9),
        .tries = (uint16_t)sqlite_number(q, 10),
        .due_ms = sqlite_number(q, 11),
        .service_id = sqlite_span(q, 12),
        .at_ms = sqlite_number(q, 13),
    };
}

static enum err rows(struct sqlite *s, sqlite3_stmt *q, message_row_fn *fn, void *arg)
{
    enum err e = ERR_NONE;
    while (sqlite_next(s, q, &e)) {
        const struct message m = row_of(q);
        e = fn(arg, &m);
    }
    return e;
}

enum err sqlite_message_drop(struct backend *b, int64_t job_id, uint32_t limit, uint32_t *ret_count)
{
    struct sqlite *s = sqlite_of(b);
    const int64_t key[] = {job_id, limit};
    enum err e = sqlite_run_with(s, STATEMENT_message_prune, key, 2);
    if (!e)
        *ret_count = (uint32_t)sqlite3_changes(s->db);
    return e;
}

enum err sqlite_message_get(struct backend *b, int64_t job_id, int64_t n, message_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_message_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, job_id);
    sqlite_bind_number(q, 2, n);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    const struct message m = row_of(q);
    e = fn(arg, &m);
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_message_waiting(struct backend *b, int64_t job_id, int64_t after, int64_t last,
                                uint32_t limit, message_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_message_waiting, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, job_id);
    sqlite_bind_number(q, 2, after);
    sqlite_bind_number(q, 3, last);
    sqlite_bind_number(q, 4, limit);
    return rows(s, q, fn, arg);
}

enum err sqlite_message_due(struct backend *b, int64_t job_id, enum message_state state, uint32_t limit,
                            message_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_message_due, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, job_id);
    sqlite_bind_number(q, 2, state);
    sqlite_bind_number(q, 3, limit);
    return rows(s, q, fn, arg);
}

static bool contains(struct span text, struct span part)
{
    return text.ptr && text.len >= part.len && memmem(text.ptr, text.len, part.ptr, part.len);
}

static bool matches(const struct message_filter *f, const struct message *m)
{
    if (f->states && !(f->states >> m->state & 1))
        return false;
    if (f->error.len && !span_eq(f->error, m->error))
        return false;
    return !f->text.len || contains(m->target, f->text) || contains(m->detail, f->text) ||
           span_eq(m->name, f->text);
}

enum err sqlite_message_find(struct backend *b, struct message_filter *f, message_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, f->job_id ? STATEMENT_message_scan : STATEMENT_message_of_user, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, f->job_id ? f->job_id : f->user_id);
    sqlite_bind_number(q, 2, f->after);
    sqlite_bind_number(q, 3, f->scan);
    if (!f->job_id)
        sqlite_bind_number(q, 4, f->after_n);
    uint32_t seen = 0, found = 0;
    int64_t last = 0, last_n = 0;
    while (found < f->limit && sqlite_next(s, q, &e)) {
        const struct message m = row_of(q);
        seen++;
        last = f->job_id ? m.n : m.job_id;
        last_n = m.n;
        if (!matches(f, &m))
            continue;
        found++;
        e = fn(arg, &m);
    }
    (void)sqlite3_reset(q);
    f->last = seen >= f->scan || found >= f->limit ? last : 0;
    f->last_n = last_n;
    return e;
}

enum err sqlite_message_since(struct backend *b, int64_t user_id, struct span campaign, unsigned states,
                              int64_t since_ms, bool *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_message_since, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, user_id);
    sqlite_bind_span(q, 2, campaign);
    sqlite_bind_number(q, 3, states);
    sqlite_bind_number(q, 4, since_ms);
    bool row;
    e = sqlite_row(s, q, &row);
    if (!e && row)
        (void)sqlite3_reset(q);
    if (!e)
        *ret = row;
    return e;
}
