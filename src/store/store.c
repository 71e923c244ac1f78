#include "store/store.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/files.h"
#include "store/last.h"

/* Calls in one commit at most: bounds what a failure makes us run again, and how long the first waits for the
 * last. */
#define COMMIT_MAX 4096u

/* Commits in a row that the disk refuses before the rest of a batch is refused untried: a failing sync can take seconds, a lock
 * held by another process takes the whole busy timeout, and publishers wait. */
#define IN_VAIN_MAX 4u

/* A writer that has nothing to do looks so often whether its files are still there. */
#define IDLE_MS 250

struct worker {
    struct store *store;
    struct backend *backend;
    bool writes;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool waiting, stop;
    struct list queue;
};

struct store {
    struct worker writer, reader;
    struct store_stats stats;
    struct files *files; /* NULL: of a backend that was open already */
    struct last last;    /* the same: fd -1 */
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

/* Whether the writer's files are those that it has open. */
static enum err look(struct worker *w)
{
    struct store *s = w->store;
    if (!w->writes || !s->files)
        return ERR_NONE;
    enum err e = w->backend->ops->check(w->backend);
    atomic_store_explicit(&s->stats.files, files_text(s->files), memory_order_relaxed);
    return e;
}

/*
 * Runs the calls up to `last`, but those that have an answer already. *ret_undo: one that failed and has written;
 * the calls behind it have not run. An error: the transaction is lost, whatever the call said of it.
 */
static enum err run_each(struct worker *w, struct list *calls, const struct list *last,
                         struct list **ret_undo)
{
    struct backend *b = w->backend;
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
 * Runs calls as one transaction and commits it. A call that failed keeps nothing: where it has written, the
 * calls before it run once more without it, and the commit ends there: *ret_last is the last call that has its
 * answer. On failure nothing is kept of any call and the error is returned.
 */
static enum err run_together(struct worker *w, struct list *calls, struct list **ret_last)
{
    struct backend *b = w->backend;
    struct list *last = calls->prev, *undo;
    enum err e = w->store->files && files_text(w->store->files) ? look(w) : ERR_NONE;
    if (e)
        return e;
    do {
        undo = NULL;
        e = b->ops->begin(b);
        if (e)
            return e;
        e = run_each(w, calls, last, &undo);
        if (undo) {
            b->ops->rollback(b);
            last = undo;
        }
    } while (undo);
    if (!e)
        e = b->ops->commit(b);
    if (b->damaged)
        atomic_store_explicit(&w->store->stats.damaged, true, memory_order_relaxed);
    b->damaged = false;
    if (b->passed_over)
        atomic_store_explicit(&w->store->stats.passed_over, true, memory_order_relaxed);
    if (e)
        b->ops->rollback(b);
    else if (w->writes && !b->unwritten)
        last_put(&w->store->last, b->last, b->base);
    /* What is told without writing is a promise too. After a commit that failed for it, a log that was deleted is saved. */
    if (e == ERR_GONE || (!e && b->unwritten))
        e = look(w) || e ? ERR_GONE : ERR_NONE;
    *ret_last = last;
    return e;
}

static void note(struct worker *w, enum err e, uint64_t began_us)
{
    if (!w->writes)
        return;
    struct store_stats *st = &w->store->stats;
    if (e) {
        atomic_fetch_add_explicit(&st->failures, 1, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&st->commits, 1, memory_order_relaxed);
        histogram_add(&st->commit, clock_system.mono_us(NULL) - began_us);
    }
    if (!e && w->backend->unwritten)
        return;
    int before = atomic_exchange_explicit(&st->last_error, (int)e, memory_order_relaxed);
    if (e && before != (int)e)
        log_error("store",
                  e == ERR_DAMAGED ? "a call met damage in the database, and was refused; others go on"
                                   : "commit failed; refusing new events until the store works again",
                  log_err("err", e));
    else if (!e && before)
        log_info("store", "commits succeed again");
}

static void finish(struct worker *w, struct list *calls)
{
    struct list *i;
    for (i = calls->next; i != calls; i = i->next) {
        struct store_call *c = list_entry(i, struct store_call, link);
        if (!c->err && c->committed)
            c->committed(c);
        if (c->err == ERR_DAMAGED)
            atomic_store_explicit(&w->store->stats.damaged, true, memory_order_relaxed);
    }
    while ((i = list_pop_front(calls)))
        answer(list_entry(i, struct store_call, link));
}

/* Whether the next commit must expect the same: it is not the call's fault. */
static bool of_the_disk(enum err e)
{
    return e == ERR_BUSY || e == ERR_FULL || e == ERR_IO || e == ERR_GONE;
}

/* Together they failed: each by itself, so that what one of them meets costs only that one. */
static void run_apart(struct worker *w, struct list *batch, enum err e)
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
            c->err = ERR_NONE; /* it may have been refused for what another had written */
            e = run_together(w, &one, &last);
            note(w, e, began);
            in_vain = of_the_disk(e) ? in_vain + 1 : 0;
        }
        if (e)
            c->err = e;
        finish(w, &one);
    }
}

static void run_batch(struct worker *w, struct list *batch)
{
    while (!list_empty(batch)) {
        uint64_t began = clock_system.mono_us(NULL);
        struct list done, *last, *i;
        enum err e = run_together(w, batch, &last);
        note(w, e, began);
        if (e) {
            run_apart(w, batch, e);
            return;
        }
        list_init(&done);
        do {
            i = list_pop_front(batch);
            list_push_back(&done, i);
        } while (i != last);
        finish(w, &done);
    }
}

