/* /api/v1/providers/{id}/jobs: deliveries of a campaign to an audience. */
#include <jansson.h>
#include <stdio.h>

#include "api/campaign/job_json.h"
#include "api/campaign/job_order.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/random.h"
#include "campaign/ledger.h"
#include "campaign/repeat.h"

static struct job_order *begin(struct call *c)
{
    struct job_order *s = call_state(c, sizeof(*s));
    if (!s)
        return NULL;
    s->provider_id = call_channel_id(c->params[0]);
    s->id = c->params[1].ptr ? call_channel_id(c->params[1]) : 0;
    c->state = s;
    return s;
}

/* ---- making a job ---- */

static bool keep_span(struct call *c, struct span *s)
{
    const char *p = arena_dup(&c->arena, *s);
    if (p)
        *s = (struct span){p, s->len};
    return p;
}

static enum err take_campaign(void *arg, const struct campaign *k)
{
    struct call *c = arg;
    struct job_order *s = c->state;
    if (s->short_id && !s->campaign_id && !span_eq(k->short_id, span_of(s->short_id)))
        return ERR_NONE;
    struct job *j = &s->job;
    j->campaign_id = k->id;
    j->sender_id = k->sender_id;
    j->medium = k->medium;
    j->campaign_name = k->name;
    j->short_id = k->short_id;
    j->content = k->content;
    j->variables = k->variables;
    j->stop_when = k->stop_when;
    if (!k->enabled)
        s->why = "The campaign is switched off (enabled)";
    struct span *texts[] = {&j->campaign_name, &j->short_id, &j->content, &j->variables, &j->stop_when};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!keep_span(c, texts[i]))
            return ERR_NOMEM;
    return ERR_NONE;
}

static enum err find_campaign(struct call *c, struct backend *b)
{
    struct job_order *s = c->state;
    s->job.campaign_id = 0;
    enum err e = s->campaign_id
                     ? b->ops->campaigns->campaign_get(b, s->provider_id, s->campaign_id, take_campaign, c)
                     : b->ops->campaigns->campaign_list(b, s->provider_id, 0, UINT32_MAX, take_campaign, c);
    if (e == ERR_NOT_FOUND || (!e && !s->job.campaign_id))
        return call_stop(c, ERR_NOT_FOUND, "No such campaign");
    if (!e && s->why)
        return call_stop(c, ERR_CONFLICT, s->why);
    return e;
}

static enum err write_segment(void *arg, const struct segment *s)
{
    struct json_write *w = arg;
    json_write_key(w, "kind");
    json_write_str(w, "segment");
    json_write_key(w, "segmentId");
    call_write_id(w, s->id);
    json_write_key(w, "condition");
    json_write_raw(w, s->condition);
    return ERR_NONE;
}

static enum err write_list(void *arg, const struct recipient_list *l)
{
    struct json_write *w = arg;
    json_write_key(w, "kind");
    json_write_str(w, "list");
    json_write_key(w, "listId");
    call_write_id(w, l->id);
    json_write_key(w, "by");
    json_write_str(w, by_text(l->by));
    return ERR_NONE;
}

static void write_sql(struct json_write *w, struct span sql, struct span by)
{
    json_write_key(w, "kind");
    json_write_str(w, "query");
    json_write_key(w, "sql");
    json_write_span(w, sql);
    json_write_key(w, "by");
    json_write_span(w, by);
}

static enum err write_query(void *arg, const struct audience_query *q)
{
    struct json_write *w = arg;
    json_write_key(w, "queryId");
    call_write_id(w, q->id);
    write_sql(w, q->sql, span_of(by_text(q->by)));
    return ERR_NONE;
}

