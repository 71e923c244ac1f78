#pragma once
/*
 * The files of a data directory while a node runs on it: ensures that one node alone uses them, and that they
 * stay the files that were opened.
 *
 * Data written to a file that was deleted, replaced or truncated is lost at the next start, and the system
 * reports no error. So the paths are looked up repeatedly, at the latest before a 202 is sent, and compared
 * with the open files.
 *
 * One node per directory: the lock is on the directory itself and on the database, where no rename or
 * deletion removes it, and on DIR/lock, for nodes of older versions and for file systems that cannot lock a
 * directory.
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
    FILES_OVERWRITTEN, /* same file, overwritten with another database */
    FILES_UNREADABLE,
    FILES_HOWS
};

struct files;

/* State of a directory, judged before anything in it is opened. */
enum files_state {
    FILES_SOUND,      /* belongs to a node, or is empty: a node may create its store there */
    FILES_UNFINISHED, /* a backup that did not finish */
    FILES_HEADLESS,   /* a store whose database is missing or empty */
    FILES_MIXED,      /* the log belongs to another database */
};
enum files_state files_judge(const char *dir);
const char *files_state_text(enum files_state state); /* what the state means and what to do */

/*
 * Suffix of a backup's directory while the backup is made, and name of a file in it except at its very
 * beginning and end: either one marks the backup as unfinished.
 */
#define FILES_UNFINISHED_SUFFIX ".unfinished"
#define FILES_UNFINISHED_MARK "backup-unfinished"

/*
 * Locks the directory for this process, and creates it (mode 0700) if missing. ERR_BUSY: another process has
 * it; ERR_IO (errno), ERR_FULL, ERR_NOMEM, ERR_INVALID: the path is too long. files_close() unlocks; close
 * every connection to the database first, because closing any descriptor of a file releases SQLite's own
 * locks on it.
 */
enum err files_open(struct files **ret, const char *dir) MUST_CHECK;
void files_close(struct files *f); /* NULL-safe */

/* The process that holds the lock of dir; 0: unknown. */
int64_t files_holder(const char *dir);

/* Whether the key file still holds the key. ERR_NOT_FOUND, ERR_DENIED: another key. */
typedef enum err files_key_fn(void *arg);

/*
 * From now on the files under these paths must remain the current ones. database: the path SQLite uses, links
 * resolved; key NULL: no key file. ERR_IO.
 */
enum err files_watch(struct files *f, const char *database, const char *key, files_key_fn *still,
                     void *arg) MUST_CHECK;

/* What the index of the log (todoke.db-shm) says. */
struct files_log {
    uint64_t bytes; /* minimum length of the log */
    /*
     * Whether a checkpoint may have written to the database since the last look. Called only when the
     * database has changed, and after that change was seen. *ret_pages: the database's number of pages now;
     * 0: unknown.
     */
    bool (*copied)(void *arg, uint32_t *ret_pages);
    void *arg;
};

/*
 * Compares the paths and the head of the database with what is open: database and log at each call, the other
 * files when 100 ms have passed since their last check, because no data is lost with them. ERR_GONE: a file
 * is wrong; logged the first time. A database that was truncated or overwritten counts as wrong until the
 * process ends, because pages of the foreign content may be in memory. One thread only.
 */
enum err files_check(struct files *f, const struct files_log *log) MUST_CHECK;
/* The generation of the database without its log. */
uint32_t files_generation(const struct files *f);
/* The log was truncated and then written to, which leaves a hole. Remains so until the process ends. */
void files_log_cut(struct files *f);

/* Which file is wrong. Any thread. */
enum files_what files_what(const struct files *f, enum files_how *ret_how);
/* The same in words, English and Japanese (enum lang); NULL: nothing is wrong. */
const char *const *files_text(const struct files *f);

/*
 * The log was deleted or replaced, but its content has been copied into the database: nothing is lost. Moves
 * a foreign file under the log's name aside.
 */
enum err files_log_aside(struct files *f) MUST_CHECK;
