/* Looking through a database for damage step by step: a sound one is sound, and a page of any table or index
 * that is written over is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "remove_tree.h"
#include "store/backend.h"
#include "store/sqlite/sqlite.h"

#define EVENTS 6000 /* of 8,000 bytes: past the bound of what is looked through in one go */
#define JSON_LEN 8000u
#define PAGE 4096

static char dir[64], path[96];

static int64_t ask(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(q, 0);
    (void)sqlite3_finalize(q);
    (void)sqlite3_close(db);
    return n;
}

static void run(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int begin(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/todoke-integrity-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/todoke.db", dir);
    struct backend *b;
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    b->ops->close(b);
    /* Rows of every large kind: with pages of overflow, with rowid and without, with an index of all rows and
     * of some. */
    char sql[1200];
    (void)snprintf(sql, sizeof(sql),
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) "
                   "INSERT INTO payload SELECT i, 1, 0, zeroblob(%u) FROM n;"
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) "
                   "INSERT INTO fate SELECT i%%7, i, i, i%%3 FROM n;"
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) "
                   "INSERT INTO idempotency SELECT 1, 'key '||i, i/5, x'00', x'00' FROM n;"
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) "
                   "INSERT INTO error_row SELECT i/1440, 1, i, 'r', 'd', 1, 1, 1 FROM n;",
                   EVENTS, JSON_LEN, EVENTS, EVENTS, EVENTS);
    run(sql);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)remove_tree(dir);
    return 0;
}

static uint32_t walk(char text[INTEGRITY_TEXT], unsigned *ret_steps)
{
    struct backend *b;
    uint32_t found = 0;
    struct integrity_step step = {.anew = true};
    assert_int_equal(sqlite_open(&b, dir, STORE_READ), ERR_NONE);
    text[0] = '\0';
    *ret_steps = 0;
    do { /* each in a transaction of its own */
        assert_int_equal(b->ops->begin(b), ERR_NONE);
        assert_int_equal(b->ops->upkeep->integrity(b, &step), ERR_NONE);
        enum err e = b->ops->commit(b); /* which says once more what the step has found */
        assert_true(e == ERR_NONE || (e == ERR_DAMAGED && step.ret_found));
        if (e)
            b->ops->rollback(b);
        if (!found && step.ret_found)
            memcpy(text, step.ret_text, INTEGRITY_TEXT);
        found += step.ret_found;
        assert_true(++*ret_steps < 2000);
    } while (!step.ret_done);
    b->ops->close(b);
    return found;
}

static void a_sound_one(void **state)
{
    (void)state;
    char text[INTEGRITY_TEXT];
    unsigned steps;
    assert_int_equal(walk(text, &steps), 0);
    /* Each table and index, and six large ones in slices, one of them of two thirds of the rows. */
    assert_true(steps >=
                (unsigned)ask("SELECT count(*) FROM sqlite_schema WHERE rootpage>0") + 5 * EVENTS / 500);
}

static void overwrite(int64_t page, char save[PAGE], bool back)
{
    char junk[PAGE];
    for (int i = 0; i < PAGE; i++)
        junk[i] = (char)(7 + i * 31);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    if (!back)
        assert_int_equal(pread(fd, save, PAGE, (page - 1) * PAGE), PAGE);
    assert_int_equal(pwrite(fd, back ? save : junk, PAGE, (page - 1) * PAGE), PAGE);
    (void)close(fd);
}

