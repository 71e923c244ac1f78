/* Lists of recipients, by userId or by a target. */
#include "store/sqlite/sqlite.h"

enum err sqlite_recipient_list_insert(struct backend *b, struct recipient_list *l)
{
    struct sqlite *s = sqlite_of(b);
    int64_t n;
    enum err e = sqlite_first(s, STATEMENT_provider_has, &l->provider_id, 1, &n);
    if (!e)
        e = sqlite_first(s, STATEMENT_recipient_list_count, &l->provider_id, 1, &n);
    if (!e && n >= LISTS_MAX)
        return ERR_LIMIT;
    sqlite3_stmt *q = e ? NULL : sqlite_statement(s, STATEMENT_recipient_list_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, l->provider_id);
    sqlite_bind_span(q, 2, l->name);
    sqlite_bind_span(q, 3, span_of(by_text(l->by)));
    sqlite_bind_number(q, 4, l->created_ms);
    e = sqlite_run(s, q);
    if (!e)
        l->id = sqlite3_last_insert_rowid(s->db);
    return e;
}

static enum err add_one(struct sqlite *s, int64_t id, int64_t n, struct span value)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_recipient_list_add, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    sqlite_bind_number(q, 2, n);
    if (value.ptr)
        sqlite_bind_span(q, 3, value);
    else
        (void)sqlite3_bind_null(q, 3); /* the statement may still have the last row's */
    return sqlite_run(s, q);
}

enum err sqlite_recipient_list_add(struct backend *b, int64_t id, const struct span *values, size_t count)
{
    struct sqlite *s = sqlite_of(b);
    int64_t n;
    enum err e = sqlite_first(s, STATEMENT_recipient_list_rows, &id, 1, &n);
    for (size_t i = 0; i < count && !e; i++)
        e = add_one(s, id, ++n, values[i]);
    return e || !count ? e : sqlite_run_with(s, STATEMENT_recipient_list_grow, (int64_t[]){id, n}, 2);
}

enum err sqlite_recipient_list_delete(struct backend *b, int64_t provider_id, int64_t id)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = sqlite_run_with(s, STATEMENT_recipient_list_delete, (int64_t[]){provider_id, id}, 2);
    if (!e && sqlite3_changes(s->db) == 0)
        return ERR_NOT_FOUND;
    return e ? e : sqlite_run_with(s, STATEMENT_audience_gone_put, (int64_t[]){1, id}, 2);
}

/* ERR_DAMAGED: it names people by something that there is not. */
static enum err take(sqlite3_stmt *q, struct recipient_list *ret)
{
    *ret = (struct recipient_list){.id = sqlite_number(q, 0),
                                   .provider_id = sqlite_number(q, 1),
                                   .name = sqlite_span(q, 2),
                                   .rows = (uint64_t)sqlite_number(q, 4),
                                   .created_ms = sqlite_number(q, 5)};
    return by_find(sqlite_span(q, 3), &ret->by) ? ERR_DAMAGED : ERR_NONE;
}

enum err sqlite_recipient_list_get(struct backend *b, int64_t provider_id, int64_t id, list_row_fn *fn,
                                   void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    bool row = false;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_recipient_list_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, id);
    e = sqlite_row(s, q, &row);
    if (!row)
        return e ? e : ERR_NOT_FOUND;
    struct recipient_list l;
    e = take(q, &l);
    if (!e)
        e = fn(arg, &l);
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_recipient_list_list(struct backend *b, int64_t provider_id, int64_t after, uint32_t limit,
                                    list_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_recipient_list_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, after);
    sqlite_bind_number(q, 3, limit);
    while (sqlite_next(s, q, &e)) {
        struct recipient_list l;
        e = take(q, &l);
        if (!e)
            e = fn(arg, &l);
    }
    return e;
}

enum err sqlite_recipient_list_values(struct backend *b, int64_t id, int64_t after, uint32_t limit,
                                      list_value_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_recipient_list_values, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    sqlite_bind_number(q, 2, after);
    sqlite_bind_number(q, 3, limit);
    while (sqlite_next(s, q, &e)) {
        bool none = sqlite3_column_type(q, 1) == SQLITE_NULL;
        e = fn(arg, sqlite_number(q, 0), none ? (struct span){NULL, 0} : sqlite_span(q, 1));
    }
    return e;
}
