/*
 * Ends a job that has been stopped, in steps: its messages that wait end with the text of the customer's
 * list. And forgets which targets a job used, once it has ended.
 */
#include "base/log.h"
#include "base/mem.h"
#include "campaign/campaign_core.h"
#include "campaign/ledger.h"

#define STEP 500u

struct sweep {
    struct campaigns *c;
    int64_t job_id;
    struct store_call call;
    struct message rows[STEP];
    size_t count;
    bool more;
};

static enum err take(void *arg, const struct message *m)
{
    struct sweep *s = arg;
    s->rows[s->count++] =
        (struct message){.n = m->n, .user_id = m->user_id, .state = m->state, .tries = m->tries};
    return ERR_NONE;
}

static enum err end_rows(struct sweep *s, struct ledger *l)
{
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < s->count; i++) {
        const struct fate_of_message f = {
            .n = s->rows[i].n,
            .user_id = s->rows[i].user_id,
            .was = s->rows[i].state,
            .is = MESSAGE_FAILED,
            .failed = true,
            .error = DELIVERY_ERROR_job_completed,
            .processed = "no",
            .tries = s->rows[i].tries,
        };
        e = ledger_put(l, &f);
    }
    s->more |= s->count == STEP;
    s->count = 0;
    return e;
}

static enum err sweep_run(struct store_call *call, struct backend *b)
{
    struct sweep *s = list_entry(call, struct sweep, call);
    struct ledger l;
    uint32_t pruned = 0;
    s->count = 0;
    s->more = false;
    enum err e = ledger_open(&l, b, s->job_id, s->c->config.clock->wall_ms(s->c->config.clock->arg));
    if (e || job_is_open(l.job.state))
        return e == ERR_NOT_FOUND ? ERR_NONE : e;
    if (l.job.state == JOB_STOPPED) {
        e = b->ops->jobs->message_waiting(b, s->job_id, l.job.claimed, INT64_MAX, STEP, take, s);
        if (!e)
            e = end_rows(s, &l);
        if (!e)
            e = b->ops->jobs->message_due(b, s->job_id, MESSAGE_RETRYING, STEP, take, s);
        if (!e)
            e = end_rows(s, &l);
        if (!e)
            e = ledger_close(&l);
    }
    if (!e && !s->more)
        e = b->ops->jobs->target_prune(b, s->job_id, STEP, &pruned);
    s->more |= pruned == STEP;
    return e;
}

static void sweep_done(struct store_call *call)
{
    struct sweep *s = list_entry(call, struct sweep, call);
    struct campaigns *c = s->c;
    if (!call->err && s->more && !c->stopping) {
        store_submit(c->config.store, &s->call);
        return;
    }
    if (call->err && call->err != ERR_CLOSED)
        log_warn("campaign", "cannot end the messages of a job; the next start goes on",
                 log_int("job", s->job_id), log_err("err", call->err));
    c->waiting--;
    mem_free(s);
}

void campaign_sweep(struct campaigns *c, int64_t job_id)
{
    struct sweep *s = mem_zero(1, sizeof(*s));
    if (!s) {
        log_error("campaign", "cannot end the messages of a job; the next start goes on",
                  log_int("job", job_id));
        return;
    }
    s->c = c;
    s->job_id = job_id;
    s->call = (struct store_call){.run = sweep_run, .done = sweep_done, .home = c->config.mailbox};
    c->waiting++;
    store_submit(c->config.store, &s->call);
}
