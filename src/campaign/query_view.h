#pragma once
/*
 * What the SQL of a provider sees: four views of its own rows, and an authorizer that refuses everything
 * else. Which columns they have: docs/queries.md.
 *
 * SQLite tells an authorizer the innermost view under which a column is read, or the name of a WITH, which
 * whoever writes the SQL chooses; and it does not ask about columns that a NATURAL JOIN or USING compares. So
 * the database is attached under a name that nobody can know, tables are read by views whose names begin with
 * it, users and the like are views of those, and the name of every table finds an empty view.
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define QUERY_VIEW_SECRET_LEN 32u

struct query_view {
    char secret[QUERY_VIEW_SECRET_LEN +
                3];    /* what the names of the inner views begin with: "q" and hex digits, '_' */
    char known[16384]; /* what else there is: read_known() */
    bool denied;
    char why[160]; /* what the SQL asked for first that it may not have, in words */
};

/* Attaches the database, begins a transaction and makes the views for the provider. A code of SQLite. */
int query_view_make(struct query_view *v, sqlite3 *db, const char *path, int64_t provider_id);
/* From now on, until the connection is closed, statements may only be prepared that read the views. */
int query_view_guard(struct query_view *v, sqlite3 *db);
/* Takes the secret out of a text, in place. */
void query_view_hide(const struct query_view *v, char *text);
