/*
 * A disk that fails on order: loaded into a node with LD_PRELOAD (lib/disk.mjs), it stands between SQLite and
 * libc and counts what is done to the database and its log. So the program under test is the one that is
 * shipped, without a hook of its own.
 *
 *     DISK_PLAN=KIND:N:ACTION   what happens at the Nth operation of a kind
 *         kinds    wal_write wal_sync wal_synced (after it) db_write db_sync db_synced, and step: whatever
 *                  changes any file or its name
 *         actions  kill  before it · tear  half of the write is done, then kill · EIO, ENOSPC  it fails, once
 *                  cut   the power goes before it: of what was written since the last sync of a
 *                        file some is on the disk and some is not, in no order
 *     DISK_FROM=FILE            operations are counted only once FILE is there (from the start without it)
 *     DISK_FAULT=FILE           while FILE is there, each write and sync fails as it says: EIO or ENOSPC
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { WAL_WRITE, WAL_SYNC, WAL_SYNCED, DB_WRITE, DB_SYNC, DB_SYNCED, STEP, KINDS, NONE };
static const char *const kind_names[KINDS] = {"wal_write", "wal_sync",  "wal_synced", "db_write",
                                              "db_sync",   "db_synced", "step"};

static struct {
    enum kind kind;
    unsigned long nth;
    char action[16];
} plan = {.kind = NONE};
static atomic_ulong seen[KINDS];
static const char *fault_file, *from_file;

__attribute__((constructor)) static void read_plan(void)
{
    fault_file = getenv("DISK_FAULT");
    from_file = getenv("DISK_FROM");
    const char *text = getenv("DISK_PLAN");
    char name[16];
    if (!text || sscanf(text, "%15[a-z_]:%lu:%15[A-Za-z]", name, &plan.nth, plan.action) != 3)
        return;
    for (int i = 0; i < KINDS; i++)
        if (strcmp(name, kind_names[i]) == 0)
            plan.kind = (enum kind)i;
}

/* The write kind of the file behind fd, or NONE: none of the store's. */
static enum kind file_of(int fd)
{
    char link[40], path[4096];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n <= 0)
        return NONE;
    path[n] = '\0';
    const char *at = strstr(path, "/todoke.db");
    if (!at)
        return NONE;
    at += strlen("/todoke.db");
    return *at == '\0' ? DB_WRITE : strcmp(at, "-wal") == 0 ? WAL_WRITE : NONE;
}

/* What was there before each write that is not synced yet, newest first; kept only for a plan that cuts the
 * power. */
struct undo {
    struct undo *next;
    enum kind file;
    int fd;
    off_t at, size; /* size: of the file, before */
    size_t len, had;
    char old[];
};
static struct undo *undos;
static pthread_mutex_t undo_lock = PTHREAD_MUTEX_INITIALIZER;

static int cuts(void)
{
    return plan.kind != NONE && strcmp(plan.action, "cut") == 0;
}

static void remember(enum kind file, int fd, size_t len, off_t at)
{
    struct undo *u = malloc(sizeof(*u) + len);
    if (!u)
        abort();
    ssize_t had = pread(fd, u->old, len, at);
    *u = (struct undo){.file = file,
                       .fd = fd,
                       .at = at,
                       .size = lseek(fd, 0, SEEK_END),
                       .len = len,
                       .had = had > 0 ? (size_t)had : 0};
    (void)pthread_mutex_lock(&undo_lock);
    u->next = undos;
    undos = u;
    (void)pthread_mutex_unlock(&undo_lock);
}

static void synced(enum kind file)
{
    (void)pthread_mutex_lock(&undo_lock);
    for (struct undo **at = &undos, *u; (u = *at);) {
        if (u->file == file) {
            *at = u->next;
            free(u);
        } else {
            at = &u->next;
        }
    }
    (void)pthread_mutex_unlock(&undo_lock);
}

static ssize_t real_write(int fd, const void *p, size_t len, off_t at)
{
    static ssize_t (*next)(int, const void *, size_t, off_t);
    if (!next)
        next = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
    return next(fd, p, len, at);
}

