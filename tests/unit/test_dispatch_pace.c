/*
 * A lane's rate in simulated time: as many items as it says, to 5 % in every 10 s, from 0.1 to 10,000 a
 * second, however late the timer and however large the requests; and a lane is looked at when it can send,
 * not before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "dispatch/dispatch.h"

#define LANES_MAX 8
#define SENDS_MAX 2100000u
#define TEN_SECONDS 10000000u

struct world {
    struct random random;
    struct random_seeded seeded;
    struct dispatch *d;
    struct lane *lanes[LANES_MAX];
    uint64_t now_us;
    int64_t last_id[LANES_MAX];
    uint64_t *sent_us[LANES_MAX]; /* when each item left; NULL: not kept */
    uint32_t sent[LANES_MAX];
    uint32_t requests, largest;
    struct lane *flight_lane[64]; /* requests on their way, */
    struct item *flight_items[64][512];
    uint32_t flight_counts[64], flying;
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
    (void)arg;
    mem_free(item);
}

static enum err on_send(void *arg, struct lane *lane, struct item *const *items, uint32_t count)
{
    struct world *w = arg;
    int64_t at = lane->key.id;
    w->requests++;
    w->largest = count > w->largest ? count : w->largest;
    for (uint32_t i = 0; i < count; i++) {
        if (w->sent_us[at]) {
            assert_true(w->sent[at] < SENDS_MAX);
            w->sent_us[at][w->sent[at]] = w->now_us;
        }
        w->sent[at]++;
        w->flight_items[w->flying][i] = items[i];
    }
    w->flight_counts[w->flying] = count;
    w->flight_lane[w->flying++] = lane;
    return ERR_NONE;
}

/* The store never runs dry: it answers in land(). */
static void on_refill(void *arg, struct lane *lane, int64_t after, uint32_t limit)
{
    (void)arg;
    (void)lane;
    (void)after;
    (void)limit;
}

static void on_load_retries(void *arg, struct lane *lane, uint32_t limit)
{
    (void)arg;
    (void)lane;
    (void)limit;
}

static struct world *world_new(int lanes, uint32_t batch_max, uint64_t seed)
{
    struct world *w = mem_zero(1, sizeof(*w));
    assert_non_null(w);
    w->random = random_seeded_init(&w->seeded, seed);
    w->now_us = 1 + random_below(&w->random, 1000000000);
    struct dispatch_config config = {.in_flight_max = 64,
                                     .window_first = 64,
                                     .window_max = 64,
                                     .lane_items_max = 5000,
                                     .lane_retries_max = 8,
                                     .memory_max = 1u << 20,
                                     .bytes_max = 1000000,
                                     .clock = {mono, wall, w},
                                     .arg = w,
                                     .send = on_send,
                                     .refill = on_refill,
                                     .load_retries = on_load_retries,
                                     .forget = on_forget};
    assert_int_equal(dispatch_new(&w->d, &config), ERR_NONE);
    for (int i = 0; i < lanes; i++) {
        assert_non_null(w->lanes[i] = dispatch_lane(w->d, (struct lane_key){.id = i}));
        dispatch_set(w->d, w->lanes[i], batch_max, false);
    }
    return w;
}

static void keep_times(struct world *w, int lane)
{
    w->sent_us[lane] = mem_zero(SENDS_MAX, sizeof(uint64_t));
    assert_non_null(w->sent_us[lane]);
}

static void world_free(struct world *w)
{
    dispatch_free(w->d);
    for (int i = 0; i < LANES_MAX; i++)
        mem_free(w->sent_us[i]);
    mem_free(w);
}

static struct item *new_item(int64_t id)
{
    struct item *item = mem_zero(1, sizeof(*item));
    assert_non_null(item);
    *item = (struct item){.id = id, .size = 1, .memory = 1};
    return item;
}

static void fill(struct world *w, int lane, uint32_t items)
{
    struct lane *l = w->lanes[lane];
    for (uint32_t i = l->fresh_count; i < items; i++)
        dispatch_fresh(w->d, l, new_item(++w->last_id[lane]));
}

static void land(struct world *w)
{
    while (w->flying) {
        struct lane *lane = w->flight_lane[--w->flying];
        dispatch_sent(w->d, lane, LANE_GOOD);
        for (uint32_t i = 0; i < w->flight_counts[w->flying]; i++) {
            struct item *item = w->flight_items[w->flying][i];
            dispatch_done(w->d, lane, item);
            mem_free(item);
        }
    }
}

/* Sends until nothing more can be sent now. */
static void drain(struct world *w, int lanes, const uint32_t *stock)
{
    bool more;
    do {
        for (int i = 0; i < lanes; i++)
            fill(w, i, stock[i]);
        dispatch_pump(w->d);
        more = w->flying > 0;
        land(w);
    } while (more);
}

