#include "store/head.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

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

/* The counters wrap around zero. */
static bool is_behind(uint32_t n, uint32_t of)
{
    return (int32_t)(n - of) < 0;
}

/* 0: no generation was counted yet. */
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

/* sqlite.org/fileformat2.html, 4.2; len is a multiple of 8. */
static void add_sum(uint32_t sum[2], const uint8_t *p, size_t len, bool big)
{
    for (size_t i = 0; i < len; i += 8) {
        uint32_t x = number_at(p + i), y = number_at(p + i + 4);
        sum[0] += (big ? x : __builtin_bswap32(x)) + sum[1];
        sum[1] += (big ? y : __builtin_bswap32(y)) + sum[0];
    }
}

static bool sum_is(const uint32_t sum[2], const uint8_t *p)
{
    return sum[0] == number_at(p) && sum[1] == number_at(p + 4);
}

struct log_heads {
    uint32_t frames, count; /* frames SQLite would read, and how many of them are page 1 */
    struct head first, last;
};

/* Stops where SQLite does: at a frame cut short by a crash, or left behind by an older log. */
static void read_log(int fd, struct log_heads *ret)
{
    static const uint32_t page_max = 65536;
    uint8_t log[LOG_HEAD_LEN];
    uint32_t sum[2] = {0};
    *ret = (struct log_heads){0};
    if (pread(fd, log, sizeof(log), 0) != (ssize_t)sizeof(log) || (number_at(log) & ~1u) != 0x377f0682)
        return;
    const bool big = number_at(log) & 1u;
    const uint32_t page = number_at(log + 8);
    add_sum(sum, log, 24, big);
    if (page < 512 || page > page_max || page % 8 || !sum_is(sum, log + 24))
        return;
    const size_t len = FRAME_HEAD_LEN + page;
    AUTO_FREE uint8_t *frame = mem_alloc(len);
    off_t at = LOG_HEAD_LEN;
    for (; frame && pread(fd, frame, len, at) == (ssize_t)len && memcmp(frame + 8, log + 16, 8) == 0;
         at += (off_t)len) {
        add_sum(sum, frame, 8, big);
        add_sum(sum, frame + FRAME_HEAD_LEN, page, big);
        if (!sum_is(sum, frame + 16))
            return;
        ret->frames++;
        if (number_at(frame) != 1)
            continue;
        parse(frame + FRAME_HEAD_LEN, &ret->last);
        if (!ret->count++)
            ret->first = ret->last;
    }
}

static int open_in(const char *dir, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
    return n > 0 && (size_t)n < sizeof(path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/*
 * A log starts once the one before it is entirely in the database. Its writer sets a counter one above the
 * value in the database, or leaves it equal.
 */
static bool log_fits(const struct head *h, struct head first, const struct head *last)
{
    first.counter--;
    first.generation = h->generation ? first.generation - 1 : 0;
    return head_follows(&first, h) && head_follows(h, last);
}

bool head_is_foreign(const char *dir, uint32_t least)
{
    int database = open_in(dir, "todoke.db"), file = open_in(dir, "todoke.db-wal");
    struct log_heads log = {0};
    struct head h = {0};
    if (database >= 0)
        head_read(database, &h); /* a file without a valid head is damaged, which SQLite reports */
    if (file >= 0 && h.sound)
        read_log(file, &log);
    if (database >= 0)
        (void)close(database);
    if (file >= 0)
        (void)close(file);
    /*
     * The first page in the log is the better source: the file beside it may come from another directory, or
     * predate a power failure.
     */
    return log.frames && (log.count ? !log_fits(&h, log.first, &log.last) : is_older(h.generation, least));
}
