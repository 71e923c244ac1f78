#include "dispatch/dispatch.h"

#include "base/mem.h"

#define LANES_MAX 200000u /* as many as there may be channels */
#define BATCH_ITEMS_MAX 500u
#define AGAIN_MS 200u  /* after a failure of our own: memory, store */
#define RETRY_TURN 4u  /* with fresh items waiting, one request in four may be a retry */
#define SOON_MS 5000u  /* retries due by then are worth memory that is scarce */
#define FEED_LOOKS 16u /* lanes looked at for one that has nothing */

struct dispatch {
    struct dispatch_config c;
    struct map lanes;
    struct list round;  /* lanes that can send */
    struct list hungry; /* lanes that wait for memory */
    struct heap wakes;  /* lanes by their next retry, monotonic ms */
    uint64_t memory;
    uint32_t in_flight;
    bool stopped;
    uint64_t again_ms; /* a failure of our own is tried again then; 0: none */
};

static uint64_t now_ms(const struct dispatch *d)
{
    return d->c.clock.mono_us(d->c.clock.arg) / 1000;
}

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

static void unwake(struct dispatch *d, struct lane *lane)
{
    if (lane->wake_set)
        heap_remove(&d->wakes, &lane->wake);
    lane->wake_set = false;
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
    unwake(d, lane);
    list_remove(&lane->link);
    list_remove(&lane->hungry);
}

