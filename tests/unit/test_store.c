/* The store: its two backends agree on random histories, commits are all or nothing, directories are guarded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "dir_fixture.h"
#include "store/directory.h"
#include "store/memory/memory.h"
#include "store/sqlite/sqlite.h"
#include "store/store.h"

static struct channel some_channel(int n)
{
    struct channel c = {
        .use_webhook = true, .webhook_redelivery = n % 2, .created_ms = 1000 + n, .updated_ms = 1000 + n};
    (void)snprintf(c.name, sizeof(c.name), "channel %d 届け", n);
    (void)snprintf(c.secret, sizeof(c.secret), "%032d", n);
    (void)snprintf(c.bot_user_id, sizeof(c.bot_user_id), "U%032d", n);
    (void)snprintf(c.webhook_url, sizeof(c.webhook_url), "https://bot%d.example/", n);
    (void)snprintf(c.language, sizeof(c.language), "ja");
    for (uint32_t i = 0; i < (uint32_t)n % 3 * 10; i++)
        c.redelivery_schedule.s[c.redelivery_schedule.count++] = i ? i * 7 : CHANNEL_REDELIVERY_S_MAX;
    return c;
}

/* What a history left behind, as text. */
static struct buf dump;

static enum err dump_channel(void *arg, const struct channel *c)
{
    (void)arg;
    char schedule[CHANNEL_SCHEDULE_TEXT];
    (void)channel_schedule_text(&c->redelivery_schedule, schedule);
    return buf_printf(&dump, "channel %lld %s %s %s %s %d %d %u %lld %s\n", (long long)c->id, c->name,
                      c->secret, c->bot_user_id, c->webhook_url, c->use_webhook, c->webhook_redelivery,
                      c->max_events, (long long)c->updated_ms, schedule);
}

static enum err dump_event(void *arg, struct span json, const struct event *head)
{
    return buf_printf(&dump, "%s %lld %lld %d tries=%u+%u due=%lld %.*s\n", (const char *)arg,
                      (long long)head->channel_id, (long long)head->item.id, head->flags, head->item.tries,
                      head->item.faults, (long long)head->item.due_ms, (int)json.len, json.ptr);
}

/* Numbers of attempts are the backend's own affair, but they rise. */
static enum err dump_attempt(void *arg, const struct attempt *a)
{
    int64_t *last = arg;
    assert_true(a->id > *last);
    *last = a->id;
    return buf_printf(&dump, "  attempt %lld %u %.*s/%.*s/%.*s %d %.*s %u\n", (long long)a->started_ms,
                      a->events, (int)a->reason.len, a->reason.ptr, (int)a->detail.len, a->detail.ptr,
                      (int)a->cause.len, a->cause.ptr, a->status, (int)a->address.len, a->address.ptr,
                      a->total_us);
}

struct ids {
    int64_t all[4096];
    size_t count;
};

static enum err dump_view(void *arg, const struct event_view *v)
{
    struct ids *ids = arg;
    if (ids && ids->count < 4096)
        ids->all[ids->count++] = v->id;
    return buf_printf(&dump, "event %lld %s tries=%u due=%lld %.*s\n", (long long)v->id,
                      event_state_text(v->state), v->tries, (long long)v->due_ms, (int)v->json.len,
                      v->json.ptr ? v->json.ptr : "");
}

static enum err dump_notice(void *arg, const struct notice *n)
{
    (void)arg;
    return buf_printf(&dump, "notice %lld %lld %d %.*s/%.*s %lld %lld-%lld\n", (long long)n->id,
                      (long long)n->channel_id, (int)n->kind, (int)n->reason.len, n->reason.ptr,
                      (int)n->detail.len, n->detail.ptr, (long long)n->errors, (long long)n->first_ms,
                      (long long)n->closes_ms);
}

static enum err dump_backlog(void *arg, int64_t channel_id, uint64_t queued, uint64_t retrying)
{
    /* One backend tells both numbers at once, the other in two rows: compare sums. */
    uint64_t *sums = arg;
    sums[(channel_id % 8) * 2] += queued;
    sums[(channel_id % 8) * 2 + 1] += retrying;
    return ERR_NONE;
}

