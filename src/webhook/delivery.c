#include "webhook/delivery.h"

#include "base/log.h"
#include "base/mem.h"
#include "fault/effect.h"
#include "store/steady.h"

struct delivery {
    struct courier *courier;
    int64_t channel_id;
    struct courier_route *route;
    struct request request;
    struct store_call call;
    struct letter letter; /* for an outcome without an exchange */
    struct list link;     /* among the unrecorded */
    struct attempt attempt;
    char detail[8], address[64];
    struct outcome outcome;
    bool refused; /* by the store, at least once */
    uint32_t count;
    struct fate *fates; /* count, behind items */
    struct event *events[];
};

struct courier_route *courier_route_new(struct courier *c, int64_t channel_id)
{
    struct channel_ref *ref = directory_get(c->config.directory, channel_id);
    struct courier_route *r = ref ? mem_zero(1, sizeof(*r)) : NULL;
    if (!r) {
        channel_ref_drop(ref);
        return NULL;
    }
    r->refs = 1;
    r->ref = ref;
    struct url_rules rules = {.allow_http = c->config.settings->allow_http};
    enum err e = url_parse(span_of(ref->channel.webhook_url), &rules, &r->url, &r->cause);
    r->valid = e == ERR_NONE;
    if (e == ERR_NOMEM) {
        courier_route_drop(r);
        return NULL;
    }
    return r;
}

void courier_route_drop(struct courier_route *r)
{
    if (!r || --r->refs > 0)
        return;
    channel_ref_drop(r->ref);
    mem_free(r);
}

static void delivery_free(struct delivery *d)
{
    request_deinit(&d->request);
    courier_route_drop(d->route);
    mem_free(d);
}

