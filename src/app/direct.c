#include "app/direct.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/visible.h"
#include "store/files.h"

const char *direct_text(enum err e)
{
    return e == ERR_VERSION ? "written by a newer version of todoke; this is " TODOKE_VERSION
           : e == ERR_BUSY  ? "the store is busy; try again"
           : e == ERR_DAMAGED
               ? "its database todoke.db is damaged. Nothing was changed. Keep a copy of the directory; "
                 "`todoke check` says where it is damaged, and \"A damaged database\" in "
                 "docs/operations.md the ways back: a backup, or `sqlite3 todoke.db .recover`"
           : e == ERR_IO && errno ? strerror(errno)
                                  : err_text(e);
}

int direct_fail(const char *command, const char *dir, enum err e)
{
    (void)visible_complain(command, "%s: %s", dir, direct_text(e));
    return 1;
}

bool direct_refuse(const char *command, const char *dir)
{
    enum files_state state = files_judge(dir);
    if (state != FILES_SOUND)
        (void)fprintf(stderr, "todoke%s%s: %s: %s\n", command ? " " : "", command ? command : "", dir,
                      files_state_text(state));
    return state != FILES_SOUND;
}

int direct_open(const char *command, const char *dir, bool make, struct backend **ret)
{
    char path[4096];
    if (direct_refuse(command, dir))
        return 1;
    int n = snprintf(path, sizeof(path), "%s/todoke.db", dir);
    if (!make && n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) != 0 && errno == ENOENT) {
        (void)visible_complain(command, "%s: no node has kept its data there", dir);
        return 1;
    }
    if (make && mkdir(dir, 0700) && errno != EEXIST)
        return direct_fail(command, dir, ERR_IO);
    enum err e = sqlite_open(ret, dir, STORE_WRITE);
    return e ? direct_fail(command, dir, e) : 0;
}

void direct_time(int64_t ms, char out[static DIRECT_TIME_LEN])
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    out[0] = '-';
    out[1] = '\0';
    if (ms && gmtime_r(&s, &tm))
        (void)strftime(out, DIRECT_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