/* In every window of 10 s that begins with an item there are as many as the rate says, to 5 % or one item. */
static void assert_rate(const struct world *w, int lane, double rate, uint64_t end_us)
{
    double want = rate * 10, off = want * 0.05 > 1 ? want * 0.05 : 1;
    const uint64_t *at = w->sent_us[lane];
    uint32_t to = 0, n = w->sent[lane];
    for (uint32_t from = 0; from < n && at[from] + TEN_SECONDS <= end_us; from++) {
        while (to < n && at[to] < at[from] + TEN_SECONDS)
            to++;
        if ((double)(to - from) > want + off || (double)(to - from) < want - off)
            fail_msg("%g/s: %u items in the 10 s from %llu us", rate, to - from,
                     (unsigned long long)at[from]);
    }
}

static const double rates[] = {0.1, 0.15, 0.3, 1, 1.7, 3, 4, 6.5, 9, 33.3, 100, 333, 999, 2500, 7777, 10000};
#define RATES (sizeof(rates) / sizeof(rates[0]))

/* late_us: how late a timer may be; spread over the run, not always. */
static void hold_rate(double rate, uint32_t batch_max, uint64_t late_us)
{
    struct world *w = world_new(1, batch_max, (uint64_t)(rate * 10) + batch_max + late_us);
    keep_times(w, 0);
    dispatch_rate(w->d, w->lanes[0], rate);
    uint64_t start = w->now_us, end = start + (rate < 5 ? 200 : 40) * 1000000ull;
    uint32_t stock = 4000;
    while (w->now_us < end) {
        uint32_t before = w->requests;
        drain(w, 1, &stock);
        assert_true(w->requests > before); /* it was not woken for nothing */
        uint64_t wait = dispatch_next_ms(w->d);
        assert_true(wait > 0 && (double)wait <= 1000 / rate + 2);
        w->now_us =
            (w->now_us / 1000 + wait) * 1000 + random_below(&w->random, 1000); /* as a timer of libuv fires */
        if (late_us && random_below(&w->random, 3) == 0)
            w->now_us += random_below(&w->random, late_us);
    }
    assert_true(batch_max > 1 || w->largest == 1);
    assert_rate(w, 0, rate, end);
    double due = rate * (double)(end - start) / 1e6, slack = 1.01 + rate * ((double)late_us / 1e6 + 0.002);
    assert_true((double)w->sent[0] <= due + 1.01 &&
                (double)w->sent[0] >= due - slack); /* and nothing adds up */
    world_free(w);
}

static void any_rate_is_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < RATES; i++)
        hold_rate(rates[i], 1, 0);
}

static void large_requests_are_within_the_rate(void **state)
{
    (void)state;
    for (size_t i = 0; i < RATES; i++)
        hold_rate(rates[i], 500, 0);
}

/* A busy machine: what was late is caught up. */
static void a_late_timer_slows_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < RATES; i++) {
        hold_rate(rates[i], 1, 20000);
        hold_rate(rates[i], 50, 200000);
    }
}

/* Each at its own; one without a rate is not slowed by those that rest, nor does it keep them from theirs. */
static void lanes_have_rates_of_their_own(void **state)
{
    (void)state;
    static const double own[] = {0.3, 7, 120, 2000, 0};
    static const uint32_t stock[] = {1000, 1000, 1000, 1000, 3};
    struct world *w = world_new(5, 1, 7);
    for (int i = 0; i < 5; i++) {
        keep_times(w, i);
        dispatch_rate(w->d, w->lanes[i], own[i]);
    }
    uint64_t end = w->now_us + 60000000;
    while (w->now_us < end) {
        uint32_t before = w->sent[4];
        for (int i = 0; i < 5; i++)
            fill(w, i, stock[i]);
        dispatch_pump(w->d);
        land(w);
        assert_true(w->sent[4] > before); /* whenever anything is done at all */
        uint64_t wait = dispatch_next_ms(w->d);
        w->now_us = (w->now_us / 1000 + (wait ? wait : 1)) * 1000;
    }
    for (int i = 0; i < 4; i++)
        assert_rate(w, i, own[i], end);
    world_free(w);
}

/* What was idle sends one item and then waits one interval: a limit of a service counts from the first. */
static void an_idle_lane_saves_nothing(void **state)
{
    (void)state;
    struct world *w = world_new(1, 10, 3);
    keep_times(w, 0);
    dispatch_rate(w->d, w->lanes[0], 10);
    for (int round = 0; round < 3; round++) {
        uint32_t stock = 5, none = 0, first = w->sent[0];
        drain(w, 1, &none);
        fill(w, 0, stock);
        while (w->sent[0] < first + 5) {
            drain(w, 1, &none);
            uint64_t wait = dispatch_next_ms(w->d);
            if (wait == UINT64_MAX)
                break;
            w->now_us = (w->now_us / 1000 + wait) * 1000;
        }
        assert_int_equal(w->sent[0], first + 5);
        for (uint32_t i = first + 1; i < first + 5; i++)
            assert_true(w->sent_us[0][i] - w->sent_us[0][i - 1] >= 98000);
        assert_int_equal(dispatch_next_ms(w->d), UINT64_MAX); /* nothing waits: nobody looks */
        w->now_us += round == 0 ? 3000000 : 1000000000000;
    }
    world_free(w);
}