/* The audience as the job keeps it: with the condition or the SQL as it is now. */
static enum err find_audience(struct call *c, struct backend *b, struct json_write *w)
{
    struct job_order *s = c->state;
    const struct backend_audience *people = b->ops->audience;
    enum err e = ERR_NONE;
    const char *what = "segment";
    json_write_object(w);
    if (s->segment_id) {
        e = people->segment_get(b, s->provider_id, s->segment_id, write_segment, w);
    } else if (s->list_id) {
        what = "list";
        e = people->list_get(b, s->provider_id, s->list_id, write_list, w);
    } else if (s->query_id) {
        what = "query";
        e = people->query_get(b, s->provider_id, s->query_id, write_query, w);
    } else if (s->condition) {
        json_write_key(w, "kind");
        json_write_str(w, "segment");
        json_write_key(w, "condition");
        json_write_raw(w, span_of(s->condition));
    } else if (s->again_id) {
        json_write_key(w, "kind");
        json_write_str(w, "again");
        json_write_key(w, "jobId");
        call_write_id(w, s->again_id);
        json_write_key(w, "unknown");
        json_write_bool(w, s->unknown);
        if (s->again_by.len) {
            json_write_key(w, "by");
            json_write_raw(w, s->again_by);
        }
    } else {
        write_sql(w, span_of(s->sql), span_of(s->by));
    }
    json_write_end(w);
    if (e == ERR_NOT_FOUND) {
        char why[32];
        (void)snprintf(why, sizeof(why), "No such %s", what);
        return call_stop(c, e, arena_dup(&c->arena, span_of(why)));
    }
    return e;
}

static enum err show_job(void *arg, const struct job *j)
{
    struct call *c = arg;
    struct job_order *s = c->state;
    s->job.state = j->state;
    s->job.sender_id = j->sender_id;
    s->job.id = j->id;
    s->job.campaign_id = j->campaign_id;
    return ERR_NONE;
}

struct shown {
    struct call *c;
    struct backend *b;
    struct json_write *w;
};

static enum err write_one(void *arg, const struct job *j)
{
    struct shown *s = arg;
    return job_write(s->w, s->b, j, call_now(s->c));
}

/* Writes the job with that id as the answer. */
static enum err answer(struct call *c, struct backend *b, int64_t id)
{
    struct json_write w;
    json_write_init(&w, call_out(c));
    struct shown s = {c, b, &w};
    enum err e = b->ops->jobs->job_get(b, ((struct job_order *)c->state)->provider_id, id, write_one, &s);
    if (e == ERR_NOT_FOUND)
        e = call_stop(c, e, "No such job");
    enum err f = json_write_finish(&w);
    return e ? e : f;
}

static enum err audit_job(struct call *c, struct backend *b, const char *action, int64_t id)
{
    char target[32];
    (void)snprintf(target, sizeof(target), "job/%lld", (long long)id);
    return call_audit(c, b, action, target, 0, SPAN_LIT(""));
}

