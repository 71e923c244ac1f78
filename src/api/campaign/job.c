/* /api/v1/providers/{id}/jobs: deliveries of a campaign to an audience. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "api/campaign/job_json.h"
#include "api/page.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/time.h"
#include "campaign/campaign.h"
#include "campaign/ledger.h"
#include "campaign/repeat.h"

#define RATE_MAX 100000.0
#define OUT_MAX (1u << 20)

struct job_state_of_call {
    int64_t provider_id, id;
    struct page page;
    int64_t campaign_filter;
    /* What is asked for. */
    int64_t campaign_id;
    const char *short_id;
    int64_t segment_id, list_id, query_id, again_id;
    bool unknown;
    struct span again_by; /* JSON: how the job before named people; empty: by a segment */
    const char *sql, *by, *condition; /* as given; condition as JSON */
    double per_second;
    bool dedupe;
    int64_t at_ms;
    const char *repeat; /* JSON */
    enum { JOB_PAUSE, JOB_RESUME, JOB_STOP } act;
    /* What is made of it. */
    struct job job;
    const char *why;
    struct campaigns_note *note;
};

static struct job_state_of_call *begin(struct call *c)
{
    struct job_state_of_call *s = call_state(c, sizeof(*s));
    if (!s)
        return NULL;
    s->provider_id = call_channel_id(c->params[0]);
    s->id = c->params[1].ptr ? call_channel_id(c->params[1]) : 0;
    c->state = s;
    return s;
}

/* ---- reading what is asked for ---- */

static bool read_id(struct call *c, const char *property, const json_t *v, int64_t *ret)
{
    const char *text = json_string_value(v);
    *ret = text                 ? call_channel_id((struct span){text, json_string_length(v)})
           : json_is_integer(v) ? (int64_t)json_integer_value(v)
                                : 0;
    if (*ret <= 0)
        call_invalid(c, property, "must be an id");
    return *ret > 0;
}

static const char *keep(struct call *c, const json_t *v)
{
    return arena_dup(&c->arena, (struct span){json_string_value(v), json_string_length(v)});
}

static bool read_condition(struct call *c, struct job_state_of_call *s, const json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    s->condition = text ? arena_dup(&c->arena, span_of(text)) : NULL;
    free(text); /* jansson's */
    if (!s->condition)
        call_failed(c, ERR_NOMEM);
    return s->condition;
}

static bool read_audience(struct call *c, struct job_state_of_call *s, const json_t *audience)
{
    const char *key;
    json_t *v;
    int given = 0;
    if (!json_is_object(audience)) {
        call_invalid(c, "audience", "must be an object");
        return false;
    }
    json_object_foreach((json_t *)audience, key, v)
    {
        if (strcmp(key, "segmentId") == 0) {
            given++;
            if (!read_id(c, "audience.segmentId", v, &s->segment_id))
                return false;
        } else if (strcmp(key, "listId") == 0) {
            given++;
            if (!read_id(c, "audience.listId", v, &s->list_id))
                return false;
        } else if (strcmp(key, "queryId") == 0) {
            given++;
            if (!read_id(c, "audience.queryId", v, &s->query_id))
                return false;
        } else if (strcmp(key, "condition") == 0) {
            given++;
            if (!read_condition(c, s, v))
                return false;
        } else if (strcmp(key, "sql") == 0 && json_is_string(v)) {
            given++;
            s->sql = keep(c, v);
        } else if (strcmp(key, "by") == 0 && json_is_string(v)) {
            s->by = keep(c, v);
        } else {
            char name[128];
            (void)snprintf(name, sizeof(name), "audience.%.100s", key);
            call_invalid(c, name, "unknown member, or not of the type it must have");
            return false;
        }
    }
    if (given != 1) {
        call_invalid(c, "audience", "must have one of segmentId, listId, queryId, condition and sql");
        return false;
    }
    if (s->sql && !s->by) {
        call_invalid(c, "audience.by", "is required with sql");
        return false;
    }
    return true;
}

static bool read_repeat(struct call *c, struct job_state_of_call *s, const json_t *v)
{
    struct carrier_fault why;
    struct repeat r;
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    s->repeat = text ? arena_dup(&c->arena, span_of(text)) : NULL;
    free(text); /* jansson's */
    if (!s->repeat) {
        call_failed(c, ERR_NOMEM);
        return false;
    }
    if (repeat_read(&r, span_of(s->repeat), &why)) {
        call_invalid(c, why.property, why.message);
        return false;
    }
    return true;
}

static bool read_member(struct call *c, struct job_state_of_call *s, const char *key, const json_t *v)
{
    if (strcmp(key, "campaignId") == 0) {
        const char *text = json_string_value(v);
        s->campaign_id = text ? call_channel_id((struct span){text, json_string_length(v)}) : 0;
        s->short_id = text ? keep(c, v) : NULL;
        if (!s->campaign_id && !s->short_id)
            call_invalid(c, "campaignId", "must be the id of a campaign, or its short id");
        return s->campaign_id || s->short_id;
    }
    if (strcmp(key, "audience") == 0)
        return read_audience(c, s, v);
    if (strcmp(key, "at") == 0) {
        const char *text = json_string_value(v);
        if (text && !time_parse((struct span){text, json_string_length(v)}, &s->at_ms))
            return true;
        call_invalid(c, "at", "must be a date-time of RFC 3339");
        return false;
    }
    if (strcmp(key, "repeat") == 0)
        return read_repeat(c, s, v);
    if (strcmp(key, "ratePerSecond") == 0) {
        s->per_second = json_number_value(v);
        if (json_is_number(v) && s->per_second >= 0 && s->per_second <= RATE_MAX)
            return true;
        call_invalid(c, "ratePerSecond", "must be a number from 0 (no limit) to 100000");
        return false;
    }
    if (strcmp(key, "dedupe") == 0 && json_is_boolean(v)) {
        s->dedupe = json_is_true(v);
        return true;
    }
    char name[120];
    (void)snprintf(name, sizeof(name), "%.100s", key);
    call_invalid(c, name, "unknown member, or not of the type it must have");
    return false;
}

