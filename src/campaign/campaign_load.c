/*
 * Takes up a job: reads it and its sender from the store, and makes of both what the loop works with. At the
 * first time of a process it also settles what an earlier one left behind: messages that were on their way
 * when it ended may have been sent.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "campaign/campaign_core.h"
#include "campaign/claim.h"
#include "campaign/ledger.h"
#include "campaign/mail_sender.h"

#define LOAD_MEMORY_MAX (4u << 20) /* a content of half a megabyte, and the condition and credentials */
#define LEFT_STEP 500u
/* LINE knows a retry key for 24 hours (docs/classification.md); an hour is left for the sending itself. */
#define KEY_KNOWN_MS (INT64_C(1000) * 3600 * 23)

struct load {
    struct campaigns *c;
    int64_t job_id;
    bool first; /* the job is not open on this loop yet */
    bool again; /* it was changed once more meanwhile */
    struct list link;
    struct store_call call;
    struct arena arena;
    bool found, sender_found;
    struct job job;
    struct sender sender;
    uint64_t left_unknown;
};

static enum err compile(struct campaign_job *j, const struct job *row)
{
    struct content_fault content_fault;
    struct variables_fault variables_fault;
    struct condition_fault condition_fault;
    struct carrier_fault why;
    enum err e = variables_parse(json_root(row->variables), &j->variables, &variables_fault);
    if (!e)
        e = content_compile(j->medium, row->content, j->variables, &j->content, &content_fault);
    if (!e && row->stop_when.len)
        e = condition_parse(row->stop_when, &j->stop_when, &condition_fault);
    if (!e)
        e = job_audience_read(&j->audience, row->audience, &why);
    if (!e)
        j->same = content_is_constant(j->content) && content_is_plain(j->content) &&
                  variables_count(j->variables) == 0;
    return e;
}

static void discard_parts(struct campaign_job *j)
{
    content_unref(j->content);
    variables_free(j->variables);
    condition_free(j->stop_when);
    job_audience_drop(&j->audience);
}

/* ---- on the store's thread ---- */

static bool copy(struct arena *a, struct span *s)
{
    const char *p = arena_dup(a, *s);
    if (p)
        *s = (struct span){p, s->len};
    return p;
}

static enum err take_job(void *arg, const struct job *j)
{
    struct load *l = arg;
    struct arena *a = &l->arena;
    l->job = *j;
    l->found = true;
    struct span *texts[] = {&l->job.campaign_name, &l->job.short_id, &l->job.content, &l->job.variables,
                            &l->job.stop_when,     &l->job.audience, &l->job.nonce,   &l->job.reason,
                            &l->job.reason_text,   &l->job.repeat};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!copy(a, texts[i]))
            return ERR_NOMEM;
    return ERR_NONE;
}

static enum err take_sender(void *arg, const struct sender *s)
{
    struct load *l = arg;
    struct arena *a = &l->arena;
    l->sender = *s;
    l->sender_found = true;
    struct span *texts[] = {&l->sender.name, &l->sender.settings, &l->sender.secret, &l->sender.reason,
                            &l->sender.reason_text};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!copy(a, texts[i]))
            return ERR_NOMEM;
    return ERR_NONE;
}

/* Messages that an earlier process left behind, and how to find whom they went to. */
struct left {
    struct message rows[LEFT_STEP];
    size_t count;
    struct campaign_job job;
    struct claim claim; /* its arena has the rows' spans */
};

static enum err take_left(void *arg, const struct message *m)
{
    struct left *l = arg;
    struct message *to = &l->rows[l->count];
    *to = (struct message){.job_id = m->job_id,
                           .n = m->n,
                           .user_id = m->user_id,
                           .name = m->name,
                           .target = m->target,
                           .tries = m->tries,
                           .state = m->state};
    if ((m->name.ptr && !copy(&l->claim.arena, &to->name)) ||
        (m->target.ptr && !copy(&l->claim.arena, &to->target)))
        return ERR_NOMEM;
    l->count++;
    return ERR_NONE;
}

static void next_left(struct left *l)
{
    l->count = 0;
    arena_reset(&l->claim.arena);
}

static enum err leave(struct ledger *l, struct left *left, size_t i, enum message_state is,
                      const char *service)
{
    const struct message *m = &left->rows[i];
    struct claimed went = {.user_id = m->user_id};
    /*
     * Its target is put on record, so that sending it again goes to the same one of several, and to no
     * other.
     */
    enum err e = is == MESSAGE_UNKNOWN ? claim_recall(&left->claim, l->b, m, &went) : ERR_NONE;
    if (e)
        return e;
    char between[64];
    (void)snprintf(between, sizeof(between), "node to %s", service);
    const struct fate_of_message f = {
        .n = m->n,
        .user_id = went.user_id,
        .target = went.target,
        .was = m->state,
        .is = is,
        .failed = is == MESSAGE_UNKNOWN,
        .error = DELIVERY_ERROR_internal_closed,
        .detail = is == MESSAGE_UNKNOWN ? span_of(between) : SPAN_LIT(""),
        .processed = is == MESSAGE_UNKNOWN ? "unknown" : "no",
        .tries = m->tries,
        .due_ms = l->now_ms,
    };
    return ledger_put(l, &f);
}