static void make_nonce(char out[static 33])
{
    uint8_t bytes[16];
    random_system.fill(random_system.arg, bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* Rows that name people by a target must name what the campaign goes to. */
static enum err check_by(struct call *c, const struct job_audience *a)
{
    static const enum by targets[MEDIUM_COUNT] = {[MEDIUM_MAIL] = BY_EMAIL,
                                                  [MEDIUM_PUSH] = BY_APP,
                                                  [MEDIUM_LINE] = BY_LINE,
                                                  [MEDIUM_BROWSER] = BY_BROWSER};
    const enum by own = targets[((struct job_order *)c->state)->job.medium];
    if (!a->by_row || a->by == BY_USER_ID || a->by == own)
        return ERR_NONE;
    char why[120];
    (void)snprintf(why, sizeof(why), "audience.by: this campaign takes user_id or %s, not %s", by_text(own),
                   by_text(a->by));
    return call_stop(c, ERR_CONFLICT, arena_dup(&c->arena, span_of(why)));
}

static enum err take_sender(void *arg, const struct sender *s)
{
    struct call *c = arg;
    struct job *j = &((struct job_order *)c->state)->job;
    if (s->state != SENDER_PAUSED)
        return ERR_NONE;
    j->state = JOB_PAUSED;
    j->reason = s->reason;
    j->reason_text = s->reason_text;
    return keep_span(c, &j->reason) && keep_span(c, &j->reason_text) ? ERR_NONE : ERR_NOMEM;
}

/* The state a job begins with. One whose sender is paused waits for the same as the sender's other jobs. */
static enum err first_state(struct call *c, struct backend *b, enum audience_kind kind, int64_t now_ms)
{
    struct job *j = &((struct job_order *)c->state)->job;
    j->reason = j->reason_text = SPAN_LIT("");
    j->state = j->at_ms > now_ms || j->repeat.len ? JOB_SCHEDULED
               : kind == AUDIENCE_QUERY           ? JOB_PREPARING
                                                  : JOB_RUNNING;
    j->started_ms = j->state == JOB_SCHEDULED ? 0 : now_ms;
    if (j->state != JOB_RUNNING)
        return ERR_NONE;
    enum err e = b->ops->campaigns->sender_get(b, j->provider_id, j->sender_id, take_sender, c);
    return e == ERR_NOT_FOUND ? call_stop(c, ERR_CONFLICT, "The campaign's sender was deleted") : e;
}

static enum err insert(struct call *c, struct backend *b)
{
    struct job_order *s = c->state;
    struct job *j = &s->job;
    struct buf audience;
    struct json_write w;
    char nonce[33];
    buf_init(&audience, 65536);
    json_write_init(&w, &audience);
    enum err e = find_audience(c, b, &w);
    enum err f = json_write_finish(&w);
    struct job_audience read = {0};
    struct carrier_fault why;
    if (!e && !(e = f)) {
        e = job_audience_read(&read, buf_span(&audience), &why);
        if (e == ERR_INVALID) {
            char text[sizeof(why.property) + sizeof(why.message) + 4];
            (void)snprintf(text, sizeof(text), "%s: %s", why.property, why.message);
            e = call_stop(c, ERR_CONFLICT, arena_dup(&c->arena, span_of(text)));
        }
    }
    if (!e)
        e = check_by(c, &read);
    make_nonce(nonce);
    const int64_t now_ms = call_now(c);
    j->provider_id = s->provider_id;
    j->audience = buf_span(&audience);
    j->nonce = span_of(nonce);
    j->repeat = span_of(s->repeat ? s->repeat : "");
    j->per_second = s->per_second;
    j->dedupe = s->dedupe;
    j->created_ms = now_ms;
    j->at_ms = s->at_ms;
    struct repeat r;
    if (!e && s->repeat && !(e = repeat_read(&r, j->repeat, &why))) /* with at: not before that */
        e = repeat_next(&r, s->at_ms > now_ms ? s->at_ms - 1 : now_ms, &j->at_ms);
    j->parent_id = s->again_id;
    if (!e)
        e = first_state(c, b, read.kind, now_ms);
    if (!e)
        e = b->ops->jobs->job_insert(b, j);
    job_audience_drop(&read);
    buf_deinit(&audience);
    if (!e)
        e = audit_job(c, b, s->again_id ? "job.retry" : "job.create", j->id);
    return e ? e : answer(c, b, j->id);
}

static enum err create_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct job_order *s = c->state;
    s->why = NULL;
    enum err e = find_campaign(c, b);
    return e ? e : insert(c, b);
}

/* Tells the loop of the job's sender. On the store's thread, in the order of commits. */
static void committed(struct store_call *call)
{
    struct call *c = call_of(call);
    struct job_order *s = c->state;
    struct campaigns_note *note = s->note;
    s->note = NULL;
    note->job_id = s->job.id;
    campaigns_notify(campaigns_of(c->api->config.campaigns, s->job.sender_id), note);
}

static void write_done(struct store_call *call)
{
    struct job_order *s = call_of(call)->state;
    mem_free(s->note);
    s->note = NULL;
    call_done(call);
}

static void submit(struct call *c, struct job_order *s,
                   enum err (*run)(struct store_call *call, struct backend *b), int status)
{
    s->note = mem_zero(1, sizeof(*s->note));
    if (!s->note) {
        call_failed(c, ERR_NOMEM);
        return;
    }
    c->status = status;
    call_write(c, run, committed, write_done);
}

void api_job_create(struct call *c)
{
    struct job_order *s = begin(c);
    if (s && job_order_read(c, s))
        submit(c, s, create_run, 201);
}

/* ---- sending again ---- */

static enum err take_parent(void *arg, const struct job *j)
{
    struct call *c = arg;
    struct job_order *s = c->state;
    s->job = *j;
    struct span *texts[] = {&s->job.campaign_name, &s->job.short_id, &s->job.content, &s->job.variables,
                            &s->job.stop_when};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!keep_span(c, texts[i]))
            return ERR_NOMEM;
    s->per_second = j->per_second;
    struct json_field by = {.key = "by"};
    s->again_by = SPAN_LIT("");
    if (!json_check(j->audience, JSON_DEPTH, NULL) && !json_pick(json_root(j->audience), &by, 1) &&
        by.value.kind == JSON_KIND_STRING)
        s->again_by = by.value.raw;
    return keep_span(c, &s->again_by) ? ERR_NONE : ERR_NOMEM;
}