static bool read_job(struct call *c, struct job_state_of_call *s)
{
    json_t *object = call_object(c), *v;
    if (!object)
        return false;
    const char *key;
    bool ok = true, audience = false, campaign = false;
    s->dedupe = true;
    json_object_foreach(object, key, v)
    {
        audience |= strcmp(key, "audience") == 0;
        campaign |= strcmp(key, "campaignId") == 0;
        if (!(ok = read_member(c, s, key, v)))
            break;
    }
    json_decref(object);
    if (ok && (!audience || !campaign)) {
        call_invalid(c, campaign ? "audience" : "campaignId", "is required");
        return false;
    }
    return ok;
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
    struct job_state_of_call *s = c->state;
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
    struct job_state_of_call *s = c->state;
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

struct audience_of_call {
    struct json_write *w;
};

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
    struct job_state_of_call *s = c->state;
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
    struct job_state_of_call *s = c->state;
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
    enum err e =
        b->ops->jobs->job_get(b, ((struct job_state_of_call *)c->state)->provider_id, id, write_one, &s);
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
    const enum by own = targets[((struct job_state_of_call *)c->state)->job.medium];
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
    struct job *j = &((struct job_state_of_call *)c->state)->job;
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
    struct job *j = &((struct job_state_of_call *)c->state)->job;
    j->reason = j->reason_text = SPAN_LIT("");
    j->state = j->at_ms > now_ms || j->repeat.len ? JOB_SCHEDULED : kind == AUDIENCE_QUERY ? JOB_PREPARING : JOB_RUNNING;
    j->started_ms = j->state == JOB_SCHEDULED ? 0 : now_ms;
    if (j->state != JOB_RUNNING)
        return ERR_NONE;
    enum err e = b->ops->campaigns->sender_get(b, j->provider_id, j->sender_id, take_sender, c);
    return e == ERR_NOT_FOUND ? call_stop(c, ERR_CONFLICT, "The campaign's sender was deleted") : e;
}

static enum err insert(struct call *c, struct backend *b)
{
    struct job_state_of_call *s = c->state;
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
    struct job_state_of_call *s = c->state;
    s->why = NULL;
    enum err e = find_campaign(c, b);
    return e ? e : insert(c, b);
}

/* Tells the loop of the job's sender. On the store's thread, in the order of commits. */
static void committed(struct store_call *call)
{
    struct call *c = call_of(call);
    struct job_state_of_call *s = c->state;
    struct campaigns_note *note = s->note;
    s->note = NULL;
    note->job_id = s->job.id;
    campaigns_notify(campaigns_of(c->api->config.campaigns, s->job.sender_id), note);
}

static void write_done(struct store_call *call)
{
    struct job_state_of_call *s = call_of(call)->state;
    mem_free(s->note);
    s->note = NULL;
    call_done(call);
}

static void submit(struct call *c, struct job_state_of_call *s,
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
    struct job_state_of_call *s = begin(c);
    if (s && read_job(c, s))
        submit(c, s, create_run, 201);
}

/* ---- sending again ---- */

static enum err take_parent(void *arg, const struct job *j)
{
    struct call *c = arg;
    struct job_state_of_call *s = c->state;
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
    struct job_state_of_call *s = c->state;
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
    struct job_state_of_call *s = begin(c);
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
    struct job_state_of_call *s = c->state;
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
    struct job_state_of_call *s = begin(c);
    if (s) {
        s->act = JOB_PAUSE;
        submit(c, s, act_run, 200);
    }
}

void api_job_resume(struct call *c)
{
    struct job_state_of_call *s = begin(c);
    if (s) {
        s->act = JOB_RESUME;
        submit(c, s, act_run, 200);
    }
}

void api_job_stop(struct call *c)
{
    struct job_state_of_call *s = begin(c);
    if (s) {
        s->act = JOB_STOP;
        submit(c, s, act_run, 200);
    }
}

/* ---- showing ---- */

static enum err show_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    return answer(c, b, ((struct job_state_of_call *)c->state)->id);
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
    struct page *p = &((struct job_state_of_call *)s->c->state)->page;
    return page_row(p, j->id) ? job_write(&p->w, s->b, j, call_now(s->c)) : ERR_NONE;
}

static enum err list_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct job_state_of_call *s = c->state;
    struct shown shown = {c, b, NULL};
    page_begin(&s->page, call_out(c));
    return page_end(&s->page, b->ops->jobs->job_list(b, s->provider_id, s->campaign_filter, s->page.from,
                                                     page_ask(&s->page), show_listed, &shown));
}

void api_job_list(struct call *c)
{
    static const struct page_kind kind = {
        .member = "jobs", .filters = {"campaign"}, .start = INT64_MAX, .limit = 50, .limit_max = 100};
    struct job_state_of_call *s = begin(c);
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