/* The same when its items come from the store, fresh or to be sent again. */
static void an_idle_lane_loads_without_a_burst(void **state)
{
    (void)state;
    for (int retries = 0; retries < 2; retries++) {
        struct world *w = world_new(1, 10, 3);
        dispatch_rate(w->d, w->lanes[0], 100);
        w->now_us += 5000000;
        dispatch_behind(w->d, w->lanes[0], !retries, retries);
        struct list items;
        list_init(&items);
        for (int i = 0; i < 5; i++) {
            struct item *item = new_item(++w->last_id[0]);
            item->due_ms = wall(w) + 1000; /* only what was tried before waits for it */
            list_push_back(&items, &item->link);
        }
        if (retries)
            dispatch_retries_loaded(w->d, w->lanes[0], &items, false);
        else
            dispatch_refilled(w->d, w->lanes[0], &items, false);
        w->now_us += retries ? 1000000 : 0;
        uint32_t none = 0;
        drain(w, 1, &none);
        assert_int_equal(w->sent[0], 1);
        w->now_us += 41000;
        drain(w, 1, &none);
        assert_int_equal(w->sent[0], 5);
        world_free(w);
    }
}

/* A full window: what could not leave is caught up, but no more than a quarter of a second of it. */
static void a_full_window_is_caught_up_in_part(void **state)
{
    (void)state;
    struct world *w = world_new(1, 1, 3);
    dispatch_rate(w->d, w->lanes[0], 1000);
    fill(w, 0, 1000);
    for (int i = 0; i < 64; i++) {
        dispatch_pump(w->d);
        w->now_us += 1000;
    }
    assert_int_equal(w->flying, 64);
    assert_int_equal(dispatch_next_ms(w->d), UINT64_MAX); /* time does not help */
    w->now_us += 5000000;
    uint32_t stock = 4000;
    drain(w, 1, &stock);
    assert_int_equal(w->sent[0], 64 + 251);
    world_free(w);
}

static void a_rate_changes_at_once(void **state)
{
    (void)state;
    struct world *w = world_new(1, 1, 3);
    uint32_t stock = 100;
    dispatch_rate(w->d, w->lanes[0], 0.1);
    drain(w, 1, &stock);
    assert_int_equal(w->sent[0], 1);
    assert_in_range(dispatch_next_ms(w->d), 9999, 10001);
    w->now_us += 5000000;
    dispatch_rate(w->d, w->lanes[0], 10); /* half an item is owed: 50 ms */
    assert_in_range(dispatch_next_ms(w->d), 49, 51);
    dispatch_rate(w->d, w->lanes[0], 10); /* the same once more changes nothing */
    assert_in_range(dispatch_next_ms(w->d), 49, 51);
    drain(w, 1, &stock);
    assert_int_equal(w->sent[0], 1);
    w->now_us += 51000;
    drain(w, 1, &stock);
    assert_int_equal(w->sent[0], 2);
    dispatch_rate(w->d, w->lanes[0], 0.001);
    assert_in_range(dispatch_next_ms(w->d), 980000, 1000001);
    fill(w, 0, 100);
    dispatch_rate(w->d, w->lanes[0], 0); /* no rate: all at once */
    dispatch_pump(w->d);
    assert_int_equal(w->flying, 64);
    land(w);
    assert_int_equal(dispatch_next_ms(w->d), UINT64_MAX); /* nobody is woken for the rate that was */
    uint32_t none = 0;
    static const double unlimited[] = {-1, 0.0 / 0.0, 1e300}; /* and this as good as unlimited */
    for (int i = 0; i < 3; i++) {
        dispatch_rate(w->d, w->lanes[0], unlimited[i]);
        fill(w, 0, 200);
        w->now_us += 1;
        drain(w, 1, &none);
        assert_int_equal(w->lanes[0]->fresh_count, 0);
    }
    dispatch_rate(w->d, w->lanes[0], 1e-300); /* one a day: no less can be asked for */
    drain(w, 1, &stock);
    assert_in_range(dispatch_next_ms(w->d), 86399000, 86400001);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_rate_is_exact),
        cmocka_unit_test(large_requests_are_within_the_rate),
        cmocka_unit_test(a_late_timer_slows_nothing),
        cmocka_unit_test(lanes_have_rates_of_their_own),
        cmocka_unit_test(an_idle_lane_saves_nothing),
        cmocka_unit_test(an_idle_lane_loads_without_a_burst),
        cmocka_unit_test(a_full_window_is_caught_up_in_part),
        cmocka_unit_test(a_rate_changes_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
