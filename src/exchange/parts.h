#pragma once
/*
 * What the client's files share: the loop's context, origins (the pool), sessions (connections) and
 * exchanges.
 *
 * - exchange.c: one request → one outcome; asks the pool for a session, owns the response deadline, gathers
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
#define SESSION_OUT_MAX 2097152 /* output buffer of one session: a body of 1 MiB and its frames */
#define IDLE_H1_MS 4000u        /* docs/attribution.md "Transparent retry" */
#define IDLE_H2_MS 30000u
#define RETRIES_MAX 2 /* transparent retries (docs/attribution.md), besides the one by a full handshake */
#define FULL_HANDSHAKES_US 600000000u /* how long no resumption is offered to an origin that ended one */
#define ORIGINS_MAX 65536             /* cached at once */
/*
 * Look-ups that continue after a connection was made, each with one socket per resolver. Beyond this limit,
 * names are only looked up more often.
 */
#define LOOK_UPS_MAX 256

struct session;
struct opening;
struct origin;

/*
 * A lower stage reports through a table of functions that its owner passed. The stages, lowest first: session
 * (with session_serve), pool, exchange, engine. None calls a later one by name (tools/stages.txt).
 */
struct session_events {                                 /* implemented by pool.c */
    void (*phase)(struct session *s, enum phase phase); /* an opening phase begins */
    void (*ready)(struct session *s);
    void (*failed)(struct origin *o, const struct opening *how, int http,
                   const struct evidence *e); /* opening failed; it is closed */
    void (*vacant)(struct session *s);        /* it can serve another exchange */
    void (*closed)(struct session *s);        /* the connection is gone, whether it was ready or not */
};

struct exchange_events {                                 /* implemented by exchange.c */
    void (*phase)(struct exchange *x, enum phase phase); /* begins, for this exchange */
    void (*failed)(struct exchange *x, const struct opening *how, int http,
                   const struct evidence *e); /* the session it waited for failed */
    void (*attached)(struct exchange *x, struct session *s, bool reused);
    void (*sent)(struct exchange *x);    /* the whole request was accepted */
    void (*answers)(struct exchange *x); /* the first byte of an answer arrived */
    void (*ended)(struct exchange *x, const struct evidence *e);
};

struct engine_events {                            /* implemented by engine.c */
    void (*finished)(struct engine *engine);      /* engine.finished is not empty */
    void (*handle_closed)(struct engine *engine); /* one of engine.handles closed */
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
    struct list unused;    /* origins without sessions and waiters, least recently used first */
    struct list exchanges; /* all in progress */
    struct list finished;  /* outcomes to deliver at the loop's next turn */
    struct list sessions;  /* all that are open or opening */
    struct list idle;      /* sessions without work, longest idle first: closed to make room */
    struct list starved;   /* origins that had no room for a connection */
    uv_idle_t deliver;     /* active while engine.finished is not empty */
    bool delivering;
    unsigned look_ups; /* of origins */
    unsigned handles;  /* handles to close before done */
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
    struct engine_stats stats;
    struct buf spare; /* memory for the next session that writes */
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
    struct list idle;        /* HTTP/1 sessions without work, last used first */
    struct list multiplexed; /* HTTP/2 sessions that accept new streams */
    struct list waiters;     /* exchanges */
    unsigned waiting, opening, open;
    bool pumping;
    int http;                 /* protocol of the last session: 0 unknown, 11, 20 */
    union address *addresses; /* resolved, with their expiry; NULL: none */
    size_t address_count;
    uint64_t addresses_until_us;
    struct resolve_query *look_up; /* continues after a connection was made; NULL: none */
    SSL_SESSION *ticket;           /* for resumption; NULL: none */
    bool resumes;                  /* a resumed connection has received an answer */
    uint64_t resume_from_us;       /* no resumption is offered before this, because one was ended */
};

struct exchange {     /* wait, stream and result are used by the session that serves it */
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
    struct timer timer; /* waiting for a session, then the response deadline */
    uint64_t started_us;
    uint64_t try_us;           /* when this try started */
    uint64_t attached_us;      /* when it got its session; 0: none yet */
    uint64_t counted_us;       /* its time up to this is included in timings */
    uint64_t response_used_us; /* part of the response budget used by earlier tries */
    bool fresh;                /* this retry needs a connection opened after it started */
    bool full;                 /* a resumption ended during the last try: this one uses a full handshake */
    uint32_t opening_us;       /* part of the session limit used by a session that failed */
    bool over;
    enum phase told; /* the last phase reported to on_phase */
    struct exchange_result result;
};

