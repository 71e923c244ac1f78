/* A lane that rests until a time: in order, exactly until then, and nobody else waits for it. Time is
 * simulated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dispatch/dispatch.h"

#define LANES 3

struct world {
    struct dispatch *d;
    struct lane *lanes[LANES];
    uint64_t now_us;
    int64_t last_id;
    int64_t sent[4096]; /* ids in the order in which they left */
    uint32_t sents;
    uint32_t held; /* items in memory */
    struct item *flying[4096];
    struct lane *flying_lane[4096];
    uint32_t flights;
    bool asked[LANES]; /* for more from the store */
};

static uint64_t mono(void *arg)
{
    return ((struct world *)arg)->now_us;
}

static int64_t wall(void *arg)
{
    return (int64_t)(((struct world *)arg)->now_us / 1000);
}

static void on_forget(void *arg, struct item *item)
{
    ((struct world *)arg)->held--;
    mem_free(item);
}

static enum err on_send(void *arg, struct lane *lane, struct item *const *items, uint32_t count)
{
    struct world *w = arg;
    assert_int_equal(count, 1);
    w->sent[w->sents++] = items[0]->id;
    w->flying[w->flights] = items[0];
    w->flying_lane[w->flights++] = lane;
    return ERR_NONE;
}

static void on_refill(void *arg, struct lane *lane, int64_t after, uint32_t limit)
{
    (void)after;
    (void)limit;
    ((struct world *)arg)->asked[lane->key.id] = true;
}

static void on_load_retries(void *arg, struct lane *lane, uint32_t limit)
{
    (void)limit;
    ((struct world *)arg)->asked[lane->key.id] = true;
}

static struct world *world_new(void)
{
    struct world *w = mem_zero(1, sizeof(*w));
    assert_non_null(w);
    w->now_us = 5000123;
    struct dispatch_config config = {.in_flight_max = 8,
                                     .window_first = 4,
                                     .window_max = 4,
                                     .lane_items_max = 100,
                                     .lane_retries_max = 100,
                                     .memory_max = 1000,
                                     .bytes_max = 1000,
                                     .clock = {mono, wall, w},
                                     .arg = w,
                                     .send = on_send,
                                     .refill = on_refill,
                                     .load_retries = on_load_retries,
                                     .forget = on_forget};
    assert_int_equal(dispatch_new(&w->d, &config), ERR_NONE);
    for (int i = 0; i < LANES; i++)
        assert_non_null(w->lanes[i] = dispatch_lane(w->d, (struct lane_key){.id = i}));
    return w;
}

static struct item *new_item(struct world *w, int64_t id)
{
    struct item *item = mem_zero(1, sizeof(*item));
    assert_non_null(item);
    *item = (struct item){.id = id, .size = 1, .memory = 1};
    w->held++;
    return item;
}

static void add(struct world *w, int lane, int count)
{
    for (int i = 0; i < count; i++)
        dispatch_fresh(w->d, w->lanes[lane], new_item(w, ++w->last_id));
}

/* All flights end well. */
static void land(struct world *w)
{
    for (; w->flights; w->flights--) {
        dispatch_sent(w->d, w->flying_lane[w->flights - 1], LANE_GOOD);
        dispatch_done(w->d, w->flying_lane[w->flights - 1], w->flying[w->flights - 1]);
        w->held--;
        mem_free(w->flying[w->flights - 1]);
    }
}

static void run(struct world *w)
{
    do {
        land(w);
        dispatch_pump(w->d);
    } while (w->flights);
}

static void world_free(struct world *w)
{
    land(w);
    dispatch_free(w->d);
    assert_int_equal(w->held, 0);
    mem_free(w);
}

/* Moves to the time of the next wake, as a timer of libuv would: never earlier, at the start of a
 * millisecond. */
static void sleep_exactly(struct world *w)
{
    uint64_t wait = dispatch_next_ms(w->d);
    assert_true(wait > 0 && wait != UINT64_MAX);
    w->now_us = (w->now_us / 1000 + wait) * 1000;
}

static void it_rests_until_then_and_goes_on_in_order(void **state)
{
    (void)state;
    struct world *w = world_new();
    add(w, 0, 3);
    dispatch_pump(w->d); /* on its way: it ends as ever */
    assert_int_equal(w->sents, 3);
    uint64_t until = w->now_us + 2500001;
    dispatch_hold(w->d, w->lanes[0], until);
    add(w, 0, 20);
    run(w);
    assert_int_equal(w->sents, 3);
    add(w, 1, 5); /* the others go on */
    run(w);
    assert_int_equal(w->sents, 8);
    sleep_exactly(w);
    assert_true(w->now_us >= until && w->now_us < until + 1000);
    run(w);
    assert_int_equal(w->sents, 28);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(w->sent[8 + i], 4 + i);
    assert_int_equal(dispatch_next_ms(w->d), UINT64_MAX);
    world_free(w);
}

