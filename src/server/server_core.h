#pragma once
/*
 * Internals of the server: its state, the waits, the request. There are few kinds of wait, each with one
 * length, so a list per kind is ordered by deadline: arming and disarming cost two pointer swaps, and one
 * timer checks the first of each list.
 */
#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/list.h"
#include "net/address.h"
#include "server/server.h"
#include "server/server_door.h"
#include "server/server_h1.h"
#include "server/server_head.h"

enum wait {
    WAIT_NONE,
    WAIT_HEAD,
    WAIT_BODY,
    WAIT_IDLE, /* of regulars (server_door.h); the next two are for strangers */
    WAIT_STRANGER,
    WAIT_STRANGER_IDLE,
    WAIT_WRITE,
    WAIT_LINGER,
    WAIT_COUNT
};

struct deadline {
    struct list link;
    uint64_t due_us;
    uint8_t wait;    /* enum wait */
    bool of_request; /* inside a server_request; else inside a server_conn */
};

/* Bytes of a queued response above which the sender is told to wait, and below which it may continue. */
#define SERVER_OUT_HIGH (64u * 1024)
#define SERVER_SCRATCH (64u * 1024)
#define SERVER_PROGRESS_MIN 4096u /* bytes that count as progress for the write deadline */
#define SERVER_BLOCK 4096u
#define SERVER_BLOCKS_MAX 512u

/*
 * What a connection reports; the server passes this table. No file calls one of a later stage
 * (tools/stages.txt).
 */
struct server_events {
    /* answer the request with this refusal */
    void (*refuse)(struct server_request *r, const struct server_refusal *refusal);
    void (*gone)(struct server *s);          /* its descriptor is free again */
    void (*handle_closed)(struct server *s); /* one of server.handles */
};

struct server {
    const struct server_events *events;
    uv_loop_t *loop;
    struct server_limits limits;
    struct h1_limits h1_limits;
    struct server_config config; /* strings: NULL, see below */
    const struct clock *clock;
    struct server_tls *tls; /* NULL: clear text */

    int fd;
    uv_poll_t listener;
    uv_timer_t tick;
    uv_timer_t admit;    /* active: no connection is accepted until it ends (server_door.h) */
    uv_prepare_t before; /* both run what was put off to the end of the turn (dirty) */
    uv_check_t after;
    uv_idle_t again;
    unsigned handles;   /* uv handles of the server not closed yet */
    uint64_t resume_us; /* accepting is paused until then; 0: it is not */
    uint64_t drain_us;  /* draining: when the last GOAWAY is due */
    bool draining, drained, closing;

    struct list conns, dirty;
    struct list orphans; /* requests whose client is gone and whose handler has not answered yet */
    struct list spare;   /* request structs for reuse */
    unsigned spare_count;
    struct list waits[WAIT_COUNT];
    struct door door;
    uint32_t strange_requests; /* on strangers' connections */
    size_t strange_bytes;      /* of their bodies, included in stats.buffered */
    struct server_stats stats;

    uint64_t id_seed[2], id_next;
    time_t date_second;
    char date[32];
    char *blocks[SERVER_BLOCKS_MAX];
    unsigned block_count;
    char *scratch; /* SERVER_SCRATCH bytes: for input of HTTP/2 connections and for discarded input */
    void (*closed)(void *arg);
    void *closed_arg;
};

