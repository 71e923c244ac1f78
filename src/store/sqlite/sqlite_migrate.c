/* Numbered migrations: the sections of schema.sql; a database's version is how many it has had. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite/sqlite.h"

extern const char store_schema[];

/* Returns the SQL of migration n (from 1), or NULL; *ret_len excludes the next section. */
static const char *migration(int n, size_t *ret_len)
{
    char mark[32];
    (void)snprintf(mark, sizeof(mark), "-- migration %d\n", n);
    const char *at = strstr(store_schema, mark);
    if (!at)
        return NULL;
    at += strlen(mark);
    const char *end = strstr(at, "-- migration ");
    *ret_len = end ? (size_t)(end - at) : strlen(at);
    return at;
}

int sqlite_newest(void)
{
    int n = 0;
    size_t len;
    while (migration(n + 1, &len))
        n++;
    return n;
}

static enum err migrate_in_transaction(struct sqlite *s)
{
    int64_t version;
    enum err e = sqlite_ask(s, "PRAGMA user_version", &version);
    if (e)
        return e;
    const int newest = sqlite_newest();
    size_t len;
    if (version > newest) {
        log_error("store", "the data directory was written by a newer todoke", log_int("schema", version),
                  log_int("known", newest));
        return ERR_VERSION;
    }
    for (int n = (int)version + 1; n <= newest; n++) {
        const char *text = migration(n, &len);
        AUTO_FREE char *sql = mem_dup(text, len);
        if (!sql)
            return ERR_NOMEM;
        char done[48];
        (void)snprintf(done, sizeof(done), "PRAGMA user_version=%d", n);
        if ((e = sqlite_exec(s, sql)) || (e = sqlite_exec(s, done)))
            return e;
    }
    if (!version)
        log_info("store", "created the database", log_int("schema", newest));
    else if (version < newest)
        log_info("store", "schema migrated", log_int("from", version), log_int("to", newest));
    return ERR_NONE;
}

enum err sqlite_migrate(struct sqlite *s)
{
    /*
     * The version is read inside the write transaction, so that of two processes at once only one migrates.
     */
    enum err e = sqlite_exec(s, "BEGIN IMMEDIATE");
    if (e)
        return e;
    e = migrate_in_transaction(s);
    if (!e)
        e = sqlite_exec(s, "COMMIT");
    if (e && !sqlite3_get_autocommit(s->db))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return e;
}
