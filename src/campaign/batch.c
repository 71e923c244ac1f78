#include "campaign/batch.h"

#include "base/log.h"
#include "base/mem.h"
#include "campaign/batch_parts.h"

static int64_t low_of(const struct batch *b)
{
    int64_t low = 0;
    for (uint32_t i = 0; i < b->count; i++)
        if (!b->items[i]->retry && (!low || b->messages[i].n < low))
            low = b->messages[i].n;
    return low;
}

int64_t batches_settled(const struct campaign_job *j)
{
    int64_t settled = j->claimed;
    for (const struct list *i = j->batches.next; i != &j->batches; i = i->next) {
        int64_t low = low_of(list_entry(i, struct batch, link));
        if (low && low <= settled)
            settled = low - 1;
    }
    return settled;
}

static void batch_free(struct batch *b)
{
    struct batches *all = b->all;
    struct campaign_job *j = b->job;
    for (uint32_t i = 0; i < b->count; i++)
        buf_deinit(&b->sendings[i].out);
    arena_deinit(&b->claim.arena);
    list_remove(&b->link);
    atomic_fetch_sub_explicit(&j->sending, b->count, memory_order_relaxed);
    mem_free(b->items);
    mem_free(b->messages);
    mem_free(b->sendings);
    mem_free(b);
    all->open--;
    all->drop_job(all->arg, j);
}

/* ---- the record ---- */

static enum err write_effect(struct batch *b, uint32_t i, struct backend *store)
{
    const struct sending *s = &b->sendings[i];
    const struct claimed *m = &b->messages[i];
    const struct target_effect t = {
        .user_id = m->user_id,
        .medium = b->job->medium,
        .value = m->target,
        .withdraw = s->withdraw,
        .drop = s->drop,
        .error = s->fate.error,
        .job_id = b->job->id,
        .message_n = m->n,
    };
    if (!s->withdraw && !s->drop)
        return ERR_NONE;
    enum err e = store->ops->audience->target_effect(store, b->job->provider_id, &t, batch_now(b));
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static enum err write_record(struct record *r, struct backend *store)
{
    struct batch *b = list_entry(r, struct batch, recording);
    struct ledger l;
    enum err e = ledger_open(&l, store, b->job->id, batch_now(b));
    if (e)
        return e == ERR_NOT_FOUND ? ERR_NONE : e; /* the job was deleted */
    const bool open = job_is_open(l.job.state);
    for (uint32_t i = 0; !e && i < b->count; i++) {
        struct fate_of_message f = b->sendings[i].fate;
        if (!b->sendings[i].ended)
            continue;
        if (f.is == MESSAGE_RETRYING && !open)
            f.is = MESSAGE_FAILED;
        f.due_ms = f.is == MESSAGE_RETRYING ? l.now_ms + 1000 * (int64_t)b->sendings[i].wait_s : 0;
        e = ledger_put(&l, &f);
        if (!e)
            e = write_effect(b, i, store);
    }
    if (!e && b->pause) {
        const struct span error = span_of(delivery_error_of(b->pause_error)->id);
        e = store->ops->campaigns->sender_state(store, b->job->sender->id, SENDER_PAUSED, error,
                                                span_of(b->pause_text), l.now_ms);
        if (!e && (l.job.state == JOB_RUNNING || l.job.state == JOB_PREPARING))
            ledger_state(&l, JOB_PAUSED, error, span_of(b->pause_text));
        e = e == ERR_NOT_FOUND ? ERR_NONE : e;
    }
    if (!e && b->settled > l.job.settled)
        l.job.settled = b->settled;
    if (!e)
        e = ledger_close(&l);
    b->state = l.job.state;
    return e;
}

static void count_ended(const struct batch *b)
{
    struct campaign_counters *n = b->all->counters;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct sending *s = &b->sendings[i];
        if (!s->ended)
            continue;
        batch_count(&n->ended[b->job->sender->service][s->fate.is], 1);
        if (s->fate.failed)
            batch_count(&n->failed[s->fate.error], 1);
    }
}

static struct lane *lane_of(const struct batch *b)
{
    return courier_lane(b->all->courier, COURIER_JOB, b->job->id);
}

/* Gives the items back to the lane, or frees them, and ends the batch. */
static void finish(struct batch *b, bool recorded)
{
    struct courier *c = b->all->courier;
    struct lane *lane = lane_of(b);
    const bool open = lane && lane->owner && job_is_open(b->state);
    for (uint32_t i = 0; i < b->count; i++) {
        struct item *item = b->items[i];
        if (recorded && open && b->sendings[i].ended && b->sendings[i].fate.is == MESSAGE_RETRYING) {
            item->due_ms = batch_now(b) + 1000 * (int64_t)b->sendings[i].wait_s;
            item->tries = b->sendings[i].fate.tries;
            courier_again(c, lane, item);
        } else {
            courier_done(c, lane, item);
        }
    }
    courier_end(c, lane);
    batch_free(b);
}

static void on_recorded(struct record *r)
{
    struct batch *b = list_entry(r, struct batch, recording);
    struct batches *all = b->all;
    struct campaign_job *j = b->job;
    const enum job_state state = b->state;
    const bool pause = b->pause;
    count_ended(b);
    j->refs++;
    finish(b, true);
    if (pause)
        all->paused(all->arg, j->sender);
    if (state != j->state)
        all->changed(all->arg, j, state);
    all->drop_job(all->arg, j);
}