static void a_page_of_each(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type;
    } pages[] = {{"payload", "leaf"},
                 {"payload", "internal"},
                 {"fate", "leaf"},
                 {"fate_failed", "leaf"},
                 {"fate_failed", "internal"},
                 {"idempotency", "leaf"},
                 {"idempotency_age", "leaf"},
                 {"error_row", "leaf"},
                 {"channel", "leaf"}, /* a small one */
                 {"sqlite_autoindex_account_1", "leaf"}};
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        char sql[320], save[PAGE], text[INTEGRITY_TEXT];
        unsigned steps;
        (void)snprintf(
            sql, sizeof(sql),
            "SELECT pageno FROM dbstat WHERE name='%s' AND pagetype='%s' ORDER BY path LIMIT 1 OFFSET "
            "(SELECT count(*)/2 FROM dbstat WHERE name='%s' AND pagetype='%s')",
            pages[i].name, pages[i].type, pages[i].name, pages[i].type);
        int64_t page = ask(sql);
        overwrite(page, save, false);
        if (!walk(text, &steps))
            fail_msg("page %lld of %s, %s: not found", (long long)page, pages[i].name, pages[i].type);
        assert_true(text[0]);
        overwrite(page, save, true);
    }
    char text[INTEGRITY_TEXT];
    unsigned steps;
    assert_int_equal(walk(text, &steps), 0);
}

/* Damage in the first page: how many rows there are is not known, and no step may read all of a table of
 * any size. */
static void a_large_one_goes_by_slices(void **state)
{
    (void)state;
    static const char *const tables[] = {"payload", "fate", "idempotency", "error_row"};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        char sql[160], save[PAGE];
        (void)snprintf(sql, sizeof(sql),
                       "SELECT pageno FROM dbstat WHERE name='%s' AND pagetype='leaf' ORDER BY path LIMIT 1",
                       tables[i]);
        int64_t page = ask(sql);
        overwrite(page, save, false);
        struct backend *b;
        struct integrity_step step = {.anew = true};
        uint32_t places = 0;
        assert_int_equal(sqlite_open(&b, dir, STORE_READ), ERR_NONE);
        do {
            assert_int_equal(b->ops->begin(b), ERR_NONE);
            assert_int_equal(b->ops->upkeep->integrity(b, &step), ERR_NONE);
            if (b->ops->commit(b))
                b->ops->rollback(b);
            places += step.ret_found;
            int read = 0, highest = 0;
            assert_int_equal(
                sqlite3_db_status(sqlite_of(b)->db, SQLITE_DBSTATUS_CACHE_MISS, &read, &highest, 1),
                SQLITE_OK);
            if (read > 6000) /* a slice of payload is 1,500, all of it 12,000 */
                fail_msg("%s damaged: %d pages in one step", tables[i], read);
        } while (!step.ret_done);
        assert_true(places > 0);
        b->ops->close(b);
        overwrite(page, save, true);
    }
}

struct found {
    uint32_t count;
};

static void count(void *arg, const char *text)
{
    assert_true(text[0]);
    ((struct found *)arg)->count++;
}

static void all_at_once(void **state)
{
    (void)state;
    struct found f = {0};
    char save[PAGE];
    assert_int_equal(sqlite_integrity_all(dir, 10, count, &f), ERR_NONE);
    assert_int_equal(f.count, 0);
    int64_t page = ask("SELECT max(pageno) FROM dbstat WHERE name='fate_failed'");
    overwrite(page, save, false);
    enum err e = sqlite_integrity_all(dir, 10, count, &f);
    assert_true(e == ERR_NONE || e == ERR_DAMAGED);
    assert_true(f.count > 0);
    overwrite(page, save, true);
}

/* Without memory a step fails as a step does, and the next goes on. */
static void without_memory(void **state)
{
    (void)state;
    struct backend *b;
    assert_int_equal(sqlite_open(&b, dir, STORE_READ), ERR_NONE);
    unsigned long n = 1;
    for (bool hit = true; hit; n++) {
        struct integrity_step step = {.anew = true};
        (void)mem_fail_at(n);
        enum err e = b->ops->begin(b);
        for (int i = 0; !e && i < 12; i++)
            e = b->ops->upkeep->integrity(b, &step);
        hit = mem_fail_hit() != 0;
        (void)mem_fail_at(0);
        assert_true(e == ERR_NONE || e == ERR_NOMEM);
        b->ops->rollback(b);
    }
    assert_true(n > 3);
    b->ops->close(b);
}

int main(void)
{
    log_set_output(-1, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_one),
        cmocka_unit_test(a_page_of_each),
        cmocka_unit_test(a_large_one_goes_by_slices),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
