/*
 * todoke, but every call that it hands to the store is tried first: for each write k of the call's run and
 * each error v, the run is told after write k that it failed with v, in one commit with two other calls.
 * Afterwards the tables must be what they were, and the two others must stand. Then the call goes its way.
 *
 * REFUSED_LOG names a file that gets a line for each kind of run that came by: its address in this program,
 * and what was wrong. tests/e2e/refused.test.mjs reads it. Linked with --wrap (meson.build).
 */
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shim.h"
#include "store/store.h"

enum err __real_sqlite_open(struct backend **ret, const char *dir, enum store_access access);
enum err __wrap_sqlite_open(struct backend **ret, const char *dir, enum store_access access);
void __real_store_submit(struct store *s, struct store_call *c);
void __wrap_store_submit(struct store *s, struct store_call *c);
void __real_store_read(struct store *s, struct store_call *c);
void __wrap_store_read(struct store *s, struct store_call *c);
enum err __real_store_wait(struct store *s, struct store_call *c);
enum err __wrap_store_wait(struct store *s, struct store_call *c);
extern const char __executable_start;

typedef enum err run_fn(struct store_call *c, struct backend *b);

#define RUNS_MAX 256u /* kinds of runs; there are fewer than a hundred */
#define LOOKS_MAX 12u /* a run is looked at so often, at most: what it writes depends on its input */

static struct run {
    run_fn *fn;
    unsigned looks, tried; /* a bit a number of writes */
} runs[RUNS_MAX];
static unsigned run_count;

