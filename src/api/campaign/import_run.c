#include "api/campaign/import_run.h"

#include <pthread.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/worker.h"

#define RUNNING_MAX 8u         /* each has a thread and some megabytes */
#define WAITING_MAX (1u << 20) /* bytes of pieces that wait for the thread */
#define BATCH_ROWS 2000u       /* some tens of milliseconds of the store, which others wait for */
#define BATCH_BYTES (2u << 20) /* …and of long rows fewer */
#define BATCH_MAX (8u << 20)   /* a batch and its last row */
#define BATCHES 3u             /* one is filled while others are in the store */
#define AGAIN_MS 2000          /* between tries to record the end */
#define REASON_MAX 240u

static const char ended_by_node[] = "the node was ended while the import ran; what was taken is kept";

struct piece {
    struct list link;
    size_t len;
    char bytes[];
};

struct batch_row {
    uint64_t line;
    enum { ROW_USER, ROW_VALUE, ROW_REFUSED } what;
    union {
        struct user_change user;
        struct span value;
        struct import_refusal refusal;
    };
};

struct batch {
    struct store_call call;
    struct import_run *run;
    struct arena arena;
    size_t bytes;
    uint32_t count;
    bool busy; /* in the store */
    int64_t wall_ms;
    struct batch_row rows[BATCH_ROWS];
    struct span values[BATCH_ROWS]; /* of a list, in one go */
};

struct import_run {
    struct list link;  /* imports.runs */
    struct piece *end; /* made with the run, so that it can always be ended */
    struct imports *imports;
    struct import_config config;
    int64_t id, list_id;
    struct worker worker;
    bool started;
    struct letter letter;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* Under the lock. */
    size_t waiting;          /* bytes of pieces */
    bool thirsty;            /* the loop waits until less waits, */
    bool posted;             /* and has a letter on its way */
    bool open;               /* the loop's half */
    bool finished;           /* the thread's half */
    char reason[REASON_MAX]; /* why it ended early */
    bool client;             /* …by what the client sent */
    enum err err;            /* of a batch: the first */
    /* The thread's. */
    struct import_rows *rows;
    struct batch *batches[BATCHES], *filling;
};

struct imports {
    struct store *store;
    const struct clock *clock;
    pthread_mutex_t lock;
    struct list runs;
    uint32_t count;
    bool stopping;
};

/* ---- the store ---- */

static const char too_many[] =
    "more than 10 apps or browsers, or attributes over 16 KiB together with those that are there";

static enum err refuse(struct backend *b, const struct import_run *r, uint64_t line, const char *field,
                       const char *why)
{
    const struct import_refusal f = {.line = line, .field = span_of(field), .why = span_of(why)};
    return b->ops->audience->import_refuse(b, r->id, &f);
}

static enum err store_row(struct backend *b, struct batch *t, const struct batch_row *row, uint64_t *taken,
                          uint32_t *values)
{
    const struct import_run *r = t->run;
    int64_t id;
    bool new;
    enum err e;
    switch (row->what) {
    case ROW_VALUE:
        t->values[(*values)++] = row->value;
        (*taken)++;
        return ERR_NONE;
    case ROW_REFUSED:
        return b->ops->audience->import_refuse(b, r->id, &row->refusal);
    case ROW_USER:
    default:
        e = b->ops->audience->user_put(b, r->config.provider_id, &row->user, t->wall_ms, &id, &new);
        if (e == ERR_LIMIT)
            return refuse(b, r, row->line, "", too_many);
        *taken += !e;
        return e;
    }
}

static enum err batch_run(struct store_call *call, struct backend *b)
{
    struct batch *t = list_entry(call, struct batch, call);
    uint64_t taken = 0;
    uint32_t values = 0;
    enum err e = ERR_NONE;
    for (uint32_t i = 0; i < t->count && !e; i++)
        e = store_row(b, t, &t->rows[i], &taken, &values);
    if (!e && values)
        e = b->ops->audience->list_add(b, t->run->list_id, t->values, values);
    return e ? e : b->ops->audience->import_count(b, t->run->id, t->count, taken);
}