static char *dump_all(struct backend *b)
{
    buf_init(&dump, 1 << 24);
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_list(b, 0, 1000, dump_channel, NULL), ERR_NONE);
    for (int64_t c = 2000000001; c <= 2000000004; c++) {
        assert_int_equal(b->ops->events->queue_list(b, c, 0, 10000, dump_event, (void *)(uintptr_t) "queue"),
                         ERR_NONE);
        assert_int_equal(b->ops->events->retry_list(b, c, 10000, dump_event, (void *)(uintptr_t) "retry"),
                         ERR_NONE);
        for (unsigned states = 1; states < 16; states++) {
            struct ids ids = {.count = 0};
            int64_t before = INT64_MAX;
            while (before) /* pages of three */
                assert_int_equal(
                    b->ops->events->event_list(b, c, states, before, 3, 1000, dump_view, &ids, &before),
                    ERR_NONE);
            for (size_t i = 0; states == 15 && i < ids.count; i++) {
                assert_int_equal(b->ops->events->event_get(b, c, ids.all[i], dump_view, NULL), ERR_NONE);
                int64_t last = 0;
                assert_int_equal(b->ops->events->attempt_list(b, c, ids.all[i], dump_attempt, &last),
                                 ERR_NONE);
            }
        }
    }
    for (int64_t c = 2000000001; c <= 2000000004; c++) {
        int64_t pending, retrying;
        assert_int_equal(b->ops->events->oldest(b, c, &pending, &retrying), ERR_NONE);
        assert_int_equal(buf_printf(&dump, "oldest %lld %lld %lld\n", (long long)c, (long long)pending,
                                    (long long)retrying),
                         ERR_NONE);
    }
    const int64_t looks[] = {1700000000300, 1700000000300 - NOTICE_WINDOW_MAX_MS};
    for (int i = 0; i < 2; i++) /* those that closed, and those that would close too late */
        assert_int_equal(b->ops->errors->notice_due(b, looks[i], 50, dump_notice, NULL), ERR_NONE);
    uint64_t sums[16] = {0};
    assert_int_equal(b->ops->events->backlog_list(b, dump_backlog, sums), ERR_NONE);
    for (int i = 0; i < 16; i++)
        assert_int_equal(buf_printf(&dump, "backlog %d %llu\n", i, (unsigned long long)sums[i]), ERR_NONE);
    b->ops->rollback(b);
    char *text = buf_steal(&dump);
    assert_non_null(text);
    buf_deinit(&dump);
    return text;
}

struct taken {
    struct event heads[64];
    size_t count;
};

static enum err take(void *arg, struct span json, const struct event *head)
{
    (void)json;
    struct taken *t = arg;
    memcpy(&t->heads[t->count++], head, sizeof(*head));
    return ERR_NONE;
}

static uint64_t pruned[3]; /* events, attempts, and a hash of the cursors, and of what was delivered again */

static enum err note_id(void *arg, const struct event_view *v)
{
    int64_t *ids = arg;
    ids[++ids[0]] = v->id;
    return ERR_NONE;
}

/* By their ids, one of them of nobody: how many are due, wait anyway, and are unknown. */
static void redeliver_some(struct backend *b, int64_t channel, uint64_t count, int64_t now)
{
    int64_t ids[6] = {0}, last;
    struct redelivered n;
    struct channel c;
    if (b->ops->channels->channel_get(b, channel,
                                      &c)) /* nothing would take them up: it is for the caller to look */
        return;
    const unsigned all =
        1u << EVENT_PENDING | 1u << EVENT_RETRYING | 1u << EVENT_DELIVERED | 1u << EVENT_GIVEN_UP;
    assert_int_equal(
        b->ops->events->event_list(b, channel, all, INT64_MAX, (uint32_t)count, 1000, note_id, ids, &last),
        ERR_NONE);
    ids[ids[0] + 1] = 12345;
    assert_int_equal(b->ops->events->redeliver_ids(b, channel, ids + 1, (size_t)ids[0] + 1, now, &n),
                     ERR_NONE);
    assert_int_equal(n.due + n.waiting + n.unknown, ids[0] + 1);
    assert_int_equal(n.unknown, 1);
    pruned[2] = pruned[2] * 31 + n.due * 8 + n.waiting;
}

