#include "courier/courier.h"

#include "base/mem.h"
#include "base/origin.h"

#define LANE_ITEMS 1000u  /* cap of fresh items in a lane's memory */
#define LANE_RETRIES 256u /* cap of retries in a lane's memory */
#define WINDOW_FIRST 8u
#define FILL_BYTES (4u << 20) /* read for one lane in one store call */
#define AGAIN_MS 500u         /* wait before a refused result is submitted to the store again */

struct courier {
    struct courier_config config;
    struct courier_owner owners[COURIER_KINDS];
    struct dispatch *dispatch;
    struct records records;
    uv_timer_t timer;
    uint64_t timer_at; /* on the loop's clock; 0: not set */
    uint64_t again_at; /* when to retry what the store or memory refused; 0: nothing */
    bool closing;
    uint64_t requests; /* requests in flight */
    uint64_t loading;
    struct list orphans; /* letters that wait for memory, in order of arrival */
    bool reopening;      /* orphans are being opened again */
    bool stuck;          /* memory was still lacking for the first orphan */
};

static enum courier_kind kind_of(const struct lane *lane)
{
    return (enum courier_kind)lane->key.kind;
}

static const struct courier_owner *owner_of(const struct courier *c, const struct lane *lane)
{
    return &c->owners[kind_of(lane)];
}

static struct lane *find(struct courier *c, enum courier_kind kind, int64_t id)
{
    return dispatch_find(c->dispatch, (struct lane_key){kind, id});
}

/* Finds or creates a lane. NULL: out of memory. */
static struct lane *lane_of(struct courier *c, enum courier_kind kind, int64_t id)
{
    struct lane *lane = dispatch_lane(c->dispatch, (struct lane_key){kind, id});
    if (lane && !lane->owner && c->owners[kind].open(c->owners[kind].arg, lane))
        return NULL; /* the next one tries again */
    return lane;
}

/* Frees a lane without an owner once none of its requests or loads is under way; call it after each ends. */
static void let_rest(struct courier *c, struct lane *lane)
{
    if (lane && !lane->owner)
        (void)dispatch_release(c->dispatch, lane);
}

static void close_lane(struct courier *c, struct lane *lane)
{
    const struct courier_owner *o = owner_of(c, lane);
    if (lane->owner)
        o->close(o->arg, lane);
    lane->owner = NULL;
}

/* Loads a lane from the store, on the store's writing thread, so that reads are in order with commits. */
struct load {
    struct store_call call;
    struct courier *courier;
    enum courier_kind kind;
    struct courier_fill fill;
};

static void free_all(struct list *items)
{
    for (struct list *i; (i = list_pop_front(items));)
        mem_free(list_entry(i, struct item, link));
}

bool courier_fill_full(const struct courier_fill *f)
{
    return f->count && f->bytes >= FILL_BYTES;
}

void courier_fill_add(struct courier_fill *f, struct item *item)
{
    list_push_back(&f->items, &item->link);
    f->count++;
    f->bytes += item->memory;
}

static enum err load_run(struct store_call *call, struct backend *b)
{
    struct load *l = list_entry(call, struct load, call);
    const struct courier_owner *o = &l->courier->owners[l->kind];
    free_all(&l->fill.items); /* the run is repeated */
    l->fill.count = 0;
    l->fill.bytes = 0;
    return o->fill(o->arg, b, &l->fill);
}

