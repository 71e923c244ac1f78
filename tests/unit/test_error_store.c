/*
 * Error statistics in the store: thousands of random failures around midnight of UTC+9, with transactions
 * that are lost as a crash loses them, compared with an independent count: rows, pages, filters, periods and
 * sums, on both backends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "dir_fixture.h"
#include "report/summary.h"
#include "store/memory/memory.h"

#define MIDNIGHT_JST 1795359600000LL
#define CHANNELS 3
#define MINUTE(ms) ((ms) / ERROR_MINUTE_MS)

static const struct {
    const char *reason, *detail;
} kinds[] = {
    {"could_not_connect", "Unknown host"},
    {"could_not_connect", "Connection failed"},
    {"could_not_connect", "TLS handshake failure"},
    {"request_timeout", "Request timeout"},
    {"error_status_code", "500"},
    {"error_status_code", "503"},
    {"error_status_code", "302"},
    {"unclassified", "Session closed unexpectedly"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The independent count: what was committed, one by one. */
struct seen {
    int64_t channel, ms;
    size_t kind;
};
struct model {
    struct seen all[20000];
    size_t count;
};

struct world {
    struct backend *b;
    bool disk;
    struct random r;
    struct random_seeded seeded;
    struct model *model;
    int64_t now;
};

static void open_store(struct world *w)
{
    assert_int_equal(w->disk ? sqlite_open(&w->b, dir, STORE_WRITE) : memory_open(&w->b), ERR_NONE);
}

static struct seen put_one(struct world *w)
{
    size_t kind = random_below(&w->r, KINDS);
    /* Some results come late: the store could not take them when they happened. */
    int64_t ms = w->now - (random_below(&w->r, 20) ? 0 : (int64_t)random_below(&w->r, 200000));
    uint32_t took_us = (uint32_t)random_below(&w->r, 2000000);
    struct attempt a = {.channel_id = 1 + (int64_t)random_below(&w->r, CHANNELS),
                        .started_ms = ms - took_us / 1000,
                        .total_us = took_us,
                        .events = 1 + (uint32_t)random_below(&w->r, 100), /* however many, it counts one */
                        .reason = span_of(kinds[kind].reason),
                        .detail = span_of(kinds[kind].detail),
                        .counted = random_below(&w->r, 5) != 0};
    assert_int_equal(w->b->ops->events->result_put(w->b, &a, NULL, 0, ms), ERR_NONE);
    return (struct seen){a.counted ? a.channel_id : 0, ms, kind};
}

/* A commit of some results, or one that is lost. */
static void put_some(struct world *w)
{
    struct seen batch[30];
    size_t n = 1 + random_below(&w->r, 30);
    assert_int_equal(w->b->ops->begin(w->b), ERR_NONE);
    for (size_t i = 0; i < n; i++) {
        batch[i] = put_one(w);
        w->now += (int64_t)random_below(&w->r, 1200);
    }
    if (random_below(&w->r, 8) == 0) {
        if (w->disk && random_below(&w->r, 2)) { /* killed: what was not committed is not there */
            w->b->ops->close(w->b);
            open_store(w);
        } else {
            w->b->ops->rollback(w->b);
        }
        return;
    }
    assert_int_equal(w->b->ops->commit(w->b), ERR_NONE);
    for (size_t i = 0; i < n; i++)
        if (batch[i].channel)
            w->model->all[w->model->count++] = batch[i];
}

static struct error_tidy tidy(struct world *w, int64_t prune_before, uint32_t limit, bool keep)
{
    struct error_tidy t = {
        .move_before = MINUTE(w->now - 60000), .prune_before = prune_before, .limit = limit};
    assert_int_equal(w->b->ops->begin(w->b), ERR_NONE);
    assert_int_equal(w->b->ops->errors->error_tidy(w->b, &t), ERR_NONE);
    assert_true(t.ret_moved <= limit && t.ret_pruned <= limit);
    if (keep)
        assert_int_equal(w->b->ops->commit(w->b), ERR_NONE);
    else
        w->b->ops->rollback(w->b);
    return t;
}

