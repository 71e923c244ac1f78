#include "webhook/redelivery.h"

#include "fault/effect.h"

const struct redelivery_schedule redelivery_default = {
    .delay_ms = {60000, 120000, 240000, 480000, 900000},
    .count = 5,
    .jitter_percent = 20,
};

/* Waits after faults of our own: one second, doubling. */
#define LOCAL_FIRST_MS 1000u
#define LOCAL_LAST_MS 60000u
#define LOCAL_SENT_MAX 20u /* sends of an event after which a fault of ours counts like any other failure */

static uint32_t with_jitter(uint32_t delay_ms, uint32_t percent, const struct random *random)
{
    uint64_t span = (uint64_t)delay_ms * percent / 100;
    uint64_t delay = delay_ms - span + random_below(random, 2 * span + 1);
    return delay > UINT32_MAX ? UINT32_MAX : (uint32_t)delay;
}

static uint32_t local_delay(uint16_t faults)
{
    uint64_t delay = (uint64_t)LOCAL_FIRST_MS << (faults < 10 ? faults : 10);
    return delay < LOCAL_LAST_MS ? (uint32_t)delay : LOCAL_LAST_MS;
}

/*
 * Honours Retry-After of 429 and 503, limited to the rest of the schedule, so that a bot server cannot delay
 * an event for longer.
 */
static uint64_t wait_as_told(const struct redelivery_schedule *s, const struct redelivery_news *n,
                             uint64_t delay)
{
    if (n->outcome->status != 429 && n->outcome->status != 503)
        return delay;
    uint64_t left = 0;
    for (uint32_t i = n->tries; i < s->count; i++)
        left += s->delay_ms[i];
    uint64_t told = (uint64_t)n->retry_after_s * 1000;
    if (told > left)
        told = left;
    return told > delay ? told : delay;
}

struct redelivery_schedule redelivery_schedule_of(const struct redelivery_schedule *node,
                                                  const struct channel *c)
{
    if (!c->redelivery_schedule.count)
        return *node;
    struct redelivery_schedule s = {.count = c->redelivery_schedule.count,
                                    .jitter_percent = node->jitter_percent};
    for (uint32_t i = 0; i < s.count; i++)
        s.delay_ms[i] = c->redelivery_schedule.s[i] * 1000;
    return s;
}

uint64_t redelivery_longest(const struct redelivery_schedule *s)
{
    uint64_t sum = LOCAL_LAST_MS;
    for (uint32_t i = 0; i < s->count; i++)
        sum += s->delay_ms[i];
    return sum * (100 + (s->jitter_percent > 20 ? s->jitter_percent : 20)) / 100;
}

static uint16_t one_more(uint16_t n)
{
    return n < UINT16_MAX ? (uint16_t)(n + 1) : n;
}

void redelivery_decide(const struct redelivery_schedule *node, const struct channel *c,
                       const struct redelivery_news *n, const struct random *random, struct fate *ret)
{
    const struct redelivery_schedule own = redelivery_schedule_of(node, c), *s = &own;
    unsigned effects = effect_of(n->outcome);
    bool ours = effects & EFFECT_AGAIN, unsent = ours && !n->sent;
    ret->tries = unsent ? n->tries : one_more(n->tries);
    ret->faults = ours ? one_more(n->faults) : 0;
    ret->next_due_ms = 0;
    if (n->outcome->reason == REASON_OK) {
        ret->end = FATE_DELIVERED;
    } else if (unsent || (ours && n->tries < LOCAL_SENT_MAX)) {
        ret->end = unsent ? FATE_UNSENT : FATE_RETRY;
        ret->next_due_ms = n->now_ms + with_jitter(local_delay(n->faults), 20, random);
    } else if (c->webhook_redelivery && n->tries < s->count && effects & EFFECT_RETRY) {
        ret->end = FATE_RETRY;
        uint32_t delay = with_jitter(s->delay_ms[n->tries], s->jitter_percent, random);
        ret->next_due_ms = n->now_ms + (int64_t)wait_as_told(s, n, delay);
    } else {
        ret->end = FATE_GIVEN_UP;
    }
}
