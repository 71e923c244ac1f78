#include "campaign/query_view.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/random.h"

/* %1$s: the name of the database, with which those of the inner views begin; %2$lld: the provider. */
#define VIEW(name, columns, from)                                                                            \
    "CREATE TEMP VIEW %1$s_" name " AS SELECT " columns " FROM " from ";"                                    \
    "CREATE TEMP VIEW " name " AS SELECT * FROM temp.%1$s_" name ";"
#define AT(column) "datetime(" column "/1000, 'unixepoch')"
#define AT_OR_NULL(column) "iif(" column ">0, " AT(column) ", NULL)"

static const char views[] = VIEW(
    "users",
    "name AS user_id, attributes, " AT("created_ms") " AS created_at, " AT("updated_ms") " AS updated_at",
    "%1$s.audience_user WHERE provider_id=%2$lld")
    VIEW("targets",
         "u.name AS user_id, CASE t.medium WHEN 0 THEN 'email' WHEN 1 THEN 'app' WHEN 2 THEN 'line' ELSE "
         "'browser' END AS medium, "
         "t.value AS value, CASE t.subscribed WHEN 1 THEN 1 WHEN 2 THEN 0 END AS subscribed, "
         "nullif(t.dropped, '') AS dropped, " AT("t.created_ms") " AS created_at, " AT(
             "t.changed_ms") " AS changed_at",
         "%1$s.audience_user u CROSS JOIN %1$s.audience_target t ON t.provider_id=%2$lld AND t.user_id=u.id "
         "WHERE u.provider_id=%2$lld")
        VIEW("lists", "l.id AS list_id, l.name AS name, l.by_what AS by_what, r.n AS n, r.value AS value",
             "%1$s.list l JOIN %1$s.list_row r ON r.list_id=l.id WHERE l.provider_id=%2$lld")
            VIEW("messages",
                 "j.campaign_id AS campaign_id, j.short_id AS short_id, j.id AS job_id, m.n AS n, u.name AS "
                 "user_id, m.target AS target, "
                 "CASE m.state WHEN 0 THEN 'waiting' WHEN 1 THEN 'sending' WHEN 2 THEN 'retrying' WHEN 3 "
                 "THEN 'sent' WHEN 4 THEN 'delivered' "
                 "WHEN 5 THEN 'failed' WHEN 6 THEN 'skipped' ELSE 'unknown' END AS state, nullif(m.error, "
                 "'') AS error, m.tries AS tries, " AT_OR_NULL("m.at_ms") " AS at",
                 "%1$s.job j JOIN %1$s.message m ON m.job_id=j.id LEFT JOIN %1$s.audience_user u ON "
                 "u.provider_id=%2$lld AND u.id=m.user_id "
                 "WHERE j.provider_id=%2$lld");

static const char *const names[] = {"users", "targets", "lists", "messages"};
/* Table-valued functions that read their arguments only. */
static const char *const tables[] = {"json_each", "json_tree"};
/*
 * Functions that take and give values only. What is not here is refused, also what a later SQLite may bring.
 */
static const char *const functions[] = {
    "->",
    "->>",
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "avg",
    "ceil",
    "ceiling",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "cos",
    "cosh",
    "count",
    "cume_dist",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "degrees",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "if",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_type",
    "json_valid",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "pi",
    "pow",
    "power",
    "printf",
    "quote",
    "radians",
    "random",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "sin",
    "sinh",
    "soundex",
    "sqrt",
    "strftime",
    "string_agg",
    "substr",
    "substring",
    "sum",
    "tan",
    "tanh",
    "time",
    "timediff",
    "total",
    "trim",
    "trunc",
    "typeof",
    "unhex",
    "unicode",
    "unixepoch",
    "unlikely",
    "upper",
    "zeroblob",
};

static bool one_of(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; name && i < count; i++)
        if (strcasecmp(name, list[i]) == 0)
            return true;
    return false;
}
#define ONE_OF(name, list) one_of((name), (list), sizeof(list) / sizeof((list)[0]))

/* A table's name in the SQL finds this first; it has no rows, and the authorizer knows it by its name. */
#define DECOY "CREATE TEMP VIEW \"%w\" AS SELECT * FROM %s.\"%w\" WHERE 0"

static int hide_table(const struct query_view *v, sqlite3 *db, const char *name)
{
    char *sql = sqlite3_mprintf(DECOY, name, v->secret, name);
    int rc = sql ? sqlite3_exec(db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return rc;
}

/* Adds the names that the statement gives, each with its NUL; tables are hidden as well. */
static int read_names(struct query_view *v, sqlite3 *db, const char *sql, bool hide, size_t *used)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);
    while (!rc && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(q, 0);
        size_t len = (size_t)sqlite3_column_bytes(q, 0) + 1;
        rc = name && *used + len < sizeof(v->known) ? SQLITE_OK : SQLITE_INTERNAL;
        if (!rc && hide)
            rc = hide_table(v, db, name);
        if (!rc)
            memcpy(v->known + *used, name, len);
        *used += len;
    }
    (void)sqlite3_finalize(q);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* What else there is than the views: tables and modules. One more NUL ends the list. */
