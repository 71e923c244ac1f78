#pragma once
/* Inside of the API: one request from its route to its answer. */
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
    struct live live;
};

struct route;

struct call {
    struct api *api;
    struct server_request *req;
    const struct route *route;
    struct span params[2]; /* the {id}s of the path, decoded, in the arena */
    struct arena arena;    /* all that the answer needs */
    struct store_call store;
    /* Who calls: a key's role, or an account by its session (in the arena, with its cookie); neither: nobody
     * has to be known. */
    enum role role;
    char hint[9]; /* the first characters of the key */
    const struct account *account;
    const struct session *session;
    struct span cookie;
    struct channel_ref
        *bearer;      /* the channel whose access token the caller bears; on routes for TOKEN only */
    enum grant grant; /* on the provider or channel of params[0], where the route asks for one */
    void (*serve)(struct call *c);               /* once it is known who calls */
    int status;                                  /* what call_done() answers with, */
    struct buf out;                              /* and what call_out() began, */
    const char *why;                             /* or why not: call_stop() */
    void (*again)(struct call *c, bool allowed); /* of gate_again(), with where it looks */
    void *looked;
    void *state; /* the handler's, in the arena */
};

static inline void call_count(struct api *a, int status)
{
    (void)atomic_fetch_add_explicit(&a->config.answers->answers[status / 100 % 6], 1, memory_order_relaxed);
}

/* An operator's key, or the session of an operator. */
bool call_is_operator(const struct call *c);
/* The account whose rows alone the caller may see; 0: an operator, who sees all. */
int64_t call_sees(const struct call *c);
/* Where the call comes from, without the port; behind a proxy: whom that one names. */
#define CALL_PEER_LEN 64u
void call_peer(const struct call *c, char out[static CALL_PEER_LEN]);
bool call_is_secure(const struct call *c); /* by https, ours or the proxy's */

/*
 * A line of the audit log, in the transaction of what it tells: who, from where and when are the call's.
 * target such as "channel/2000000001"; channel_id 0: not about one; details: a JSON object without anything
 * secret, or empty.
 */
enum err call_audit(struct call *c, struct backend *b, const char *action, const char *target,
                    int64_t channel_id, struct span details) MUST_CHECK;
/* The same in the name of an account that has just shown who it is. */
enum err call_audit_as(struct call *c, struct backend *b, const struct account *who, const char *action,
                       const char *target, int64_t channel_id, struct span details) MUST_CHECK;

/* Frees the call, not its request. */
void call_drop(struct call *c);

/* Answers end the call: it is freed. */
void call_answer(struct call *c, int status, const char *type, struct span body);
void call_json(struct call *c, int status, struct buf *body); /* takes over body */
/* The same with headers of the caller's alone. */
void call_answer_with(struct call *c, int status, const struct server_header_out *headers, size_t count,
                      struct span body);
/* The same with one more header. */
void call_json_with(struct call *c, int status, struct buf *body, const char *header, const char *value);
/*
 * An answer in pieces; the call lives until call_stream_end(). on_gone: the client has left, the end is still
 * due; it may come from inside the two before the end. call_stream_write(): as server_respond_write().
 */
void call_stream_begin(struct call *c, const char *type, void (*on_gone)(void *arg), void *arg);
/* The same with headers of the caller's alone; on_drain: there is room again after ERR_BUSY. */
void call_stream_open(struct call *c, const struct server_header_out *headers, size_t count,
                      void (*on_drain)(void *arg), void (*on_gone)(void *arg), void *arg);
enum err call_stream_write(struct call *c, struct span piece) MUST_CHECK;
void call_stream_end(struct call *c, bool complete);
/* What was written, once it is whole: takes over its buf. 503 when it could not be. */
void call_finish(struct call *c, int status, struct json_write *w);
/* {"message":…} */
void call_refuse(struct call *c, int status, const char *message);
/* {"message":…,"details":[{"message":…,"property":…}]}, status 400 */
void call_invalid(struct call *c, const char *property, const char *message);
/* What a failure of the store or of memory means to the caller: 404, 409, 503 with Retry-After, … */
void call_failed(struct call *c, enum err e);
/* The same with Retry-After, in seconds. */
void call_retry(struct call *c, int status, const char *message, unsigned after_s);

/* Hands the call to the store; done answers it. run and done find the call with call_of(). */
void call_write(struct call *c, enum err (*run)(struct store_call *s, struct backend *b),
                void (*committed)(struct store_call *s), void (*done)(struct store_call *s));
void call_read(struct call *c, enum err (*run)(struct store_call *s, struct backend *b),
               void (*done)(struct store_call *s));
struct call *call_of(struct store_call *s);

/*
 * For handlers that answer what their run wrote: call_out() in the run gives an empty buf (a run may be the
 * second one); call_done() as done answers it with c->status, or 204 without it, or what the run stopped for.
 */
struct buf *call_out(struct call *c);
/* In a run: what the caller is told. ERR_DENIED 403, ERR_NOT_FOUND 404, ERR_CONFLICT 409, ERR_LIMIT 429 until
 * the day (UTC) is over. Returns e. */
enum err call_stop(struct call *c, enum err e, const char *why) MUST_CHECK;
void call_done(struct store_call *s);
/* Answers an error that a run ended with, as call_done() does. */
void call_stopped(struct call *c, enum err e);

/* Goes on with c->serve once c->bearer is known; text that is no valid channel access token is refused with
 * 401. */
void call_token(struct call *c, struct span text);

/* A zeroed state of the handler's; NULL: answered with 503 already, and c is gone: its result never goes
 * straight into c or its arena. */
void *call_state(struct call *c, size_t size) MUST_CHECK;

/* The channel of params[0], a reference; NULL: answered with 404 already. */
struct channel_ref *call_channel(struct call *c) MUST_CHECK;

/* Takes in events as a publisher posts them, and answers. key: an Idempotency-Key, or empty; body is read
 * during the call only. */
void call_publish(struct call *c, struct channel_ref *ref, struct span key, struct span body);

/* The body as a JSON object; NULL: answered with 400 already. json_decref() it. */
struct json_t *call_object(struct call *c) MUST_CHECK;

int64_t call_now(const struct call *c);               /* wall clock, ms */
void call_write_id(struct json_write *w, int64_t id); /* as a string, in decimal */
/* "2026-11-22T05:38:20.031Z" */
void call_write_time(struct json_write *w, int64_t ms);
/* An {id} that is a channel's; 0: it is none. */
int64_t call_channel_id(struct span text);

#define ROUTE(method, path, who, body, handler) void handler(struct call *c);
#include "api/route.def"
#undef ROUTE
