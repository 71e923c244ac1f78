#include "dispatch/dispatch_core.h"

bool turn_rests(const struct lane *lane)
{
    return lane->paused || lane->held_us;
}

/* A quarter of the window is closed to retries: however many are due, a fresh item finds room at once. */
bool turn_may_retry(const struct lane *lane)
{
    uint32_t window = (uint32_t)lane->window, room = window - (window + 3) / 4;
    return !list_empty(&lane->due) && lane->retries_out < (room ? room : 1);
}

bool turn_can_send(const struct lane *lane)
{
    return !turn_rests(lane) && lane->in_flight < (uint32_t)lane->window &&
           (!list_empty(&lane->fresh) || turn_may_retry(lane));
}

uint32_t turn_room(const struct dispatch *d, const struct lane *lane, uint32_t max)
{
    return lane->pace.interval_ns ? pace_room(&lane->pace, dispatch_now_us(d) * 1000, max) : max;
}

void turn_join(const struct dispatch *d, struct lane *lane)
{
    if (lane->pace.interval_ns && !lane->behind && list_empty(&lane->fresh) && list_empty(&lane->due))
        pace_idle(&lane->pace, dispatch_now_us(d) * 1000);
}

void turn_activate(struct dispatch *d, struct lane *lane)
{
    if (list_linked(&lane->link))
        return;
    if (turn_can_send(lane) && turn_room(d, lane, 1))
        list_push_back(&d->round, &lane->link);
    if (lane->pace.interval_ns)
        turn_set_wake(d, lane);
}

void turn_again_later(struct dispatch *d)
{
    if (!d->again_ms)
        d->again_ms = dispatch_now_ms(d) + DISPATCH_AGAIN_MS;
}

void turn_unwake(struct dispatch *d, struct lane *lane)
{
    if (lane->wake_set)
        heap_remove(&d->wakes, &lane->wake);
    lane->wake_set = false;
}

/*
 * When the lane must be looked at again: at its first retry, in memory or dropped; when its rate allows the
 * next item; at the end of its rest.
 */
static uint64_t wake_us(const struct lane *lane)
{
    if (lane->held_us)
        return lane->held_us; /* nothing can be done earlier */
    uint64_t at = lane->retry_behind && !lane->asleep ? lane->horizon_ms : UINT64_MAX;
    struct heap_node *first = heap_min(&lane->later);
    if (first && first->key < at)
        at = first->key;
    at = at < UINT64_MAX / 1000 ? at * 1000 : UINT64_MAX;
    if (lane->pace.interval_ns && !list_linked(&lane->link) && turn_can_send(lane)) {
        uint64_t next = (lane->pace.next_ns + 999) / 1000;
        at = next < at ? next : at;
    }
    return at;
}

void turn_set_wake(struct dispatch *d, struct lane *lane)
{
    uint64_t at = wake_us(lane);
    if (lane->wake_set && lane->wake.key == at)
        return;
    turn_unwake(d, lane);
    if (at == UINT64_MAX)
        return;
    heap_add(&d->wakes, &lane->wake, at);
    lane->wake_set = true;
}
