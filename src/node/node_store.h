#pragma once
/* The data directory of a node: what can be wrong with it is told on stderr. */
#include "access/seal.h"
#include "node/settings.h"
#include "store/directory.h"

/* Opens the store under the key of seal, and loads the channels. What was opened before a failure is the
 * caller's to close. */
enum err node_store_open(struct store **ret, struct directory **ret_directory, struct seal *seal,
                         const struct settings *settings) MUST_CHECK;
/* What was opened is damaged after all: told on stderr. */
void node_store_damaged(const char *dir);
