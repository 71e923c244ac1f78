#pragma once
/*
 * Where a backup is made. Cut off at any moment, it leaves nothing that a node would start on, or all of it:
 *
 *     TO.unfinished, with a mark in it ─► what is copied, each file synced ─► the mark goes ─► renamed to TO ─► synced
 */
#include <stdbool.h>

#define BACKUP_PLACE_PATH 4096u

struct backup_place {
    char to[BACKUP_PLACE_PATH], made[BACKUP_PLACE_PATH], parent[BACKUP_PLACE_PATH]; /* made: TO.unfinished */
    int directory; /* of what is being made; locked as long as this process lives */
};

/* Makes TO.unfinished, where nothing may be under TO; what an earlier backup has left there is removed.
 * False: errno, or 0 and it was told. */
bool backup_place_begin(struct backup_place *p, const char *to);
/* What was made becomes TO. False: errno says why; nothing of it is left. */
bool backup_place_end(struct backup_place *p);
/* Nothing of it is left. */
void backup_place_abandon(struct backup_place *p);
