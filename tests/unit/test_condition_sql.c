/*
 * Thousands of random conditions over random users: SQL and the walk over one user say the same of each. The
 * pools hold what SQLite, JSON and C are known to see differently.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "condition_world.h"

static void try_condition(struct world *w, size_t *ret_matches)
{
    struct condition *c = NULL;
    struct condition_fault why;
    sqlite3_stmt *q = NULL;
    buf_clear(&w->text);
    node(w, &w->text, 4);
    if (condition_parse(buf_span(&w->text), &c, &why))
        fail_msg("%.*s: %s: %s", (int)buf_len(&w->text), buf_span(&w->text).ptr, why.path, why.message);
    struct user_search search = {.provider_id = 1, .condition = c, .now_ms = NOW};
    assert_int_equal(sqlite_condition_statement(sqlite_of(w->b), &search, &q), ERR_NONE);
    for (size_t i = 0; i < PEOPLE; i++) {
        bool want;
        assert_int_equal(sqlite3_step(q), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int64(q, 0), w->users[i].id);
        assert_int_equal(sqlite3_column_type(q, 5), SQLITE_INTEGER);
        assert_int_equal(condition_match(c, &w->users[i], received, w, NOW, &want), ERR_NONE);
        if (sqlite3_column_int64(q, 5) != want)
            fail_msg("%.*s\nof %.*s: SQL says %lld, the walk %d\n%s", (int)buf_len(&w->text),
                     buf_span(&w->text).ptr, (int)w->users[i].attributes.len, w->users[i].attributes.ptr,
                     (long long)sqlite3_column_int64(q, 5), want, sqlite3_sql(q));
        *ret_matches += want;
    }
    assert_int_equal(sqlite3_step(q), SQLITE_DONE);
    (void)sqlite3_finalize(q);
    condition_free(c);
}

static void make_world(struct world *w)
{
    char path[80];
    w->r = random_seeded_init(&w->seeded, 42);
    buf_init(&w->text, CONDITION_TEXT_MAX);
    assert_int_equal(sqlite_open(&w->b, dir, STORE_WRITE), ERR_NONE);
    (void)snprintf(path, sizeof(path), "%s/todoke.db", dir);
    assert_int_equal(sqlite3_open(path, &w->db), SQLITE_OK);
    run(w, "PRAGMA synchronous=OFF; BEGIN");
    for (size_t i = 0; i < PEOPLE; i++) {
        make_user(w, i);
        insert_user(w, &w->users[i], 1);
        insert_user(w, &w->users[i], 2 + (int64_t)i % 3); /* of others, who must not be seen */
    }
    run(w, "COMMIT");
    make_messages(w);
}

static void free_world(struct world *w)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        mem_free((void *)(uintptr_t)w->users[i].name.ptr);
        mem_free((void *)(uintptr_t)w->users[i].attributes.ptr);
        mem_free(w->targets[i]);
    }
    buf_deinit(&w->text);
    (void)sqlite3_close(w->db);
    w->b->ops->close(w->b);
}

static void both_say_the_same(void **state)
{
    (void)state;
    AUTO_FREE struct world *w = mem_zero(1, sizeof(*w));
    size_t matches = 0, one = 0, some = 0;
    make_world(w);
    for (int i = 0; i < CONDITIONS; i++) {
        one = 0;
        try_condition(w, &one);
        matches += one;
        some += one > 0 && one < PEOPLE;
    }
    /* Conditions that nobody or everybody matches would show nothing. */
    assert_true(matches > CONDITIONS * PEOPLE / 10 && matches < CONDITIONS * PEOPLE * 9 / 10);
    assert_true(some > CONDITIONS * 2 / 5);
    free_world(w);
}

/* Whatever a condition says is bound: the SQL is made of its words only. */
static void says_nothing_of_values(void **state)
{
    (void)state;
    AUTO_FREE struct world *w = mem_zero(1, sizeof(*w));
    static const char *const json = "{\"all\":[{\"attribute\":\"secret'name\",\"is\":\"'; DROP TABLE job; "
                                    "--\"},{\"userId\":{\"in\":[\"secret\"]}},"
                                    "{\"attribute\":[\"secret\"],\"above\":77777},{\"received\":{"
                                    "\"campaign\":\"secret\",\"days\":777}}]}";
    struct condition *c = NULL;
    struct condition_fault why;
    sqlite3_stmt *q = NULL;
    make_world(w);
    assert_int_equal(condition_parse(span_of(json), &c, &why), ERR_NONE);
    struct user_search search = {.provider_id = 1, .condition = c, .now_ms = NOW};
    assert_int_equal(sqlite_condition_statement(sqlite_of(w->b), &search, &q), ERR_NONE);
    assert_null(strstr(sqlite3_sql(q), "secret"));
    assert_null(strstr(sqlite3_sql(q), "DROP"));
    assert_null(strstr(sqlite3_sql(q), "777"));
    (void)sqlite3_finalize(q);
    condition_free(c);
    free_world(w);
}

