#include "store/retention.h"

#include "base/log.h"

#define LOOK_MS 1000u    /* between looks at the size */
#define ROUND_MS 60000u  /* maximum time between rounds */
#define STEP_EVENTS 200u /* takes about two milliseconds of the store's time */
/* how often rounds that continue where they stopped restart at the oldest event */
#define SIZE_ANEW_MS 600000u
#define STEP_KEYS 500u
#define STEP_ERRORS 200u
/*
 * Statistics treat a minute as over only after this delay: results may still wait for the store, and clocks
 * are set.
 */
#define ERRORS_OVER_MS 60000
#define PAUSE_MIN_MS 5u
#define TOKEN_SHOWN_MS (7 * 86400000LL) /* an expired access token is listed this long */
/* A round by age uses at most a quarter of the time; one by size must keep up and uses half. */
#define PAUSE_TIMES 3u
#define SIZE_LOW(max) ((max) - (max) / 20) /* a round by size stops slightly below the limit */

static void again(struct retention *r, uint64_t wait_ms);

static uint64_t mono_ms(const struct retention *r)
{
    return r->config.clock->mono_us(r->config.clock->arg) / 1000;
}

static int64_t wall_ms(const struct retention *r)
{
    return r->config.clock->wall_ms(r->config.clock->arg);
}

/* Short retention times (mostly in tests) are checked more often. */
static uint64_t round_ms(const struct retention *r)
{
    uint64_t tenth = r->config.age_ms / 10u + 1;
    return tenth < ROUND_MS ? tenth : ROUND_MS;
}

static uint64_t look_ms(const struct retention *r)
{
    return round_ms(r) < LOOK_MS ? round_ms(r) : LOOK_MS;
}

/* Anything older than this time may be deleted. */
static int64_t old_ms(const struct retention *r)
{
    return steady_time(&r->steady, wall_ms(r), (int64_t)mono_ms(r));
}

static enum err look_run(struct store_call *call, struct backend *b)
{
    struct retention *r = list_entry(call, struct retention, call);
    enum err e = b->ops->marks->size(b, &r->size);
    if (!e)
        e = b->ops->marks->mark_get(b, MARK_SEEN, &r->clock.seen);
    if (!e)
        e = b->ops->marks->mark_get(b, MARK_STEADY, &r->clock.steady);
    return e ? e : b->ops->marks->mark_get(b, MARK_TRIAL, &r->clock.trial_at);
}

static enum err keep_clock(struct retention *r, struct backend *b)
{
    const struct steady_look *l = &r->clock;
    int64_t seen = 0;
    enum err e = b->ops->marks->mark_get(b, MARK_SEEN, &seen);
    /* The mark changed: an operator has accepted the clock, and the next look uses that. */
    if (e || seen != l->seen)
        return e;
    if (r->steady.believed)
        e = b->ops->marks->mark_put(b, MARK_SEEN, l->ret_seen);
    if (!e)
        e = b->ops->marks->mark_put(b, MARK_STEADY, l->ret_steady);
    return e ? e : b->ops->marks->mark_put(b, MARK_TRIAL, l->ret_trial_at);
}

/* While the clock is not trusted nothing counts as old: nothing to do. */
static enum err prune_audit(struct retention *r, struct backend *b, int64_t now)
{
    r->audit = 0;
    return now ? b->ops->audit->audit_prune(b, now - r->config.audit_age_ms, now + STEADY_OFF_MS, STEP_KEYS,
                                            &r->audit)
               : ERR_NONE;
}

/* Whatever expires or belongs to a deleted channel; there are few secrets, tokens and sessions. */
static enum err prune_keys(struct retention *r, struct backend *b)
{
    const struct retention_config *c = &r->config;
    int64_t now = old_ms(r);
    enum err e = b->ops->tokens->secret_prune(b, now, now - TOKEN_SHOWN_MS);
    if (!e && now && !r->redated)
        e = b->ops->upkeep->redate(b, now);
    if (!e)
        e = b->ops->accounts->session_prune(b, now - c->session_age_ms, now - c->session_idle_ms);
    if (!e)
        e = prune_audit(r, b, now);
    if (!e)
        e = b->ops->channels->channel_prune(b, STEP_KEYS, &r->gone);
    r->audience = 0;
    if (!e && b->ops->audience)
        e = b->ops->audience->audience_prune(b, STEP_KEYS, &r->audience);
    r->results = 0;
    if (!e && b->ops->jobs)
        e = b->ops->jobs->job_prune(b, now - c->result_age_ms, STEP_KEYS, &r->results);
    return e ? e : b->ops->events->idempotency_prune(b, now - c->key_age_ms, STEP_KEYS, &r->keys);
}

