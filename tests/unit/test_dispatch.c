/*
 * Dispatch against a simple model: a store that commits and answers in batches, a network that ends requests
 * in any order, memory that is far too small, lanes that are paused and go on, rest until a time, and have
 * rates that change. Whatever the seed: nothing is sent twice at once or forgotten, out of order, early or
 * faster than its rate; windows and memory keep bounds; and no lane that could send is not looked at in time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "dispatch/dispatch.h"

#define LANES 5
#define EVENTS 4000
#define FLIGHTS 400
#define ITEM_BYTES 100u
#define MEMORY_MAX_MAX 4000u
#define WINDOW_MAX 6u
#define ROUNDS_MAX 3u
#define NAP_US 10000000u /* a longer rest is spent without memory */
#define BURST_S 0.25     /* what a rate may be ahead by, in seconds, and one item */

enum place { NOWHERE, QUEUED, RETRYING, ENDED };

struct model_event {
    int lane;
    enum place place;
    int64_t due_ms;
    uint16_t tries;
    bool flying; /* sent, or its result is not on record yet */
    unsigned sent;
};

enum op_kind { OP_INSERT, OP_LOAD, OP_LOAD_RETRIES, OP_RESULT };

struct op { /* a call of the store; later its answer */
    struct list link;
    enum op_kind kind;
    int lane;
    int64_t after;
    uint32_t limit, count;
    int64_t first, last; /* OP_INSERT: ids */
    struct list items;
    struct item *item; /* OP_RESULT */
    enum place end;
    bool failed;
};

struct flight {
    int lane;
    uint32_t count;
    struct item *items[64];
};

struct world {
    struct random random;
    struct random_seeded seeded;
    struct dispatch *d;
    struct lane *lanes[LANES];
    struct model_event events[EVENTS + 1]; /* by id */
    int64_t last_id;
    uint64_t now_us;
    struct list store;   /* calls handed over */
    struct list letters; /* answers, in order */
    struct flight flights[FLIGHTS];
    uint32_t flying;
    uint32_t in_memory;
    uint32_t lane_items, memory_max, insert_max;
    bool paused[LANES];
    int64_t newest[LANES];     /* the highest id that was sent for the first time */
    unsigned passed[LANES];    /* sends of other lanes since this one could send */
    uint64_t held_us[LANES];   /* rests until then */
    double rates[LANES];       /* items a second; 0: as many as it can */
    double buckets[LANES];     /* what it may send now, at most, */
    uint64_t filled_us[LANES]; /* as of then */
    bool gloomy;               /* nearly all fails: more retries than a lane holds */
};

/* Two kinds, so that ids repeat. */
static struct lane_key key_of(int lane)
{
    return (struct lane_key){lane % 2, lane / 2};
}

static int lane_of(const struct lane *lane)
{
    return (int)(lane->key.id * 2 + lane->key.kind);
}

static uint64_t below(struct world *w, uint64_t n)
{
    return random_below(&w->random, n);
}

static uint64_t mono(void *arg)
{
    return ((struct world *)arg)->now_us;
}

static int64_t wall(void *arg)
{
    return (int64_t)(((struct world *)arg)->now_us / 1000) + 1000000;
}

static struct item *new_item(struct world *w, int64_t id)
{
    struct item *i = mem_zero(1, sizeof(*i));
    assert_non_null(i);
    const struct model_event *e = &w->events[id];
    *i = (struct item){.id = id,
                       .size = 10,
                       .memory = ITEM_BYTES,
                       .tries = e->tries,
                       .retry = e->place == RETRYING,
                       .due_ms = e->due_ms};
    w->in_memory++;
    return i;
}

static void on_forget(void *arg, struct item *item)
{
    struct world *w = arg;
    w->in_memory--;
    mem_free(item);
}

static struct op *submit(struct world *w, enum op_kind kind, int lane)
{
    struct op *op = mem_zero(1, sizeof(*op));
    assert_non_null(op);
    op->kind = kind;
    op->lane = lane;
    list_init(&op->items);
    list_push_back(&w->store, &op->link);
    return op;
}

