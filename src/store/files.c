#include "store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "store/head.h"
#include "store/last.h"

#define PATH_LEN 4096u
#define OTHERS_MS 100u
/* Beyond the bytes that SQLite locks (0x40000000 and the 511 after it) and beyond the end of any database. */
#define LOCK_BYTE INT64_C(0x7ffffffffffffff0)

struct identity {
    dev_t device;
    ino_t inode;
};

struct files {
    char paths[FILES_COUNT][PATH_LEN]; /* "": not watched */
    struct identity opened[FILES_COUNT];
    int directory, lock, database; /* descriptors that hold the locks */
    off_t database_size;           /* size and head at the last look */
    struct head head;
    enum files_how database_how; /* FILES_HOWS: neither truncated nor overwritten */
    struct stat key;             /* as of the last time its content was checked */
    files_key_fn *still;
    void *still_arg;
    uint64_t others_ms; /* when the other files were last checked, monotonic */
    enum files_what other;
    enum files_how other_how;
    bool log_cut;
    _Atomic unsigned wrong; /* how << 8 | what */
};

/*
 * Every path into a moved directory leads elsewhere, so only the move is reported, not its effect on each
 * file.
 */
static const char *const texts[FILES_COUNT][2] = {
    [FILES_DIRECTORY] =
        {"The data directory was moved away or replaced under the running node: nothing is accepted. Move it "
         "back, or stop the node and start it where the directory is now.",
         "稼働中のノードのデータディレクトリが移動または置き換えられたため、受け付けを停止しています。元の場"
         "所に"
         "戻すか、ノードを停止して移動先で起動してください。"},
    [FILES_DATABASE] =
        {"todoke.db was deleted, moved away, replaced, overwritten or truncated under the running node: "
         "nothing is accepted. If it was moved away, move it back; otherwise do not stop the node before "
         "reading \"Files that go away\" in docs/operations.md.",
         "稼働中のノードのtodoke."
         "dbが削除、移動、置き換え、上書き、または切り詰められたため、受け付けを停止しています。移動した場合"
         "は元の場所に戻してください。それ以外の場合は、ノードを停止する前にdocs/operations.mdの「Files that "
         "go away」を参照してください。"},
    [FILES_LOG] =
        {"todoke.db-wal was deleted, moved away, replaced or truncated under the running node: nothing is "
         "accepted. Its content has been copied into todoke.db, unless it was truncated. Restart the node.",
         "稼働中のノードのtodoke.db-"
         "walが削除、移動、置き換え、または切り詰められたため、受け付けを停止していま"
         "す。切り詰められた場合を除き、内容はtodoke.dbに反映済みです。ノードを再起動してください。"},
    [FILES_INDEX] =
        {"todoke.db-shm was deleted, moved away or replaced under the running node: nothing is accepted. "
         "Nothing is lost. Restart the node.",
         "稼働中のノードのtodoke.db-"
         "shmが削除、移動、または置き換えられたため、受け付けを停止しています。失われたものはありません。ノー"
         "ドを"
         "再起動してください。"},
    [FILES_LOCK] =
        {"The file lock of the data directory was deleted, moved away or replaced: nothing is accepted. "
         "Nothing is lost. Move it back, or restart the node.",
         "データディレクトリのlockファイルが削除、移動、または置き換えられたため、受け付けを停止しています。"
         "失わ"
         "れたものはありません。元の場所に戻すか、ノードを再起動してください。"},
    [FILES_KEY] =
        {"The key file that the secrets of channels are sealed with was deleted, moved away, replaced or "
         "changed: nothing is accepted, because the next start could not open any secret. Restore it."
         "",
         "チャネルシークレットを封印する鍵ファイルが削除、移動、置き換え、または変更されました。次回の起動時"
         "に"
         "シークレットを復元できなくなるため、受け付けを停止しています。元のファイルに戻してください。"},
};

static const char *const how_texts[FILES_HOWS] = {[FILES_GONE] = "gone",
                                                  [FILES_REPLACED] = "replaced",
                                                  [FILES_CUT] = "cut",
                                                  [FILES_OVERWRITTEN] = "overwritten",
                                                  [FILES_UNREADABLE] = "unreadable"};

static enum err system_error(void)
{
    return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : errno == ENOMEM ? ERR_NOMEM : ERR_IO;
}

