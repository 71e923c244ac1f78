#include "webhook/suspension.h"

#include "base/log.h"
#include "base/mem.h"
#include "fault/effect.h"
#include "webhook/channel_update.h"

#define NOTE_PART 12u /* a failing state is stored after 1/NOTE_PART of the time to suspension */

struct pending {
    struct store_call call;
    struct channel_update update;
    struct suspension_change change;
    suspension_done_fn *done;
    void *arg;
};

static enum suspension_step after_success(struct suspension_health *h, const struct channel *c)
{
    h->since_ms = 0;
    h->failures = 0;
    return c->suspended_ms || c->failing_ms ? SUSPENSION_LIFT : SUSPENSION_NONE;
}

static enum suspension_step after_failure(struct suspension_health *h, const struct suspension_rule *rule,
                                          const struct channel *c, const struct suspension_clock *now)
{
    if (!now->time_ms)
        return SUSPENSION_NONE;
    if (!h->since_ms) {
        h->mono_ms = now->mono_ms;
        h->before_ms = c->failing_ms && c->failing_ms < now->time_ms ? now->time_ms - c->failing_ms : 0;
    }
    int64_t lasted = h->before_ms + (int64_t)(now->mono_ms - h->mono_ms);
    h->since_ms = now->time_ms - lasted;
    if (h->failures < UINT32_MAX)
        h->failures++;
    if (!rule->after_ms || c->suspended_ms)
        return SUSPENSION_NONE;
    if (lasted >= rule->after_ms && h->failures >= rule->failures)
        return SUSPENSION_BEGIN;
    return !c->failing_ms && lasted > rule->after_ms / NOTE_PART ? SUSPENSION_NOTE : SUSPENSION_NONE;
}

enum suspension_step suspension_judge(struct suspension_health *h, const struct suspension_rule *rule,
                                      const struct channel *c, const struct outcome *outcome,
                                      const struct suspension_clock *now)
{
    if (outcome->reason != REASON_OK && !(effect_of(outcome) & EFFECT_SUSPEND))
        return SUSPENSION_NONE;
    enum suspension_step step =
        outcome->reason == REASON_OK ? after_success(h, c) : after_failure(h, rule, c, now);
    return h->asked ? SUSPENSION_NONE : step;
}

void suspension_clear(struct channel *c)
{
    c->suspended_ms = 0;
    c->failing_ms = 0;
}

static enum err apply(struct channel_update *u, struct channel *c)
{
    const struct suspension_change *change = &list_entry(u, struct pending, update)->change;
    if (strcmp(c->webhook_url, change->url) != 0)
        return ERR_CONFLICT; /* the health was measured with another URL */
    switch (change->step) {
    case SUSPENSION_BEGIN:
        if (c->suspended_ms)
            return ERR_CONFLICT;
        c->suspended_ms = change->now_ms;
        c->failing_ms = change->since_ms;
        return ERR_NONE;
    case SUSPENSION_NOTE:
        if (c->failing_ms)
            return ERR_CONFLICT;
        c->failing_ms = change->since_ms;
        return ERR_NONE;
    case SUSPENSION_LIFT:
        if (!c->suspended_ms && !c->failing_ms)
            return ERR_CONFLICT;
        suspension_clear(c);
        return ERR_NONE;
    case SUSPENSION_NONE:
        break;
    }
    return ERR_CONFLICT;
}

/* Queues a mail about the suspension in the same commit, if the channel wants error mails. */
static enum err tell_people(struct channel_update *u, struct backend *b, const struct channel *before)
{
    (void)before;
    const struct suspension_change *change = &list_entry(u, struct pending, update)->change;
    const struct notice n = {.channel_id = change->channel_id,
                             .kind = NOTICE_SUSPENDED,
                             .reason = span_of(change->reason),
                             .detail = span_of(change->detail),
                             .errors = change->failures,
                             .first_ms = change->since_ms,
                             .closes_ms = change->wall_ms};
    return change->step == SUSPENSION_BEGIN ? b->ops->errors->notice_put(b, &n) : ERR_NONE;
}

static enum err run(struct store_call *call, struct backend *b)
{
    return channel_update_run(&list_entry(call, struct pending, call)->update, b);
}

static void committed(struct store_call *call)
{
    channel_update_committed(&list_entry(call, struct pending, call)->update);
}

static void tell(const struct suspension_change *change)
{
    if (change->step == SUSPENSION_BEGIN)
        log_error("webhook", "channel suspended: it failed for too long; its events are kept",
                  log_int("channel", change->channel_id),
                  log_int("failing_s", (change->now_ms - change->since_ms) / 1000),
                  log_uint("failures", change->failures));
    else if (change->step == SUSPENSION_LIFT)
        log_info("webhook", "channel works again", log_int("channel", change->channel_id));
}

static void finished(struct store_call *call)
{
    struct pending *p = list_entry(call, struct pending, call);
    if (!call->err)
        tell(&p->change);
    channel_update_end(&p->update, call->err);
    if (p->done)
        p->done(p->arg, &p->change, call->err);
    mem_free(p);
}

enum err suspension_submit(const struct suspension_change *change, struct courier *courier,
                           struct store *store, struct directory *directory, struct mailbox *home,
                           suspension_done_fn *done, void *arg)
{
    struct pending *p = mem_zero(1, sizeof(*p));
    if (!p)
        return ERR_NOMEM;
    *p = (struct pending){.change = *change,
                          .done = done,
                          .arg = arg,
                          .update = {.id = change->channel_id,
                                     .directory = directory,
                                     .courier = courier,
                                     .apply = apply,
                                     .also = tell_people},
                          .call = {.run = run, .committed = committed, .done = finished, .home = home}};
    enum err e = channel_update_begin(&p->update);
    if (e)
        mem_free(p);
    else
        store_submit(store, &p->call);
    return e;
}

enum err suspension_lift(int64_t channel_id, const char *url, struct courier *courier, struct store *store,
                         struct directory *directory, struct mailbox *home)
{
    struct suspension_change change = {.step = SUSPENSION_LIFT, .channel_id = channel_id};
    (void)snprintf(change.url, sizeof(change.url), "%s", url);
    return suspension_submit(&change, courier, store, directory, home, NULL, NULL);
}