static void on_refill(void *arg, struct lane *lane, int64_t after, uint32_t limit)
{
    struct op *op = submit(arg, OP_LOAD, lane_of(lane));
    op->after = after;
    op->limit = limit;
    assert_true(limit > 0 && limit <= ((struct world *)arg)->lane_items);
}

static void on_load_retries(void *arg, struct lane *lane, uint32_t limit)
{
    submit(arg, OP_LOAD_RETRIES, lane_of(lane))->limit = limit;
}

/* Round robin. A lane loses its turn when its window is full just then, so now and then it is passed over
 * for more than one round. */
static void take_turn(struct world *w, int self)
{
    for (int i = 0; i < LANES; i++) {
        bool waits = i != self && w->lanes[i] && list_linked(&w->lanes[i]->link);
        w->passed[i] = waits ? w->passed[i] + 1 : 0;
        assert_true(w->passed[i] < ROUNDS_MAX * LANES);
    }
}

/* A bucket that holds what a quarter of a second lets through, and one item: the coarser model, which no
 * lane may exceed. */
static void fill_bucket(struct world *w, int lane)
{
    double passed = (double)(w->now_us - w->filled_us[lane]) / 1e6, full = 1 + w->rates[lane] * BURST_S;
    double level = w->buckets[lane] + passed * w->rates[lane];
    w->buckets[lane] = level < full ? level : full;
    w->filled_us[lane] = w->now_us;
}

static void set_rate(struct world *w, int lane, double rate)
{
    fill_bucket(w, lane);
    if (w->rates[lane] <= 0) /* none until now: nothing is owed */
        w->buckets[lane] = 1;
    w->rates[lane] = rate;
    fill_bucket(w, lane);
    dispatch_rate(w->d, w->lanes[lane], rate);
}

static void take_from_bucket(struct world *w, int lane, uint32_t items)
{
    if (w->rates[lane] <= 0)
        return;
    fill_bucket(w, lane);
    w->buckets[lane] -= items;
    assert_true(w->buckets[lane] > -0.001);
}

static bool rests(const struct world *w, int lane)
{
    return w->paused[lane] || w->held_us[lane] > w->now_us;
}

static void hold(struct world *w, int lane)
{
    static const uint64_t longest[] = {1, 200000, 3000000, 40000000};
    uint64_t what = below(w, 6);
    w->held_us[lane] = what == 5   ? DISPATCH_FOR_EVER
                       : what == 4 ? w->now_us / 2
                                   : w->now_us + below(w, longest[what]);
    dispatch_hold(w->d, w->lanes[lane], w->held_us[lane]);
}

/* A lane that has something and could send it is looked at again by when it can. */
static void nobody_is_overlooked(struct world *w)
{
    struct dispatch_stats s;
    dispatch_stats_get(w->d, &s);
    if (s.in_flight >= 12)
        return;
    uint64_t wait = dispatch_next_ms(w->d);
    for (int i = 0; i < LANES; i++) {
        const struct lane *lane = w->lanes[i];
        if (w->paused[i] || !lane->fresh_count || lane->in_flight >= (uint32_t)lane->window)
            continue;
        if (w->held_us[i] > w->now_us) {
            uint64_t left = w->held_us[i] - w->now_us;
            assert_true(w->held_us[i] == DISPATCH_FOR_EVER || wait <= left / 1000 + 2);
        } else { /* its rate, or a failure of ours, which is tried again after 200 ms */
            double most = w->rates[i] > 0 ? 1000 / w->rates[i] : 0;
            assert_true((double)wait <= (most > 200 ? most : 200) + 2);
        }
    }
}