static int64_t wall_ms(const struct courier *c)
{
    return c->config.clock->wall_ms(c->config.clock->arg);
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static enum err record_run(struct store_call *call, struct backend *b)
{
    struct delivery *d = list_entry(call, struct delivery, call);
    return b->ops->result_put(b, &d->attempt, d->fates, d->count,
                              d->attempt.started_ms + d->attempt.total_us / 1000);
}

/* What lists and live views show of the channel. */
static void note_pulse(const struct delivery *d)
{
    struct pulse *p = &d->route->ref->live->pulse;
    int64_t now_ms = d->attempt.started_ms + d->attempt.total_us / 1000;
    if (d->outcome.reason == REASON_OK)
        pulse_delivered(p, d->count, now_ms);
    else if (effect_of(&d->outcome) & EFFECT_COUNT)
        pulse_failed(p, &d->outcome, now_ms);
}

/* The result is on the disk: events end or wait. */
static void record_done(struct store_call *call)
{
    struct delivery *d = list_entry(call, struct delivery, call);
    struct courier *c = d->courier;
    if (call->err) { /* it happened, so it will be recorded: until then the events stay in the lane */
        c->refused += !d->refused;
        d->refused = true;
        list_push_back(&c->unrecorded, &d->link);
        return;
    }
    c->refused -= d->refused;
    struct lane *lane = dispatch_find(c->dispatch, courier_channel_key(d->channel_id));
    int64_t ended = 0;
    for (uint32_t i = 0; i < d->count; i++) {
        struct event *e = d->events[i];
        if (fate_waits(d->fates[i].end)) {
            e->item.due_ms = d->fates[i].next_due_ms;
            e->item.tries = d->fates[i].tries;
            e->item.faults = d->fates[i].faults;
            if (lane && lane->owner) {
                dispatch_retry(c->dispatch, lane, &e->item);
                add(&c->config.counters->put_off, 1);
                continue;
            }
        }
        ended++;
        if (d->fates[i].end == FATE_DELIVERED)
            add(&c->config.counters->delivered, 1);
        else if (d->fates[i].end == FATE_GIVEN_UP) /* else its channel is gone: nothing was given up */
            add(&c->config.counters->given_up, 1);
        if (lane)
            dispatch_done(c->dispatch, lane, &e->item);
        mem_free(e);
    }
    courier_lane_rest(c, lane);
    (void)directory_backlog_add(c->config.directory, d->route->ref->live, -ended);
    note_pulse(d);
    c->deliveries--;
    delivery_free(d);
}

void courier_delivery_record_again(struct courier *c)
{
    struct list all;
    list_init(&all);
    struct list *i;
    while ((i = list_pop_front(&c->unrecorded)))
        list_push_back(&all, i);
    while ((i = list_pop_front(&all)))
        store_submit(c->config.store, &list_entry(i, struct delivery, link)->call);
}

void courier_delivery_abandon(struct courier *c)
{
    for (struct list *i; (i = list_pop_front(&c->unrecorded));) {
        struct delivery *d = list_entry(i, struct delivery, link);
        for (uint32_t k = 0; k < d->count; k++)
            mem_free(d->events[k]);
        delivery_free(d);
    }
}

static void log_failure(const struct delivery *d, const struct exchange_result *r)
{
    const struct attempt *a = &d->attempt;
    log_warn("webhook", "attempt failed", log_int("channel", d->channel_id), log_span("reason", a->reason),
             log_span("detail", a->detail), log_span("cause", a->cause), log_span("processed", a->processed),
             log_span("phase", a->phase), log_uint("events", d->count), log_uint("tries", d->fates[0].tries),
             log_span("address", a->address), log_uint("dns_us", a->dns_us),
             log_uint("connect_us", a->connect_us), log_uint("tls_us", a->tls_us),
             log_uint("first_byte_us", a->first_byte_us), log_uint("total_us", a->total_us),
             log_uint("retries", r->retries));
}

static void fill_attempt(struct delivery *d, const struct exchange_result *r)
{
    const struct outcome *o = &r->outcome;
    size_t len = strnlen(r->address, sizeof(r->address));
    memcpy(d->address, r->address, len);
    struct attempt *a = &d->attempt;
    a->reason = span_of(reason_text(o->reason));
    a->detail = span_of(outcome_detail(o, d->detail));
    a->cause = span_of(cause_of(o->cause)->id);
    a->processed = span_of(processed_text(o->processed));
    a->phase = span_of(phase_text(o->phase));
    a->status = o->status;
    a->http = r->http;
    a->reused = r->reused;
    a->resumed = r->resumed;
    a->retries = r->retries;
    a->address = (struct span){d->address, len};
    a->dns_us = r->timings.dns_us;
    a->connect_us = r->timings.connect_us;
    a->tls_us = r->timings.tls_us;
    a->send_us = r->timings.send_us;
    a->first_byte_us = r->timings.first_byte_us;
    a->total_us = r->timings.total_us;
}

static void count_outcome(struct courier_counters *n, const struct exchange_result *r)
{
    const struct outcome *o = &r->outcome;
    add(&n->attempts, 1);
    add(&n->retried, r->retries);
    if (o->reason == REASON_ERROR_STATUS_CODE && o->status > 0 && o->status < 1000)
        add(&n->failed_status[o->status], 1);
    else if (o->reason != REASON_OK)
        add(&n->failed[o->fault], 1);
    if (cause_blame(o->cause) == BLAME_LOCAL)
        add(&n->local[o->cause], 1);
    const struct exchange_timings *t = &r->timings;
    const struct {
        struct histogram *to;
        uint32_t us;
    } phases[] = {{&n->dns, t->dns_us},
                  {&n->connect, t->connect_us},
                  {&n->tls, t->tls_us},
                  {&n->first_byte, t->first_byte_us ? t->send_us + t->first_byte_us : 0}};
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
        if (phases[i].us) /* 0: the phase was not entered */
            histogram_add(phases[i].to, phases[i].us);
    histogram_add(&n->total, t->total_us);
}

static enum lane_news news_of(const struct outcome *o)
{
    if (o->reason == REASON_OK)
        return LANE_GOOD;
    if (o->reason == REASON_ERROR_STATUS_CODE && o->status != 429 && o->status != 503)
        return LANE_NEUTRAL;
    return LANE_BAD;
}

static void suspension_done(void *arg, const struct suspension_change *change, enum err err)
{
    struct courier *c = arg;
    struct lane *lane = dispatch_find(c->dispatch, courier_channel_key(change->channel_id));
    struct courier_route *route = lane ? lane->owner : NULL;
    if (route)
        route->health.asked = false;
    if (!err && change->step == SUSPENSION_BEGIN)
        add(&c->config.counters->suspended, 1);
    c->loading--;
}

static struct suspension_clock clock_of(const struct courier *c)
{
    uint64_t mono_ms = c->config.clock->mono_us(c->config.clock->arg) / 1000;
    int64_t now_ms = wall_ms(c);
    if (c->config.ahead)
        now_ms = steady_guess(atomic_load_explicit(c->config.ahead, memory_order_relaxed), now_ms,
                              (int64_t)mono_ms);
    return (struct suspension_clock){now_ms, mono_ms};
}

/* What the outcome means for the channel as a whole. */
static void judge(struct delivery *d, struct courier_route *now, const struct outcome *o)
{
    struct courier *c = d->courier;
    const struct channel *channel = &now->ref->channel;
    if (now != d->route && strcmp(channel->webhook_url, d->route->ref->channel.webhook_url) != 0)
        return; /* it was sent to another URL */
    const struct suspension_clock time = clock_of(c);
    enum suspension_step step =
        suspension_judge(&now->health, &c->config.settings->suspension, channel, o, &time);
    if (step == SUSPENSION_NONE)
        return;
    struct suspension_change change = {.step = step,
                                       .channel_id = d->channel_id,
                                       .now_ms = time.time_ms,
                                       .wall_ms = wall_ms(c),
                                       .since_ms = now->health.since_ms,
                                       .failures = now->health.failures,
                                       .reason = reason_text(o->reason)};
    char detail[8];
    (void)snprintf(change.detail, sizeof(change.detail), "%s", outcome_detail(o, detail));
    memcpy(change.url, channel->webhook_url, sizeof(change.url));
    if (suspension_submit(&change, c, c->config.store, c->config.directory, c->config.mailbox,
                          suspension_done, c))
        return; /* no memory: the next outcome asks again */
    now->health.asked = true;
    c->loading++;
}

/* Who is told of a failure by mail: the channel's people, if they want to be; of our own machine's faults nobody. */
static void mark_notice(struct delivery *d, const struct channel *channel, const struct outcome *o)
{
    if (!channel->error_notification || !(effect_of(o) & EFFECT_NOTIFY))
        return;
    d->attempt.notice_ms = d->courier->config.settings->notice_window_ms;
    for (uint32_t i = 0; channel->webhook_redelivery && i < d->count; i++)
        d->attempt.stopped += d->fates[i].was_retry && d->fates[i].end == FATE_GIVEN_UP;
}

/* What is counted for a channel that was deleted would stay behind. */
static bool is_there(const struct delivery *d, const struct lane *lane)
{
    if (lane->owner)
        return true;
    struct channel_ref *ref = directory_get(d->courier->config.directory, d->channel_id);
    channel_ref_drop(ref);
    return ref;
}

static void conclude(struct delivery *d, const struct exchange_result *r)
{
    struct courier *c = d->courier;
    struct lane *lane = dispatch_find(c->dispatch, courier_channel_key(d->channel_id));
    dispatch_sent(c->dispatch, lane, news_of(&r->outcome));
    if (r->outcome.cause == CAUSE_local_cancelled && !r->evidence.sent) {
        /* We are going down and nothing of it left: it stays pending, as if it had not been tried. What was sent may have been
         * processed: that goes on record like any fault of ours, and comes again as a redelivery. */
        for (uint32_t i = 0; i < d->count; i++) {
            dispatch_done(c->dispatch, lane, &d->events[i]->item);
            mem_free(d->events[i]);
        }
        c->deliveries--;
        delivery_free(d);
        return;
    }
    d->outcome = r->outcome;
    fill_attempt(d, r);
    count_outcome(c->config.counters, r);
    /* The switch as it stands now, not as it stood when the request left. */
    const struct courier_route *now = lane->owner ? lane->owner : d->route;
    for (uint32_t i = 0; i < d->count; i++) {
        const struct item *item = &d->events[i]->item;
        struct redelivery_news n = {.outcome = &r->outcome,
                                    .retry_after_s = r->retry_after_s,
                                    .tries = item->tries,
                                    .faults = item->faults,
                                    .sent = r->evidence.sent,
                                    .now_ms = wall_ms(c)};
        d->fates[i] = (struct fate){.event_id = item->id, .was_retry = item->retry};
        redelivery_decide(&c->config.settings->schedule, &now->ref->channel, &n, &random_system,
                          &d->fates[i]);
    }
    const struct channel *channel = &now->ref->channel;
    d->attempt.counted = channel->use_webhook && channel->error_statistics &&
                         effect_of(&r->outcome) & EFFECT_COUNT && is_there(d, lane);
    mark_notice(d, channel, &r->outcome);
    if (lane->owner)
        judge(d, lane->owner, &r->outcome);
    if (r->outcome.reason != REASON_OK)
        log_failure(d, r);
    request_deinit(&d->request); /* the record needs no body */
    store_submit(c->config.store, &d->call);
}

static void on_done(void *arg, const struct exchange_result *r)
{
    struct delivery *d = arg;
    struct courier *c = d->courier;
    struct exchange_result told = *r;
    edition_apply(&c->config.settings->edition, &told.outcome);
    conclude(d, &told);
    courier_pump(c);
}

/* The URL is none: the outcome is known without an exchange, but is told as late as any other. */
static void open_refusal(struct letter *l)
{
    struct delivery *d = list_entry(l, struct delivery, letter);
    struct exchange_result r = {.tls_alert = -1};
    r.evidence =
        (struct evidence){.phase = PHASE_URL, .ended = ENDED_URL, .cause = d->route->cause, .tls_alert = -1};
    r.outcome = outcome_of(&r.evidence);
    conclude(d, &r);
}

enum err courier_delivery_send(void *arg, struct lane *lane, struct item *const *items, uint32_t count)
{
    struct courier *c = arg;
    struct courier_route *route = lane->owner;
    size_t events = sizeof(struct event *) * count;
    struct delivery *d = mem_zero(1, sizeof(*d) + events + sizeof(struct fate) * count);
    if (!d)
        return ERR_NOMEM;
    d->courier = c;
    d->channel_id = lane->key.id;
    d->count = count;
    d->fates = (struct fate *)(void *)((char *)d->events + events);
    for (uint32_t i = 0; i < count; i++)
        d->events[i] = event_of(items[i]);
    d->route = route;
    route->refs++;
    d->call = (struct store_call){.run = record_run, .done = record_done, .home = c->config.mailbox};
    d->attempt = (struct attempt){.channel_id = lane->key.id, .started_ms = wall_ms(c), .events = count};
    enum err e = request_build(&d->request, &route->ref->channel, d->events, count,
                               c->config.settings->user_agent, d->attempt.started_ms);
    if (!e && route->valid) {
        struct exchange_request x = {
            .url = &route->url,
            .headers = d->request.headers,
            .header_count = d->request.header_count,
            .body = buf_span(&d->request.body),
            .deadlines = c->config.settings->deadlines,
        };
        if (route->ref->channel.response_timeout_ms)
            x.deadlines.response_ms = route->ref->channel.response_timeout_ms;
        e = exchange_start(c->config.engine, &x, on_done, d, NULL);
    } else if (!e) {
        d->letter.open = open_refusal;
        mailbox_post(c->config.mailbox, &d->letter);
    }
    if (e) {
        delivery_free(d);
        return e;
    }
    c->deliveries++;
    return ERR_NONE;
}