/* Nobody asked for anything: files that went meanwhile are told all the same, and that they are back. */
static void look_idle(struct worker *w)
{
    int gone = ERR_GONE;
    last_look(&w->store->last, w->backend->last, w->backend->base);
    if (look(w))
        atomic_store_explicit(&w->store->stats.last_error, ERR_GONE, memory_order_relaxed);
    else
        (void)atomic_compare_exchange_strong(&w->store->stats.last_error, &gone, ERR_NONE);
}

/* Until there is something to do. Under the lock. */
static void wait_for_calls(struct worker *w)
{
    while (list_empty(&w->queue) && !w->stop) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += IDLE_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        w->waiting = true;
        int rc = w->writes && w->store->files ? pthread_cond_timedwait(&w->wake, &w->lock, &until)
                                              : pthread_cond_wait(&w->wake, &w->lock);
        w->waiting = false;
        if (rc != ETIMEDOUT || !list_empty(&w->queue) || w->stop)
            continue;
        (void)pthread_mutex_unlock(&w->lock);
        look_idle(w);
        (void)pthread_mutex_lock(&w->lock);
    }
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct list batch;
    for (;;) {
        list_init(&batch);
        size_t n = 0;
        (void)pthread_mutex_lock(&w->lock);
        wait_for_calls(w);
        /* The reader answers each as it is done; the writer commits once for all. */
        size_t max = w->writes ? COMMIT_MAX : 1;
        while (n < max && !list_empty(&w->queue)) {
            list_push_back(&batch, list_pop_front(&w->queue));
            n++;
        }
        (void)pthread_mutex_unlock(&w->lock);
        if (n == 0)
            return NULL; /* told to stop, and nothing is left */
        if (w->writes) {
            atomic_fetch_sub_explicit(&w->store->stats.queued, n, memory_order_relaxed);
            atomic_fetch_add_explicit(&w->store->stats.calls, n, memory_order_relaxed);
        }
        run_batch(w, &batch);
    }
}

static void worker_submit(struct worker *w, struct store_call *c)
{
    c->letter.open = open_letter;
    c->err = ERR_NONE;
    (void)pthread_mutex_lock(&w->lock);
    if (w->stop) {
        (void)pthread_mutex_unlock(&w->lock);
        c->err = ERR_CLOSED;
        answer(c);
        return;
    }
    list_push_back(&w->queue, &c->link);
    if (w->writes)
        atomic_fetch_add_explicit(&w->store->stats.queued, 1, memory_order_relaxed);
    bool wake = w->waiting;
    w->waiting = false; /* one wake-up is enough */
    (void)pthread_mutex_unlock(&w->lock);
    if (wake)
        (void)pthread_cond_signal(&w->wake);
}

static enum err worker_start(struct worker *w, const char *name)
{
    list_init(&w->queue);
    (void)pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t steady;
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->wake, &steady);
    (void)pthread_condattr_destroy(&steady);
    sigset_t all, before;
    (void)sigfillset(&all); /* signals are the first loop's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    w->started = pthread_create(&w->thread, NULL, work, w) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!w->started)
        return ERR_IO;
    (void)pthread_setname_np(w->thread, name);
    return ERR_NONE;
}

static void worker_stop(struct worker *w)
{
    if (!w->started)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->stop = true;
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_join(w->thread, NULL);
    w->started = false;
}

static void worker_deinit(struct worker *w)
{
    if (w->queue.next) {
        (void)pthread_mutex_destroy(&w->lock);
        (void)pthread_cond_destroy(&w->wake);
    }
    if (w->backend)
        w->backend->ops->close(w->backend);
}

void store_stop(struct store *s)
{
    worker_stop(&s->reader);
    worker_stop(&s->writer);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_stop(s);
    worker_deinit(&s->reader);
    worker_deinit(&s->writer);
    last_close(&s->last);
    files_close(s->files); /* after the backends, and so gives the directory free */
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
    s->writer = (struct worker){.store = s, .backend = writer, .writes = true};
    s->reader = (struct worker){.store = s, .backend = reader};
    enum err e = worker_start(&s->writer, "store");
    if (!e)
        e = worker_start(&s->reader, "store-read");
    if (e) {
        s->files = NULL; /* the caller's, */
        s->last.fd = -1; /* and this too */
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
    b->ops->number_from(b, last); /* publishers know the numbers that are missing: they are not given again */
    enum err e = b->ops->begin(b);
    if (e)
        return e;
    e = b->ops->mark_put(b, MARK_LOST, clock_system.wall_ms(NULL));
    if (!e)
        e = b->ops->commit(b);
    if (e)
        b->ops->rollback(b);
    return e;
}

/* Whether the last commit that the directory has seen is in its database. */
static enum err compare_last(struct last *l, const char *dir, struct backend *writer)
{
    int64_t seen, kept = writer->last;
    last_open(l, dir, &seen);
    if (seen > kept) {
        log_error("store",
                  "commits are missing: the database's log (todoke.db-wal) was taken away, or todoke.db is "
                  "an older "
                  "one; see \"Commits that are missing\" in docs/operations.md",
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
    worker_submit(&s->writer, c);
}

void store_read(struct store *s, struct store_call *c)
{
    worker_submit(&s->reader, c);
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
