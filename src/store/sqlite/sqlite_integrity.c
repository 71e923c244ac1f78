/*
 * Checks a database for damage in steps that delay nobody and keep no transaction open for long, because a
 * log cannot restart while one is open.
 *
 *    small database  ─► PRAGMA integrity_check of all of it
 *    large one       ─► table by table: small ─► PRAGMA integrity_check of it and its indexes
 *                                       large ─► its rows in order, some hundred a step; then each index
 *
 * This reads every page of a large table, to the last bytes of each row, but does not compare the table with
 * its indexes, nor read free pages: `todoke check` does that in one go.
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite/sqlite.h"

#define SMALL_ROWS 2000
#define SLICE_ROWS 500
#define SLICE_BYTES (4u << 20)
#define KEYS_MAX 12 /* columns of a key */
#define NAMES_MAX 4096u
#define FOUND_MAX 20 /* log lines per table */

struct walk {
    int64_t object;                /* number of a table or index in sqlite_schema */
    sqlite3_value *keys[KEYS_MAX]; /* of the last row read; all NULL: none yet */
};

struct object {
    char type[8], name[128], table[128];
    char *condition; /* of a partial index; NULL */
    bool without_rowid;
};

static void forget_keys(struct walk *w)
{
    for (int i = 0; i < KEYS_MAX; i++) {
        sqlite3_value_free(w->keys[i]);
        w->keys[i] = NULL;
    }
}

void sqlite_integrity_end(struct sqlite *s)
{
    if (s->walk)
        forget_keys(s->walk);
    mem_free(s->walk);
    s->walk = NULL;
}

static void found(struct integrity_step *step, const char *where, const char *text)
{
    if (!step->ret_found++)
        (void)snprintf(step->ret_text, sizeof(step->ret_text), "%s: %s", where, text);
    if (step->ret_found <= FOUND_MAX)
        log_error("store", "the database is damaged: see \"A damaged database\" in docs/operations.md",
                  log_str("where", where), log_str("sqlite", text));
}

static bool is_damage(int rc)
{
    return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

/* Maps what the statement ended with, if that is an error: damage counts as a finding. */
static enum err end(struct sqlite *s, sqlite3_stmt *q, int rc, struct integrity_step *step, const char *where)
{
    if (is_damage(rc))
        found(step, where, sqlite3_errmsg(s->db));
    (void)sqlite3_finalize(q);
    return is_damage(rc) || rc == SQLITE_ROW ? ERR_NONE : sqlite_err(s, rc);
}

/* Runs PRAGMA integrity_check on one table or, for "", on everything. */
static enum err check_whole(struct sqlite *s, const char *table, struct integrity_step *step)
{
    char sql[192], where[160];
    if (table[0])
        (void)snprintf(sql, sizeof(sql), "PRAGMA integrity_check('%s')", table);
    else
        (void)snprintf(sql, sizeof(sql), "PRAGMA integrity_check(%d)", FOUND_MAX);
    (void)snprintf(where, sizeof(where), "%s%s", table[0] ? "table " : "database", table);
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(q);
        const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(q, 0) : NULL;
        if (text && strcmp(text, "ok") != 0)
            found(step, where, text);
    }
    return end(s, q, rc, step, where);
}

/* *ret_row: whether there is an nth object. A schema that cannot be read is damage. */
static enum err read_object(struct sqlite *s, int64_t n, struct object *ret, bool *ret_row,
                            struct integrity_step *step)
{
    static const char sql[] = "SELECT type, name, tbl_name, sql, (SELECT wr FROM pragma_table_list WHERE "
                              "name=tbl_name AND schema='main') "
                              "FROM sqlite_schema WHERE rootpage>0 ORDER BY rowid LIMIT 1 OFFSET ?1";
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
    if (rc == SQLITE_OK) {
        sqlite_bind_number(q, 1, n);
        rc = sqlite3_step(q);
    }
    *ret_row = rc == SQLITE_ROW;
    *ret = (struct object){0};
    if (rc == SQLITE_ROW) {
        sqlite_text(q, 0, ret->type, sizeof(ret->type));
        sqlite_text(q, 1, ret->name, sizeof(ret->name));
        sqlite_text(q, 2, ret->table, sizeof(ret->table));
        ret->without_rowid = sqlite_number(q, 4) != 0;
        const char *text = (const char *)sqlite3_column_text(q, 3),
                   *where = text && ret->type[0] == 'i' ? strstr(text, " WHERE ") : NULL;
        if (where && !(ret->condition = mem_dup(where + 7, strlen(where + 7))))
            rc = SQLITE_NOMEM;
    }
    return end(s, q, rc, step, "schema");
}

