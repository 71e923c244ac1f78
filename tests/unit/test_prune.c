/* Retention in the store: what goes and what stays; and directories of older schemas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "dir_fixture.h"
#include "store/memory/memory.h"
#include "store/sqlite/sqlite.h"

extern const char store_schema[];

static struct channel some_channel(int n)
{
    struct channel c = {.name = "bot", .language = "en", .use_webhook = true};
    return c;
}

static enum err count_event(void *arg, struct span json, const struct event *head)
{
    (void)json;
    (void)head;
    ++*(size_t *)arg;
    return ERR_NONE;
}

static int64_t rows(const char *table)
{
    char path[96], sql[160];
    (void)snprintf(path, sizeof(path), "%s/todoke.db", dir);
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(q, 0);
    assert_int_equal(sqlite3_finalize(q), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return n;
}

static struct history_prune prune(struct backend *b, int64_t after, int64_t before_ms, uint32_t scan)
{
    struct history_prune p = {.after = after, .before_ms = before_ms, .scan = scan};
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->events->history_prune(b, &p), ERR_NONE);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    return p;
}

static void put_result(struct backend *b, int64_t channel, const struct fate *fates, size_t n, int64_t now)
{
    struct attempt a = {.channel_id = channel, .started_ms = now, .events = (uint32_t)n};
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->events->result_put(b, &a, fates, n, now), ERR_NONE);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
}

/* What has ended goes, with its attempts; what waits stays, however old; a row's number is never given
 * twice. */
static void history_goes(void **state)
{
    (void)state;
    struct backend *b;
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    struct channel c = some_channel(1);
    struct event *events[5];
    for (int i = 0; i < 5; i++)
        assert_non_null(events[i] = event_new(c.id, SPAN_LIT("{\"type\":\"x\"}"), 0));
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_insert(b, &c), ERR_NONE);
    for (int i = 0; i < 5; i++)
        events[i]->channel_id = c.id;
    assert_int_equal(b->ops->events->events_insert(b, events, 5, 1000), ERR_NONE);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    /* 0 and 1 delivered in one request; 2 failed, then delivered, late; 3 retrying; 4 pending */
    const struct fate together[] = {{.event_id = events[0]->item.id, .end = FATE_DELIVERED},
                                    {.event_id = events[1]->item.id, .end = FATE_DELIVERED}};
    put_result(b, c.id, together, 2, 2000);
    for (int i = 2; i < 4; i++) {
        struct fate f = {.event_id = events[i]->item.id, .end = FATE_RETRY, .next_due_ms = 1, .tries = 1};
        put_result(b, c.id, &f, 1, 2000);
    }
    put_result(b, c.id,
               &(struct fate){.event_id = events[2]->item.id, .end = FATE_DELIVERED, .was_retry = true}, 1,
               9000);
    assert_int_equal(rows("attempt"), 4);
    struct history_prune p = prune(b, 0, 1500, 100);
    assert_true(p.ret_events == 0 && p.ret_after == 0); /* old enough by acceptance, not by their end */
    p = prune(b, 0, 5000, 1);                           /* step by step */
    assert_true(p.ret_events == 1 && p.ret_attempts == 0 && p.ret_after == events[0]->item.id);
    assert_int_equal(rows("attempt"), 4); /* its other event is there yet */
    p = prune(b, p.ret_after, 5000, 100);
    assert_true(p.ret_events == 1 && p.ret_attempts == 1 && p.ret_after == 0);
    assert_int_equal(rows("payload"), 3);
    p = prune(b, 0, 10000, 100);
    assert_true(p.ret_events == 1 && p.ret_attempts == 2);
    assert_int_equal(rows("payload"), 2);
    assert_int_equal(rows("fate"), 1);
    /* With its channel what waits goes too, and retention takes the rest. */
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_delete(b, c.id), ERR_NONE);
    struct backend_size size;
    assert_int_equal(b->ops->marks->size(b, &size), ERR_NONE);
    assert_true(size.used > 0 && size.used % 512 == 0);
    uint32_t left_over;
    assert_int_equal(b->ops->channels->channel_prune(b, 100, &left_over), ERR_NONE);
    assert_int_equal(left_over, 1); /* the retry; the other one had no row yet */
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    p = prune(b, 0, 20000, 100);
    assert_int_equal(p.ret_events, 2);
    assert_true(rows("payload") == 0 && rows("attempt") == 0 && rows("fate") == 0);
    b->ops->close(b);
    /* Nothing is left to read the last number from, and the clock went back. */
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    struct channel d = some_channel(2);
    int64_t last = events[4]->item.id;
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_insert(b, &d), ERR_NONE);
    for (int i = 0; i < 5; i++)
        events[i]->channel_id = d.id;
    assert_int_equal(b->ops->events->events_insert(b, events, 5, 500), ERR_NONE);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    assert_true(events[0]->item.id > last);
    b->ops->close(b);
    for (int i = 0; i < 5; i++)
        mem_free(events[i]);
}

