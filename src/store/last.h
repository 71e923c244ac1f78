#pragma once
/*
 * The number of the last commit, in a file beside the database (DIR/todoke.db-last): written after each
 * commit and before its answers, but not synced. So after a crash it may be behind the database, which says
 * nothing; where it is ahead, commits are missing: the log was deleted, or the database is an older one.
 *
 * In a second line: the generation of the database at least, without its log (head.h).
 */
#include <stdint.h>

#include "base/err.h"

struct last {
    int fd; /* -1: it cannot be written, and nothing will be known of missing commits */
    char path[4096];
    char at[32]; /* when it was written before it was opened: about the time of that commit */
    uint32_t puts;
};

/* *ret: what stands there, 0: nothing. A file that cannot be written is no failure: it is in the log. */
void last_open(struct last *l, const char *dir, int64_t *ret);
void last_close(struct last *l);
void last_put(struct last *l, int64_t number, uint32_t base);
/* Once a second is enough: where it was deleted, it is made again. */
void last_look(struct last *l, int64_t number, uint32_t base);
/* The second line of dir's; 0: there is none. */
uint32_t last_base(const char *dir);