struct server_request {
    struct list link; /* server_conn.requests, server.orphans or server.spare */
    struct deadline deadline;
    struct server *server;    /* NULL once the server is gone */
    struct server_conn *conn; /* NULL once the client is gone */
    int32_t stream;           /* HTTP/2; 0: HTTP/1 */
    const char *base;         /* offsets in head count from here */
    struct buf text; /* HTTP/2: the fields. HTTP/1: the connection's input, once the client is gone */
    struct buf body; /* HTTP/2 */
    struct buf out;  /* HTTP/2: part of the response body not framed yet */
    size_t body_at, body_len; /* HTTP/1: counted from base */
    uint32_t body_max;
    size_t charged; /* bytes counted in stats.buffered */
    size_t sent;    /* HTTP/2: since the write deadline was armed */
    uint64_t stamp; /* of server_vouch() */
    union address peer;
    bool is_tls;
    bool known;       /* vouched for */
    bool strange;     /* counted in server.strange_requests */
    bool held;        /* on_head has not identified the caller yet */
    bool put_off;     /* HTTP/2: complete, dispatched once fewer answer bytes are queued */
    bool dispatched;  /* the handler owes an answer */
    bool answered;    /* the response has begun */
    bool streaming;   /* …in pieces: server_respond_end() must follow */
    bool ended;       /* …and is complete, or cut off */
    bool broken;      /* cut off */
    bool no_body;     /* HEAD, 204, 304 */
    bool chunked;     /* HTTP/1.1 in pieces */
    bool close;       /* HTTP/1: the connection ends with this response */
    bool remote_done; /* HTTP/2: END_STREAM was received */
    bool deferred;    /* HTTP/2: nghttp2 waits for nghttp2_session_resume_data */
    bool want_drain;
    bool sinking;   /* the body goes to sink, */
    bool sink_full; /* which takes no more now, */
    bool sink_over; /* …or has been told the end, or why there is none */
    size_t sunk;    /* bytes since the body's deadline was armed */
    struct server_sink sink;
    struct server_refusal refusal; /* HTTP/2: found while the fields arrive */
    void (*on_abort)(void *arg);
    void *abort_arg;
    void (*on_drain)(void *arg);
    void *drain_arg;
    char id[37];
    struct server_head head; /* last member: cleared up to its table of fields */
};

/* server_core.c */
uint64_t server_now_us(const struct server *s);
uint64_t server_wait_us(const struct server *s, enum wait kind);        /* length of a wait */
void server_wait(struct server *s, struct deadline *d, enum wait kind); /* from now; WAIT_NONE disarms */
const char *server_date(struct server *s); /* IMF-fixdate (29 characters), made once a second */
/* Lends blocks for input and output to a connection while it is busy: an idle one owns none. */
void server_lend(struct server *s, struct buf *b);
void server_give_back(struct server *s, struct buf *b);

/* server_listen.c */
/* Creates or takes over the listening descriptor. ERR_INVALID: not ADDR:PORT; ERR_IO: errno. */
enum err server_listen(struct server *s, const struct server_config *config) MUST_CHECK;

/* server_request.c */
struct server_request *server_request_new(struct server *s, struct server_conn *c,
                                          int32_t stream); /* NULL: no memory */
void server_request_free(struct server_request *r);
/* The client is gone: tells the handler, or frees the request if no answer is owed. */
void server_request_abort(struct server_request *r);
/* The request is answered: releases what was read of it. */
void server_request_spent(struct server_request *r);
bool server_request_owed(const struct server_request *r); /* somebody will answer it or call server_go_on() */
/*
 * Counts len more bytes of r's body. False: over server_limits.buffered_max, or over the share of strangers.
 */
bool server_charge(struct server_request *r, size_t len);
void server_request_head(
    struct server_request *r); /* the head is complete: calls on_head, which may answer and so free r */
void server_request_dispatch(struct server_request *r);
/* Room after too much was queued: tells the sender. */
void server_request_drained(struct server_request *r);
/* Hands a piece of the body to the sink, or tells it the end, which may answer and so free r. */
void server_request_sink(struct server_request *r, struct span piece);
void server_request_sink_end(struct server_request *r);
/* Answers with the refusal, or has the handler answer where the body goes to a sink. */
void server_request_refuse(struct server_request *r, const struct server_refusal *refusal);

/* server_respond.c */
void server_respond_refusal(struct server_request *r, const struct server_refusal *refusal);

/* server_tls.c */
enum err server_tls_new(struct server_tls **ret, const char *cert, const char *key) MUST_CHECK;
void server_tls_free(struct server_tls *t);
enum err server_tls_reload(struct server_tls *t) MUST_CHECK;
SSL_CTX *server_tls_ctx(struct server_tls *t); /* borrowed */
