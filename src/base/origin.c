#include "base/origin.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/*
 * Two places may hash to the same slot. The second is then counted instead of logged, and a later line shows
 * the count.
 */
#define SLOTS 64
static _Atomic int64_t logged_ms[SLOTS];
static atomic_ulong left_out;

enum err origin_log(enum err e, const char *file, int line)
{
    int number = errno;
    int64_t now = (int64_t)(clock_system.mono_us(NULL) / 1000);
    _Atomic int64_t *last = &logged_ms[((uintptr_t)file / 16 + (unsigned)line) % SLOTS];
    int64_t before = atomic_load(last);
    if ((before && now - before < 1000) || !atomic_compare_exchange_strong(last, &before, now)) {
        atomic_fetch_add(&left_out, 1);
        return e;
    }
    /* the build may compile from another folder: __FILE__ then has a prefix */
    const char *src = strstr(file, "src/");
    if (src)
        file = src;
    unsigned long more = atomic_exchange(&left_out, 0);
    bool system = e == ERR_FULL || e == ERR_IO;
    struct log_field fields[5] = {log_str("file", file), log_int("line", line)};
    size_t n = 2;
    if (system)
        fields[n++] = log_errno("errno", number);
    if (more)
        fields[n++] = log_uint("not_logged", more);
    fields[n].key = NULL;
    char module[24] = "todoke"; /* replaced by the folder below src, if there is one */
    if (src)
        (void)snprintf(module, sizeof(module), "%.*s", (int)strcspn(src + 4, "/"), src + 4);
    if (log_on(LOG_LEVEL_ERROR, module))
        log_write(LOG_LEVEL_ERROR, module, err_text(e), fields);
    errno = number;
    return e;
}
