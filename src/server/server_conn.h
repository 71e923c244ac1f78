#pragma once
/*
 * One connection: its descriptor, phase and buffers. The phases are a table in server_conn.c; server_h1.c and
 * server_h2.c process the bytes for each protocol.
 */
#include "net/transport.h"
#include "server/server_core.h"
#include "server/server_h2.h"

enum conn_phase {
    CONN_HANDSHAKE, /* TLS */
    CONN_HEAD,      /* HTTP/1: receiving the first bytes of a request, or none yet on a new connection */
    CONN_IDLE,      /* HTTP/1: between requests */
    CONN_BODY,      /* HTTP/1 */
    CONN_BUSY,      /* HTTP/1: the handler has the request, or its response is being sent */
    CONN_H2,
    CONN_LINGER, /* all is sent; further input is dropped, so that no RST overtakes the last response */
    CONN_CLOSED,
};

struct server_conn {
    struct list link;             /* server.conns */
    struct list dirty;            /* server.dirty */
    struct list stranger;         /* door_address.strangers */
    struct door_address *address; /* while it is a stranger's */
    uint64_t turn, came_us;       /* number of its turn, and when it was accepted or heard */
    bool known;                   /* a regular's */
    struct deadline deadline;
    struct server *server;
    uv_poll_t poll;
    struct transport t;
    struct buf in, out;
    uint8_t phase;         /* enum conn_phase */
    int watching;          /* uv events in use; 0: stopped */
    bool running;          /* inside the input loop: responses are written when it ends */
    bool read_closed;      /* FIN */
    bool doomed;           /* to be closed once no caller on the stack uses it */
    bool close_after_out;  /* linger once out is empty */
    bool handshake_writes; /* TLS waits until the socket is writable */
    bool h2_over;          /* the session takes no more input */
    bool deaf;             /* urgent data arrived while not reading: events are off until the answer */
    bool used;             /* a request was read before this one */
    bool held;             /* input that no poll reports again waits until out is shorter */
    size_t written;        /* since the write deadline was armed */
    size_t lingered;
    size_t queued;              /* HTTP/2: bytes of answers not framed yet */
    unsigned put_off;           /* HTTP/2: requests that wait until `queued` shrinks */
    uint64_t taken_us;          /* HTTP/2: when the peer last accepted bytes of an answer */
    struct list requests;       /* requests being read, waiting or being answered */
    struct server_request *req; /* HTTP/1: the current one of them, if any */
    struct h1 h1;
    struct h2 *h2;
    struct h2_host h2_host;
    union address peer;
};

/* Reads now what a poll would report later. */
void server_conn_hear_out(struct server_conn *c);
/* Whether the handler owes an answer to one of its requests. */
bool server_conn_owes(const struct server_conn *c);

/* Takes over fd even on failure. */
void server_conn_open(struct server *s, int fd, const struct sockaddr *peer);
void server_conn_timeout(struct server_conn *c);
/* Schedules for the end of this turn: write HTTP/2 output, read pending input. */
void server_conn_dirty(struct server_conn *c);
void server_conn_run(struct server_conn *c); /* runs what was scheduled */
void server_conn_drain(struct server_conn *c, bool last);
/*
 * Closes without an answer; at once, or at the end of the input loop it is called from. Requests are aborted.
 */
void server_conn_close(struct server_conn *c);

/* Shared between the server_conn*.c files. */
static inline bool server_conn_is_h1(const struct server_conn *c)
{
    return c->phase == CONN_HEAD || c->phase == CONN_IDLE || c->phase == CONN_BODY || c->phase == CONN_BUSY;
}
void server_conn_doom(struct server_conn *c); /* to be closed at the end of this turn */
void server_conn_drop(struct server_conn *c, struct server_request *r); /* its client is gone */
void server_conn_h1_run(struct server_conn *c); /* parses requests in the input buffer, as far as they go */
void server_conn_h1_refuse(struct server_conn *c, struct server_refusal refusal);
void server_conn_h2_begin(struct server_conn *c);
void server_conn_h2_take(struct server_conn *c, const char *p, size_t len);
void server_conn_h2_run(
    struct server_conn *c); /* writes the session's output as long as the socket accepts it */
void server_conn_h2_go_on(struct server_conn *c, struct server_request *r); /* r is no longer held */
/* The sink of r takes what has arrived, and what arrives from now on. */
void server_conn_h2_sink(struct server_conn *c, struct server_request *r);
/* its client does not read the answer */
void server_conn_h2_unread(struct server_conn *c, struct server_request *r);
void server_conn_h2_end(struct server_conn *c); /* GOAWAY, then close at the end of this turn */

/* HTTP/1 responses: bytes were added to out. */
void server_conn_flush(struct server_conn *c);
/* The response of c->req is complete in out, or cut off; frees c->req. */
void server_conn_answered(struct server_conn *c);
