#include "campaign/schedule.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_write.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/time.h"
#include "campaign/ledger.h"
#include "campaign/repeat.h"

#define MISSED_MS (INT64_C(3600) * 1000)
#define MEMORY_MAX (4u << 20) /* a content of half a megabyte twice, and conditions */

/* A job that is begun, or what a plan makes. Spans are in the schedule's arena. */
struct begin {
    struct schedule *s;
    struct backend *b;
    int64_t now_ms;
    struct job job; /* the row that is due */
    struct job made;
    struct buf audience;
};

static bool keep(struct schedule *s, struct span *text)
{
    const char *p = arena_dup(&s->arena, *text);
    if (p)
        *text = (struct span){p, text->len};
    return p;
}

static enum err take_job(void *arg, const struct job *j)
{
    struct begin *x = arg;
    x->job = *j;
    struct span *texts[] = {&x->job.campaign_name, &x->job.short_id, &x->job.content, &x->job.variables,
                            &x->job.stop_when,     &x->job.audience, &x->job.repeat};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!keep(x->s, texts[i]))
            return ERR_NOMEM;
    x->job.reason = x->job.reason_text = x->job.nonce = SPAN_LIT("");
    return ERR_NONE;
}

static void fail(struct job *j, const char *reason, int64_t now_ms)
{
    j->state = JOB_FAILED;
    j->reason = span_of(reason);
    j->ended_ms = now_ms;
}

static void note(struct schedule *s, int64_t job_id, int64_t sender_id)
{
    s->begun[s->count].job_id = job_id;
    s->begun[s->count++].sender_id = sender_id;
}

static enum err take_sender(void *arg, const struct sender *row)
{
    struct begin *x = arg;
    struct job *j = &x->made;
    if (row->state != SENDER_PAUSED)
        return ERR_NONE;
    j->state = JOB_PAUSED;
    j->reason = row->reason;
    j->reason_text = row->reason_text;
    return keep(x->s, &j->reason) && keep(x->s, &j->reason_text) ? ERR_NONE : ERR_NOMEM;
}

/* Sets the state of x->made, which begins now. */
static enum err first_state(struct begin *x)
{
    struct job_audience audience;
    struct carrier_fault why;
    struct job *j = &x->made;
    enum err e = job_audience_read(&audience, j->audience, &why);
    if (e == ERR_INVALID) {
        fail(j, "audience_gone", x->now_ms);
        return ERR_NONE;
    }
    if (e)
        return e;
    j->state = audience.kind == AUDIENCE_QUERY ? JOB_PREPARING : JOB_RUNNING;
    j->started_ms = x->now_ms;
    job_audience_drop(&audience);
    if (j->state != JOB_RUNNING)
        return ERR_NONE;
    e = x->b->ops->campaigns->sender_get(x->b, j->provider_id, j->sender_id, take_sender, x);
    return e == ERR_NOT_FOUND ? ERR_NONE : e; /* each message says so */
}

/* ---- a job with a time ---- */

static enum err begin_once(struct begin *x)
{
    struct ledger l;
    enum err e = ledger_open(&l, x->b, x->job.id, x->now_ms);
    if (e)
        return e;
    x->made = x->job;
    if (x->now_ms - x->job.at_ms >= MISSED_MS)
        fail(&x->made, "missed", x->now_ms);
    else
        e = first_state(x);
    if (e)
        return e;
    ledger_state(&l, x->made.state, x->made.reason, x->made.reason_text);
    l.job.started_ms = x->made.started_ms;
    l.job.ended_ms = x->made.ended_ms;
    note(x->s, x->job.id, x->job.sender_id);
    return ledger_close(&l);
}

/* ---- a plan ---- */

static enum err take_campaign(void *arg, const struct campaign *k)
{
    struct begin *x = arg;
    struct job *j = &x->made;
    j->sender_id = k->sender_id;
    j->medium = k->medium;
    j->campaign_name = k->name;
    j->short_id = k->short_id;
    j->content = k->content;
    j->variables = k->variables;
    j->stop_when = k->stop_when;
    if (!k->enabled)
        fail(j, "campaign_not_enabled", x->now_ms);
    struct span *texts[] = {&j->campaign_name, &j->short_id, &j->content, &j->variables, &j->stop_when};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!keep(x->s, texts[i]))
            return ERR_NOMEM;
    return ERR_NONE;
}

