#include "webhook/courier.h"

#include "base/log.h"
#include "base/mem.h"
#include "webhook/delivery.h"

#define LANE_ITEMS 1000u  /* fresh events a channel holds in memory */
#define LANE_RETRIES 256u /* and retries */
#define WINDOW_FIRST 8u
#define LOAD_BYTES (4u << 20) /* read for one channel at once */

static struct lane *lane_of(struct courier *c, int64_t channel_id)
{
    struct lane *lane = dispatch_lane(c->dispatch, courier_channel_key(channel_id));
    if (lane && !lane->owner) {
        lane->owner = courier_route_new(c, channel_id);
        if (!lane->owner)
            return NULL; /* the next one tries again */
        struct courier_route *r = lane->owner;
        dispatch_set(c->dispatch, lane, channel_batch(&r->ref->channel), !channel_sends(&r->ref->channel));
    }
    return lane;
}

void courier_lane_rest(struct courier *c, struct lane *lane)
{
    if (lane && !lane->owner)
        (void)dispatch_release(c->dispatch, lane);
}

/* Loading a lane from the store, on its writing thread: so what is read is in order with what is committed.
 */
struct load {
    struct store_call call;
    struct courier *courier;
    int64_t channel_id;
    bool retries;
    int64_t after;
    uint32_t limit, count;
    uint64_t bytes;
    struct list items;
};

static void forget_all(struct list *items)
{
    for (struct list *i; (i = list_pop_front(items));)
        mem_free(event_of(list_entry(i, struct item, link)));
}

static enum err load_row(void *arg, struct span json, const struct event *head)
{
    struct load *l = arg;
    if (l->count && l->bytes >= LOAD_BYTES)
        return ERR_LIMIT;
    struct event *e = event_new(l->channel_id, json, head->flags);
    if (!e)
        return ERR_NOMEM;
    e->item.id = head->item.id;
    e->item.due_ms = head->item.due_ms;
    e->item.tries = head->item.tries;
    e->item.faults = head->item.faults;
    e->item.retry = head->item.retry;
    list_push_back(&l->items, &e->item.link);
    l->count++;
    l->bytes += e->item.memory;
    return ERR_NONE;
}

static enum err load_run(struct store_call *call, struct backend *b)
{
    struct load *l = list_entry(call, struct load, call);
    forget_all(&l->items); /* a second run */
    l->count = 0;
    l->bytes = 0;
    enum err e = l->retries ? b->ops->retry_list(b, l->channel_id, l->limit, load_row, l)
                            : b->ops->queue_list(b, l->channel_id, l->after, l->limit, load_row, l);
    if (e == ERR_LIMIT) {
        l->limit = l->count; /* there is more */
        e = ERR_NONE;
    }
    return e;
}

/* Due times are wall clock: they must hold nothing back for days because the clock was set back. */
static void bound_due(const struct courier *c, const struct channel *channel, struct list *items)
{
    struct redelivery_schedule schedule = redelivery_schedule_of(&c->config.settings->schedule, channel);
    int64_t latest = c->config.clock->wall_ms(c->config.clock->arg) + (int64_t)redelivery_longest(&schedule);
    for (struct list *i = items->next; i != items; i = i->next) {
        struct item *item = list_entry(i, struct item, link);
        if (item->due_ms > latest)
            item->due_ms = latest;
    }
}

static void load_done(struct store_call *call)
{
    struct load *l = list_entry(call, struct load, call);
    struct courier *c = l->courier;
    struct lane *lane = dispatch_find(c->dispatch, courier_channel_key(l->channel_id));
    bool more = l->count >= l->limit;
    c->loading--;
    if (!lane || !lane->owner || call->err) {
        forget_all(&l->items);
        if (lane)
            dispatch_refill_failed(c->dispatch, lane, l->retries);
        courier_lane_rest(c, lane);
    } else if (l->retries) {
        bound_due(c, &((struct courier_route *)lane->owner)->ref->channel, &l->items);
        dispatch_retries_loaded(c->dispatch, lane, &l->items, more);
    } else {
        dispatch_refilled(c->dispatch, lane, &l->items, more);
    }
    mem_free(l);
}

static void load(struct courier *c, struct lane *lane, bool retries, int64_t after, uint32_t limit)
{
    struct load *l = mem_zero(1, sizeof(*l));
    if (!l) {
        dispatch_refill_failed(c->dispatch, lane, retries);
        return;
    }
    *l = (struct load){
        .courier = c, .channel_id = lane->key.id, .retries = retries, .after = after, .limit = limit};
    l->call = (struct store_call){.run = load_run, .done = load_done, .home = c->config.mailbox};
    list_init(&l->items);
    c->loading++;
    store_submit(c->config.store, &l->call);
}