/*
 * What an earlier process had claimed and not recorded. Where the service knows a message again by its key
 * it is simply sent again; elsewhere nobody can say whether it was sent.
 */
static enum err settle(struct load *x, struct backend *b, int64_t now_ms)
{
    struct ledger l;
    enum err e = ledger_open(&l, b, x->job_id, now_ms);
    if (e)
        return e;
    const char *service = carrier_kind(x->sender.service);
    struct left *left = mem_zero(1, sizeof(*left));
    if (!left)
        return ERR_NOMEM;
    left->job.provider_id = x->job.provider_id;
    left->job.medium = x->job.medium;
    left->claim.job = &left->job;
    arena_init(&left->claim.arena, 65536, CLAIM_MEMORY_MAX);
    const bool sound = compile(&left->job, &x->job) == ERR_NONE;
    /* Where one request carries many messages, their common key is not known again when others are in it. */
    const bool again = x->job.medium == MEDIUM_LINE && now_ms - l.job.claimed_ms < KEY_KNOWN_MS &&
                       now_ms >= l.job.claimed_ms && sound && !left->job.same;
    for (int64_t after = l.job.settled; !e && !again;) {
        next_left(left);
        e = b->ops->jobs->message_waiting(b, x->job_id, after, l.job.claimed, LEFT_STEP, take_left, left);
        for (size_t i = 0; !e && i < left->count; i++)
            e = leave(&l, left, i, MESSAGE_UNKNOWN, service);
        x->left_unknown += left->count;
        if (e || left->count < LEFT_STEP)
            break;
        after = left->rows[left->count - 1].n;
    }
    for (bool more = true; !e && more;) {
        next_left(left);
        e = b->ops->jobs->message_due(b, x->job_id, MESSAGE_SENDING, LEFT_STEP, take_left, left);
        for (size_t i = 0; !e && i < left->count; i++)
            e = leave(&l, left, i, again ? MESSAGE_RETRYING : MESSAGE_UNKNOWN, service);
        x->left_unknown += again ? 0 : left->count;
        more = left->count == LEFT_STEP;
    }
    discard_parts(&left->job);
    arena_deinit(&left->claim.arena);
    mem_free(left);
    if (again)
        l.job.claimed = l.job.settled;
    else
        l.job.settled = l.job.claimed;
    if (!e)
        e = ledger_close(&l);
    x->job.state = l.job.state;
    return e;
}

static enum err load_run(struct store_call *call, struct backend *b)
{
    struct load *l = list_entry(call, struct load, call);
    int64_t now_ms = l->c->config.clock->wall_ms(l->c->config.clock->arg);
    arena_reset(&l->arena);
    l->found = l->sender_found = false;
    l->left_unknown = 0;
    enum err e = b->ops->jobs->job_get(b, 0, l->job_id, take_job, l);
    if (e)
        return e == ERR_NOT_FOUND ? ERR_NONE : e;
    e = b->ops->campaigns->sender_get(b, l->job.provider_id, l->job.sender_id, take_sender, l);
    if (e == ERR_NOT_FOUND)
        e = ERR_NONE;
    if (!e && l->first && (l->job.state == JOB_RUNNING || l->job.state == JOB_PAUSED))
        e = settle(l, b, now_ms);
    return e;
}

/* ---- on the loop ---- */

static struct campaign_sender *take_up_sender(struct load *l)
{
    struct campaigns *c = l->c;
    struct campaign_sender *s = campaigns_sender(c, l->job.sender_id);
    if (!s) {
        s = mem_zero(1, sizeof(*s));
        if (!s)
            return NULL;
        s->id = l->job.sender_id;
        s->provider_id = l->job.provider_id;
        list_init(&s->jobs);
        list_init(&s->waiting);
        list_init(&s->queue);
        if (map_put(&c->senders, (struct span){(const char *)&s->id, sizeof(s->id)}, s)) {
            mem_free(s);
            return NULL;
        }
    }
    s->paused = l->sender_found && l->sender.state == SENDER_PAUSED;
    if (!l->sender_found) {
        (void)snprintf(s->why.message, sizeof(s->why.message), "the sender was deleted");
        mail_sender_close(s);
        carrier_free(s->carrier);
        s->carrier = NULL;
        return s;
    }
    if (s->carrier && s->updated_ms == l->sender.updated_ms)
        return s;
    struct carrier *made = NULL;
    enum err e = carrier_open(&made, l->sender.service, l->sender.settings, l->sender.secret, &s->why);
    if (e == ERR_NOMEM && s->carrier)
        return s; /* the old settings go on until the next change */
    mail_sender_close(s);
    carrier_free(s->carrier);
    s->carrier = made;
    s->service = l->sender.service;
    s->updated_ms = l->sender.updated_ms;
    s->per_second = made ? carrier_rules(made)->per_second : 0;
    s->permanent = made && carrier_rules(made)->unsubscribe_permanent;
    return s;
}

