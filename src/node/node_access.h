#pragma once
/* What a node needs so that people can log in. */
#include "api/api.h"
#include "node/settings.h"

/* Starts the thread for passwords. setup: the ticket of the setup link, "" where there is an account
 * already. */
enum err node_access_open(struct api_access *a, struct store *store, struct directory *directory,
                          const struct settings *settings, char setup[static TICKET_LEN + 1]) MUST_CHECK;
void node_access_close(struct api_access *a); /* safe on a zeroed struct */