/* On the store's thread. */
static void batch_done(struct store_call *call)
{
    struct batch *t = list_entry(call, struct batch, call);
    struct import_run *r = t->run;
    (void)pthread_mutex_lock(&r->lock);
    t->busy = false;
    if (call->err && !r->err)
        r->err = call->err;
    (void)pthread_cond_broadcast(&r->wake);
    (void)pthread_mutex_unlock(&r->lock);
}

struct ending {
    struct store_call call;
    struct import import;
};

static enum err ending_run(struct store_call *call, struct backend *b)
{
    struct ending *e = list_entry(call, struct ending, call);
    return b->ops->audience->import_update(b, &e->import);
}

static enum err end_all_run(struct store_call *call, struct backend *b)
{
    struct ending *e = list_entry(call, struct ending, call);
    return b->ops->audience->import_end_all(b, e->import.reason, e->import.ended_ms);
}

/* ---- batches ---- */

static const char *words_of(enum err e)
{
    return e == ERR_FULL        ? "no space left on this node's disk"
           : e == ERR_NOMEM     ? "this node is out of memory"
           : e == ERR_NOT_FOUND ? "the provider, the list or the import was deleted meanwhile"
           : e == ERR_GONE      ? "files of this node's data directory are gone or were replaced"
           : e == ERR_DAMAGED   ? "this node's database is damaged there"
                                : "the store of this node cannot answer";
}

/* Waits for a batch that is not in the store. The error of an earlier one ends the import. */
static enum err take_batch(struct import_run *r)
{
    (void)pthread_mutex_lock(&r->lock);
    struct batch *t = NULL;
    while (!t && !r->err) {
        for (size_t i = 0; i < BATCHES && !t; i++)
            t = r->batches[i]->busy ? NULL : r->batches[i];
        if (!t)
            (void)pthread_cond_wait(&r->wake, &r->lock);
    }
    enum err e = r->err;
    (void)pthread_mutex_unlock(&r->lock);
    if (e)
        return e;
    arena_reset(&t->arena);
    t->count = 0;
    t->bytes = 0;
    r->filling = t;
    return ERR_NONE;
}

static void submit(struct import_run *r)
{
    struct batch *t = r->filling;
    const struct clock *clock = r->imports->clock;
    r->filling = NULL;
    t->wall_ms = clock->wall_ms(clock->arg);
    t->call = (struct store_call){.run = batch_run, .done = batch_done};
    t->busy = true; /* nobody else looks at it before it is submitted */
    store_submit(r->imports->store, &t->call);
}

/* Room for a row; ERR_… of an earlier batch. */
static enum err next_row(struct import_run *r, uint64_t line, size_t bytes, struct batch_row **ret)
{
    if (r->filling && (r->filling->count == BATCH_ROWS || r->filling->bytes + bytes > BATCH_BYTES) &&
        r->filling->count)
        submit(r);
    enum err e = r->filling ? ERR_NONE : take_batch(r);
    if (e)
        return e;
    r->filling->bytes += bytes;
    *ret = &r->filling->rows[r->filling->count];
    (*ret)->line = line;
    return ERR_NONE;
}

/* A copy in the batch; of nothing: nothing. */
static bool copy(struct arena *a, struct span s, struct span *ret)
{
    char *p = s.len ? arena_alloc(a, s.len) : "";
    if (p && s.len)
        memcpy(p, s.ptr, s.len);
    *ret = (struct span){p, s.len};
    return p;
}

static enum err take_user(void *arg, uint64_t line, const struct user_change *u)
{
    struct import_run *r = arg;
    struct batch_row *row;
    size_t bytes = u->name.len + u->attributes.len;
    for (size_t i = 0; i < u->target_count; i++)
        bytes += u->targets[i].value.len + sizeof(*u->targets);
    enum err e = next_row(r, line, bytes, &row);
    if (e)
        return e;
    struct arena *a = &r->filling->arena;
    struct target_change *targets =
        u->target_count ? arena_alloc(a, u->target_count * sizeof(*targets)) : NULL;
    bool done = (targets || !u->target_count) && copy(a, u->name, &row->user.name) &&
                copy(a, u->attributes, &row->user.attributes);
    for (size_t i = 0; done && i < u->target_count; i++) {
        targets[i] = u->targets[i];
        done = copy(a, u->targets[i].value, &targets[i].value) &&
               copy(a, u->targets[i].p256dh, &targets[i].p256dh) &&
               copy(a, u->targets[i].auth, &targets[i].auth);
    }
    if (!done)
        return ERR_NOMEM;
    row->what = ROW_USER;
    row->user.targets = targets;
    row->user.target_count = u->target_count;
    row->user.why = "import";
    r->filling->count++;
    return ERR_NONE;
}