/* The longest list of values, and as many nodes in each other's way as there may be. */
static void largest(void **state)
{
    (void)state;
    AUTO_FREE struct world *w = mem_zero(1, sizeof(*w));
    struct condition *c = NULL;
    struct condition_fault why;
    make_world(w);
    for (int kind = 0; kind < 2; kind++) {
        buf_clear(&w->text);
        add(&w->text, kind ? "{\"any\":[" : "{\"attribute\":\"a\",\"in\":[0");
        for (int i = 0; i < (kind ? 254 : 8150); i++)
            add(&w->text, kind ? "{\"attribute\":\"a\",\"contains\":\"zzz\"}," : ",1");
        add(&w->text, kind ? "{\"all\":[]}]}" : "]}");
        assert_int_equal(condition_parse(buf_span(&w->text), &c, &why), ERR_NONE);
        sqlite3_stmt *q = NULL;
        struct user_search search = {.provider_id = 1, .condition = c, .now_ms = NOW};
        assert_int_equal(sqlite_condition_statement(sqlite_of(w->b), &search, &q), ERR_NONE);
        for (size_t i = 0; i < PEOPLE; i++) {
            bool want;
            assert_int_equal(sqlite3_step(q), SQLITE_ROW);
            assert_int_equal(condition_match(c, &w->users[i], received, w, NOW, &want), ERR_NONE);
            assert_int_equal(sqlite3_column_int64(q, 5), want);
        }
        (void)sqlite3_finalize(q);
        condition_free(c);
    }
    free_world(w);
}

struct found {
    int64_t ids[PEOPLE];
    size_t count, targets;
};

static enum err keep(void *arg, const struct user *u)
{
    struct found *f = arg;
    assert_true(f->count < PEOPLE);
    f->ids[f->count++] = u->id;
    f->targets += u->target_count;
    return ERR_NONE;
}

/*
 * Step by step, each bounded in users looked at and in users found, a search gives every match once, in
 * order.
 */
static void searches_in_steps(void **state)
{
    (void)state;
    AUTO_FREE struct world *w = mem_zero(1, sizeof(*w));
    make_world(w);
    for (int i = 0; i < 50; i++) {
        struct condition *c = NULL;
        struct condition_fault why;
        struct found f = {0};
        size_t want = 0, want_targets = 0, steps = 0, counted = 0;
        buf_clear(&w->text);
        node(w, &w->text, 3);
        assert_int_equal(condition_parse(buf_span(&w->text), &c, &why), ERR_NONE);
        struct user_search s = {.provider_id = 1, .condition = c, .now_ms = NOW, .scan = 7, .limit = 3};
        for (; !s.end; s.after = s.last, steps++) {
            size_t before = f.count;
            assert_true(steps <= PEOPLE);
            assert_int_equal(sqlite_user_search(w->b, &s, keep, &f), ERR_NONE);
            assert_int_equal(f.count - before, s.found);
            assert_true(s.found <= 3 && s.last - s.after <= 7);
        }
        for (size_t p = 0; p < PEOPLE; p++) {
            bool match;
            assert_int_equal(condition_match(c, &w->users[p], received, w, NOW, &match), ERR_NONE);
            if (!match)
                continue;
            assert_true(want < f.count && f.ids[want] == w->users[p].id);
            want++;
            want_targets += w->users[p].target_count;
        }
        assert_int_equal(want, f.count);
        assert_int_equal(want_targets, f.targets);
        s = (struct user_search){
            .provider_id = 1, .condition = c, .now_ms = NOW, .scan = 50, .limit = UINT32_MAX};
        for (; !s.end; s.after = s.last) {
            assert_int_equal(sqlite_user_search(w->b, &s, NULL, NULL), ERR_NONE);
            counted += s.found;
        }
        assert_int_equal(counted, want);
        s = (struct user_search){.provider_id = 1,
                                 .condition = c,
                                 .now_ms = NOW,
                                 .limit = 100,
                                 .text = SPAN_LIT("nobody is called so")};
        assert_int_equal(sqlite_user_search(w->b, &s, NULL, NULL), ERR_NONE);
        assert_int_equal(s.found, 0);
        condition_free(c);
    }
    free_world(w);
}

/* A search that lacks memory says so, and the next one is whole. */
static void lacks_memory(void **state)
{
    (void)state;
    AUTO_FREE struct world *w = mem_zero(1, sizeof(*w));
    struct condition *c = NULL;
    struct condition_fault why;
    make_world(w);
    assert_int_equal(condition_parse(SPAN_LIT("{\"any\":[{\"attribute\":\"a\",\"contains\":\"b\"},{"
                                              "\"attribute\":\"b\",\"in\":[\"a\",1]}]}"),
                                     &c, &why),
                     ERR_NONE);
    size_t want = 0;
    for (unsigned long n = 0; n < 200; n++) {
        struct found f = {0};
        struct user_search s = {.provider_id = 1, .condition = c, .now_ms = NOW, .limit = UINT32_MAX};
        (void)mem_fail_at(n);
        enum err e = sqlite_user_search(w->b, &s, keep, &f);
        int hit = mem_fail_hit();
        (void)mem_fail_at(0);
        assert_int_equal(e, n && hit ? ERR_NOMEM : ERR_NONE);
        want = n == 0 ? f.count : want;
        if (e)
            continue;
        assert_true(f.count > 0 && f.count == want);
        if (n)
            break;
    }
    condition_free(c);
    free_world(w);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(both_say_the_same), TEST(says_nothing_of_values), TEST(largest),
                                       TEST(searches_in_steps), TEST(lacks_memory)};
    return cmocka_run_group_tests_name("condition in SQL", tests, NULL, NULL);
}
