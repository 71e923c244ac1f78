/*
 * Brings the audience of a job into its messages, in steps that the store takes between other work: sending
 * begins with the first step, and a restart goes on where the last step ended. Only a query is gathered whole
 * before anything is sent, because its failure is the job's.
 */
#include "base/log.h"
#include "base/mem.h"
#include "campaign/campaign_core.h"
#include "campaign/ledger.h"

#define STEP_MESSAGES 1000u /* written in one call of the store: some milliseconds */
#define STEP_SCAN 5000u     /* users looked at in one call, where few match */
#define AGAIN_MS 1000u      /* after the store refused a step */

struct gathering {
    struct campaigns *c;
    struct campaign_job *job;
    struct store_call call;
    uv_timer_t timer; /* after a refusal */
    bool timer_open;
    struct ledger ledger;
    bool more;
    enum err failed; /* of a row */
};

static enum err insert(struct gathering *g, int64_t user_id, struct span name, struct span target)
{
    struct ledger *l = &g->ledger;
    const struct message m = {
        .job_id = l->job.id,
        .n = l->job.total + 1,
        .user_id = user_id,
        .name = name,
        .target = target,
        .error = SPAN_LIT(""),
        .detail = SPAN_LIT(""),
        .processed = SPAN_LIT(""),
        .judged = SPAN_LIT(""),
        .service_id = SPAN_LIT(""),
    };
    enum err e = l->b->ops->jobs->message_insert(l->b, &m);
    l->job.total += !e;
    return e;
}

static enum err take_user(void *arg, const struct user *u)
{
    return insert(arg, u->id, (struct span){0}, (struct span){0});
}

static enum err take_value(void *arg, int64_t n, struct span value)
{
    struct gathering *g = arg;
    g->ledger.job.position = n;
    return insert(g, 0, value.len ? value : (struct span){0}, (struct span){0});
}

static enum err take_again(void *arg, const struct message *m)
{
    struct gathering *g = arg;
    if (m->state == MESSAGE_FAILED && !ledger_may_go_again(m))
        return ERR_NONE;
    return insert(g, m->user_id, m->name, m->target);
}

static enum err step(struct gathering *g, struct backend *b)
{
    const struct job_audience *a = &g->job->audience;
    struct job *j = &g->ledger.job;
    enum err e;
    if (a->kind == AUDIENCE_SEGMENT) {
        struct user_search s = {
            .provider_id = j->provider_id,
            .after = j->position,
            .limit = STEP_MESSAGES,
            .scan = STEP_SCAN,
            .condition = a->condition,
            .now_ms = g->ledger.now_ms,
        };
        e = b->ops->audience->user_search(b, &s, take_user, g);
        j->position = s.last;
        j->gathered = s.end;
        return e;
    }
    if (a->kind == AUDIENCE_LIST) {
        const int64_t before = j->total;
        e = b->ops->audience->list_values(b, a->list_id, j->position, STEP_MESSAGES, take_value, g);
        j->gathered = j->total - before < STEP_MESSAGES;
        return e;
    }
    struct message_filter f = {
        .job_id = a->job_id,
        .provider_id = j->provider_id,
        .states = 1u << (a->unknown ? MESSAGE_UNKNOWN : MESSAGE_FAILED),
        .after = j->position,
        .limit = STEP_MESSAGES,
        .scan = STEP_SCAN,
    };
    e = b->ops->jobs->message_find(b, &f, take_again, g);
    j->position = f.last;
    j->gathered = f.last == 0;
    return e;
}

static enum err gather_run(struct store_call *call, struct backend *b)
{
    struct gathering *g = list_entry(call, struct gathering, call);
    g->more = false;
    enum err e = ledger_open(&g->ledger, b, g->job->id, g->c->config.clock->wall_ms(g->c->config.clock->arg));
    if (e)
        return e == ERR_NOT_FOUND ? ERR_NONE : e;
    if (!job_is_open(g->ledger.job.state) || g->ledger.job.gathered)
        return ERR_NONE;
    e = step(g, b);
    if (!e)
        e = ledger_close(&g->ledger);
    g->more = !e && job_is_open(g->ledger.job.state) && !g->ledger.job.gathered;
    return e;
}

static void gathering_free(uv_handle_t *timer)
{
    struct gathering *g = timer->data;
    struct campaigns *c = g->c;
    struct campaign_job *j = g->job;
    mem_free(g);
    j->gathering = false;
    c->waiting--;
    campaigns_drop(c, j);
}

static void submit(struct gathering *g)
{
    store_submit(g->c->config.store, &g->call);
}

static void on_again(uv_timer_t *timer)
{
    submit(timer->data);
}

static void gather_done(struct store_call *call)
{
    struct gathering *g = list_entry(call, struct gathering, call);
    struct campaigns *c = g->c;
    struct campaign_job *j = g->job;
    const bool stop = c->stopping || j->gone || call->err == ERR_CLOSED;
    if (!call->err && !j->gone) {
        if (courier_resume(c->config.courier, COURIER_JOB, j->id))
            log_error("campaign", "cannot take up new messages of a job", log_int("job", j->id));
        if (g->ledger.job.state != j->state)
            c->batches.changed(c, j, g->ledger.job.state);
        courier_pump(c->config.courier);
    }
    if (call->err && !stop) {
        (void)uv_timer_start(&g->timer, on_again, AGAIN_MS, 0);
        return;
    }
    if (g->more && !stop) {
        submit(g);
        return;
    }
    uv_close((uv_handle_t *)&g->timer, gathering_free);
}

void campaign_gather(struct campaigns *c, struct campaign_job *j)
{
    if (j->audience.kind == AUDIENCE_QUERY) {
        campaign_query(c, j);
        return;
    }
    struct gathering *g = mem_zero(1, sizeof(*g));
    if (!g || uv_timer_init(c->config.loop, &g->timer)) {
        mem_free(g);
        log_error("campaign",
                  "cannot gather the audience of a job; it goes on after the next change or start",
                  log_int("job", j->id));
        return;
    }
    g->timer.data = g;
    g->c = c;
    g->job = j;
    g->call = (struct store_call){.run = gather_run, .done = gather_done, .home = c->config.mailbox};
    j->gathering = true;
    j->refs++;
    c->waiting++;
    submit(g);
}