static enum err take_value(void *arg, uint64_t line, struct span value)
{
    struct import_run *r = arg;
    struct batch_row *row;
    enum err e = next_row(r, line, value.len, &row);
    if (e)
        return e;
    row->what = ROW_VALUE;
    row->value = value;
    if (value.ptr && !copy(&r->filling->arena, value, &row->value))
        return ERR_NOMEM;
    r->filling->count++;
    return ERR_NONE;
}

static enum err take_refused(void *arg, uint64_t line, const struct read_fault *f)
{
    struct import_run *r = arg;
    struct batch_row *row;
    struct span field = span_of(f->field), why = span_of(f->why);
    enum err e = next_row(r, line, field.len + why.len, &row);
    if (e)
        return e;
    row->what = ROW_REFUSED;
    row->refusal.line = line;
    if (!copy(&r->filling->arena, field, &row->refusal.field) ||
        !copy(&r->filling->arena, why, &row->refusal.why))
        return ERR_NOMEM;
    r->filling->count++;
    return ERR_NONE;
}

/* ---- the thread ---- */

static void fail(struct import_run *r, const char *reason, bool client)
{
    (void)pthread_mutex_lock(&r->lock);
    if (!r->reason[0]) {
        (void)snprintf(r->reason, sizeof(r->reason), "%s", reason);
        r->client = client;
    }
    (void)pthread_mutex_unlock(&r->lock);
}

static void failed(struct import_run *r, enum err e)
{
    bool client = e == ERR_INVALID;
    fail(r, client ? import_rows_why(r->rows) : words_of(e), client);
}

static bool has_failed(struct import_run *r)
{
    (void)pthread_mutex_lock(&r->lock);
    bool yes = r->reason[0];
    (void)pthread_mutex_unlock(&r->lock);
    return yes;
}

static void on_letter(struct letter *l)
{
    struct import_run *r = list_entry(l, struct import_run, letter);
    (void)pthread_mutex_lock(&r->lock);
    r->posted = false;
    bool open = r->open;
    (void)pthread_mutex_unlock(&r->lock);
    if (open)
        r->config.more(r->config.arg);
}

/* Tells the loop, if it waits. */
static void tell(struct import_run *r, size_t taken)
{
    (void)pthread_mutex_lock(&r->lock);
    r->waiting -= taken;
    bool post = r->open && !r->posted && (r->reason[0] || (r->thirsty && r->waiting < WAITING_MAX / 2));
    r->posted = r->posted || post;
    if (post) {
        r->thirsty = false;
        r->letter.open = on_letter;
        mailbox_post(r->config.home, &r->letter); /* under the lock: the loop's half is still open */
    }
    (void)pthread_mutex_unlock(&r->lock);
}

static void await_batches(struct import_run *r)
{
    (void)pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < BATCHES; i++)
        while (r->batches[i]->busy)
            (void)pthread_cond_wait(&r->wake, &r->lock);
    enum err e = r->err;
    (void)pthread_mutex_unlock(&r->lock);
    if (e)
        failed(r, e);
}

static bool is_stopping(struct imports *m)
{
    (void)pthread_mutex_lock(&m->lock);
    bool yes = m->stopping;
    (void)pthread_mutex_unlock(&m->lock);
    return yes;
}

/* Whatever the store's trouble is, it passes or the next start of the node records the end. */
static void record_end(struct import_run *r)
{
    const struct clock *clock = r->imports->clock;
    struct ending end = {.call = {.run = ending_run},
                         .import = {.id = r->id,
                                    .state = r->reason[0] ? IMPORT_ENDED : IMPORT_DONE,
                                    .reason = span_of(r->reason),
                                    .ended_ms = clock->wall_ms(clock->arg)}};
    for (;;) {
        struct list none;
        bool stop;
        enum err e = store_wait(r->imports->store, &end.call);
        if (!e || e == ERR_NOT_FOUND || e == ERR_CLOSED || is_stopping(r->imports))
            return;
        log_warn("api", "cannot record the end of an import yet", log_int("import", r->id),
                 log_err("err", e));
        list_init(&none);
        (void)worker_take(&r->worker, &none, 1, AGAIN_MS, &stop);
    }
}

