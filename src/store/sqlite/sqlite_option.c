#include "store/sqlite/sqlite.h"

static struct option row_of(sqlite3_stmt *q)
{
    return (struct option){
        .provider_id = sqlite_number(q, 0),
        .provider_name = sqlite_span(q, 1),
        .state = (enum option_state)sqlite_number(q, 2),
        .note = sqlite_span(q, 3),
        .applied_ms = sqlite_number(q, 4),
        .decided_ms = sqlite_number(q, 5),
    };
}

enum err sqlite_option_get(struct backend *b, int64_t provider_id, option_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_option_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    const struct option o = row_of(q);
    e = fn(arg, &o);
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_option_put(struct backend *b, const struct option *o)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_option_put, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, o->provider_id);
    sqlite_bind_number(q, 2, o->state);
    sqlite_bind_span(q, 3, o->note);
    sqlite_bind_number(q, 4, o->applied_ms);
    sqlite_bind_number(q, 5, o->decided_ms);
    return sqlite_run(s, q);
}

enum err sqlite_option_list(struct backend *b, unsigned states, int64_t after, uint32_t limit,
                            option_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_option_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, after);
    sqlite_bind_number(q, 2, states);
    sqlite_bind_number(q, 3, limit);
    while (sqlite_next(s, q, &e)) {
        const struct option o = row_of(q);
        e = fn(arg, &o);
    }
    return e;
}