static enum err step_run(struct store_call *call, struct backend *b)
{
    struct retention *r = list_entry(call, struct retention, call);
    enum err e = r->round == ROUND_CLOCK    ? keep_clock(r, b)
                 : r->round == ROUND_ERRORS ? b->ops->errors->error_tidy(b, &r->errors)
                 : r->round == ROUND_KEYS   ? prune_keys(r, b)
                                            : b->ops->events->history_prune(b, &r->step);
    return e ? e : b->ops->marks->size(b, &r->size);
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
    (void)atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

static void take_size(struct retention *r)
{
    atomic_store_explicit(&r->stats.used, r->size.used, memory_order_relaxed);
    atomic_store_explicit(&r->stats.free, r->size.free, memory_order_relaxed);
    if (!r->config.bytes_max || r->size.used <= r->config.bytes_max)
        atomic_store_explicit(&r->stats.over, false, memory_order_relaxed);
}

static void begin_round(struct retention *r, enum retention_round round)
{
    r->round = round;
    r->step = (struct history_prune){.scan = STEP_EVENTS};
    r->step.before_ms =
        round == ROUND_AGE ? old_ms(r) - (int64_t)r->config.age_ms : INT64_MAX >> ULID_SEQ_SHIFT;
    if (r->step.before_ms < 0)
        r->step.before_ms = 0;
    if (round != ROUND_SIZE)
        return;
    if (mono_ms(r) >= r->size_anew_ms) {
        r->size_after = 0;
        r->size_anew_ms = mono_ms(r) + SIZE_ANEW_MS;
    }
    r->size_from = r->step.after = r->size_after;
}

/* This round runs first, to move its rows while they are few. */
static void begin_errors(struct retention *r)
{
    int64_t now = wall_ms(r), believed = old_ms(r);
    r->round = ROUND_ERRORS;
    r->errors = (struct error_tidy){
        .move_before = (now - ERRORS_OVER_MS) / ERROR_MINUTE_MS,
        .prune_before = (believed - r->config.error_age_ms) / ERROR_MINUTE_MS,
        .prune_after = believed ? (believed + STEADY_OFF_MS) / ERROR_MINUTE_MS : 0,
        .limit = STEP_ERRORS,
    };
}

/*
 * Events accepted after a clock was ahead have ids ahead of time for as long as it was: their attempts tell
 * how old they are.
 */
static void begin_ahead(struct retention *r)
{
    int64_t now = old_ms(r), from = (now + STEADY_OFF_MS) << ULID_SEQ_SHIFT;
    if (mono_ms(r) >= r->ahead_anew_ms) {
        r->ahead_after = 0;
        r->ahead_anew_ms = mono_ms(r) + SIZE_ANEW_MS;
    }
    r->round = now ? ROUND_AHEAD : ROUND_NONE;
    r->step = (struct history_prune){
        .scan = STEP_EVENTS,
        .before_ms = INT64_MAX >> ULID_SEQ_SHIFT,
        .tried_before_ms = now - (int64_t)r->config.age_ms,
        .tried_now_ms = now + STEADY_OFF_MS,
        .after = r->ahead_after > from ? r->ahead_after : from,
    };
}

/* Events are in order of acceptance: after the first young one all are young. */
static void go_on_ahead(struct retention *r)
{
    if (!r->step.ret_young)
        r->ahead_after = r->step.after;
    if (!r->step.after || (r->step.ret_young && !r->step.ret_events))
        r->round = ROUND_NONE;
}

static void end_size(struct retention *r)
{
    r->round = ROUND_NONE;
    if (r->size.used <= r->config.bytes_max)
        return;
    r->next_size_ms = mono_ms(r) + round_ms(r); /* nothing was left to delete: do not retry at once */
    if (!atomic_exchange(&r->stats.over, true))
        log_error("store", "the database exceeds retention-size, and only waiting events are left",
                  log_uint("bytes", r->size.used), log_uint("bound", r->config.bytes_max));
}

static void go_on_by_size(struct retention *r)
{
    r->size_after = r->step.after;
    if (!r->step.after && r->size_from && r->size.used > r->config.bytes_max)
        r->size_from = 0; /* only the history before its starting point remains */
    else if (!r->step.after || r->size.used <= SIZE_LOW(r->config.bytes_max))
        end_size(r);
}

/* What to do after a step that succeeded. */
static void go_on(struct retention *r)
{
    if (r->round == ROUND_CLOCK) {
        r->round = ROUND_NONE;
        return;
    }
    if (r->round == ROUND_ERRORS) {
        add(&r->stats.errors, r->errors.ret_pruned);
        if (r->errors.ret_moved < STEP_ERRORS && r->errors.ret_pruned < STEP_ERRORS)
            begin_round(r, ROUND_KEYS);
        return;
    }
    if (r->round == ROUND_KEYS) {
        add(&r->stats.keys, r->keys);
        r->redated = r->steady.believed;
        if (r->keys < STEP_KEYS && r->audit < STEP_KEYS && r->gone < STEP_KEYS && r->audience < STEP_KEYS &&
            r->results < STEP_KEYS)
            begin_round(r, ROUND_AGE);
        return;
    }
    add(&r->stats.events, r->step.ret_events);
    add(&r->stats.attempts, r->step.ret_attempts);
    r->step.after = r->step.ret_after;
    if (r->round == ROUND_SIZE)
        go_on_by_size(r);
    else if (r->round == ROUND_AHEAD)
        go_on_ahead(r);
    else if (!r->step.after)
        begin_ahead(r);
}

static void step_done(struct store_call *call)
{
    struct retention *r = list_entry(call, struct retention, call);
    r->busy = false;
    if (call->err) { /* the store is failing: not the time for retention */
        log_debug("store", "retention: a step failed", log_err("err", call->err));
        r->round = ROUND_NONE;
        again(r, LOOK_MS);
        return;
    }
    uint64_t pause = (mono_ms(r) - r->began_ms) * (r->round == ROUND_SIZE ? 1 : PAUSE_TIMES);
    take_size(r);
    go_on(r);
    again(r, r->round == ROUND_NONE ? look_ms(r) : pause < PAUSE_MIN_MS ? PAUSE_MIN_MS : pause);
}

static void submit_step(struct retention *r)
{
    r->busy = true;
    r->began_ms = mono_ms(r);
    r->call = (struct store_call){.run = step_run, .done = step_done, .home = r->config.mailbox};
    store_submit(r->config.store, &r->call);
}

/* Updates whether the clock is trusted; logs a change. */
static void take_clock(struct retention *r)
{
    static const char wrong[] =
        "this machine's clock is more than a day off the last time in the database: nothing is deleted by "
        "age "
        "until it has run steadily for a day, or is accepted with `todoke check --accept-clock`";
    bool known = r->steady.known;
    r->clock.wall_ms = wall_ms(r);
    r->clock.mono_ms = (int64_t)mono_ms(r);
    steady_look(&r->steady, &r->clock);
    atomic_store_explicit(&r->stats.clock, !r->steady.believed, memory_order_relaxed);
    atomic_store_explicit(&r->stats.ahead, steady_ahead(&r->steady), memory_order_relaxed);
    if (r->clock.ret_changed && !r->steady.believed)
        log_error("store", wrong, log_int("ahead_s", r->clock.ret_off / 1000));
    else if (r->clock.ret_changed && known)
        log_info("store", "clock accepted: deleting by age again");
    if (r->clock.ret_changed) {
        r->redated = false;
        r->next_ms = 0;
    }
}

static void look_done(struct store_call *call)
{
    struct retention *r = list_entry(call, struct retention, call);
    uint64_t now = mono_ms(r);
    r->busy = false;
    if (!call->err) {
        take_size(r);
        take_clock(r);
    }
    if (!call->err && r->config.bytes_max && r->size.used > r->config.bytes_max && now >= r->next_size_ms) {
        begin_round(r, ROUND_SIZE);
    } else if (!call->err && r->clock.ret_keep) {
        r->round = ROUND_CLOCK;
    } else if (!call->err && now >= r->next_ms) {
        begin_errors(r); /* then keys, and last the longest round, by age */
        r->next_ms = now + round_ms(r);
    }
    if (r->round == ROUND_NONE || r->stopped)
        again(r, look_ms(r));
    else
        submit_step(r);
}

static void on_timer(uv_timer_t *timer)
{
    struct retention *r = timer->data;
    if (r->busy || r->stopped)
        return;
    if (r->round != ROUND_NONE) {
        submit_step(r);
        return;
    }
    r->busy = true;
    r->call = (struct store_call){.run = look_run, .done = look_done, .home = r->config.mailbox};
    store_read(r->config.store, &r->call);
}

static void again(struct retention *r, uint64_t wait_ms)
{
    if (!r->stopped)
        (void)uv_timer_start(&r->timer, on_timer, wait_ms, 0);
}

enum err retention_init(struct retention *r, uv_loop_t *loop, const struct retention_config *config)
{
    *r = (struct retention){.config = *config};
    if (uv_timer_init(loop, &r->timer))
        return ERR_IO;
    r->timer.data = r;
    again(r, 0);
    return ERR_NONE;
}

void retention_set(struct retention *r, uint32_t age_ms, uint64_t bytes_max, int64_t audit_age_ms,
                   int64_t error_age_ms)
{
    r->config.audit_age_ms = audit_age_ms;
    r->config.age_ms = age_ms;
    r->config.error_age_ms = error_age_ms;
    r->config.bytes_max = bytes_max;
    r->next_ms = r->next_size_ms = 0;
}

void retention_stop(struct retention *r)
{
    r->stopped = true;
    (void)uv_timer_stop(&r->timer);
}

void retention_close(struct retention *r)
{
    retention_stop(r);
    uv_close((uv_handle_t *)&r->timer, NULL);
}
