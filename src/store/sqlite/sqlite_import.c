/* Imports: how far each came, and the lines it refused. */
#include "store/sqlite/sqlite.h"

#define INTO_USERS SPAN_LIT("users")
#define INTO_LIST SPAN_LIT("list")

static enum err delete_oldest(struct sqlite *s, int64_t provider_id)
{
    int64_t id;
    enum err e = sqlite_first(s, STATEMENT_import_old, (int64_t[]){provider_id, IMPORTS_KEPT}, 2, &id);
    if (e)
        return e == ERR_NOT_FOUND ? ERR_NONE : e;
    e = sqlite_run_with(s, STATEMENT_import_delete, &id, 1);
    return e ? e : sqlite_run_with(s, STATEMENT_import_delete_refusals, &id, 1);
}

enum err sqlite_import_insert(struct backend *b, struct import *i)
{
    struct sqlite *s = sqlite_of(b);
    int64_t one;
    enum err e = sqlite_first(s, STATEMENT_provider_has, &i->provider_id, 1, &one);
    sqlite3_stmt *q = e ? NULL : sqlite_statement(s, STATEMENT_import_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, i->provider_id);
    sqlite_bind_span(q, 2, i->into_list ? INTO_LIST : INTO_USERS);
    sqlite_bind_number(q, 3, i->list_id);
    sqlite_bind_number(q, 4, (int64_t)i->state);
    sqlite_bind_span(q, 5, i->reason);
    sqlite_bind_number(q, 6, (int64_t)i->read);
    sqlite_bind_number(q, 7, (int64_t)i->taken);
    sqlite_bind_number(q, 8, (int64_t)i->refused);
    sqlite_bind_number(q, 9, i->started_ms);
    sqlite_bind_number(q, 10, i->ended_ms);
    e = sqlite_run(s, q);
    if (e)
        return e;
    i->id = sqlite3_last_insert_rowid(s->db);
    return delete_oldest(s, i->provider_id);
}

enum err sqlite_import_update(struct backend *b, const struct import *i)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_import_update, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, i->id);
    sqlite_bind_number(q, 2, (int64_t)i->state);
    sqlite_bind_span(q, 3, i->reason);
    sqlite_bind_number(q, 4, i->ended_ms);
    e = sqlite_run(s, q);
    return !e && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

enum err sqlite_import_count(struct backend *b, int64_t id, uint64_t read, uint64_t taken)
{
    struct sqlite *s = sqlite_of(b);
    enum err e =
        sqlite_run_with(s, STATEMENT_import_count, (int64_t[]){id, (int64_t)read, (int64_t)taken}, 3);
    return !e && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

enum err sqlite_import_refuse(struct backend *b, int64_t id, const struct import_refusal *r)
{
    struct sqlite *s = sqlite_of(b);
    int64_t refused;
    enum err e = sqlite_first(s, STATEMENT_import_refused, &id, 1, &refused);
    if (!e)
        e = sqlite_run_with(s, STATEMENT_import_refused_more, &id, 1);
    if (e || refused >= IMPORT_REFUSALS_MAX)
        return e;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_import_refuse, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    sqlite_bind_number(q, 2, (int64_t)r->line);
    sqlite_bind_span(q, 3, r->field);
    sqlite_bind_span(q, 4, r->why);
    return sqlite_run(s, q);
}

static struct import row_of(sqlite3_stmt *q)
{
    return (struct import){
        .id = sqlite_number(q, 0),
        .provider_id = sqlite_number(q, 1),
        .into_list = span_eq(sqlite_span(q, 2), INTO_LIST),
        .list_id = sqlite_number(q, 3),
        .state = (enum import_state)sqlite_number(q, 4),
        .reason = sqlite_span(q, 5),
        .read = (uint64_t)sqlite_number(q, 6),
        .taken = (uint64_t)sqlite_number(q, 7),
        .refused = (uint64_t)sqlite_number(q, 8),
        .started_ms = sqlite_number(q, 9),
        .ended_ms = sqlite_number(q, 10),
    };
}

enum err sqlite_import_get(struct backend *b, int64_t provider_id, int64_t id, import_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    bool row = false;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_import_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, id);
    e = sqlite_row(s, q, &row);
    if (!row)
        return e ? e : ERR_NOT_FOUND;
    const struct import i = row_of(q);
    e = fn(arg, &i);
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_import_list(struct backend *b, int64_t provider_id, int64_t before, uint32_t limit,
                            import_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_import_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, before);
    sqlite_bind_number(q, 3, limit);
    while (sqlite_next(s, q, &e)) {
        const struct import i = row_of(q);
        e = fn(arg, &i);
    }
    return e;
}

enum err sqlite_import_refusals(struct backend *b, int64_t id, refusal_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_import_refusals, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    while (sqlite_next(s, q, &e)) {
        const struct import_refusal r = {
            .line = (uint64_t)sqlite_number(q, 0), .field = sqlite_span(q, 1), .why = sqlite_span(q, 2)};
        e = fn(arg, &r);
    }
    return e;
}

enum err sqlite_import_end_all(struct backend *b, struct span reason, int64_t wall_ms)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_import_end_all, &e);
    if (!q)
        return e;
    sqlite_bind_span(q, 1, reason);
    sqlite_bind_number(q, 2, wall_ms);
    return sqlite_run(s, q);
}
