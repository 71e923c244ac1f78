/*
 * Brings the rows of a query into the messages of its job. The query runs in a process of its own
 * (query.h), and all of its rows are gathered before anything is sent: where it fails, the job has failed
 * and nobody got anything.
 */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "campaign/campaign_core.h"
#include "campaign/ledger.h"
#include "campaign/query.h"

#define ROWS_MAX 4096u        /* held while the store writes; then the query rests */
#define ROWS_BYTES (4u << 20) /* the same in bytes */
#define DROP_STEP 2000u
#define AGAIN_MS 1000u
#define STARTS_MAX 3u /* of the process, where it dies for no fault of the query */

enum step { STEP_DROP, STEP_ROWS, STEP_END };

/* Rows on their way into the store. */
struct rows {
    struct arena arena;
    uint32_t count;
    size_t bytes;
    struct span values[ROWS_MAX]; /* ptr NULL: null, or no text */
};

struct querying {
    struct campaigns *c;
    struct campaign_job *job;
    struct query *query; /* NULL: not begun, or over */
    struct store_call call;
    uv_timer_t timer; /* after the store refused a write */
    bool writing, over, restart;
    enum step step;
    uint32_t dropped;
    unsigned starts;
    struct rows *now, *next; /* being written; coming */
    enum query_result result;
    char text[QUERY_MESSAGE_MAX + 32];
    enum job_state state; /* of the job, after the last write */
};

static void begin_query(struct querying *q);
static void submit(struct querying *q, enum step step);

static void rows_clear(struct rows *r)
{
    arena_reset(&r->arena);
    r->count = 0;
    r->bytes = 0;
}

static void on_closed(uv_handle_t *timer)
{
    struct querying *q = timer->data;
    struct campaigns *c = q->c;
    struct campaign_job *j = q->job;
    struct rows *both[] = {q->now, q->next};
    for (size_t i = 0; i < 2; i++)
        if (both[i]) {
            arena_deinit(&both[i]->arena);
            mem_free(both[i]);
        }
    mem_free(q);
    j->gathering = false;
    c->waiting--;
    campaigns_drop(c, j);
}

static void querying_free(struct querying *q)
{
    query_stop(q->query);
    q->query = NULL;
    uv_close((uv_handle_t *)&q->timer, on_closed);
}

/* ---- on the store's thread ---- */

static enum err insert_rows(struct querying *q, struct ledger *l)
{
    enum err e = ERR_NONE;
    for (uint32_t i = 0; !e && i < q->now->count; i++) {
        const struct message m = {
            .job_id = l->job.id,
            .n = l->job.total + 1,
            .name = q->now->values[i],
            .error = SPAN_LIT(""),
            .detail = SPAN_LIT(""),
            .processed = SPAN_LIT(""),
            .judged = SPAN_LIT(""),
            .service_id = SPAN_LIT(""),
        };
        e = l->b->ops->jobs->message_insert(l->b, &m);
        l->job.total += !e;
    }
    return e;
}

static void end_gathering(const struct querying *q, struct ledger *l)
{
    if (q->result == QUERY_DONE) {
        l->job.gathered = true;
        if (l->job.state == JOB_PREPARING)
            ledger_state(l, JOB_RUNNING, SPAN_LIT(""), SPAN_LIT(""));
        return;
    }
    const char *reason = q->result == QUERY_EXCESS    ? "query_resources"
                         : q->result == QUERY_REFUSED ? "query_refused"
                                                      : "internal_closed";
    l->job.total = 0;
    l->job.ended_ms = l->now_ms;
    ledger_state(l, JOB_FAILED, span_of(reason), span_of(q->text));
}

static enum err query_run(struct store_call *call, struct backend *b)
{
    struct querying *q = list_entry(call, struct querying, call);
    struct ledger l;
    q->dropped = 0;
    enum err e = ledger_open(&l, b, q->job->id, q->c->config.clock->wall_ms(q->c->config.clock->arg));
    if (e == ERR_NOT_FOUND)
        q->state = JOB_STOPPED;
    if (e)
        return e == ERR_NOT_FOUND ? ERR_NONE : e;
    if (!job_is_open(l.job.state)) {
        q->state = l.job.state;
        return ERR_NONE;
    }
    if (q->step == STEP_DROP) {
        e = b->ops->jobs->message_drop(b, q->job->id, DROP_STEP, &q->dropped);
        l.job.total = l.job.position = 0;
    } else if (q->step == STEP_ROWS) {
        e = insert_rows(q, &l);
    } else {
        end_gathering(q, &l);
    }
    if (!e)
        e = ledger_close(&l);
    q->state = l.job.state;
    return e;
}

/* ---- on the loop ---- */

static void conclude(struct querying *q)
{
    struct campaigns *c = q->c;
    struct campaign_job *j = q->job;
    if (q->state != j->state && !j->gone)
        c->batches.changed(c, j, q->state);
    if (!j->gone && job_is_open(j->state) && courier_resume(c->config.courier, COURIER_JOB, j->id))
        log_error("campaign", "cannot take up the messages of a job", log_int("job", j->id));
    courier_pump(c->config.courier);
    querying_free(q);
}