bool dispatch_release(struct dispatch *d, struct lane *lane)
{
    dispatch_drop(d, lane);
    if (lane->out || lane->in_flight || lane->refilling || lane->retry_refilling)
        return false;
    (void)map_remove(&d->lanes, (struct span){(const char *)&lane->key, sizeof(lane->key)});
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

struct lane *dispatch_find(struct dispatch *d, int64_t key)
{
    return map_get(&d->lanes, (struct span){(const char *)&key, sizeof(key)});
}

struct lane *dispatch_lane(struct dispatch *d, int64_t key)
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
    if (map_put(&d->lanes, (struct span){(const char *)&lane->key, sizeof(lane->key)}, lane)) {
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

/* A quarter of the window is not for retries: however many have come due, a fresh item finds a place at once. */
static bool may_retry(const struct lane *lane)
{
    uint32_t window = (uint32_t)lane->window, room = window - (window + 3) / 4;
    return !list_empty(&lane->due) && lane->retries_out < (room ? room : 1);
}

static bool can_send(const struct lane *lane)
{
    return !lane->paused && lane->in_flight < (uint32_t)lane->window &&
           (!list_empty(&lane->fresh) || may_retry(lane));
}

static void activate(struct dispatch *d, struct lane *lane)
{
    if (!list_linked(&lane->link) && can_send(lane))
        list_push_back(&d->round, &lane->link);
}

static void again_later(struct dispatch *d)
{
    if (!d->again_ms)
        d->again_ms = now_ms(d) + AGAIN_MS;
}

/* Memory that slow lanes hold must not stop the others: past the bound, up to twice of it, a lane still gets a few items at a time. */
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

/* What waits for minutes leaves most of the memory to what can be sent now. */
static bool retries_roomy(const struct dispatch *d)
{
    return d->memory < d->c.memory_max / 4;
}

/* Asks for more once half of what a lane may hold is gone. */
static void refill(struct dispatch *d, struct lane *lane)
{
    if (lane->paused || d->stopped)
        return;
    if (lane->behind && !lane->refilling && lane->fresh_count <= d->c.lane_items_max / 2) {
        bool scarce = d->memory >= d->c.memory_max;
        uint32_t room = fresh_room(d, lane);
        if (scarce && !list_linked(&lane->hungry))
            list_push_back(&d->hungry, &lane->hungry);
        if (room && (!scarce || !lane->fresh_count)) { /* scarce: asked for again once these have left */
            lane->refilling = true;
            lane->refill_from = lane->high;
            d->c.refill(d->c.arg, lane, lane->high, room);
        }
    }
    if (lane->retry_behind && !lane->retry_refilling &&
        ((lane->retries.count < d->c.lane_retries_max / 2 && retries_roomy(d)) ||
         lane->horizon_ms <= now_ms(d))) {
        lane->retry_refilling = true;
        lane->horizon_ms = UINT64_MAX; /* those let go from now on count anew */
        d->c.load_retries(d->c.arg, lane, (uint32_t)lane->retries.count + d->c.lane_retries_max);
    }
}

/* Called whenever an item goes. While memory is scarce the lanes that have nothing get their turn, one an item. */
static void feed(struct dispatch *d)
{
    while (d->memory < d->c.memory_max / 2 && !list_empty(&d->hungry))
        refill(d, list_entry(list_pop_front(&d->hungry), struct lane, hungry));
    for (unsigned looks = FEED_LOOKS; looks > 0 && d->memory / 2 < d->c.memory_max && !list_empty(&d->hungry);
         looks--) {
        struct lane *lane = list_entry(list_pop_front(&d->hungry), struct lane, hungry);
        if (lane->fresh_count > 0 || lane->refilling) {
            list_push_back(&d->hungry, &lane->hungry);
            continue;
        }
        refill(d, lane); /* behind the others again, if memory is scarce */
        if (lane->refilling)
            break;
    }
}

/* When the lane must be looked at again: its first retry, in memory or let go. */
static void set_wake(struct dispatch *d, struct lane *lane)
{
    uint64_t at = lane->retry_behind && !lane->paused ? lane->horizon_ms : UINT64_MAX;
    struct heap_node *first = heap_min(&lane->later);
    if (first && first->key < at)
        at = first->key;
    if (lane->wake_set && lane->wake.key == at)
        return;
    unwake(d, lane);
    if (at == UINT64_MAX)
        return;
    heap_add(&d->wakes, &lane->wake, at);
    lane->wake_set = true;
}

/* Lets go of what is not on its way; the store has it. What is on its way has lower ids than all that waits. */
static void shed(struct dispatch *d, struct lane *lane)
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

void dispatch_set(struct dispatch *d, struct lane *lane, uint32_t batch_max, bool paused)
{
    lane->batch_max = batch_max < 1 ? 1 : batch_max > BATCH_ITEMS_MAX ? BATCH_ITEMS_MAX : batch_max;
    if (lane->paused && !paused && lane->retry_behind)
        lane->horizon_ms = 0;
    lane->paused = paused;
    if (paused) {
        list_remove(&lane->link);
        list_remove(&lane->hungry);
        shed(d, lane);
    }
    activate(d, lane);
    refill(d, lane);
    set_wake(d, lane);
    feed(d);
}

void dispatch_behind(struct dispatch *d, struct lane *lane, bool fresh, bool retries)
{
    lane->behind |= fresh;
    if (retries) {
        lane->retry_behind = true;
        lane->horizon_ms = 0; /* they may be due at once */
    }
    refill(d, lane);
    set_wake(d, lane);
}

void dispatch_fresh(struct dispatch *d, struct lane *lane, struct item *item)
{
    if (item->id <= lane->high) { /* a refill was faster */
        forget(d, item);
        return;
    }
    if (lane->paused || lane->behind || !fresh_room(d, lane)) {
        lane->behind = true;
        if (lane->missed < item->id)
            lane->missed = item->id;
        forget(d, item);
        refill(d, lane);
        return;
    }
    take(d, item);
    lane->high = item->id;
    lane->fresh_count++;
    list_push_back(&lane->fresh, &item->link);
    activate(d, lane);
}

void dispatch_refilled(struct dispatch *d, struct lane *lane, struct list *items, bool more)
{
    lane->refilling = false;
    bool stale = lane->paused || lane->high != lane->refill_from; /* it was paused since then: once more */
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
    lane->behind = stale || more || lane->high < lane->missed; /* some came while we were reading */
    activate(d, lane);
    refill(d, lane);
}

static uint64_t due_at(const struct dispatch *d, const struct item *item)
{
    int64_t wait = item->due_ms - d->c.clock.wall_ms(d->c.clock.arg);
    return now_ms(d) + (uint64_t)(wait > 0 ? wait : 0);
}

/* A retry that is not in memory yet; false: it was let go. */
static bool add_retry(struct dispatch *d, struct lane *lane, struct item *item, uint64_t at)
{
    item->retry = true;
    if (map_put(&lane->retries, id_span(item), item)) { /* no room, or it is here */
        forget(d, item);
        return false;
    }
    take(d, item);
    heap_add(&lane->later, &item->due_node, at);
    return true;
}

static void go_out(struct lane *lane, struct item *item)
{
    item->out = true;
    lane->out++;
    lane->retries_out += item->retry;
}

static void come_back(struct lane *lane, struct item *item)
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
    come_back(lane, item);
    if (item->retry) /* it was one before: off the map, to be let go or put back */
        (void)map_remove(&lane->retries, id_span(item));
    d->memory -= item->memory;
    bool room = !lane->paused && lane->retries.count < d->c.lane_retries_max && retries_roomy(d);
    if (!room)
        forget(d, item);
    if (!room || !add_retry(d, lane, item, at)) {
        lane->retry_behind = true;
        if (at < lane->horizon_ms)
            lane->horizon_ms = at;
    }
    set_wake(d, lane);
    activate(d, lane);
    refill(d, lane);
    feed(d);
}

/* While memory is scarce: a few of those that are due, or nearly. */
static bool worth_loading(const struct dispatch *d, const struct lane *lane, uint64_t at)
{
    if (retries_roomy(d))
        return true;
    return at <= now_ms(d) + SOON_MS && lane->retries.count < d->c.window_first &&
           d->memory / 2 < d->c.memory_max;
}

void dispatch_retries_loaded(struct dispatch *d, struct lane *lane, struct list *items, bool more)
{
    lane->retry_refilling = false;
    lane->retry_behind = more || lane->horizon_ms != UINT64_MAX;
    uint64_t last = 0, soon = now_ms(d) + AGAIN_MS;
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
        } else if (lane->paused) {
            lane->retry_behind = true;
            forget(d, item);
        } else if (!add_retry(d, lane, item, at))
            lane->retry_behind = true;
    }
    if (more && last < lane->horizon_ms) /* those behind the last one are due after it */
        lane->horizon_ms = last > now_ms(d) ? last : now_ms(d) + AGAIN_MS;
    set_wake(d, lane);
}