/* Faults of our own that last: the first attempts are on record, then only the time moves. */
static void an_outage_does_not_fill_the_store(void **state)
{
    (void)state;
    struct backend *b;
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    struct channel c = some_channel(1);
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_insert(b, &c), ERR_NONE);
    struct event *event = event_new(c.id, SPAN_LIT("{\"type\":\"x\"}"), 0);
    assert_non_null(event);
    assert_int_equal(b->ops->events->events_insert(b, &event, 1, 1000), ERR_NONE);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    for (uint16_t i = 0; i < 100; i++)
        put_result(b, c.id,
                   &(struct fate){.event_id = event->item.id,
                                  .end = FATE_UNSENT,
                                  .was_retry = i > 0,
                                  .next_due_ms = i,
                                  .faults = (uint16_t)(i + 1)},
                   1, 2000);
    assert_int_equal(rows("attempt"), FATE_FAULTS_KEPT);
    assert_int_equal(rows("fate"), FATE_FAULTS_KEPT);
    assert_int_equal(rows("retry WHERE due_ms=99 AND tries=0 AND faults=100"), 1);
    mem_free(event);
    b->ops->close(b);
}

static uint32_t channel_prune(struct backend *b, uint32_t limit)
{
    uint32_t n = 99;
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_prune(b, limit, &n), ERR_NONE);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    return n;
}

static enum err count_backlog(void *arg, int64_t channel_id, uint64_t queued, uint64_t retrying)
{
    (void)channel_id;
    *(uint64_t *)arg += queued + retrying;
    return ERR_NONE;
}

/* However much waits for a channel, deleting it is a small commit; its rows go step by step, over a restart
 * and a late result. */
static void a_deleted_channel_goes_in_steps(void **state)
{
    (void)state;
    enum { EVENTS = 60 };
    struct backend *b;
    struct event *events[EVENTS];
    struct channel c[2] = {some_channel(1), some_channel(2)};
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    sqlite_of(b)->tail.section = 2;
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    for (int i = 0; i < 2; i++)
        assert_int_equal(b->ops->channels->channel_insert(b, &c[i]), ERR_NONE);
    struct idempotency key = {.count = 1};
    for (int i = 0; i < EVENTS; i++) {
        assert_non_null(events[i] = event_new(c[i % 2].id, SPAN_LIT("{\"type\":\"x\"}"), 0));
        assert_int_equal(b->ops->events->events_insert(b, &events[i], 1, 1000), ERR_NONE);
        char text[8];
        int len = snprintf(text, sizeof(text), "k%d", i);
        assert_int_equal(
            b->ops->events->idempotency_put(b, c[i % 2].id, (struct span){text, (size_t)len}, &key, 1000),
            ERR_NONE);
    }
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    for (int i = 0; i < 20; i++) {
        struct fate f = {.event_id = events[i]->item.id, .end = FATE_RETRY, .next_due_ms = 1, .tries = 1};
        put_result(b, c[i % 2].id, &f, 1, 2000);
    }
    int64_t queued = rows("queue"), retrying = rows("retry");
    assert_true(queued >= 30 && retrying == 20);
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_delete(b, c[0].id), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_delete(b, c[0].id), ERR_NOT_FOUND);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    assert_true(rows("queue") == queued && rows("retry") == retrying); /* untouched as yet */
    uint64_t backlog = 0;
    assert_int_equal(b->ops->events->backlog_list(b, count_backlog, &backlog), ERR_NONE);
    assert_int_equal(backlog, EVENTS / 2);
    uint32_t gone = channel_prune(b, 7);
    assert_int_equal(gone, 7);
    assert_int_equal(rows("queue"), queued - 7);
    b->ops->close(b);
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    struct fate late = {.event_id = events[40]->item.id, .end = FATE_RETRY, .next_due_ms = 1, .tries = 1};
    put_result(b, c[0].id, &late, 1, 3000);
    for (uint32_t n; (n = channel_prune(b, 7)) > 0; gone += n)
        assert_true(n <= 7);
    assert_int_equal(rows("gone"), 0);
    assert_int_equal(rows("idempotency"), EVENTS / 2);
    assert_int_equal(rows("retry"), 10);
    late.event_id = events[42]->item.id; /* nothing waits for it now: nothing is put off */
    put_result(b, c[0].id, &late, 1, 3000);
    assert_int_equal(rows("retry"), 10);
    backlog = 0;
    assert_int_equal(b->ops->events->backlog_list(b, count_backlog, &backlog), ERR_NONE);
    assert_int_equal(backlog, EVENTS / 2);
    b->ops->close(b);
    for (int i = 0; i < EVENTS; i++)
        mem_free(events[i]);
}