static void on_refill(void *arg, struct lane *lane, int64_t after, uint32_t limit)
{
    load(arg, lane, false, after, limit);
}

static void on_load_retries(void *arg, struct lane *lane, uint32_t limit)
{
    load(arg, lane, true, 0, limit);
}

static void on_forget(void *arg, struct item *item)
{
    (void)arg;
    mem_free(event_of(item));
}

static void on_timer(uv_timer_t *timer)
{
    struct courier *c = timer->data;
    c->timer_at = 0;
    if (c->again_at && uv_now(c->config.loop) >= c->again_at) {
        c->again_at = 0;
        courier_delivery_record_again(c);
    }
    courier_pump(c);
}

/* One timer for all: the next retry, or what the store could not take. */
static void set_timer(struct courier *c)
{
    uint64_t wait = c->refused < COURIER_REFUSED_MAX ? dispatch_next_ms(c->dispatch) : UINT64_MAX;
    uint64_t now = uv_now(c->config.loop);
    if (list_empty(&c->unrecorded) && list_empty(&c->orphans))
        c->again_at = 0;
    else if (!c->again_at) /* once: whatever else happens meanwhile puts it off no further */
        c->again_at = now + COURIER_AGAIN_MS;
    if (c->again_at && wait > (c->again_at > now ? c->again_at - now : 0))
        wait = c->again_at > now ? c->again_at - now : 0;
    if (wait == UINT64_MAX || c->closing) {
        (void)uv_timer_stop(&c->timer);
        c->timer_at = 0;
        return;
    }
    uint64_t at = now + wait;
    if (c->timer_at && c->timer_at <= at && c->timer_at + 1 >= at)
        return;
    c->timer_at = at;
    (void)uv_timer_start(&c->timer, on_timer, wait, 0);
}

void courier_pump(struct courier *c)
{
    c->reopening = true;
    c->stuck = false;
    while (!c->stuck && !list_empty(&c->orphans)) {
        struct letter *l = list_entry(list_pop_front(&c->orphans), struct letter, link);
        l->open(l);
    }
    c->reopening = false;
    if (c->refused < COURIER_REFUSED_MAX)
        dispatch_pump(c->dispatch);
    uv_update_time(c->config.loop);
    set_timer(c);
}

/* There is no memory for its lane. */
static void keep_letter(struct courier *c, struct letter *l)
{
    if (c->reopening)
        list_push_front(&c->orphans, &l->link);
    else
        list_push_back(&c->orphans, &l->link);
    c->stuck = true;
}

/* None is opened before those that came before it: a lane takes events in the order of commits, and passes over what is older. */
static bool must_wait(struct courier *c, struct letter *l)
{
    if (c->reopening || list_empty(&c->orphans))
        return false;
    list_push_back(&c->orphans, &l->link);
    return true;
}

static void open_fresh(struct letter *l)
{
    struct courier_fresh *f = list_entry(l, struct courier_fresh, letter);
    struct courier *c = f->courier;
    if (must_wait(c, l))
        return;
    struct channel_ref *ref = directory_get(c->config.directory, f->channel_id);
    struct lane *lane = ref ? lane_of(c, f->channel_id) : NULL;
    channel_ref_drop(ref);
    if (ref && !lane) {
        keep_letter(c, l);
        return;
    }
    for (uint32_t i = 0; i < f->count; i++) {
        if (lane)
            dispatch_fresh(c->dispatch, lane, &f->events[i]->item);
        else
            mem_free(f->events[i]); /* the channel was deleted meanwhile */
    }
    mem_free(f);
}

void courier_hand_over(struct courier *c, struct courier_fresh *f)
{
    f->courier = c;
    f->letter.open = open_fresh;
    mailbox_post(c->config.mailbox, &f->letter);
}

/* What is known of the channel's health stays, unless its URL changed or somebody said that it goes on. */
static void inherit(struct courier_route *to, const struct courier_route *from)
{
    const struct channel *now = &to->ref->channel, *was = &from->ref->channel;
    bool same = strcmp(now->webhook_url, was->webhook_url) == 0 &&
                (now->suspended_ms || !was->suspended_ms) && (now->failing_ms || !was->failing_ms);
    if (same)
        to->health = from->health;
    else
        pulse_moved(&to->ref->live->pulse);
    to->health.asked = from->health.asked;
}