static void the_end_is_put_off_brought_nearer_or_lifted(void **state)
{
    (void)state;
    struct world *w = world_new();
    add(w, 0, 1);
    dispatch_hold(w->d, w->lanes[0], w->now_us + 1000000);
    dispatch_hold(w->d, w->lanes[0], w->now_us + 3000000);
    assert_in_range(dispatch_next_ms(w->d), 3000, 3001);
    w->now_us += 1500000;
    run(w);
    assert_int_equal(w->sents, 0);
    dispatch_hold(w->d, w->lanes[0], w->now_us + 200000);
    assert_in_range(dispatch_next_ms(w->d), 200, 201);
    dispatch_hold(w->d, w->lanes[0], 0);
    run(w);
    assert_int_equal(w->sents, 1);
    dispatch_hold(w->d, w->lanes[0], 0); /* nothing to lift: nothing happens */
    dispatch_hold(w->d, w->lanes[0], w->now_us - 1);
    add(w, 0, 1);
    run(w);
    assert_int_equal(w->sents, 2);
    world_free(w);
}

static void for_ever_wakes_nobody(void **state)
{
    (void)state;
    struct world *w = world_new();
    dispatch_hold(w->d, w->lanes[0], DISPATCH_FOR_EVER);
    dispatch_hold(w->d, w->lanes[1], DISPATCH_FOR_EVER - 1); /* as good as for ever, and nothing overflows */
    add(w, 0, 10);
    add(w, 1, 10);
    run(w);
    assert_true(dispatch_next_ms(w->d) > 1000000000000);
    w->now_us += 100000000000000;
    run(w);
    assert_int_equal(w->sents, 0);
    assert_int_equal(w->held, 0); /* they wait in the store */
    dispatch_hold(w->d, w->lanes[0], 0);
    assert_true(w->asked[0] && !w->asked[1]);
    dispatch_refill_failed(w->d, w->lanes[0], false);
    world_free(w);
}

/* Neither the pause nor the hold ends the other. */
static void a_pause_is_apart(void **state)
{
    (void)state;
    struct world *w = world_new();
    dispatch_set(w->d, w->lanes[0], 1, true);
    dispatch_hold(w->d, w->lanes[0], w->now_us + 1000000);
    dispatch_set(w->d, w->lanes[0], 1, false);
    add(w, 0, 1);
    run(w);
    assert_int_equal(w->sents, 0);
    dispatch_set(w->d, w->lanes[0], 1, true);
    sleep_exactly(w);
    run(w);
    assert_int_equal(w->sents, 0);
    dispatch_set(w->d, w->lanes[0], 1, false);
    assert_true(w->asked[0]); /* the pause had let it go */
    struct list items;
    list_init(&items);
    list_push_back(&items, &new_item(w, 1)->link);
    dispatch_refilled(w->d, w->lanes[0], &items, false);
    run(w);
    assert_int_equal(w->sents, 1);
    world_free(w);
}

/* A short rest keeps its items at hand; a long one takes no memory from those that send, and asks for its
 * items when it ends. */
static void a_long_rest_leaves_its_memory(void **state)
{
    (void)state;
    struct world *w = world_new();
    add(w, 0, 50);
    dispatch_hold(w->d, w->lanes[0], w->now_us + 10000000);
    assert_int_equal(w->held, 50);
    dispatch_hold(w->d, w->lanes[0], w->now_us + 10000001);
    assert_int_equal(w->held, 0);
    add(w, 0, 5);
    run(w);
    assert_int_equal(w->held, 0);
    assert_false(w->asked[0]);
    sleep_exactly(w);
    dispatch_pump(w->d);
    assert_true(w->asked[0]);
    dispatch_refill_failed(w->d, w->lanes[0], false);
    world_free(w);
}

/* What was put off comes due while the lane rests: it leaves when the rest is over, first due first, and
 * wakes nobody before. */
static void retries_wait_for_the_end(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct list items;
    list_init(&items);
    for (int64_t id = 1; id <= 6; id++) {
        struct item *item = new_item(w, id);
        item->due_ms = wall(w) + 100 * (7 - id);
        list_push_front(&items, &item->link); /* first due first, as the store has them */
    }
    dispatch_retries_loaded(w->d, w->lanes[0], &items, false);
    dispatch_hold(w->d, w->lanes[0], w->now_us + 5000000);
    assert_in_range(dispatch_next_ms(w->d), 5000, 5001);
    sleep_exactly(w);
    run(w);
    assert_int_equal(w->sents, 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(w->sent[i], 6 - i);
    world_free(w);
}

/* What a lane could have sent while it rested is not caught up. */
static void a_rest_saves_nothing_of_the_rate(void **state)
{
    (void)state;
    struct world *w = world_new();
    dispatch_rate(w->d, w->lanes[0], 100);
    add(w, 0, 50);
    run(w);
    assert_int_equal(w->sents, 1);
    dispatch_hold(w->d, w->lanes[0], w->now_us + 5000000);
    w->now_us += 5000000;
    run(w);
    assert_int_equal(w->sents, 2);
    dispatch_hold(w->d, w->lanes[0], w->now_us + 5000000);
    w->now_us += 4000000;
    dispatch_hold(w->d, w->lanes[0], 0);
    run(w);
    assert_int_equal(w->sents, 3);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_rests_until_then_and_goes_on_in_order),
        cmocka_unit_test(the_end_is_put_off_brought_nearer_or_lifted),
        cmocka_unit_test(for_ever_wakes_nobody),
        cmocka_unit_test(a_pause_is_apart),
        cmocka_unit_test(a_long_rest_leaves_its_memory),
        cmocka_unit_test(retries_wait_for_the_end),
        cmocka_unit_test(a_rest_saves_nothing_of_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
