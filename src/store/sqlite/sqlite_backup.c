/* Copies one consistent state of the database while a node goes on writing (sqlite.org/backup.html). */
#include <stdio.h>

#include "store/sqlite/sqlite.h"

static enum err error_of(int rc)
{
    return rc == SQLITE_OK                               ? ERR_NONE
           : rc == SQLITE_FULL                           ? ERR_FULL
           : rc == SQLITE_NOMEM                          ? ERR_NOMEM
           : rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? ERR_DAMAGED
                                                         : ERR_IO;
}

static enum err open_copy(sqlite3 **ret, const char *dir, int flags)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/todoke.db", dir);
    if (n < 0 || (size_t)n >= sizeof(path))
        return ERR_INVALID;
    int rc = sqlite3_open_v2(path, ret, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(*ret, 10000);
    return error_of(rc);
}

/* Copies all pages in one step, under one read transaction: a writer neither waits nor forces a restart. */
static enum err copy(sqlite3 *to, sqlite3 *from)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    if (!b)
        return ERR_IO;
    int rc = sqlite3_backup_step(b, -1);
    int end = sqlite3_backup_finish(b);
    if (rc == SQLITE_DONE)
        rc = end;
    return error_of(rc);
}

static int take_verdict(void *arg, int count, char **values, char **names)
{
    (void)names;
    *(bool *)arg = count == 1 && values[0] && strcmp(values[0], "ok") == 0;
    return 0;
}

enum err sqlite_backup(const char *dir, const char *to)
{
    sqlite3 *source = NULL, *target = NULL;
    enum err e =
        open_copy(&source, dir, SQLITE_OPEN_READWRITE); /* a database in WAL mode needs a writable -shm */
    if (!e)
        e = open_copy(&target, to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (!e)
        e = copy(target, source);
    bool sound = false;
    int rc = e ? SQLITE_OK : sqlite3_exec(target, "PRAGMA quick_check(1)", take_verdict, &sound, NULL);
    if (!e && (rc != SQLITE_OK || !sound))
        e = rc == SQLITE_OK ? ERR_DAMAGED : error_of(rc);
    if (sqlite3_close(target) != SQLITE_OK && !e)
        e = ERR_IO;
    (void)sqlite3_close(source);
    return e;
}
