#include "store/store.h"

#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/worker.h"
#include "store/files.h"
#include "store/last.h"

/*
 * Maximum calls in one commit: limits how much a failure makes us rerun, and how long the first call waits
 * for the last.
 */
#define COMMIT_MAX 4096u

/*
 * After this many failed commits in a row the rest of a batch is refused untried: a failing sync can take
 * seconds and a lock held by another process the whole busy timeout, while publishers wait.
 */
#define IN_VAIN_MAX 4u

/* How often an idle writer checks whether its files still exist. */
#define IDLE_MS 250

/* A thread that runs calls: the writer or the reader. */
struct hand {
    struct store *store;
    struct backend *backend;
    bool writes;
    struct worker worker;
};

struct store {
    struct hand writer, reader;
    struct store_stats stats;
    struct files *files; /* NULL: the backend was already open */
    struct last last;    /* likewise: fd is -1 */
};

static void answer(struct store_call *c)
{
    if (c->home)
        mailbox_post(c->home, &c->letter);
    else if (c->done)
        c->done(c);
}

static void open_letter(struct letter *l)
{
    struct store_call *c = list_entry(l, struct store_call, letter);
    c->done(c);
}

/* Checks that the writer's files are the ones it has open. */
static enum err look(struct hand *h)
{
    struct store *s = h->store;
    if (!h->writes || !s->files)
        return ERR_NONE;
    enum err e = h->backend->ops->upkeep->check(h->backend);
    atomic_store_explicit(&s->stats.files, files_text(s->files), memory_order_relaxed);
    return e;
}

/*
 * Runs the calls up to `last` that have no answer yet. *ret_undo: a call that failed after writing; the calls
 * after it have not run. An error: the transaction is lost, whatever the call returned.
 */
static enum err run_each(struct hand *h, struct list *calls, const struct list *last, struct list **ret_undo)
{
    struct backend *b = h->backend;
    for (struct list *i = calls->next;; i = i->next) {
        struct store_call *c = list_entry(i, struct store_call, link);
        if (!c->err) {
            int64_t before = b->ops->changes(b);
            c->err = c->run(c, b);
            int64_t after = c->err ? b->ops->changes(b) : before;
            if (after < 0)
                return c->err;
            if (after != before) {
                *ret_undo = i;
                return ERR_NONE;
            }
        }
        if (i == last)
            return ERR_NONE;
    }
}

/*
 * Runs calls as one transaction and commits it. A failed call keeps nothing: if it has written, the calls
 * before it run again without it, and the commit ends there. *ret_last: the last call that has its answer. On
 * failure nothing is kept of any call and the error is returned.
 */
static enum err run_together(struct hand *h, struct list *calls, struct list **ret_last)
{
    struct backend *b = h->backend;
    struct list *last = calls->prev, *undo;
    enum err e = h->store->files && files_text(h->store->files) ? look(h) : ERR_NONE;
    if (e)
        return e;
    do {
        undo = NULL;
        e = b->ops->begin(b);
        if (e)
            return e;
        e = run_each(h, calls, last, &undo);
        if (undo) {
            b->ops->rollback(b);
            last = undo;
        }
    } while (undo);
    if (!e)
        e = b->ops->commit(b);
    if (b->damaged)
        atomic_store_explicit(&h->store->stats.damaged, true, memory_order_relaxed);
    b->damaged = false;
    if (b->passed_over)
        atomic_store_explicit(&h->store->stats.passed_over, true, memory_order_relaxed);
    if (e)
        b->ops->rollback(b);
    else if (h->writes && !b->unwritten)
        last_put(&h->store->last, b->last, b->base);
    /*
     * A read answer is a promise too, so the files are checked even if nothing was written. After a commit
     * that failed for that reason, a deleted log is saved.
     */
    if (e == ERR_GONE || (!e && b->unwritten))
        e = look(h) || e ? ERR_GONE : ERR_NONE;
    *ret_last = last;
    return e;
}

static void note(struct hand *h, enum err e, uint64_t began_us)
{
    if (!h->writes)
        return;
    struct store_stats *st = &h->store->stats;
    if (e) {
        atomic_fetch_add_explicit(&st->failures, 1, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&st->commits, 1, memory_order_relaxed);
        histogram_add(&st->commit, clock_system.mono_us(NULL) - began_us);
    }
    if (!e && h->backend->unwritten)
        return;
    int before = atomic_exchange_explicit(&st->last_error, (int)e, memory_order_relaxed);
    if (e && before != (int)e)
        log_error("store",
                  e == ERR_DAMAGED ? "a call met damage in the database and was refused; others continue"
                                   : "commit failed; refusing new events until the store works again",
                  log_err("err", e));
    else if (!e && before)
        log_info("store", "commits succeed again");
}

