#include "store/pulse.h"

/* Advances to the slot of now. If the clock was set back, counting continues in the newest slot. */
static uint32_t slot_of(struct pulse *p, int64_t now_ms)
{
    int64_t newest = atomic_load_explicit(&p->newest, memory_order_relaxed), now = now_ms / PULSE_SLOT_MS;
    if (now - newest > PULSE_SLOTS)
        newest = now - PULSE_SLOTS;
    while (newest < now) {
        newest++;
        atomic_store_explicit(&p->slots[newest % PULSE_SLOTS].delivered, 0, memory_order_relaxed);
        atomic_store_explicit(&p->slots[newest % PULSE_SLOTS].failed, 0, memory_order_relaxed);
    }
    atomic_store_explicit(&p->newest, newest, memory_order_relaxed);
    return (uint32_t)(newest % PULSE_SLOTS);
}

static void add(_Atomic uint32_t *n, uint32_t more)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + more, memory_order_relaxed);
}

void pulse_delivered(struct pulse *p, uint32_t events, int64_t now_ms)
{
    add(&p->slots[slot_of(p, now_ms)].delivered, events);
    atomic_store_explicit(&p->failing_ms, 0, memory_order_relaxed);
}

void pulse_failed(struct pulse *p, const struct outcome *o, int64_t now_ms)
{
    add(&p->slots[slot_of(p, now_ms)].failed, 1);
    uint64_t as = (uint64_t)o->fault << 32 | (uint64_t)o->cause << 16 | (uint16_t)o->status;
    atomic_store_explicit(&p->failed_as, as, memory_order_relaxed);
    atomic_store_explicit(&p->failed_ms, now_ms, memory_order_relaxed);
    if (!atomic_load_explicit(&p->failing_ms, memory_order_relaxed))
        atomic_store_explicit(&p->failing_ms, now_ms, memory_order_relaxed);
}

void pulse_moved(struct pulse *p)
{
    atomic_store_explicit(&p->failing_ms, 0, memory_order_relaxed);
}

void pulse_read(const struct pulse *p, int64_t now_ms, struct pulse_view *ret)
{
    int64_t newest = atomic_load_explicit(&p->newest, memory_order_relaxed), now = now_ms / PULSE_SLOT_MS;
    uint64_t as = atomic_load_explicit(&p->failed_as, memory_order_relaxed);
    *ret = (struct pulse_view){
        .failing_ms = atomic_load_explicit(&p->failing_ms, memory_order_relaxed),
        .failed_ms = atomic_load_explicit(&p->failed_ms, memory_order_relaxed),
        .fault = (enum fault_id)(as >> 32),
        .cause = (enum cause_id)(as >> 16 & 0xffff),
        .status = (int)(as & 0xffff),
    };
    /* Only slots of the last hour that have been reached; older slots still hold old counts. */
    for (int64_t n = newest; n > now - PULSE_SLOTS + 1 && n > newest - PULSE_SLOTS && n > 0; n--) {
        ret->delivered += atomic_load_explicit(&p->slots[n % PULSE_SLOTS].delivered, memory_order_relaxed);
        ret->failed += atomic_load_explicit(&p->slots[n % PULSE_SLOTS].failed, memory_order_relaxed);
    }
}
