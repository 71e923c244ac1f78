#include "campaign/query_space.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/origin.h"

#define FILES 24u /* one for each table that SQLite puts aside at a time: a query with more is not for this */
#define TEMPORARY                                                                                            \
    (SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_TRANSIENT_DB | SQLITE_OPEN_TEMP_JOURNAL | SQLITE_OPEN_SUBJOURNAL)

static struct {
    sqlite3_vfs vfs, *real;
    uint64_t max, used;
    bool over;
    struct {
        int fd;
        bool taken;
        uint64_t size;
    } files[FILES];
} space;

struct file {
    sqlite3_file base;
    unsigned at; /* in space.files */
};

static struct file *file_of(sqlite3_file *f)
{
    return (struct file *)(void *)f;
}

static void resize(unsigned at, uint64_t size)
{
    space.used = space.used - space.files[at].size + size;
    space.files[at].size = size;
}

static int x_close(sqlite3_file *f)
{
    unsigned at = file_of(f)->at;
    resize(at, 0);
    space.files[at].taken = false;
    return ftruncate(space.files[at].fd, 0) ? SQLITE_IOERR_CLOSE : SQLITE_OK;
}

static int x_read(sqlite3_file *f, void *to, int count, sqlite3_int64 offset)
{
    int fd = space.files[file_of(f)->at].fd;
    size_t got = 0, want = (size_t)count;
    while (got < want) {
        ssize_t n = pread(fd, (char *)to + got, want - got, offset + (off_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return SQLITE_IOERR_READ;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    memset((char *)to + got, 0, want - got);
    return got < want ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int x_write(sqlite3_file *f, const void *from, int count, sqlite3_int64 offset)
{
    unsigned at = file_of(f)->at;
    uint64_t end = (uint64_t)offset + (uint64_t)count;
    if (end > space.files[at].size && end - space.files[at].size > space.max - space.used) {
        space.over = true;
        return SQLITE_FULL;
    }
    for (size_t done = 0; done < (size_t)count;) {
        ssize_t n =
            pwrite(space.files[at].fd, (const char *)from + done, (size_t)count - done, offset + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            space.over = space.over || errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
            return SQLITE_FULL;
        }
        done += (size_t)n;
    }
    if (end > space.files[at].size)
        resize(at, end);
    return SQLITE_OK;
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    unsigned at = file_of(f)->at;
    if ((uint64_t)size >= space.files[at].size)
        return SQLITE_OK;
    if (ftruncate(space.files[at].fd, size))
        return SQLITE_IOERR_TRUNCATE;
    resize(at, (uint64_t)size);
    return SQLITE_OK;
}

static int x_sync(sqlite3_file *f, int flags)
{
    (void)f;
    (void)flags;
    return SQLITE_OK; /* they do not outlive the process */
}

static int x_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    *ret = (sqlite3_int64)space.files[file_of(f)->at].size;
    return SQLITE_OK;
}

static int x_lock(sqlite3_file *f, int level)
{
    (void)f;
    (void)level;
    return SQLITE_OK;
}

static int x_reserved(sqlite3_file *f, int *ret)
{
    (void)f;
    *ret = 0;
    return SQLITE_OK;
}

static int x_control(sqlite3_file *f, int what, void *arg)
{
    (void)f;
    (void)what;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int x_zero(sqlite3_file *f)
{
    (void)f;
    return 0; /* a sector of the usual size, and a device with nothing special */
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_size,
    .xLock = x_lock,
    .xUnlock = x_lock,
    .xCheckReservedLock = x_reserved,
    .xFileControl = x_control,
    .xSectorSize = x_zero,
    .xDeviceCharacteristics = x_zero,
};

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
    (void)vfs;
    if (!(flags & TEMPORARY))
        return space.real->xOpen(space.real, name, f, flags, ret_flags);
    f->pMethods = NULL;
    for (unsigned i = 0; i < FILES; i++) {
        if (space.files[i].taken)
            continue;
        space.files[i].taken = true;
        file_of(f)->at = i;
        f->pMethods = &methods;
        if (ret_flags)
            *ret_flags = flags;
        return SQLITE_OK;
    }
    space.over = true;
    return SQLITE_FULL;
}

static int open_unnamed(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
        return fd;
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/query-XXXXXX", dir) >= (int)sizeof(path))
        return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path);
    return fd;
}

enum err query_space_open(const char *dir, uint64_t bytes)
{
    struct statvfs fs;
    if (statvfs(dir, &fs))
        return err_origin(ERR_IO);
    uint64_t quarter = (uint64_t)fs.f_bavail * fs.f_frsize / 4;
    space.max = bytes < quarter ? bytes : quarter;
    for (unsigned i = 0; i < FILES; i++) {
        space.files[i].fd = open_unnamed(dir);
        if (space.files[i].fd < 0)
            return err_origin(ERR_IO);
    }
    space.real = sqlite3_vfs_find(NULL);
    if (!space.real)
        return err_origin(ERR_INTERNAL);
    space.vfs = *space.real;
    space.vfs.pNext = NULL;
    space.vfs.zName = QUERY_SPACE_NAME;
    space.vfs.xOpen = x_open;
    if (space.vfs.szOsFile < (int)sizeof(struct file))
        space.vfs.szOsFile = (int)sizeof(struct file);
    return sqlite3_vfs_register(&space.vfs, 0) ? err_origin(ERR_INTERNAL) : ERR_NONE;
}

bool query_space_is_over(void)
{
    return space.over;
}
