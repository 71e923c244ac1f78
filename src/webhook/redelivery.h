#pragma once
/*
 * Decides, here only, what a finished attempt means for its events: delivered, put off or given up.
 *
 * If the channel's redelivery switch is off, a failed event is given up at once (as the platform does); if it
 * is on, the event is sent again by the schedule. When a local fault kept a request from leaving this
 * machine, the bot has not seen the events: this does not count as a try, and they are retried without limit,
 * whatever the switch says.
 */
#include "base/random.h"
#include "fault/outcome.h"
#include "model/attempt.h"
#include "model/channel.h"

#define REDELIVERY_MAX CHANNEL_REDELIVERIES_MAX /* entries of a schedule */

struct redelivery_schedule {
    uint32_t delay_ms[REDELIVERY_MAX]; /* after the 1st, 2nd, … failure */
    uint32_t count;
    uint32_t jitter_percent; /* ± */
};

/* 1, 2, 4, 8, 15 minutes, ±20 %. */
extern const struct redelivery_schedule redelivery_default;

struct redelivery_news {
    const struct outcome *outcome;
    uint32_t retry_after_s; /* of a 429 or 503; 0: none */
    uint16_t tries;         /* times the event was sent before this attempt */
    uint16_t faults;        /* faults of our own just before it, in a row */
    bool sent;              /* something of the request left */
    int64_t now_ms;         /* wall clock */
};

/* A channel's own schedule, if it has one, with the node's jitter. */
struct redelivery_schedule redelivery_schedule_of(const struct redelivery_schedule *node,
                                                  const struct channel *c);

/* No event is ever put off for longer than this (ms). One that would still have to wait longer was put off
 * before the clock was set back. */
uint64_t redelivery_longest(const struct redelivery_schedule *s);

/* node: the node's schedule; the channel's own comes before it. Sets end, next_due_ms, tries and faults of
 * the fate. */
void redelivery_decide(const struct redelivery_schedule *node, const struct channel *c,
                       const struct redelivery_news *news, const struct random *random, struct fate *ret);
