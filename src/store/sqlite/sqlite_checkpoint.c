/*
 * Checkpoints: the log is copied into the database, so that it can restart from its beginning.
 *
 *    commits ─► 4000 pages of log ─► a second thread copies and syncs them ─► the writer copies the few pages
 *            since then ─► the log restarts
 *
 * Copying takes some milliseconds and a sync, three times a second under load; when the writer did it, the
 * slowest hundredth of all 202s waited for just that. The last few pages are copied by the writer: while
 * commits go on, the thread's copy never catches up, and a log that is not copied completely is never
 * restarted (docs/decisions/0004: it grew without limit when only the thread copied).
 *
 * SQLite 3.7.0 to 3.51.2 has a race (https://sqlite.org/wal.html#walresetbug): pages are lost when a
 * checkpoint starts on a completely copied log while a commit on another connection restarts that log. So at
 * most one checkpoint is running or requested, the thread is asked only when there are pages to copy, and
 * only the node checkpoints, not the commands that run beside it.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite/sqlite.h"

#define CHECKPOINT_PAGES 4000 /* 16 MiB of log between checkpoints */
#define RESTART_PAGES 8000    /* from this size a checkpoint waits for readers, so that the log can restart */
/* Another process's reader that stays longer than this is ignored until as much again is written. */
#define RESTART_BUSY_MS 200

struct checkpoint {
    struct sqlite *owner;
    sqlite3 *db; /* the thread's own connection */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool asked, stop;
    atomic_bool busy;
};

int sqlite_checkpoint_run(struct sqlite *s, sqlite3 *db, int mode, int *ret_all, int *ret_copied)
{
    (void)atomic_fetch_add(&s->copies_begun, 1);
    int rc = sqlite3_wal_checkpoint_v2(db, "main", mode, ret_all, ret_copied);
    (void)atomic_fetch_add(&s->copies_ended, 1);
    return rc;
}

static void *copy(void *arg)
{
    struct checkpoint *c = arg;
    (void)pthread_mutex_lock(&c->lock);
    for (;;) {
        while (!c->asked && !c->stop)
            (void)pthread_cond_wait(&c->wake, &c->lock);
        if (c->stop)
            break;
        c->asked = false;
        (void)pthread_mutex_unlock(&c->lock);
        /* What is not copied now is copied later; the commits are safe either way. */
        (void)sqlite_checkpoint_run(c->owner, c->db, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        atomic_store(&c->busy, false);
        (void)pthread_mutex_lock(&c->lock);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

static void dispose(struct checkpoint *c)
{
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_mutex_destroy(&c->lock);
    (void)sqlite3_close(c->db);
    mem_free(c);
}

/* NULL: the writer copies everything itself. */
static struct checkpoint *start(struct sqlite *s)
{
    struct checkpoint *c = mem_zero(1, sizeof(*c));
    if (!c)
        return NULL;
    c->owner = s;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->wake, NULL);
    int rc = sqlite3_open_v2(sqlite3_db_filename(s->db, "main"), &c->db,
                             SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE, NULL);
    /*
     * same log and syncs as the writer; otherwise copied pages may not be on disk when the log is
     * overwritten
     */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(c->db, "PRAGMA synchronous=FULL; SELECT 1 FROM meta", NULL, NULL, NULL);
    if (rc != SQLITE_OK || pthread_create(&c->thread, NULL, copy, c)) {
        dispose(c);
        return NULL;
    }
    (void)pthread_setname_np(c->thread, "store-copy");
    return c;
}

void sqlite_checkpoint_stop(struct sqlite *s)
{
    struct checkpoint *c = s->checkpoint;
    if (!c)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->stop = true;
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_cond_signal(&c->wake);
    (void)pthread_join(c->thread, NULL);
    dispose(c);
    s->checkpoint = NULL;
}

static void ask(struct checkpoint *c)
{
    atomic_store(&c->busy, true);
    (void)pthread_mutex_lock(&c->lock);
    c->asked = true;
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_cond_signal(&c->wake);
}

/*
 * At twice the size, waits for the current readers: while readers overlap, the log is copied but never
 * restarted. Readers that start afterwards read the database itself.
 */
static void restart(struct sqlite *s, int pages)
{
    s->restart_at = pages + CHECKPOINT_PAGES;
    (void)sqlite3_busy_timeout(s->db, RESTART_BUSY_MS);
    (void)sqlite_checkpoint_run(s, s->db, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    (void)sqlite3_busy_timeout(s->db, SQLITE_BUSY_MS);
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct sqlite *s = arg;
    (void)name;
    if (pages < CHECKPOINT_PAGES) {
        s->restart_at = RESTART_PAGES;
        s->copied = false;
        return SQLITE_OK;
    }
    if (!s->checkpoint)
        s->checkpoint = start(s);
    if (s->checkpoint && atomic_load(&s->checkpoint->busy))
        return SQLITE_OK;
    if (s->checkpoint && !s->copied) {
        s->copied = true;
        ask(s->checkpoint);
    } else if (pages >= s->restart_at) {
        restart(s, pages);
    } else {
        (void)sqlite_checkpoint_run(s, db, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    return SQLITE_OK;
}

void sqlite_checkpoint(struct backend *b)
{
    struct sqlite *s = sqlite_of(b);
    s->restart_at = RESTART_PAGES;
    (void)sqlite3_wal_hook(s->db, on_commit, s);
}
