/*
 * The courier with lanes that are no channels': an item is a parcel, sent by a carrier of the test's own and
 * kept on a shelf that stands in for the tables of a store. What must hold whatever is sent: every parcel
 * arrives once, none is forgotten, none is sent while its result is not on record, and none before its time.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "courier/courier.h"
#include "store/memory/memory.h"

#define PARCELS 3000u /* more than a lane holds in memory */
#define LANE 7
#define PATIENCE_US 30000000u
#define ROUNDS_MAX 400u
#define AGAIN_MS 20
#define ROUNDING_MS 2 /* of two clocks that are read in milliseconds */
#define WINDOW 400

enum place { PLACE_NONE, PLACE_SHELF, PLACE_RETRY, PLACE_ENDED };

/* A row of the shelf; its id is its index + 1. */
struct row {
    enum place place;
    int64_t due_ms;
    uint16_t tries;
    /* The carrier's; on the loop. */
    unsigned sent;
    bool open; /* it was sent, and its result is not on record yet */
};

struct parcel {
    struct item item;
};

/* A request, a few parcels in it. */
struct load_sent {
    struct record record;
    struct list link;
    uint32_t count;
    struct item *items[16];
    bool taken;
};

struct world {
    uv_loop_t loop;
    uv_timer_t tick;
    struct mailbox mailbox;
    struct store *store;
    struct courier *courier;
    pthread_mutex_t lock; /* of the shelf: the store's thread reads and writes it */
    struct row rows[PARCELS];
    _Atomic enum err shelf; /* what writing is answered */
    struct list on_the_way;
    bool carrier_rests; /* what is on its way stays so */
    bool gone, paused;
    unsigned failures; /* of each parcel, before it arrives */
    unsigned ended, opened, closed, sent, moving;
    uint32_t batch;
    double rate;
    uint64_t longest_ms;
};

static struct world *w;

static bool known(void *arg, int64_t id)
{
    return !((struct world *)arg)->gone && id == LANE;
}

static enum err open_lane(void *arg, struct lane *lane)
{
    (void)arg;
    char *owner = mem_dup("road", 4); /* what an owner needs to know of a lane */
    if (!owner)
        return ERR_NOMEM;
    w->opened++;
    w->closed += lane->owner != NULL;
    mem_free(lane->owner);
    lane->owner = owner;
    courier_set(w->courier, lane, w->batch, w->paused);
    courier_rate(w->courier, lane, w->rate);
    return ERR_NONE;
}

static void close_lane(void *arg, struct lane *lane)
{
    (void)arg;
    w->closed++;
    mem_free(lane->owner);
}

static struct parcel *parcel_new(size_t index)
{
    struct parcel *p = mem_zero(1, sizeof(*p));
    if (!p)
        return NULL;
    p->item.id = (int64_t)index + 1;
    p->item.size = 10;
    p->item.memory = sizeof(*p);
    p->item.tries = w->rows[index].tries;
    p->item.due_ms = w->rows[index].due_ms;
    p->item.retry = w->rows[index].place == PLACE_RETRY;
    return p;
}

