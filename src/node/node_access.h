#pragma once
/* Sets up what logging in needs: accounts, sessions and the password thread. */
#include "api/api.h"
#include "node/settings.h"

/*
 * Starts the password thread. setup: returns the ticket of the setup link, "" if an account exists already.
 */
enum err node_access_open(struct api_access *a, struct store *store, struct directory *directory,
                          const struct settings *settings, char setup[static TICKET_LEN + 1]) MUST_CHECK;
void node_access_close(struct api_access *a); /* safe on a zeroed struct */
