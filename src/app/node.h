#pragma once
/*
 * A running node: the store, the loops and what they share. Every loop thread has its own server, API, network and courier; they meet
 * in the store, the directory of channels and each other's mailboxes.
 */
#include "app/settings.h"

struct node;

/* Opens the data directory and listens. On failure a message is on stderr, ERR_… says which. */
enum err node_new(struct node **ret, const struct settings *settings) MUST_CHECK;
/* "http://127.0.0.1:43121" */
void node_url(const struct node *n, char out[96]);
/* Serves until SIGTERM or SIGINT and the drain that follows. ERR_NONE: in order. */
enum err node_run(struct node *n) MUST_CHECK;
void node_free(struct node *n); /* NULL-safe */
