/* How rounds of retention go through the history: a backend that has events and a size only counts what is
 * looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "store/retention.h"

#define WAITING 2000 /* at the beginning of the history, */
#define ENDED 20000  /* and behind them, at most */
#define AT_FIRST 8000
#define EVENT_BYTES 1000u
#define ROUNDS 12

static struct {
    struct backend backend;
    bool gone[WAITING + ENDED + 1]; /* by id, from 1 */
    int64_t newest;
    uint64_t used, looked_waiting;
    unsigned rounds; /* in which something went */
} history;

static enum err nothing(struct backend *b)
{
    (void)b;
    return ERR_NONE;
}

static int64_t no_changes(struct backend *b)
{
    (void)b;
    return 0;
}

static void no_rollback(struct backend *b)
{
    (void)b;
}

static enum err size(struct backend *b, struct backend_size *ret)
{
    (void)b;
    *ret = (struct backend_size){.used = history.used};
    return ERR_NONE;
}

static struct {
    _Atomic int64_t marks[MARK_COUNT];
    int64_t operator_ms; /* an operator says right after the next look that it is that late; 0: nothing */
} kept;

static enum err mark_get(struct backend *b, enum store_mark mark, int64_t *ret)
{
    (void)b;
    *ret = kept.marks[mark];
    if (mark == MARK_TRIAL && kept.operator_ms) {
        kept.marks[MARK_SEEN] = kept.operator_ms;
        kept.marks[MARK_STEADY] = kept.marks[MARK_TRIAL] = kept.operator_ms = 0;
    }
    return ERR_NONE;
}

static enum err mark_put(struct backend *b, enum store_mark mark, int64_t value)
{
    (void)b;
    kept.marks[mark] = value;
    return ERR_NONE;
}

static enum err history_prune(struct backend *b, struct history_prune *p)
{
    (void)b;
    p->ret_events = p->ret_attempts = 0;
    p->ret_after = 0;
    uint32_t seen = 0;
    for (int64_t id = p->after + 1; id <= history.newest; id++) {
        if (history.gone[id])
            continue;
        if (id <= WAITING) {
            history.looked_waiting++;
        } else {
            history.gone[id] = true;
            history.used -= EVENT_BYTES;
            p->ret_events++;
        }
        if (++seen == p->scan) {
            p->ret_after = id;
            break;
        }
    }
    return ERR_NONE;
}

static const struct backend_marks marks = {.size = size, .mark_get = mark_get, .mark_put = mark_put};
static const struct backend_events events = {.history_prune = history_prune};
static const struct backend_ops ops = {.begin = nothing,
                                       .commit = nothing,
                                       .rollback = no_rollback,
                                       .changes = no_changes,
                                       .close = no_rollback,
                                       .marks = &marks,
                                       .events = &events};

/* A store that the operations above stand for, and its retention; the test begins that. */
struct world {
    struct backend writer, reader;
    uv_loop_t loop;
    struct store *store;
    struct mailbox mailbox;
    struct retention retention;
};

static void world_open(struct world *w)
{
    w->writer = w->reader = (struct backend){.ops = &ops};
    log_set_output(-1, NULL);
    assert_int_equal(store_start(&w->store, &w->writer, &w->reader), ERR_NONE);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(mailbox_init(&w->mailbox, &w->loop, NULL, NULL), ERR_NONE);
}

static void world_close(struct world *w)
{
    retention_close(&w->retention);
    mailbox_close(&w->mailbox);
    store_stop(w->store);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    store_close(w->store);
}

/* The history grows past its bound again and again: what waits at its beginning is not gone through for each
 * round. */
static void by_size_it_goes_on_where_it_stopped(void **state)
{
    (void)state;
    struct world w;
    struct retention *r = &w.retention;
    world_open(&w);
    history.newest = WAITING + AT_FIRST;
    history.used = (uint64_t)history.newest * EVENT_BYTES;
    const struct retention_config config = {.store = w.store,
                                            .mailbox = &w.mailbox,
                                            .clock = &clock_system,
                                            .age_ms = UINT32_MAX,
                                            .bytes_max = history.used - EVENT_BYTES};
    assert_int_equal(retention_init(r, &w.loop, &config), ERR_NONE);
    r->next_ms = UINT64_MAX; /* none by age */
    for (; history.rounds < ROUNDS; history.rounds++) {
        while (history.used > config.bytes_max) {
            if (!r->busy && r->round == ROUND_NONE) { /* at once, not in a second */
                uv_timer_stop(&r->timer);
                uv_timer_start(&r->timer, r->timer.timer_cb, 0, 0);
            }
            (void)uv_run(&w.loop, UV_RUN_ONCE);
        }
        while (r->busy || r->round != ROUND_NONE)
            (void)uv_run(&w.loop, UV_RUN_ONCE);
        while (history.used <= config.bytes_max) {
            assert_true(++history.newest <= WAITING + ENDED);
            history.used += EVENT_BYTES;
        }
    }
    assert_true(history.looked_waiting <= 2 * WAITING);
    world_close(&w);
}

/* `todoke check --accept-clock` between a look and what the look has written: the operator's word stands. */
static void what_an_operator_says_of_the_clock_stands(void **state)
{
    (void)state;
    struct world w;
    struct retention *r = &w.retention;
    int64_t now_ms = clock_system.wall_ms(NULL);
    world_open(&w);
    kept.marks[MARK_SEEN] = now_ms - INT64_C(10) * 86400000;
    kept.marks[MARK_STEADY] = 3600000; /* of another clock: the trial begins anew, which is written */
    kept.operator_ms = now_ms;
    const struct retention_config config = {
        .store = w.store, .mailbox = &w.mailbox, .clock = &clock_system, .age_ms = UINT32_MAX};
    assert_int_equal(retention_init(r, &w.loop, &config), ERR_NONE);
    r->next_ms = UINT64_MAX;
    do {
        (void)uv_run(&w.loop, UV_RUN_ONCE);
        r->next_ms = UINT64_MAX;
    } while (r->busy || r->round != ROUND_NONE);
    assert_true(r->clock.ret_keep);
    assert_false(r->steady.believed);
    assert_int_equal(kept.marks[MARK_SEEN], now_ms);
    assert_int_equal(kept.marks[MARK_STEADY], 0);
    r->clock = (struct steady_look){.wall_ms = clock_system.wall_ms(NULL),
                                    .mono_ms = (int64_t)(clock_system.mono_us(NULL) / 1000),
                                    .seen = kept.marks[MARK_SEEN]};
    steady_look(&r->steady, &r->clock);
    assert_true(r->steady.believed);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_size_it_goes_on_where_it_stopped),
        cmocka_unit_test(what_an_operator_says_of_the_clock_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
