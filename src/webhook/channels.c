#include "webhook/channels.h"

#include "base/mem.h"
#include "fault/effect.h"
#include "store/steady.h"
#include "webhook/channel_route.h"

struct channels {
    struct channels_config config;
    struct deliveries deliveries;
    uint64_t changing; /* changes of channels that the store has not completed */
};

static bool known(void *arg, int64_t id)
{
    struct channels *c = arg;
    struct channel_ref *ref = directory_get(c->config.directory, id);
    channel_ref_drop(ref);
    return ref;
}

static enum err open_route(void *arg, struct lane *lane)
{
    struct channels *c = arg;
    struct channel_route *route =
        channel_route_new(c->config.directory, lane->key.id, c->deliveries.settings->allow_http);
    if (!route)
        return ERR_NOMEM;
    if (lane->owner)
        channel_route_inherit(route, lane->owner);
    channel_route_drop(lane->owner);
    lane->owner = route;
    const struct channel *channel = &route->ref->channel;
    courier_set(c->config.courier, lane, channel_batch(channel), !channel_sends(channel));
    return ERR_NONE;
}

static void close_route(void *arg, struct lane *lane)
{
    (void)arg;
    channel_route_drop(lane->owner);
}

static enum err send_items(void *arg, struct lane *lane, struct item *const *items, uint32_t count)
{
    return delivery_send(&((struct channels *)arg)->deliveries, lane, items, count);
}

/* Takes one row into the lane. ERR_LIMIT: stop reading, the lane has enough. */
static enum err fill_row(void *arg, struct span json, const struct event *head)
{
    struct courier_fill *f = arg;
    if (courier_fill_full(f))
        return ERR_LIMIT;
    struct event *e = event_new(f->id, json, head->flags);
    if (!e)
        return ERR_NOMEM;
    e->item.id = head->item.id;
    e->item.due_ms = head->item.due_ms;
    e->item.tries = head->item.tries;
    e->item.faults = head->item.faults;
    e->item.retry = head->item.retry;
    courier_fill_add(f, &e->item);
    return ERR_NONE;
}

static enum err fill(void *arg, struct backend *b, struct courier_fill *f)
{
    (void)arg;
    enum err e = f->retries ? b->ops->events->retry_list(b, f->id, f->limit, fill_row, f)
                            : b->ops->events->queue_list(b, f->id, f->after, f->limit, fill_row, f);
    return e == ERR_LIMIT ? ERR_NONE : e;
}

static uint64_t longest(void *arg, const struct lane *lane)
{
    const struct channels *c = arg;
    const struct channel_route *route = lane->owner;
    struct redelivery_schedule schedule =
        redelivery_schedule_of(&c->deliveries.settings->schedule, &route->ref->channel);
    return redelivery_longest(&schedule);
}

static void on_changed(void *arg, const struct suspension_change *change, enum err err)
{
    struct channels *c = arg;
    struct lane *lane = courier_lane(c->config.courier, COURIER_CHANNEL, change->channel_id);
    struct channel_route *route = lane ? lane->owner : NULL;
    if (route)
        route->health.asked = false;
    if (!err && change->step == SUSPENSION_BEGIN)
        atomic_fetch_add_explicit(&c->config.counters->suspended, 1, memory_order_relaxed);
    c->changing--;
}

static int64_t wall_ms(const struct channels *c)
{
    return c->config.clock->wall_ms(c->config.clock->arg);
}

static struct suspension_clock clock_of(const struct channels *c)
{
    uint64_t mono_ms = c->config.clock->mono_us(c->config.clock->arg) / 1000;
    int64_t now_ms = wall_ms(c);
    if (c->config.ahead)
        now_ms = steady_guess(atomic_load_explicit(c->config.ahead, memory_order_relaxed), now_ms,
                              (int64_t)mono_ms);
    return (struct suspension_clock){now_ms, mono_ms};
}

/* Updates the channel's health by the outcome, which may suspend or resume it. */
static void judge(void *arg, struct channel_route *now, const struct channel_route *sent,
                  const struct outcome *o)
{
    struct channels *c = arg;
    const struct channel *channel = &now->ref->channel;
    if (now != sent && strcmp(channel->webhook_url, sent->ref->channel.webhook_url) != 0)
        return; /* the request went to an older URL */
    const struct suspension_clock time = clock_of(c);
    enum suspension_step step =
        suspension_judge(&now->health, &c->deliveries.settings->suspension, channel, o, &time);
    if (step == SUSPENSION_NONE)
        return;
    struct suspension_change change = {.step = step,
                                       .channel_id = channel->id,
                                       .now_ms = time.time_ms,
                                       .wall_ms = wall_ms(c),
                                       .since_ms = now->health.since_ms,
                                       .failures = now->health.failures,
                                       .reason = reason_text(o->reason)};
    char detail[8];
    (void)snprintf(change.detail, sizeof(change.detail), "%s", outcome_detail(o, detail));
    memcpy(change.url, channel->webhook_url, sizeof(change.url));
    if (suspension_submit(&change, c->config.courier, c->config.store, c->config.directory, c->config.mailbox,
                          on_changed, c))
        return; /* out of memory: the next outcome tries again */
    now->health.asked = true;
    c->changing++;
}

enum err channels_new(struct channels **ret, const struct channels_config *config)
{
    struct channels *c = mem_zero(1, sizeof(*c));
    if (!c)
        return ERR_NOMEM;
    c->config = *config;
    c->deliveries = (struct deliveries){.courier = config->courier,
                                        .mailbox = config->mailbox,
                                        .engine = config->engine,
                                        .directory = config->directory,
                                        .settings = config->settings,
                                        .counters = config->counters,
                                        .clock = config->clock,
                                        .judge = judge,
                                        .arg = c};
    courier_own(config->courier, COURIER_CHANNEL,
                &(struct courier_owner){.arg = c,
                                        .known = known,
                                        .open = open_route,
                                        .close = close_route,
                                        .send = send_items,
                                        .fill = fill,
                                        .longest = longest});
    *ret = c;
    return ERR_NONE;
}

void channels_free(struct channels *c)
{
    mem_free(c);
}

void channels_set_settings(struct channels *c, const struct delivery_settings *settings)
{
    c->deliveries.settings = settings;
}

bool channels_idle(const struct channels *c)
{
    return c->changing == 0;
}
