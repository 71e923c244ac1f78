/* Queries: stored SQL that names the recipients of a job. It is run elsewhere, in a process of its own. */
#include "store/sqlite/sqlite.h"

/* ERR_INTERNAL: the row names people by something that there is not. */
static enum err row_of(sqlite3_stmt *q, struct audience_query *ret)
{
    *ret = (struct audience_query){
        .id = sqlite_number(q, 0),
        .provider_id = sqlite_number(q, 1),
        .name = sqlite_span(q, 2),
        .sql = sqlite_span(q, 3),
        .created_ms = sqlite_number(q, 5),
        .updated_ms = sqlite_number(q, 6),
    };
    return by_find(sqlite_span(q, 4), &ret->by) ? ERR_INTERNAL : ERR_NONE;
}

enum err sqlite_query_insert(struct backend *b, struct audience_query *a)
{
    struct sqlite *s = sqlite_of(b);
    int64_t n;
    enum err e = sqlite_first(s, STATEMENT_provider_has, &a->provider_id, 1, &n);
    if (!e)
        e = sqlite_first(s, STATEMENT_query_count, &a->provider_id, 1, &n);
    if (!e && n >= QUERIES_MAX)
        return ERR_LIMIT;
    sqlite3_stmt *q = e ? NULL : sqlite_statement(s, STATEMENT_query_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, a->provider_id);
    sqlite_bind_span(q, 2, a->name);
    sqlite_bind_span(q, 3, a->sql);
    sqlite_bind_span(q, 4, span_of(by_text(a->by)));
    sqlite_bind_number(q, 5, a->created_ms);
    sqlite_bind_number(q, 6, a->updated_ms);
    e = sqlite_run(s, q);
    if (!e)
        a->id = sqlite3_last_insert_rowid(s->db);
    return e;
}

enum err sqlite_query_update(struct backend *b, const struct audience_query *a)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_query_update, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, a->provider_id);
    sqlite_bind_number(q, 2, a->id);
    sqlite_bind_span(q, 3, a->name);
    sqlite_bind_span(q, 4, a->sql);
    sqlite_bind_span(q, 5, span_of(by_text(a->by)));
    sqlite_bind_number(q, 6, a->updated_ms);
    e = sqlite_run(s, q);
    return !e && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

enum err sqlite_query_delete(struct backend *b, int64_t provider_id, int64_t id)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = sqlite_run_with(s, STATEMENT_query_delete, (int64_t[]){provider_id, id}, 2);
    return !e && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

enum err sqlite_query_get(struct backend *b, int64_t provider_id, int64_t id, query_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_query_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, id);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    struct audience_query a;
    e = row_of(q, &a);
    if (!e)
        e = fn(arg, &a);
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_query_list(struct backend *b, int64_t provider_id, int64_t after, uint32_t limit,
                           query_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_query_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, after);
    sqlite_bind_number(q, 3, limit);
    while (sqlite_next(s, q, &e)) {
        struct audience_query a;
        e = row_of(q, &a);
        if (!e)
            e = fn(arg, &a);
    }
    return e;
}
