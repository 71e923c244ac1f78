#pragma once
/*
 * What the client's files share: the loop's context, origins (the pool), sessions (connections) and
 * exchanges.
 *
 * - exchange.c: one request → one outcome; asks the pool for a session, owns the response clock, gathers
 *   evidence, retries
 * - pool.c: which session serves which exchange; per origin idle HTTP/1 ones, HTTP/2 ones, opening ones,
 *   waiters
 * - session.c: one connection; resolve → connect → tls → session, then requests by HTTP/1 or HTTP/2 until
 *   it closes
 */
#include <openssl/ssl.h>
#include <uv.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "exchange/engine.h"
#include "exchange/exchange.h"
#include "exchange/http1.h"
#include "exchange/http2.h"
#include "net/address.h"
#include "net/dial.h"
#include "net/resolve.h"
#include "net/timer.h"
#include "net/transport.h"

#define SCRATCH_SIZE 65536      /* one read; shared by all sessions of a loop */
#define SESSION_OUT_MAX 2097152 /* output of one session: a body of 1 MiB and the frames around it */
#define IDLE_H1_MS 4000u        /* docs/attribution.md "Transparent retry" */
#define IDLE_H2_MS 30000u
#define RETRIES_MAX 2 /* transparent ones (docs/attribution.md), besides the one by a full handshake */
#define FULL_HANDSHAKES_US 600000000u /* how long an origin that ended a resumption is offered none */
#define ORIGINS_MAX 65536             /* remembered at once */
/* Look-ups that go on behind a connection, each with a socket a resolver. With more the name is only looked
 * up more often. */
#define LOOK_UPS_MAX 256

struct session;
struct opening;
struct origin;

/*
 * What a lower stage has to tell goes through a table of functions that its owner passed. The stages, lowest
 * first: session (with session_serve), pool, exchange, engine. None calls a later one by name
 * (tools/stages.txt).
 */
struct session_events {                                 /* pool.c's */
    void (*phase)(struct session *s, enum phase phase); /* begins, while opening */
    void (*ready)(struct session *s);
    void (*failed)(struct origin *o, const struct opening *how, int http,
                   const struct evidence *e); /* while opening; it is closed */
    void (*vacant)(struct session *s);        /* it can serve another exchange */
    void (*closed)(struct session *s);        /* ready or not; the connection is gone */
};

struct exchange_events {                                 /* exchange.c's */
    void (*phase)(struct exchange *x, enum phase phase); /* begins, for this exchange */
    void (*failed)(struct exchange *x, const struct opening *how, int http,
                   const struct evidence *e); /* the session that it waited for */
    void (*attached)(struct exchange *x, struct session *s, bool reused);
    void (*sent)(struct exchange *x);    /* the request was accepted whole */
    void (*answers)(struct exchange *x); /* the first byte of an answer */
    void (*ended)(struct exchange *x, const struct evidence *e);
};

struct engine_events {                            /* engine.c's */
    void (*finished)(struct engine *engine);      /* something stands in engine.finished */
    void (*handle_closed)(struct engine *engine); /* one of engine.handles */
};

struct engine {
    const struct engine_events *events;
    uv_loop_t *loop;
    struct engine_config config;
    char *ca_file;
    const struct clock *clock;
    struct timers timers;
    struct resolver *resolver;
    SSL_CTX *tls;
    struct address_guard guard;
    struct map origins;    /* key text → struct origin */
    struct list unused;    /* origins without sessions and waiters, the longest unused first */
    struct list exchanges; /* all that are under way */
    struct list finished;  /* outcomes to hand over at the loop's next turn */
    struct list sessions;  /* all that are open or opening */
    struct list idle;      /* sessions without work, the longest idle first: given up for room */
    struct list starved;   /* origins that found no room for a connection */
    uv_idle_t deliver;     /* runs while there are finished ones */
    bool delivering;
    unsigned look_ups; /* of origins */
    unsigned handles;  /* what must close before done */
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
    struct engine_stats stats;
    struct buf spare; /* memory for the next session that has something to say */
    char scratch[SCRATCH_SIZE];
};

struct origin {
    struct engine *engine;
    struct list link;         /* engine.unused */
    struct list starved_link; /* engine.starved */
    char *key;
    bool https, is_ip;
    uint16_t port;
    char *host;
    union address addr;      /* is_ip */
    struct list idle;        /* HTTP/1 sessions without work, the last used first */
    struct list multiplexed; /* HTTP/2 sessions that take new streams */
    struct list waiters;     /* exchanges */
    unsigned waiting, opening, open;
    bool pumping;
    int http;                 /* what it spoke last: 0 unknown, 11, 20 */
    union address *addresses; /* resolved, good until; NULL: none */
    size_t address_count;
    uint64_t addresses_until_us;
    struct resolve_query *look_up; /* goes on behind a connection; NULL: none */
    SSL_SESSION *ticket;           /* to resume; NULL: none */
    bool resumes;                  /* a resumed connection has brought an answer */
    uint64_t resume_from_us;       /* until then no resumption is offered: one was ended */
};

