#pragma once
/* The API client of the commands: one request at a time, on the network engine that delivers webhooks. */
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "node/arguments.h"

struct client {
    const char *api; /* --api, TODOKE_API, http://127.0.0.1:8080 */
    const char *key; /* --key, TODOKE_KEY */
    const char *ca;  /* --ca */
    bool open;       /* the call needs no key */
    /* Of what is sent; NULL: application/json. */
    const char *type;
};

/* Exit statuses; they let a script tell "not found" from "not allowed" and "try again later".
 * docs/operations.md has the table; 10 to 13 belong to `todoke probe`. */
enum client_exit {
    CLIENT_DONE = 0,
    CLIENT_FAILED = 1,      /* local failure: memory, descriptors, or an answer not from a node */
    CLIENT_USAGE = 2,       /* wrong command line; no request was sent */
    CLIENT_REFUSED = 3,     /* 400 and every other 4xx */
    CLIENT_NOT_FOUND = 4,   /* 404 */
    CLIENT_CONFLICT = 5,    /* 409: the present state forbids it */
    CLIENT_NO_ACCESS = 6,   /* 401, 403 */
    CLIENT_UNREACHABLE = 7, /* no answer at all */
    CLIENT_UNAVAILABLE = 8, /* 429, 5xx: try again later */
};

#define CLIENT_OPTIONS(c)                                                                                    \
    {                                                                                                        \
        ARGUMENT_OF_TEXT("--api", &(c)->api, "URL", "the node's API [TODOKE_API, http://127.0.0.1:8080]"),   \
            ARGUMENT_OF_TEXT("--key", &(c)->key, "KEY", "an API key whose role allows it [TODOKE_KEY]"),     \
            ARGUMENT_OF_TEXT("--ca", &(c)->ca, "FILE", "certificates (PEM) to trust beside the system's"),   \
            ARGUMENT_END                                                                                     \
    }

/* Prints the options above and the exit statuses. */
void client_help(FILE *to);
/* Fills in defaults. False: an error was printed; exit with CLIENT_USAGE. */
bool client_ready(struct client *c);

/*
 * Sends a request. On 2xx, stores the body in *answer (initialised by the caller) and returns CLIENT_DONE.
 * Else prints the error to stderr and returns its exit status.
 */
int client_ask(const struct client *c, const char *method, const char *path, struct span body,
               struct buf *answer);

/* Prints the error of an answer with that HTTP status; returns the exit status. */
int client_refused(int http, struct span body);
/*
 * The same with an answer that comes in pieces (text/event-stream): grown is called whenever there is more of
 * it, also of one that is no 2xx.
 */
int client_watch(const struct client *c, const char *method, const char *path, struct span body,
                 struct buf *answer, void (*grown)(void *arg, struct span answer), void *arg);

/* Prints that the answer is malformed; returns the exit status. */
int client_strange(void);
