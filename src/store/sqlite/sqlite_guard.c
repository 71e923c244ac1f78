/*
 * Checks that written data will be found again. Every commit ends with a sync of the log; that sync fails
 * when the database or the log is no longer the file at its path (files.h), or when the log has lost content.
 * SQLite then rolls back the commit, as after a failed sync, so memory and disk agree and nobody is answered
 * 202.
 *
 *    frames written ─► synced ─► paths looked up, log checked ─► the commit is public ─► answers
 *
 * A log that was truncated and then written to has a hole. Its index in shared memory knows the last
 * committed frame: if the log does not have that frame, it was truncated. Layouts:
 * sqlite.org/fileformat2.html, 4.1 and 4.2; sqlite.org/walformat.html, 2.
 *
 * A database was overwritten if its head changed (head.h) although no checkpoint ran that could have written
 * it: the index shows checkpoints both before and after they write. The first commit of a node, and the first
 * one after a log restart, increments the generation in the head.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/files.h"
#include "store/sqlite/sqlite.h"

#define HEAD_LEN 32u /* of the log */
#define FRAME_HEAD_LEN 24u
#define TAIL_LEN 16u
/* offset in the index of the byte that is locked while a log is copied (WAL_CKPT_LOCK) */
#define COPY_LOCK 121

/* The head of the index, which holds it twice. */
struct log_index {
    uint32_t version, unused, change;
    uint8_t is_init, big_endian;
    uint16_t page;
    uint32_t frames, pages;
    uint32_t checksum[2]; /* of the last frame */
    uint8_t salt[8];      /* of the log's head and of its frames */
    uint32_t own_checksum[2];
};
_Static_assert(sizeof(struct log_index) == 48, "as SQLite lays it out");

/* The index, and how much of the log was copied into the database. */
struct log_state {
    bool known; /* false: the index was being changed */
    struct log_index index;
    uint32_t copied, begun; /* in frames: certainly copied, and possibly copied */
    unsigned own;           /* checkpoints made by this process so far */
    bool own_busy;          /* one of them is running */
};

struct guard {
    sqlite3_io_methods methods; /* wraps the log file's methods, replacing sync; must be first */
    const sqlite3_io_methods *real;
    struct files *files;
    sqlite3_file *log;
    int index; /* a descriptor; closed after SQLite's own, because closing it releases their locks */
    struct sqlite *owner;
    struct log_state now, idle; /* state at this look; at the last look without a running checkpoint */
    uint32_t next, generation;  /* generation to be committed, generation committed, */
    uint32_t settled;           /* and generation when `salt` was read */
    uint8_t salt[8];            /* of the log */
    bool ready;                 /* the guard is active */
    bool due, counted;          /* the generation must be counted; was counted in this transaction */
    struct log_index last;      /* state at this connection's last commit, */
    uint8_t tail[TAIL_LEN];     /* and the end of its last frame */
    bool saving, saved; /* the log was deleted, and its content is being saved, was saved to the database */
};

static uint32_t page_of(const struct log_index *i)
{
    return i->page == 1 ? 65536 : i->page;
}

static uint64_t end_of(const struct log_index *i)
{
    return i->frames ? HEAD_LEN + (uint64_t)i->frames * (FRAME_HEAD_LEN + page_of(i)) : 0;
}

/* False: the index is being changed. */
static bool read_state(const struct guard *g, struct log_state *ret)
{
    struct {
        struct log_index both[2];
        uint32_t copied, unused[7], begun;
    } shared;
    _Static_assert(sizeof(shared) == 132, "as SQLite lays it out");
    /* read first: a checkpoint that starts meanwhile then counts as running */
    unsigned ended = atomic_load(&g->owner->copies_ended);
    ret->own = atomic_load(&g->owner->copies_begun);
    ret->own_busy = ended != ret->own;
    ret->known = pread(g->index, &shared, sizeof(shared), 0) == (ssize_t)sizeof(shared) &&
                 memcmp(&shared.both[0], &shared.both[1], sizeof(shared.both[0])) == 0;
    ret->index = shared.both[0];
    ret->copied = shared.copied;
    ret->begun = shared.begun;
    return ret->known;
}

static bool same_copies(const struct log_state *a, const struct log_state *b)
{
    return a->own == b->own && a->copied == b->copied && a->begun == b->begun &&
           memcmp(a->index.salt, b->index.salt, sizeof(a->index.salt)) == 0;
}

