#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ulid.h"

static void layout_comes_back_from_the_text(void **state)
{
    (void)state;
    static const struct {
        uint64_t ms;
        uint16_t node;
        uint64_t rowid;
    } rows[] = {
        {0, 0, 0},
        {1763776705123u, 7, 1},
        {1763776705123u, 0xFFFF, INT64_MAX},
        {ULID_MS_MAX, 0xFFFF, UINT64_MAX},
        {1, 0, UINT64_C(1) << 63},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[ULID_LEN];
        ulid_encode(ulid_make(rows[i].ms, rows[i].node, rows[i].rowid), text);
        struct ulid back;
        assert_int_equal(ulid_decode((struct span){text, ULID_LEN}, &back), ERR_NONE);
        assert_true(ulid_ms(back) == rows[i].ms);
        assert_true(ulid_node(back) == rows[i].node);
        assert_true(ulid_rowid(back) == rows[i].rowid);
    }
    assert_true(ulid_ms(ulid_make(UINT64_MAX, 3, 4)) == ULID_MS_MAX);
}

/* The example of the specification: its first ten characters are the time 1469918176385. */
static void known_answers(void **state)
{
    (void)state;
    struct ulid u;
    assert_int_equal(ulid_decode(SPAN_LIT("01ARYZ6S41TSV4RRFFQ69G5FAV"), &u), ERR_NONE);
    assert_true(ulid_ms(u) == 1469918176385u);
    char text[ULID_LEN];
    ulid_encode(u, text);
    assert_memory_equal(text, "01ARYZ6S41TSV4RRFFQ69G5FAV", ULID_LEN);
    ulid_encode(ulid_make(ULID_MS_MAX, 0xFFFF, UINT64_MAX), text);
    assert_memory_equal(text, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", ULID_LEN);
    struct ulid lower;
    assert_int_equal(ulid_decode(SPAN_LIT("01aryz6s41tsv4rrffq69g5fav"), &lower), ERR_NONE);
    assert_int_equal(ulid_cmp(u, lower), 0);
}

static void refuses_what_is_not_one(void **state)
{
    (void)state;
    static const struct {
        struct span text;
        const char *why;
    } rows[] = {
        {SPAN_LIT(""), "empty"},
        {SPAN_LIT("01ARYZ6S41TSV4RRFFQ69G5FA"), "short"},
        {SPAN_LIT("01ARYZ6S41TSV4RRFFQ69G5FAVA"), "long"},
        {SPAN_LIT("80000000000000000000000000"), "129 bits"},
        {SPAN_LIT("ZZZZZZZZZZZZZZZZZZZZZZZZZZ"), "130 bits"},
        {SPAN_LIT("\xFF"
                  "1ARYZ6S41TSV4RRFFQ69G5FAV"),
         "not ASCII"},
        {SPAN_LIT("01ARYZ6S41TSV4RRFFQ69G5FAU"), "U"},
        {SPAN_LIT("01ARYZ6S41TSV4RRFFQ69G5FAI"), "I"},
        {SPAN_LIT("01ARYZ6S41TSV4RRFFQ69G5FAl"), "l"},
        {SPAN_LIT("O1ARYZ6S41TSV4RRFFQ69G5FAV"), "O"},
        {SPAN_LIT("01ARYZ6S41-TSV4RRFFQ69G5FA"), "hyphen"},
        {SPAN_LIT("01ARYZ6S41TSV4RRFFQ69G5F\0V"), "NUL"},
        {SPAN_LIT(" 1ARYZ6S41TSV4RRFFQ69G5FAV"), "space"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ulid u = {1, 2};
        if (ulid_decode(rows[i].text, &u) != ERR_INVALID)
            fail_msg("accepted: %s", rows[i].why);
        assert_true(u.hi == 1 && u.lo == 2);
    }
}

static void text_sorts_as_time_and_row(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random r = random_seeded_init(&seed, 1);
    char before[ULID_LEN], after[ULID_LEN];
    for (int i = 0; i < 10000; i++) {
        struct ulid a = ulid_random(random_below(&r, 3), &r);
        struct ulid b = ulid_random(random_below(&r, 3), &r);
        ulid_encode(a, before);
        ulid_encode(b, after);
        int by_text = memcmp(before, after, ULID_LEN);
        assert_int_equal((by_text > 0) - (by_text < 0), ulid_cmp(a, b));
    }
}

static void sequence_always_rises(void **state)
{
    (void)state;
    struct ulid_seq seq = {0};
    int64_t n, last;
    assert_int_equal(ulid_seq_next(&seq, 1763776705123, &last), ERR_NONE);
    assert_true(last == INT64_C(1763776705123) << ULID_SEQ_SHIFT);
    assert_int_equal(ulid_seq_next(&seq, 1763776705123, &n), ERR_NONE);
    assert_true(n == last + 1);
    assert_int_equal(ulid_seq_next(&seq, 1763776700000, &n), ERR_NONE); /* the clock stepped back */
    assert_true(n == last + 2);
    assert_int_equal(ulid_seq_next(&seq, -5, &n), ERR_NONE);
    assert_true(n == last + 3);
    assert_int_equal(ulid_seq_next(&seq, 1763776705124, &n), ERR_NONE);
    assert_true(n == INT64_C(1763776705124) << ULID_SEQ_SHIFT);
    assert_int_equal(ulid_seq_next(&seq, INT64_MAX, &last), ERR_NONE);
    assert_true(last == n + 1);
    seq.last = INT64_MAX;
    assert_int_equal(ulid_seq_next(&seq, 1763776705124, &n), ERR_LIMIT);
}

static void bounded_random_is_even(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random r = random_seeded_init(&seed, 42);
    int seen[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t v = random_below(&r, 7);
        assert_true(v < 7);
        seen[v]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 9500, 10500);
    assert_true(random_below(&r, 0) == 0);
    assert_true(random_below(&r, 1) == 0);
    assert_true(random_u64(&random_system) != random_u64(&random_system));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_comes_back_from_the_text), cmocka_unit_test(known_answers),
        cmocka_unit_test(refuses_what_is_not_one),         cmocka_unit_test(text_sorts_as_time_and_row),
        cmocka_unit_test(sequence_always_rises),           cmocka_unit_test(bounded_random_is_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
