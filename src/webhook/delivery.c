#include "webhook/delivery.h"

#include "base/log.h"
#include "base/mem.h"
#include "fault/effect.h"
#include "webhook/channel_route.h"
#include "webhook/request.h"

struct delivery {
    const struct deliveries *all;
    int64_t channel_id;
    struct channel_route *route;
    struct request request;
    struct record record;
    struct letter letter; /* reports an outcome without an exchange */
    struct attempt attempt;
    char detail[8], address[64];
    struct outcome outcome;
    uint32_t count;
    struct fate *fates; /* count of them, allocated after events */
    struct event *events[];
};

static void delivery_free(struct delivery *d)
{
    request_deinit(&d->request);
    channel_route_drop(d->route);
    mem_free(d);
}

static int64_t wall_ms(const struct deliveries *all)
{
    return all->clock->wall_ms(all->clock->arg);
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static struct lane *lane_of(const struct delivery *d)
{
    return courier_lane(d->all->courier, COURIER_CHANNEL, d->channel_id);
}

static enum err write_record(struct record *r, struct backend *b)
{
    struct delivery *d = list_entry(r, struct delivery, record);
    return b->ops->events->result_put(b, &d->attempt, d->fates, d->count,
                                      d->attempt.started_ms + d->attempt.total_us / 1000);
}

/* Updates what lists and live streams show of the channel. */
static void note_pulse(const struct delivery *d)
{
    struct pulse *p = &d->route->ref->live->pulse;
    int64_t now_ms = d->attempt.started_ms + d->attempt.total_us / 1000;
    if (d->outcome.reason == REASON_OK)
        pulse_delivered(p, d->count, now_ms);
    else if (effect_of(&d->outcome) & EFFECT_COUNT)
        pulse_failed(p, &d->outcome, now_ms);
}

/* The result is committed: its events end, or wait for a redelivery. */
static void on_written(struct record *r)
{
    struct delivery *d = list_entry(r, struct delivery, record);
    const struct deliveries *all = d->all;
    struct lane *lane = lane_of(d);
    int64_t ended = 0;
    for (uint32_t i = 0; i < d->count; i++) {
        struct item *item = &d->events[i]->item;
        const struct fate *fate = &d->fates[i];
        if (fate_waits(fate->end) && lane && lane->owner) {
            item->due_ms = fate->next_due_ms;
            item->tries = fate->tries;
            item->faults = fate->faults;
            courier_again(all->courier, lane, item);
            add(&all->counters->put_off, 1);
            continue;
        }
        ended++;
        if (fate->end == FATE_DELIVERED)
            add(&all->counters->delivered, 1);
        else if (fate->end ==
                 FATE_GIVEN_UP) /* otherwise its channel was deleted, which does not count as giving up */
            add(&all->counters->given_up, 1);
        courier_done(all->courier, lane, item);
    }
    (void)directory_backlog_add(all->directory, d->route->ref->live, -ended);
    note_pulse(d);
    courier_end(all->courier, lane);
    delivery_free(d);
}

/* The result cannot be stored: its events stay pending and are sent again at the next start. */
static void on_abandon(struct record *r)
{
    struct delivery *d = list_entry(r, struct delivery, record);
    for (uint32_t i = 0; i < d->count; i++)
        mem_free(d->events[i]);
    delivery_free(d);
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

static void count_outcome(struct delivery_counters *n, const struct exchange_result *r)
{
    const struct outcome *o = &r->outcome;
    add(&n->attempts, 1);
    add(&n->retried, r->retries);
    if (o->reason == REASON_ERROR_STATUS_CODE && o->status > 0 && o->status < 1000)
        add(&n->failed_status[o->status], 1);
    else if (o->reason != REASON_OK)
        add(&n->failed[o->fault], 1);
    if (cause_of(o->cause)->blame == BLAME_LOCAL)
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
        if (phases[i].us) /* 0: the phase was not reached */
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

/*
 * Marks the attempt for an error mail if the channel wants such mails; faults of our own machine send none.
 */
static void mark_notice(struct delivery *d, const struct channel *channel, const struct outcome *o)
{
    if (!channel->error_notification || !(effect_of(o) & EFFECT_NOTIFY))
        return;
    d->attempt.notice_ms = d->all->settings->notice_window_ms;
    for (uint32_t i = 0; channel->webhook_redelivery && i < d->count; i++)
        d->attempt.stopped += d->fates[i].was_retry && d->fates[i].end == FATE_GIVEN_UP;
}

/* Whether the channel still exists; statistics of a deleted channel would never be erased. */
static bool is_there(const struct delivery *d, const struct lane *lane)
{
    if (lane->owner)
        return true;
    struct channel_ref *ref = directory_get(d->all->directory, d->channel_id);
    channel_ref_drop(ref);
    return ref;
}

static void conclude(struct delivery *d, const struct exchange_result *r)
{
    const struct deliveries *all = d->all;
    struct lane *lane = lane_of(d);
    courier_sent(all->courier, lane, news_of(&r->outcome));
    if (r->outcome.cause == CAUSE_local_cancelled && !r->evidence.sent) {
        /*
         * The node is shutting down and no byte of the request was sent: its events stay pending, as if not
         * tried. If bytes were sent, the bot server may have processed the request: then the attempt is
         * recorded like any fault of ours, and the events are sent again as a redelivery.
         */
        for (uint32_t i = 0; i < d->count; i++)
            courier_done(all->courier, lane, &d->events[i]->item);
        courier_end(all->courier, lane);
        delivery_free(d);
        return;
    }
    d->outcome = r->outcome;
    fill_attempt(d, r);
    count_outcome(all->counters, r);
    /* Uses the channel's present settings, not those at the time of sending. */
    const struct channel_route *now = lane->owner ? lane->owner : d->route;
    for (uint32_t i = 0; i < d->count; i++) {
        const struct item *item = &d->events[i]->item;
        struct redelivery_news n = {.outcome = &r->outcome,
                                    .retry_after_s = r->retry_after_s,
                                    .tries = item->tries,
                                    .faults = item->faults,
                                    .sent = r->evidence.sent,
                                    .now_ms = wall_ms(all)};
        d->fates[i] = (struct fate){.event_id = item->id, .was_retry = item->retry};
        redelivery_decide(&all->settings->schedule, &now->ref->channel, &n, &random_system, &d->fates[i]);
    }
    const struct channel *channel = &now->ref->channel;
    d->attempt.counted = channel->use_webhook && channel->error_statistics &&
                         effect_of(&r->outcome) & EFFECT_COUNT && is_there(d, lane);
    mark_notice(d, channel, &r->outcome);
    if (lane->owner)
        all->judge(all->arg, lane->owner, d->route, &r->outcome);
    if (r->outcome.reason != REASON_OK)
        log_failure(d, r);
    request_deinit(&d->request); /* the record needs no body */
    courier_record(all->courier, &d->record);
}

static void on_done(void *arg, const struct exchange_result *r)
{
    struct delivery *d = arg;
    struct courier *courier = d->all->courier;
    struct exchange_result told = *r;
    edition_apply(&d->all->settings->edition, &told.outcome);
    conclude(d, &told);
    courier_pump(courier);
}

/* Reports an invalid URL. The outcome needs no exchange, but is reported asynchronously like any other. */
static void open_refusal(struct letter *l)
{
    struct delivery *d = list_entry(l, struct delivery, letter);
    struct exchange_result r = {.tls_alert = -1};
    r.evidence =
        (struct evidence){.phase = PHASE_URL, .ended = ENDED_URL, .cause = d->route->cause, .tls_alert = -1};
    r.outcome = outcome_of(&r.evidence);
    conclude(d, &r);
}

enum err delivery_send(const struct deliveries *all, struct lane *lane, struct item *const *items,
                       uint32_t count)
{
    struct channel_route *route = lane->owner;
    size_t events = sizeof(struct event *) * count;
    struct delivery *d = mem_zero(1, sizeof(*d) + events + sizeof(struct fate) * count);
    if (!d)
        return ERR_NOMEM;
    d->all = all;
    d->channel_id = lane->key.id;
    d->count = count;
    d->fates = (struct fate *)(void *)((char *)d->events + events);
    for (uint32_t i = 0; i < count; i++)
        d->events[i] = event_of(items[i]);
    d->route = channel_route_hold(route);
    d->record = (struct record){.write = write_record, .written = on_written, .abandon = on_abandon};
    d->attempt = (struct attempt){.channel_id = lane->key.id, .started_ms = wall_ms(all), .events = count};
    enum err e = request_build(&d->request, &route->ref->channel, d->events, count, all->settings->user_agent,
                               d->attempt.started_ms);
    if (!e && route->valid) {
        struct exchange_request x = {
            .url = &route->url,
            .headers = d->request.headers,
            .header_count = d->request.header_count,
            .body = buf_span(&d->request.body),
            .deadlines = all->settings->deadlines,
        };
        if (route->ref->channel.response_timeout_ms)
            x.deadlines.response_ms = route->ref->channel.response_timeout_ms;
        e = exchange_start(all->engine, &x, on_done, d, NULL);
    } else if (!e) {
        d->letter.open = open_refusal;
        mailbox_post(all->mailbox, &d->letter);
    }
    if (e)
        delivery_free(d);
    return e;
}
