/* `todoke backup`: a copy of a data directory that a node can start on, made while one runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/commands.h"
#include "base/buf.h"
#include "store/backend.h"

#define PATH_LEN 4096u
#define KEY_FILE_MAX 4096u

struct backup_args {
    const char *data, *to, *key;
    bool without_key;
};

static int usage(FILE *to, int status)
{
    (void)fputs(
        "usage: todoke backup --data DIR TO [--secret-key FILE | --without-key]\n\n"
        "Copies the database as it stands now, and the key file, into the new directory TO; a node may run\n"
        "meanwhile. To restore: `todoke serve --data TO`, or put TO in DIR's place.\n\n"
        "  --data DIR          the data directory [TODOKE_DATA]\n"
        "  --secret-key FILE   where the key file is, if not in DIR; its copy is TO/secret.key\n"
        "  --without-key       leaves it out, to be kept elsewhere: without it the copy cannot be used\n",
        to);
    return status;
}

static int parse(int argc, char **argv, struct backup_args *ret)
{
    for (int i = 1; i < argc; i++) {
        const char **to = strcmp(argv[i], "--data") == 0         ? &ret->data
                          : strcmp(argv[i], "--secret-key") == 0 ? &ret->key
                                                                 : NULL;
        if (to && i + 1 < argc) {
            *to = argv[++i];
        } else if (strcmp(argv[i], "--without-key") == 0) {
            ret->without_key = true;
        } else if (argv[i][0] != '-' && !ret->to) {
            ret->to = argv[i];
        } else {
            (void)fprintf(stderr, "todoke backup: %s %s\n",
                          to ? "a value is missing for" : "cannot understand", argv[i]);
            return usage(stderr, 2);
        }
    }
    if (!ret->data)
        ret->data = getenv("TODOKE_DATA");
    if (ret->data && ret->to && !(ret->key && ret->without_key))
        return 0;
    return usage(stderr, 2);
}

static int fail(const char *path, const char *why)
{
    (void)fprintf(stderr, "todoke backup: %s: %s\n", path, why);
    return 1;
}

static enum err read_file(const char *path, struct buf *out)
{
    FILE *in = fopen(path, "re");
    if (!in)
        return ERR_IO;
    enum err e = buf_reserve(out, KEY_FILE_MAX);
    if (!e) {
        out->tail += fread(out->data, 1, KEY_FILE_MAX, in);
        e = ferror(in) ? ERR_IO : ERR_NONE;
    }
    (void)fclose(in);
    return e;
}

static enum err write_file(const char *path, struct span text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_IO;
    enum err e = write(fd, text.ptr, text.len) == (ssize_t)text.len && fsync(fd) == 0 ? ERR_NONE : ERR_IO;
    return close(fd) == 0 ? e : ERR_IO;
}

static int copy_key(const struct backup_args *a)
{
    char from[PATH_LEN], to[PATH_LEN];
    int n = a->key ? snprintf(from, sizeof(from), "%s", a->key)
                   : snprintf(from, sizeof(from), "%s/secret.key", a->data);
    int m = snprintf(to, sizeof(to), "%s/secret.key", a->to);
    if (n < 0 || (size_t)n >= sizeof(from) || m < 0 || (size_t)m >= sizeof(to))
        return fail(a->to, "the path is too long");
    struct buf key;
    buf_init(&key, KEY_FILE_MAX);
    int status = 0;
    if (read_file(from, &key))
        status = fail(from, errno == ENOENT ? "there is no key file; --secret-key says where it is"
                                            : strerror(errno));
    else if (write_file(to, buf_span(&key)))
        status = fail(to, strerror(errno));
    if (key.data)
        explicit_bzero(key.data, key.alloc);
    buf_deinit(&key);
    return status;
}

/* The directory's own entry and those in it survive a power cut from here on. */
static int settle(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = fd < 0 || fsync(fd) ? fail(dir, strerror(errno)) : 0;
    if (fd >= 0)
        (void)close(fd);
    return status;
}

static void remove_half(const struct backup_args *a)
{
    static const char *const names[] = {"todoke.db", "todoke.db-journal", "todoke.db-wal", "todoke.db-shm",
                                        "secret.key"};
    char path[PATH_LEN];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int n = snprintf(path, sizeof(path), "%s/%s", a->to, names[i]);
        if (n > 0 && (size_t)n < sizeof(path))
            (void)unlink(path);
    }
    (void)rmdir(a->to);
}

int cmd_backup(int argc, char **argv)
{
    struct backup_args a = {0};
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return usage(stdout, 0);
    int status = parse(argc, argv, &a);
    if (status)
        return status;
    if (mkdir(a.to, 0700)) /* never into what is there: a half of it would be another's */
        return fail(a.to, strerror(errno));
    errno = 0;
    enum err e = sqlite_backup(a.data, a.to);
    if (e)
        status = fail(a.data, e == ERR_INTERNAL      ? "the copy is damaged; so the database may be"
                              : e == ERR_IO && errno ? strerror(errno)
                                                     : err_text(e));
    if (!status && !a.without_key)
        status = copy_key(&a);
    if (!status)
        status = settle(a.to);
    if (status)
        remove_half(&a);
    else
        (void)printf("%s: a copy of %s%s\n", a.to, a.data,
                     a.without_key ? " without its key file, which it needs" : " and its key file");
    return status;
}