/* The loop's half of the end came, or the thread's: the later one frees nothing, the next import reaps it. */
static void finish(struct import_run *r)
{
    enum err e = ERR_NONE;
    if (!has_failed(r))
        e = import_rows_end(r->rows);
    if (e)
        failed(r, e);
    if (r->filling && r->filling->count)
        submit(r);
    await_batches(r);
    record_end(r);
    import_rows_free(r->rows);
    r->rows = NULL;
    for (size_t i = 0; i < BATCHES; i++) {
        arena_deinit(&r->batches[i]->arena);
        mem_free(r->batches[i]);
        r->batches[i] = NULL;
    }
    (void)pthread_mutex_lock(&r->lock);
    r->finished = true;
    (void)pthread_mutex_unlock(&r->lock);
}

static void take_piece(struct import_run *r, struct piece *p)
{
    if (!has_failed(r)) {
        enum err e = import_rows_feed(r->rows, (struct span){p->bytes, p->len});
        if (e)
            failed(r, e);
    }
    tell(r, p->len);
    mem_free(p);
}

static void *work(void *arg)
{
    struct import_run *r = arg;
    struct list pieces;
    list_init(&pieces);
    for (bool end = false, stop = false; !end;) {
        if (worker_take(&r->worker, &pieces, 1, -1, &stop) == 0)
            break;
        struct piece *p = list_entry(list_pop_front(&pieces), struct piece, link);
        end = p == r->end;
        if (!end)
            take_piece(r, p);
    }
    finish(r);
    return NULL;
}

/* ---- the loop's half ---- */

static void free_run(struct import_run *r)
{
    import_rows_free(r->rows);
    mem_free(r->end);
    for (size_t i = 0; i < BATCHES; i++) {
        if (r->batches[i])
            arena_deinit(&r->batches[i]->arena);
        mem_free(r->batches[i]);
    }
    (void)pthread_mutex_destroy(&r->lock);
    (void)pthread_cond_destroy(&r->wake);
    mem_free(r);
}

/* Takes those out that are over, on both halves. */
static void reap(struct imports *m, struct list *over)
{
    (void)pthread_mutex_lock(&m->lock);
    for (struct list *i = m->runs.next, *next; i != &m->runs; i = next) {
        struct import_run *r = list_entry(i, struct import_run, link);
        next = i->next;
        (void)pthread_mutex_lock(&r->lock);
        bool done = r->finished && !r->open && !r->posted;
        (void)pthread_mutex_unlock(&r->lock);
        if (done) {
            list_remove(&r->link);
            list_push_back(over, &r->link);
            m->count--;
        }
    }
    (void)pthread_mutex_unlock(&m->lock);
}

static void free_over(struct list *over)
{
    for (struct list *i; (i = list_pop_front(over));) {
        struct import_run *r = list_entry(i, struct import_run, link);
        if (r->started) {
            worker_stop(&r->worker); /* its thread has ended, or is about to */
            worker_deinit(&r->worker);
        }
        free_run(r);
    }
}

enum err import_run_new(struct imports *m, const struct import_config *config, struct import_run **ret)
{
    struct list over;
    list_init(&over);
    reap(m, &over);
    free_over(&over);
    struct import_run *r = mem_zero(1, sizeof(*r));
    if (!r)
        return ERR_NOMEM;
    r->imports = m;
    r->config = *config;
    r->open = true;
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->wake, NULL);
    r->end = mem_zero(1, sizeof(*r->end));
    enum err e = r->end ? ERR_NONE : ERR_NOMEM;
    for (size_t i = 0; i < BATCHES && !e; i++) {
        r->batches[i] = mem_zero(1, sizeof(struct batch));
        if (!r->batches[i]) {
            e = ERR_NOMEM;
            break;
        }
        r->batches[i]->run = r;
        arena_init(&r->batches[i]->arena, 256u * 1024, BATCH_MAX);
    }
    (void)pthread_mutex_lock(&m->lock);
    if (!e && (m->stopping || m->count == RUNNING_MAX))
        e = ERR_LIMIT;
    if (!e) {
        m->count++;
        list_push_back(&m->runs, &r->link);
    }
    (void)pthread_mutex_unlock(&m->lock);
    if (e) {
        free_run(r);
        return e;
    }
    *ret = r;
    return ERR_NONE;
}