static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* one call is tried at a time, and none comes between */
static _Thread_local bool on_store_thread;
static char database[4200];
static sqlite3 *eye; /* what is committed, seen from outside */
static int report = -1;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[400];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (report < 0 && getenv("REFUSED_LOG"))
        report = open(getenv("REFUSED_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (report >= 0 && write(report, line, (size_t)n) != n)
        abort();
}

static unsigned long place(run_fn *fn)
{
    return (unsigned long)((uintptr_t)fn - (uintptr_t)&__executable_start);
}

static struct run *known(run_fn *fn)
{
    for (unsigned i = 0; i < run_count; i++)
        if (runs[i].fn == fn)
            return &runs[i];
    if (run_count == RUNS_MAX)
        abort();
    say("run %lx\n", place(fn));
    runs[run_count] = (struct run){.fn = fn};
    return &runs[run_count++];
}

enum err __wrap_sqlite_open(struct backend **ret, const char *dir, enum store_access access)
{
    enum err e = __real_sqlite_open(ret, dir, access);
    if (!e && access == STORE_WRITE) {
        shim_wrap(*ret);
        (void)snprintf(database, sizeof(database), "%s/todoke.db", dir);
    }
    return e;
}

/* A call of ours: it waits as store_wait() does. */
struct trial {
    struct store_call call;
    atomic_bool entered, go, done;
    struct store_call *of;
    unsigned at;
    enum err with;
    struct span topic;
    struct shim end;
};

static void done(struct store_call *c)
{
    atomic_store(&list_entry(c, struct trial, call)->done, true);
}

static enum err hold_run(struct store_call *c, struct backend *b)
{
    (void)b;
    struct trial *t = list_entry(c, struct trial, call);
    on_store_thread = true;
    atomic_store(&t->entered, true);
    while (!atomic_load(&t->go))
        (void)usleep(20);
    return ERR_NONE;
}

static enum err nothing_run(struct store_call *c, struct backend *b)
{
    (void)c;
    (void)b;
    return ERR_NONE;
}

static enum err neighbour_run(struct store_call *c, struct backend *b)
{
    return b->ops->audit->tally_add(b, TALLY_EVER, list_entry(c, struct trial, call)->topic);
}

static enum err trial_run(struct store_call *c, struct backend *b)
{
    struct trial *t = list_entry(c, struct trial, call);
    shim_arm(b, t->at, t->with);
    enum err e = t->of->run(t->of, b);
    shim_disarm(b);
    t->end = shim;
    return t->end.fired || !e ? t->with : e; /* one that goes on after a failure is undone, too */
}

static void await(atomic_bool *flag)
{
    while (!atomic_load(flag))
        (void)usleep(20);
}

/* All that is in the tables, but what every commit changes. */
static uint64_t sum(void)
{
    uint64_t h = 14695981039346656037u;
    sqlite3_stmt *tables, *rows;
    char sql[256];
    if (!eye && sqlite3_open_v2(database, &eye, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        abort();
    (void)sqlite3_busy_timeout(eye, 5000);
    (void)sqlite3_wal_autocheckpoint(eye, 0);
    if (sqlite3_prepare_v2(eye, "SELECT name FROM sqlite_master WHERE type='table' ORDER BY name", -1,
                           &tables, NULL) != SQLITE_OK)
        abort();
    while (sqlite3_step(tables) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(tables, 0);
        (void)snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\"%s", name,
                       strcmp(name, "tally") == 0  ? " WHERE topic NOT LIKE 'refused-%'"
                       : strcmp(name, "meta") == 0 ? " WHERE name<>'last_row'"
                                                   : "");
        if (sqlite3_prepare_v2(eye, sql, -1, &rows, NULL) != SQLITE_OK)
            abort();
        while (sqlite3_step(rows) == SQLITE_ROW)
            for (int i = 0; i < sqlite3_column_count(rows); i++) {
                const unsigned char *p = sqlite3_column_blob(rows, i);
                for (int k = sqlite3_column_bytes(rows, i); k-- > 0;)
                    h = (h ^ *p++) * 1099511628211u;
                h = (h ^ 257) * 1099511628211u;
            }
        (void)sqlite3_finalize(rows);
    }
    (void)sqlite3_finalize(tables);
    return h;
}

static int64_t neighbours(void)
{
    sqlite3_stmt *q;
    int64_t n = 0;
    if (sqlite3_prepare_v2(eye, "SELECT ifnull(sum(count), 0) FROM tally WHERE topic LIKE 'refused-%'", -1,
                           &q, NULL) != SQLITE_OK)
        abort();
    if (sqlite3_step(q) == SQLITE_ROW)
        n = sqlite3_column_int64(q, 0);
    (void)sqlite3_finalize(q);
    return n;
}

/* The call's run between two others, in one commit. */
static struct shim try_one(struct store *s, struct store_call *c, unsigned at, enum err with)
{
    struct trial first = {.call = {.run = nothing_run, .done = done}};
    struct trial hold = {.call = {.run = hold_run, .done = done}};
    struct trial before = {.call = {.run = neighbour_run, .done = done}, .topic = SPAN_LIT("refused-before")};
    struct trial trial = {.call = {.run = trial_run, .done = done}, .of = c, .at = at, .with = with};
    struct trial behind = {.call = {.run = neighbour_run, .done = done}, .topic = SPAN_LIT("refused-behind")};
    __real_store_submit(s, &first.call); /* whatever came before is committed once this is done */
    await(&first.done);
    __real_store_submit(s, &hold.call);
    await(&hold.entered);
    uint64_t was = sum();
    int64_t count = neighbours();
    __real_store_submit(s, &before.call);
    __real_store_submit(s, &trial.call);
    __real_store_submit(s, &behind.call);
    atomic_store(&hold.go, true);
    await(&hold.done);
    await(&before.done);
    await(&trial.done);
    await(&behind.done);
    if (before.call.err || behind.call.err || neighbours() != count + 2)
        say("wrong %lx write %u, %s: others do not stand\n", place(c->run), at, err_text(with));
    if (sum() != was)
        say("wrong %lx write %u, %s: something is kept\n", place(c->run), at, err_text(with));
    if (trial.end.unknown)
        say("wrong %lx: an operation writes that tests/refused/operation.def does not name\n", place(c->run));
    return trial.end;
}

static void try_all(struct store *s, struct store_call *c)
{
    struct run *r = known(c->run);
    if (on_store_thread || r->looks++ >= LOOKS_MAX)
        return;
    /* Once to its end, which fails: it says how many writes there are. */
    struct shim end = try_one(s, c, 0, ERR_DENIED);
    unsigned bit = 1u << (end.writes < 31 ? end.writes : 31);
    if (!end.writes || r->tried & bit)
        return;
    r->tried |= bit;
    say("tried %lx writes %u\n", place(c->run), end.writes);
    for (unsigned at = 1; at <= end.writes && at <= 40; at++)
        for (int v = ERR_NONE + 1; v <= ERR_INTERNAL; v++)
            (void)try_one(s, c, at, (enum err)v);
}

/* Under the lock until the call is on its way: none may get between a trial and its neighbours. */
static void try_call(struct store *s, struct store_call *c, bool wait)
{
    bool ours = !on_store_thread;
    c->err = ERR_NONE;
    if (ours) {
        (void)pthread_mutex_lock(&lock);
        try_all(s, c);
        c->err = ERR_NONE;
    }
    if (wait)
        (void)__real_store_wait(s, c);
    else
        __real_store_submit(s, c);
    if (ours)
        (void)pthread_mutex_unlock(&lock);
}

void __wrap_store_submit(struct store *s, struct store_call *c)
{
    try_call(s, c, false);
}

enum err __wrap_store_wait(struct store *s, struct store_call *c)
{
    try_call(s, c, true);
    return c->err;
}

void __wrap_store_read(struct store *s, struct store_call *c)
{
    (void)pthread_mutex_lock(&lock);
    (void)known(c->run);
    (void)pthread_mutex_unlock(&lock);
    __real_store_read(s, c);
}