static bool path_in(const char *dir, const char *name, char out[static PATH_LEN])
{
    int n = snprintf(out, PATH_LEN, "%s/%s", dir, name);
    return n > 0 && (size_t)n < PATH_LEN;
}

/* The file's size; -1: it does not exist. */
static off_t size_in(const char *dir, const char *name)
{
    char path[PATH_LEN];
    struct stat st;
    return path_in(dir, name, path) && stat(path, &st) == 0 ? st.st_size : -1;
}

static bool is_unfinished(const char *dir)
{
    static const char suffix[] = FILES_UNFINISHED_SUFFIX;
    char path[PATH_MAX];
    size_t len = realpath(dir, path) ? strlen(path) : 0;
    return size_in(dir, FILES_UNFINISHED_MARK) >= 0 ||
           (len >= sizeof(suffix) && strcmp(path + len + 1 - sizeof(suffix), suffix) == 0);
}

/*
 * A node creates the database first, then the key: where another file of a store exists, a database existed
 * too. A journal belongs to the copy a backup makes, or to the very first page of a new database.
 */
enum files_state files_judge(const char *dir)
{
    off_t database = size_in(dir, "todoke.db");
    if (is_unfinished(dir) || (database > 4096 && size_in(dir, "todoke.db-journal") > 0))
        return FILES_UNFINISHED;
    if (database <= 0 && (size_in(dir, "todoke.db-wal") > 0 || size_in(dir, "todoke.db-last") > 0 ||
                          size_in(dir, "secret.key") >= 0))
        return FILES_HEADLESS;
    if (!files_holder(dir) &&
        head_is_foreign(dir, last_base(dir))) /* a running node checks this itself, and moves its log */
        return FILES_MIXED;
    return FILES_SOUND;
}

const char *files_state_text(enum files_state state)
{
    switch (state) {
    case FILES_UNFINISHED:
        return "this backup did not finish and may be incomplete; use another one. "
               "Nothing was changed";
    case FILES_HEADLESS:
        return "todoke.db is missing or empty, but other files of a store are here; restore it, or replace "
               "this "
               "directory with a backup. To start with an empty store, move all of them away, secret.key "
               "too. "
               "Nothing was changed";
    case FILES_MIXED:
        return "the log (todoke.db-wal) does not belong to this todoke.db, which may be an older copy: "
               "opening them "
               "together would damage the database. The newest commits are in the log. Keep a copy of the "
               "directory, then restore the todoke.db that belongs to the log. If you do not have it, move "
               "todoke.db-wal away: its commits will be missing. See \"Files that go away\" in "
               "docs/operations.md. Nothing was changed";
    case FILES_SOUND:
        break;
    }
    return "a directory for a node";
}

/*
 * ERR_BUSY: another process holds it. A directory that cannot be locked at all (NFS locks no directory) is no
 * failure: there are two more locks.
 */
static enum err lock_directory(struct files *f, const char *dir)
{
    f->directory = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->directory < 0)
        return system_error();
    return flock(f->directory, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK ? ERR_BUSY : ERR_NONE;
}

