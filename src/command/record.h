#pragma once
/* What commands change straight in a data directory goes into its audit log too. */
#include "base/json_write.h"
#include "store/backend.h"

/* In the transaction of the change: target such as "key" and id; details: members written by fn, which may be
 * NULL. */
enum err record_change(struct backend *b, const char *action, const char *target, int64_t id,
                       void (*fn)(struct json_write *w, const void *arg), const void *arg) MUST_CHECK;
