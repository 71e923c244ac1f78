/*
 * One request → one outcome. The opening phases (resolve … session) belong to the session an exchange waits
 * for. Sending and awaiting the answer are here, under one absolute response deadline that no interim answer
 * resets (docs/attribution.md "request_timeout").
 */
#include "exchange/exchange.h"

#include <string.h>

#include "base/mem.h"
#include "exchange/parts.h"

#define DEADLINE_MS 2000

static void on_ended(struct exchange *x, const struct evidence *e);

static uint32_t or_default(uint32_t ms)
{
    return ms ? ms : DEADLINE_MS;
}

static void on_response_deadline(struct timer *t)
{
    struct exchange *x = list_entry(t, struct exchange, timer);
    struct session *s = x->session;
    struct evidence e;
    session_evidence(s, x, &e);
    e.ended = ENDED_DEADLINE;
    /* a resumption that has never worked with this origin may be why requests get no answer */
    if (!x->origin->resumes)
        session_doubt(s);
    session_abandon(s, x);
    on_ended(x, &e);
}

static uint32_t share_of(const struct exchange *x, const struct opening *how, enum phase phase)
{
    uint64_t from = how->began_us[phase], to = how->began_us[phase + 1];
    return from ? elapsed_us(from > x->try_us ? from : x->try_us, to) : 0;
}

/* Records the exchange's share of the opening times. */
static void take_times(struct exchange *x, const struct opening *how)
{
    struct exchange_timings *t = &x->result.timings;
    t->dns_us = share_of(x, how, PHASE_RESOLVE);
    t->connect_us = share_of(x, how, PHASE_CONNECT);
    t->tls_us = x->origin->https ? share_of(x, how, PHASE_TLS) : 0;
}

static void on_phase(struct exchange *x, enum phase phase)
{
    if (!x->request.on_phase || phase <= x->told) /* a retry goes through the phases again */
        return;
    x->told = phase;
    x->request.on_phase(x->arg, phase, elapsed_us(x->started_us, engine_now(x->engine)));
}

/* A session is ready: the response deadline starts with the first byte, which is written now. */
static void on_attached(struct exchange *x, struct session *s, bool reused)
{
    struct engine *engine = x->engine;
    x->session = s;
    x->attached_us = x->counted_us = engine_now(engine);
    struct exchange_result *r = &x->result;
    r->reused = reused;
    r->resumed = s->resumed;
    r->http = s->http;
    memcpy(r->address, s->opening.address, sizeof(r->address));
    r->timings = (struct exchange_timings){0};
    if (!reused)
        take_times(x, &s->opening);
    r->tls_version = s->transport.ssl ? SSL_get_version(s->transport.ssl) : NULL;
    uint64_t budget = (uint64_t)session_limit_ms(&x->request.deadlines, PHASE_SEND) * 1000;
    uint64_t left = budget > x->response_used_us ? budget - x->response_used_us : 0;
    timer_arm(&engine->timers, &x->timer, x->attached_us + left, on_response_deadline);
    on_phase(x, PHASE_SEND);
}

/* Returns the time since the last call. */
static uint32_t count_time(struct exchange *x)
{
    uint64_t since = x->counted_us;
    x->counted_us = engine_now(x->engine);
    return elapsed_us(since, x->counted_us);
}

static void on_sent(struct exchange *x)
{
    x->result.timings.send_us += count_time(x);
    on_phase(x, PHASE_AWAIT);
}

static void on_answers(struct exchange *x)
{
    x->result.timings.first_byte_us += count_time(x);
}

/*
 * At most once, in addition to other retries, and while half of the session's budget is left: the retry's
 * full handshake has a whole budget.
 */
static bool wants_full_handshake(struct exchange *x, const struct evidence *e, const struct outcome *o)
{
    if (x->full || !outcome_wants_full_handshake(e, o) ||
        (uint64_t)x->opening_us * 2 > (uint64_t)x->request.deadlines.session_ms * 1000)
        return false;
    x->full = true;
    return true;
}