void dispatch_refill_failed(struct dispatch *d, struct lane *lane, bool retries)
{
    if (retries) {
        lane->retry_refilling = false;
        lane->horizon_ms = now_ms(d) + AGAIN_MS;
        set_wake(d, lane);
    } else {
        lane->refilling = false;
        if (!list_linked(&lane->hungry))
            list_push_back(&d->hungry, &lane->hungry);
        again_later(d);
    }
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
        /* By one for each failure, so that a whole window that fails at once brings it down to one. */
        lane->window = lane->window > 2 ? lane->window - 1 : 1;
    }
    activate(d, lane);
}

void dispatch_done(struct dispatch *d, struct lane *lane, struct item *item)
{
    come_back(lane, item);
    if (item->retry)
        (void)map_remove(&lane->retries, id_span(item));
    d->memory -= item->memory;
    activate(d, lane);
    refill(d, lane);
    feed(d);
}

/* What goes into the next request: one retry, or fresh items as many as fit. */
static uint32_t pick(struct dispatch *d, struct lane *lane, struct item **items)
{
    bool retry = may_retry(lane) && (list_empty(&lane->fresh) || ++lane->turn % RETRY_TURN == 0);
    if (retry) {
        items[0] = list_entry(list_pop_front(&lane->due), struct item, link);
        go_out(lane, items[0]);
        return 1;
    }
    uint32_t n = 0;
    uint64_t bytes = 0;
    while (n < lane->batch_max && !list_empty(&lane->fresh)) {
        struct item *item = list_entry(lane->fresh.next, struct item, link);
        if (n && bytes + item->size > d->c.bytes_max)
            break;
        list_remove(&item->link);
        go_out(lane, item);
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
        come_back(lane, items[i]);
        list_push_front(retry ? &lane->due : &lane->fresh, &items[i]->link);
    }
    if (!retry)
        lane->fresh_count += count;
}

static enum err send_one(struct dispatch *d, struct lane *lane)
{
    struct item *items[BATCH_ITEMS_MAX];
    uint32_t n = pick(d, lane, items);
    lane->in_flight++;
    d->in_flight++;
    enum err e = d->c.send(d->c.arg, lane, items, n);
    if (e) {
        lane->in_flight--;
        d->in_flight--;
        put_back(lane, items, n);
        return e;
    }
    refill(d, lane);
    return ERR_NONE;
}

static void wake_due(struct dispatch *d, uint64_t now)
{
    struct heap_node *w;
    while ((w = heap_min(&d->wakes)) && w->key <= now) {
        struct lane *lane = list_entry(w, struct lane, wake);
        unwake(d, lane);
        struct heap_node *n;
        while ((n = heap_min(&lane->later)) && n->key <= now) {
            heap_remove(&lane->later, n);
            list_push_back(&lane->due, &list_entry(n, struct item, due_node)->link);
        }
        activate(d, lane);
        refill(d, lane);
        if (lane->horizon_ms <= now) /* being loaded; a paused lane is looked at when it goes on */
            lane->horizon_ms = lane->paused ? UINT64_MAX : now + AGAIN_MS;
        set_wake(d, lane);
    }
}

void dispatch_pump(struct dispatch *d)
{
    if (d->stopped)
        return;
    uint64_t now = now_ms(d);
    if (d->again_ms && d->again_ms <= now) {
        d->again_ms = 0;
        feed(d);
    }
    wake_due(d, now);
    while (d->in_flight < d->c.in_flight_max && !d->again_ms) {
        struct list *i = list_pop_front(&d->round);
        if (!i)
            break;
        struct lane *lane = list_entry(i, struct lane, link);
        if (!can_send(lane))
            continue;
        if (send_one(d, lane))
            again_later(d);
        activate(d, lane);
    }
}

uint64_t dispatch_next_ms(struct dispatch *d)
{
    struct heap_node *w = heap_min(&d->wakes);
    uint64_t at = w ? w->key : UINT64_MAX, now = now_ms(d);
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
        if (lane->paused)
            continue;
        ret->window += (uint64_t)lane->window;
        ret->waiting += lane->behind || !list_empty(&lane->fresh) || !list_empty(&lane->due);
    }
}
