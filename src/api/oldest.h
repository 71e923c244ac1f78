#pragma once
/* The oldest events that wait and could be sent: how far behind a node is. */
#include "store/directory.h"

struct oldest {
    int64_t pending_id, retrying_id; /* ids of events hold the time of their acceptance; 0: none */
};

/* On a thread of the store: asks it for every channel with a backlog. */
enum err oldest_find(struct directory *d, struct backend *b, struct oldest *ret) MUST_CHECK;
/* How long ago the event was accepted, in milliseconds; 0 for no event. */
int64_t oldest_age_ms(int64_t id, int64_t now_ms);
