#include "app/direct.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/visible.h"

int direct_fail(const char *command, const char *dir, enum err e)
{
    const char *text = e == ERR_VERSION       ? "written by a newer version of todoke"
                       : e == ERR_BUSY        ? "the store is busy; try again"
                       : e == ERR_IO && errno ? strerror(errno)
                                              : err_text(e);
    (void)visible_complain(command, "%s: %s", dir, text);
    return 1;
}

int direct_open(const char *command, const char *dir, bool make, struct backend **ret)
{
    char path[4096];
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
