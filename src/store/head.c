#include "store/head.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEAD_LEN 100u
#define LOG_HEAD_LEN 32u
#define FRAME_HEAD_LEN 24u

static uint32_t number_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void parse(const uint8_t p[static HEAD_LEN], struct head *ret)
{
    uint32_t page = number_at(p + 14) & 0xffff;
    *ret = (struct head){.sound = memcmp(p, "SQLite format 3", 16) == 0,
                         .page = page == 1 ? 65536 : page,
                         .counter = number_at(p + 24),
                         .pages = number_at(p + 28),
                         .generation = number_at(p + 68),
                         .counted = number_at(p + 92),
                         .writer = number_at(p + 96)};
}

void head_read(int fd, struct head *ret)
{
    uint8_t bytes[HEAD_LEN];
    *ret = (struct head){0};
    if (pread(fd, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes))
        parse(bytes, ret);
}

bool head_same(const struct head *a, const struct head *b)
{
    return a->sound == b->sound && a->page == b->page && a->counter == b->counter && a->pages == b->pages &&
           a->generation == b->generation && a->counted == b->counted && a->writer == b->writer;
}

/* They count through zero. */
static bool is_behind(uint32_t n, uint32_t of)
{
    return (int32_t)(n - of) < 0;
}

/* 0: none was counted yet. */
static bool is_older(uint32_t generation, uint32_t than)
{
    return than && (!generation || is_behind(generation, than));
}

bool head_follows(const struct head *a, const struct head *b)
{
    return b->sound && b->page == a->page && !is_behind(b->counter, a->counter) &&
           !is_older(b->generation, a->generation);
}

uint64_t head_bytes(const struct head *h)
{
    return (uint64_t)h->page * h->pages;
}

/* The first page as the log has it: for the first time and for the last. False: it is not in it, or there is no log. */
static bool find_in_log(int fd, struct head *ret_first, struct head *ret_last)
{
    uint8_t log[LOG_HEAD_LEN], frame[FRAME_HEAD_LEN + HEAD_LEN];
    bool any = false;
    if (pread(fd, log, sizeof(log), 0) != (ssize_t)sizeof(log) || (number_at(log) & ~1u) != 0x377f0682)
        return false;
    uint32_t page = number_at(log + 8);
    for (off_t at = LOG_HEAD_LEN;
         pread(fd, frame, sizeof(frame), at) == (ssize_t)sizeof(frame) && memcmp(frame + 8, log + 16, 8) == 0;
         at += (off_t)(FRAME_HEAD_LEN + page)) {
        if (number_at(frame) != 1)
            continue;
        parse(frame + FRAME_HEAD_LEN, ret_last);
        if (!any)
            *ret_first = *ret_last;
        any = true;
    }
    return any;
}

static int open_in(const char *dir, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
    return n > 0 && (size_t)n < sizeof(path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/* The log began when all of the one before stood in the database, and a writer counts one further, or not, than what it read there. */
static bool log_fits(const struct head *h, struct head first, const struct head *last)
{
    first.counter--;
    first.generation = h->generation ? first.generation - 1 : 0;
    return head_follows(&first, h) && head_follows(h, last);
}

bool head_is_foreign(const char *dir, uint32_t least)
{
    int database = open_in(dir, "todoke.db"), log = open_in(dir, "todoke.db-wal");
    struct head h = {0}, first, last;
    bool foreign = false;
    if (database >= 0 && log >= 0 && lseek(log, 0, SEEK_END) > (off_t)LOG_HEAD_LEN) {
        head_read(database, &h); /* one that is none is damaged, which SQLite says */
        foreign = h.sound && (is_older(h.generation, least) ||
                              (find_in_log(log, &first, &last) && !log_fits(&h, first, &last)));
    }
    if (database >= 0)
        (void)close(database);
    if (log >= 0)
        (void)close(log);
    return foreign;
}
