#pragma once
/*
 * The directory a backup is made in. An interruption at any moment leaves either the whole backup or nothing
 * that a node would start on:
 *
 *     TO.unfinished with a mark ─► copy, sync each file ─► delete the mark ─► rename to TO ─► sync the parent
 */
#include <stdbool.h>

#define BACKUP_PLACE_PATH 4096u

struct backup_place {
    char to[BACKUP_PLACE_PATH], made[BACKUP_PLACE_PATH], parent[BACKUP_PLACE_PATH]; /* made: TO.unfinished */
    int directory; /* descriptor of TO.unfinished; locked as long as this process lives */
};

/* Creates TO.unfinished and removes what an interrupted backup left there; fails if TO exists. False: errno
 * says why, or is 0 if the error was printed. */
bool backup_place_begin(struct backup_place *p, const char *to);
/* Renames TO.unfinished to TO. False: errno says why, and TO.unfinished was removed. */
bool backup_place_end(struct backup_place *p);
/* Removes TO.unfinished. */
void backup_place_abandon(struct backup_place *p);
