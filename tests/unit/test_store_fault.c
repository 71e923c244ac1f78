/*
 * A disk that fails at its Nth operation, for N = 1, 2, … until there is no Nth: whatever the store has
 * acknowledged is there after a restart, whatever it has refused is not, and the very next call succeeds.
 *
 * The disk is a VFS of SQLite in front of the real one; it counts opens, writes, truncations and syncs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "remove_tree.h"
#include "store/store.h"

/* The disk */

static struct {
    atomic_ulong made;
    unsigned long nth; /* this operation fails; 0: none */
    bool on;           /* and all after it */
    int code;
    atomic_bool hit;
} plan;

static bool fails(void)
{
    unsigned long n = atomic_fetch_add(&plan.made, 1) + 1;
    if (!plan.nth || (plan.on ? n < plan.nth : n != plan.nth))
        return false;
    atomic_store(&plan.hit, true);
    return true;
}

struct file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
};

#define REAL(f) (((struct file *)(void *)(f))->real)
#define PASS(f, method, ...) REAL(f)->pMethods->method(REAL(f), ##__VA_ARGS__)

static int f_close(sqlite3_file *f)
{
    return PASS(f, xClose);
}
static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return PASS(f, xRead, p, n, at);
}
static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (!fails())
        return PASS(f, xWrite, p, n, at);
    (void)PASS(f, xWrite, p, n / 2, at); /* a torn one */
    return plan.code;
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return fails() ? SQLITE_IOERR_TRUNCATE : PASS(f, xTruncate, size);
}
static int f_sync(sqlite3_file *f, int flags)
{
    (void)f;
    (void)flags; /* nobody pulls the plug here */
    return fails() ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}
static int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return PASS(f, xFileSize, size);
}
static int f_lock(sqlite3_file *f, int level)
{
    return PASS(f, xLock, level);
}
static int f_unlock(sqlite3_file *f, int level)
{
    return PASS(f, xUnlock, level);
}
static int f_reserved(sqlite3_file *f, int *out)
{
    return PASS(f, xCheckReservedLock, out);
}
static int f_control(sqlite3_file *f, int op, void *arg)
{
    return PASS(f, xFileControl, op, arg);
}
static int f_sector(sqlite3_file *f)
{
    return PASS(f, xSectorSize);
}
static int f_traits(sqlite3_file *f)
{
    return PASS(f, xDeviceCharacteristics);
}
static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return PASS(f, xShmMap, page, size, extend, out);
}
static int f_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return PASS(f, xShmLock, at, n, flags);
}
static void f_shm_barrier(sqlite3_file *f)
{
    PASS(f, xShmBarrier);
}
static int f_shm_unmap(sqlite3_file *f, int remove)
{
    return PASS(f, xShmUnmap, remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_reserved,
    .xFileControl = f_control,
    .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_traits,
    .xShmMap = f_shm_map,
    .xShmLock = f_shm_lock,
    .xShmBarrier = f_shm_barrier,
    .xShmUnmap = f_shm_unmap,
};

static sqlite3_vfs *real_vfs;

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)v;
    struct file *file = (struct file *)(void *)f;
    f->pMethods = NULL;
    file->real = (sqlite3_file *)(void *)(file + 1);
    if (fails())
        return SQLITE_CANTOPEN;
    int rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out);
    if (rc == SQLITE_OK)
        f->pMethods = &methods;
    return rc;
}

static sqlite3_vfs vfs;

static int install_disk(void **state)
{
    (void)state;
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "failing";
    vfs.szOsFile += (int)sizeof(struct file);
    vfs.xOpen = v_open;
    vfs.pNext = NULL;
    return sqlite3_vfs_register(&vfs, 1);
}

/* The history */

static char dir[64];

#define EVENTS 12

struct step {
    struct store_call call;
    enum { INSERT_CHANNEL, INSERT_EVENTS, RECORD, REDELIVER } what;
    int64_t channel_id;
    struct event *events[EVENTS];
    int64_t *ids; /* of events put by INSERT_EVENTS; of those recorded or asked for again */
    enum fate_end ends[EVENTS];
};