static enum err on_send(void *arg, struct lane *lane, struct item *const *items, uint32_t count)
{
    struct world *w = arg;
    take_turn(w, lane_of(lane));
    if (w->flying == FLIGHTS || below(w, 50) == 0)
        return ERR_NOMEM;
    assert_false(rests(w, lane_of(lane)));
    take_from_bucket(w, lane_of(lane), count);
    assert_true(count >= 1 && count <= 4);
    assert_true(lane->in_flight <= (uint32_t)lane->window && lane->window <= WINDOW_MAX);
    struct flight *f = &w->flights[w->flying++];
    f->lane = lane_of(lane);
    f->count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct model_event *e = &w->events[items[i]->id];
        assert_int_equal(e->lane, lane_of(lane));
        assert_false(e->flying); /* never twice at once */
        assert_true(e->place == QUEUED || e->place == RETRYING);
        assert_true(count == 1 || items[i]->tries == 0); /* tried before: alone */
        assert_true(i == 0 || items[i]->id > items[i - 1]->id);
        if (e->place == RETRYING) {
            assert_true(e->due_ms <= wall(w));
        } else { /* first in, first out */
            assert_true(items[i]->id > w->newest[lane_of(lane)]);
            w->newest[lane_of(lane)] = items[i]->id;
        }
        e->flying = true;
        e->sent++;
        f->items[i] = items[i];
    }
    return ERR_NONE;
}

static void store_load(struct world *w, struct op *op)
{
    if (op->failed)
        return;
    if (op->kind == OP_LOAD) {
        for (int64_t id = op->after + 1; id <= w->last_id && op->count < op->limit; id++)
            if (w->events[id].lane == op->lane && w->events[id].place == QUEUED) {
                list_push_back(&op->items, &new_item(w, id)->link);
                op->count++;
            }
        return;
    }
    int64_t due = INT64_MIN, last = 0;
    for (; op->count < op->limit; op->count++) { /* first due first */
        int64_t best = 0;
        for (int64_t id = 1; id <= w->last_id; id++) {
            const struct model_event *e = &w->events[id];
            bool later = e->due_ms > due || (e->due_ms == due && id > last);
            if (e->lane == op->lane && e->place == RETRYING && later &&
                (!best || e->due_ms < w->events[best].due_ms))
                best = id;
        }
        if (!best)
            break;
        due = w->events[best].due_ms;
        last = best;
        list_push_back(&op->items, &new_item(w, best)->link);
    }
}

/* One commit: everything handed over so far, or a part of it; then first the fresh events go out, then the
 * answers. */
static void store_step(struct world *w)
{
    struct list batch;
    list_init(&batch);
    for (uint64_t n = 1 + below(w, 8); n > 0 && !list_empty(&w->store); n--)
        list_push_back(&batch, list_pop_front(&w->store));
    for (struct list *i = batch.next; i != &batch; i = i->next) {
        struct op *op = list_entry(i, struct op, link);
        if (op->kind == OP_LOAD || op->kind == OP_LOAD_RETRIES) {
            op->failed = below(w, 15) == 0;
            store_load(w, op);
        } else if (op->kind == OP_INSERT) {
            for (int64_t id = op->first; id <= op->last; id++)
                w->events[id].place = QUEUED;
            w->last_id = op->last;
        } else {
            w->events[op->item->id].place = op->end;
        }
    }
    for (int answers = 0; answers < 2; answers++) {
        for (struct list *i = batch.next, *next; i != &batch; i = next) {
            next = i->next;
            struct op *op = list_entry(i, struct op, link);
            if ((op->kind != OP_INSERT) == (answers == 1)) {
                list_remove(i);
                list_push_back(&w->letters, i);
            }
        }
    }
}

static void open_letter(struct world *w)
{
    struct list *l = list_pop_front(&w->letters);
    if (!l)
        return;
    struct op *op = list_entry(l, struct op, link);
    struct lane *lane = w->lanes[op->lane];
    struct model_event *e = op->item ? &w->events[op->item->id] : NULL;
    switch (op->kind) {
    case OP_INSERT:
        for (int64_t id = op->first; id <= op->last; id++)
            dispatch_fresh(w->d, lane, new_item(w, id));
        break;
    case OP_LOAD:
        if (op->failed)
            dispatch_refill_failed(w->d, lane, false);
        else
            dispatch_refilled(w->d, lane, &op->items, op->count == op->limit);
        break;
    case OP_LOAD_RETRIES:
        if (op->failed)
            dispatch_refill_failed(w->d, lane, true);
        else
            dispatch_retries_loaded(w->d, lane, &op->items, op->count == op->limit);
        break;
    case OP_RESULT:
        e->flying = false;
        if (op->end == RETRYING) {
            op->item->due_ms = e->due_ms;
            op->item->tries = e->tries;
            dispatch_retry(w->d, lane, op->item);
        } else {
            dispatch_done(w->d, lane, op->item);
            w->in_memory--;
            mem_free(op->item);
        }
        break;
    }
    mem_free(op);
}