static int read_known(struct query_view *v, sqlite3 *db)
{
    char tables_sql[160];
    size_t used = 0;
    (void)snprintf(tables_sql, sizeof(tables_sql),
                   "SELECT name FROM %s.sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE "
                   "'sqlite\\_%%' ESCAPE '\\'",
                   v->secret);
    int rc = read_names(v, db, tables_sql, true, &used);
    if (!rc)
        rc = read_names(v, db,
                        "SELECT name FROM pragma_module_list WHERE name NOT IN ('json_each', 'json_tree')",
                        false, &used);
    if (!rc)
        v->known[used] = '\0';
    return rc;
}

static int attach(const struct query_view *v, sqlite3 *db, const char *path)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(db, "ATTACH ?1 AS ?2", -1, &q, NULL);
    if (!rc)
        rc = sqlite3_bind_text(q, 1, path, -1, SQLITE_STATIC);
    if (!rc)
        rc = sqlite3_bind_text(q, 2, v->secret, -1, SQLITE_STATIC);
    if (!rc)
        rc = sqlite3_step(q);
    int last = sqlite3_finalize(q);
    return rc == SQLITE_DONE ? SQLITE_OK : rc ? rc : last;
}

int query_view_make(struct query_view *v, sqlite3 *db, const char *path, int64_t provider_id)
{
    unsigned char secret[QUERY_VIEW_SECRET_LEN / 2];
    char hex[QUERY_VIEW_SECRET_LEN + 1];
    random_system.fill(random_system.arg, secret, sizeof(secret));
    (void)snprintf(v->secret, sizeof(v->secret), "q%s",
                   sodium_bin2hex(hex, sizeof(hex), secret, sizeof(secret)));
    v->denied = false;
    size_t room = sizeof(views) + 32 * (sizeof(v->secret) + 20);
    AUTO_FREE char *sql = mem_alloc(room);
    if (!sql)
        return SQLITE_NOMEM;
    int len = snprintf(sql, room, views, v->secret, (long long)provider_id);
    if (len < 0 || (size_t)len >= room)
        return SQLITE_INTERNAL;
    int rc = attach(v, db, path);
    if (!rc) /* also reads the schema, and takes the state of the database that all of the query sees */
        rc = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    if (!rc)
        rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc ? rc : read_known(v, db);
}

static int deny(struct query_view *v, const char *before, const char *what, const char *after)
{
    if (!v->denied)
        (void)snprintf(v->why, sizeof(v->why), "%s%s%s", before, what ? what : "", after);
    v->denied = true;
    return SQLITE_DENY;
}

/* Whether the database has the table, or SQLite a module, of that name: else it is a WITH of the SQL. */
static bool is_known(const struct query_view *v, const char *name)
{
    if (strncasecmp(name, "sqlite_", 7) == 0 || strncasecmp(name, "pragma_", 7) == 0)
        return true;
    for (const char *p = v->known; *p; p += strlen(p) + 1)
        if (strcasecmp(p, name) == 0)
            return true;
    return false;
}

/*
 * A table of which no column is read, as by count(*), is told without its database where the SQL names none.
 */
static int may_read(struct query_view *v, const char *table, const char *db, const char *within)
{
    size_t len = strlen(v->secret);
    if (!db && table && !is_known(v, table))
        return SQLITE_OK;
    bool inner = table && strncmp(table, v->secret, len) == 0;
    bool by_inner = within && strncmp(within, v->secret, len) == 0;
    if (db && strcmp(db, "temp") == 0 && (inner || ONE_OF(table, names)))
        return SQLITE_OK;
    if (db && strcmp(db, v->secret) == 0 && by_inner)
        return SQLITE_OK;
    if (db && strcmp(db, "main") == 0 && ONE_OF(table, tables))
        return SQLITE_OK;
    return deny(v, "", table, " may not be read: there are the tables users, targets, lists and messages");
}

static int authorize(void *arg, int action, const char *first, const char *second, const char *db,
                     const char *within)
{
    struct query_view *v = arg;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE: /* the clock bounds it */
        return SQLITE_OK;
    case SQLITE_READ:
        return may_read(v, first, db, within);
    case SQLITE_FUNCTION:
        return ONE_OF(second, functions) ? SQLITE_OK : deny(v, "there is no function ", second, "");
    default:
        return deny(v, "only one SELECT may be run", "", "");
    }
}

int query_view_guard(struct query_view *v, sqlite3 *db)
{
    return sqlite3_set_authorizer(db, authorize, v);
}

void query_view_hide(const struct query_view *v, char *text)
{
    size_t len = strlen(v->secret);
    for (char *at = text; len && (at = strstr(at, v->secret));) {
        const char *rest = at + len + (at[len] == '_' || at[len] == '.');
        memmove(at, rest, strlen(rest) + 1);
    }
}