struct listing {
    struct memory_row {
        int64_t minute, first_ms, last_ms, errors;
        char reason[32], detail[64];
    } rows[20000];
    size_t count;
    struct summary *summary;
};

static enum err take(void *arg, const struct error_row *row)
{
    struct listing *l = arg;
    struct memory_row *to = &l->rows[l->count++];
    *to = (struct memory_row){row->minute, row->first_ms, row->last_ms, row->errors, "", ""};
    memcpy(to->reason, row->reason.ptr, row->reason.len);
    memcpy(to->detail, row->detail.ptr, row->detail.len);
    return l->summary ? summary_add(l->summary, row) : ERR_NONE;
}

/* All pages, of some size. */
static void list_all(struct world *w, struct error_page p, struct listing *l)
{
    l->count = 0;
    assert_int_equal(w->b->ops->begin(w->b), ERR_NONE);
    do {
        size_t before = l->count;
        p.limit = 1 + (uint32_t)random_below(&w->r, 40);
        p.scan = 1 + (uint32_t)random_below(&w->r, 60);
        assert_int_equal(w->b->ops->errors->error_list(w->b, &p, take, l), ERR_NONE);
        assert_true(l->count - before <= p.limit);
        p.at = p.ret_at;
    } while (p.ret_more);
    w->b->ops->rollback(w->b);
}

static int order(const void *a, const void *b)
{
    const struct memory_row *x = a, *y = b;
    if (x->minute != y->minute)
        return x->minute < y->minute ? 1 : -1;
    int reason = strcmp(y->reason, x->reason);
    return reason ? reason : strcmp(y->detail, x->detail);
}

/* What the list must be, from the single failures. */
static void count_all(const struct model *m, const struct error_page *p, struct listing *l)
{
    l->count = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct seen *s = &m->all[i];
        int64_t minute = MINUTE(s->ms);
        struct span reason = span_of(kinds[s->kind].reason), detail = span_of(kinds[s->kind].detail);
        if (s->channel != p->channel_id || minute < p->from || minute >= p->to ||
            (p->reason.len && !span_eq(reason, p->reason)) || (p->detail.len && !span_eq(detail, p->detail)))
            continue;
        struct memory_row *row = NULL;
        for (size_t k = 0; k < l->count && !row; k++)
            if (l->rows[k].minute == minute && strcmp(l->rows[k].detail, detail.ptr) == 0)
                row = &l->rows[k];
        if (!row) {
            row = &l->rows[l->count++];
            *row = (struct memory_row){minute, s->ms, s->ms, 0, "", ""};
            memcpy(row->reason, reason.ptr, reason.len);
            memcpy(row->detail, detail.ptr, detail.len);
        }
        row->errors++;
        row->first_ms = s->ms < row->first_ms ? s->ms : row->first_ms;
        row->last_ms = s->ms > row->last_ms ? s->ms : row->last_ms;
    }
    qsort(l->rows, l->count, sizeof(l->rows[0]), order);
}

static struct listing got, want;

static void compare(struct world *w, const struct error_page *p)
{
    list_all(w, *p, &got);
    count_all(w->model, p, &want);
    assert_int_equal(got.count, want.count);
    for (size_t i = 0; i < got.count; i++) {
        const struct memory_row *a = &got.rows[i], *b = &want.rows[i];
        if (a->minute != b->minute || a->first_ms != b->first_ms || a->last_ms != b->last_ms ||
            a->errors != b->errors || strcmp(a->reason, b->reason) != 0 || strcmp(a->detail, b->detail) != 0)
            fail_msg("row %zu: %lld %s/%s %lld, not %lld %s/%s %lld", i, (long long)a->minute, a->reason,
                     a->detail, (long long)a->errors, (long long)b->minute, b->reason, b->detail,
                     (long long)b->errors);
    }
}

