#include "command/key_seal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "access/seal.h"
#include "base/visible.h"
#include "node/direct.h"
#include "store/files.h"
#include "store/store.h"

static int fail(const char *what, const char *text)
{
    (void)visible_complain("key", "%s: %s", what, text);
    return 1;
}

/* Prints a failure of the store or of the key file. */
static int tell(const char *dir, const char *path, enum err e)
{
    if (e == ERR_NOT_FOUND || e == ERR_DENIED || e == ERR_INVALID)
        return fail(path, seal_problem(e));
    return fail(dir, e == ERR_BUSY ? "a node is running on this directory; stop it first" : direct_text(e));
}

static int rotate(struct backend *b, const char *dir, struct seal *seal)
{
    struct seal fresh;
    enum err e = sqlite_seal(b, &seal->ops);
    if (e)
        return tell(dir, seal->path, e);
    e = seal_rotate(&fresh, seal);
    if (e)
        return fail(seal->path, seal_problem(e));
    e = sqlite_reseal(b, &fresh.ops);
    if (e) {
        seal_deinit(&fresh);
        return tell(dir, seal->path, e);
    }
    e = seal_rotated(&fresh); /* if this fails, the next start of a node completes it */
    seal_deinit(&fresh);
    if (e)
        return fail(seal->path, seal_problem(e));
    (void)printf("%s: a new key; all secrets are sealed with it, and the old key is useless now\n",
                 seal->path);
    return 0;
}

int key_seal_rotate(const char *dir, const char *file)
{
    struct seal seal;
    char path[SEAL_PATH_MAX];
    int n =
        file ? snprintf(path, sizeof(path), "%s", file) : snprintf(path, sizeof(path), "%s/secret.key", dir);
    if (n < 0 || (size_t)n >= sizeof(path))
        return fail(dir, "the path of the key file is too long");
    int status;
    if (direct_missing("key", dir))
        return 1;
    struct files *files;
    enum err e = files_open(&files, dir);
    if (e)
        return tell(dir, path, e);
    struct backend *b = NULL;
    e = seal_init(&seal, path);
    if (!e)
        e = sqlite_open(&b, dir, STORE_WRITE);
    status = e ? tell(dir, path, e) : rotate(b, dir, &seal);
    if (b)
        b->ops->close(b);
    seal_deinit(&seal);
    files_close(files);
    return status;
}
