#include "campaign/campaign.h"

#include "base/log.h"
#include "base/mem.h"
#include "campaign/campaign_core.h"

#define JOBS_MAX 100000u /* open at once on a loop; scheduled ones are not loaded */
#define RETRY_LONGEST_MS (1000ull * 3600)

/* ---- the courier's owner ---- */

static bool known(void *arg, int64_t id)
{
    struct campaign_job *j = campaigns_job(arg, id);
    return j && job_is_open(j->state);
}

static enum err open_lane(void *arg, struct lane *lane)
{
    struct campaigns *c = arg;
    struct campaign_job *j = campaigns_job(c, lane->key.id);
    if (!j)
        return ERR_NOT_FOUND;
    lane->owner = j;
    j->lane = lane;
    campaigns_apply(c, j->sender);
    return ERR_NONE;
}

static void close_lane(void *arg, struct lane *lane)
{
    (void)arg;
    struct campaign_job *j = lane->owner;
    j->lane = NULL;
}

static enum err send_items(void *arg, struct lane *lane, struct item *const *items, uint32_t count)
{
    struct campaigns *c = arg;
    return batch_send(&c->batches, lane->owner, items, count);
}

struct filling {
    struct courier_fill *fill;
    bool retry;
};

static enum err fill_row(void *arg, const struct message *m)
{
    const struct filling *f = arg;
    if (courier_fill_full(f->fill))
        return ERR_LIMIT;
    struct item *item = mem_zero(1, sizeof(*item));
    if (!item)
        return ERR_NOMEM;
    item->id = m->n;
    item->size = 1;
    item->memory = sizeof(*item) + 32;
    item->retry = f->retry;
    item->due_ms = f->retry ? m->due_ms : 0;
    item->tries = m->tries;
    courier_fill_add(f->fill, item);
    return ERR_NONE;
}

static enum err take_claimed(void *arg, const struct job *j)
{
    *(int64_t *)arg = j->claimed;
    return ERR_NONE;
}

static enum err fill(void *arg, struct backend *b, struct courier_fill *f)
{
    (void)arg;
    struct filling to = {.fill = f, .retry = f->retries};
    int64_t claimed = 0;
    enum err e;
    if (f->retries) {
        e = b->ops->jobs->message_due(b, f->id, MESSAGE_RETRYING, f->limit, fill_row, &to);
    } else {
        e = b->ops->jobs->job_peek(b, f->id, take_claimed, &claimed);
        if (!e)
            e = b->ops->jobs->message_waiting(b, f->id, f->after > claimed ? f->after : claimed, INT64_MAX,
                                              f->limit, fill_row, &to);
    }
    return e == ERR_LIMIT || e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static uint64_t longest(void *arg, const struct lane *lane)
{
    (void)arg;
    (void)lane;
    return RETRY_LONGEST_MS;
}

/* ---- what batches tell ---- */

static void on_changed(void *arg, struct campaign_job *j, enum job_state state)
{
    struct campaigns *c = arg;
    if (j->gone)
        return;
    j->state = state;
    if (job_is_open(state)) {
        campaigns_apply(c, j->sender);
        return;
    }
    log_info("campaign", "job has ended", log_int("job", j->id), log_str("campaign", j->short_id));
    campaign_sweep(c, j->id);
    campaigns_end(c, j);
}

static void on_hold(void *arg, struct campaign_sender *s, uint64_t until_us)
{
    struct campaigns *c = arg;
    if (until_us <= s->held_until_us)
        return;
    s->held_until_us = until_us;
    campaigns_apply(c, s);
}

static void on_paused(void *arg, struct campaign_sender *s)
{
    struct campaigns *c = arg;
    if (s->paused)
        return;
    s->paused = true;
    campaigns_apply(c, s);
    campaign_pause(c, s);
}

static void on_drop(void *arg, struct campaign_job *j)
{
    campaigns_drop(arg, j);
}

static void on_drop_sender(void *arg, struct campaign_sender *s)
{
    campaigns_sender_free(arg, s);
}

static void on_grant_wanted(void *arg, struct campaign_sender *s)
{
    campaign_grant(arg, s);
}

/* ---- the whole ---- */

enum err campaigns_new(struct campaigns **ret, const struct campaigns_config *config)
{
    struct campaigns *c = mem_zero(1, sizeof(*c));
    if (!c)
        return ERR_NOMEM;
    c->config = *config;
    list_init(&c->loads);
    map_init(&c->jobs, JOBS_MAX, &random_system);
    map_init(&c->senders, JOBS_MAX, &random_system);
    c->batches = (struct batches){
        .requests = {.engine = config->engine,
                     .relays = config->relays,
                     .clock = config->clock,
                     .counters = config->counters,
                     .deadlines = config->deadlines,
                     .user_agent = config->user_agent,
                     .allow_http = config->allow_http},
        .courier = config->courier,
        .renderer = config->renderer,
        .clock = config->clock,
        .counters = config->counters,
        .changed = on_changed,
        .hold = on_hold,
        .paused = on_paused,
        .drop_job = on_drop,
        .drop_sender = on_drop_sender,
        .grant = on_grant_wanted,
        .arg = c,
    };
    courier_own(config->courier, COURIER_JOB,
                &(struct courier_owner){.arg = c,
                                        .known = known,
                                        .open = open_lane,
                                        .close = close_lane,
                                        .send = send_items,
                                        .fill = fill,
                                        .longest = longest});
    *ret = c;
    return ERR_NONE;
}

void campaigns_free(struct campaigns *c)
{
    if (!c)
        return;
    size_t at = 0;
    for (struct campaign_job *j; (j = map_next(&c->jobs, &at));)
        j->gone = true;
    for (;;) { /* one at a time: dropping the last job of a sender changes the map of senders */
        at = 0;
        struct campaign_job *j = map_next(&c->jobs, &at);
        if (!j)
            break;
        (void)map_remove(&c->jobs, campaigns_key(&j->id));
        j->refs = 1;
        campaigns_drop(c, j);
    }
    map_deinit(&c->jobs);
    map_deinit(&c->senders);
    mem_free(c);
}

void campaigns_stop(struct campaigns *c)
{
    c->stopping = true;
    size_t at = 0;
    for (struct campaign_sender *s; (s = map_next(&c->senders, &at));)
        campaigns_apply(c, s);
}

bool campaigns_idle(const struct campaigns *c)
{
    return c->waiting == 0 && c->batches.open == 0;
}

struct campaigns *campaigns_of(const struct campaigns_set *set, int64_t sender_id)
{
    return set->count ? set->all[(uint64_t)sender_id % set->count] : NULL;
}

struct campaigns *campaigns_here(const struct campaigns_set *set, const struct mailbox *mailbox)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->all[i]->config.mailbox == mailbox)
            return set->all[i];
    return NULL;
}

const struct campaign_requests *campaigns_requests(const struct campaigns *c)
{
    return &c->batches.requests;
}

struct renderer *campaigns_renderer(const struct campaigns *c)
{
    return c->config.renderer;
}

static void open_note(struct letter *l)
{
    struct campaigns_note *note = list_entry(l, struct campaigns_note, letter);
    if (!note->campaigns->stopping)
        campaign_load(note->campaigns, note->job_id);
    mem_free(note);
}

void campaigns_notify(struct campaigns *c, struct campaigns_note *note)
{
    note->campaigns = c;
    note->letter.open = open_note;
    mailbox_post(c->config.mailbox, &note->letter);
}
