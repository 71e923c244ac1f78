#pragma once
/*
 * The files of a data directory while a node runs on it: that they are one node's alone, and that they stay
 * the files which were opened.
 *
 * What is written to a file that was deleted, replaced or cut is gone at the next start, and the system says
 * nothing of it. So the names are looked up again and again, at the latest before a 202 leaves, and compared
 * with what is open.
 *
 * One node a directory: the lock is on the directory itself and on the database, which no name and no
 * deleting takes away, and on DIR/lock, for nodes of older versions and file systems that lock no directory.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum files_what {
    FILES_NONE, /* nothing is wrong */
    FILES_DIRECTORY,
    FILES_DATABASE, /* todoke.db */
    FILES_LOG,      /* todoke.db-wal */
    FILES_INDEX,    /* todoke.db-shm */
    FILES_LOCK,     /* lock */
    FILES_KEY,      /* the key that seals the secrets */
    FILES_COUNT
};

enum files_how {
    FILES_GONE,
    FILES_REPLACED,
    FILES_CUT,
    FILES_OVERWRITTEN, /* the same file, with another database in it */
    FILES_UNREADABLE,
    FILES_HOWS
};

struct files;

/* What a directory is before anything in it is opened. */
enum files_state {
    FILES_SOUND,      /* of a node, or empty: a node may make its store there */
    FILES_UNFINISHED, /* a backup that did not come to its end */
    FILES_HEADLESS,   /* a store was here, and its database is missing or empty */
    FILES_MIXED,      /* the database is another one than its log belongs to */
};
enum files_state files_judge(const char *dir);
const char *files_state_text(enum files_state state); /* what that means and what to do */

/* What a backup is made under, and what is in it but for the first moment and the last: so that it is known
 * by either. */
#define FILES_UNFINISHED_SUFFIX ".unfinished"
#define FILES_UNFINISHED_MARK "backup-unfinished"

/*
 * Locks the directory for one process, and makes it (mode 0700) if it is missing. ERR_BUSY: another one has
 * it; ERR_IO (errno), ERR_FULL, ERR_NOMEM, ERR_INVALID: the path is too long. files_close() ends it; close
 * every connection to the database before: closing any descriptor of it takes SQLite's own locks away.
 */
enum err files_open(struct files **ret, const char *dir) MUST_CHECK;
void files_close(struct files *f); /* NULL-safe */

/* The process that holds the lock of dir, 0: not known. */
int64_t files_holder(const char *dir);

/* Of the key file: whether it still holds the key. ERR_NOT_FOUND, ERR_DENIED: another one. */
typedef enum err files_key_fn(void *arg);

/* From now on what stands under the names must stay what it is now. database: as SQLite has it, links
 * resolved; key NULL: there is none. ERR_IO. */
enum err files_watch(struct files *f, const char *database, const char *key, files_key_fn *still,
                     void *arg) MUST_CHECK;

/* What the index of the log says. */
struct files_log {
    uint64_t bytes; /* the log is at least so long */
    /*
     * Whether a checkpoint may have written to the database since it was looked at last. Asked only where
     * it has changed, and after that was seen. *ret_pages: as many the database has now, 0: not known.
     */
    bool (*copied)(void *arg, uint32_t *ret_pages);
    void *arg;
};

/*
 * Looks the names up, and at the head of the database. Database and log each time, the others when 100 ms
 * have passed since they were looked up last: nothing is lost by those. ERR_GONE: something is wrong; the
 * log has said so the first time. A database that was cut or written over stays so until the process ends:
 * pages of what was there meanwhile may be in memory. On one thread.
 */
enum err files_check(struct files *f, const struct files_log *log) MUST_CHECK;
/* The generation of the database, without its log. */
uint32_t files_generation(const struct files *f);
/* The log was cut and written to again: a hole. Lasts until the process ends. */
void files_log_cut(struct files *f);

/* What is wrong. Any thread. */
enum files_what files_what(const struct files *f, enum files_how *ret_how);
/* The same in words, English and Japanese (enum lang); NULL: nothing. */
const char *const *files_text(const struct files *f);

/* The log was deleted or replaced and all that is in it stands in the database now: nothing is lost. Moves a
 * stranger under its name aside. */
enum err files_log_aside(struct files *f) MUST_CHECK;
