#include "dispatch/dispatch_core.h"

#define SOON_MS 5000u  /* retries due within this time are worth scarce memory */
#define FEED_LOOKS 16u /* how many lanes are searched for one without items */

static void forget(struct dispatch *d, struct item *item)
{
    d->c.forget(d->c.arg, item);
}

static struct span id_span(const struct item *item)
{
    return (struct span){(const char *)&item->id, sizeof(item->id)};
}

static void take(struct dispatch *d, struct item *item)
{
    d->memory += item->memory;
}

static void let_go(struct dispatch *d, struct lane *lane, struct item *item)
{
    if (item->retry)
        (void)map_remove(&lane->retries, id_span(item));
    d->memory -= item->memory;
    forget(d, item);
}

/*
 * Memory held by slow lanes must not stop the others: between the limit and twice the limit, a lane still
 * gets a few items at a time.
 */
static uint32_t fresh_room(const struct dispatch *d, const struct lane *lane)
{
    uint32_t max = d->c.lane_items_max;
    if (d->memory >= d->c.memory_max) {
        if (d->memory / 2 >= d->c.memory_max)
            return 0;
        if (max > d->c.window_first)
            max = d->c.window_first;
    }
    return lane->fresh_count < max ? max - lane->fresh_count : 0;
}

/* Retries that wait for minutes leave most of the memory to items that can be sent now. */
static bool retries_roomy(const struct dispatch *d)
{
    return d->memory < d->c.memory_max / 4;
}

/* Loads more once a lane holds less than half of its limit. */
void stock_refill(struct dispatch *d, struct lane *lane)
{
    if (lane->asleep || d->stopped)
        return;
    if (lane->behind && !lane->refilling && lane->fresh_count <= d->c.lane_items_max / 2) {
        bool scarce = d->memory >= d->c.memory_max;
        uint32_t room = fresh_room(d, lane);
        if (scarce && !list_linked(&lane->hungry))
            list_push_back(&d->hungry, &lane->hungry);
        if (room && (!scarce || !lane->fresh_count)) { /* scarce: loads again once these have left */
            lane->refilling = true;
            lane->refill_from = lane->high;
            d->c.refill(d->c.arg, lane, lane->high, room);
        }
    }
    if (lane->retry_behind && !lane->retry_refilling &&
        ((lane->retries.count < d->c.lane_retries_max / 2 && retries_roomy(d)) ||
         lane->horizon_ms <= dispatch_now_ms(d))) {
        lane->retry_refilling = true;
        lane->horizon_ms = UINT64_MAX; /* retries dropped from now on set it again */
        d->c.load_retries(d->c.arg, lane, (uint32_t)lane->retries.count + d->c.lane_retries_max);
    }
}

/*
 * Called whenever an item leaves. While memory is scarce, the lanes without items take turns, one per item.
 */
void stock_feed(struct dispatch *d)
{
    while (d->memory < d->c.memory_max / 2 && !list_empty(&d->hungry))
        stock_refill(d, list_entry(list_pop_front(&d->hungry), struct lane, hungry));
    for (unsigned looks = FEED_LOOKS; looks > 0 && d->memory / 2 < d->c.memory_max && !list_empty(&d->hungry);
         looks--) {
        struct lane *lane = list_entry(list_pop_front(&d->hungry), struct lane, hungry);
        if (lane->fresh_count > 0 || lane->refilling) {
            list_push_back(&d->hungry, &lane->hungry);
            continue;
        }
        stock_refill(d, lane); /* goes to the end of the queue if memory is scarce */
        if (lane->refilling)
            break;
    }
}

/* Drops what is not in flight; the store has it. Items in flight have lower ids than all waiting ones. */
void stock_shed(struct dispatch *d, struct lane *lane)
{
    struct list *i;
    if (!list_empty(&lane->fresh)) {
        lane->high = list_entry(lane->fresh.next, struct item, link)->id - 1;
        lane->behind = true;
    }
    while ((i = list_pop_front(&lane->fresh)))
        let_go(d, lane, list_entry(i, struct item, link));
    lane->fresh_count = 0;
    lane->retry_behind |= !list_empty(&lane->due) || heap_min(&lane->later);
    while ((i = list_pop_front(&lane->due)))
        let_go(d, lane, list_entry(i, struct item, link));
    for (struct heap_node *n; (n = heap_min(&lane->later));) {
        heap_remove(&lane->later, n);
        let_go(d, lane, list_entry(n, struct item, due_node));
    }
}

void dispatch_drop(struct dispatch *d, struct lane *lane)
{
    struct list *i;
    while ((i = list_pop_front(&lane->fresh)))
        let_go(d, lane, list_entry(i, struct item, link));
    while ((i = list_pop_front(&lane->due)))
        let_go(d, lane, list_entry(i, struct item, link));
    struct heap_node *n;
    while ((n = heap_min(&lane->later))) {
        heap_remove(&lane->later, n);
        let_go(d, lane, list_entry(n, struct item, due_node));
    }
    lane->fresh_count = 0;
    lane->behind = lane->retry_behind = false;
    turn_unwake(d, lane);
    list_remove(&lane->link);
    list_remove(&lane->hungry);
}

void dispatch_behind(struct dispatch *d, struct lane *lane, bool fresh, bool retries)
{
    turn_join(d, lane);
    lane->behind |= fresh;
    if (retries) {
        lane->retry_behind = true;
        lane->horizon_ms = 0; /* some may be due at once */
    }
    stock_refill(d, lane);
    turn_set_wake(d, lane);
}

