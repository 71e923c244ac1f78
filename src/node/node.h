#pragma once
/*
 * A running node: the store, the loops and their shared state. Every loop thread has its own server, API,
 * network and courier; loops share the store and the directory of channels, and post letters to each other.
 */
#include "node/settings.h"

struct node;

/* Reloads the settings on SIGHUP. False: they are invalid (already reported); the node keeps the old ones. */
typedef bool node_again_fn(void *arg, struct settings *ret);

/* Opens the data directory and listens. On failure prints a message on stderr and returns its ERR_… code.
 * settings must outlive the node. */
enum err node_new(struct node **ret, const struct settings *settings, node_again_fn *again,
                  void *arg) MUST_CHECK;
/* "http://127.0.0.1:43121" */
void node_url(const struct node *n, char out[96]);
/*
 * The link for creating the first account, "http://127.0.0.1:43121/setup#…"; false: accounts exist already.
 */
bool node_setup_link(const struct node *n, char out[192]);
/* Serves until SIGTERM or SIGINT and the shutdown that follows. ERR_NONE: the shutdown was clean. */
enum err node_run(struct node *n) MUST_CHECK;
void node_free(struct node *n); /* NULL-safe */