/* In the shelf's order, which is that of ids; all retries of these tests are due alike. */
static enum err fill(void *arg, struct backend *b, struct courier_fill *f)
{
    (void)arg;
    (void)b;
    enum err e = ERR_NONE;
    (void)pthread_mutex_lock(&w->lock);
    for (size_t i = 0; !e && i < PARCELS && f->count < f->limit && !courier_fill_full(f); i++) {
        if (w->rows[i].place != (f->retries ? PLACE_RETRY : PLACE_SHELF) ||
            (!f->retries && (int64_t)i + 1 <= f->after))
            continue;
        struct parcel *p = parcel_new(i);
        if (p)
            courier_fill_add(f, &p->item);
        else
            e = ERR_NOMEM;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return e;
}

static uint64_t longest(void *arg, const struct lane *lane)
{
    (void)lane;
    return ((struct world *)arg)->longest_ms;
}

static struct row *row_of(const struct item *item)
{
    return &w->rows[item->id - 1];
}

static enum err write_result(struct record *r, struct backend *b)
{
    (void)b;
    struct load_sent *s = list_entry(r, struct load_sent, record);
    (void)pthread_mutex_lock(&w->lock);
    enum err e = atomic_load(&w->shelf);
    for (uint32_t i = 0; !e && i < s->count; i++) {
        struct row *row = row_of(s->items[i]);
        row->place = s->taken ? PLACE_ENDED : PLACE_RETRY;
        row->tries = (uint16_t)(s->items[i]->tries + 1);
        row->due_ms = s->items[i]->due_ms;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return e;
}

static void on_written(struct record *r)
{
    struct load_sent *s = list_entry(r, struct load_sent, record);
    struct lane *lane = courier_lane(w->courier, COURIER_CHANNEL, LANE);
    for (uint32_t i = 0; i < s->count; i++) {
        struct item *item = s->items[i];
        row_of(item)->open = false;
        if (s->taken) {
            w->ended++;
            courier_done(w->courier, lane, item);
        } else {
            item->tries++;
            courier_again(w->courier, lane, item);
        }
    }
    courier_end(w->courier, lane);
    mem_free(s);
}

static void on_abandon(struct record *r)
{
    struct load_sent *s = list_entry(r, struct load_sent, record);
    for (uint32_t i = 0; i < s->count; i++)
        mem_free(s->items[i]);
    mem_free(s);
}

static enum err send_parcels(void *arg, struct lane *lane, struct item *const *items, uint32_t count)
{
    struct load_sent *s = mem_zero(1, sizeof(*s));
    if (!s)
        return ERR_NOMEM;
    assert_in_range(count, 1, w->batch);
    (void)arg;
    s->count = count;
    s->record = (struct record){.write = write_result, .written = on_written, .abandon = on_abandon};
    for (uint32_t i = 0; i < count; i++) {
        struct row *row = row_of(items[i]);
        if (row->open)
            fail_msg("parcel %lld is sent while its last result is not on record", (long long)items[i]->id);
        if (clock_system.wall_ms(NULL) + ROUNDING_MS < items[i]->due_ms)
            fail_msg("parcel %lld is sent before its time", (long long)items[i]->id);
        row->open = true;
        row->sent++;
        s->items[i] = items[i];
    }
    w->sent += count;
    w->moving++;
    list_push_back(&w->on_the_way, &s->link);
    return ERR_NONE;
}

/* The carrier: what is on its way arrives, or fails as often as it is to. */
static void arrive(void)
{
    for (struct list *i; (i = list_pop_front(&w->on_the_way));) {
        struct load_sent *s = list_entry(i, struct load_sent, link);
        w->moving--;
        s->taken = s->items[0]->tries >= w->failures;
        for (uint32_t k = 0; !s->taken && k < s->count; k++)
            s->items[k]->due_ms = clock_system.wall_ms(NULL) + AGAIN_MS;
        courier_sent(w->courier, courier_lane(w->courier, COURIER_CHANNEL, LANE),
                     s->taken ? LANE_GOOD : LANE_NEUTRAL);
        courier_record(w->courier, &s->record);
    }
    courier_pump(w->courier);
}

static void on_tick(uv_timer_t *t)
{
    (void)t;
    if (!w->carrier_rests)
        arrive();
}

static void after_letters(void *arg)
{
    courier_pump(((struct world *)arg)->courier);
}

static void world_open(uint32_t batch)
{
    struct backend *writer, *reader;
    log_set_output(-1, NULL);
    assert_non_null(w = mem_zero(1, sizeof(*w)));
    w->batch = batch;
    w->longest_ms = 60000;
    list_init(&w->on_the_way);
    assert_int_equal(pthread_mutex_init(&w->lock, NULL), 0);
    assert_int_equal(memory_open(&writer), ERR_NONE);
    assert_int_equal(memory_open_reader(&reader, writer), ERR_NONE);
    assert_int_equal(store_start(&w->store, writer, reader), ERR_NONE);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(mailbox_init(&w->mailbox, &w->loop, after_letters, w), ERR_NONE);
    assert_int_equal(uv_timer_init(&w->loop, &w->tick), 0);
    assert_int_equal(uv_timer_start(&w->tick, on_tick, 1, 1), 0);
    const struct courier_config config = {.loop = &w->loop,
                                          .mailbox = &w->mailbox,
                                          .store = w->store,
                                          .clock = &clock_system,
                                          .window_max = WINDOW,
                                          .in_flight_max = WINDOW,
                                          .memory_max = 1 << 20,
                                          .bytes_max = 1000};
    assert_int_equal(courier_new(&w->courier, &config), ERR_NONE);
    courier_own(w->courier, COURIER_CHANNEL,
                &(struct courier_owner){.arg = w,
                                        .known = known,
                                        .open = open_lane,
                                        .close = close_lane,
                                        .send = send_parcels,
                                        .fill = fill,
                                        .longest = longest});
}

/* What is on its way ends first; what the store never took is given up. */
static void world_close(void)
{
    arrive();
    store_stop(w->store);
    courier_stop(w->courier);
    mailbox_close(&w->mailbox);
    courier_close(w->courier);
    uv_close((uv_handle_t *)&w->tick, NULL);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    courier_free(w->courier);
    assert_int_equal(w->opened, w->closed);
    store_close(w->store);
    (void)pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

static void put_on_shelf(size_t from, size_t count, enum place place)
{
    (void)pthread_mutex_lock(&w->lock);
    for (size_t i = from; i < from + count; i++)
        w->rows[i].place = place;
    (void)pthread_mutex_unlock(&w->lock);
}

static void resume(void)
{
    assert_int_equal(courier_resume(w->courier, COURIER_CHANNEL, LANE), ERR_NONE);
    courier_pump(w->courier);
}

/* As an intake does behind its commit. */
static void hand_over(size_t from, size_t count)
{
    put_on_shelf(from, count, PLACE_SHELF);
    struct courier_fresh *f = mem_zero(1, sizeof(*f));
    assert_non_null(f);
    f->kind = COURIER_CHANNEL;
    f->id = LANE;
    list_init(&f->items);
    for (size_t i = from; i < from + count; i++) {
        struct parcel *p = parcel_new(i);
        assert_non_null(p);
        list_push_back(&f->items, &p->item.link);
    }
    courier_hand_over(w->courier, f);
}

static void note(bool retries)
{
    struct courier_note *n = mem_zero(1, sizeof(*n));
    assert_non_null(n);
    n->kind = COURIER_CHANNEL;
    n->id = LANE;
    n->retries = retries;
    courier_notify(w->courier, n);
}

/* Until something holds; the loop looks at least every millisecond. */
#define AWAIT(condition)                                                                                     \
    do {                                                                                                     \
        uint64_t until_ = clock_system.mono_us(NULL) + PATIENCE_US;                                          \
        while (!(condition)) {                                                                               \
            if (clock_system.mono_us(NULL) > until_)                                                         \
                fail_msg("waited in vain for %s: %u sent, %u ended", #condition, w->sent, w->ended);         \
            (void)uv_run(&w->loop, UV_RUN_ONCE);                                                             \
        }                                                                                                    \
    } while (0)

static void turns(unsigned n)
{
    while (n--)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
}

static uint64_t unrecorded(void)
{
    struct courier_stats stats;
    courier_stats_get(w->courier, &stats);
    return stats.unrecorded;
}

static void each_was_sent(size_t count, unsigned times)
{
    for (size_t i = 0; i < count; i++) {
        if (w->rows[i].sent != times || w->rows[i].place != PLACE_ENDED)
            fail_msg("parcel %zu was sent %u times, not %u, and is at place %d", i, w->rows[i].sent, times,
                     (int)w->rows[i].place);
    }
}

static void lanes_are_filled(void **state)
{
    (void)state;
    world_open(10);
    put_on_shelf(0, PARCELS, PLACE_SHELF);
    resume();
    AWAIT(w->ended == PARCELS);
    each_was_sent(PARCELS, 1);
    world_close();
}

static void failures_come_again_in_time(void **state)
{
    (void)state;
    world_open(1); /* send_parcels() refuses what comes before its time */
    w->failures = 3;
    for (size_t i = 0; i < 60; i += 3)
        hand_over(i, 3);
    AWAIT(w->ended == 60);
    each_was_sent(60, 4);
    world_close();
}

/* dispatch/pace.h: in any time t at most rate * (t + 0.25 s) + 1. */
static void a_rate_holds(void **state)
{
    (void)state;
    world_open(1);
    w->rate = 20;
    hand_over(0, 15);
    uint64_t began = clock_system.mono_us(NULL);
    AWAIT(w->ended == 1);
    courier_hold(w->courier, courier_lane(w->courier, COURIER_CHANNEL, LANE), began + 600000);
    AWAIT(w->ended >= 2);
    assert_true(clock_system.mono_us(NULL) >= began + 600000);
    AWAIT(w->ended == 15);
    assert_true(clock_system.mono_us(NULL) - began >= 600000 + 350000);
    world_close();
}

/* More retries than a lane holds: those let go are loaded by their time. */
static void retries_are_loaded(void **state)
{
    (void)state;
    world_open(1);
    put_on_shelf(0, 1000, PLACE_RETRY);
    resume();
    AWAIT(w->ended == 1000);
    each_was_sent(1000, 1);
    world_close();
}

/* The clock was set back since they were put off: they wait no longer than anything may. */
static void no_item_waits_for_ever(void **state)
{
    (void)state;
    world_open(1);
    w->longest_ms = 50;
    w->failures = 1;
    put_on_shelf(0, 5, PLACE_RETRY);
    for (size_t i = 0; i < 5; i++) {
        w->rows[i].tries = 1;
        w->rows[i].due_ms = clock_system.wall_ms(NULL) + 100000000;
    }
    resume();
    AWAIT(w->ended == 5);
    each_was_sent(5, 1);
    world_close();
}

/* A full disk loses nothing and sends nothing twice; what is sent meanwhile is bounded, for it would come
 * twice after a kill. */
static void results_are_kept_until_recorded(void **state)
{
    (void)state;
    world_open(1);
    w->carrier_rests = true; /* it goes on here, once the store has answered */
    atomic_store(&w->shelf, ERR_FULL);
    put_on_shelf(0, 1500, PLACE_SHELF);
    resume();
    AWAIT(w->sent > 0);
    while (!list_empty(&w->on_the_way)) {
        arrive();
        AWAIT(unrecorded() + w->moving == w->sent);
    }
    const _Atomic uint64_t *calls = &store_stats(w->store)->calls;
    uint64_t before = atomic_load(calls);
    unsigned sent = w->sent;
    assert_in_range(sent, RECORDS_REFUSED_MAX,
                    RECORDS_REFUSED_MAX + 2 * WINDOW); /* with the store, and with the carrier */
    AWAIT(atomic_load(calls) >= before + sent);        /* all of them once more */
    assert_int_equal(w->sent, sent);
    assert_false(courier_idle(w->courier));
    atomic_store(&w->shelf, ERR_NONE);
    w->carrier_rests = false;
    AWAIT(w->ended == 1500);
    each_was_sent(1500, 1);
    world_close();
}

/* The store ends first: its results are lost with the process, the parcels wait on the shelf. */
static void what_was_never_recorded_waits(void **state)
{
    (void)state;
    world_open(1);
    atomic_store(&w->shelf, ERR_FULL);
    hand_over(0, 20);
    AWAIT(unrecorded() == 20);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(w->rows[i].place, PLACE_SHELF);
    world_close();
}

static void paused_lanes_keep_their_items(void **state)
{
    (void)state;
    world_open(5);
    w->paused = true;
    hand_over(0, 100);
    put_on_shelf(100, 400, PLACE_RETRY);
    note(true);
    turns(100);
    assert_int_equal(w->sent, 0);
    w->paused = false;
    note(false);
    AWAIT(w->ended == 500);
    each_was_sent(500, 1);
    w->paused = true;
    note(false);
    hand_over(500, 100);
    turns(100);
    assert_int_equal(w->sent, 500);
    world_close();
}

/* Whom the lane was for is gone: what is on its way ends, the rest is let go, and so is the lane. */
static void a_lane_goes_with_its_receiver(void **state)
{
    (void)state;
    world_open(1);
    w->carrier_rests = true;
    hand_over(0, 200);
    AWAIT(w->sent > 0);
    unsigned sent = w->sent;
    w->gone = true;
    note(false);
    hand_over(200, 3); /* and of these nothing is sent */
    turns(50);
    w->carrier_rests = false;
    AWAIT(w->ended == sent);
    AWAIT(courier_idle(w->courier));
    assert_int_equal(w->sent, sent);
    struct courier_stats stats;
    courier_stats_get(w->courier, &stats);
    assert_int_equal(stats.dispatch.lanes, 0);
    assert_int_equal(stats.dispatch.memory, 0);
    world_close();
}

static void a_drain_ends_what_is_on_its_way(void **state)
{
    (void)state;
    world_open(1);
    w->carrier_rests = true;
    hand_over(0, 200);
    AWAIT(w->sent > 0);
    unsigned sent = w->sent;
    courier_stop(w->courier);
    assert_false(courier_idle(w->courier));
    w->carrier_rests = false;
    AWAIT(courier_idle(w->courier));
    assert_int_equal(w->sent, sent);
    each_was_sent(sent, 1);
    for (size_t i = sent; i < 200; i++)
        assert_int_equal(w->rows[i].place, PLACE_SHELF);
    world_close();
}

/* shelf: its first parcels; then the lane exists before memory is short. Whether memory ran out. */
static bool round_of(unsigned long fail_at, size_t shelf)
{
    world_open(4);
    w->failures = 1;
    put_on_shelf(0, shelf, PLACE_SHELF);
    if (shelf)
        resume();
    for (size_t i = shelf; i < 20; i += 5)
        hand_over(i, 5);
    note(false);
    note(true);
    (void)mem_fail_at(fail_at);
    mailbox_empty(&w->mailbox);
    courier_pump(w->courier);
    AWAIT(w->ended == 20 || mem_fail_hit());
    bool failed = mem_fail_hit();
    (void)mem_fail_at(0);
    AWAIT(w->ended == 20);
    each_was_sent(20, 2);
    AWAIT(courier_idle(w->courier));
    world_close();
    return failed;
}

static void nothing_is_forgotten_without_memory(void **state)
{
    (void)state;
    for (size_t shelf = 0; shelf <= 10; shelf += 10) {
        unsigned long n = 1;
        while (n < ROUNDS_MAX && round_of(n, shelf))
            n++;
        assert_true(n > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_are_filled),
        cmocka_unit_test(failures_come_again_in_time),
        cmocka_unit_test(a_rate_holds),
        cmocka_unit_test(retries_are_loaded),
        cmocka_unit_test(no_item_waits_for_ever),
        cmocka_unit_test(results_are_kept_until_recorded),
        cmocka_unit_test(what_was_never_recorded_waits),
        cmocka_unit_test(paused_lanes_keep_their_items),
        cmocka_unit_test(a_lane_goes_with_its_receiver),
        cmocka_unit_test(a_drain_ends_what_is_on_its_way),
        cmocka_unit_test(nothing_is_forgotten_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
