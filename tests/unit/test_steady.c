/* When a wall clock is believed: tables of looks, each with what the clocks and the store said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/steady.h"

#define DAY INT64_C(86400000)
#define HOUR INT64_C(3600000)
#define NOW INT64_C(1795000000000)
#define MAX_ROWS 12

struct row {
    int64_t wall, mono; /* since NOW, and since the start */
    bool believed;
    int64_t seen; /* from this row on MARK_SEEN is this, since NOW; 0: what was kept */
    bool restart; /* a new process before this look */
    const char *why;
};

static void walk(const struct row *rows, int64_t seen)
{
    struct steady s = {0};
    int64_t steady = 0, trial_at = 0, base = 0;
    for (int i = 0; i < MAX_ROWS && rows[i].why; i++) {
        const struct row *r = &rows[i];
        if (r->restart) {
            s = (struct steady){0};
            base = r->mono;
        }
        if (r->seen)
            seen = NOW + r->seen;
        struct steady_look l = {.wall_ms = NOW + r->wall,
                                .mono_ms = 5000 + r->mono - base,
                                .seen = seen,
                                .steady = steady,
                                .trial_at = trial_at};
        bool was = s.believed, known = s.known;
        steady_look(&s, &l);
        if (s.believed != r->believed)
            fail_msg("row %d: %s: believed %d", i, r->why, s.believed);
        assert_int_equal(l.ret_changed, !known || was != s.believed);
        assert_int_equal(steady_time(&s, l.wall_ms, l.mono_ms), r->believed ? l.wall_ms : 0);
        if (l.ret_keep) {
            seen = l.ret_seen;
            steady = l.ret_steady;
            trial_at = l.ret_trial_at;
        }
        if (r->believed && l.ret_keep)
            assert_int_equal(seen, l.wall_ms);
    }
}

static void rows_of_looks(void **state)
{
    (void)state;
    static const struct row tables[][MAX_ROWS] = {
        {{.wall = 1, .mono = 0, .believed = true, .why = "a restart after a moment"},
         {.wall = HOUR, .mono = HOUR, .believed = true, .why = "time goes on"},
         {.wall = 90 * DAY, .mono = 90 * DAY, .believed = true, .why = "for months"},
         {.wall = 90 * DAY + 20 * HOUR,
          .mono = 90 * DAY,
          .believed = true,
          .why = "a step of less than a day"},
         {.wall = 92 * DAY, .mono = 90 * DAY + 1000, .why = "another: more than a day in all"},
         {.wall = 90 * DAY + HOUR, .mono = 90 * DAY + HOUR, .believed = true, .why = "it is right again"}},
        {{.wall = 3650 * DAY, .mono = 0, .why = "ten years ahead at the start"},
         {.wall = 3650 * DAY + 23 * HOUR, .mono = 23 * HOUR, .why = "not for a day yet"},
         {.wall = 3650 * DAY + DAY, .mono = DAY, .believed = true, .why = "a day of steady time"},
         {.wall = 3652 * DAY, .mono = 2 * DAY, .believed = true, .why = "and on"},
         {.wall = 2 * DAY, .mono = 2 * DAY + 1000, .why = "the right time is now off"},
         {.wall = 3 * DAY, .mono = 3 * DAY + 1000, .believed = true, .why = "for a day"}},
        {{.wall = 3650 * DAY, .mono = 0, .why = "ahead"},
         {.wall = 3650 * DAY + 20 * HOUR, .mono = 20 * HOUR, .why = "20 hours"},
         {.wall = 3650 * DAY + 25 * HOUR, .mono = 21 * HOUR, .why = "set by four hours: begun anew"},
         {.wall = 3650 * DAY + 30 * HOUR,
          .mono = 26 * HOUR,
          .why = "a day since the start, not of steady time"},
         {.wall = 3650 * DAY + 49 * HOUR, .mono = 45 * HOUR, .believed = true, .why = "a day after that"}},
        {{.wall = 7 * DAY, .mono = 0, .why = "down for a week"},
         {.wall = 7 * DAY + 12 * HOUR, .mono = 12 * HOUR, .why = "half a day"},
         {.wall = 7 * DAY + 13 * HOUR,
          .mono = 13 * HOUR,
          .restart = true,
          .why = "started again: half is kept"},
         {.wall = 7 * DAY + 23 * HOUR, .mono = 23 * HOUR, .why = "ten hours more"},
         {.wall = 7 * DAY + 26 * HOUR, .mono = 26 * HOUR, .believed = true, .why = "together a day"}},
        {{.wall = 7 * DAY, .mono = 0, .why = "down for a week"},
         {.wall = 7 * DAY + 20 * HOUR, .mono = 20 * HOUR, .why = "nearly a day"},
         {.wall = 3650 * DAY,
          .mono = 21 * HOUR,
          .restart = true,
          .why = "another clock: nothing of it counts"},
         {.wall = 3650 * DAY + 20 * HOUR, .mono = 41 * HOUR, .why = "20 hours of the other"}},
        {{.wall = 7 * DAY, .mono = 0, .why = "down for a week"},
         {.wall = 7 * DAY + 1000, .mono = 1000, .seen = 1, .why = "somebody says another time"},
         {.wall = 7 * DAY + 2000,
          .mono = 2000,
          .seen = 7 * DAY,
          .believed = true,
          .why = "an operator says it"},
         {.wall = 8 * DAY, .mono = DAY, .believed = true, .why = "and it stays so"},
         {.wall = 8 * DAY, .mono = DAY, .restart = true, .believed = true, .why = "over a restart"}},
        {{.wall = -3650 * DAY, .mono = 0, .why = "ten years behind"},
         {.wall = HOUR, .mono = HOUR, .believed = true, .why = "mended"}},
        /* What this process wrote itself is no operator's word. */
        {{.wall = DAY, .mono = 0, .believed = true, .why = "down for a day"},
         {.wall = 2 * DAY,
          .mono = 0,
          .believed = true,
          .why = "the day that is believed counts from the start"},
         {.wall = 2 * DAY + 1000, .mono = 0, .why = "and no more than that"}},
    };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        walk(tables[i], NOW);
}