static void finish(struct hand *h, struct list *calls)
{
    struct list *i;
    for (i = calls->next; i != calls; i = i->next) {
        struct store_call *c = list_entry(i, struct store_call, link);
        if (!c->err && c->committed)
            c->committed(c);
        if (c->err == ERR_DAMAGED)
            atomic_store_explicit(&h->store->stats.damaged, true, memory_order_relaxed);
    }
    while ((i = list_pop_front(calls)))
        answer(list_entry(i, struct store_call, link));
}

/* Whether the next commit will probably fail too: the error is not the call's fault. */
static bool of_the_disk(enum err e)
{
    return e == ERR_BUSY || e == ERR_FULL || e == ERR_IO || e == ERR_GONE;
}

/* The batch failed as a whole: run each call alone, so that an error costs only the call that caused it. */
static void run_apart(struct hand *h, struct list *batch, enum err e)
{
    bool alone = batch->next->next == batch;
    unsigned in_vain = e == ERR_BUSY || e == ERR_GONE ? IN_VAIN_MAX : 0;
    for (struct list *i; (i = list_pop_front(batch));) {
        struct list one, *last;
        list_init(&one);
        list_push_back(&one, i);
        struct store_call *c = list_entry(i, struct store_call, link);
        if (!alone && in_vain < IN_VAIN_MAX) {
            uint64_t began = clock_system.mono_us(NULL);
            c->err = ERR_NONE; /* it may have been refused because of another call's writes */
            e = run_together(h, &one, &last);
            note(h, e, began);
            in_vain = of_the_disk(e) ? in_vain + 1 : 0;
        }
        if (e)
            c->err = e;
        finish(h, &one);
    }
}

static void run_batch(struct hand *h, struct list *batch)
{
    while (!list_empty(batch)) {
        uint64_t began = clock_system.mono_us(NULL);
        struct list done, *last, *i;
        enum err e = run_together(h, batch, &last);
        note(h, e, began);
        if (e) {
            run_apart(h, batch, e);
            return;
        }
        list_init(&done);
        do {
            i = list_pop_front(batch);
            list_push_back(&done, i);
        } while (i != last);
        finish(h, &done);
    }
}

/* Without calls, lost and restored files are still reported. */
static void look_idle(struct hand *h)
{
    int gone = ERR_GONE;
    last_look(&h->store->last, h->backend->last, h->backend->base);
    if (look(h))
        atomic_store_explicit(&h->store->stats.last_error, ERR_GONE, memory_order_relaxed);
    else
        (void)atomic_compare_exchange_strong(&h->store->stats.last_error, &gone, ERR_NONE);
}

static void *work(void *arg)
{
    struct hand *h = arg;
    /* The reader answers each call when it is done; the writer commits once for all, and checks its files. */
    const uint32_t max = h->writes ? COMMIT_MAX : 1;
    const int wait_ms = h->writes && h->store->files ? IDLE_MS : -1;
    struct list batch;
    list_init(&batch);
    for (bool stop = false;;) {
        uint32_t n = worker_take(&h->worker, &batch, max, wait_ms, &stop);
        if (n == 0 && stop)
            return NULL;
        if (n == 0) {
            look_idle(h);
            continue;
        }
        if (h->writes) {
            atomic_fetch_sub_explicit(&h->store->stats.queued, n, memory_order_relaxed);
            atomic_fetch_add_explicit(&h->store->stats.calls, n, memory_order_relaxed);
        }
        run_batch(h, &batch);
    }
}

static void submit(struct hand *h, struct store_call *c)
{
    c->letter.open = open_letter;
    c->err = ERR_NONE;
    if (h->writes) /* before the writer can remove it again */
        atomic_fetch_add_explicit(&h->store->stats.queued, 1, memory_order_relaxed);
    enum err e = worker_put(&h->worker, &c->link);
    if (!e)
        return;
    if (h->writes)
        atomic_fetch_sub_explicit(&h->store->stats.queued, 1, memory_order_relaxed);
    c->err = e;
    answer(c);
}

static void close_hand(struct hand *h)
{
    worker_deinit(&h->worker);
    if (h->backend)
        h->backend->ops->close(h->backend);
}

void store_stop(struct store *s)
{
    worker_stop(&s->reader.worker);
    worker_stop(&s->writer.worker);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_stop(s);
    close_hand(&s->reader);
    close_hand(&s->writer);
    last_close(&s->last);
    files_close(s->files); /* after the backends, because it unlocks the directory */
    mem_free(s);
}