static enum err lock_file(struct files *f)
{
    f->lock = open(f->paths[FILES_LOCK], O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->lock < 0)
        return system_error();
    if (flock(f->lock, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
    return ERR_NONE;
}

/*
 * The lock belongs to the open file, not the process, because SQLite opens and closes the database in this
 * process too.
 */
static enum err lock_database(struct files *f)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_BYTE, .l_len = 1};
    f->database = open(f->paths[FILES_DATABASE], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (f->database < 0)
        return system_error();
    return fcntl(f->database, F_OFD_SETLK, &lock) && (errno == EAGAIN || errno == EACCES) ? ERR_BUSY
                                                                                          : ERR_NONE;
}

enum err files_open(struct files **ret, const char *dir)
{
    if (mkdir(dir, 0700) && errno != EEXIST)
        return system_error();
    struct files *f = mem_zero(1, sizeof(*f));
    if (!f)
        return ERR_NOMEM;
    f->directory = f->lock = f->database = -1;
    enum err e = ERR_NONE;
    if (!path_in(dir, "todoke.db", f->paths[FILES_DATABASE]) || !path_in(dir, "lock", f->paths[FILES_LOCK]))
        e = ERR_INVALID;
    (void)snprintf(f->paths[FILES_DIRECTORY], PATH_LEN, "%s", dir);
    if (!e)
        e = lock_directory(f, dir);
    if (!e)
        e = lock_file(f);
    if (!e)
        e = lock_database(f);
    if (e) {
        int saved = errno;
        files_close(f);
        errno = saved;
        return e;
    }
    *ret = f;
    return ERR_NONE;
}

void files_close(struct files *f)
{
    if (!f)
        return;
    const int open_ones[] = {f->database, f->lock, f->directory};
    for (size_t i = 0; i < 3; i++)
        if (open_ones[i] >= 0)
            (void)close(open_ones[i]);
    mem_free(f);
}

int64_t files_holder(const char *dir)
{
    struct stat st;
    FILE *in = stat(dir, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
    int64_t holder = 0;
    char line[256];
    while (in && !holder && fgets(line, sizeof(line), in)) {
        int64_t pid;
        unsigned major_of, minor_of;
        uintmax_t inode;
        if (sscanf(line, "%*d: FLOCK ADVISORY WRITE %" SCNd64 " %x:%x:%ju", &pid, &major_of, &minor_of,
                   &inode) == 4 &&
            pid > 0 && inode == st.st_ino && major_of == major(st.st_dev) && minor_of == minor(st.st_dev))
            holder = pid;
    }
    if (in)
        (void)fclose(in);
    return holder;
}

static struct identity identity_of(const struct stat *st)
{
    return (struct identity){st->st_dev, st->st_ino};
}

static bool look_up(struct files *f, enum files_what what, struct stat *ret)
{
    if (stat(f->paths[what], ret))
        return false;
    f->opened[what] = identity_of(ret);
    return true;
}

enum err files_watch(struct files *f, const char *database, const char *key, files_key_fn *still, void *arg)
{
    struct stat st;
    int log = snprintf(f->paths[FILES_LOG], PATH_LEN, "%s-wal", database),
        index = snprintf(f->paths[FILES_INDEX], PATH_LEN, "%s-shm", database),
        file = snprintf(f->paths[FILES_KEY], PATH_LEN, "%s", key ? key : "");
    if (log >= (int)PATH_LEN || index >= (int)PATH_LEN || file >= (int)PATH_LEN)
        return ERR_INVALID;
    f->database_how = FILES_HOWS;
    head_read(f->database, &f->head);
    for (enum files_what w = FILES_DIRECTORY; w < FILES_COUNT; w++) {
        if (f->paths[w][0] && !look_up(f, w, &st))
            return system_error();
        if (w == FILES_DATABASE)
            f->database_size = st.st_size;
    }
    if (key)
        f->key = st;
    f->still = still;
    f->still_arg = arg;
    return ERR_NONE;
}

/* FILES_HOWS: the file is the one that was opened. */
static enum files_how look(const struct files *f, enum files_what what, struct stat *ret)
{
    if (stat(f->paths[what], ret))
        return errno == ENOENT || errno == ENOTDIR ? FILES_GONE : FILES_UNREADABLE;
    const struct identity *opened = &f->opened[what];
    return ret->st_dev == opened->device && ret->st_ino == opened->inode ? FILES_HOWS : FILES_REPLACED;
}

/* How a database that differs from the last look was changed. */
static enum files_how judge_database(const struct files *f, const struct head *h, off_t size,
                                     const struct files_log *log)
{
    uint32_t pages = 0;
    bool shorter = size < f->database_size;
    if (!log->copied(log->arg, &pages))
        return shorter ? FILES_CUT : FILES_OVERWRITTEN;
    /* a VACUUM by another process shortens it */
    if (shorter && (!h->sound || head_bytes(h) > (uint64_t)size))
        return FILES_CUT;
    return head_follows(&f->head, h) && (!pages || pages == h->pages) ? FILES_HOWS : FILES_OVERWRITTEN;
}

static enum files_how look_at_database(struct files *f, const struct files_log *log)
{
    struct stat st;
    struct head h;
    enum files_how how = look(f, FILES_DATABASE, &st);
    if (how != FILES_HOWS)
        return how;
    if (f->database_how != FILES_HOWS)
        return f->database_how;
    head_read(f->database, &h);
    if (st.st_size == f->database_size && head_same(&h, &f->head))
        return FILES_HOWS;
    f->database_how = judge_database(f, &h, st.st_size, log);
    if (f->database_how == FILES_HOWS) {
        f->database_size = st.st_size;
        f->head = h;
    }
    return f->database_how;
}

uint32_t files_generation(const struct files *f)
{
    return f->head.generation;
}

static enum files_how look_at_log(const struct files *f, uint64_t bytes)
{
    struct stat st;
    enum files_how how = look(f, FILES_LOG, &st);
    return how != FILES_HOWS                                              ? how
           : f->log_cut || st.st_size < 0 || (uint64_t)st.st_size < bytes ? FILES_CUT
                                                                          : FILES_HOWS;
}

/* The same file may now hold another key, or none. */
static enum files_how look_into_key(struct files *f)
{
    struct stat st;
    enum files_how how = look(f, FILES_KEY, &st);
    if (how != FILES_HOWS || !f->still)
        return how;
    if (st.st_size == f->key.st_size && st.st_mtim.tv_sec == f->key.st_mtim.tv_sec &&
        st.st_mtim.tv_nsec == f->key.st_mtim.tv_nsec)
        return FILES_HOWS;
    if (f->still(f->still_arg))
        return FILES_REPLACED;
    f->key = st;
    return FILES_HOWS;
}

static void look_at_others(struct files *f)
{
    static const enum files_what all[] = {FILES_DIRECTORY, FILES_INDEX, FILES_LOCK, FILES_KEY};
    uint64_t now_ms = clock_system.mono_us(NULL) / 1000;
    if (f->others_ms && now_ms - f->others_ms < OTHERS_MS)
        return;
    f->others_ms = now_ms;
    f->other = FILES_NONE;
    for (size_t i = 0; i < 4 && !f->other; i++) {
        struct stat st;
        if (!f->paths[all[i]][0])
            continue;
        f->other_how = all[i] == FILES_KEY ? look_into_key(f) : look(f, all[i], &st);
        if (f->other_how != FILES_HOWS)
            f->other = all[i];
    }
}

static void tell(struct files *f, enum files_what what, enum files_how how)
{
    unsigned wrong = what ? (unsigned)how << 8 | (unsigned)what : 0;
    unsigned before = atomic_exchange_explicit(&f->wrong, wrong, memory_order_relaxed);
    if (before == wrong)
        return;
    if (what)
        log_error("store", texts[what][LANG_EN], log_str("file", f->paths[what]),
                  log_str("it_is", how_texts[how]));
    else
        log_info("store", "the files of the data directory are back; accepting events again");
}

enum err files_check(struct files *f, const struct files_log *log)
{
    enum files_what what = FILES_DATABASE;
    enum files_how how = look_at_database(f, log);
    if (how == FILES_HOWS) {
        what = FILES_LOG;
        how = look_at_log(f, log->bytes);
    }
    if (how != FILES_HOWS)
        f->others_ms = 0; /* the directory may be the cause: check the others now */
    look_at_others(f);
    if (how == FILES_HOWS || f->other == FILES_DIRECTORY) {
        what = f->other;
        how = f->other_how;
    }
    tell(f, what, how);
    return what ? ERR_GONE : ERR_NONE;
}

void files_log_cut(struct files *f)
{
    f->log_cut = true;
}

enum files_what files_what(const struct files *f, enum files_how *ret_how)
{
    unsigned wrong = atomic_load_explicit(&f->wrong, memory_order_relaxed);
    *ret_how = (enum files_how)(wrong >> 8);
    return (enum files_what)(wrong & 0xff);
}

const char *const *files_text(const struct files *f)
{
    enum files_how how;
    enum files_what what = files_what(f, &how);
    return what ? texts[what] : NULL;
}

enum err files_log_aside(struct files *f)
{
    char aside[PATH_LEN + 16];
    struct stat st;
    if (look(f, FILES_LOG, &st) != FILES_REPLACED)
        return ERR_NONE;
    (void)snprintf(aside, sizeof(aside), "%s.replaced", f->paths[FILES_LOG]);
    return rename(f->paths[FILES_LOG], aside) ? system_error() : ERR_NONE;
}
