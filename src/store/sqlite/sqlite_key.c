#include "store/sqlite/sqlite.h"

static enum err touch(struct sqlite *s)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_key_touch, &e);
    return q ? sqlite_run(s, q) : e;
}

enum err sqlite_key_insert(struct backend *b, struct access_key *k)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_key_insert, &e);
    if (!q)
        return e;
    sqlite_bind_span(q, 1, k->role == ROLE_OPERATOR ? SPAN_LIT("operator") : SPAN_LIT("ingest"));
    sqlite_bind_bytes(q, 2, k->hash, sizeof(k->hash));
    sqlite_bind_span(q, 3, span_of(k->hint));
    sqlite_bind_number(q, 4, k->created_ms);
    e = sqlite_run(s, q);
    if (e)
        return e;
    k->id = sqlite3_last_insert_rowid(s->db);
    return touch(s);
}

enum err sqlite_key_revoke(struct backend *b, int64_t id, int64_t wall_ms)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_key_revoke, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    sqlite_bind_number(q, 2, wall_ms);
    e = sqlite_run(s, q);
    if (e)
        return e;
    return sqlite3_changes(s->db) ? touch(s) : ERR_NOT_FOUND;
}

enum err sqlite_key_list(struct backend *b, key_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_key_list, &e);
    if (!q)
        return e;
    while (sqlite_next(s, q, &e)) {
        struct access_key k = {.id = sqlite_number(q, 0)};
        struct span role = sqlite_span(q, 1), hash = sqlite_span(q, 2);
        k.role = span_eq(role, SPAN_LIT("operator")) ? ROLE_OPERATOR
                 : span_eq(role, SPAN_LIT("ingest")) ? ROLE_INGEST
                                                     : ROLE_NONE;
        if (hash.len == sizeof(k.hash))
            memcpy(k.hash, hash.ptr, hash.len);
        sqlite_text(q, 3, k.hint, sizeof(k.hint));
        k.created_ms = sqlite_number(q, 4);
        k.revoked_ms = sqlite_number(q, 5);
        e = fn(arg, &k);
    }
    return e;
}

enum err sqlite_key_version(struct backend *b, int64_t *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_key_version, &e);
    if (!q)
        return e;
    bool row;
    e = sqlite_row(s, q, &row);
    if (!e && row) {
        *ret = sqlite_number(q, 0);
        (void)sqlite3_reset(q);
    }
    return e;
}

enum err sqlite_touch(struct backend *b, int64_t wall_ms)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_touch, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, wall_ms);
    return sqlite_run(s, q);
}