/* With all it leaves behind. */
static void delete_channel(struct backend *b, int64_t channel)
{
    uint32_t n;
    assert_int_equal(b->ops->channels->channel_delete(b, channel), ERR_NONE);
    do
        assert_int_equal(b->ops->channels->channel_prune(b, 3, &n), ERR_NONE);
    while (n == 3);
}

/* One random step; the same numbers make the same step on either backend. */
static void step(struct backend *b, const struct random *r, int64_t now)
{
    int64_t channel = 2000000001 + (int64_t)random_below(r, 4);
    uint64_t what = random_below(r, 11);
    bool keep = random_below(r, 8) != 0;
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    if (what < 4) {
        struct event *events[5];
        size_t n = 1 + random_below(r, 5);
        for (size_t i = 0; i < n; i++) {
            char json[64];
            int len = snprintf(json, sizeof(json), "{\"type\":\"x\",\"n\":%llu}",
                               (unsigned long long)random_u64(r));
            events[i] = event_new(channel, (struct span){json, (size_t)len}, (uint8_t)random_below(r, 4));
            assert_non_null(events[i]);
        }
        struct channel c;
        enum err known = b->ops->channels->channel_get(b, channel, &c);
        assert_int_equal(b->ops->events->events_insert(b, events, n, now), known);
        for (size_t i = 1; i < n; i++)
            assert_true(known || events[i]->item.id > events[i - 1]->item.id);
        for (size_t i = 0; i < n; i++)
            mem_free(events[i]);
    } else if (what < 8) {
        struct taken t = {.count = 0};
        uint32_t limit = 1 + (uint32_t)random_below(r, 4);
        if (random_below(r, 3))
            assert_int_equal(b->ops->events->queue_list(b, channel, 0, limit, take, &t), ERR_NONE);
        else
            assert_int_equal(b->ops->events->retry_list(b, channel, limit, take, &t), ERR_NONE);
        struct fate fates[64];
        for (size_t i = 0; i < t.count; i++) {
            const struct item *item = &t.heads[i].item;
            fates[i] = (struct fate){item->id,
                                     (enum fate_end)random_below(r, FATE_COUNT),
                                     item->retry,
                                     now + (int64_t)random_below(r, 5) * 1000,
                                     (uint16_t)(item->tries + 1),
                                     (uint16_t)random_below(r, 2 * FATE_FAULTS_KEPT)};
        }
        struct attempt a = {.channel_id = channel,
                            .started_ms = now,
                            .events = (uint32_t)t.count,
                            .status = 500,
                            .http = 11,
                            .reason = random_below(r, 2) ? SPAN_LIT("error_status_code")
                                                         : SPAN_LIT("request_timeout"),
                            .detail = SPAN_LIT("500"),
                            .cause = SPAN_LIT("status_server_error"),
                            .processed = SPAN_LIT("yes"),
                            .phase = SPAN_LIT("done"),
                            .address = SPAN_LIT("192.0.2.1:443"),
                            .total_us = 1234,
                            .notice_ms = random_below(r, 4) ? 20 : 0,
                            .stopped = (uint32_t)random_below(r, 3)};
        if (t.count)
            assert_int_equal(b->ops->events->result_put(b, &a, fates, t.count, now), ERR_NONE);
    } else if (what == 8) {
        struct redeliver_range range = {.from_ms = now - (int64_t)random_below(r, 50), .to_ms = now};
        if (random_below(r, 2))
            range.reason = SPAN_LIT("request_timeout");
        uint32_t n = 999;
        assert_int_equal(
            b->ops->events->redeliver_range(b, channel, &range, 1 + (uint32_t)random_below(r, 3), now, &n),
            ERR_NONE);
        assert_true(n <= 3);
        /* A second step goes on where the first stopped: what it took up is not seen again. */
        int64_t stopped = range.resume = range.ret_resume;
        if (n)
            assert_int_equal(b->ops->events->redeliver_range(b, channel, &range, 2, now, &n), ERR_NONE);
        assert_true(range.ret_resume >= stopped);
        redeliver_some(b, channel, 1 + random_below(r, 4), now);
    } else if (what == 9) {
        struct history_prune p = {.before_ms = now - (int64_t)random_below(r, 60),
                                  .scan = 1 + (uint32_t)random_below(r, 30)};
        if (random_below(r, 2))
            p.after = (now - 100) << ULID_SEQ_SHIFT;
        assert_int_equal(b->ops->events->history_prune(b, &p), ERR_NONE);
        assert_true(p.ret_events <= p.scan);
        if (keep) { /* both twins must come to the same figures */
            pruned[0] += p.ret_events;
            pruned[1] += p.ret_attempts;
            pruned[2] = pruned[2] * 31 + (uint64_t)p.ret_after;
        }
    } else {
        struct channel c;
        enum err e = b->ops->channels->channel_get(b, channel, &c);
        if (!e) {
            c.updated_ms = now;
            c.max_events = (uint32_t)random_below(r, 100);
            assert_int_equal(b->ops->channels->channel_update(b, &c), ERR_NONE);
            if (random_below(r, 20) == 0)
                delete_channel(b, channel);
        }
    }
    if (keep)
        assert_int_equal(b->ops->commit(b), ERR_NONE);
    else
        b->ops->rollback(b);
}

