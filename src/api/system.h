#pragma once
/* A node as its operator sees it. */
#include "api/call.h"

/* An object: version, rates, backlog, sessions, store, memory, alarms, advice. */
void system_write(struct json_write *w, const struct api *a, const struct oldest *oldest);