static void compare_some(struct world *w)
{
    for (int64_t channel = 1; channel <= CHANNELS + 1; channel++) {
        struct error_page p = {.channel_id = channel, .to = INT64_MAX / 2};
        compare(w, &p);
        size_t kind = random_below(&w->r, KINDS);
        p.reason = span_of(kinds[kind].reason);
        compare(w, &p);
        if (random_below(&w->r, 2))
            p.detail = span_of(kinds[kind].detail);
        p.from = MINUTE(MIDNIGHT_JST) - 30 + (int64_t)random_below(&w->r, 60);
        p.to = p.from + 1 + (int64_t)random_below(&w->r, 30);
        compare(w, &p);
    }
}

/* The days of a viewer, from the same failures. */
static void compare_days(struct world *w, int zone)
{
    struct error_page p = {.channel_id = 1, .to = INT64_MAX / 2};
    int64_t total = 0;
    assert_int_equal(summary_new(&got.summary, STATISTICS_BY_DAY, zone), ERR_NONE);
    list_all(w, p, &got);
    struct buf out;
    struct json_write writer;
    buf_init(&out, 1 << 20);
    json_write_init(&writer, &out);
    json_write_object(&writer);
    summary_show(got.summary, &writer);
    json_write_end(&writer);
    assert_int_equal(json_write_finish(&writer), ERR_NONE);
    char *text = buf_steal(&out);
    for (int64_t day = statistics_bucket(MIDNIGHT_JST - 86400000, STATISTICS_BY_DAY, zone);
         day <= MIDNIGHT_JST + 86400000; day += 86400000) {
        char start[STATISTICS_TIME_SIZE], part[160];
        int64_t n = 0;
        for (size_t i = 0; i < w->model->count; i++)
            n += w->model->all[i].channel == 1 && w->model->all[i].ms >= day &&
                 w->model->all[i].ms < day + 86400000 &&
                 strcmp(kinds[w->model->all[i].kind].reason, "error_status_code") == 0;
        statistics_time(day, zone, start);
        (void)snprintf(part, sizeof(part),
                       "{\"start\":\"%s\",\"reason\":\"error_status_code\",\"errors\":%lld}", start,
                       (long long)n);
        if ((n > 0) != (strstr(text, part) != NULL))
            fail_msg("%s is not in %s", part, text);
    }
    for (size_t i = 0; i < w->model->count; i++)
        total += w->model->all[i].channel == 1;
    char part[64];
    (void)snprintf(part, sizeof(part), "\"total\":%lld,", (long long)total);
    assert_non_null(strstr(text, part));
    mem_free(text);
    summary_free(got.summary);
    got.summary = NULL;
}

static void random_run(bool disk, uint64_t seed)
{
    struct world w = {.disk = disk, .now = MIDNIGHT_JST - 20 * 60000};
    w.r = random_seeded_init(&w.seeded, seed);
    w.model = mem_zero(1, sizeof(*w.model));
    assert_non_null(w.model);
    open_store(&w);
    for (int step = 1; w.now < MIDNIGHT_JST + 20 * 60000; step++) {
        put_some(&w);
        if (random_below(&w.r, 3) == 0)
            (void)tidy(&w, 0, 1 + (uint32_t)random_below(&w.r, 50), random_below(&w.r, 4) != 0);
        if (step % 60 == 0)
            compare_some(&w);
    }
    assert_true(w.model->count > 2000);
    compare_some(&w);
    compare_days(&w, STATISTICS_ZONE);
    compare_days(&w, -210);
    while (tidy(&w, 0, 50, true).ret_moved) {
    }
    compare_some(&w); /* moving changes nothing */
    if (disk) {
        w.b->ops->close(w.b);
        open_store(&w);
        compare_some(&w);
    }
    w.b->ops->close(w.b);
    mem_free(w.model);
}

static void on_disk(void **state)
{
    (void)state;
    random_run(true, 1);
}

static void in_memory(void **state)
{
    (void)state;
    random_run(false, 2);
}

