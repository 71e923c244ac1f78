/*
 * Whether what is written is kept: the sync of the log, which every commit ends with, says no when database or log are no longer the files that
 * lie under their names (files.h), or the log has lost what was in it. SQLite takes the commit back then, as after a sync that failed, so that
 * memory and disk agree and nobody is answered 202.
 *
 *     frames written ─► synced ─► names looked up, log looked into ─► the commit is public ─► answers
 *
 * A log that was cut and then written to has a hole. Its index in shared memory knows the last frame that was committed: where the log
 * does not have that frame, it was cut. Layouts: sqlite.org/fileformat2.html, 4.1 and 4.2; sqlite.org/walformat.html, 2.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/files.h"
#include "store/sqlite.h"

#define HEAD_LEN 32u /* of the log */
#define FRAME_HEAD_LEN 24u
#define TAIL_LEN 16u

/* The head of the index, which stands there twice. */
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

struct guard {
    sqlite3_io_methods methods; /* of the log's file, but for the sync; first */
    const sqlite3_io_methods *real;
    struct files *files;
    sqlite3_file *log;
    int index; /* a descriptor; closed after SQLite's own, for closing it takes their locks away */
    struct log_index last;  /* at the last commit of this connection, */
    uint8_t tail[TAIL_LEN]; /* and the end of its last frame */
    bool saving, saved;     /* the log was deleted, and its content goes, went into the database */
};

static uint32_t page_of(const struct log_index *i)
{
    return i->page == 1 ? 65536 : i->page;
}

static uint64_t end_of(const struct log_index *i)
{
    return i->frames ? HEAD_LEN + (uint64_t)i->frames * (FRAME_HEAD_LEN + page_of(i)) : 0;
}

/* False: it is being changed at this moment. */
static bool read_index(const struct guard *g, struct log_index *ret)
{
    struct log_index both[2];
    if (pread(g->index, both, sizeof(both), 0) != (ssize_t)sizeof(both) ||
        memcmp(&both[0], &both[1], sizeof(both[0])) != 0)
        return false;
    *ret = both[0];
    return true;
}

/* What lies past the end of the file reads as zeros. */
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
        return true; /* a command beside has gone on */
    return read_log(g, tail, sizeof(tail), end_of(i) - sizeof(tail)) &&
           memcmp(tail, g->tail, sizeof(tail)) == 0;
}

static enum err check(struct guard *g)
{
    struct log_index i;
    uint64_t end = 0;
    if (read_index(g, &i)) {
        end = end_of(&i);
        if (end && !log_has(g, &i))
            files_log_cut(g->files);
    }
    return files_check(g->files, end);
}

static int log_sync(sqlite3_file *file, int flags)
{
    const sqlite3_io_methods *methods = file->pMethods;
    struct guard *g = (struct guard *)(void *)methods;
    int rc = g->real->xSync(file, flags);
    return rc != SQLITE_OK || g->saving || !check(g) ? rc : SQLITE_IOERR_FSYNC;
}

void sqlite_guard_commit(struct sqlite *s)
{
    struct guard *g = s->guard;
    if (g && (!read_index(g, &g->last) || !end_of(&g->last) ||
              !read_log(g, g->tail, sizeof(g->tail), end_of(&g->last) - sizeof(g->tail))))
        g->last = (struct log_index){0};
}

/* The log is deleted or another's, but open here and whole: what is in it goes into the database at once, and is kept whatever comes. */
static void save_log(struct sqlite *s, struct guard *g)
{
    int all = 0, copied = -1;
    g->saving = true;
    int rc = files_log_aside(g->files)
                 ? SQLITE_CANTOPEN
                 : sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_FULL, &all, &copied);
    g->saving = false;
    g->saved = rc == SQLITE_OK && all == copied;
    if (g->saved)
        log_info("store", "what stood in the log stands in the database now: nothing is lost");
    else
        log_error("store", "what stands in the log cannot be put into the database yet; tried again",
                  log_str("why", sqlite3_errstr(rc)));
}

enum err sqlite_guard_check(struct sqlite *s)
{
    struct guard *g = s->guard;
    enum files_how how;
    if (!g)
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

/* A log with a hole must not be copied over the database, and a database with one is left as it is for those who mend it. */
void sqlite_guard_end(struct sqlite *s)
{
    enum files_how how;
    if (s->guard && sqlite_guard_check(s) && files_what(s->guard->files, &how) && how == FILES_CUT)
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
    if (snprintf(path, sizeof(path), "%s-shm", database) >= (int)sizeof(path))
        return ERR_INVALID;
    g->index = open(path, O_RDONLY | O_CLOEXEC);
    if (g->index < 0)
        return ERR_IO;
    if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&g->log) != SQLITE_OK ||
        !g->log || !g->log->pMethods)
        return ERR_INTERNAL;
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
    enum err e = files_watch(files, database, seal ? seal->file : NULL, seal ? seal->still : NULL,
                             seal ? seal->arg : NULL);
    struct guard *g = e ? NULL : mem_zero(1, sizeof(*g));
    if (!g)
        return e ? e : ERR_NOMEM;
    g->files = files;
    s->guard = g; /* op_close() frees it */
    return begin(s, g, database);
}
