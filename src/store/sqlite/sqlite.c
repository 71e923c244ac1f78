/*
 * Helpers for the other files here: meaning of SQLite's result codes; statements prepared once, bound and
 * read.
 */
#include <errno.h>

#include "base/log.h"
#include "store/sqlite/sqlite.h"

static const char *const statement_texts[STATEMENT_COUNT] = {
#define STATEMENT(id, sql) [STATEMENT_##id] = sql,
#include "store/sqlite/sqlite_statement.def"
#undef STATEMENT
};

/* Logged once per connection, because every read of the damaged place meets it again. */
static enum err sqlite_damaged(struct sqlite *s, int rc)
{
    bool theirs = s->db && (sqlite3_errcode(s->db) & 0xff) ==
                               (rc & 0xff); /* otherwise we found it in rows that SQLite took for sound */
    if (!s->damage_told)
        log_error("store", "the database is damaged: see \"A damaged database\" in docs/operations.md",
                  log_str("file", s->db ? sqlite3_db_filename(s->db, "main") : "todoke.db"),
                  log_str("sqlite", theirs ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc)),
                  log_int("code", rc));
    s->damage_told = s->backend.damaged = true;
    return ERR_DAMAGED;
}

static enum err meaning(struct sqlite *s, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return ERR_NONE;
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_CONSTRAINT:
        return ERR_EXISTS;
    case SQLITE_IOERR:
        errno = s->db ? sqlite3_system_errno(s->db) : 0;
        return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return sqlite_damaged(s, rc);
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        errno = s->db ? sqlite3_system_errno(s->db) : 0;
        return ERR_IO;
    default:
        log_error("store", "unexpected error from the database", log_int("code", rc),
                  log_str("text", s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc)));
        return ERR_INTERNAL;
    }
}

enum err sqlite_err(struct sqlite *s, int rc)
{
    enum err e = meaning(s, rc);
    if (e == ERR_FULL || e == ERR_IO || e == ERR_DAMAGED)
        s->lost = true;
    return e;
}

sqlite3_stmt *sqlite_statement(struct sqlite *s, enum statement id, enum err *ret_err)
{
    sqlite3_stmt **stmt = &s->statements[id];
    if (!*stmt) {
        int rc = sqlite3_prepare_v3(s->db, statement_texts[id], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
        if (rc != SQLITE_OK) {
            *ret_err = sqlite_err(s, rc);
            return NULL;
        }
    }
    (void)sqlite3_reset(*stmt);
    return *stmt;
}

enum err sqlite_row(struct sqlite *s, sqlite3_stmt *stmt, bool *ret_row)
{
    int rc = sqlite3_step(stmt);
    *ret_row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        return ERR_NONE;
    enum err e = sqlite_err(s, rc);
    (void)sqlite3_reset(stmt); /* returns the same code again */
    return e;
}

bool sqlite_next(struct sqlite *s, sqlite3_stmt *stmt, enum err *e)
{
    bool row = false;
    if (*e)
        (void)sqlite3_reset(stmt);
    else
        *e = sqlite_row(s, stmt, &row);
    return row;
}

enum err sqlite_run(struct sqlite *s, sqlite3_stmt *stmt)
{
    bool row;
    enum err e = sqlite_row(s, stmt, &row);
    if (row)
        (void)sqlite3_reset(stmt);
    return e;
}

enum err sqlite_first(struct sqlite *s, enum statement id, const int64_t *numbers, int count, int64_t *ret)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, id, &e);
    if (!q)
        return e;
    for (int i = 0; i < count; i++)
        sqlite_bind_number(q, i + 1, numbers[i]);
    bool row;
    e = sqlite_row(s, q, &row);
    if (!row)
        return e ? e : ERR_NOT_FOUND;
    *ret = sqlite_number(q, 0);
    (void)sqlite3_reset(q);
    return ERR_NONE;
}

enum err sqlite_run_with(struct sqlite *s, enum statement id, const int64_t *numbers, int count)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, id, &e);
    if (!q)
        return e;
    for (int i = 0; i < count; i++)
        sqlite_bind_number(q, i + 1, numbers[i]);
    return sqlite_run(s, q);
}

void sqlite_bind_span(sqlite3_stmt *stmt, int at, struct span text)
{
    (void)sqlite3_bind_text64(stmt, at, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

void sqlite_bind_bytes(sqlite3_stmt *stmt, int at, const void *p, size_t len)
{
    (void)sqlite3_bind_blob64(stmt, at, p, len, SQLITE_STATIC);
}

void sqlite_bind_number(sqlite3_stmt *stmt, int at, int64_t n)
{
    (void)sqlite3_bind_int64(stmt, at, n);
}

struct span sqlite_span(sqlite3_stmt *stmt, int column)
{
    const void *p = sqlite3_column_blob(stmt, column); /* of a text value: its bytes, unchanged */
    int len = sqlite3_column_bytes(stmt, column);
    return (struct span){p ? p : "", p ? (size_t)len : 0};
}

void sqlite_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
    struct span s = sqlite_span(stmt, column);
    size_t len = s.len < size - 1 ? s.len : size - 1;
    memcpy(out, s.ptr, len);
    out[len] = '\0';
}

int64_t sqlite_number(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt, column);
}

enum err sqlite_ask(struct sqlite *s, const char *sql, int64_t *ret)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *ret = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? ERR_NONE : rc == SQLITE_DONE ? ERR_INTERNAL : sqlite_err(s, rc);
}

enum err sqlite_exec(struct sqlite *s, const char *sql)
{
    return sqlite_err(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}
