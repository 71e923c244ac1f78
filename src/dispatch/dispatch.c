#include "dispatch/dispatch_core.h"

#include "base/mem.h"

#define LANES_MAX 200000u /* as many as there may be channels */
#define BATCH_ITEMS_MAX 500u
#define NAP_US 10000000u /* a lane that rests longer than this releases its memory to others */
#define RETRY_TURN 4u    /* while fresh items wait, at most one request in four is a retry */

enum err dispatch_new(struct dispatch **ret, const struct dispatch_config *config)
{
    struct dispatch *d = mem_zero(1, sizeof(*d));
    if (!d)
        return ERR_NOMEM;
    d->c = *config;
    map_init(&d->lanes, LANES_MAX, &random_system);
    list_init(&d->round);
    list_init(&d->hungry);
    *ret = d;
    return ERR_NONE;
}

static struct span key_span(const struct lane_key *key)
{
    return (struct span){(const char *)key, sizeof(*key)};
}

bool dispatch_release(struct dispatch *d, struct lane *lane)
{
    dispatch_drop(d, lane);
    if (lane->out || lane->in_flight || lane->refilling || lane->retry_refilling)
        return false;
    (void)map_remove(&d->lanes, key_span(&lane->key));
    map_deinit(&lane->retries);
    mem_free(lane);
    return true;
}

void dispatch_free(struct dispatch *d)
{
    if (!d)
        return;
    size_t at = 0;
    for (struct lane *lane; (lane = map_next(&d->lanes, &at));) {
        dispatch_drop(d, lane);
        map_deinit(&lane->retries);
        mem_free(lane);
    }
    map_deinit(&d->lanes);
    mem_free(d);
}

struct lane *dispatch_find(struct dispatch *d, struct lane_key key)
{
    return map_get(&d->lanes, key_span(&key));
}

struct lane *dispatch_lane(struct dispatch *d, struct lane_key key)
{
    struct lane *lane = dispatch_find(d, key);
    if (lane)
        return lane;
    lane = mem_zero(1, sizeof(*lane));
    if (!lane)
        return NULL;
    lane->key = key;
    lane->window = d->c.window_first;
    lane->batch_max = 1;
    lane->horizon_ms = UINT64_MAX;
    list_init(&lane->fresh);
    list_init(&lane->due);
    map_init(&lane->retries, (size_t)d->c.lane_retries_max * 4, &random_system);
    if (map_put(&d->lanes, key_span(&lane->key), lane)) {
        mem_free(lane);
        return NULL;
    }
    return lane;
}

void dispatch_each(struct dispatch *d, void (*fn)(void *arg, struct lane *lane), void *arg)
{
    size_t at = 0;
    for (struct lane *lane; (lane = map_next(&d->lanes, &at));)
        fn(arg, lane);
}

/* Call after a rest began, ended or changed its length. */
static void settle(struct dispatch *d, struct lane *lane)
{
    bool was_asleep = lane->asleep;
    lane->asleep = lane->paused || lane->held_us > dispatch_now_us(d) + NAP_US;
    if (was_asleep && !lane->asleep && lane->retry_behind)
        lane->horizon_ms = 0;
    if (turn_rests(lane))
        list_remove(&lane->link);
    if (lane->asleep) {
        list_remove(&lane->hungry);
        stock_shed(d, lane);
    }
    turn_activate(d, lane);
    stock_refill(d, lane);
    turn_set_wake(d, lane);
    stock_feed(d);
}

void dispatch_set(struct dispatch *d, struct lane *lane, uint32_t batch_max, bool paused)
{
    lane->batch_max = batch_max < 1 ? 1 : batch_max > BATCH_ITEMS_MAX ? BATCH_ITEMS_MAX : batch_max;
    lane->paused = paused;
    settle(d, lane);
}

void dispatch_hold(struct dispatch *d, struct lane *lane, uint64_t until_us)
{
    uint64_t now_us = dispatch_now_us(d), until = until_us > now_us ? until_us : 0;
    if (until == lane->held_us)
        return;
    lane->held_us = until;
    if (!until)
        pace_idle(&lane->pace, now_us * 1000);
    settle(d, lane);
}

void dispatch_sent(struct dispatch *d, struct lane *lane, enum lane_news news)
{
    d->in_flight--;
    lane->in_flight--;
    double max = d->c.window_max;
    if (news == LANE_GOOD) {
        lane->window += lane->steady ? 1 / lane->window : 1;
        if (lane->window > max)
            lane->window = max;
    } else if (news == LANE_BAD) {
        lane->steady = true;
        /* Shrinks by one per failure, so that a full window of simultaneous failures shrinks it to one. */
        lane->window = lane->window > 2 ? lane->window - 1 : 1;
    }
    turn_activate(d, lane);
}