/* How a session was opened, reported to each exchange that waited for it. */
struct opening {
    /* start of each phase, which is the end of the one before; 0: not started */
    uint64_t began_us[PHASE_SEND + 1];
    uint32_t session_us; /* from the TCP connection to its failure */
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
    bool announced;  /* the exchanges that waited for it are served: later ones reuse it */
    bool draining;   /* accepts no new exchanges */
    bool write_dead; /* the peer accepts no more bytes; what it sent must still be read */
    bool again;      /* there is work at the loop's next turn, whatever the socket reports */
    bool offered;    /* a resumption was offered to the server */
    bool resumed, app_data;
    bool answered;  /* a byte of an answer was received */
    bool listening; /* HTTP/1: waits, before sending, whether the server ends the resumption */
    bool heard;     /* the server has sent a ticket since then */
    struct exchange_deadlines deadlines;
    struct timer timer; /* of the phase, then of idle time */
    struct resolve_query *query;
    const struct resolve_result *resolved; /* for enter_connect(); NULL: use the origin's addresses */
    struct dial *dial;
    struct transport transport;
    uv_poll_t poll;
    int poll_events;
    uint32_t idle_ms; /* how long it may be idle */
    struct opening opening;
    int http; /* 0, 11, 20 */
    struct buf out;
    uint64_t sent;      /* HTTP/1: bytes of the current request accepted so far */
    struct exchange *x; /* HTTP/1: the exchange being served */
    struct http1_response h1;
    struct http2 *h2;
    struct list ended;  /* HTTP/2 streams that ended inside the codec, to be reported after it returns */
    struct list unsent; /* exchanges whose request is not completely accepted */
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
void pool_forget(struct exchange *x);      /* it no longer waits */
void pool_session_drop(struct session *s); /* while opening: closes it without reporting */

/* session.c */
uint32_t session_limit_ms(const struct exchange_deadlines *d, enum phase phase);
uint64_t session_opening_ms(const struct exchange_deadlines *d); /* maximum time from resolve to ready */
enum err session_open(struct origin *o, const struct exchange_deadlines *deadlines,
                      const struct session_events *events) MUST_CHECK;
bool session_alive(struct session *s); /* checks for EOF or stray bytes; false: it was closed */
unsigned session_capacity(const struct session *s);
bool session_is_idle(const struct session *s); /* ready and not serving */
/* The owner has already counted it as busy. On an error nothing has happened. */
enum err session_serve(struct session *s, struct exchange *x) MUST_CHECK;
void session_abandon(struct session *s,
                     struct exchange *x); /* the exchange ended first: RST_STREAM(CANCEL) or close */
void session_evidence(const struct session *s, const struct exchange *x, struct evidence *ret);
void session_close(struct session *s);
void session_doubt(
    struct session *s); /* it ended: if a resumption may be the cause, none is offered for a while */
void session_arm_idle(struct session *s);

/* between session.c (how it opens and ends) and session_serve.c (what it does with bytes) */
void session_fail_as(struct session *s, enum ended ended,
                     enum cause_id cause);        /* while opening: reports to all that wait for it, closes */
void session_over(struct session *s, enum io io); /* the connection ended this way */
bool session_read(struct session *s);             /* reads all there is; false: the session ended */
void session_flush(struct session *s);            /* writes what can be written; may end the session */
void session_settle(struct session *s);           /* HTTP/2, after input; may end the session */
void session_ready(struct session *s);
void session_answers(struct session *s); /* the first byte of an answer arrived */
void session_watch(struct session *s, int events);
/* schedules work for the loop's next turn, whatever the socket reports */
void session_come_back(struct session *s);
enum ended session_ended_of(enum io io);
enum cause_id session_local_cause(int sys_errno);
void session_stream_ended(void *arg, struct http2_stream *stream); /* callbacks of the HTTP/2 codec */
void session_stream_answers(void *arg, struct http2_stream *stream);

/* exchange.c */
void exchange_deliver(struct exchange *x); /* calls done and frees */