static void land(struct world *w, bool always_good)
{
    if (!w->flying)
        return;
    uint64_t at = below(w, w->flying);
    struct flight f = w->flights[at];
    w->flights[at] = w->flights[--w->flying];
    bool good = always_good || (w->gloomy ? below(w, 20) == 0 : below(w, 3) != 0);
    dispatch_sent(w->d, w->lanes[f.lane], good ? LANE_GOOD : below(w, 2) ? LANE_BAD : LANE_NEUTRAL);
    for (uint32_t i = 0; i < f.count; i++) {
        struct model_event *e = &w->events[f.items[i]->id];
        struct op *op = submit(w, OP_RESULT, f.lane);
        op->item = f.items[i];
        op->end = !good && e->tries < 6 ? RETRYING : ENDED;
        e->tries++;
        e->due_ms = wall(w) + (int64_t)below(w, w->gloomy ? 40000 : 400);
    }
}

static void insert(struct world *w, int64_t *next_id, uint32_t max)
{
    int64_t n = 1 + (int64_t)below(w, max);
    if (*next_id + n > EVENTS)
        return;
    struct op *op = submit(w, OP_INSERT, (int)below(w, LANES));
    op->first = *next_id + 1;
    op->last = *next_id += n;
    for (int64_t id = op->first; id <= op->last; id++)
        w->events[id].lane = op->lane;
}

static void redeliver(struct world *w)
{
    if (!w->last_id)
        return;
    int64_t id = 1 + (int64_t)below(w, (uint64_t)w->last_id);
    struct model_event *e = &w->events[id];
    if (e->place != ENDED || e->flying || !list_empty(&w->store) || !list_empty(&w->letters))
        return;
    e->place = RETRYING; /* as the API does, straight in the store */
    e->due_ms = wall(w);
    dispatch_behind(w->d, w->lanes[e->lane], false, true);
}

static void check_bounds(struct world *w)
{
    struct dispatch_stats s;
    dispatch_stats_get(w->d, &s);
    assert_true(s.in_flight <= 12);
    /* A refill may be on its way when the bound is reached; retries are few and small. */
    assert_true(s.memory <= w->memory_max + LANES * (w->lane_items + 1024u) * ITEM_BYTES);
    for (int i = 0; i < LANES; i++) {
        const struct lane *lane = w->lanes[i];
        assert_true(lane->fresh_count <= w->lane_items + 4);
        if (w->paused[i] || w->held_us[i] > w->now_us + NAP_US) /* what is on its way, and nothing else */
            assert_true(!lane->fresh_count && lane->retries.count == lane->retries_out);
    }
}

