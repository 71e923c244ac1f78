#include "access/rate.h"

#include "base/mem.h"

#define SLOTS 61u
#define CHANNELS_MAX 250000u /* more channels than a node has */
#define SWEEP_US (600u * 1000000ull)

static const struct {
    uint32_t max;
    uint64_t slot_us;
} rules[RATE_KINDS] = {
    [RATE_GET] = {RATE_MINUTE_MAX, 1000000u},
    [RATE_SET] = {RATE_MINUTE_MAX, 1000000u},
    [RATE_TEST] = {RATE_HOUR_MAX, 60u * 1000000u},
};

struct window {
    uint64_t newest; /* number of the newest slot, counted from the clock's start */
    uint32_t sum;
    uint16_t slots[SLOTS];
};

struct channel_rates {
    int64_t id;
    struct window windows[RATE_KINDS];
};

/* Empties the slots that have left the window. */
static void advance(struct window *w, uint64_t now)
{
    if (now <= w->newest)
        return;
    uint64_t steps = now - w->newest < SLOTS ? now - w->newest : SLOTS;
    for (uint64_t i = 1; i <= steps; i++) {
        uint16_t *slot = &w->slots[(w->newest + i) % SLOTS];
        w->sum -= *slot;
        *slot = 0;
    }
    w->newest = now;
}

void rate_init(struct rate_limits *r, const struct clock *clock, const struct random *random)
{
    (void)pthread_mutex_init(&r->lock, NULL);
    map_init(&r->channels, CHANNELS_MAX, random);
    r->clock = clock;
    r->sweep_us = clock->mono_us(clock->arg);
}

static void forget(struct rate_limits *r, struct channel_rates *c)
{
    (void)map_remove(&r->channels, (struct span){(const char *)&c->id, sizeof(c->id)});
    mem_free(c);
}

/*
 * Forgets channels without calls in any window. Collects them first, because a removal moves entries of the
 * map.
 */
static void sweep(struct rate_limits *r, uint64_t now_us)
{
    struct channel_rates **gone = mem_alloc((r->channels.count + 1) * sizeof(struct channel_rates *));
    size_t pos = 0, count = 0;
    struct channel_rates *c;
    while (gone && (c = map_next(&r->channels, &pos))) {
        uint32_t used = 0;
        for (size_t k = 0; k < RATE_KINDS; k++) {
            advance(&c->windows[k], now_us / rules[k].slot_us);
            used += c->windows[k].sum;
        }
        if (!used)
            gone[count++] = c;
    }
    for (size_t i = 0; i < count; i++)
        forget(r, gone[i]);
    mem_free(gone);
}

void rate_deinit(struct rate_limits *r)
{
    if (!r->clock)
        return;
    size_t pos = 0;
    struct channel_rates *c;
    while ((c = map_next(&r->channels, &pos)))
        mem_free(c);
    map_deinit(&r->channels);
    (void)pthread_mutex_destroy(&r->lock);
    r->clock = NULL;
}

static struct channel_rates *of_channel(struct rate_limits *r, int64_t id)
{
    struct channel_rates *c = map_get(&r->channels, (struct span){(const char *)&id, sizeof(id)});
    if (c)
        return c;
    c = mem_zero(1, sizeof(*c));
    if (!c)
        return NULL;
    c->id = id;
    if (map_put(&r->channels, (struct span){(const char *)&c->id, sizeof(c->id)}, c)) {
        mem_free(c);
        return NULL;
    }
    return c;
}

bool rate_take(struct rate_limits *r, int64_t channel_id, enum rate_kind kind)
{
    (void)pthread_mutex_lock(&r->lock);
    uint64_t now_us = r->clock->mono_us(r->clock->arg);
    if (now_us - r->sweep_us >= SWEEP_US) {
        sweep(r, now_us);
        r->sweep_us = now_us;
    }
    struct channel_rates *c = of_channel(r, channel_id);
    bool may = true;
    if (c) {
        struct window *w = &c->windows[kind];
        advance(w, now_us / rules[kind].slot_us);
        may = w->sum < rules[kind].max;
        if (may) {
            w->slots[w->newest % SLOTS]++;
            w->sum++;
        }
    }
    (void)pthread_mutex_unlock(&r->lock);
    return may;
}