static enum err run(struct store_call *call, struct backend *b)
{
    struct step *s = list_entry(call, struct step, call);
    struct redelivered n;
    struct channel c = {.use_webhook = true, .name = "c", .language = "en"};
    struct attempt a = {.channel_id = s->channel_id, .events = EVENTS, .reason = SPAN_LIT("ok")};
    struct fate fates[EVENTS];
    struct idempotency keyed = {.count = EVENTS};
    enum err e = ERR_NONE;
    switch (s->what) {
    case INSERT_CHANNEL:
        e = b->ops->channels->channel_insert(b, &c);
        s->channel_id = c.id;
        break;
    case INSERT_EVENTS:
        e = b->ops->events->events_insert(b, s->events, EVENTS, 1000000);
        for (int i = 0; i < EVENTS; i++)
            s->ids[i] = keyed.ids[i] = s->events[i]->item.id;
        if (!e)
            e = b->ops->events->idempotency_put(b, s->channel_id, SPAN_LIT("key"), &keyed, 1000000);
        break;
    case RECORD:
        for (int i = 0; i < EVENTS; i++)
            fates[i] = (struct fate){.event_id = s->ids[i], .end = s->ends[i], .next_due_ms = 77, .tries = 1};
        e = b->ops->events->result_put(b, &a, fates, EVENTS, 1000000);
        break;
    case REDELIVER:
        e = b->ops->events->redeliver_ids(b, s->channel_id, s->ids, EVENTS, 1000001, &n);
        break;
    }
    return e;
}

struct view_all {
    struct store_call call;
    int64_t channel_id, *ids;
    const enum event_state *want;
    size_t total;
};

static enum err count_view(void *arg, const struct event_view *v)
{
    (void)v;
    (*(size_t *)arg)++;
    return ERR_NONE;
}

static enum err check_state(void *arg, const struct event_view *v)
{
    assert_int_equal(v->state, *(const enum event_state *)arg);
    return ERR_NONE;
}

static enum err view(struct store_call *call, struct backend *b)
{
    struct view_all *v = list_entry(call, struct view_all, call);
    int64_t last;
    for (int i = 0; i < EVENTS; i++) {
        enum event_state want = v->want[i];
        assert_int_equal(b->ops->events->event_get(b, v->channel_id, v->ids[i], check_state, &want),
                         ERR_NONE);
    }
    return b->ops->events->event_list(b, v->channel_id, ~0u, INT64_MAX, 1000, 1000, count_view, &v->total,
                                      &last);
}

static void integrity(void)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/todoke.db", dir);
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(q, 0), "ok");
    assert_int_equal(sqlite3_finalize(q), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM payload", -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(q, 0), EVENTS); /* what was refused is not there */
    (void)sqlite3_finalize(q);
    (void)sqlite3_close(db);
}

/* One step; refused by the disk, it must succeed at once when it is tried again. */
static void must(struct store *s, struct step *step)
{
    bool before = atomic_load(&plan.hit);
    step->call = (struct store_call){.run = run};
    enum err e = store_wait(s, &step->call);
    if (e) {
        assert_false(before);
        assert_true(atomic_load(&plan.hit));
        assert_true(e == ERR_FULL || e == ERR_IO);
        assert_int_equal(atomic_load(&store_stats(s)->last_error), e);
        step->call = (struct store_call){.run = run};
        e = store_wait(s, &step->call);
    }
    assert_int_equal(e, ERR_NONE);
}

/* Fresh, recorded as delivered / put off / given up, those at an end asked for again, recorded once more. */
static void history(struct store *s, int64_t *ids)
{
    struct step step = {.what = INSERT_CHANNEL, .ids = ids};
    must(s, &step);
    char json[3000]; /* pages of overflow too */
    memset(json, ' ', sizeof(json));
    json[0] = '{';
    json[sizeof(json) - 1] = '}';
    for (int i = 0; i < EVENTS; i++) {
        step.events[i] = event_new(step.channel_id, (struct span){json, sizeof(json)}, 0);
        assert_non_null(step.events[i]);
        step.ends[i] = (enum fate_end)(i % 3);
    }
    step.what = INSERT_EVENTS;
    must(s, &step);
    step.what = RECORD;
    must(s, &step);
    step.what = REDELIVER;
    must(s, &step);
    for (int i = 0; i < EVENTS; i++)
        mem_free(step.events[i]);
}