static void fail(struct querying *q, const char *text)
{
    q->result = QUERY_GONE;
    (void)snprintf(q->text, sizeof(q->text), "%s", text);
    q->over = true;
    submit(q, STEP_END);
}

/* Writes what has come, or goes on with the query. */
static void go_on(struct querying *q)
{
    if (q->next->count) {
        struct rows *written = q->now;
        q->now = q->next;
        q->next = written;
        rows_clear(q->next);
        submit(q, STEP_ROWS);
    } else if (q->over) {
        submit(q, STEP_END);
    }
    if (q->query)
        query_resume(q->query);
}

static void on_again(uv_timer_t *timer)
{
    struct querying *q = timer->data;
    submit(q, q->step);
}

static void query_done(struct store_call *call)
{
    struct querying *q = list_entry(call, struct querying, call);
    q->writing = false;
    if (call->err == ERR_CLOSED || q->c->stopping || q->job->gone) {
        querying_free(q);
        return;
    }
    if (call->err) { /* the disk is full, say: the store takes it once it works again */
        q->writing = true;
        (void)uv_timer_start(&q->timer, on_again, AGAIN_MS, 0);
        return;
    }
    if (!job_is_open(q->state) || q->step == STEP_END) {
        conclude(q);
        return;
    }
    if (q->restart && q->step != STEP_DROP)
        submit(q, STEP_DROP);
    else if (q->step == STEP_DROP && q->dropped == DROP_STEP)
        submit(q, STEP_DROP);
    else if (q->step == STEP_DROP)
        begin_query(q);
    else
        go_on(q);
}

static void submit(struct querying *q, enum step step)
{
    q->step = step;
    q->writing = true;
    q->call = (struct store_call){.run = query_run, .done = query_done, .home = q->c->config.mailbox};
    store_submit(q->c->config.store, &q->call);
}

static void on_rows(void *arg, const struct query_row *rows, size_t count)
{
    struct querying *q = arg;
    struct rows *r = q->next;
    for (size_t i = 0; i < count; i++) {
        const struct query_cell *cell = &rows[i].cells[0];
        const bool named = cell->kind == QUERY_TEXT || cell->kind == QUERY_NUMBER;
        char *copy = named ? arena_dup(&r->arena, cell->text) : NULL;
        if (r->count == ROWS_MAX || (named && !copy)) {
            query_stop(q->query);
            q->query = NULL;
            q->over = true;
            q->result = QUERY_GONE;
            (void)snprintf(q->text, sizeof(q->text), "out of memory");
            break;
        }
        r->values[r->count++] = copy ? (struct span){copy, cell->text.len} : (struct span){0};
        r->bytes += named ? cell->text.len : 0;
    }
    if (q->query && (r->count > ROWS_MAX / 2 || r->bytes > ROWS_BYTES / 2))
        query_pause(q->query);
    if (!q->writing)
        go_on(q);
}

static void on_end(void *arg, const struct query_end *end)
{
    struct querying *q = arg;
    q->query = NULL;
    if (end->result == QUERY_GONE && q->starts < STARTS_MAX) {
        q->restart = true; /* once the write under way has ended */
        if (!q->writing)
            submit(q, STEP_DROP);
        return;
    }
    q->over = true;
    q->result = end->result;
    if (end->result == QUERY_EXCESS)
        (void)snprintf(q->text, sizeof(q->text), "%s: %s", query_bound_text(end->bound), end->message);
    else if (end->line)
        (void)snprintf(q->text, sizeof(q->text), "line %u, column %u: %s", end->line, end->column,
                       end->message);
    else
        (void)snprintf(q->text, sizeof(q->text), "%s", end->message);
    if (!q->writing)
        go_on(q);
}

static void begin_query(struct querying *q)
{
    const struct query_ask ask = {
        .provider_id = q->job->provider_id, .sql = span_of(q->job->audience.sql), .by = q->job->audience.by};
    static const struct query_calls calls = {on_rows, on_end};
    q->starts++;
    q->restart = false;
    rows_clear(q->next);
    enum err e = query_start(q->c->config.loop, q->c->config.queries, &ask, &calls, q, &q->query);
    if (e)
        fail(q, err_text(e));
}

void campaign_query(struct campaigns *c, struct campaign_job *j)
{
    struct querying *q = mem_zero(1, sizeof(*q));
    if (q) {
        q->now = mem_zero(1, sizeof(*q->now));
        q->next = mem_zero(1, sizeof(*q->next));
    }
    if (!q || !q->now || !q->next || uv_timer_init(c->config.loop, &q->timer)) {
        if (q) {
            mem_free(q->now);
            mem_free(q->next);
        }
        mem_free(q);
        log_error("campaign", "cannot begin the query of a job; it goes on after the next change or start",
                  log_int("job", j->id));
        return;
    }
    q->timer.data = q;
    arena_init(&q->now->arena, 65536, ROWS_BYTES * 4);
    arena_init(&q->next->arena, 65536, ROWS_BYTES * 4);
    q->c = c;
    q->job = j;
    j->gathering = true;
    j->refs++;
    c->waiting++;
    submit(q, STEP_DROP); /* what an earlier process had gathered of it */
}