struct again {
    bool unknown, any;
};

static enum err take_again(void *arg, const struct job_count *n)
{
    struct again *a = arg;
    const struct message as = {.judged = n->judged};
    a->any |= n->count > 0 && (a->unknown ? n->state == MESSAGE_UNKNOWN
                                          : n->state == MESSAGE_FAILED && ledger_may_go_again(&as));
    return ERR_NONE;
}

static enum err retry_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct job_order *s = c->state;
    enum err e = b->ops->jobs->job_get(b, s->provider_id, s->id, take_parent, c);
    if (e)
        return e == ERR_NOT_FOUND ? call_stop(c, e, "No such job") : e;
    if (job_is_open(s->job.state))
        return call_stop(c, ERR_CONFLICT,
                         "The job has not ended yet: what may be tried again is tried by itself");
    struct again again = {.unknown = s->unknown};
    e = b->ops->jobs->count_list(b, s->id, take_again, &again);
    if (!e && !again.any)
        e = call_stop(c, ERR_CONFLICT,
                      s->unknown ? "Of every message of the job it is known whether it was sent"
                                 : "No message of the job may be sent again");
    if (e)
        return e;
    const int64_t parent = s->id;
    struct job *j = &s->job;
    *j = (struct job){.campaign_id = j->campaign_id,
                      .sender_id = j->sender_id,
                      .medium = j->medium,
                      .campaign_name = j->campaign_name,
                      .short_id = j->short_id,
                      .content = j->content,
                      .variables = j->variables,
                      .stop_when = j->stop_when};
    s->again_id = parent;
    s->dedupe = false; /* the job before has done it */
    return insert(c, b);
}

void api_job_retry(struct call *c)
{
    struct job_order *s = begin(c);
    if (!s)
        return;
    struct span body = server_body(c->req);
    if (body.len) {
        json_t *object = call_object(c);
        if (!object)
            return;
        const json_t *v = json_object_get(object, "unknown");
        s->unknown = json_is_true(v);
        const bool sound = json_object_size(object) == (v ? 1u : 0u) && (!v || json_is_boolean(v));
        json_decref(object);
        if (!sound) {
            call_invalid(c, "unknown", "is the only member, and must be true or false");
            return;
        }
    }
    submit(c, s, retry_run, 201);
}

/* ---- pausing, resuming, stopping ---- */

