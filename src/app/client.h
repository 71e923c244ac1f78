#pragma once
/* The commands that talk to a node over its API: one call at a time, on the same network engine that delivers. */
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

struct client {
    const char *api; /* --api, TODOKE_API, http://127.0.0.1:8080 */
    const char *key; /* --key, TODOKE_KEY */
    const char *ca;  /* --ca */
};

#define CLIENT_HELP                                                                                          \
    "\n  --api URL    the node's API [TODOKE_API, http://127.0.0.1:8080]\n"                                  \
    "  --key KEY    a key with the role that is needed [TODOKE_KEY]\n"                                       \
    "  --ca FILE    certificates (PEM) to trust beside the system's\n"

/* Takes one of the options above at argv[*i]: true, and *i moves to its value. ERR_…: *status is set to 2. */
bool client_option(struct client *c, int argc, char **argv, int *i, int *status);
/* Fills in what was not given; false: told, exit status 2. */
bool client_ready(struct client *c);

/*
 * Calls; on 2xx the answer is in *answer and 0 is returned. Else what went wrong is on stderr and the exit status is returned: 2 for what
 * the node refused (4xx), 1 for everything else. answer must be initialised.
 */
int client_call(const struct client *c, const char *method, const char *path, struct span body,
                struct buf *answer);

/* JSON, indented, for people. */
void client_print(FILE *to, struct span json);
/* Text that came from elsewhere: what could command a terminal is written as \uXXXX. lines: line feeds stay. */
void client_text(FILE *to, struct span s, bool lines);
/* Says that the answer makes no sense; the exit status. */
int client_strange(void);