/* An event delivered by hand again and again goes in several steps. */
static void a_long_history_goes(void **state)
{
    (void)state;
    struct backend *b;
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    struct channel c = some_channel(1);
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_insert(b, &c), ERR_NONE);
    struct event *event = event_new(c.id, SPAN_LIT("{\"type\":\"x\"}"), 0);
    assert_non_null(event);
    assert_int_equal(b->ops->events->events_insert(b, &event, 1, 1000), ERR_NONE);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    for (int i = 0; i < 600; i++)
        put_result(b, c.id, &(struct fate){.event_id = event->item.id, .end = FATE_GIVEN_UP}, 1, 2000);
    uint32_t attempts = 0, rounds = 0;
    for (uint32_t events = 0; !events; rounds++) {
        struct history_prune p = prune(b, 0, 5000, 100);
        attempts += p.ret_attempts;
        events = p.ret_events;
    }
    assert_int_equal(attempts, 600);
    assert_int_equal(rounds, 3);
    assert_true(rows("payload") == 0 && rows("attempt") == 0 && rows("fate") == 0);
    mem_free(event);
    b->ops->close(b);
}

/* What left the tail: a section goes with the last of its events, and one that waits keeps it. */
static void sections_go(void **state)
{
    (void)state;
    enum { EVENTS = 100 };
    struct backend *b;
    struct event *events[EVENTS];
    struct channel c = some_channel(1);
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    sqlite_of(b)->tail.section = 10;
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_insert(b, &c), ERR_NONE);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    for (int i = 0; i < EVENTS; i++) {
        assert_non_null(events[i] = event_new(c.id, SPAN_LIT("{\"type\":\"x\"}"), 0));
        assert_int_equal(b->ops->begin(b), ERR_NONE);
        assert_int_equal(b->ops->events->events_insert(b, &events[i], 1, 1000), ERR_NONE);
        assert_int_equal(b->ops->commit(b), ERR_NONE);
        if (i == 25)
            continue; /* waits */
        put_result(b, c.id, &(struct fate){.event_id = events[i]->item.id, .end = FATE_DELIVERED}, 1, 2000);
    }
    assert_int_equal(rows("section"), 5); /* 50 are in the tail yet */
    assert_int_equal(rows("queue"), 1);
    assert_int_equal(rows("fate"), 0);
    assert_int_equal(rows("attempt"), EVENTS - 1);
    struct history_prune p = prune(b, 0, 5000, 35);
    assert_int_equal(p.ret_events, 34);
    assert_int_equal(p.ret_attempts, 34);
    assert_int_equal(p.ret_after, events[34]->item.id);
    assert_int_equal(rows("section"),
                     3); /* the first two went; the third holds what waits, the fourth the rest */
    p = prune(b, p.ret_after, 5000, 1000);
    assert_true(p.ret_events == 65 && p.ret_after == 0);
    assert_true(rows("payload") == 1 && rows("attempt") == 0 && rows("section") == 1);
    put_result(b, c.id, &(struct fate){.event_id = events[25]->item.id, .end = FATE_DELIVERED}, 1, 2000);
    assert_int_equal(rows("fate"), 1); /* it had left the tail */
    p = prune(b, 0, 5000, 1000);
    assert_int_equal(p.ret_events, 1);
    assert_true(rows("payload") == 0 && rows("attempt") == 0 && rows("fate") == 0 && rows("section") == 0);
    for (int i = 0; i < EVENTS; i++)
        mem_free(events[i]);
    b->ops->close(b);
}