static enum err make_job(struct load *l, struct campaign_job **ret)
{
    const struct job *row = &l->job;
    struct campaign_job *j = mem_zero(1, sizeof(*j));
    if (!j)
        return ERR_NOMEM;
    j->id = row->id;
    j->provider_id = row->provider_id;
    j->campaign_id = row->campaign_id;
    j->medium = row->medium;
    j->dedupe = row->dedupe;
    j->per_second = row->per_second;
    j->refs = 1;
    (void)snprintf(j->short_id, sizeof(j->short_id), "%.*s", (int)row->short_id.len, row->short_id.ptr);
    (void)snprintf(j->nonce, sizeof(j->nonce), "%.*s", (int)row->nonce.len, row->nonce.ptr);
    list_init(&j->batches);
    list_init(&j->link);
    enum err e = compile(j, row);
    struct campaign_sender *s = e ? NULL : take_up_sender(l);
    if (!e && !s)
        e = ERR_NOMEM;
    if (!e)
        e = map_put(&l->c->jobs, (struct span){(const char *)&j->id, sizeof(j->id)}, j);
    if (e) {
        discard_parts(j);
        mem_free(j);
        return e;
    }
    j->sender = s;
    list_push_back(&s->jobs, &j->link);
    *ret = j;
    return ERR_NONE;
}

static void take_up(struct load *l)
{
    struct campaigns *c = l->c;
    struct campaign_job *j = campaigns_job(c, l->job_id);
    const bool works = l->found && job_is_open(l->job.state) && l->job.state != JOB_SCHEDULED;
    if (!works) {
        if (l->found &&
            (l->job.state == JOB_STOPPED || l->job.state == JOB_COMPLETED || l->job.state == JOB_FAILED))
            campaign_sweep(c, l->job_id);
        if (j) {
            j->state = l->found ? l->job.state : JOB_STOPPED;
            campaigns_end(c, j);
        }
        return;
    }
    enum err e = j ? ERR_NONE : make_job(l, &j);
    if (e) {
        log_error("campaign", "cannot take up a job", log_int("job", l->job_id), log_err("err", e));
        return;
    }
    if (!l->first)
        (void)take_up_sender(l);
    j->state = l->job.state;
    if (l->left_unknown)
        log_warn("campaign",
                 "messages were on their way when the node ended; whether they arrived is unknown",
                 log_int("job", j->id), log_uint("messages", l->left_unknown));
    if (courier_resume(c->config.courier, COURIER_JOB, j->id))
        log_error("campaign", "cannot take up a job", log_int("job", j->id), log_err("err", ERR_NOMEM));
    campaigns_apply(c, j->sender);
    if (!l->job.gathered && !j->gathering)
        campaign_gather(c, j);
    courier_pump(c->config.courier);
}

static void load_done(struct store_call *call)
{
    struct load *l = list_entry(call, struct load, call);
    struct campaigns *c = l->c;
    c->waiting--;
    if (call->err && call->err != ERR_CLOSED)
        log_error("campaign", "cannot read a job; it goes on after the next change or start",
                  log_int("job", l->job_id), log_err("err", call->err));
    else if (!call->err && !c->stopping)
        take_up(l);
    list_remove(&l->link);
    if (l->again && !c->stopping)
        campaign_load(c, l->job_id);
    arena_deinit(&l->arena);
    mem_free(l);
}

void campaign_load(struct campaigns *c, int64_t job_id)
{
    for (struct list *i = c->loads.next; i != &c->loads; i = i->next)
        if (list_entry(i, struct load, link)->job_id == job_id) {
            /* Two at once would each take what the other's batches have claimed for left behind. */
            list_entry(i, struct load, link)->again = true;
            return;
        }
    struct load *l = mem_zero(1, sizeof(*l));
    if (!l) {
        log_error("campaign", "cannot read a job; it goes on after the next change or start",
                  log_int("job", job_id), log_err("err", ERR_NOMEM));
        return;
    }
    l->c = c;
    l->job_id = job_id;
    l->first = !campaigns_job(c, job_id);
    arena_init(&l->arena, 65536, LOAD_MEMORY_MAX);
    l->call = (struct store_call){.run = load_run, .done = load_done, .home = c->config.mailbox};
    c->waiting++;
    list_push_back(&c->loads, &l->link);
    store_submit(c->config.store, &l->call);
}