/* Limits due times, which are wall clock: setting the clock back must not delay items for days. */
static void bound_due(const struct courier *c, const struct lane *lane, struct list *items)
{
    const struct courier_owner *o = owner_of(c, lane);
    int64_t latest = c->config.clock->wall_ms(c->config.clock->arg) + (int64_t)o->longest(o->arg, lane);
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
    struct courier_fill *f = &l->fill;
    struct lane *lane = find(c, l->kind, f->id);
    bool more = f->count >= f->limit || courier_fill_full(f);
    c->loading--;
    if (!lane || !lane->owner || call->err) {
        free_all(&f->items);
        if (lane)
            dispatch_refill_failed(c->dispatch, lane, f->retries);
        let_rest(c, lane);
    } else if (f->retries) {
        bound_due(c, lane, &f->items);
        dispatch_retries_loaded(c->dispatch, lane, &f->items, more);
    } else {
        dispatch_refilled(c->dispatch, lane, &f->items, more);
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
    *l = (struct load){.courier = c,
                       .kind = kind_of(lane),
                       .fill = {.id = lane->key.id, .retries = retries, .after = after, .limit = limit},
                       .call = {.run = load_run, .done = load_done, .home = c->config.mailbox}};
    list_init(&l->fill.items);
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
    mem_free(item);
}

static enum err on_send(void *arg, struct lane *lane, struct item *const *items, uint32_t count)
{
    struct courier *c = arg;
    const struct courier_owner *o = owner_of(c, lane);
    enum err e = o->send(o->arg, lane, items, count);
    c->requests += !e;
    return e;
}

static void on_timer(uv_timer_t *timer)
{
    struct courier *c = timer->data;
    c->timer_at = 0;
    if (c->again_at && uv_now(c->config.loop) >= c->again_at) {
        c->again_at = 0;
        records_again(&c->records);
    }
    courier_pump(c);
}

/* Sets the one timer to the next retry, or to the resubmission of refused results. */
static void set_timer(struct courier *c)
{
    uint64_t wait = records_full(&c->records) ? UINT64_MAX : dispatch_next_ms(c->dispatch);
    uint64_t now = uv_now(c->config.loop);
    if (!records_waiting(&c->records) && list_empty(&c->orphans))
        c->again_at = 0;
    else if (!c->again_at) /* if set already, later refusals do not postpone it */
        c->again_at = now + AGAIN_MS;
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
    if (!records_full(&c->records))
        dispatch_pump(c->dispatch);
    uv_update_time(c->config.loop);
    set_timer(c);
}

/* Keeps a letter for whose lane memory is lacking. */
static void keep_letter(struct courier *c, struct letter *l)
{
    if (c->reopening)
        list_push_front(&c->orphans, &l->link);
    else
        list_push_back(&c->orphans, &l->link);
    c->stuck = true;
}

/*
 * Letters are opened in order of arrival, because a lane takes items in the order of commits and ignores
 * older ones.
 */
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
    const struct courier_owner *o = &c->owners[f->kind];
    if (must_wait(c, l))
        return;
    if (o->known(o->arg, f->id)) {
        struct lane *lane = lane_of(c, f->kind, f->id);
        if (!lane) {
            keep_letter(c, l);
            return;
        }
        for (struct list *i; (i = list_pop_front(&f->items));)
            dispatch_fresh(c->dispatch, lane, list_entry(i, struct item, link));
    }
    free_all(&f->items); /* not empty only if the owner was deleted meanwhile */
    mem_free(f);
}

void courier_hand_over(struct courier *c, struct courier_fresh *f)
{
    f->courier = c;
    f->letter.open = open_fresh;
    mailbox_post(c->config.mailbox, &f->letter);
}

static void open_note(struct letter *l)
{
    struct courier_note *note = list_entry(l, struct courier_note, letter);
    struct courier *c = note->courier;
    const struct courier_owner *o = &c->owners[note->kind];
    if (must_wait(c, l))
        return;
    bool known = o->known(o->arg, note->id);
    struct lane *lane = known ? lane_of(c, note->kind, note->id) : find(c, note->kind, note->id);
    if (known && (!lane || o->open(o->arg, lane))) {
        keep_letter(c, l);
        return;
    }
    if (known && note->retries)
        dispatch_behind(c->dispatch, lane, false, true);
    if (!known && lane) {
        close_lane(c, lane);
        let_rest(c, lane);
    }
    mem_free(note);
}

void courier_notify(struct courier *c, struct courier_note *note)
{
    note->courier = c;
    note->letter.open = open_note;
    mailbox_post(c->config.mailbox, &note->letter);
}

enum err courier_resume(struct courier *c, enum courier_kind kind, int64_t id)
{
    struct lane *lane = lane_of(c, kind, id);
    if (!lane)
        return ERR_NOMEM;
    dispatch_behind(c->dispatch, lane, true, true);
    return ERR_NONE;
}

void courier_forget(struct courier *c, enum courier_kind kind, int64_t id)
{
    struct lane *lane = find(c, kind, id);
    if (!lane)
        return;
    close_lane(c, lane);
    let_rest(c, lane);
}