/* A reader sees the same, and so does whoever opens the directory next. */
static void dumps_again(struct backend **writer, const char *path, const char *text)
{
    for (int k = 0; k < 2; k++) {
        struct backend *b;
        if (k)
            (*writer)->ops->close(*writer);
        assert_int_equal(sqlite_open(&b, path, k ? STORE_WRITE : STORE_READ), ERR_NONE);
        char *again = dump_all(b);
        assert_string_equal(again, text);
        mem_free(again);
        if (k)
            *writer = b;
        else
            b->ops->close(b);
    }
}

static void backends_agree(void **state)
{
    (void)state;
    uint64_t total = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct backend *twins[2];
        char path[96];
        (void)snprintf(path, sizeof(path), "%s/seed%llu", dir, (unsigned long long)seed);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(sqlite_open(&twins[0], path, STORE_WRITE), ERR_NONE);
        sqlite_of(twins[0])->tail.section = seed % 4 ? (uint32_t)(seed * 3) : 0; /* 0: all stay in the tail */
        assert_int_equal(memory_open(&twins[1]), ERR_NONE);
        char *texts[2];
        uint64_t before[3];
        for (int k = 0; k < 2; k++) {
            struct random_seeded seeded;
            struct random r = random_seeded_init(&seeded, seed);
            struct backend *b = twins[k];
            assert_int_equal(b->ops->begin(b), ERR_NONE);
            for (int n = 1; n <= 4; n++) {
                struct channel c = some_channel(n);
                assert_int_equal(b->ops->channels->channel_insert(b, &c), ERR_NONE);
                assert_int_equal(c.id, 2000000000 + n);
            }
            assert_int_equal(b->ops->commit(b), ERR_NONE);
            memset(pruned, 0, sizeof(pruned));
            for (int i = 0; i < 400; i++)
                step(b, &r, 1700000000000 + i);
            texts[k] = dump_all(b);
            if (!k)
                dumps_again(&twins[0], path, texts[0]);
            if (k)
                assert_memory_equal(pruned, before, sizeof(pruned));
            memcpy(before, pruned, sizeof(pruned));
            total += pruned[1];
        }
        for (size_t at = 0, line = 0; texts[0][at] || texts[1][at]; at++) { /* the first line that differs */
            if (texts[0][at] != texts[1][at])
                fail_msg("seed %llu\nsqlite: %.160s\nmemory: %.160s", (unsigned long long)seed,
                         texts[0] + line, texts[1] + line);
            if (texts[0][at] == '\n')
                line = at + 1;
        }
        assert_non_null(strstr(texts[0], "retrying"));
        assert_non_null(strstr(texts[0], "given_up"));
        assert_non_null(strstr(texts[0], "notice"));
        for (int k = 0; k < 2; k++) {
            mem_free(texts[k]);
            twins[k]->ops->close(twins[k]);
        }
    }
    assert_true(total > 0);
}

