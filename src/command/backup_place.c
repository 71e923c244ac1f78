#include "command/backup_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/files.h"

#define SUFFIX FILES_UNFINISHED_SUFFIX
#define NEIGHBOURS_MAX 10000 /* directory entries beside TO searched for abandoned backups */

/* Every file that an unfinished backup can contain, whichever step was interrupted. */
static const char *const names[] = {"todoke.db",     "todoke.db-journal", "todoke.db-wal",
                                    "todoke.db-shm", "secret.key",        FILES_UNFINISHED_MARK};

static bool name_paths(struct backup_place *p, const char *to)
{
    size_t len = strlen(to);
    while (len > 1 && to[len - 1] == '/')
        len--;
    int n = snprintf(p->to, sizeof(p->to), "%.*s", (int)len, to),
        m = snprintf(p->made, sizeof(p->made), "%.*s" SUFFIX, (int)len, to);
    errno = ENAMETOOLONG;
    if (n < 0 || m < 0 || (size_t)m >= sizeof(p->made) || (size_t)n >= sizeof(p->to))
        return false;
    (void)snprintf(p->parent, sizeof(p->parent), "%s", p->to);
    char *slash = strrchr(p->parent, '/');
    if (slash)
        slash[slash == p->parent] = '\0';
    else
        (void)snprintf(p->parent, sizeof(p->parent), ".");
    return true;
}

static bool sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = fsync(fd) == 0;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return ok;
}

/* Deletes the directory and its files. The caller holds its lock. */
static bool empty_out(struct backup_place *p)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) /* the mark last */
        if (unlinkat(p->directory, names[i], 0) && errno != ENOENT)
            return false;
    return rmdir(p->made) == 0;
}

static void close_directory(struct backup_place *p)
{
    int saved = errno;
    if (p->directory >= 0)
        (void)close(p->directory);
    p->directory = -1;
    errno = saved;
}

static bool open_and_lock(struct backup_place *p)
{
    p->directory = open(p->made, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return p->directory >= 0 && flock(p->directory, LOCK_EX | LOCK_NB) == 0;
}

/* Removes what an interrupted backup left under TO.unfinished. Fails if another backup is still running. */
static bool remove_left(struct backup_place *p)
{
    if (!open_and_lock(p)) {
        if (errno == EWOULDBLOCK)
            (void)fprintf(stderr, "todoke backup: %s: another backup is being made there\n", p->made);
        errno = errno == EWOULDBLOCK ? 0 : errno;
        return false;
    }
    if (!empty_out(p)) {
        (void)fprintf(stderr,
                      "todoke backup: %s: left by a backup that was cut off, and cannot be removed: %s\n",
                      p->made, strerror(errno));
        errno = 0;
        return false;
    }
    close_directory(p);
    (void)fprintf(stderr, "todoke backup: %s: removed what a backup that was cut off had left\n", p->made);
    return true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len > n && strcmp(text + len - n, end) == 0;
}

/* Reports abandoned backups of other targets in the same parent directory; nothing else removes them. */
static void tell_neighbours(const struct backup_place *p)
{
    DIR *dir = opendir(p->parent);
    const struct dirent *d;
    for (int i = 0; dir && i < NEIGHBOURS_MAX && (d = readdir(dir)); i++) {
        char path[BACKUP_PLACE_PATH], mark[BACKUP_PLACE_PATH + 32];
        if (!ends_with(d->d_name, SUFFIX) ||
            snprintf(path, sizeof(path), "%s/%s", p->parent, d->d_name) >= (int)sizeof(path))
            continue;
        (void)snprintf(mark, sizeof(mark), "%s/" FILES_UNFINISHED_MARK, path);
        int fd = access(mark, F_OK) ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)fprintf(stderr, "todoke backup: %s: left by a backup that was cut off; remove it\n", path);
        if (fd >= 0)
            (void)close(fd);
    }
    if (dir)
        (void)closedir(dir);
}

static bool put_mark(struct backup_place *p)
{
    static const char text[] = "An unfinished backup: no node starts here.\n";
    int fd = openat(p->directory, FILES_UNFINISHED_MARK, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool ok = write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1 && fsync(fd) == 0;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return ok && fsync(p->directory) == 0 && sync_directory(p->parent);
}

bool backup_place_begin(struct backup_place *p, const char *to)
{
    struct stat st;
    *p = (struct backup_place){.directory = -1};
    if (!name_paths(p, to))
        return false;
    if (lstat(p->to, &st) == 0) { /* never mix a backup with existing files */
        errno = EEXIST;
        return false;
    }
    tell_neighbours(p);
    if (mkdir(p->made, 0700) && (errno != EEXIST || !remove_left(p) || mkdir(p->made, 0700)))
        return false;
    if (open_and_lock(p) && put_mark(p))
        return true;
    int saved = errno;
    backup_place_abandon(p);
    errno = saved;
    return false;
}

/* Syncs every file and the directory to disk. */
static bool sync_all(struct backup_place *p)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int fd = openat(p->directory, names[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 && errno == ENOENT)
            continue;
        bool ok = fd >= 0 && fsync(fd) == 0;
        int saved = errno;
        if (fd >= 0)
            (void)close(fd);
        errno = saved;
        if (!ok)
            return false;
    }
    return fsync(p->directory) == 0;
}

static bool rename_to(const struct backup_place *p)
{
    if (renameat2(AT_FDCWD, p->made, AT_FDCWD, p->to, RENAME_NOREPLACE) == 0)
        return true;
    return (errno == EINVAL || errno == ENOSYS) && rename(p->made, p->to) == 0; /* no RENAME_NOREPLACE here */
}

bool backup_place_end(struct backup_place *p)
{
    if (sync_all(p) && unlinkat(p->directory, FILES_UNFINISHED_MARK, 0) == 0 && fsync(p->directory) == 0 &&
        rename_to(p)) {
        bool ok = sync_directory(p->parent);
        close_directory(p);
        return ok;
    }
    int saved = errno;
    backup_place_abandon(p);
    errno = saved;
    return false;
}

void backup_place_abandon(struct backup_place *p)
{
    if (p->directory >= 0)
        (void)empty_out(p);
    close_directory(p);
}