enum err courier_new(struct courier **ret, const struct courier_config *config)
{
    struct courier *c = mem_zero(1, sizeof(*c));
    if (!c)
        return ERR_NOMEM;
    c->config = *config;
    records_init(&c->records, config->store, config->mailbox);
    list_init(&c->orphans);
    struct dispatch_config d = {
        .in_flight_max = config->in_flight_max,
        .window_first = WINDOW_FIRST,
        .window_max = config->window_max,
        .lane_items_max = LANE_ITEMS,
        .lane_retries_max = LANE_RETRIES,
        .memory_max = config->memory_max,
        .bytes_max = config->bytes_max,
        .clock = *config->clock,
        .arg = c,
        .send = on_send,
        .refill = on_refill,
        .load_retries = on_load_retries,
        .forget = on_forget,
    };
    enum err e = dispatch_new(&c->dispatch, &d);
    if (!e && uv_timer_init(config->loop, &c->timer))
        e = err_origin(ERR_IO);
    if (e) {
        dispatch_free(c->dispatch);
        mem_free(c);
        return e;
    }
    c->timer.data = c;
    *ret = c;
    return ERR_NONE;
}

void courier_own(struct courier *c, enum courier_kind kind, const struct courier_owner *owner)
{
    c->owners[kind] = *owner;
}

struct lane *courier_lane(struct courier *c, enum courier_kind kind, int64_t id)
{
    return find(c, kind, id);
}

void courier_set(struct courier *c, struct lane *lane, uint32_t batch_max, bool paused)
{
    dispatch_set(c->dispatch, lane, batch_max, paused);
}

void courier_rate(struct courier *c, struct lane *lane, double per_second)
{
    dispatch_rate(c->dispatch, lane, per_second);
}

void courier_hold(struct courier *c, struct lane *lane, uint64_t until_us)
{
    dispatch_hold(c->dispatch, lane, until_us);
}

void courier_sent(struct courier *c, struct lane *lane, enum lane_news news)
{
    dispatch_sent(c->dispatch, lane, news);
}

void courier_record(struct courier *c, struct record *r)
{
    record_submit(&c->records, r);
}

void courier_again(struct courier *c, struct lane *lane, struct item *item)
{
    dispatch_retry(c->dispatch, lane, item);
}

void courier_done(struct courier *c, struct lane *lane, struct item *item)
{
    if (lane)
        dispatch_done(c->dispatch, lane, item);
    mem_free(item);
}

void courier_end(struct courier *c, struct lane *lane)
{
    c->requests--;
    let_rest(c, lane);
}

void courier_stop(struct courier *c)
{
    dispatch_stop(c->dispatch);
}

bool courier_idle(const struct courier *c)
{
    return c->requests == 0 && c->loading == 0;
}

void courier_close(struct courier *c)
{
    c->closing = true;
    uv_close((uv_handle_t *)&c->timer, NULL);
}

/* Frees letters unread: their content is in the store, and is read at the next start. */
static void free_letters(struct list *letters)
{
    for (struct list *i; (i = list_pop_front(letters));) {
        struct letter *l = list_entry(i, struct letter, link);
        if (l->open == open_fresh) {
            struct courier_fresh *f = list_entry(l, struct courier_fresh, letter);
            free_all(&f->items);
            mem_free(f);
        } else {
            mem_free(list_entry(l, struct courier_note, letter));
        }
    }
}

static void on_each(void *arg, struct lane *lane)
{
    close_lane(arg, lane);
}

void courier_free(struct courier *c)
{
    if (!c)
        return;
    records_abandon(&c->records);
    free_letters(&c->orphans);
    dispatch_each(c->dispatch, on_each, c);
    dispatch_free(c->dispatch);
    mem_free(c);
}

void courier_stats_get(const struct courier *c, struct courier_stats *ret)
{
    *ret = (struct courier_stats){.unrecorded = records_count(&c->records)};
    dispatch_stats_get(c->dispatch, &ret->dispatch);
}

struct courier *courier_of(const struct courier_set *set, int64_t id)
{
    uint64_t h = (uint64_t)id * 0x9e3779b97f4a7c15u; /* Fibonacci hashing: neighbours spread */
    return set->all[(h >> 32) % set->count];
}