/* Whether another process has copied the log. */
static bool is_copied_beside(const struct guard *g)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = COPY_LOCK, .l_len = 1};
    return fcntl(g->index, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/*
 * Implements files_log.copied. A checkpoint records how far it will go before it writes, and how far it got
 * afterwards. Only a checkpoint of another process that was killed midway can go unnoticed, if an earlier one
 * that went as far had failed: the node then refuses events until it is restarted.
 */
static bool copied(void *arg, uint32_t *ret_pages)
{
    const struct guard *g = arg;
    struct log_state after;
    if (!read_state(g, &after))
        return true;
    bool still = g->now.known && same_copies(&g->now, &after) && !after.own_busy &&
                 memcmp(&g->now.index, &after.index, sizeof(after.index)) == 0;
    if (still && after.index.frames && after.copied == after.index.frames && after.begun == after.copied)
        *ret_pages = after.index.pages;
    return after.own_busy || !same_copies(&g->idle, &after) || is_copied_beside(g);
}

/* Reads past the end of the file return zeros. */
static bool read_log(struct guard *g, void *to, size_t len, uint64_t at)
{
    int rc = g->real->xRead(g->log, to, (int)len, (sqlite3_int64)at);
    return rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ;
}

static uint32_t number_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool log_has(struct guard *g, const struct log_index *i)
{
    uint8_t head[HEAD_LEN], frame[FRAME_HEAD_LEN], tail[TAIL_LEN];
    if (!read_log(g, head, sizeof(head), 0) ||
        !read_log(g, frame, sizeof(frame), end_of(i) - page_of(i) - FRAME_HEAD_LEN) ||
        memcmp(head + 16, i->salt, sizeof(i->salt)) != 0 ||
        memcmp(frame + 8, i->salt, sizeof(i->salt)) != 0 || number_at(frame + 16) != i->checksum[0] ||
        number_at(frame + 20) != i->checksum[1])
        return false;
    if (memcmp(i, &g->last, sizeof(*i)) != 0)
        return true; /* another process has committed since */
    return read_log(g, tail, sizeof(tail), end_of(i) - sizeof(tail)) &&
           memcmp(tail, g->tail, sizeof(tail)) == 0;
}

static enum err check(struct guard *g)
{
    struct files_log log = {.copied = copied, .arg = g};
    if (read_state(g, &g->now)) {
        log.bytes = end_of(&g->now.index);
        if (log.bytes && !log_has(g, &g->now.index))
            files_log_cut(g->files);
    }
    enum err e = files_check(g->files, &log);
    if (g->now.known && !g->now.own_busy && g->now.copied == g->now.begun)
        g->idle = g->now;
    return e;
}

static int log_sync(sqlite3_file *file, int flags)
{
    const sqlite3_io_methods *methods = file->pMethods;
    struct guard *g = (struct guard *)(void *)methods;
    int rc = g->real->xSync(file, flags);
    return rc != SQLITE_OK || g->saving || !g->ready || !check(g) ? rc : SQLITE_IOERR_FSYNC;
}

enum err sqlite_guard_number(struct sqlite *s)
{
    struct guard *g = s->guard;
    char sql[64];
    if (!g)
        return ERR_NONE;
    g->counted = g->due;
    if (!g->due)
        return ERR_NONE;
    g->next = g->generation + 1;
    if (!g->generation)
        sqlite3_randomness(sizeof(g->next), &g->next);
    if (!g->next)
        g->next = 1;
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id=%d", (int)g->next);
    return sqlite_exec(s, sql);
}

/*
 * A log restarts when the previous one is completely in the database, with the generation committed by then.
 */
static void note_generation(struct sqlite *s, struct guard *g, const struct log_state *state)
{
    g->due = g->due && !g->counted;
    if (g->counted)
        g->generation = g->next;
    if (!state->known)
        return;
    if (memcmp(g->salt, state->index.salt, sizeof(g->salt)) != 0) {
        memcpy(g->salt, state->index.salt, sizeof(g->salt));
        s->backend.base = g->settled;
        g->due = !g->counted;
    }
    g->settled = g->generation;
}

void sqlite_guard_commit(struct sqlite *s)
{
    struct guard *g = s->guard;
    struct log_state state;
    if (!g)
        return;
    (void)read_state(g, &state);
    note_generation(s, g, &state);
    g->last = state.index;
    if (!state.known || !end_of(&g->last) ||
        !read_log(g, g->tail, sizeof(g->tail), end_of(&g->last) - sizeof(g->tail)))
        g->last = (struct log_index){0};
}

/*
 * The log was deleted or replaced, but the open one is complete: copy it into the database at once, so that
 * its content is safe.
 */
static void save_log(struct sqlite *s, struct guard *g)
{
    int all = 0, count = -1;
    g->saving = true;
    int rc = files_log_aside(g->files)
                 ? SQLITE_CANTOPEN
                 : sqlite_checkpoint_run(s, s->db, SQLITE_CHECKPOINT_FULL, &all, &count);
    g->saving = false;
    g->saved = rc == SQLITE_OK && all == count;
    if (g->saved)
        log_info("store", "the log was copied into the database: nothing is lost");
    else
        log_error("store", "cannot copy the log into the database yet; trying again",
                  log_str("why", sqlite3_errstr(rc)));
}

enum err sqlite_guard_check(struct sqlite *s)
{
    struct guard *g = s->guard;
    enum files_how how;
    if (!g || !g->ready)
        return ERR_NONE;
    enum err e = check(g);
    if (!e)
        g->saved = false;
    else if (!g->saved && files_what(g->files, &how) == FILES_LOG &&
             (how == FILES_GONE || how == FILES_REPLACED))
        save_log(s, g);
    return e;
}

bool sqlite_guard_wrong(const struct sqlite *s)
{
    enum files_how how;
    return s->guard && files_what(s->guard->files, &how) != FILES_NONE;
}

/*
 * Prevents SQLite's final checkpoint: a log with a hole must not be copied over the database, and no log over
 * a foreign database; a damaged database is left as it is for those who repair it.
 */
void sqlite_guard_end(struct sqlite *s)
{
    enum files_how how;
    if (s->guard && sqlite_guard_check(s) && files_what(s->guard->files, &how) &&
        (how == FILES_CUT || how == FILES_OVERWRITTEN))
        (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

void sqlite_guard_free(struct sqlite *s)
{
    if (s->guard && s->guard->index >= 0)
        (void)close(s->guard->index);
    mem_free(s->guard);
    s->guard = NULL;
}

static enum err begin(struct sqlite *s, struct guard *g, const char *database)
{
    char path[4096];
    int64_t generation;
    enum err e = sqlite_ask(s, "PRAGMA application_id", &generation);
    if (e)
        return e;
    g->generation = g->settled = (uint32_t)generation;
    g->due = true;
    if (snprintf(path, sizeof(path), "%s-shm", database) >= (int)sizeof(path))
        return ERR_INVALID;
    g->index = open(path, O_RDONLY | O_CLOEXEC);
    if (g->index < 0)
        return ERR_IO;
    if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&g->log) != SQLITE_OK ||
        !g->log || !g->log->pMethods)
        return ERR_INTERNAL;
    for (int i = 0; i < 1000 && !read_state(g, &g->idle); i++) /* another process may be writing */
        (void)sched_yield();
    if (!g->idle.known)
        return ERR_BUSY;
    memcpy(g->salt, g->idle.index.salt, sizeof(g->salt));
    g->real = g->log->pMethods;
    g->methods = *g->real;
    g->methods.xSync = log_sync;
    g->log->pMethods = &g->methods;
    return ERR_NONE;
}

enum err sqlite_guard(struct backend *b, struct files *files, const struct store_seal *seal)
{
    struct sqlite *s = sqlite_of(b);
    const char *database = sqlite3_db_filename(s->db, "main");
    struct guard *g = mem_zero(1, sizeof(*g));
    if (!g)
        return ERR_NOMEM;
    g->files = files;
    g->owner = s;
    g->index = -1;
    enum err e = begin(s, g, database);
    if (!e) /* after reading the index: later copies are then noticed */
        e = files_watch(files, database, seal ? seal->file : NULL, seal ? seal->still : NULL,
                        seal ? seal->arg : NULL);
    g->ready = !e;
    s->guard = g; /* op_close() frees it */
    b->base = files_generation(files);
    return e;
}
