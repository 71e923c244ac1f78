#include "store/last.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define TEXT_LEN 20 /* 19 digits and a line feed: any positive number of 63 bits */
#define LOOK_PUTS 1024u

static void open_file(struct last *l)
{
    l->fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (l->fd < 0)
        log_warn("store", "cannot write the number of the last commit: missing commits would not be noticed",
                 log_str("file", l->path), log_errno("why", errno));
}

/* A line of it. */
static bool parse(const char text[static TEXT_LEN], ssize_t len, int64_t *ret)
{
    int64_t number = 0;
    bool sound = len == TEXT_LEN && text[TEXT_LEN - 1] == '\n';
    for (int i = 0; sound && i < TEXT_LEN - 1; i++) {
        sound = text[i] >= '0' && text[i] <= '9' && number <= (INT64_MAX - 9) / 10;
        number = number * 10 + (text[i] - '0');
    }
    if (sound)
        *ret = number;
    return sound;
}

static void print(char out[static TEXT_LEN], int64_t number)
{
    out[TEXT_LEN - 1] = '\n';
    for (int i = TEXT_LEN - 2; i >= 0; i--, number /= 10)
        out[i] = (char)('0' + number % 10);
}

uint32_t last_base(const char *dir)
{
    char path[4096], text[TEXT_LEN];
    int64_t base = 0;
    int fd = snprintf(path, sizeof(path), "%s/todoke.db-last", dir) < (int)sizeof(path)
                 ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
                 : -1;
    if (fd < 0)
        return 0;
    if (!parse(text, pread(fd, text, sizeof(text), TEXT_LEN), &base) || base > UINT32_MAX)
        base = 0;
    (void)close(fd);
    return (uint32_t)base;
}

void last_open(struct last *l, const char *dir, int64_t *ret)
{
    char text[TEXT_LEN] = "";
    *ret = 0;
    l->puts = 0;
    l->at[0] = '\0';
    l->fd = -1;
    if (snprintf(l->path, sizeof(l->path), "%s/todoke.db-last", dir) >= (int)sizeof(l->path))
        return;
    open_file(l);
    struct stat st;
    struct tm tm;
    if (l->fd >= 0 && fstat(l->fd, &st) == 0 && gmtime_r(&st.st_mtim.tv_sec, &tm))
        (void)strftime(l->at, sizeof(l->at), "%Y-%m-%dT%H:%M:%SZ", &tm);
    ssize_t n = l->fd < 0 ? 0 : pread(l->fd, text, sizeof(text), 0);
    if (!parse(text, n, ret) && n > 0)
        log_warn("store", "cannot read the number of the last commit: missing commits cannot be detected",
                 log_str("file", l->path));
}

void last_close(struct last *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
}

void last_put(struct last *l, int64_t number, uint32_t base)
{
    char text[2 * TEXT_LEN];
    if (l->fd < 0)
        return;
    if (++l->puts % LOOK_PUTS == 0)
        last_look(l, number, base);
    print(text, number);
    print(text + TEXT_LEN, base);
    if (pwrite(l->fd, text, sizeof(text), 0) != (ssize_t)sizeof(text))
        log_debug("store", "cannot write the number of the last commit", log_errno("why", errno));
}

void last_look(struct last *l, int64_t number, uint32_t base)
{
    struct stat st;
    if (l->fd < 0 || (fstat(l->fd, &st) == 0 && st.st_nlink > 0))
        return;
    last_close(l);
    open_file(l);
    last_put(l, number, base);
}
