/* Deadlines of one loop, on a clock that is ours: uv only says when to look at it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/random.h"
#include "net/timer.h"

#define COUNT 200

struct world {
    uv_loop_t loop;
    struct clock clock;
    struct timers timers;
    uint64_t now;
    struct probe {
        struct timer timer; /* first: a timer's address is its probe's */
        struct world *world;
        uint64_t due;
        int fired;
        struct timer *disarms; /* when it fires */
        uint64_t rearm_in;
    } probes[COUNT];
    uint64_t last_due;
    int fired;
};

static uint64_t world_us(void *arg)
{
    return ((const struct world *)arg)->now;
}

static void world_init(struct world *w)
{
    memset(w, 0, sizeof(*w));
    w->now = 1000000;
    w->clock = (struct clock){.mono_us = world_us, .arg = w};
    assert_int_equal(uv_loop_init(&w->loop), 0);
    timers_init(&w->timers, &w->loop, &w->clock);
    for (int i = 0; i < COUNT; i++)
        w->probes[i].world = w;
}

static void world_end(struct world *w)
{
    timers_close(&w->timers, NULL);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
}

/* The next expiry of the uv timer, at once: what it does is decided by our clock alone. */
static void expire(struct world *w)
{
    if (!uv_is_active((uv_handle_t *)&w->timers.uv))
        return;
    uv_timer_cb cb = w->timers.uv.timer_cb;
    (void)uv_timer_stop(&w->timers.uv);
    cb(&w->timers.uv);
}

static void fire(struct timer *t)
{
    struct probe *p = (struct probe *)(void *)t;
    struct world *w = p->world;
    assert_false(t->armed);
    assert_true(p->due <= w->now);
    assert_true(p->due >= w->last_due); /* in order */
    w->last_due = p->due;
    p->fired++;
    w->fired++;
    if (p->disarms)
        timer_disarm(&w->timers, p->disarms);
    if (p->rearm_in > 0) {
        p->due = w->now + p->rearm_in;
        p->rearm_in = 0;
        timer_arm(&w->timers, t, p->due, fire);
    }
}

static void arm(struct world *w, int i, uint64_t in)
{
    w->probes[i].due = w->now + in;
    timer_arm(&w->timers, &w->probes[i].timer, w->probes[i].due, fire);
}

static void fires_when_due_and_not_before(void **state)
{
    (void)state;
    static struct world w;
    world_init(&w);
    assert_false(uv_is_active((uv_handle_t *)&w.timers.uv));
    arm(&w, 0, 2000);
    assert_int_equal(uv_timer_get_due_in(&w.timers.uv), 2);
    w.now += 1999;
    expire(&w); /* uv rounds to milliseconds; early is never */
    assert_int_equal(w.fired, 0);
    assert_int_equal(uv_timer_get_due_in(&w.timers.uv), 1); /* rounded up: no spinning */
    w.now += 1;
    expire(&w);
    assert_int_equal(w.fired, 1);
    assert_false(uv_is_active((uv_handle_t *)&w.timers.uv)); /* nothing left: the loop may end */
    world_end(&w);
}

static void past_deadlines_fire_from_the_loop(void **state)
{
    (void)state;
    static struct world w;
    world_init(&w);
    w.probes[0].due = 5;
    timer_arm(&w.timers, &w.probes[0].timer, 5, fire);
    assert_int_equal(w.fired, 0); /* never from inside timer_arm() */
    assert_int_equal(uv_timer_get_due_in(&w.timers.uv), 0);
    expire(&w);
    assert_int_equal(w.fired, 1);
    world_end(&w);
}

static void arming_again_replaces(void **state)
{
    (void)state;
    static struct world w;
    world_init(&w);
    arm(&w, 0, 1000);
    arm(&w, 0, 9000);
    w.now += 1000;
    expire(&w);
    assert_int_equal(w.fired, 0);
    arm(&w, 0, 3000);
    w.now += 3000;
    expire(&w);
    assert_int_equal(w.fired, 1);
    w.now += 9000;
    expire(&w);
    assert_int_equal(w.fired, 1);
    world_end(&w);
}

static void disarmed_ones_are_silent(void **state)
{
    (void)state;
    static struct world w;
    world_init(&w);
    timer_disarm(&w.timers, &w.probes[0].timer); /* never armed */
    arm(&w, 0, 1000);
    arm(&w, 1, 2000);
    timer_disarm(&w.timers, &w.probes[0].timer);
    timer_disarm(&w.timers, &w.probes[0].timer);
    w.now += 2000;
    expire(&w);
    assert_int_equal(w.probes[0].fired, 0);
    assert_int_equal(w.probes[1].fired, 1);
    world_end(&w);
}

/* What a fired timer does to others and to itself counts at once. */
static void firing_may_arm_and_disarm(void **state)
{
    (void)state;
    static struct world w;
    world_init(&w);
    arm(&w, 0, 1000);
    arm(&w, 1, 1001);
    arm(&w, 2, 1002);
    w.probes[0].disarms = &w.probes[1].timer;
    w.probes[0].rearm_in = 5000;
    w.now += 2000;
    expire(&w);
    assert_int_equal(w.probes[0].fired, 1);
    assert_int_equal(w.probes[1].fired, 0);
    assert_int_equal(w.probes[2].fired, 1);
    assert_true(w.probes[0].timer.armed);
    assert_int_equal(uv_timer_get_due_in(&w.timers.uv), 5);
    w.now += 5000;
    expire(&w);
    assert_int_equal(w.probes[0].fired, 2);
    world_end(&w);
}

static void many_at_random(void **state)
{
    (void)state;
    static struct world w;
    struct random_seeded seed;
    struct random r = random_seeded_init(&seed, 4);
    world_init(&w);
    int expected = 0;
    for (int round = 0; round < 2000; round++) {
        for (int n = 0; n < 5; n++) {
            int i = (int)random_below(&r, COUNT);
            if (random_below(&r, 4) == 0)
                timer_disarm(&w.timers, &w.probes[i].timer);
            else
                arm(&w, i, random_below(&r, 50000));
        }
        w.now += random_below(&r, 3000);
        for (int i = 0; i < COUNT; i++)
            expected += w.probes[i].timer.armed && w.probes[i].due <= w.now;
        w.last_due = 0;
        expire(&w);
        assert_int_equal(w.fired, expected);
    }
    assert_true(expected > 1000);
    world_end(&w);
}

/* The loop itself calls it, in real time: a millisecond is enough to see that it is wired. */
static void the_loop_fires_it(void **state)
{
    (void)state;
    static struct world w;
    world_init(&w);
    w.clock = clock_system;
    w.now = UINT64_MAX; /* for fire()'s own check */
    uint64_t start = clock_system.mono_us(NULL);
    w.probes[0].due = start + 1000;
    timer_arm(&w.timers, &w.probes[0].timer, w.probes[0].due, fire);
    (void)uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(w.fired, 1);
    assert_true(clock_system.mono_us(NULL) >= start + 1000);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_when_due_and_not_before),
        cmocka_unit_test(past_deadlines_fire_from_the_loop),
        cmocka_unit_test(arming_again_replaces),
        cmocka_unit_test(disarmed_ones_are_silent),
        cmocka_unit_test(firing_may_arm_and_disarm),
        cmocka_unit_test(many_at_random),
        cmocka_unit_test(the_loop_fires_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