static void open_note(struct letter *l)
{
    struct courier_note *note = list_entry(l, struct courier_note, letter);
    struct courier *c = note->courier;
    if (must_wait(c, l))
        return;
    struct channel_ref *ref = directory_get(c->config.directory, note->channel_id);
    struct lane *lane = ref ? lane_of(c, note->channel_id)
                            : dispatch_find(c->dispatch, courier_channel_key(note->channel_id));
    channel_ref_drop(ref);
    if (ref && !lane) {
        keep_letter(c, l);
        return;
    }
    if (!ref && lane) {
        courier_route_drop(lane->owner);
        lane->owner = NULL;
        courier_lane_rest(c, lane);
    } else if (lane) {
        struct courier_route *route = courier_route_new(c, note->channel_id);
        if (!route) {
            keep_letter(c, l);
            return;
        }
        inherit(route, lane->owner);
        courier_route_drop(lane->owner);
        lane->owner = route;
        const struct channel *channel = &route->ref->channel;
        dispatch_set(c->dispatch, lane, channel_batch(channel), !channel_sends(channel));
        if (note->redeliver)
            dispatch_behind(c->dispatch, lane, false, true);
    }
    mem_free(note);
}

void courier_notify(struct courier *c, struct courier_note *note)
{
    note->courier = c;
    note->letter.open = open_note;
    mailbox_post(c->config.mailbox, &note->letter);
}

enum err courier_verified(struct courier *c, int64_t channel_id, const char *url, struct mailbox *home)
{
    struct suspension_change change = {.step = SUSPENSION_LIFT, .channel_id = channel_id};
    (void)snprintf(change.url, sizeof(change.url), "%s", url);
    return suspension_submit(&change, c, c->config.store, c->config.directory, home, NULL, NULL);
}

void courier_resume(struct courier *c, int64_t channel_id)
{
    struct lane *lane = lane_of(c, channel_id);
    if (lane)
        dispatch_behind(c->dispatch, lane, true, true);
    else
        log_error("webhook", "no memory for a channel's backlog; it waits for a restart",
                  log_int("channel", channel_id));
}

enum err courier_new(struct courier **ret, const struct courier_config *config)
{
    struct courier *c = mem_zero(1, sizeof(*c));
    if (!c)
        return ERR_NOMEM;
    c->config = *config;
    list_init(&c->unrecorded);
    list_init(&c->orphans);
    struct dispatch_config d = {
        .in_flight_max = config->settings->in_flight_max,
        .window_first = WINDOW_FIRST,
        .window_max = config->settings->window_max,
        .lane_items_max = LANE_ITEMS,
        .lane_retries_max = LANE_RETRIES,
        .memory_max = config->settings->memory_max,
        .bytes_max = EVENT_MAX_BODY,
        .clock = *config->clock,
        .arg = c,
        .send = courier_delivery_send,
        .refill = on_refill,
        .load_retries = on_load_retries,
        .forget = on_forget,
    };
    enum err e = dispatch_new(&c->dispatch, &d);
    if (!e && uv_timer_init(config->loop, &c->timer))
        e = ERR_IO;
    if (e) {
        dispatch_free(c->dispatch);
        mem_free(c);
        return e;
    }
    c->timer.data = c;
    *ret = c;
    return ERR_NONE;
}

void courier_set_settings(struct courier *c, const struct courier_settings *settings)
{
    c->config.settings = settings;
}

void courier_stop(struct courier *c)
{
    dispatch_stop(c->dispatch);
}

bool courier_idle(const struct courier *c)
{
    return c->deliveries == 0 && c->loading == 0;
}

void courier_close(struct courier *c)
{
    c->closing = true;
    uv_close((uv_handle_t *)&c->timer, NULL);
}

static void drop_route(void *arg, struct lane *lane)
{
    (void)arg;
    courier_route_drop(lane->owner);
    lane->owner = NULL;
}

void courier_free(struct courier *c)
{
    if (!c)
        return;
    courier_delivery_abandon(c);
    dispatch_each(c->dispatch, drop_route, NULL);
    dispatch_free(c->dispatch);
    mem_free(c);
}

void courier_stats_get(const struct courier *c, struct courier_stats *ret)
{
    *ret = (struct courier_stats){0};
    dispatch_stats_get(c->dispatch, &ret->dispatch);
    for (const struct list *i = c->unrecorded.next; i != &c->unrecorded; i = i->next)
        ret->unrecorded++;
}

struct courier *courier_of(const struct courier_set *set, int64_t channel_id)
{
    uint64_t h = (uint64_t)channel_id * 0x9e3779b97f4a7c15u; /* Fibonacci hashing: neighbours spread */
    return set->all[(h >> 32) % set->count];
}