static void idempotency_keys(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct backend *b;
        assert_int_equal(k ? memory_open(&b) : sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
        struct idempotency in = {.count = 2, .ids = {INT64_MAX, 7}}, out = {.count = 99};
        memset(in.body_hash, 0xa5, sizeof(in.body_hash));
        assert_int_equal(b->ops->begin(b), ERR_NONE);
        assert_int_equal(b->ops->events->idempotency_get(b, 1, SPAN_LIT("k"), 0, &out), ERR_NOT_FOUND);
        assert_int_equal(b->ops->events->idempotency_put(b, 1, SPAN_LIT("k"), &in, 5000), ERR_NONE);
        assert_int_equal(b->ops->events->idempotency_get(b, 1, SPAN_LIT("k"), 5000, &out), ERR_NONE);
        assert_int_equal(out.count, 2);
        assert_true(out.ids[0] == INT64_MAX && out.ids[1] == 7);
        assert_memory_equal(out.body_hash, in.body_hash, sizeof(in.body_hash));
        assert_int_equal(b->ops->events->idempotency_get(b, 1, SPAN_LIT("k"), 5001, &out),
                         ERR_NOT_FOUND); /* too old */
        assert_int_equal(b->ops->events->idempotency_get(b, 2, SPAN_LIT("k"), 0, &out),
                         ERR_NOT_FOUND); /* another channel's */
        uint32_t gone = 9;
        assert_int_equal(b->ops->events->idempotency_prune(b, 5000, 10, &gone), ERR_NONE);
        assert_int_equal(gone, 0);
        assert_int_equal(b->ops->events->idempotency_prune(b, 5001, 10, &gone), ERR_NONE);
        assert_int_equal(gone, 1);
        assert_int_equal(b->ops->events->idempotency_get(b, 1, SPAN_LIT("k"), 0, &out), ERR_NOT_FOUND);
        assert_int_equal(b->ops->commit(b), ERR_NONE);
        b->ops->close(b);
    }
}

static enum err first_key(void *arg, const struct access_key *k)
{
    *(struct access_key *)arg = *k;
    return ERR_NONE;
}

static void access_keys(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct backend *b;
        assert_int_equal(kind ? memory_open(&b) : sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
        struct access_key k = {.role = ROLE_INGEST, .hint = "abcdefgh", .created_ms = 17}, got = {0};
        memset(k.hash, 9, sizeof(k.hash));
        int64_t v0, v1, v2;
        assert_int_equal(b->ops->begin(b), ERR_NONE);
        assert_int_equal(b->ops->keys->key_version(b, &v0), ERR_NONE);
        assert_int_equal(b->ops->keys->key_insert(b, &k), ERR_NONE);
        assert_int_equal(b->ops->keys->key_version(b, &v1), ERR_NONE);
        assert_true(v1 > v0);
        assert_int_equal(b->ops->keys->key_list(b, first_key, &got), ERR_NONE);
        assert_true(got.id == k.id && got.role == ROLE_INGEST && got.created_ms == 17 && !got.revoked_ms);
        assert_string_equal(got.hint, "abcdefgh");
        assert_memory_equal(got.hash, k.hash, sizeof(k.hash));
        assert_int_equal(b->ops->keys->key_revoke(b, k.id, 18), ERR_NONE);
        assert_int_equal(b->ops->keys->key_revoke(b, k.id, 19), ERR_NOT_FOUND);
        assert_int_equal(b->ops->keys->key_version(b, &v2), ERR_NONE);
        assert_true(v2 > v1);
        assert_int_equal(b->ops->keys->key_list(b, first_key, &got), ERR_NONE);
        assert_int_equal(got.revoked_ms, 18);
        assert_int_equal(b->ops->commit(b), ERR_NONE);
        b->ops->close(b);
    }
}

