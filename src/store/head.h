#pragma once
/*
 * The head of todoke.db on disk, without its log: identifies which state of the database the file holds.
 *
 * While a node runs, only checkpoints write to the database; any other change of the head means that the file
 * was overwritten (cp, restored in place). SQLite's change counter and page count may be equal in two states,
 * so the node keeps a third number in the head: the generation, which counts how often the log was restarted.
 * It lives in the field SQLite leaves to programs (PRAGMA application_id) and starts at a random number, so
 * that databases of two nodes differ. 0: not counted yet. Layout: sqlite.org/fileformat2.html, 1.3
 */
#include <stdbool.h>
#include <stdint.h>

struct head {
    bool sound; /* the head is that of a database */
    uint32_t page, counter, pages, generation, counted, writer;
};

/* Reads the head of an open database. */
void head_read(int fd, struct head *ret);
bool head_same(const struct head *a, const struct head *b);
/* Whether a checkpoint may have turned a into b: neither counter goes back. */
bool head_follows(const struct head *a, const struct head *b);

/* The length of the database according to its head. */
uint64_t head_bytes(const struct head *h);

/*
 * Whether dir/todoke.db is a state that the log beside it does not belong to: SQLite would copy the log over
 * it and damage the database. least: minimum generation of the database; 0: unknown.
 */
bool head_is_foreign(const char *dir, uint32_t least);
