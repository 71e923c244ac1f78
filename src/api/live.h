#pragma once
/*
 * Server-sent events (the HTML standard, 9.2): a stream sends its state when it has changed, at most once a
 * second, and a comment every 15 seconds otherwise. Every message is the whole state, so nothing is kept for
 * a client that reconnects.
 *
 * A stream costs a connection and a check a second, so the number of streams is limited. A stream ends when
 * its client does not read, its caller loses access, its channel is deleted, or the node shuts down.
 */
#include "api/oldest.h"
#include "base/list.h"
#include "store/store.h"

#define LIVE_MAX 250u       /* streams of a loop */
#define LIVE_CALLER_MAX 12u /* of one key or session on a loop: browsers leave tabs open */

struct api;
struct call;
struct json_write;

/* What a stream shows. */
struct live_source {
    const char *event; /* the name of its events */
    bool oldest;       /* it shows live.oldest */
    /* Writes one JSON value. ERR_NOT_FOUND: the object shown was deleted, and the stream ends; ERR_NOMEM,
     * ERR_LIMIT. */
    enum err (*write)(struct json_write *w, struct call *c, int64_t id);
    /*
     * Instead of write, for what only the store knows: the same on the store's reading thread. *last: what
     * is shown changes no more, and the stream ends after it.
     */
    enum err (*read)(struct json_write *w, struct call *c, struct backend *b, int64_t id, bool *last);
};

/* Answers c with a stream; id: the object that source shows, passed to its write. */
void live_begin(struct call *c, const struct live_source *source, int64_t id);

/* The streams of one loop. */
struct live {
    struct list streams;
    unsigned count, watching; /* streams; how many of them show the oldest events */
    bool walking;             /* during an iteration clients that leave are only marked */
    /* Reads the age of the backlog from the store every few seconds while a stream shows it. */
    struct store_call call;
    struct api *api;
    struct oldest oldest, found;
    bool asking;
    unsigned ask_in;
};

void live_init(struct live *l);
void live_tick(struct api *a); /* about once a second */
void live_end_all(struct api *a);