static bool fault_at(unsigned long nth, int code)
{
    static const enum event_state want[EVENTS] = {
        EVENT_RETRYING, EVENT_RETRYING, EVENT_RETRYING, EVENT_RETRYING, EVENT_RETRYING, EVENT_RETRYING,
        EVENT_RETRYING, EVENT_RETRYING, EVENT_RETRYING, EVENT_RETRYING, EVENT_RETRYING, EVENT_RETRYING};
    (void)snprintf(dir, sizeof(dir), "/tmp/todoke-fault-XXXXXX");
    assert_non_null(mkdtemp(dir));
    atomic_store(&plan.made, 0);
    atomic_store(&plan.hit, false);
    plan.nth = nth;
    plan.code = code;
    struct store *s = NULL;
    enum err e = store_open(&s, dir, NULL);
    if (e) { /* the start itself; the next one succeeds */
        assert_null(s);
        assert_true(atomic_load(&plan.hit));
        assert_true(e == ERR_FULL || e == ERR_IO);
        assert_int_equal(store_open(&s, dir, NULL), ERR_NONE);
    }
    int64_t ids[EVENTS];
    history(s, ids);
    store_close(s);
    bool hit = atomic_load(&plan.hit);
    plan.nth = 0;
    assert_int_equal(store_open(&s, dir, NULL), ERR_NONE);
    struct view_all v = {.call = {.run = view}, .channel_id = 2000000001, .ids = ids, .want = want};
    assert_int_equal(store_wait(s, &v.call), ERR_NONE);
    assert_int_equal(v.total, EVENTS);
    store_close(s);
    integrity();
    (void)remove_tree(dir);
    return hit;
}

static void every_operation_fails_once(void **state)
{
    (void)state;
    static const int codes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE};
    for (size_t c = 0; c < 2; c++) {
        unsigned long n = 1;
        while (fault_at(n, codes[c]))
            n++;
        assert_true(n > 60); /* each way was walked */
    }
}

/* A batch on a full disk: all are refused, after a few tries, and all succeed once there is room. */
#define CALLS 300

static enum err run_nothing(struct store_call *c, struct backend *b)
{
    (void)c;
    (void)b;
    return ERR_NONE;
}

static void full_for_a_while(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/todoke-fault-XXXXXX");
    assert_non_null(mkdtemp(dir));
    struct store *s;
    assert_int_equal(store_open(&s, dir, NULL), ERR_NONE);
    struct step *steps = mem_zero(CALLS, sizeof(*steps));
    assert_non_null(steps);
    int64_t ids[EVENTS] = {0};
    for (int i = 0; i < EVENTS; i++)
        ids[i] = i + 1; /* of no channel; attempts of the past are like this */
    atomic_store(&plan.made, 0);
    plan.code = SQLITE_FULL;
    plan.on = true;
    plan.nth = 1;
    uint64_t failures = atomic_load(&store_stats(s)->failures);
    for (int i = 0; i < CALLS; i++) {
        steps[i] = (struct step){.what = RECORD, .call = {.run = run}, .ids = ids};
        store_submit(s, &steps[i].call);
    }
    struct step last = {.what = RECORD, .call = {.run = run}, .ids = ids};
    assert_int_equal(store_wait(s, &last.call), ERR_FULL);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(steps[i].call.err, ERR_FULL);
    assert_true(atomic_load(&store_stats(s)->failures) - failures < CALLS);
    /* What writes nothing succeeds all the same, and is no sign that there is room again. */
    struct store_call nothing = {.run = run_nothing};
    assert_int_equal(store_wait(s, &nothing), ERR_NONE);
    assert_int_equal(atomic_load(&store_stats(s)->last_error), ERR_FULL);
    plan.nth = 0;
    plan.on = false;
    assert_int_equal(store_wait(s, &last.call), ERR_NONE);
    assert_int_equal(atomic_load(&store_stats(s)->last_error), 0);
    mem_free(steps);
    store_close(s);
    (void)remove_tree(dir);
}

int main(void)
{
    if (log_configure("error"))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_fails_once),
        cmocka_unit_test(full_for_a_while),
    };
    return cmocka_run_group_tests(tests, install_disk, NULL);
}