static enum err take_segment(void *arg, const struct segment *row)
{
    json_write_key(arg, "condition");
    json_write_raw(arg, row->condition);
    return ERR_NONE;
}

static enum err take_query(void *arg, const struct audience_query *row)
{
    struct json_write *w = arg;
    json_write_key(w, "sql");
    json_write_span(w, row->sql);
    json_write_key(w, "by");
    json_write_str(w, by_text(row->by));
    return ERR_NONE;
}

static bool read_id(struct json_value v, int64_t *ret)
{
    struct span text;
    char digits[24];
    if (!json_string_plain(v, &text) || !text.len || text.len >= sizeof(digits))
        return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    *ret = strtoll(digits, NULL, 10);
    return *ret > 0;
}

/*
 * The audience as it is now: a stored segment's condition, a stored query's SQL. All else stays as the
 * plan has it.
 */
static enum err renew_audience(struct begin *x)
{
    enum { KIND, SEGMENT, QUERY };
    struct json_field f[] = {{.key = "kind"}, {.key = "segmentId"}, {.key = "queryId"}};
    struct json_write w;
    int64_t id;
    if (json_check(x->job.audience, JSON_DEPTH, NULL) || json_pick(json_root(x->job.audience), f, 3))
        return ERR_DAMAGED;
    const bool segment = read_id(f[SEGMENT].value, &id);
    if (!segment && !read_id(f[QUERY].value, &id))
        return ERR_NONE;
    json_write_init(&w, &x->audience);
    json_write_object(&w);
    json_write_key(&w, "kind");
    json_write_raw(&w, f[KIND].value.raw);
    json_write_key(&w, segment ? "segmentId" : "queryId");
    json_write_raw(&w, f[segment ? SEGMENT : QUERY].value.raw);
    const struct backend_audience *people = x->b->ops->audience;
    enum err e = segment ? people->segment_get(x->b, x->job.provider_id, id, take_segment, &w)
                         : people->query_get(x->b, x->job.provider_id, id, take_query, &w);
    json_write_end(&w);
    const enum err f2 = json_write_finish(&w);
    if (e == ERR_NOT_FOUND) {
        fail(&x->made, "audience_gone", x->now_ms);
        return ERR_NONE;
    }
    x->made.audience = buf_span(&x->audience);
    return e ? e : f2;
}