void dispatch_fresh(struct dispatch *d, struct lane *lane, struct item *item)
{
    if (item->id <= lane->high) { /* a refill was faster */
        forget(d, item);
        return;
    }
    if (lane->asleep || lane->behind || !fresh_room(d, lane)) {
        lane->behind = true;
        if (lane->missed < item->id)
            lane->missed = item->id;
        forget(d, item);
        stock_refill(d, lane);
        return;
    }
    turn_join(d, lane);
    take(d, item);
    lane->high = item->id;
    lane->fresh_count++;
    list_push_back(&lane->fresh, &item->link);
    turn_activate(d, lane);
}

void dispatch_refilled(struct dispatch *d, struct lane *lane, struct list *items, bool more)
{
    lane->refilling = false;
    bool stale = lane->asleep || lane->high != lane->refill_from; /* it slept meanwhile: load again */
    for (struct list *i; (i = list_pop_front(items));) {
        struct item *item = list_entry(i, struct item, link);
        if (stale || item->id <= lane->high) {
            forget(d, item);
            continue;
        }
        take(d, item);
        lane->high = item->id;
        lane->fresh_count++;
        list_push_back(&lane->fresh, &item->link);
    }
    lane->behind = stale || more || lane->high < lane->missed; /* some arrived during the load */
    turn_activate(d, lane);
    stock_refill(d, lane);
}

static uint64_t due_at(const struct dispatch *d, const struct item *item)
{
    int64_t wait = item->due_ms - d->c.clock.wall_ms(d->c.clock.arg);
    return dispatch_now_ms(d) + (uint64_t)(wait > 0 ? wait : 0);
}

/* Adds a retry that is not in memory yet; false: it was dropped. */
static bool add_retry(struct dispatch *d, struct lane *lane, struct item *item, uint64_t at)
{
    item->retry = true;
    if (map_put(&lane->retries, id_span(item), item)) { /* no room, or already present */
        forget(d, item);
        return false;
    }
    take(d, item);
    heap_add(&lane->later, &item->due_node, at);
    return true;
}

void stock_go_out(struct lane *lane, struct item *item)
{
    item->out = true;
    lane->out++;
    lane->retries_out += item->retry;
}

void stock_come_back(struct lane *lane, struct item *item)
{
    if (!item->out)
        return;
    item->out = false;
    lane->out--;
    lane->retries_out -= item->retry;
}

void dispatch_retry(struct dispatch *d, struct lane *lane, struct item *item)
{
    uint64_t at = due_at(d, item);
    stock_come_back(lane, item);
    if (item->retry) /* it was a retry before: take it off the map, to be dropped or put back */
        (void)map_remove(&lane->retries, id_span(item));
    d->memory -= item->memory;
    bool room = !lane->asleep && lane->retries.count < d->c.lane_retries_max && retries_roomy(d);
    if (!room)
        forget(d, item);
    if (!room || !add_retry(d, lane, item, at)) {
        lane->retry_behind = true;
        if (at < lane->horizon_ms)
            lane->horizon_ms = at;
    }
    turn_set_wake(d, lane);
    turn_activate(d, lane);
    stock_refill(d, lane);
    stock_feed(d);
}

void dispatch_done(struct dispatch *d, struct lane *lane, struct item *item)
{
    stock_come_back(lane, item);
    if (item->retry)
        (void)map_remove(&lane->retries, id_span(item));
    d->memory -= item->memory;
    turn_activate(d, lane);
    stock_refill(d, lane);
    stock_feed(d);
}

/* While memory is scarce: a few retries that are due or almost due. */
static bool worth_loading(const struct dispatch *d, const struct lane *lane, uint64_t at)
{
    if (retries_roomy(d))
        return true;
    return at <= dispatch_now_ms(d) + SOON_MS && lane->retries.count < d->c.window_first &&
           d->memory / 2 < d->c.memory_max;
}

void dispatch_retries_loaded(struct dispatch *d, struct lane *lane, struct list *items, bool more)
{
    lane->retry_refilling = false;
    lane->retry_behind = more || lane->horizon_ms != UINT64_MAX;
    uint64_t last = 0, soon = dispatch_now_ms(d) + DISPATCH_AGAIN_MS;
    for (struct list *i; (i = list_pop_front(items));) {
        struct item *item = list_entry(i, struct item, link);
        uint64_t at = due_at(d, item);
        last = at;
        if (map_get(&lane->retries, id_span(item)))
            forget(d, item);
        else if (!worth_loading(d, lane, at)) {
            lane->retry_behind = true;
            if (lane->horizon_ms > (at > soon ? at : soon))
                lane->horizon_ms = at > soon ? at : soon;
            forget(d, item);
        } else if (lane->asleep) {
            lane->retry_behind = true;
            forget(d, item);
        } else if (!add_retry(d, lane, item, at))
            lane->retry_behind = true;
    }
    if (more && last < lane->horizon_ms) /* the ones after the last are due later */
        lane->horizon_ms = last > dispatch_now_ms(d) ? last : dispatch_now_ms(d) + DISPATCH_AGAIN_MS;
    turn_set_wake(d, lane);
}

void dispatch_refill_failed(struct dispatch *d, struct lane *lane, bool retries)
{
    if (retries) {
        lane->retry_refilling = false;
        lane->horizon_ms = dispatch_now_ms(d) + DISPATCH_AGAIN_MS;
        turn_set_wake(d, lane);
    } else {
        lane->refilling = false;
        if (!list_linked(&lane->hungry))
            list_push_back(&d->hungry, &lane->hungry);
        turn_again_later(d);
    }
}