static void newer_directory_is_refused(void **state)
{
    (void)state;
    struct store *s;
    assert_int_equal(store_open(&s, dir, NULL), ERR_NONE);
    store_close(s);
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/todoke.db", dir);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=9999", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(log_configure("error"), ERR_NONE);
    assert_int_equal(store_open(&s, dir, NULL), ERR_VERSION);
}

static void second_node_is_refused(void **state)
{
    (void)state;
    struct store *one, *two;
    assert_int_equal(store_open(&one, dir, NULL), ERR_NONE);
    assert_int_equal(store_open(&two, dir, NULL), ERR_BUSY);
    store_close(one);
    assert_int_equal(store_open(&two, dir, NULL), ERR_NONE);
    store_close(two);
}

static void no_directory(void **state)
{
    (void)state;
    struct store *s;
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/a/b/c", dir); /* only the last part is made */
    assert_int_equal(store_open(&s, path, NULL), ERR_IO);
    assert_int_equal(errno, ENOENT);
}

struct insert {
    struct store_call call;
    struct event *events[3];
    size_t count;
    unsigned runs;
    unsigned *order;
    unsigned committed_as;
    atomic_int *left;
};

static enum err insert_run(struct store_call *c, struct backend *b)
{
    struct insert *i = list_entry(c, struct insert, call);
    i->runs++;
    return b->ops->events->events_insert(b, i->events, i->count, 1700000000000);
}

static void insert_committed(struct store_call *c)
{
    struct insert *i = list_entry(c, struct insert, call);
    i->committed_as = ++*i->order;
}

static void insert_done(struct store_call *c)
{
    struct insert *i = list_entry(c, struct insert, call);
    atomic_fetch_sub(i->left, 1);
}

struct hold { /* keeps the writer busy until the test lets go */
    struct store_call call;
    atomic_bool entered, go;
};

static enum err hold_run(struct store_call *c, struct backend *b)
{
    (void)b;
    struct hold *h = list_entry(c, struct hold, call);
    atomic_store(&h->entered, true);
    while (!atomic_load(&h->go))
        (void)usleep(100);
    return ERR_NONE;
}

struct count {
    struct store_call call;
    uint64_t sums[16];
};

static enum err count_run(struct store_call *c, struct backend *b)
{
    struct count *n = list_entry(c, struct count, call);
    return b->ops->events->backlog_list(b, dump_backlog, n->sums);
}

/* A commit that fails is taken apart: every call gets its own answer, and a call is kept whole or not at all.
 */