/* The columns that order the object's rows, quoted and comma-separated; *ret_count: how many. */
static enum err key_columns(struct sqlite *s, const struct object *o, struct buf *out, int *ret_count,
                            struct integrity_step *step)
{
    bool index = o->type[0] == 'i';
    *ret_count = 0;
    if (!index && !o->without_rowid) {
        *ret_count = 1;
        return buf_add_str(out, "rowid");
    }
    sqlite3_stmt *q = NULL;
    int rc =
        sqlite3_prepare_v2(s->db,
                           index ? "SELECT ifnull(name, 'rowid') FROM pragma_index_xinfo(?1) ORDER BY seqno"
                                 : "SELECT name FROM pragma_table_info(?1) WHERE pk>0 ORDER BY pk",
                           -1, &q, NULL);
    if (rc == SQLITE_OK)
        sqlite_bind_span(q, 1, span_of(o->name));
    enum err e = ERR_NONE;
    while (!e && rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        e = buf_printf(out, "%s%s", *ret_count ? "," : "", (const char *)sqlite3_column_text(q, 0));
        ++*ret_count;
        rc = SQLITE_OK;
    }
    enum err ended = end(s, q, rc, step, o->name);
    return e ? e : ended;
}

static enum err slice_sql(struct sqlite *s, const struct object *o, struct buf *out, int *ret_keys,
                          struct integrity_step *step)
{
    char names[NAMES_MAX];
    struct buf keys;
    buf_init(&keys, NAMES_MAX);
    enum err e = key_columns(s, o, &keys, ret_keys, step);
    if (!e)
        e = buf_add(&keys, "", 1);
    if (!e)
        (void)snprintf(names, sizeof(names), "%s", buf_span(&keys).ptr);
    buf_deinit(&keys);
    bool index = o->type[0] == 'i', on = s->walk->keys[0] != NULL;
    if (!e)
        e = buf_printf(out, "SELECT %s%s FROM \"%s\" %s%s%s%s", names, index ? "" : ",*", o->table,
                       index ? "INDEXED BY \"" : "", index ? o->name : "", index ? "\" " : "",
                       on || o->condition ? "WHERE " : "");
    if (!e && o->condition)
        e = buf_printf(out, "(%s)%s", o->condition, on ? " AND " : "");
    if (!e && on) {
        e = buf_printf(out, "(%s)>(", names);
        for (int i = 0; !e && i < *ret_keys; i++)
            e = buf_printf(out, "%s?%d", i ? "," : "", i + 1);
        if (!e)
            e = buf_add_str(out, ") ");
    }
    if (!e)
        e = buf_printf(out, " ORDER BY %s LIMIT %d", names, SLICE_ROWS);
    return e ? e : buf_add(out, "", 1);
}

/* Reads the next rows of a large table or index. *ret_end: there are no more, or they cannot be read. */
static enum err check_slice(struct sqlite *s, const struct object *o, bool *ret_end,
                            struct integrity_step *step)
{
    struct walk *w = s->walk;
    struct buf sql;
    int keys = 0, rows = 0;
    uint64_t bytes = 0;
    sqlite3_stmt *q = NULL;
    buf_init(&sql, 4 * NAMES_MAX);
    enum err e = slice_sql(s, o, &sql, &keys, step);
    int rc = e ? SQLITE_OK : sqlite3_prepare_v2(s->db, buf_span(&sql).ptr, -1, &q, NULL);
    buf_deinit(&sql);
    if (e || keys == 0 || keys > KEYS_MAX) {
        *ret_end = true;
        return e;
    }
    for (int i = 0; rc == SQLITE_OK && w->keys[0] && i < keys; i++)
        rc = sqlite3_bind_value(q, i + 1, w->keys[i]);
    while (rc == SQLITE_OK && bytes < SLICE_BYTES && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(q); i++) {
            (void)sqlite3_column_blob(q, i); /* reads the value to its last page */
            bytes += (uint64_t)sqlite3_column_bytes(q, i);
        }
        forget_keys(w);
        for (int i = 0; i < keys; i++)
            if (!(w->keys[i] = sqlite3_value_dup(sqlite3_column_value(q, i))))
                rc = SQLITE_NOMEM;
        rows++;
        rc = rc == SQLITE_ROW ? SQLITE_OK : rc;
    }
    *ret_end = rc == SQLITE_DONE ? rows < SLICE_ROWS : rc != SQLITE_OK;
    return end(s, q, rc == SQLITE_OK ? SQLITE_DONE : rc, step, o->name);
}