/*
 * Retries only while more than half of the response budget is left: a server that refuses slowly is then
 * named for that and not for a timeout, and nobody waits longer than the budget.
 */
static bool retry(struct exchange *x, const struct evidence *e, const struct outcome *o)
{
    if (x->engine->closing)
        return false;
    if (x->attached_us)
        x->response_used_us += engine_now(x->engine) - x->attached_us;
    if (x->response_used_us * 2 > (uint64_t)x->request.deadlines.response_ms * 1000)
        return false;
    if (!wants_full_handshake(x, e, o) &&
        (x->result.retries - x->full >= RETRIES_MAX || !outcome_may_retry(e, o)))
        return false;
    x->result.retries++;
    x->engine->stats.retries_total++;
    x->attached_us = 0;
    x->fresh = true;
    x->try_us = engine_now(x->engine);
    /* results of the last try only */
    x->result = (struct exchange_result){.retries = x->result.retries, .tls_alert = -1};
    pool_acquire(x);
    return true;
}

static void on_ended(struct exchange *x, const struct evidence *e)
{
    struct engine *engine = x->engine;
    timer_disarm(&engine->timers, &x->timer);
    pool_forget(x);
    x->session = NULL;
    struct outcome o = outcome_of(e);
    if (retry(x, e, &o))
        return;
    struct exchange_result *r = &x->result;
    r->outcome = o;
    r->evidence = *e;
    r->tls_alert = e->tls_alert;
    if (e->http)
        r->http = e->http;
    r->timings.total_us = elapsed_us(x->started_us, engine_now(engine));
    x->over = true;
    engine->stats.exchanges_active--;
    list_remove(&x->link);
    list_push_back(&engine->finished, &x->link);
    engine->events->finished(engine);
}

static void on_failed(struct exchange *x, const struct opening *how, int http, const struct evidence *e)
{
    memcpy(x->result.address, how->address, sizeof(x->result.address));
    x->result.http = http;
    take_times(x, how);
    x->opening_us = how->session_us;
    on_ended(x, e);
}

static const struct exchange_events events = {.phase = on_phase,
                                              .failed = on_failed,
                                              .attached = on_attached,
                                              .sent = on_sent,
                                              .answers = on_answers,
                                              .ended = on_ended};

void exchange_deliver(struct exchange *x)
{
    list_remove(&x->link);
    x->done(x->arg, &x->result);
    mem_free(x);
}

enum err exchange_start(struct engine *engine, const struct exchange_request *request, exchange_done_fn *done,
                        void *arg, struct exchange **ret)
{
    if (engine->closing)
        return ERR_CLOSED;
    struct exchange *x = mem_zero(1, sizeof(*x));
    if (!x)
        return ERR_NOMEM;
    x->engine = engine;
    x->events = &events;
    x->request = *request;
    struct exchange_deadlines *d = &x->request.deadlines;
    *d = (struct exchange_deadlines){or_default(d->dns_ms), or_default(d->connect_ms),
                                     or_default(d->session_ms), or_default(d->response_ms)};
    x->done = done;
    x->arg = arg;
    x->fresh = request->fresh;
    x->started_us = x->try_us = engine_now(engine);
    x->result.tls_alert = -1;
    enum err e = origin_get(engine, request->url, &x->origin);
    if (e) {
        mem_free(x);
        return e;
    }
    list_push_back(&engine->exchanges, &x->link);
    engine->stats.exchanges_active++;
    if (ret)
        *ret = x;
    pool_acquire(x);
    return ERR_NONE;
}

void exchange_cancel(struct exchange *x)
{
    if (x->over)
        return;
    struct evidence e = {.phase = PHASE_RESOLVE, .tls_alert = -1};
    if (x->session) {
        session_evidence(x->session, x, &e);
        session_abandon(x->session, x);
    }
    e.ended = ENDED_LOCAL;
    e.cause = CAUSE_local_cancelled;
    on_ended(x, &e);
}