static void group_commit_fails_apart(void **state)
{
    (void)state;
    struct backend *writer, *reader;
    struct store *s;
    assert_int_equal(memory_open(&writer), ERR_NONE);
    assert_int_equal(memory_open_reader(&reader, writer), ERR_NONE);
    struct channel c = some_channel(1);
    assert_int_equal(writer->ops->begin(writer), ERR_NONE);
    assert_int_equal(writer->ops->channels->channel_insert(writer, &c), ERR_NONE);
    assert_int_equal(writer->ops->commit(writer), ERR_NONE);
    assert_int_equal(store_start(&s, writer, reader), ERR_NONE);
    log_set_output(-1, NULL);

    struct hold hold = {.call = {.run = hold_run}};
    atomic_int left = 10;
    unsigned order = 0;
    struct insert calls[10] = {0};
    store_submit(s, &hold.call);
    while (!atomic_load(&hold.entered))
        (void)usleep(100);
    for (int i = 0; i < 10; i++) {
        calls[i] =
            (struct insert){.call = {.run = insert_run, .committed = insert_committed, .done = insert_done},
                            .count = 3,
                            .order = &order,
                            .left = &left};
        for (int k = 0; k < 3; k++) {
            calls[i].events[k] = event_new(c.id, SPAN_LIT("{\"type\":\"x\"}"), 0);
            assert_non_null(calls[i].events[k]);
        }
        store_submit(s, &calls[i].call);
    }
    /* hold's commit is write 1; then the batch: 14 = the second event of call 4 → all rolled back, each again
     * alone: 3 events and a commit */
    memory_fail_at(writer, 1 + 14, ERR_FULL);
    atomic_store(&hold.go, true);
    while (atomic_load(&left) > 0)
        (void)usleep(100);
    for (int i = 0; i < 10; i++)
        assert_int_equal(calls[i].call.err, ERR_NONE); /* the disk had room again */
    assert_int_equal(order, 10);
    const struct store_stats *stats = store_stats(s);
    uint64_t timed = 0; /* only what was committed */
    for (int i = 0; i <= HISTOGRAM_BUCKETS; i++)
        timed += atomic_load(&stats->commit.counts[i]);
    assert_true(atomic_load(&stats->failures) > 0);
    assert_int_equal(timed, atomic_load(&stats->commits));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(calls[i].committed_as, i + 1); /* in the order they came */
        assert_int_equal(calls[i].runs, i < 5 ? 2 : 1);
    }
    assert_int_equal(atomic_load(&store_stats(s)->failures), 1);

    /* Alone and failing: nothing of it is kept. */
    struct event *more[3];
    for (int k = 0; k < 3; k++) {
        more[k] = event_new(c.id, SPAN_LIT("{\"type\":\"x\"}"), 0);
        assert_non_null(more[k]);
    }
    for (unsigned long n = 1; n <= 4; n++) {
        struct insert one = {.call = {.run = insert_run}, .count = 3, .order = &order, .left = &left};
        memcpy(one.events, more, sizeof(more));
        memory_fail_at(writer, n, ERR_FULL);
        assert_int_equal(store_wait(s, &one.call), ERR_FULL);
    }
    store_close(s);
    for (int i = 0; i < 10; i++)
        for (int k = 0; k < 3; k++)
            mem_free(calls[i].events[k]);
    for (int k = 0; k < 3; k++)
        mem_free(more[k]);
    log_set_output(2, NULL);
}

/* A range in which the reason asked for is rare is looked through in several steps, and each event is found
 * once. */
static void a_long_range_goes_in_steps(void **state)
{
    (void)state;
    struct backend *b;
    struct channel c = some_channel(1);
    struct event *events[500];
    struct fate fates[500];
    const int64_t now = 1700000000000;
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_insert(b, &c), ERR_NONE);
    for (int k = 0; k < 500; k++)
        assert_non_null((events[k] = event_new(c.id, SPAN_LIT("{\"type\":\"x\"}"), 0)));
    for (int i = 0; i < 100; i++) {
        assert_int_equal(b->ops->events->events_insert(b, events, 500, now), ERR_NONE);
        for (int k = 0; k < 500; k++)
            fates[k] = (struct fate){.event_id = events[k]->item.id, .end = FATE_GIVEN_UP, .tries = 1};
        struct attempt a = {.channel_id = c.id, .started_ms = now, .events = 500};
        a.reason = i == 99 ? SPAN_LIT("request_timeout") : SPAN_LIT("error_status_code");
        assert_int_equal(b->ops->events->result_put(b, &a, fates, 500, now), ERR_NONE);
    }
    struct redeliver_range range = {
        .from_ms = now, .to_ms = now + 1000, .reason = SPAN_LIT("request_timeout")};
    uint32_t steps = 0, found = 0, n = 0;
    for (; !range.ret_done; steps++) {
        assert_int_equal(b->ops->events->redeliver_range(b, c.id, &range, 200, now, &n), ERR_NONE);
        assert_true(range.ret_resume > range.resume && n <= 200 && (steps || n == 0));
        range.resume = range.ret_resume;
        found += n;
    }
    assert_int_equal(found, 500);
    assert_true(steps >= 4 && steps <= 8);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    for (int k = 0; k < 500; k++)
        mem_free(events[k]);
    b->ops->close(b);
}