struct exchange {     /* the session that serves it uses wait, stream and result */
    struct list link; /* engine.exchanges or engine.finished */
    struct list wait; /* origin.waiters */
    struct engine *engine;
    const struct exchange_events *events;
    struct exchange_request request;
    exchange_done_fn *done;
    void *arg;
    struct origin *origin;
    struct session *session; /* while it is served */
    struct http2_stream stream;
    struct timer timer; /* waiting for a session, then the response clock */
    uint64_t started_us;
    uint64_t try_us;           /* when this try began */
    uint64_t attached_us;      /* when it got its session; 0: it has none yet */
    uint64_t counted_us;       /* up to when its time is told in timings */
    uint64_t response_used_us; /* of the response budget, by earlier tries */
    bool fresh;                /* a retry: only a connection opened after it */
    bool full;                 /* a resumption was ended under it: this try is by a full handshake */
    uint32_t opening_us;       /* of the session limit, by a session that failed */
    bool over;
    enum phase told; /* the last phase that on_phase heard of */
    struct exchange_result result;
};

/* How a session came to be, told to each exchange that waited for it. */
struct opening {
    uint64_t began_us[PHASE_SEND + 1]; /* each phase, at the end of the one before it; 0: it did not begin */
    uint32_t session_us;               /* from TCP to its failure */
    char address[64];
};

struct session {
    struct list link;      /* engine.sessions */
    struct list pool_link; /* origin.idle or origin.multiplexed */
    struct list idle_link; /* engine.idle */
    struct engine *engine;
    const struct session_events *events;
    struct origin *origin;
    enum phase phase; /* while opening; PHASE_SEND once it is ready */
    bool ready, closed, poll_open;
    bool announced;  /* those that waited for it have been served: whoever comes now reuses it */
    bool draining;   /* takes no new exchanges */
    bool write_dead; /* the peer takes no more bytes; what it has said is still to be read */
    bool again;      /* there is more to do at the loop's next turn, whatever the socket says */
    bool offered;    /* a resumption, to the server */
    bool resumed, app_data;
    bool answered;  /* it has brought a byte of an answer */
    bool listening; /* HTTP/1: its resumption is on trial before the request is sent */
    bool heard;     /* the server has sent a ticket since then */
    struct exchange_deadlines deadlines;
    struct timer timer; /* of the phase, then of idleness */
    struct resolve_query *query;
    const struct resolve_result
        *resolved; /* for enter_connect(); NULL: what the origin keeps is to be used */
    struct dial *dial;
    struct transport transport;
    uv_poll_t poll;
    int poll_events;
    uint32_t idle_ms; /* how long it may be without work */
    struct opening opening;
    int http; /* 0, 11, 20 */
    struct buf out;
    uint64_t sent;      /* HTTP/1: bytes of the current request accepted so far */
    struct exchange *x; /* HTTP/1: the one being served */
    struct http1_response h1;
    struct http2 *h2;
    struct list ended;  /* HTTP/2 streams that ended inside the codec, to be told after it */
    struct list unsent; /* exchanges whose request is not yet accepted whole */
};

static inline uint64_t engine_now(const struct engine *engine)
{
    return engine->clock->mono_us(engine->clock->arg);
}

static inline uint32_t elapsed_us(uint64_t from, uint64_t to)
{
    uint64_t us = to > from ? to - from : 0;
    return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* pool.c */
enum err origin_get(struct engine *engine, const struct url *url, struct origin **ret) MUST_CHECK;
void origin_free(struct origin *o);
void origin_end_look_up(struct origin *o); /* if there is one */
void pool_acquire(struct exchange *x);     /* ends in x->events: attached, failed or ended */
void pool_forget(struct exchange *x);      /* it waits no more */
void pool_session_drop(struct session *s); /* while opening: it is closed, and nobody is told */

/* session.c */
uint32_t session_limit_ms(const struct exchange_deadlines *d, enum phase phase);
uint64_t session_opening_ms(const struct exchange_deadlines *d); /* at most, from resolve to ready */
enum err session_open(struct origin *o, const struct exchange_deadlines *deadlines,
                      const struct session_events *events) MUST_CHECK;
bool session_alive(struct session *s); /* looks for EOF or stray bytes; false: it has been closed */
unsigned session_capacity(const struct session *s);
bool session_is_idle(const struct session *s); /* ready and serves nobody */
/* The owner has counted it busy. Anything else than ERR_NONE: nothing has happened. */
enum err session_serve(struct session *s, struct exchange *x) MUST_CHECK;
void session_abandon(struct session *s,
                     struct exchange *x); /* the exchange ended first: RST_STREAM(CANCEL) or close */
void session_evidence(const struct session *s, const struct exchange *x, struct evidence *ret);
void session_close(struct session *s);
void session_doubt(
    struct session *s); /* it ended: if a resumption may be to blame, none is offered for a while */
void session_arm_idle(struct session *s);

/* between session.c (how it opens and ends) and session_serve.c (what it does with bytes) */
void session_fail_as(struct session *s, enum ended ended,
                     enum cause_id cause);        /* not ready: tells all that wait for it, closes */
void session_over(struct session *s, enum io io); /* the connection ended so */
bool session_read(struct session *s);             /* reads all there is; false: the session has ended by it */
void session_flush(struct session *s);            /* writes what can be written; may end the session */
void session_settle(struct session *s);           /* HTTP/2, after bytes went in; may end the session */
void session_ready(struct session *s);
void session_answers(struct session *s); /* the first byte of an answer has come */
void session_watch(struct session *s, int events);
void session_come_back(struct session *s); /* at the loop's next turn, whatever the socket says */
enum ended session_ended_of(enum io io);
enum cause_id session_local_cause(int sys_errno);
void session_stream_ended(void *arg, struct http2_stream *stream); /* callbacks of the HTTP/2 codec */
void session_stream_answers(void *arg, struct http2_stream *stream);

/* exchange.c */
void exchange_deliver(struct exchange *x); /* calls done and frees */