/* Whole days of UTC go from the front, some rows a step; what is younger stays. */
static void old_days_go(void **state)
{
    (void)state;
    for (int disk = 0; disk < 2; disk++) {
        struct world w = {.disk = disk, .now = MIDNIGHT_JST};
        w.r = random_seeded_init(&w.seeded, 3);
        open_store(&w);
        const int64_t day = MINUTE(MIDNIGHT_JST) / 1440;
        struct attempt a = {.channel_id = 1,
                            .reason = SPAN_LIT("error_status_code"),
                            .detail = SPAN_LIT("500"),
                            .counted = true};
        assert_int_equal(w.b->ops->begin(w.b), ERR_NONE);
        for (int64_t d = day - 5; d <= day; d++)
            for (int64_t m = 0; m < 10; m++)
                assert_int_equal(
                    w.b->ops->events->result_put(w.b, &a, NULL, 0, (d * 1440 + m) * ERROR_MINUTE_MS),
                    ERR_NONE);
        assert_int_equal(w.b->ops->commit(w.b), ERR_NONE);
        while (tidy(&w, 0, 100, true).ret_moved) {
        }
        uint32_t gone = 0, steps = 0;
        for (uint32_t n; (n = tidy(&w, (day - 2) * 1440 + 700, 7, true).ret_pruned); steps++)
            gone += n;
        assert_int_equal(gone, 30); /* three days; of the fourth not the half that is over */
        assert_int_equal(steps, 5);
        struct error_page p = {.channel_id = 1, .to = INT64_MAX / 2};
        list_all(&w, p, &got);
        assert_int_equal(got.count, 30);
        assert_int_equal(got.rows[29].minute, (day - 2) * 1440);
        w.b->ops->close(w.b);
        if (disk)
            assert_int_equal(remove_dir(NULL) | make_dir(NULL), 0);
    }
}

static void put_days(struct world *w, const int64_t days[], size_t count, int64_t minute)
{
    struct attempt a = {
        .channel_id = 1, .reason = SPAN_LIT("error_status_code"), .detail = SPAN_LIT("500"), .counted = true};
    assert_int_equal(w->b->ops->begin(w->b), ERR_NONE);
    for (size_t i = 0; i < count; i++)
        for (int64_t m = minute; m < minute + 5; m++)
            assert_int_equal(
                w->b->ops->events->result_put(w->b, &a, NULL, 0, (days[i] * 1440 + m) * ERROR_MINUTE_MS),
                ERR_NONE);
    assert_int_equal(w->b->ops->commit(w->b), ERR_NONE);
}

/* What a clock that was ahead has dated goes, a few rows a step, whether or not it was moved already;
 * nothing else does, nor before it is known. */
static void days_ahead_go(void **state)
{
    (void)state;
    const int64_t day = MINUTE(MIDNIGHT_JST) / 1440, days[] = {day - 1, day, day + 1, day + 2, day + 3650};
    for (int disk = 0; disk < 2; disk++) {
        struct world w = {.disk = disk, .now = (day + 4000) * 1440 * ERROR_MINUTE_MS};
        open_store(&w);
        put_days(&w, days, 5, 0);
        while (tidy(&w, 0, 100, true).ret_moved) {
        }
        put_days(&w, days, 5, 5);
        w.now = MIDNIGHT_JST;
        assert_int_equal(tidy(&w, 0, 100, true).ret_pruned, 0);
        struct error_tidy t = {.prune_after = (day + 1) * 1440 + 700, .limit = 3};
        uint32_t gone = 0, steps = 0;
        assert_int_equal(w.b->ops->begin(w.b), ERR_NONE);
        do {
            assert_int_equal(w.b->ops->errors->error_tidy(w.b, &t), ERR_NONE);
            assert_true(t.ret_pruned <= 3);
            gone += t.ret_pruned;
            assert_true(++steps < 20);
        } while (t.ret_pruned == 3);
        assert_int_equal(w.b->ops->commit(w.b), ERR_NONE);
        assert_int_equal(gone, 20);
        struct error_page p = {.channel_id = 1, .to = INT64_MAX / 2};
        w.r = random_seeded_init(&w.seeded, 5);
        list_all(&w, p, &got);
        assert_int_equal(got.count, 30);
        assert_int_equal(got.rows[0].minute, (day + 1) * 1440 + 9);
        w.b->ops->close(w.b);
        if (disk)
            assert_int_equal(remove_dir(NULL) | make_dir(NULL), 0);
    }
}