/* Each unsynced write is taken back or not, by chance; none of them may be believed. */
static void cut_power(void)
{
    srand((unsigned)getpid());
    (void)pthread_mutex_lock(&undo_lock); /* and is not given back */
    int all = rand() % 3 == 0;
    for (struct undo *u = undos; u; u = u->next) {
        if (!all && rand() % 2)
            continue;
        (void)real_write(u->fd, u->old, u->had, u->at);
        bool last = lseek(u->fd, 0, SEEK_END) == u->at + (off_t)u->len;
        if (last && u->at + (off_t)u->len > u->size && ftruncate(u->fd, u->size))
            abort();
    }
}

static int error_of(const char *text)
{
    return strncmp(text, "ENOSPC", 6) == 0 ? ENOSPC : EIO;
}

/* 0, or the errno with which everything fails now. */
static int broken(void)
{
    char text[16] = "";
    if (!fault_file)
        return 0;
    int saved = errno, fd = open(fault_file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, text, sizeof(text) - 1) < 0)
            text[0] = '\0';
        (void)close(fd);
    }
    errno = saved;
    return fd < 0 ? 0 : error_of(text);
}

static void die(void)
{
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

/* Whether the plan's moment is now; kill does not return. */
static int due(enum kind k)
{
    int saved = errno, begun = !from_file || access(from_file, F_OK) == 0;
    errno = saved;
    if (!begun)
        return 0;
    if (atomic_fetch_add(&seen[k], 1) + 1 != plan.nth || plan.kind != k)
        return 0;
    if (cuts())
        cut_power();
    if (cuts() || strcmp(plan.action, "kill") == 0)
        die();
    return 1;
}

/* Each of them is a moment at which the process may be killed, before it. */
static void step(void)
{
    if (plan.kind == STEP)
        (void)due(STEP);
}

static void *next_of(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

int mkdir(const char *path, mode_t mode)
{
    step();
    return ((int (*)(const char *, mode_t))next_of("mkdir"))(path, mode);
}

int unlink(const char *path)
{
    step();
    return ((int (*)(const char *))next_of("unlink"))(path);
}

int unlinkat(int dir, const char *path, int flags)
{
    step();
    return ((int (*)(int, const char *, int))next_of("unlinkat"))(dir, path, flags);
}

int rmdir(const char *path)
{
    step();
    return ((int (*)(const char *))next_of("rmdir"))(path);
}

int rename(const char *from, const char *to)
{
    step();
    return ((int (*)(const char *, const char *))next_of("rename"))(from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    step();
    return ((int (*)(int, const char *, int, const char *, unsigned))next_of("renameat2"))(from_dir, from,
                                                                                           to_dir, to, flags);
}

int ftruncate64(int fd, off_t size)
{
    step();
    return ((int (*)(int, off_t))next_of("ftruncate64"))(fd, size);
}

static ssize_t write_at(int fd, const void *p, size_t len, off_t at)
{
    step();
    enum kind k = file_of(fd);
    if (k == NONE)
        return real_write(fd, p, len, at);
    int e = broken();
    if (!e && due(k)) {
        if (strcmp(plan.action, "tear") == 0) {
            (void)real_write(fd, p, len / 2, at);
            die();
        }
        e = error_of(plan.action);
    }
    if (e) {
        errno = e;
        return -1;
    }
    if (cuts())
        remember(k, fd, len, at);
    return real_write(fd, p, len, at);
}

static int sync_as(const char *name, int fd)
{
    step();
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    enum kind k = file_of(fd);
    if (k == NONE)
        return next(fd);
    int e = broken();
    if (!e && due((enum kind)(k + 1)))
        e = error_of(plan.action);
    if (e) {
        errno = e;
        return -1;
    }
    int rc = next(fd);
    if (rc == 0)
        synced(k);
    if (due((enum kind)(k + 2))) {
        errno = error_of(plan.action);
        return -1;
    }
    return rc;
}

ssize_t pwrite64(int fd, const void *p, size_t len, off_t at);
ssize_t pwrite64(int fd, const void *p, size_t len, off_t at)
{
    return write_at(fd, p, len, at);
}

ssize_t pwrite(int fd, const void *p, size_t len, off_t at)
{
    return write_at(fd, p, len, at);
}

int fdatasync(int fd)
{
    return sync_as("fdatasync", fd);
}

int fsync(int fd)
{
    return sync_as("fsync", fd);
}