/* A directory of the first schema is taken on. */
static void older_directory_is_upgraded(void **state)
{
    (void)state;
    const char *from = strstr(store_schema, "-- migration 1\n"),
               *to = strstr(store_schema, "-- migration 2\n");
    assert_true(from && to > from);
    char path[96], *sql = mem_dup(from, (size_t)(to - from));
    assert_non_null(sql);
    (void)snprintf(path, sizeof(path), "%s/todoke.db", dir);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(
            db,
            "PRAGMA user_version=1; INSERT INTO channel VALUES (2000000001,'old','U0','s',x'01','u',1,0,0,'',"
            "'en',0,0,0,1,1); INSERT INTO payload VALUES (1048576000,2000000001,0,'{\"type\":\"x\"}');"
            "INSERT INTO queue VALUES (2000000001,1048576000);",
            NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    mem_free(sql);
    struct backend *b;
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    size_t waiting = 0;
    struct channel c;
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_get(b, 2000000001, &c), ERR_NONE);
    assert_string_equal(c.name, "old");
    assert_int_equal(b->ops->events->queue_list(b, c.id, 0, 10, count_event, &waiting), ERR_NONE);
    assert_int_equal(waiting, 1);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    b->ops->close(b);
}

#define AHEAD_MS INT64_C(4000000000) /* what a clock that is right again has before itself, */
#define NOW_MS INT64_C(1000000000)   /* and what it says */

/* Numbers ahead of time: what was tried long ago goes, alone or together, at the first try or later; what is
 * young, waits or has no known age stays. */
static void numbers_ahead_of_time(void **state)
{
    (void)state;
    for (int twin = 0; twin < 2; twin++) {
        struct backend *b;
        assert_int_equal(twin ? memory_open(&b) : sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
        struct channel c = some_channel(1);
        struct event *v[6];
        assert_int_equal(b->ops->begin(b), ERR_NONE);
        assert_int_equal(b->ops->channels->channel_insert(b, &c), ERR_NONE);
        for (int i = 0; i < 6; i++)
            assert_non_null(v[i] = event_new(c.id, SPAN_LIT("{\"type\":\"x\"}"), 0));
        assert_int_equal(b->ops->events->events_insert(b, v, 6, AHEAD_MS), ERR_NONE);
        assert_int_equal(b->ops->commit(b), ERR_NONE);
        const struct fate together[] = {{.event_id = v[1]->item.id, .end = FATE_DELIVERED},
                                        {.event_id = v[2]->item.id, .end = FATE_DELIVERED}};
        put_result(b, c.id, &(struct fate){.event_id = v[0]->item.id, .end = FATE_DELIVERED}, 1, AHEAD_MS);
        put_result(b, c.id, together, 2, NOW_MS - 9000);
        put_result(b, c.id, &(struct fate){.event_id = v[3]->item.id, .end = FATE_DELIVERED}, 1,
                   NOW_MS - 8000);
        put_result(b, c.id, &(struct fate){.event_id = v[4]->item.id, .end = FATE_GIVEN_UP}, 1, NOW_MS - 10);
        struct history_prune p = {.after = NOW_MS << ULID_SEQ_SHIFT,
                                  .before_ms = INT64_MAX >> ULID_SEQ_SHIFT,
                                  .tried_before_ms = NOW_MS - 5000,
                                  .tried_now_ms = NOW_MS + 100,
                                  .scan = 100};
        assert_int_equal(b->ops->begin(b), ERR_NONE);
        assert_int_equal(b->ops->events->history_prune(b, &p), ERR_NONE);
        assert_int_equal(b->ops->commit(b), ERR_NONE);
        assert_int_equal(p.ret_events, 3);
        assert_int_equal(p.ret_attempts, 2);
        assert_int_equal(p.ret_young, 1);
        assert_int_equal(p.ret_after, 0);
        for (int i = 0; i < 6; i++)
            mem_free(v[i]);
        b->ops->close(b);
    }
}

int main(void)
{
#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        IN_DIR(history_goes),
        IN_DIR(an_outage_does_not_fill_the_store),
        IN_DIR(a_deleted_channel_goes_in_steps),
        IN_DIR(a_long_history_goes),
        IN_DIR(sections_go),
        IN_DIR(numbers_ahead_of_time),
        IN_DIR(older_directory_is_upgraded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