static enum err start(struct store **ret, struct backend *writer, struct backend *reader, struct files *files,
                      const struct last *last)
{
    struct store *s = mem_zero(1, sizeof(*s));
    if (!s) {
        reader->ops->close(reader);
        writer->ops->close(writer);
        return ERR_NOMEM;
    }
    s->files = files;
    s->last = *last;
    s->writer = (struct hand){.store = s, .backend = writer, .writes = true};
    s->reader = (struct hand){.store = s, .backend = reader};
    enum err e = worker_start(&s->writer.worker, "store", 0, work, &s->writer);
    if (!e)
        e = worker_start(&s->reader.worker, "store-read", 0, work, &s->reader);
    if (e) {
        s->files = NULL; /* owned by the caller, */
        s->last.fd = -1; /* likewise */
        store_close(s);
        return e;
    }
    *ret = s;
    return ERR_NONE;
}

enum err store_start(struct store **ret, struct backend *writer, struct backend *reader)
{
    const struct last none = {.fd = -1};
    return start(ret, writer, reader, NULL, &none);
}

static enum err mark_lost(struct backend *b, int64_t last)
{
    b->ops->upkeep->number_from(b, last); /* publishers know the missing numbers: never give them again */
    enum err e = b->ops->begin(b);
    if (e)
        return e;
    e = b->ops->marks->mark_put(b, MARK_LOST, clock_system.wall_ms(NULL));
    if (!e)
        e = b->ops->commit(b);
    if (e)
        b->ops->rollback(b);
    return e;
}

/* Whether the last commit recorded beside the database is in it. */
static enum err compare_last(struct last *l, const char *dir, struct backend *writer)
{
    int64_t seen, kept = writer->last;
    last_open(l, dir, &seen);
    if (seen > kept) {
        log_error("store",
                  "commits are missing: the database's log (todoke.db-wal) was removed, or todoke.db is an "
                  "older copy; "
                  "see \"Commits that are missing\" in docs/operations.md",
                  log_str("data", dir), log_str("last_commit", l->at), log_int("its_number", seen),
                  log_int("number_in_database", kept));
        enum err e = mark_lost(writer, seen);
        if (e)
            return e;
    }
    last_put(l, writer->last, writer->base);
    return ERR_NONE;
}

enum err store_open(struct store **ret, const char *dir, const struct store_seal *seal)
{
    struct files *files = NULL;
    struct backend *writer = NULL, *reader = NULL;
    enum err e = files_open(&files, dir);
    if (e)
        return e;
    e = sqlite_open(&writer, dir, STORE_WRITE);
    if (!e && seal)
        e = sqlite_seal(writer, seal);
    if (!e)
        e = sqlite_open(&reader, dir, STORE_READ);
    if (!e && seal)
        e = sqlite_seal(reader, seal);
    struct last last = {.fd = -1};
    if (!e)
        e = sqlite_warm(writer);
    if (!e)
        e = sqlite_guard(writer, files, seal);
    if (!e)
        e = compare_last(&last, dir, writer);
    if (!e) {
        sqlite_checkpoint(writer);
        e = start(ret, writer, reader, files, &last);
        writer = reader = NULL;
    }
    if (!e)
        return ERR_NONE;
    int saved = errno;
    last_close(&last);
    if (reader)
        reader->ops->close(reader);
    if (writer)
        writer->ops->close(writer);
    files_close(files);
    errno = saved;
    return e;
}

void store_tell(struct store *s, bool damaged, bool lost)
{
    atomic_store_explicit(&s->stats.damaged, damaged, memory_order_relaxed);
    atomic_store_explicit(&s->stats.lost, lost, memory_order_relaxed);
}

void store_submit(struct store *s, struct store_call *c)
{
    submit(&s->writer, c);
}

void store_read(struct store *s, struct store_call *c)
{
    submit(&s->reader, c);
}

struct waited {
    struct store_call call;
    struct store_call *inner;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
};

static enum err run_waited(struct store_call *c, struct backend *b)
{
    struct waited *w = list_entry(c, struct waited, call);
    return w->inner->run(w->inner, b);
}

static void done_waited(struct store_call *c)
{
    struct waited *w = list_entry(c, struct waited, call);
    (void)pthread_mutex_lock(&w->lock);
    w->done = true;
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->lock);
}

enum err store_wait(struct store *s, struct store_call *c)
{
    struct waited w = {.call = {.run = run_waited, .done = done_waited}, .inner = c};
    (void)pthread_mutex_init(&w.lock, NULL);
    (void)pthread_cond_init(&w.wake, NULL);
    store_submit(s, &w.call);
    (void)pthread_mutex_lock(&w.lock);
    while (!w.done)
        (void)pthread_cond_wait(&w.wake, &w.lock);
    (void)pthread_mutex_unlock(&w.lock);
    (void)pthread_cond_destroy(&w.wake);
    (void)pthread_mutex_destroy(&w.lock);
    c->err = w.call.err;
    return c->err;
}

const struct store_stats *store_stats(const struct store *s)
{
    return &s->stats;
}