void import_run_drop(struct import_run *r)
{
    (void)pthread_mutex_lock(&r->imports->lock);
    list_remove(&r->link);
    r->imports->count--;
    (void)pthread_mutex_unlock(&r->imports->lock);
    free_run(r);
}

enum err import_run_begin(struct import_run *r, int64_t import_id, int64_t list_id)
{
    const struct import_taker taker = {take_user, take_value, take_refused, r};
    r->id = import_id;
    r->list_id = list_id;
    enum err e = import_rows_new(&r->rows, &r->config.shape, &taker);
    if (e)
        return e;
    r->started = true;
    e = worker_start(&r->worker, "import", 0, work, r);
    if (!e)
        return ERR_NONE;
    worker_deinit(&r->worker);
    r->started = false;
    return e;
}

enum err import_run_put(struct import_run *r, struct span piece, bool *ret_more)
{
    struct piece *p = mem_alloc(sizeof(*p) + piece.len);
    if (!p)
        return ERR_NOMEM;
    p->len = piece.len;
    memcpy(p->bytes, piece.ptr, piece.len);
    (void)pthread_mutex_lock(&r->lock);
    r->waiting += piece.len;
    (void)pthread_mutex_unlock(&r->lock);
    enum err e = worker_put(&r->worker, &p->link);
    if (e) {
        mem_free(p);
        return e;
    }
    (void)pthread_mutex_lock(&r->lock);
    r->thirsty = r->waiting >= WAITING_MAX;
    *ret_more = !r->thirsty && !r->reason[0];
    (void)pthread_mutex_unlock(&r->lock);
    return ERR_NONE;
}

const char *import_run_failed(struct import_run *r, bool *ret_client)
{
    (void)pthread_mutex_lock(&r->lock);
    const char *why = r->reason[0] ? r->reason : NULL; /* once set it stays */
    *ret_client = r->client;
    (void)pthread_mutex_unlock(&r->lock);
    return why;
}

void import_run_end(struct import_run *r, const char *reason)
{
    if (reason)
        fail(r, reason, true);
    (void)pthread_mutex_lock(&r->lock);
    r->open = false;
    (void)pthread_mutex_unlock(&r->lock);
    (void)!worker_put(&r->worker, &r->end->link); /* ERR_CLOSED: imports_stop() has ended it already */
}

/* ---- all of them ---- */

enum err imports_new(struct imports **ret, struct store *store, const struct clock *clock)
{
    struct ending all = {
        .call = {.run = end_all_run},
        .import = {.reason = span_of(ended_by_node), .ended_ms = clock->wall_ms(clock->arg)}};
    enum err e = store_wait(store, &all.call);
    if (e)
        return e;
    struct imports *m = mem_zero(1, sizeof(*m));
    if (!m)
        return ERR_NOMEM;
    m->store = store;
    m->clock = clock;
    list_init(&m->runs);
    (void)pthread_mutex_init(&m->lock, NULL);
    *ret = m;
    return ERR_NONE;
}

void imports_stop(struct imports *m)
{
    if (!m)
        return;
    (void)pthread_mutex_lock(&m->lock);
    m->stopping = true;
    (void)pthread_mutex_unlock(&m->lock);
    for (struct list *i = m->runs.next; i != &m->runs; i = i->next) {
        struct import_run *r = list_entry(i, struct import_run, link);
        if (r->open)
            fail(r, ended_by_node, false);
        if (r->started)
            worker_stop(&r->worker);
    }
}

void imports_free(struct imports *m)
{
    if (!m)
        return;
    for (struct list *i; (i = list_pop_front(&m->runs));) {
        struct import_run *r = list_entry(i, struct import_run, link);
        if (r->started)
            worker_deinit(&r->worker);
        free_run(r);
    }
    (void)pthread_mutex_destroy(&m->lock);
    mem_free(m);
}
