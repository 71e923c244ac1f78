#pragma once
/* Audit entries for changes that commands make directly in a data directory. */
#include "base/json_write.h"
#include "store/backend.h"

/* Inserts an audit entry in the open transaction of the change. target: such as "key". fn writes members of
 * the details and may be NULL. */
enum err record_change(struct backend *b, const char *action, const char *target, int64_t id,
                       void (*fn)(struct json_write *w, const void *arg), const void *arg) MUST_CHECK;
