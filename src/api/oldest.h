#pragma once
/* The oldest events that wait and could be sent; their age shows how far behind the node is. */
#include "store/directory.h"

struct oldest {
    int64_t pending_id, retrying_id; /* 0: none; an event's id contains its acceptance time */
};

/* Queries the store for every channel with a backlog; runs on a thread of the store. */
enum err oldest_find(struct directory *d, struct backend *b, struct oldest *ret) MUST_CHECK;
/* How long ago the event was accepted, in milliseconds; 0 for no event. */
int64_t oldest_age_ms(int64_t id, int64_t now_ms);
