#pragma once
/*
 * A running node: the store, the loops and what they share. Every loop thread has its own server, API,
 * network and courier; they meet in the store, the directory of channels and each other's mailboxes.
 */
#include "node/settings.h"

struct node;

/* Reloads the settings on SIGHUP. False: they are invalid (already reported); the node keeps the old ones. */
typedef bool node_again_fn(void *arg, struct settings *ret);

/* Opens the data directory and listens. On failure a message is on stderr, ERR_… says which. settings outlive
 * the node. */
enum err node_new(struct node **ret, const struct settings *settings, node_again_fn *again,
                  void *arg) MUST_CHECK;
/* "http://127.0.0.1:43121" */
void node_url(const struct node *n, char out[96]);
/* The link by which the first account is made, "http://127.0.0.1:43121/setup#…"; false: there are
 * accounts. */
bool node_setup_link(const struct node *n, char out[192]);
/* Serves until SIGTERM or SIGINT and the drain that follows. ERR_NONE: in order. */
enum err node_run(struct node *n) MUST_CHECK;
void node_free(struct node *n); /* NULL-safe */
