#include "mail/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/origin.h"

static enum err of_errno(void)
{
    return err_origin(errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO);
}

/*
 * File names in a Maildir cannot contain "/" and ":" of a host name: its specification writes them in octal.
 */
static void take_host(char *out, size_t size)
{
    char name[128] = "localhost";
    (void)gethostname(name, sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    size_t n = 0;
    for (const char *p = name; *p && n + 5 < size; p++) {
        if (*p == '/' || *p == ':' || *p <= ' ')
            n += (size_t)snprintf(out + n, size - n, "\\%03o", (unsigned)(unsigned char)*p);
        else
            out[n++] = *p;
    }
    out[n] = '\0';
}

static enum err sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return of_errno();
    enum err e = fsync(fd) ? of_errno() : ERR_NONE;
    (void)close(fd);
    return e;
}

enum err maildir_init(struct maildir *m, const char *path)
{
    static const char *const folders[] = {"", "/tmp", "/new", "/cur"};
    take_host(m->host, sizeof(m->host));
    int n = snprintf(m->path, sizeof(m->path), "%s", path);
    if (n < 0 || (size_t)n + 400 >= sizeof(m->path)) /* room for file names */
        return ERR_INVALID;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char one[sizeof(m->path) + 8];
        (void)snprintf(one, sizeof(one), "%s%s", m->path, folders[i]);
        if (mkdir(one, 0700) && errno != EEXIST)
            return of_errno();
    }
    return sync_folder(m->path);
}

static enum err write_all(int fd, struct span s)
{
    while (s.len) {
        ssize_t n = write(fd, s.ptr, s.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return of_errno();
        s.ptr += n;
        s.len -= (size_t)n;
    }
    return fsync(fd) ? of_errno() : ERR_NONE;
}

enum err maildir_put(const struct maildir *m, int64_t time_ms, int64_t id, struct span mail)
{
    char name[400], from[sizeof(m->path) + 408], to[sizeof(m->path) + 408];
    (void)snprintf(name, sizeof(name), "%lld.M%06lldQ%lld.%s", (long long)(time_ms / 1000),
                   (long long)(time_ms % 1000) * 1000, (long long)id, m->host);
    (void)snprintf(from, sizeof(from), "%s/tmp/%s", m->path, name);
    (void)snprintf(to, sizeof(to), "%s/new/%s", m->path, name);
    /* a file of an earlier try may be left */
    int fd = open(from, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return of_errno();
    enum err e = write_all(fd, mail);
    int saved = errno;
    if (close(fd) && !e)
        e = of_errno();
    if (!e && rename(from, to))
        e = of_errno();
    if (e) {
        (void)unlink(from);
        errno = saved;
        return e;
    }
    (void)snprintf(to, sizeof(to), "%s/new", m->path);
    return sync_folder(to);
}
