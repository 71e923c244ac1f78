/* An error of the whole account pauses all jobs of the sender, not only the one that met it. */
#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "campaign/campaign_core.h"
#include "campaign/ledger.h"

struct pausing {
    struct campaigns *c;
    int64_t provider_id, sender_id;
    struct store_call call;
    char reason[32], text[RECEIPT_TEXT_MAX];
    size_t count;
    struct {
        int64_t id;
        enum job_state state;
    } jobs[];
};

static enum err take_sender(void *arg, const struct sender *s)
{
    struct pausing *p = arg;
    (void)snprintf(p->reason, sizeof(p->reason), "%.*s", (int)s->reason.len, s->reason.ptr);
    (void)snprintf(p->text, sizeof(p->text), "%.*s", (int)s->reason_text.len, s->reason_text.ptr);
    return ERR_NONE;
}

static enum err pause_run(struct store_call *call, struct backend *b)
{
    struct pausing *p = list_entry(call, struct pausing, call);
    enum err e = b->ops->campaigns->sender_get(b, p->provider_id, p->sender_id, take_sender, p);
    for (size_t i = 0; !e && i < p->count; i++) {
        struct ledger l;
        e = ledger_open(&l, b, p->jobs[i].id, p->c->config.clock->wall_ms(p->c->config.clock->arg));
        if (e == ERR_NOT_FOUND) {
            e = ERR_NONE;
            continue;
        }
        if (!e && l.job.state == JOB_RUNNING)
            ledger_state(&l, JOB_PAUSED, span_of(p->reason), span_of(p->text));
        if (!e)
            e = ledger_close(&l);
        p->jobs[i].state = l.job.state;
    }
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static void pause_done(struct store_call *call)
{
    struct pausing *p = list_entry(call, struct pausing, call);
    struct campaigns *c = p->c;
    c->waiting--;
    if (!call->err)
        for (size_t i = 0; i < p->count; i++) {
            struct campaign_job *j = campaigns_job(c, p->jobs[i].id);
            if (j && j->state != p->jobs[i].state)
                c->batches.changed(c, j, p->jobs[i].state);
        }
    log_warn("campaign", "the service refuses the whole account; jobs of the sender are paused",
             log_int("sender", p->sender_id), log_str("error", p->reason), log_str("text", p->text));
    mem_free(p);
}

void campaign_pause(struct campaigns *c, struct campaign_sender *s)
{
    size_t count = 0;
    for (struct list *i = s->jobs.next; i != &s->jobs; i = i->next)
        count++;
    struct pausing *p = mem_zero(1, sizeof(*p) + sizeof(p->jobs[0]) * count);
    if (!p)
        return; /* the lanes rest all the same; the next failure asks again */
    p->c = c;
    p->provider_id = s->provider_id;
    p->sender_id = s->id;
    for (struct list *i = s->jobs.next; i != &s->jobs; i = i->next)
        p->jobs[p->count++].id = list_entry(i, struct campaign_job, link)->id;
    p->call = (struct store_call){.run = pause_run, .done = pause_done, .home = c->config.mailbox};
    c->waiting++;
    store_submit(c->config.store, &p->call);
}
