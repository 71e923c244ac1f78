#pragma once
/* The commands that ask a node over its API: one question at a time, on the same network engine that
 * delivers. */
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "node/arguments.h"

struct client {
    const char *api; /* --api, TODOKE_API, http://127.0.0.1:8080 */
    const char *key; /* --key, TODOKE_KEY */
    const char *ca;  /* --ca */
};

/* How a command ends: a script tells "there is none" from "may not" and from "ask again". docs/operations.md
 * has the table; 10 to 13 are those of `todoke probe`. */
enum client_exit {
    CLIENT_DONE = 0,
    CLIENT_FAILED = 1,      /* a failure of our own: memory, descriptors, an answer that is no node's */
    CLIENT_USAGE = 2,       /* the command line makes no sense; nothing was asked */
    CLIENT_REFUSED = 3,     /* 400 and every other 4xx */
    CLIENT_NOT_FOUND = 4,   /* 404 */
    CLIENT_CONFLICT = 5,    /* 409: the present state forbids it */
    CLIENT_NO_ACCESS = 6,   /* 401, 403 */
    CLIENT_UNREACHABLE = 7, /* no answer at all */
    CLIENT_UNAVAILABLE = 8, /* 429, 5xx: later */
};

#define CLIENT_OPTIONS(c)                                                                                    \
    {                                                                                                        \
        ARGUMENT_OF_TEXT("--api", &(c)->api, "URL", "the node's API [TODOKE_API, http://127.0.0.1:8080]"),   \
            ARGUMENT_OF_TEXT("--key", &(c)->key, "KEY", "a key with the role that is needed [TODOKE_KEY]"),  \
            ARGUMENT_OF_TEXT("--ca", &(c)->ca, "FILE", "certificates (PEM) to trust beside the system's"),   \
            ARGUMENT_END                                                                                     \
    }

/* The options above and the exit statuses. */
void client_help(FILE *to);
/* Fills in what was not given; false: told, exit status CLIENT_USAGE. */
bool client_ready(struct client *c);

/*
 * Asks; on 2xx the answer is in *answer and CLIENT_DONE is returned. Else what went wrong is on stderr and
 * its status is returned. answer must be initialised.
 */
int client_ask(const struct client *c, const char *method, const char *path, struct span body,
               struct buf *answer);

/* Says that the answer makes no sense; the exit status. */
int client_strange(void);
