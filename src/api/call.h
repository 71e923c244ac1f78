#pragma once
/* Internal to the API: a call is one request, from its route to its answer. */
#include "api/api.h"
#include "api/live.h"
#include "api/query.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/json_write.h"

struct json_t;

struct api {
    struct api_config config;
    struct keys *keys;
    uint64_t open;
    unsigned previews; /* of queries, that run */
    struct live live;
};

struct route;

struct call {
    struct api *api;
    struct server_request *req;
    const struct route *route;
    struct span params[2]; /* the {id}s of the path, decoded, in the arena */
    struct arena arena;    /* memory of the call, freed with it */
    struct store_call store;
    /*
     * The caller: a key's role, or a session's account (in the arena, with its cookie); neither on routes
     * that are open to anybody.
     */
    enum role role;
    char hint[9]; /* the first characters of the key */
    const struct account *account;
    const struct session *session;
    struct span cookie;
    struct channel_ref *bearer; /* the channel of the caller's access token; only on TOKEN routes */
    enum grant grant;           /* role on the provider or channel of params[0], if the route requires one */
    void (*serve)(struct call *c);               /* runs once the caller is known */
    int status;                                  /* for call_done(): status, */
    struct buf out;                              /* body, from call_out(), */
    const char *why;                             /* or refusal, from call_stop() */
    void (*again)(struct call *c, bool allowed); /* gate_again(): callback and its state */
    void *looked;
    void *state; /* the handler's, in the arena */
};

static inline void call_count(struct api *a, int status)
{
    (void)atomic_fetch_add_explicit(&a->config.answers->answers[status / 100 % 6], 1, memory_order_relaxed);
}

/* An operator's key, or the session of an operator. */
bool call_is_operator(const struct call *c);
/* The account to which the lists of the caller are limited; 0: an operator, who sees everything. */
int64_t call_sees(const struct call *c);
/* The client's address without the port; behind a proxy: the address that the proxy names. */
#define CALL_PEER_LEN 64u
void call_peer(const struct call *c, char out[static CALL_PEER_LEN]);
bool call_is_secure(const struct call *c); /* by https, ours or the proxy's */

/*
 * Writes a line of the audit log, in the transaction of the change that it records; caller, address and time
 * are the call's. target: such as "channel/2000000001"; channel_id 0: the line is not about a channel;
 * details: a JSON object without secrets, or empty.
 */
enum err call_audit(struct call *c, struct backend *b, const char *action, const char *target,
                    int64_t channel_id, struct span details) MUST_CHECK;
/* The same on behalf of an account that has just authenticated. */
enum err call_audit_as(struct call *c, struct backend *b, const struct account *who, const char *action,
                       const char *target, int64_t channel_id, struct span details) MUST_CHECK;

/* Frees the call, not its request. */
void call_drop(struct call *c);

/* Answers end the call: it is freed. */
void call_answer(struct call *c, int status, const char *type, struct span body);
void call_json(struct call *c, int status, struct buf *body); /* takes over body */
/* The same with exactly these headers. */
void call_answer_with(struct call *c, int status, const struct server_header_out *headers, size_t count,
                      struct span body);
/* The same with one more header. */
void call_json_with(struct call *c, int status, struct buf *body, const char *header, const char *value);
/*
 * An answer in pieces; the call lives until call_stream_end(). on_gone: the client has disconnected;
 * call_stream_end() must still be called. Beginning and writing may call on_gone before they return.
 * call_stream_write(): as server_respond_write().
 */
void call_stream_begin(struct call *c, const char *type, void (*on_gone)(void *arg), void *arg);
/* The same with exactly these headers; on_drain: after ERR_BUSY, there is room to write again. */
void call_stream_open(struct call *c, const struct server_header_out *headers, size_t count,
                      void (*on_drain)(void *arg), void (*on_gone)(void *arg), void *arg);
enum err call_stream_write(struct call *c, struct span piece) MUST_CHECK;
void call_stream_end(struct call *c, bool complete);
/* Answers with the finished JSON and takes over its buf; 503 if writing it ran out of memory. */
void call_finish(struct call *c, int status, struct json_write *w);
/* {"message":…} */
void call_refuse(struct call *c, int status, const char *message);
/* {"message":…,"details":[{"message":…,"property":…}]}, status 400 */
void call_invalid(struct call *c, const char *property, const char *message);
/* Answers a failure of the store or of memory: 404, 409, 503 with Retry-After, … */
void call_failed(struct call *c, enum err e);
/* call_refuse() with Retry-After, in seconds. */
void call_retry(struct call *c, int status, const char *message, unsigned after_s);

/* Hands the call to the store; done answers it. run and done find the call with call_of(). */
void call_write(struct call *c, enum err (*run)(struct store_call *s, struct backend *b),
                void (*committed)(struct store_call *s), void (*done)(struct store_call *s));
void call_read(struct call *c, enum err (*run)(struct store_call *s, struct backend *b),
               void (*done)(struct store_call *s));
struct call *call_of(struct store_call *s);

/*
 * For handlers whose run writes the answer. call_out(), in the run, returns an emptied buf, because a run may
 * be repeated. call_done(), as done, answers that buf with c->status (204: without a body),
 * or the reason that the run stopped with.
 */
struct buf *call_out(struct call *c);
/*
 * In a run: sets the refusal to answer. ERR_DENIED 403, ERR_NOT_FOUND 404, ERR_CONFLICT 409, ERR_LIMIT 429
 * with a Retry-After up to the end of the day (UTC). Returns e.
 */
enum err call_stop(struct call *c, enum err e, const char *why) MUST_CHECK;
void call_done(struct store_call *s);
/* Answers the error of a run, as call_done() does. */
void call_stopped(struct call *c, enum err e);

/* Looks up the channel access token in text, sets c->bearer and continues with c->serve; answers 401 if the
 * token is invalid. */
void call_token(struct call *c, struct span text);

/*
 * Allocates zeroed state for the handler. NULL: already answered with 503 and c is freed, so do not assign
 * the result directly to a member of c.
 */
void *call_state(struct call *c, size_t size) MUST_CHECK;

/* A reference to the channel of params[0]; NULL: already answered with 404. */
struct channel_ref *call_channel(struct call *c) MUST_CHECK;

/* Accepts events in the publisher's format, and answers. key: an Idempotency-Key, or empty; body is only read
 * before this returns. */
void call_publish(struct call *c, struct channel_ref *ref, struct span key, struct span body);

/* The body as a JSON object, for json_decref(); NULL: already answered with 400. */
struct json_t *call_object(struct call *c) MUST_CHECK;

int64_t call_now(const struct call *c);               /* wall clock, ms */
void call_write_id(struct json_write *w, int64_t id); /* as a string, in decimal */
/* "2026-11-22T05:38:20.031Z" */
void call_write_time(struct json_write *w, int64_t ms);
/* Parses an {id}; 0: not a valid id. */
int64_t call_channel_id(struct span text);

#define ROUTE(method, path, who, body, handler) void handler(struct call *c);
#include "api/route.def"
#undef ROUTE
