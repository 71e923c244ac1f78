#pragma once
/*
 * The number of the last commit, in a file beside the database (DIR/todoke.db-last): written after each
 * commit and before its answers, but not synced. After a crash it may be behind the database, which means
 * nothing. If it is ahead, commits are missing: the log was deleted, or the database is an older one.
 *
 * The second line holds a minimum generation of the database without its log (head.h).
 */
#include <stdint.h>

#include "base/err.h"

struct last {
    int fd; /* -1: the file cannot be written, and missing commits will not be noticed */
    char path[4096];
    char at[32]; /* time of the last write before it was opened: about the time of that commit */
    uint32_t puts;
};

/* *ret: the number in the file; 0: none. A file that cannot be written is logged, not an error. */
void last_open(struct last *l, const char *dir, int64_t *ret);
void last_close(struct last *l);
void last_put(struct last *l, int64_t number, uint32_t base);
/* Call once a second: creates the file again if it was deleted. */
void last_look(struct last *l, int64_t number, uint32_t base);
/* The second line of the file in dir; 0: none. */
uint32_t last_base(const char *dir);