static enum err make(struct begin *x, bool missed, const char *text)
{
    uint8_t bytes[16];
    char nonce[33];
    random_system.fill(random_system.arg, bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
    struct job *j = &x->made;
    *j = x->job;
    j->id = 0;
    j->parent_id = x->job.id;
    j->repeat = j->reason = SPAN_LIT("");
    j->reason_text = span_of(text);
    j->nonce = span_of(nonce);
    j->created_ms = x->now_ms;
    enum err e = ERR_NONE;
    if (missed) {
        fail(j, "missed", x->now_ms);
    } else {
        e = x->b->ops->campaigns->campaign_get(x->b, j->provider_id, j->campaign_id, take_campaign, x);
        if (e == ERR_NOT_FOUND) {
            fail(j, "campaign_not_found", x->now_ms);
            e = ERR_NONE;
        }
        if (!e && j->state != JOB_FAILED)
            e = renew_audience(x);
        if (!e && j->state != JOB_FAILED)
            e = first_state(x);
    }
    if (!e)
        e = x->b->ops->jobs->job_insert(x->b, j);
    if (!e)
        note(x->s, j->id, j->sender_id);
    return e;
}

static enum err begin_plan(struct begin *x)
{
    struct repeat r;
    struct carrier_fault why;
    struct ledger l;
    char text[96] = "", until[TIME_TEXT_SIZE];
    int64_t next = 0;
    const int64_t at = x->job.at_ms;
    const bool missed = x->now_ms - at >= MISSED_MS;
    enum err e = repeat_read(&r, x->job.repeat, &why);
    if (!e) /* one that is late by less than an hour still runs, once */
        e = repeat_next(&r, missed ? x->now_ms - MISSED_MS : at, &next);
    if (!e && missed) {
        time_text(next, until);
        (void)snprintf(text, sizeof(text), "the node was down, or its clock was set; goes on at %s", until);
    }
    const bool over = e == ERR_INVALID;
    if (!e)
        e = make(x, missed, text);
    if (e && !over)
        return e;
    e = ledger_open(&l, x->b, x->job.id, x->now_ms);
    if (e)
        return e;
    l.job.at_ms = next;
    if (over) { /* its zone is not known any more */
        ledger_state(&l, JOB_FAILED, SPAN_LIT("zone"), SPAN_LIT(""));
        l.job.ended_ms = x->now_ms;
    }
    return ledger_close(&l);
}

enum err schedule_run(struct schedule *s, struct backend *b)
{
    enum err e = ERR_NONE;
    s->count = 0;
    for (unsigned i = 0; !e && i < SCHEDULE_STEP; i++) {
        struct begin x = {.s = s, .b = b, .now_ms = s->clock->wall_ms(s->clock->arg)};
        int64_t id;
        arena_reset(&s->arena);
        e = b->ops->jobs->job_due(b, x.now_ms, &id);
        if (e)
            return e == ERR_NOT_FOUND ? ERR_NONE : e;
        buf_init(&x.audience, 1u << 20);
        e = b->ops->jobs->job_get(b, 0, id, take_job, &x);
        if (!e)
            e = x.job.repeat.len ? begin_plan(&x) : begin_once(&x);
        buf_deinit(&x.audience);
    }
    return e;
}

/* ---- on the loop ---- */

static enum err look_run(struct store_call *call, struct backend *b)
{
    struct schedule *s = list_entry(call, struct schedule, call);
    int64_t id;
    enum err e =
        b->ops->jobs ? b->ops->jobs->job_due(b, s->clock->wall_ms(s->clock->arg), &id) : ERR_NOT_FOUND;
    s->due = !e;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static enum err act_run(struct store_call *call, struct backend *b)
{
    return schedule_run(list_entry(call, struct schedule, call), b);
}

static void act_done(struct store_call *call)
{
    struct schedule *s = list_entry(call, struct schedule, call);
    s->busy = false;
    if (call->err && call->err != ERR_CLOSED)
        log_error("campaign", "cannot begin a job whose time has come; it is tried again",
                  log_err("err", call->err));
    for (size_t i = 0; !call->err && i < s->count; i++) {
        struct campaigns_note *n = mem_zero(1, sizeof(*n));
        if (!n) {
            log_error("campaign", "cannot take up a job; it goes on after the next change or start",
                      log_int("job", s->begun[i].job_id));
            continue;
        }
        n->job_id = s->begun[i].job_id;
        campaigns_notify(campaigns_of(s->set, s->begun[i].sender_id), n);
    }
    arena_deinit(&s->arena);
}

static void look_done(struct store_call *call)
{
    struct schedule *s = list_entry(call, struct schedule, call);
    if (call->err || !s->due || s->stopping) {
        s->busy = false;
        return;
    }
    arena_init(&s->arena, 65536, MEMORY_MAX);
    s->call = (struct store_call){.run = act_run, .done = act_done, .home = s->mailbox};
    store_submit(s->store, &s->call);
}

void schedule_init(struct schedule *s, struct store *store, struct mailbox *mailbox,
                   const struct clock *clock, const struct campaigns_set *set)
{
    *s = (struct schedule){.store = store, .mailbox = mailbox, .clock = clock, .set = set};
}

void schedule_tick(struct schedule *s)
{
    if (s->busy || s->stopping)
        return;
    s->busy = true;
    s->call = (struct store_call){.run = look_run, .done = look_done, .home = s->mailbox};
    store_read(s->store, &s->call);
}

void schedule_stop(struct schedule *s)
{
    s->stopping = true;
}

bool schedule_idle(const struct schedule *s)
{
    return !s->busy;
}