static void run_seed(uint64_t seed, bool restart)
{
    struct world *w = mem_zero(1, sizeof(*w));
    assert_non_null(w);
    w->random = random_seeded_init(&w->seeded, seed);
    list_init(&w->store);
    list_init(&w->letters);
    w->gloomy = seed % 4 == 0;
    w->lane_items = 2 + (uint32_t)below(w, 20);
    w->memory_max = 200 + (uint32_t)below(w, MEMORY_MAX_MAX - 200);
    w->insert_max = 1 + (uint32_t)below(w, 30);
    struct dispatch_config config = {
        .in_flight_max = 12,
        .window_first = 2,
        .window_max = WINDOW_MAX,
        .lane_items_max = w->lane_items,
        .lane_retries_max = 8,
        .memory_max = w->memory_max,
        .bytes_max = 45,
        .clock = {mono, wall, w},
        .arg = w,
        .send = on_send,
        .refill = on_refill,
        .load_retries = on_load_retries,
        .forget = on_forget,
    };
    assert_int_equal(dispatch_new(&w->d, &config), ERR_NONE);
    for (int i = 0; i < LANES; i++) {
        w->lanes[i] = dispatch_lane(w->d, key_of(i));
        assert_non_null(w->lanes[i]);
        dispatch_set(w->d, w->lanes[i], (uint32_t)i + 1, false);
    }
    int64_t next_id = 0;
    if (restart) { /* a backlog from before */
        for (; next_id < 500; next_id++)
            w->events[next_id + 1] =
                (struct model_event){.lane = (int)below(w, LANES), .place = below(w, 4) ? QUEUED : RETRYING};
        w->last_id = next_id;
        for (int i = 0; i < LANES; i++)
            dispatch_behind(w->d, w->lanes[i], true, true);
    }
    for (int step = 0; step < (w->gloomy ? 40000 : 12000); step++) {
        uint64_t what = below(w, 100);
        if (what < 8)
            insert(w, &next_id, w->insert_max);
        else if (what < 35)
            store_step(w);
        else if (what < 65)
            open_letter(w);
        else if (what < 85)
            land(w, false);
        else if (what < 90)
            w->now_us += below(w, 100000);
        else if (what < 91) {
            int lane = (int)below(w, LANES);
            w->paused[lane] = !w->paused[lane];
            dispatch_set(w->d, w->lanes[lane], (uint32_t)lane + 1, w->paused[lane]);
        } else if (what < 93)
            redeliver(w);
        else if (what < 94)
            hold(w, (int)below(w, LANES));
        else if (what < 95) {
            static const double choice[] = {0, 0, 5, 30.5, 200, 3000};
            set_rate(w, (int)below(w, LANES), choice[below(w, 6)]);
        } else {
            dispatch_pump(w->d);
            nobody_is_overlooked(w);
        }
        check_bounds(w);
    }
    /* Let it run out. */
    for (int i = 0; i < LANES; i++) {
        w->paused[i] = false;
        dispatch_set(w->d, w->lanes[i], (uint32_t)i + 1, false);
        if (w->held_us[i] == DISPATCH_FOR_EVER || seed % 2)
            dispatch_hold(w->d, w->lanes[i], w->held_us[i] = 0);
        if (seed % 2 || w->rates[i] < 20)
            set_rate(w, i, 0);
    }
    int64_t left = 1;
    for (int round = 0; round < 200000 && left; round++) {
        store_step(w);
        open_letter(w);
        dispatch_pump(w->d);
        nobody_is_overlooked(w);
        land(w, true);
        uint64_t wait = dispatch_next_ms(w->d);
        w->now_us += wait < 1000 ? wait * 1000 : wait < UINT64_MAX ? 1000000 : 1000;
        left = w->flying + !list_empty(&w->store) + !list_empty(&w->letters);
        for (int64_t id = 1; !left && id <= w->last_id; id++)
            left += w->events[id].place != ENDED;
    }
    for (int64_t id = 1; id <= next_id; id++)
        if (w->events[id].place != ENDED || !w->events[id].sent)
            fail_msg("seed %llu: event %lld of lane %d was forgotten (place %d, sent %u)",
                     (unsigned long long)seed, (long long)id, w->events[id].lane, w->events[id].place,
                     w->events[id].sent);
    assert_int_equal(w->in_memory, 0);
    struct dispatch_stats s;
    dispatch_stats_get(w->d, &s);
    assert_int_equal(s.memory, 0);
    assert_int_equal(s.in_flight, 0);
    dispatch_free(w->d);
    mem_free(w);
}

static uint64_t seed;

static void any_history(void **state)
{
    (void)state;
    const char *more = getenv("TODOKE_SEEDS"); /* 1000 takes a minute */
    uint64_t last = more ? strtoull(more, NULL, 10) : 40;
    for (seed = 1; seed <= last; seed++)
        run_seed(seed, seed % 3 == 0);
    seed = 0;
}

static int tell_seed(void **state)
{
    (void)state;
    if (seed)
        print_message("# the seed was %llu\n", (unsigned long long)seed);
    return 0;
}

static struct item *queued(struct world *w, int64_t id, int lane)
{
    w->events[id] = (struct model_event){.lane = lane, .place = QUEUED};
    return new_item(w, id);
}