/* Chooses the next request's items: one retry, or as many fresh items as fit. */
static uint32_t pick(struct dispatch *d, struct lane *lane, struct item **items, uint32_t room)
{
    bool retry = turn_may_retry(lane) && (list_empty(&lane->fresh) || ++lane->turn % RETRY_TURN == 0);
    if (retry) {
        items[0] = list_entry(list_pop_front(&lane->due), struct item, link);
        stock_go_out(lane, items[0]);
        return 1;
    }
    uint32_t n = 0;
    uint64_t bytes = 0;
    while (n < room && !list_empty(&lane->fresh)) {
        struct item *item = list_entry(lane->fresh.next, struct item, link);
        if (n && bytes + item->size > d->c.bytes_max)
            break;
        list_remove(&item->link);
        stock_go_out(lane, item);
        bytes += item->size;
        items[n++] = item;
    }
    lane->fresh_count -= n;
    return n;
}

static void put_back(struct lane *lane, struct item **items, uint32_t count)
{
    bool retry = items[0]->retry;
    for (uint32_t i = count; i-- > 0;) {
        stock_come_back(lane, items[i]);
        list_push_front(retry ? &lane->due : &lane->fresh, &items[i]->link);
    }
    if (!retry)
        lane->fresh_count += count;
}

static enum err send_one(struct dispatch *d, struct lane *lane)
{
    struct item *items[BATCH_ITEMS_MAX];
    uint32_t room = turn_room(d, lane, lane->batch_max);
    if (!room)
        return ERR_NONE; /* turn_activate() schedules the lane */
    uint32_t n = pick(d, lane, items, room);
    lane->in_flight++;
    d->in_flight++;
    enum err e = d->c.send(d->c.arg, lane, items, n);
    if (e) {
        lane->in_flight--;
        d->in_flight--;
        put_back(lane, items, n);
        return e;
    }
    if (lane->pace.interval_ns)
        pace_spend(&lane->pace, dispatch_now_us(d) * 1000, n);
    stock_refill(d, lane);
    return ERR_NONE;
}

static void wake_due(struct dispatch *d, uint64_t now_us)
{
    uint64_t now = now_us / 1000;
    struct heap_node *w;
    while ((w = heap_min(&d->wakes)) && w->key <= now_us) {
        struct lane *lane = list_entry(w, struct lane, wake);
        turn_unwake(d, lane);
        if (lane->held_us)
            dispatch_hold(d, lane, 0); /* its rest is over */
        struct heap_node *n;
        while ((n = heap_min(&lane->later)) && n->key <= now) {
            heap_remove(&lane->later, n);
            turn_join(d, lane);
            list_push_back(&lane->due, &list_entry(n, struct item, due_node)->link);
        }
        turn_activate(d, lane);
        stock_refill(d, lane);
        if (lane->horizon_ms <= now) /* being loaded; a sleeping lane is checked when it wakes */
            lane->horizon_ms = lane->asleep ? UINT64_MAX : now + DISPATCH_AGAIN_MS;
        turn_set_wake(d, lane);
    }
}

void dispatch_rate(struct dispatch *d, struct lane *lane, double per_second)
{
    pace_set(&lane->pace, per_second, dispatch_now_us(d) * 1000);
    if (!turn_room(d, lane, 1))
        list_remove(&lane->link);
    turn_activate(d, lane);
    turn_set_wake(d, lane);
}

void dispatch_pump(struct dispatch *d)
{
    if (d->stopped)
        return;
    uint64_t now_us = dispatch_now_us(d);
    if (d->again_ms && d->again_ms <= now_us / 1000) {
        d->again_ms = 0;
        stock_feed(d);
    }
    wake_due(d, now_us);
    while (d->in_flight < d->c.in_flight_max && !d->again_ms) {
        struct list *i = list_pop_front(&d->round);
        if (!i)
            break;
        struct lane *lane = list_entry(i, struct lane, link);
        if (!turn_can_send(lane))
            continue;
        if (send_one(d, lane))
            turn_again_later(d);
        turn_activate(d, lane);
    }
}

uint64_t dispatch_next_ms(struct dispatch *d)
{
    struct heap_node *w = heap_min(&d->wakes);
    uint64_t at = w ? w->key / 1000 + (w->key % 1000 != 0) : UINT64_MAX, now = dispatch_now_ms(d);
    if (d->again_ms && d->again_ms < at)
        at = d->again_ms;
    if (at == UINT64_MAX || d->stopped)
        return UINT64_MAX;
    return at > now ? at - now : 0;
}

void dispatch_stop(struct dispatch *d)
{
    d->stopped = true;
}

void dispatch_stats_get(const struct dispatch *d, struct dispatch_stats *ret)
{
    *ret = (struct dispatch_stats){.in_flight = d->in_flight, .lanes = d->lanes.count, .memory = d->memory};
    for (const struct list *i = d->round.next; i && i != &d->round; i = i->next)
        ret->active++;
    size_t at = 0;
    for (const struct lane *lane; (lane = map_next(&d->lanes, &at));) {
        if (turn_rests(lane))
            continue;
        ret->window += (uint64_t)lane->window;
        ret->waiting += lane->behind || !list_empty(&lane->fresh) || !list_empty(&lane->due);
    }
}
