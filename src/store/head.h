#pragma once
/*
 * The head of todoke.db as it lies on the disk, without its log: which state of the database that is.
 *
 * While a node runs, only a checkpoint writes to the database; what else changes the head has written over
 * it (cp, restored in place). Its change counter and its number of pages may be the same in two states, so
 * the node counts in it how often the log began anew: the generation, in the field that SQLite leaves to
 * programs (PRAGMA application_id), from a number on that chance has chosen, so that no two nodes'
 * databases are taken for each other. 0: none was counted yet. Layout: sqlite.org/fileformat2.html, 1.3
 */
#include <stdbool.h>
#include <stdint.h>

struct head {
    bool sound; /* it is that of a database */
    uint32_t page, counter, pages, generation, counted, writer;
};

/* Of an open database. */
void head_read(int fd, struct head *ret);
bool head_same(const struct head *a, const struct head *b);
/* Whether b may be what a checkpoint has made of a: neither count goes back. */
bool head_follows(const struct head *a, const struct head *b);

/* How long the database is by its own word. */
uint64_t head_bytes(const struct head *h);

/*
 * Whether dir/todoke.db is a state that the log beside it does not belong to: SQLite would put the one over
 * the other, and make a damaged database of both. least: the generation that the database has at least, 0:
 * not known.
 */
bool head_is_foreign(const char *dir, uint32_t least);