/* A table damaged in its first rows counts as large: reading it in slices finds the damage. */
static enum err is_small(struct sqlite *s, const struct object *o, bool *ret, struct integrity_step *step)
{
    char sql[256];
    int64_t rows = 0;
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM (SELECT 1 FROM \"%s\" LIMIT %d)", o->table,
                   SMALL_ROWS + 1);
    enum err e = sqlite_ask(s, sql, &rows);
    if (e == ERR_DAMAGED)
        found(step, o->table, sqlite3_errmsg(s->db));
    *ret = !e && rows <= SMALL_ROWS;
    return e == ERR_DAMAGED ? ERR_NONE : e;
}

static enum err check_object(struct sqlite *s, struct integrity_step *step)
{
    struct walk *w = s->walk;
    struct object o;
    bool row, small = false, over = true;
    enum err e = read_object(s, w->object, &o, &row, step);
    if (!e && row && !w->keys[0]) /* otherwise its slices have begun */
        e = is_small(s, &o, &small, step);
    if (!e && row && small && o.type[0] == 't')
        e = check_whole(s, o.table, step);
    else if (!e && row && !small)
        e = check_slice(s, &o, &over, step);
    mem_free(o.condition);
    step->ret_done = !e && !row;
    if (!e && over) {
        w->object++;
        forget_keys(w);
    }
    return e;
}

enum err sqlite_integrity(struct backend *b, struct integrity_step *step)
{
    struct sqlite *s = sqlite_of(b);
    struct backend_size size;
    step->ret_done = false;
    step->ret_found = 0;
    step->ret_text[0] = '\0';
    if (!s->walk && !(s->walk = mem_zero(1, sizeof(*s->walk))))
        return ERR_NOMEM;
    enum err e = ERR_NONE;
    if (step->anew) {
        forget_keys(s->walk);
        s->walk->object = 0;
        e = sqlite_size(b, &size);
        if (!e && size.used + size.free <= INTEGRITY_SMALL) {
            e = check_whole(s, "", step);
            step->ret_done = true;
        }
    }
    if (!e && !step->ret_done)
        e = check_object(s, step);
    if (!e)
        step->anew = false;
    if (step->ret_done)
        sqlite_integrity_end(s);
    return e;
}

struct listing {
    integrity_fn *fn;
    void *arg;
};

static int give(void *arg, int count, char **values, char **names)
{
    const struct listing *l = arg;
    (void)names;
    if (count > 0 && values[0] && strcmp(values[0], "ok") != 0)
        l->fn(l->arg, values[0]);
    return 0;
}

enum err sqlite_integrity_all(const char *dir, uint32_t limit, integrity_fn *fn, void *arg)
{
    char path[4096], sql[64];
    if (snprintf(path, sizeof(path), "%s/todoke.db", dir) >= (int)sizeof(path))
        return ERR_INVALID;
    struct sqlite s = {0}; /* used for error reporting */
    struct listing listing = {fn, arg};
    int rc = sqlite3_open_v2(path, &s.db, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE,
                             NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(s.db, SQLITE_BUSY_MS);
    if (rc == SQLITE_OK) /* a check must not change the database */
        rc = sqlite3_db_config(s.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s.db, "PRAGMA query_only=1", NULL, NULL, NULL);
    (void)snprintf(sql, sizeof(sql), "PRAGMA integrity_check(%u)", limit);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s.db, sql, give, &listing, NULL);
    if (is_damage(rc))
        fn(arg, sqlite3_errmsg(s.db));
    s.damage_told = true;
    enum err e = sqlite_err(&s, rc);
    (void)sqlite3_close(s.db);
    return e;
}
