/* `todoke backup`: copies a data directory, also while a node runs on it. A node can start on the copy. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/visible.h"
#include "command/backup_place.h"
#include "command/commands.h"
#include "node/arguments.h"
#include "node/direct.h"
#include "store/backend.h"

#define PATH_LEN 4096u
#define KEY_FILE_MAX 4096u

struct backup_args {
    const char *data, *to, *key;
    bool without_key;
};

static int usage(FILE *to)
{
    (void)fputs(
        "usage: todoke backup --data DIR TO [--secret-key FILE | --without-key]\n\n"
        "Copies the database as it is now, and the key file, into the new directory TO; a node may run\n"
        "meanwhile. To restore: `todoke serve --data TO`, or put TO in DIR's place.\n\n"
        "  --data DIR          the data directory [TODOKE_DATA]\n"
        "  --secret-key FILE   where the key file is, if not in DIR; its copy is TO/secret.key\n"
        "  --without-key       leaves out the key file, which the copy needs: keep it elsewhere\n",
        to);
    return 0;
}

static int parse(int argc, char **argv, struct backup_args *ret)
{
    const struct argument options[] = {
        ARGUMENT_OF_TEXT("--data", &ret->data, "DIR", "the data directory [TODOKE_DATA]"),
        ARGUMENT_OF_TEXT("--secret-key", &ret->key, "FILE", "where the key file is"),
        ARGUMENT_OF_FLAG("--without-key", &ret->without_key, "leaves the key file out"), ARGUMENT_END};
    struct arguments in = {.command = "backup", .options = {options}, .words_max = 1};
    int status = arguments_read(&in, argc, argv, 1);
    if (status)
        return status;
    ret->to = in.word_count ? in.words[0] : NULL;
    if (!ret->data)
        ret->data = getenv("TODOKE_DATA");
    if (ret->data && ret->to && !(ret->key && ret->without_key))
        return 0;
    (void)visible_complain("backup", "%s",
                           !ret->data ? "--data DIR is needed"
                           : !ret->to ? "where to? Give a directory that does not exist yet"
                                      : "--secret-key and --without-key exclude each other");
    return arguments_try("backup");
}

static int fail(const char *path, const char *why)
{
    (void)visible_complain("backup", "%s: %s", path, why);
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

static int copy_key(const struct backup_args *a, const char *dir)
{
    char from[PATH_LEN], to[PATH_LEN];
    int n = a->key ? snprintf(from, sizeof(from), "%s", a->key)
                   : snprintf(from, sizeof(from), "%s/secret.key", a->data);
    int m = snprintf(to, sizeof(to), "%s/secret.key", dir);
    if (n < 0 || (size_t)n >= sizeof(from) || m < 0 || (size_t)m >= sizeof(to))
        return fail(dir, "the path is too long");
    struct buf key;
    buf_init(&key, KEY_FILE_MAX);
    int status = 0;
    if (read_file(from, &key))
        status = fail(from, errno == ENOENT ? "no key file here; give its path with --secret-key"
                                            : strerror(errno));
    else if (write_file(to, buf_span(&key)))
        status = fail(to, strerror(errno));
    if (key.data)
        explicit_bzero(key.data, key.alloc);
    buf_deinit(&key);
    return status;
}

/* sqlite_backup() also checks the copy for damage. */
static int copy_database(const struct backup_args *a, const char *dir)
{
    errno = 0;
    enum err e = sqlite_backup(a->data, dir);
    if (e == ERR_DAMAGED)
        return direct_fail("backup", a->data, e);
    return e ? fail(a->data, e == ERR_IO && errno ? strerror(errno) : err_text(e)) : 0;
}

int cmd_backup(int argc, char **argv)
{
    struct backup_args a = {0};
    if (arguments_ask_help(argc, argv))
        return usage(stdout);
    int status = parse(argc, argv, &a);
    if (status)
        return status;
    if (direct_missing("backup", a.data))
        return 1;
    struct backup_place place;
    if (!backup_place_begin(&place, a.to))
        return errno ? fail(a.to, strerror(errno)) : 1;
    status = copy_database(&a, place.made);
    if (!status && !a.without_key)
        status = copy_key(&a, place.made);
    if (status)
        backup_place_abandon(&place);
    else if (!backup_place_end(&place))
        status = fail(a.to, strerror(errno));
    else
        (void)printf("%s: a copy of %s%s\n", a.to, a.data,
                     a.without_key ? " without its key file, which it needs" : " and its key file");
    return status;
}