/* However much is committed, the log begins anew, and the database is whole. */
static void the_log_is_bounded(void **state)
{
    (void)state;
    enum { CALLS = 150, EACH = 20, BYTES = 50000 }; /* 150 MB */
    struct backend *b;
    struct channel c = some_channel(1);
    static char json[BYTES];
    struct event *events[EACH];
    char path[96];
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    sqlite_checkpoint(b);
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_insert(b, &c), ERR_NONE);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    memset(json, 'x', sizeof(json));
    for (int k = 0; k < EACH; k++)
        assert_non_null((events[k] = event_new(c.id, (struct span){json, sizeof(json)}, 0)));
    (void)snprintf(path, sizeof(path), "%s/todoke.db-wal", dir);
    off_t largest = 0;
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(b->ops->begin(b), ERR_NONE);
        assert_int_equal(b->ops->events->events_insert(b, events, EACH, 1700000000000), ERR_NONE);
        assert_int_equal(b->ops->commit(b), ERR_NONE);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        largest = st.st_size > largest ? st.st_size : largest;
    }
    assert_true(largest > (16 << 20) && largest < (48 << 20));
    for (int k = 0; k < EACH; k++)
        mem_free(events[k]);
    b->ops->close(b);
    assert_int_equal(sqlite_open(&b, dir, STORE_READ), ERR_NONE);
    int64_t fine = 0, rows = 0;
    assert_int_equal(sqlite_ask(sqlite_of(b),
                                "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'",
                                &fine),
                     ERR_NONE);
    assert_int_equal(sqlite_ask(sqlite_of(b), "SELECT count(*) FROM payload", &rows), ERR_NONE);
    assert_true(fine == 1 && rows == CALLS * EACH);
    b->ops->close(b);
}

static void a_directory_remembers(void **state)
{
    (void)state;
    struct store *s;
    struct directory *d;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(store_open(&s, dir, NULL), ERR_NONE);
        assert_int_equal(directory_new(&d, 1), ERR_NONE);
        assert_false(directory_full(d));
        assert_int_equal(directory_load(d, s), ERR_NONE); /* all of them, however many there may be */
        assert_int_equal(directory_count(d), (size_t)round * 2);
        assert_int_equal(directory_full(d), round);
        assert_int_equal(directory_backlog(d), round * 3);
        struct count n = {.call = {.run = count_run}};
        assert_int_equal(store_wait(s, &n.call), ERR_NONE);
        assert_int_equal(n.sums[2000000001 % 8 * 2], round * 3);
        directory_free(d);
        store_close(s);
        if (round)
            break;
        struct backend *b;
        assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
        struct channel c = some_channel(1), other = some_channel(2);
        assert_int_equal(b->ops->begin(b), ERR_NONE);
        assert_int_equal(b->ops->channels->channel_insert(b, &c), ERR_NONE);
        assert_int_equal(b->ops->channels->channel_insert(b, &other), ERR_NONE);
        struct event *events[3];
        for (int k = 0; k < 3; k++)
            assert_non_null((events[k] = event_new(c.id, SPAN_LIT("{\"type\":\"x\"}"), 0)));
        assert_int_equal(b->ops->events->events_insert(b, events, 3, 1700000000000), ERR_NONE);
        assert_int_equal(b->ops->commit(b), ERR_NONE);
        for (int k = 0; k < 3; k++)
            mem_free(events[k]);
        b->ops->close(b);
    }
}

int main(void)
{
#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        IN_DIR(backends_agree), /* random histories; the seed of a failing one is printed */
        IN_DIR(idempotency_keys),
        IN_DIR(access_keys),
        IN_DIR(newer_directory_is_refused),
        IN_DIR(second_node_is_refused),
        IN_DIR(no_directory),
        cmocka_unit_test(group_commit_fails_apart),
        IN_DIR(a_directory_remembers),
        IN_DIR(a_long_range_goes_in_steps),
        IN_DIR(the_log_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