/* Between two looks the clock may be set: what is asked for then is not what the last look found. */
static void set_between_looks(void **state)
{
    (void)state;
    struct steady s = {0};
    assert_int_equal(steady_time(&s, NOW, 0), 0); /* before the first */
    struct steady_look l = {.wall_ms = NOW, .mono_ms = 77, .seen = NOW - 1000};
    steady_look(&s, &l);
    assert_int_equal(steady_time(&s, NOW + 10, 87), NOW + 10);
    assert_int_equal(steady_time(&s, NOW + 2 * DAY, 88), 0);
    assert_int_equal(steady_time(&s, NOW - 2 * DAY, 89), 0);
    assert_int_equal(steady_time(&s, NOW + 2 * DAY, 77 + 2 * DAY), NOW + 2 * DAY);
}

/* The time as other threads reckon it: the wall clock's while that is a day off at most, else what has
 * passed since. */
static void reckoned(void **state)
{
    (void)state;
    struct steady s = {0};
    assert_int_equal(steady_guess(steady_ahead(&s), NOW, 77), 0); /* before the first look */
    struct steady_look l = {.wall_ms = NOW, .mono_ms = 77, .seen = NOW - 1000};
    steady_look(&s, &l);
    int64_t ahead = steady_ahead(&s);
    assert_int_equal(steady_guess(ahead, NOW + 10, 87), NOW + 10);
    assert_int_equal(steady_guess(ahead, NOW + DAY, 87), NOW + DAY);
    assert_int_equal(steady_guess(ahead, NOW + 10 * DAY, 87), NOW + 10);
    assert_int_equal(steady_guess(ahead, NOW - 10 * DAY, 87), NOW + 10);
    s = (struct steady){0};
    l = (struct steady_look){.wall_ms = NOW + 10 * DAY, .mono_ms = 77, .seen = NOW};
    steady_look(&s, &l);
    assert_false(s.believed);
    assert_int_equal(steady_guess(steady_ahead(&s), NOW + 10 * DAY + 5, 82), NOW + 5);
}

/* A store that keeps no marks believes its clock, and is asked to keep none. */
static void nothing_kept(void **state)
{
    (void)state;
    struct steady s = {0};
    struct steady_look l = {.wall_ms = NOW, .mono_ms = 1};
    steady_look(&s, &l);
    assert_true(s.believed);
    assert_false(l.ret_keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_looks),
        cmocka_unit_test(set_between_looks),
        cmocka_unit_test(reckoned),
        cmocka_unit_test(nothing_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
