#include "node/node_campaign.h"

#include "base/mem.h"

enum err node_campaign_open(struct node_campaign *n, struct campaigns_set *set,
                            const struct campaigns_config *config, const struct relays_config *relays)
{
    struct campaigns_config c = *config;
    const struct renderer_options options = {.processes = 1};
    enum err e = renderer_open(config->loop, &options, &n->renderer);
    c.renderer = n->renderer;
    if (!e)
        e = relays_new(&n->relays, config->loop, relays);
    c.relays = n->relays;
    if (!e)
        e = campaigns_new(&n->campaigns, &c);
    if (!e)
        set->all[set->count++] = n->campaigns;
    return e;
}

struct resume {
    struct store_call call;
    const struct campaigns_set *set;
    int64_t last;
    uint32_t count;
};

#define RESUME_STEP 500u

static enum err take(void *arg, const struct job *j)
{
    struct resume *r = arg;
    r->last = j->id;
    r->count++;
    if (j->state == JOB_SCHEDULED)
        return ERR_NONE;
    struct campaigns_note *note = mem_zero(1, sizeof(*note));
    if (!note)
        return ERR_NOMEM;
    note->job_id = j->id;
    campaigns_notify(campaigns_of(r->set, j->sender_id), note);
    return ERR_NONE;
}

static enum err resume_run(struct store_call *call, struct backend *b)
{
    struct resume *r = list_entry(call, struct resume, call);
    r->count = 0;
    return b->ops->jobs ? b->ops->jobs->job_open_list(b, r->last, RESUME_STEP, take, r) : ERR_NONE;
}

enum err node_campaign_resume(const struct campaigns_set *set, struct store *store)
{
    struct resume r = {.set = set};
    enum err e;
    do {
        r.call = (struct store_call){.run = resume_run};
        e = store_wait(store, &r.call);
    } while (!e && r.count == RESUME_STEP);
    return e;
}

void node_campaign_stop(struct node_campaign *n)
{
    campaigns_stop(n->campaigns);
}

bool node_campaign_idle(const struct node_campaign *n)
{
    return campaigns_idle(n->campaigns);
}

static void on_closed(void *arg)
{
    struct node_campaign *n = arg;
    if (--n->closing == 0 && n->closed)
        n->closed(n->closed_arg);
}

void node_campaign_halt(struct node_campaign *n, void (*closed)(void *arg), void *arg)
{
    n->closed = closed;
    n->closed_arg = arg;
    n->closing = 2;
    relays_close(n->relays, on_closed, n);
    renderer_close(n->renderer, on_closed, n);
    n->relays = NULL;
    n->renderer = NULL;
}

void node_campaign_free(struct node_campaign *n)
{
    campaigns_free(n->campaigns);
}