/* The store never took it: the messages are sent again, or are unknown, at the next start. */
static void on_abandon(struct record *r)
{
    struct batch *b = list_entry(r, struct batch, recording);
    for (uint32_t i = 0; i < b->count; i++)
        mem_free(b->items[i]);
    batch_free(b);
}

void batch_record(struct batch *b)
{
    courier_sent(b->all->courier, lane_of(b),
                 b->bad                  ? LANE_BAD
                 : b->good && !b->waited ? LANE_GOOD
                                         : LANE_NEUTRAL);
    for (uint32_t i = 0; i < b->count; i++) {
        struct fate_of_message *f = &b->sendings[i].fate;
        f->n = b->messages[i].n;
        f->user_id = b->messages[i].user_id;
        f->target = b->messages[i].target;
        f->was = b->items[i]->retry ? MESSAGE_SENDING : MESSAGE_WAITING;
        if (!f->tries)
            f->tries = b->messages[i].tries;
    }
    if (b->hold_s)
        b->all->hold(b->all->arg, b->job->sender,
                     b->all->clock->mono_us(b->all->clock->arg) + UINT64_C(1000000) * b->hold_s);
    /* This one's own messages are settled by this very write, all other batches' are not. */
    list_remove(&b->link);
    list_init(&b->link);
    b->settled = batches_settled(b->job);
    list_push_back(&b->job->batches, &b->link);
    b->state = b->job->state;
    courier_record(b->all->courier, &b->recording);
}

/* ---- the claim ---- */

static enum err write_claim(struct record *r, struct backend *store)
{
    struct batch *b = list_entry(r, struct batch, claiming);
    b->claim.now_ms = batch_now(b);
    return claim_run(&b->claim, store);
}

static void on_claimed(struct record *r)
{
    struct batch *b = list_entry(r, struct batch, claiming);
    struct batches *all = b->all;
    struct campaign_job *j = b->job;
    uint32_t go = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct claimed *m = &b->messages[i];
        go += m->go;
        if (m->ended) {
            batch_count(&all->counters->ended[j->sender->service][m->is], 1);
            batch_count(&all->counters->failed[m->error], 1);
        }
    }
    batch_count(&all->counters->claimed, go);
    if (b->claim.added &&
        courier_resume(all->courier, COURIER_JOB, j->id)) /* the lane does not know them yet */
        log_error("campaign", "cannot take up new messages of a job", log_int("job", j->id));
    if (go) {
        batch_render(b);
        return;
    }
    j->refs++;
    courier_sent(all->courier, lane_of(b), LANE_NEUTRAL);
    const bool back = b->claim.put_back, completed = b->claim.completed;
    for (uint32_t i = 0; back && i < b->count; i++) {
        b->sendings[i].ended = true;
        b->sendings[i].fate.is = MESSAGE_RETRYING;
        b->sendings[i].fate.tries = b->messages[i].tries;
    }
    b->state = completed ? JOB_COMPLETED : j->state;
    finish(b, back);
    if (completed)
        all->changed(all->arg, j, JOB_COMPLETED);
    all->drop_job(all->arg, j);
}

static void on_claim_abandoned(struct record *r)
{
    struct batch *b = list_entry(r, struct batch, claiming);
    for (uint32_t i = 0; i < b->count; i++)
        mem_free(b->items[i]);
    batch_free(b);
}

enum err batch_send(struct batches *all, struct campaign_job *j, struct item *const *items, uint32_t count)
{
    struct batch *b = mem_zero(1, sizeof(*b));
    if (!b)
        return ERR_NOMEM;
    b->items = mem_alloc(sizeof(struct item *) * count);
    b->messages = mem_zero(count, sizeof(*b->messages));
    b->sendings = mem_zero(count, sizeof(*b->sendings));
    if (!b->items || !b->messages || !b->sendings) {
        mem_free(b->items);
        mem_free(b->messages);
        mem_free(b->sendings);
        mem_free(b);
        return ERR_NOMEM;
    }
    b->all = all;
    b->job = j;
    b->count = count;
    b->claim =
        (struct claim){.job = j, .count = count, .messages = b->messages, .settled = batches_settled(j)};
    arena_init(&b->claim.arena, 65536, CLAIM_MEMORY_MAX);
    for (uint32_t i = 0; i < count; i++) {
        b->items[i] = items[i];
        b->messages[i].n = items[i]->id;
        b->sendings[i].batch = b;
        if (!items[i]->retry && items[i]->id > j->claimed)
            j->claimed = items[i]->id;
    }
    j->refs++;
    all->open++;
    atomic_fetch_add_explicit(&j->sending, count, memory_order_relaxed);
    list_push_back(&j->batches, &b->link);
    b->claiming = (struct record){.write = write_claim, .written = on_claimed, .abandon = on_claim_abandoned};
    b->recording = (struct record){.write = write_record, .written = on_recorded, .abandon = on_abandon};
    courier_record(all->courier, &b->claiming);
    return ERR_NONE;
}