static enum err act_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct job_order *s = c->state;
    struct ledger l;
    enum err e = b->ops->jobs->job_get(b, s->provider_id, s->id, show_job, c);
    if (e)
        return e == ERR_NOT_FOUND ? call_stop(c, e, "No such job") : e;
    e = ledger_open(&l, b, s->id, call_now(c));
    if (e)
        return e;
    static const char *const actions[] = {"job.pause", "job.resume", "job.stop"};
    const enum job_state was = l.job.state;
    if (!job_is_open(was))
        return call_stop(c, ERR_CONFLICT, "The job has ended");
    if (s->act == JOB_PAUSE && was != JOB_RUNNING)
        return call_stop(c, ERR_CONFLICT, "Only a running job can be paused");
    if (s->act == JOB_RESUME && was != JOB_PAUSED)
        return call_stop(c, ERR_CONFLICT, "Only a paused job can be resumed");
    if (s->act == JOB_PAUSE)
        ledger_state(&l, JOB_PAUSED, SPAN_LIT("hand"), SPAN_LIT(""));
    if (s->act == JOB_RESUME) {
        ledger_state(&l, JOB_RUNNING, SPAN_LIT(""), SPAN_LIT(""));
        e = b->ops->campaigns->sender_state(b, s->job.sender_id, SENDER_FINE, SPAN_LIT(""), SPAN_LIT(""),
                                            l.now_ms);
        e = e == ERR_NOT_FOUND ? call_stop(c, ERR_CONFLICT, "The sender was deleted") : e;
    }
    if (s->act == JOB_STOP) {
        ledger_state(&l, JOB_STOPPED, SPAN_LIT("hand"), SPAN_LIT(""));
        l.job.ended_ms = l.now_ms;
    }
    if (!e)
        e = ledger_close(&l);
    if (!e)
        e = audit_job(c, b, actions[s->act], s->id);
    return e ? e : answer(c, b, s->id);
}

void api_job_pause(struct call *c)
{
    struct job_order *s = begin(c);
    if (s) {
        s->act = JOB_PAUSE;
        submit(c, s, act_run, 200);
    }
}

void api_job_resume(struct call *c)
{
    struct job_order *s = begin(c);
    if (s) {
        s->act = JOB_RESUME;
        submit(c, s, act_run, 200);
    }
}

void api_job_stop(struct call *c)
{
    struct job_order *s = begin(c);
    if (s) {
        s->act = JOB_STOP;
        submit(c, s, act_run, 200);
    }
}

/* ---- showing ---- */

static enum err show_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    return answer(c, b, ((struct job_order *)c->state)->id);
}

void api_job_show(struct call *c)
{
    if (!begin(c))
        return;
    c->status = 200;
    call_read(c, show_run, call_done);
}

static enum err show_listed(void *arg, const struct job *j)
{
    struct shown *s = arg;
    struct page *p = &((struct job_order *)s->c->state)->page;
    return page_row(p, j->id) ? job_write(&p->w, s->b, j, call_now(s->c)) : ERR_NONE;
}

static enum err list_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct job_order *s = c->state;
    struct shown shown = {c, b, NULL};
    page_begin(&s->page, call_out(c));
    return page_end(&s->page, b->ops->jobs->job_list(b, s->provider_id, s->campaign_filter, s->page.from,
                                                     page_ask(&s->page), show_listed, &shown));
}

void api_job_list(struct call *c)
{
    static const struct page_kind kind = {
        .member = "jobs", .filters = {"campaign"}, .start = INT64_MAX, .limit = 50, .limit_max = 100};
    struct job_order *s = begin(c);
    if (!s || !page_read(c, &s->page, &kind))
        return;
    struct span campaign = query_text(c, "campaign");
    s->campaign_filter = campaign.ptr ? call_channel_id(campaign) : 0;
    if (campaign.ptr && !s->campaign_filter) {
        call_invalid(c, "campaign", "must be the id of a campaign");
        return;
    }
    c->status = 200;
    call_read(c, list_run, call_done);
}
