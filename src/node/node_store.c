#include "node/node_store.h"

#include <errno.h>
#include <stdio.h>

#include "node/direct.h"
#include "store/files.h"

/* Opens the key file. */
static enum err open_seal(struct seal *seal, const struct settings *settings)
{
    char path[SEAL_PATH_MAX];
    settings_secret_key(settings, path);
    enum err e = seal_init(seal, path);
    if (e)
        (void)fprintf(stderr, "todoke: %s: %s\n", path, seal_problem(e));
    return e == ERR_INVALID ? ERR_DENIED : e;
}

/* Reports that another process uses the directory, and its id if the system tells it. */
static void tell_busy(const char *dir)
{
    int64_t pid = files_holder(dir);
    char who[48] = "";
    if (pid)
        (void)snprintf(who, sizeof(who), " (process %lld)", (long long)pid);
    (void)fprintf(stderr, "todoke: %s: another node is running on this directory or its database%s\n", dir,
                  who);
}

void node_store_damaged(const char *dir)
{
    (void)fprintf(stderr,
                  "todoke: %s: cannot be used: %s\n  `todoke check --data %s` says where it is damaged\n",
                  dir, direct_text(ERR_DAMAGED), dir);
}

enum err node_store_open(struct store **ret, struct directory **ret_directory, struct seal *seal,
                         const struct settings *settings)
{
    const char *dir = settings->data;
    if (direct_refuse(NULL, dir))
        return ERR_DENIED;
    enum err e = open_seal(seal, settings);
    if (e)
        return e;
    e = store_open(ret, dir, &seal->ops);
    if (!e)
        e = directory_new(ret_directory, DIRECTORY_CHANNELS_MAX);
    if (!e)
        e = directory_load(*ret_directory, *ret);
    if (!e)
        return ERR_NONE;
    if (e == ERR_BUSY)
        tell_busy(dir);
    else if (e == ERR_NOT_FOUND || e == ERR_DENIED)
        (void)fprintf(stderr, "todoke: %s: %s\n", seal->path, seal_problem(e));
    else if (e == ERR_DAMAGED && *ret)
        node_store_damaged(dir);
    else
        (void)fprintf(stderr, "todoke: %s: cannot be opened: %s\n", dir, direct_text(e));
    if (e == ERR_DAMAGED && !*ret)
        direct_damage(dir);
    return e;
}
