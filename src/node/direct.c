#include "node/direct.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/visible.h"
#include "store/files.h"

#define LOOK_BYTES (256 << 20) /* how much of the database to check: one or two seconds */
#define LOOK_FOUND 5

const char *direct_text(enum err e)
{
    static const char damaged[] = "its database todoke.db is damaged. Keep a copy of the directory as it is. "
                                  "The ways back: the newest copy "
                                  "that `todoke backup` made, or what sqlite3's .recover or .dump can still "
                                  "read; see \"A damaged database\" "
                                  "in docs/operations.md";
    return e == ERR_VERSION       ? "written by a newer version of todoke; this is " TODOKE_VERSION
           : e == ERR_BUSY        ? "the store is busy; try again"
           : e == ERR_DAMAGED     ? damaged
           : e == ERR_IO && errno ? strerror(errno)
                                  : err_text(e);
}

int direct_fail(const char *command, const char *dir, enum err e)
{
    (void)visible_complain(command, "%s: %s", dir, direct_text(e));
    if (e == ERR_DAMAGED)
        direct_damage(dir);
    return 1;
}

void direct_print(FILE *to, const char *before, const char *text)
{
    (void)fputs(before, to);
    for (const char *p = text; *p; p++)
        if (*p == '\n')
            (void)fprintf(to, "\n%s", before);
        else
            (void)fputc((unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p, to);
    (void)fputc('\n', to);
}

static void print_found(void *arg, const char *text)
{
    (void)arg;
    direct_print(stderr, "  ", text);
}

static uint64_t number_at(const uint8_t *p, size_t len)
{
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++)
        n = n << 8 | p[i];
    return n;
}

/* Checks the database header: sqlite.org/fileformat2.html, 1.3. */
void direct_damage(const char *dir)
{
    char path[4096];
    uint8_t head[32] = {0};
    struct stat st;
    int n = snprintf(path, sizeof(path), "%s/todoke.db", dir);
    FILE *in = n > 0 && (size_t)n < sizeof(path) && stat(path, &st) == 0 ? fopen(path, "re") : NULL;
    if (!in)
        return;
    size_t got = fread(head, 1, sizeof(head), in);
    (void)fclose(in);
    uint64_t page = number_at(head + 16, 2), bytes = (page == 1 ? 65536 : page) * number_at(head + 28, 4);
    if (got < sizeof(head) || memcmp(head, "SQLite format 3", 16) != 0)
        (void)fprintf(stderr, "  %s: the head of the file is not that of a database\n", path);
    else if (bytes > (uint64_t)st.st_size)
        (void)fprintf(stderr, "  %s: it was cut: %lld of %llu bytes are left\n", path, (long long)st.st_size,
                      (unsigned long long)bytes);
    if (st.st_size > LOOK_BYTES)
        (void)fprintf(stderr, "  `todoke check --data %s` says where\n", dir);
    else if (sqlite_integrity_all(dir, LOOK_FOUND, print_found, NULL))
        return; /* print_found() has reported it */
}

bool direct_refuse(const char *command, const char *dir)
{
    enum files_state state = files_judge(dir);
    if (state != FILES_SOUND)
        (void)fprintf(stderr, "todoke%s%s: %s: %s\n", command ? " " : "", command ? command : "", dir,
                      files_state_text(state));
    return state != FILES_SOUND;
}

bool direct_missing(const char *command, const char *dir)
{
    char path[4096];
    if (direct_refuse(command, dir))
        return true;
    int n = snprintf(path, sizeof(path), "%s/todoke.db", dir);
    bool missing = n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) != 0 && errno == ENOENT;
    if (missing)
        (void)visible_complain(command, "%s: no node has kept its data there", dir);
    return missing;
}

/* Whether a node of an older version runs on dir: it must not meet a schema that it does not know. */
static bool is_older_node(const char *dir)
{
    int64_t schema, newest;
    return files_holder(dir) && !sqlite_version(dir, &schema, &newest) && schema < newest;
}

int direct_open(const char *command, const char *dir, bool make, struct backend **ret)
{
    if (make ? direct_refuse(command, dir) : direct_missing(command, dir))
        return 1;
    if (make && mkdir(dir, 0700) && errno != EEXIST)
        return direct_fail(command, dir, ERR_IO);
    if (is_older_node(dir)) {
        (void)visible_complain(command,
                               "%s: a node of an older todoke is running on it; restart it with this version "
                               "first. Nothing was changed",
                               dir);
        return 1;
    }
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