/* What a channel leaves behind goes with it, a few rows at a time; the others' stay. */
static void a_deleted_channel(void **state)
{
    (void)state;
    for (int disk = 0; disk < 2; disk++) {
        struct world w = {.disk = disk, .now = MIDNIGHT_JST};
        w.r = random_seeded_init(&w.seeded, 5);
        open_store(&w);
        struct channel channels[2] = {{.name = "a", .language = "en"}, {.name = "b", .language = "en"}};
        assert_int_equal(w.b->ops->begin(w.b), ERR_NONE);
        for (int c = 0; c < 2; c++) {
            assert_int_equal(w.b->ops->channels->channel_insert(w.b, &channels[c]), ERR_NONE);
            struct attempt a = {.channel_id = channels[c].id,
                                .reason = SPAN_LIT("error_status_code"),
                                .detail = SPAN_LIT("500"),
                                .counted = true};
            for (int i = 0; i < 100; i++) /* some days, and the minutes that are not over */
                assert_int_equal(w.b->ops->events->result_put(w.b, &a, NULL, 0,
                                                              MIDNIGHT_JST - (i < 50 ? i : i * 100) * 60000),
                                 ERR_NONE);
        }
        assert_int_equal(w.b->ops->commit(w.b), ERR_NONE);
        w.now -= 20 * 60000;
        while (tidy(&w, 0, 100, true).ret_moved) {
        }
        assert_int_equal(w.b->ops->begin(w.b), ERR_NONE);
        assert_int_equal(w.b->ops->channels->channel_delete(w.b, channels[0].id), ERR_NONE);
        uint32_t n = 0, sum = 0;
        do {
            assert_int_equal(w.b->ops->channels->channel_prune(w.b, 7, &n), ERR_NONE);
            assert_true(n <= 7);
            sum += n;
        } while (n == 7);
        assert_int_equal(sum, disk ? 100 : 0); /* the twin has no steps */
        assert_int_equal(w.b->ops->commit(w.b), ERR_NONE);
        for (int c = 0; c < 2; c++) {
            list_all(&w, (struct error_page){.channel_id = channels[c].id, .to = INT64_MAX / 2}, &got);
            assert_int_equal(got.count, c ? 100 : 0);
        }
        w.b->ops->close(w.b);
        if (disk)
            assert_int_equal(remove_dir(NULL) | make_dir(NULL), 0);
    }
}

/* A failing disk: the attempt and its count go together. */
static void all_or_nothing(void **state)
{
    (void)state;
    struct backend *b;
    assert_int_equal(memory_open(&b), ERR_NONE);
    struct attempt a = {
        .channel_id = 1, .reason = SPAN_LIT("error_status_code"), .detail = SPAN_LIT("500"), .counted = true};
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    memory_fail_at(b, 2, ERR_FULL);
    assert_int_equal(b->ops->events->result_put(b, &a, NULL, 0, MIDNIGHT_JST), ERR_NONE);
    assert_int_equal(b->ops->commit(b), ERR_FULL);
    b->ops->rollback(b);
    memory_fail_at(b, 0, ERR_NONE);
    struct world w = {.b = b, .now = MIDNIGHT_JST};
    w.r = random_seeded_init(&w.seeded, 4);
    list_all(&w, (struct error_page){.channel_id = 1, .to = INT64_MAX / 2}, &got);
    assert_int_equal(got.count, 0);
    b->ops->close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(on_disk, make_dir, remove_dir),
        cmocka_unit_test(in_memory),
        cmocka_unit_test_setup_teardown(old_days_go, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(days_ahead_go, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_deleted_channel, make_dir, remove_dir),
        cmocka_unit_test(all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
