#include "net/timer.h"

#include "base/list.h"

static void timers_update(struct timers *ts);

static void on_uv_timer(uv_timer_t *uv)
{
    struct timers *ts = list_entry(uv, struct timers, uv);
    uint64_t now = ts->clock->mono_us(ts->clock->arg);
    for (struct heap_node *n; (n = heap_min(&ts->heap)) != NULL && n->key <= now;) {
        struct timer *t = list_entry(n, struct timer, node);
        heap_remove(&ts->heap, n);
        t->armed = false;
        t->fire(t); /* may free t, arm and disarm others */
    }
    timers_update(ts);
}

/* Sets the one uv timer to the earliest deadline. */
static void timers_update(struct timers *ts)
{
    if (uv_is_closing((uv_handle_t *)&ts->uv))
        return;
    const struct heap_node *n = heap_min(&ts->heap);
    if (!n) {
        (void)uv_timer_stop(&ts->uv);
        return;
    }
    uint64_t now = ts->clock->mono_us(ts->clock->arg);
    uint64_t wait_ms = n->key > now ? (n->key - now + 999) / 1000 : 0;
    uv_update_time(ts->uv.loop);
    (void)uv_timer_start(&ts->uv, on_uv_timer, wait_ms, 0);
}

void timers_init(struct timers *ts, uv_loop_t *loop, const struct clock *clock)
{
    ts->heap = (struct heap){0};
    ts->clock = clock;
    (void)uv_timer_init(loop, &ts->uv); /* cannot fail */
}

void timers_close(struct timers *ts, uv_close_cb closed)
{
    uv_close((uv_handle_t *)&ts->uv, closed);
}

void timer_arm(struct timers *ts, struct timer *t, uint64_t due_us, void (*fire)(struct timer *t))
{
    if (t->armed)
        heap_remove(&ts->heap, &t->node);
    t->fire = fire;
    t->armed = true;
    heap_add(&ts->heap, &t->node, due_us);
    if (heap_min(&ts->heap) == &t->node)
        timers_update(ts);
}

void timer_disarm(struct timers *ts, struct timer *t)
{
    if (!t->armed)
        return;
    t->armed = false;
    heap_remove(
        &ts->heap,
        &t->node); /* the uv timer may fire without a due deadline: cheaper than resetting it each time */
}
