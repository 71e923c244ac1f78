#pragma once
/*
 * One connection: its descriptor, its phase, its buffers. The phases are a table in server_conn.c; what a
 * protocol does with the bytes is in server_h1.c and server_h2.c.
 */
#include "net/transport.h"
#include "server/server_core.h"
#include "server/server_h2.h"

enum conn_phase {
    CONN_HANDSHAKE, /* TLS */
    CONN_HEAD,      /* HTTP/1: the first bytes of a request, or none yet on a new connection */
    CONN_IDLE,      /* HTTP/1: between requests */
    CONN_BODY,      /* HTTP/1 */
    CONN_BUSY,      /* HTTP/1: the handler has the request, or its response is on the way */
    CONN_H2,
    CONN_LINGER, /* all is said; what still comes is dropped, so that no RST overtakes our last words */
    CONN_CLOSED,
};

struct server_conn {
    struct list link;             /* server.conns */
    struct list dirty;            /* server.dirty */
    struct list stranger;         /* door_address.strangers */
    struct door_address *address; /* while it is a stranger's */
    uint64_t turn, came_us;       /* the number of its turn, and when it came or was heard */
    bool known;                   /* a regular's */
    struct deadline deadline;
    struct server *server;
    uv_poll_t poll;
    struct transport t;
    struct buf in, out;
    uint8_t phase;         /* enum conn_phase */
    int watching;          /* uv events asked for; 0: stopped */
    bool running;          /* inside the input loop: responses wait for its end to be written */
    bool read_closed;      /* FIN */
    bool doomed;           /* to be closed once nobody below us on the stack uses it */
    bool close_after_out;  /* linger once out is empty */
    bool handshake_writes; /* TLS waits for room to write */
    bool h2_over;          /* the session takes no more input */
    bool deaf;             /* urgent data came while we were not reading: events are off until the answer */
    bool used;             /* a request was read: not the first one */
    bool held;             /* input that no poll tells of again waits until out is shorter */
    size_t written;        /* since the write deadline was armed */
    size_t lingered;
    size_t queued;              /* HTTP/2: bytes of answers that are not framed yet */
    unsigned put_off;           /* HTTP/2: requests that wait for those to become less */
    uint64_t taken_us;          /* HTTP/2: when the peer last took something of an answer */
    struct list requests;       /* read, waiting or being answered */
    struct server_request *req; /* HTTP/1: the one of them, if any */
    struct h1 h1;
    struct h2 *h2;
    struct h2_host h2_host;
    union address peer;
};

/* Reads now what a poll would tell of later. */
void server_conn_hear_out(struct server_conn *c);
/* The handler has a request of it and owes the answer. */
bool server_conn_owes(const struct server_conn *c);

/* fd is taken over in any case. */
void server_conn_open(struct server *s, int fd, const struct sockaddr *peer);
void server_conn_timeout(struct server_conn *c);
/* Later in this turn: write what HTTP/2 has, read what waits. */
void server_conn_dirty(struct server_conn *c);
void server_conn_run(struct server_conn *c); /* what was put off */
void server_conn_drain(struct server_conn *c, bool last);
/* Without a word; at once, or at the end of the input loop it is called from. Requests are aborted. */
void server_conn_close(struct server_conn *c);

/* Between these files. */
static inline bool server_conn_is_h1(const struct server_conn *c)
{
    return c->phase == CONN_HEAD || c->phase == CONN_IDLE || c->phase == CONN_BODY || c->phase == CONN_BUSY;
}
void server_conn_doom(struct server_conn *c); /* to be closed at the end of this turn */
void server_conn_drop(struct server_conn *c, struct server_request *r); /* its client is gone */
void server_conn_h1_run(struct server_conn *c); /* reads requests out of in, as far as they go */
void server_conn_h1_refuse(struct server_conn *c, struct server_refusal refusal);
void server_conn_h2_begin(struct server_conn *c);
void server_conn_h2_take(struct server_conn *c, const char *p, size_t len);
void server_conn_h2_run(
    struct server_conn *c); /* writes what the session has, as long as the socket takes it */
void server_conn_h2_go_on(struct server_conn *c, struct server_request *r);  /* r is held no longer */
void server_conn_h2_unread(struct server_conn *c, struct server_request *r); /* its answer is not taken */
void server_conn_h2_end(struct server_conn *c); /* GOAWAY, then close: later in this turn */

/* HTTP/1 responses: bytes have been added to out. */
void server_conn_flush(struct server_conn *c);
/* The response of c->req is complete in out (or broken off); frees it. */
void server_conn_answered(struct server_conn *c);
