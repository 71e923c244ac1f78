#pragma once
/* Opens the data directory of a node, and reports its problems on stderr. */
#include "access/seal.h"
#include "node/settings.h"
#include "store/directory.h"

/* Opens the store with the key of seal, and loads the channels. After a failure the caller closes what was
 * opened. */
enum err node_store_open(struct store **ret, struct directory **ret_directory, struct seal *seal,
                         const struct settings *settings) MUST_CHECK;
/* Reports on stderr that the open store proved to be damaged. */
void node_store_damaged(const char *dir);