/* With one place free at a time, lanes take turns, however long one of them is. */
static void lanes_take_turns(void **state)
{
    (void)state;
    struct world *w = mem_zero(1, sizeof(*w));
    assert_non_null(w);
    w->random = random_seeded_init(&w->seeded, 1);
    list_init(&w->store);
    struct dispatch_config config = {.in_flight_max = 1,
                                     .window_first = 1,
                                     .window_max = 1,
                                     .lane_items_max = 1000,
                                     .lane_retries_max = 8,
                                     .memory_max = 1u << 20,
                                     .bytes_max = 1000,
                                     .clock = {mono, wall, w},
                                     .arg = w,
                                     .send = on_send,
                                     .refill = on_refill,
                                     .load_retries = on_load_retries,
                                     .forget = on_forget};
    assert_int_equal(dispatch_new(&w->d, &config), ERR_NONE);
    for (int i = 0; i < 3; i++)
        assert_non_null(w->lanes[i] = dispatch_lane(w->d, key_of(i)));
    int64_t id = 0;
    for (int i = 0; i < 90; i++)
        dispatch_fresh(w->d, w->lanes[0], queued(w, ++id, 0));
    for (int i = 0; i < 10; i++) {
        dispatch_fresh(w->d, w->lanes[1], queued(w, ++id, 1));
        dispatch_fresh(w->d, w->lanes[2], queued(w, ++id, 2));
    }
    unsigned sent[3] = {0};
    for (int i = 0; i < 30; i++) {
        dispatch_pump(w->d);
        if (!w->flying) { /* on_send refuses now and then; it is tried again a moment later */
            w->now_us += 300000;
            i--;
            continue;
        }
        assert_int_equal(w->flying, 1);
        struct flight f = w->flights[--w->flying];
        sent[f.lane]++;
        w->events[f.items[0]->id].flying = false;
        dispatch_sent(w->d, w->lanes[f.lane], LANE_GOOD);
        dispatch_done(w->d, w->lanes[f.lane], f.items[0]);
        mem_free(f.items[0]);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(sent[i], 10);
    dispatch_free(w->d);
    mem_free(w);
}

static enum err send_always(void *arg, struct lane *lane, struct item *const *items, uint32_t count)
{
    struct world *w = arg;
    struct flight *f = &w->flights[w->flying++];
    *f = (struct flight){.lane = lane_of(lane), .count = count};
    for (uint32_t i = 0; i < count; i++)
        f->items[i] = items[i];
    return ERR_NONE;
}

static void load_nothing(void *arg, struct lane *lane, uint32_t limit)
{
    (void)arg;
    (void)lane;
    (void)limit;
}

/* However many retries have come due, a fresh event leaves at once, and of those that follow most go
 * first. */
static void a_burst_of_retries_stands_behind(void **state)
{
    (void)state;
    struct world *w = mem_zero(1, sizeof(*w));
    assert_non_null(w);
    w->random = random_seeded_init(&w->seeded, 1);
    struct dispatch_config config = {.in_flight_max = 100,
                                     .window_first = 8,
                                     .window_max = 8,
                                     .lane_items_max = 1000,
                                     .lane_retries_max = 256,
                                     .memory_max = 1u << 20,
                                     .bytes_max = 1000,
                                     .clock = {mono, wall, w},
                                     .arg = w,
                                     .send = send_always,
                                     .refill = on_refill,
                                     .load_retries = load_nothing,
                                     .forget = on_forget};
    assert_int_equal(dispatch_new(&w->d, &config), ERR_NONE);
    struct lane *lane = w->lanes[0] = dispatch_lane(w->d, key_of(0));
    assert_non_null(lane);
    struct list items;
    list_init(&items);
    for (int64_t id = 1; id <= 200; id++) {
        w->events[id] = (struct model_event){.place = RETRYING, .tries = 1, .due_ms = wall(w)};
        list_push_back(&items, &new_item(w, id)->link);
    }
    dispatch_retries_loaded(w->d, lane, &items, false);
    w->now_us += 1000;
    dispatch_pump(w->d);
    assert_int_equal(w->flying, 6); /* all hang: a quarter of the window stays free */
    dispatch_fresh(w->d, lane, queued(w, 201, 0));
    dispatch_pump(w->d);
    assert_int_equal(w->flying, 7);
    assert_int_equal(w->flights[6].items[0]->id, 201);
    for (int64_t id = 202; id <= 300; id++)
        dispatch_fresh(w->d, lane, queued(w, id, 0));
    unsigned retries = 0, fresh = 0;
    for (int i = 0; i < 80; i++) { /* one ends, one leaves */
        dispatch_pump(w->d);
        assert_int_equal(w->flying, 8);
        struct flight f = w->flights[0];
        memmove(w->flights, w->flights + 1, --w->flying * sizeof(f));
        f.items[0]->id <= 200 ? retries++ : fresh++;
        dispatch_sent(w->d, lane, LANE_GOOD);
        dispatch_done(w->d, lane, f.items[0]);
        w->in_memory--;
        mem_free(f.items[0]);
    }
    assert_true(fresh > 2 * retries && retries > 10);
    while (w->flying) {
        struct item *i = w->flights[--w->flying].items[0];
        dispatch_done(w->d, lane, i);
        w->in_memory--;
        mem_free(i);
    }
    dispatch_free(w->d);
    assert_int_equal(w->in_memory, 0);
    mem_free(w);
}

/* Lanes of a dispatch with memory for 40 items; the network hangs. */
static struct world *small_world(void)
{
    struct world *w = mem_zero(1, sizeof(*w));
    assert_non_null(w);
    w->random = random_seeded_init(&w->seeded, 1);
    list_init(&w->store);
    w->lane_items = 30;
    struct dispatch_config config = {.in_flight_max = 100,
                                     .window_first = 2,
                                     .window_max = 4,
                                     .lane_items_max = 30,
                                     .lane_retries_max = 30,
                                     .memory_max = 40 * ITEM_BYTES,
                                     .bytes_max = 1000,
                                     .clock = {mono, wall, w},
                                     .arg = w,
                                     .send = send_always,
                                     .refill = on_refill,
                                     .load_retries = load_nothing,
                                     .forget = on_forget};
    assert_int_equal(dispatch_new(&w->d, &config), ERR_NONE);
    for (int i = 0; i < LANES; i++)
        assert_non_null(w->lanes[i] = dispatch_lane(w->d, key_of(i)));
    return w;
}

static void end_world(struct world *w)
{
    for (struct list *i; (i = list_pop_front(&w->store));)
        mem_free(list_entry(i, struct op, link));
    while (w->flying) {
        struct flight f = w->flights[--w->flying];
        dispatch_done(w->d, w->lanes[f.lane], f.items[0]);
        w->in_memory--;
        mem_free(f.items[0]);
    }
    for (struct list *i; (i = list_pop_front(&w->store));)
        mem_free(list_entry(i, struct op, link));
    dispatch_free(w->d);
    assert_int_equal(w->in_memory, 0);
    mem_free(w);
}

/* Two lanes that hang hold all the memory: what comes for a third one leaves all the same, at once and
 * from the store. */
static void hanging_lanes_leave_memory_to_others(void **state)
{
    (void)state;
    struct world *w = small_world();
    int64_t id = 0;
    for (int i = 0; i < 60; i++)
        dispatch_fresh(w->d, w->lanes[i % 2], queued(w, ++id, i % 2));
    dispatch_pump(w->d);
    assert_int_equal(w->flying, 4);
    for (int i = 0; i < 3; i++)
        dispatch_fresh(w->d, w->lanes[2], queued(w, ++id, 2));
    dispatch_pump(w->d);
    assert_int_equal(w->flying, 6);
    bool asked =
        false; /* the third event was let go, and is asked for again though the memory is still full */
    for (struct list *i = w->store.next; i != &w->store; i = i->next)
        asked |= list_entry(i, struct op, link)->lane == 2 && list_entry(i, struct op, link)->limit == 2;
    assert_true(asked);
    for (int lane = 0; lane < LANES; lane++) /* it is bounded none the less */
        for (int i = 0; i < 100; i++)
            dispatch_fresh(w->d, w->lanes[lane], queued(w, ++id, lane));
    assert_true(w->in_memory <= 80);
    end_world(w);
}

static bool is_loading(struct world *w, int lane)
{
    for (struct list *i = w->store.next; i != &w->store; i = i->next)
        if (list_entry(i, struct op, link)->lane == lane)
            return true;
    return false;
}

/* At twice the bound nobody gets more; a lane that has nothing is not kept waiting until half of the
 * memory is free. */
static void full_memory_starves_no_lane(void **state)
{
    (void)state;
    struct world *w = small_world();
    static const uint32_t sizes[] = {1, 40, 39}; /* one small, two large: twice the bound */
    for (int i = 0; i < 3; i++) {
        struct item *item = queued(w, i + 1, i % 2);
        item->memory = sizes[i] * ITEM_BYTES;
        dispatch_fresh(w->d, w->lanes[i % 2], item);
    }
    dispatch_pump(w->d);
    assert_int_equal(w->flying, 3);
    dispatch_fresh(w->d, w->lanes[2], queued(w, 4, 2)); /* no room: it is let go, and waits in the store */
    dispatch_fresh(w->d, w->lanes[3], queued(w, 5, 3));
    assert_false(is_loading(w, 2) || is_loading(w, 3));
    for (unsigned f = 0; f < w->flying; f++) {
        if (w->flights[f].items[0]->id != 1)
            continue;
        struct flight small = w->flights[f];
        w->flights[f] = w->flights[--w->flying];
        dispatch_sent(w->d, w->lanes[0], LANE_GOOD);
        dispatch_done(w->d, w->lanes[0], small.items[0]);
        w->in_memory--;
        mem_free(small.items[0]);
    }
    assert_true(is_loading(w, 2));
    assert_false(is_loading(w, 3)); /* one for each that goes */
    end_world(w);
}

/* Events put off for minutes wait on disk when there are many, and not in the memory that fresh ones need. */
static void retries_leave_memory_to_fresh(void **state)
{
    (void)state;
    struct world *w = small_world();
    for (int64_t id = 1; id <= 100; id++) {
        struct lane *lane = w->lanes[id % 4];
        dispatch_fresh(w->d, lane, queued(w, id, (int)(id % 4)));
        dispatch_pump(w->d);
        assert_int_equal(w->flying, 1);
        struct item *item = w->flights[--w->flying].items[0];
        item->due_ms = wall(w) + 900000;
        item->tries = 1;
        dispatch_sent(w->d, lane, LANE_GOOD);
        dispatch_retry(w->d, lane, item);
    }
    assert_true(w->in_memory <= 11);
    assert_true(dispatch_next_ms(w->d) <= 900000); /* and are looked for in time */
    end_world(w);
}

/* The lane of a destination that is gone is freed once nothing of it is on its way, or being loaded. */
static void a_lane_is_released(void **state)
{
    (void)state;
    struct world *w = small_world();
    struct lane *lane = w->lanes[0];
    for (int64_t id = 1; id <= 30; id++) /* more than it takes: some are to be loaded again */
        dispatch_fresh(w->d, lane, queued(w, id, 0));
    while (!w->flying)
        dispatch_pump(w->d);
    assert_false(dispatch_release(w->d, lane));
    while (w->flying) {
        struct flight f = w->flights[--w->flying];
        dispatch_sent(w->d, lane, LANE_GOOD);
        for (uint32_t i = 0; i < f.count; i++) {
            assert_false(dispatch_release(w->d, lane));
            dispatch_done(w->d, lane, f.items[i]);
            w->in_memory--;
            mem_free(f.items[i]);
        }
    }
    assert_int_equal(w->in_memory, 0);
    if (lane->refilling) {
        assert_false(dispatch_release(w->d, lane));
        dispatch_refill_failed(w->d, lane, false);
    }
    assert_true(dispatch_release(w->d, lane));
    assert_null(dispatch_find(w->d, key_of(0)));
    w->lanes[0] = NULL;
    w->now_us += 1000000;
    dispatch_pump(w->d);
    end_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(any_history, tell_seed),
        cmocka_unit_test(lanes_take_turns),
        cmocka_unit_test(a_burst_of_retries_stands_behind),
        cmocka_unit_test(hanging_lanes_leave_memory_to_others),
        cmocka_unit_test(retries_leave_memory_to_fresh),
        cmocka_unit_test(a_lane_is_released),
        cmocka_unit_test(full_memory_starves_no_lane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
