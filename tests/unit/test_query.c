/*
 * Queries in their process: what they see, what they may not, and how each bound ends them. TODOKE_BIN is the
 * program that is started.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "campaign/query.h"
#include "dir_fixture.h"
#include "store/backend.h"

#define SECRET "sesame-open"
#define STARS                                                                                                \
    "a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*"

static uv_loop_t loop;
static sqlite3 *writer; /* open while queries run, as the node's is */

struct ending {
    struct buf text; /* cells with '|' behind each, rows with '\n' */
    size_t rows, calls;
    bool ended;
    struct query *q;
    size_t pause_after; /* rows; 0: never */
    bool paused;
    enum query_result result;
    enum query_bound bound;
    char message[QUERY_MESSAGE_MAX];
    uint32_t line, column, ms;
    uint64_t steps;
    bool more;
    size_t columns;
    char first_column[64], plan[4096];
};

static void on_rows(void *arg, const struct query_row *rows, size_t count)
{
    static const char *const marks[] = {
        [QUERY_NULL] = "NULL", [QUERY_TEXT] = "", [QUERY_NUMBER] = "#", [QUERY_BLOB] = "x:"};
    struct ending *a = arg;
    assert_false(a->ended);
    assert_true(count > 0);
    a->rows += count;
    a->calls++;
    for (size_t i = 0; i < count && buf_len(&a->text) < 4000; i++)
        assert_int_equal(buf_printf(&a->text, "%s%.*s%s\n", marks[rows[i].cells[0].kind],
                                    (int)(rows[i].cells[0].text.len % 200), rows[i].cells[0].text.ptr,
                                    rows[i].cells[0].cut ? "…" : ""),
                         ERR_NONE);
    if (a->pause_after && a->rows >= a->pause_after) {
        a->paused = true;
        query_pause(a->q);
    }
}

static void on_end(void *arg, const struct query_end *end)
{
    struct ending *a = arg;
    assert_false(a->ended);
    a->ended = true;
    a->result = end->result;
    a->bound = end->bound;
    a->line = end->line;
    a->column = end->column;
    a->steps = end->steps;
    a->ms = end->ms;
    a->more = end->more;
    a->columns = end->column_count;
    (void)snprintf(a->message, sizeof(a->message), "%s", end->message);
    if (end->column_count)
        (void)snprintf(a->first_column, sizeof(a->first_column), "%s", end->columns[0]);
    for (size_t i = 0; i < end->plan_count; i++) {
        size_t len = strlen(a->plan);
        (void)snprintf(a->plan + len, sizeof(a->plan) - len, "%u %.*s\n", end->plan[i].depth,
                       (int)end->plan[i].text.len, end->plan[i].text.ptr);
    }
}

static const struct query_calls calls = {.rows = on_rows, .end = on_end};

static struct query_options options(void)
{
    return (struct query_options){.program = getenv("TODOKE_BIN"), .dir = dir};
}

static void start(struct ending *a, const struct query_options *o, const struct query_ask *ask)
{
    *a = (struct ending){.pause_after = a->pause_after};
    buf_init(&a->text, 1 << 16);
    assert_int_equal(query_start(&loop, o, ask, &calls, a, &a->q), ERR_NONE);
}

/* Runs it to its end, for provider 1, by user_id. */
static void ask(struct ending *a, const struct query_options *o, const char *sql)
{
    const struct query_ask q = {.provider_id = 1, .sql = span_of(sql), .by = BY_USER_ID};
    a->pause_after = 0;
    start(a, o, &q);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(a->ended);
}

static void release(struct ending *a)
{
    buf_deinit(&a->text);
}

static void wants_rows(const char *sql, const char *want)
{
    struct ending a;
    struct query_options o = options();
    ask(&a, &o, sql);
    if (a.result != QUERY_DONE || !span_eq(buf_span(&a.text), span_of(want)))
        fail_msg("%s: result %d, %s: %.*s", sql, (int)a.result, a.message, (int)buf_len(&a.text),
                 buf_span(&a.text).ptr);
    release(&a);
}

static void run(const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(writer, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

/* What a job's and a message's row has beside what these tests are about: empty, or 0. */
static void insert(const char *table, const char *values)
{
    char names[4096] = "", more[4096] = "", sql[9000];
    sqlite3_stmt *q;
    (void)snprintf(sql, sizeof(sql), "SELECT name, type FROM pragma_table_info('%s')", table);
    assert_int_equal(sqlite3_prepare_v2(writer, sql, -1, &q, NULL), SQLITE_OK);
    struct buf given;
    buf_init(&given, 4096);
    /* values: name=value;name=value */
    while (sqlite3_step(q) == SQLITE_ROW) {
        char key[64];
        const char *name = (const char *)sqlite3_column_text(q, 0),
                   *type = (const char *)sqlite3_column_text(q, 1);
        (void)snprintf(key, sizeof(key), ";%s=", name);
        const char *at = strstr(values, key);
        size_t n = strlen(names), m = strlen(more);
        if (!at && strcmp(name, "id") == 0)
            continue;
        (void)snprintf(names + n, sizeof(names) - n, "%s%s", n ? "," : "", name);
        if (at) {
            at += strlen(key);
            (void)snprintf(more + m, sizeof(more) - m, "%s%.*s", m ? "," : "", (int)strcspn(at, ";"), at);
        } else {
            (void)snprintf(more + m, sizeof(more) - m, "%s%s", m ? "," : "",
                           strcmp(type, "INTEGER") == 0 || strcmp(type, "REAL") == 0 ? "0" : "''");
        }
    }
    (void)sqlite3_finalize(q);
    buf_deinit(&given);
    (void)snprintf(sql, sizeof(sql), "INSERT INTO %s (%s) VALUES (%s)", table, names, more);
    run(sql);
}

static int make_database(void **state)
{
    char path[96];
    struct backend *b;
    if (make_dir(state) || sqlite_open(&b, dir, STORE_WRITE))
        return -1;
    b->ops->close(b);
    (void)snprintf(path, sizeof(path), "%s/todoke.db", dir);
    if (sqlite3_open(path, &writer) != SQLITE_OK)
        return -1;
    run("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=0");
    run("BEGIN");
    insert(
        "audience_user",
        ";provider_id=1;id=1;name='taro';attributes='{\"plan\":\"pro\",\"n\":5}';created_ms=1795903200000");
    insert("audience_user", ";provider_id=1;id=2;name='hanako';attributes='{\"plan\":\"free\"}'");
    insert("audience_user", ";provider_id=2;id=3;name='" SECRET "';attributes='{\"plan\":\"" SECRET "\"}'");
    insert("audience_target", ";provider_id=1;user_id=1;medium=0;value='taro@example.com';subscribed=1");
    insert("audience_target",
           ";provider_id=1;user_id=1;medium=3;value='https://push.example/1';p256dh='" SECRET
           "';auth='" SECRET "';subscribed=2");
    insert("audience_target", ";provider_id=2;user_id=3;medium=0;value='" SECRET "';subscribed=1");
    insert("list", ";id=7;provider_id=1;name='buyers';by_what='user_id';rows=2");
    insert("list", ";id=8;provider_id=2;name='" SECRET "';by_what='user_id';rows=1");
    insert("list_row", ";list_id=7;n=1;value='taro'");
    insert("list_row", ";list_id=7;n=2;value=NULL");
    insert("list_row", ";list_id=8;n=1;value='" SECRET "'");
    insert("job", ";id=1;provider_id=1;campaign_id=42;short_id='abc'");
    insert("job", ";id=2;provider_id=2;campaign_id=43;short_id='" SECRET "'");
    insert("message", ";job_id=1;n=1;user_id=1;target='taro@example.com';state=5;error='bounce'");
    insert("message", ";job_id=2;n=1;user_id=3;target='" SECRET "';state=3");
    insert("sender", ";id=1;provider_id=1;name='s';settings='" SECRET "';secret='" SECRET "'");
    insert("account", ";id=1;email='" SECRET "';name='" SECRET "';password='" SECRET "'");
    insert("segment", ";id=1;provider_id=2;name='" SECRET "';condition='" SECRET "'");
    run("COMMIT");
    return uv_loop_init(&loop);
}

static int remove_database(void **state)
{
    (void)sqlite3_close(writer);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) || remove_dir(state);
}

static void sees_its_provider(void **state)
{
    (void)state;
    wants_rows("SELECT user_id FROM users ORDER BY user_id", "hanako\ntaro\n");
    wants_rows("SELECT user_id FROM users WHERE attributes->>'plan'='pro'", "taro\n");
    wants_rows("SELECT user_id FROM users WHERE json_extract(attributes,'$.n')>4", "taro\n");
    wants_rows("SELECT created_at AS user_id FROM users WHERE user_id='taro'", "2026-11-28 22:00:00\n");
    wants_rows("SELECT user_id FROM targets WHERE medium='email' AND subscribed", "taro\n");
    wants_rows("SELECT value AS user_id FROM targets WHERE medium='browser' AND subscribed=0",
               "https://push.example/1\n");
    wants_rows("SELECT value AS user_id FROM lists WHERE list_id=7 ORDER BY n", "taro\nNULL\n");
    wants_rows("SELECT user_id FROM messages WHERE state='failed' AND error='bounce' AND short_id='abc' AND "
               "campaign_id=42",
               "taro\n");
    wants_rows(
        "SELECT u.user_id FROM users u LEFT JOIN messages m ON m.user_id=u.user_id WHERE m.job_id IS NULL",
        "hanako\n");
    wants_rows("-- whom we like\nSELECT user_id FROM users ORDER BY 1 DESC LIMIT 1; -- only one\n ;",
               "taro\n");
    wants_rows("SELECT count(*) AS user_id FROM users", "#2\n");
    wants_rows("SELECT count(*) AS USER_ID FROM targets", "#2\n");
    wants_rows("SELECT (SELECT count(*) FROM lists)||','||(SELECT count(*) FROM messages) AS user_id",
               "2,1\n");
    wants_rows("SELECT NULL AS user_id UNION ALL SELECT 7 UNION ALL SELECT 1.5 UNION ALL SELECT x'61'",
               "NULL\n#7\n#1.5\nx:a\n");
    wants_rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3) SELECT 'u'||i AS "
               "user_id FROM n",
               "u1\nu2\nu3\n");
    wants_rows("SELECT user_id FROM (SELECT user_id, row_number() OVER (ORDER BY user_id) AS r FROM users) "
               "WHERE r=2",
               "taro\n");
    wants_rows("SELECT rowid AS user_id FROM users LIMIT 1", "NULL\n");
    wants_rows("WITH a AS (SELECT 1 UNION SELECT 2) SELECT count(*) AS user_id FROM a x, a y, users", "#8\n");
    wants_rows("SELECT value AS user_id FROM json_each('[\"a\",\"b\"]')", "a\nb\n");
    wants_rows("SELECT j.key AS user_id FROM users, json_each(users.attributes) AS j WHERE user_id='hanako'",
               "plan\n");
}

static void sees_what_is_committed(void **state)
{
    (void)state;
    run("BEGIN IMMEDIATE");
    insert("audience_user", ";provider_id=1;id=10;name='jiro';attributes='{}'");
    wants_rows("SELECT user_id FROM users WHERE user_id='jiro'", ""); /* the writer is at work */
    run("COMMIT");
    wants_rows("SELECT user_id FROM users WHERE user_id='jiro'", "jiro\n"); /* it lies in the log only */
}

/* Whatever is asked: no row of others, no secret, missing written, and words that say what is wrong. */
static void hostile(void **state)
{
    (void)state;
    static const char *const rows[] = {
#include "query_hostile.def"
    };
    struct query_options o = options();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ending a;
        ask(&a, &o, rows[i]);
        if (a.result != QUERY_REFUSED || a.rows || !a.message[0] || strstr(a.message, SECRET) == a.message)
            fail_msg("%s: result %d, %zu rows, '%s'", rows[i], (int)a.result, a.rows, a.message);
        release(&a);
    }
    struct ending a;
    ask(&a, &o, "SELECT count(*) AS user_id FROM users"); /* and all is as it was */
    assert_int_equal(a.result, QUERY_DONE);
    assert_int_equal(access("/tmp/todoke-stolen.db", F_OK), -1);
    release(&a);
}

static void says_where(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *message;
        uint32_t line, column;
    } rows[] = {
        {"SELECT missing AS user_id FROM users", "no such column: missing", 1, 8},
        {"SELECT user_id\nFROM users\nWHERE 日本=1", "no such column: 日本", 3, 7},
        {"SELECT '日本', missing AS user_id FROM users", "no such column: missing", 1, 14},
        {"SELECT user_id FROM users; SELECT 1", "only one SELECT may be run, and something follows it", 1,
         27},
        {"SELECT attributes, 1 AS x FROM users", "the result has no column user_id; it has: attributes, x", 0,
         0},
        {"SELECT 1 AS user_id, 2 AS user_id", "the result has two columns user_id", 0, 0},
        {"SELECT user_id FROM people", "no such table: people", 0, 0},
        {"SELECT secret AS user_id FROM sender",
         "sender may not be read: there are the tables users, targets, lists and messages", 0, 0},
        {"SELECT load_extension('x') AS user_id", "there is no function load_extension", 0, 0},
        {"DELETE FROM users", "cannot modify users because it is a view", 0, 0},
        {"PRAGMA user_version", "only one SELECT may be run", 0, 0},
        {"SELECT abs(-9223372036854775808) AS user_id", "integer overflow", 0,
         0}, /* it ends with this on its way */
        {"SELECT 'a' LIKE 'b' ESCAPE 'cd' AS user_id", "ESCAPE expression must be a single character", 0, 0},
    };
    struct query_options o = options();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ending a;
        ask(&a, &o, rows[i].sql);
        if (a.result != QUERY_REFUSED || strcmp(a.message, rows[i].message) != 0 ||
            (rows[i].line && (a.line != rows[i].line || a.column != rows[i].column)))
            fail_msg("%s: %d '%s' at %u:%u", rows[i].sql, (int)a.result, a.message, a.line, a.column);
        release(&a);
    }
}

#define NUMBERS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100000000) "

static void excess(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        enum query_bound bound;
        struct query_options options;
    } rows[] = {
        {NUMBERS "SELECT max(i) AS user_id FROM n", QUERY_BOUND_TIME, {.time_ms = 300}},
        {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT max(i) AS user_id FROM n",
         QUERY_BOUND_TIME,
         {.time_ms = 300}},
        {NUMBERS "SELECT count(*) AS user_id FROM n a, n b, n c", QUERY_BOUND_TIME, {.time_ms = 300}},
        /* Within one function, where nothing looks at the clock: it is killed. */
        {"SELECT instr(hex(zeroblob(490000)), hex(zeroblob(240000))||'1') AS user_id",
         QUERY_BOUND_TIME,
         {.time_ms = 300}},
        {NUMBERS "SELECT 'u'||i AS user_id FROM n", QUERY_BOUND_ROWS, {.rows = 50000}},
        {"SELECT zeroblob(1000000000) AS user_id", QUERY_BOUND_MEMORY, {0}},
        {"SELECT hex(zeroblob(600000)) AS user_id", QUERY_BOUND_MEMORY, {0}},
        {NUMBERS "SELECT group_concat(hex(zeroblob(5000))) AS user_id FROM (SELECT i FROM n LIMIT 200)",
         QUERY_BOUND_MEMORY,
         {0}},
        {NUMBERS "SELECT json_group_array(i) AS user_id FROM n", QUERY_BOUND_MEMORY, {.memory = 8 << 20}},
        {NUMBERS "SELECT i AS user_id FROM n ORDER BY -i", QUERY_BOUND_SPACE, {.space = 4 << 20}},
        {NUMBERS "SELECT DISTINCT i AS user_id FROM n",
         QUERY_BOUND_SPACE,
         {.space = 4 << 20, .rows = UINT64_C(1) << 40}},
        {NUMBERS "SELECT i AS user_id FROM n ORDER BY -i", QUERY_BOUND_MEMORY, {.memory = 3 << 20}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ending a;
        struct query_options o = rows[i].options;
        o.program = getenv("TODOKE_BIN");
        o.dir = dir;
        ask(&a, &o, rows[i].sql);
        if (a.result != QUERY_EXCESS || a.bound != rows[i].bound || strlen(a.message) < 20)
            fail_msg("%s: %d, %s: '%s'", rows[i].sql, (int)a.result, query_bound_text(a.bound), a.message);
        release(&a);
    }
}

/* Much, but within every bound, and it leaves missing behind. */
static void large_but_allowed(void **state)
{
    (void)state;
    struct ending a;
    struct query_options o = options();
    o.memory = 64 << 20;
    ask(&a, &o,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<300000) SELECT DISTINCT "
        "'user-'||(i%200000) AS user_id "
        "FROM n ORDER BY random()");
    if (a.result != QUERY_DONE)
        fail_msg("%s", a.message);
    assert_int_equal(a.rows, 200000);
    assert_true(a.calls > 1 && a.steps > 300000);
    release(&a);
    char files[160];
    (void)snprintf(files, sizeof(files), "test -z \"$(ls -A %s | grep -v todoke.db)\"", dir);
    assert_int_equal(system(files), 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct ending *a = timer->data;
    size_t before = a->rows;
    assert_false(a->ended);
    a->pause_after = 0;
    query_resume(a->q);
    assert_true(a->rows >= before);
    uv_close((uv_handle_t *)timer, NULL);
}

/* While it is paused missing comes, whatever it has to say, and that time is not its own. */
static void waits_for_room(void **state)
{
    (void)state;
    struct ending a = {.pause_after = 1};
    struct query_options o = options();
    uv_timer_t timer;
    o.time_ms = 1500;
    const struct query_ask q = {.provider_id = 1,
                                .by = BY_USER_ID,
                                .sql = SPAN_LIT("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM "
                                                "n WHERE i<200000) SELECT 'user-'||i AS user_id FROM n")};
    start(&a, &o, &q);
    while (!a.paused)
        (void)uv_run(&loop, UV_RUN_ONCE);
    size_t rows = a.rows;
    (void)uv_timer_init(&loop, &timer);
    timer.data = &a;
    (void)uv_timer_start(&timer, on_timer, 3000, 0);
    while (!uv_is_closing((uv_handle_t *)&timer)) {
        assert_true(a.pause_after == 0 || a.rows == rows);
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(a.ended);
    if (a.result != QUERY_DONE)
        fail_msg("%s", a.message);
    assert_int_equal(a.rows, 200000);
    release(&a);
}

static void stops_at_once(void **state)
{
    (void)state;
    struct ending a = {.pause_after = 1};
    struct query_options o = options();
    const struct query_ask q = {
        .provider_id = 1, .by = BY_USER_ID, .sql = SPAN_LIT(NUMBERS "SELECT i AS user_id FROM n")};
    for (int when = 0; when < 3; when++) {
        start(&a, &o, &q);
        while (when == 2 && !a.paused)
            (void)uv_run(&loop, UV_RUN_ONCE);
        if (when == 1)
            (void)uv_run(&loop, UV_RUN_ONCE);
        query_stop(a.q);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        assert_false(a.ended);
        release(&a);
    }
    query_stop(NULL);
}

static void previews(void **state)
{
    (void)state;
    struct ending a = {0};
    struct query_options o = options();
    struct query_ask q = {
        .provider_id = 1,
        .preview = true,
        .sql = SPAN_LIT(
            "SELECT i AS number, hex(zeroblob(5000)) AS long, NULL AS missing FROM (WITH RECURSIVE n(i) AS "
            "(SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000000000) SELECT i FROM n)")};
    start(&a, &o, &q);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    if (a.result != QUERY_DONE)
        fail_msg("%s", a.message);
    assert_int_equal(a.rows, QUERY_PREVIEW_ROWS);
    assert_true(a.more);
    assert_int_equal(a.columns, 3);
    assert_string_equal(a.first_column, "number");
    release(&a);
    q.sql = SPAN_LIT(
        "SELECT u.user_id, count(*) AS c FROM users u JOIN targets t USING (user_id) GROUP BY u.user_id");
    start(&a, &o, &q);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(a.result, QUERY_DONE);
    assert_int_equal(a.rows, 1);
    assert_false(a.more);
    assert_true(a.steps > 0);
    assert_non_null(strstr(a.plan, "PRIMARY KEY (provider_id=?"));
    assert_null(strstr(a.plan, "_users"));
    release(&a);
    q.sql = SPAN_LIT("SELECT name FROM main.sender");
    start(&a, &o, &q);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(a.result, QUERY_REFUSED);
    assert_int_equal(a.columns + a.rows, 0);
    release(&a);
}

static void fails_by_itself(void **state)
{
    (void)state;
    struct ending a;
    struct query_options o = options();
    struct query *q = NULL;
    const struct query_ask ask_ = {.provider_id = 1, .sql = SPAN_LIT("SELECT 1 AS user_id")};
    o.program = "/no/such/todoke";
    assert_int_equal(query_start(&loop, &o, &ask_, &calls, &a, &q), ERR_IO);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    o.program = "/bin/true"; /* ends, and says missing */
    ask(&a, &o, "SELECT 1 AS user_id");
    assert_int_equal(a.result, QUERY_GONE);
    release(&a);
    o.program = "/bin/cat"; /* says what no process of ours would */
    ask(&a, &o, "SELECT 1 AS user_id");
    assert_int_equal(a.result, QUERY_GONE);
    release(&a);
    o = options();
    o.dir = "/no/such/directory";
    ask(&a, &o, "SELECT 1 AS user_id");
    assert_int_equal(a.result, QUERY_GONE);
    release(&a);
    char *sql = mem_zero(1, QUERY_SQL_MAX + 2);
    memset(sql, ' ', QUERY_SQL_MAX + 1);
    const struct query_ask longer = {.provider_id = 1, .sql = {sql, QUERY_SQL_MAX + 1}};
    assert_int_equal(query_start(&loop, &o, &longer, &calls, &a, &q), ERR_LIMIT);
    mem_free(sql);
    for (unsigned long n = 1; n < 20; n++) {
        (void)mem_fail_at(n);
        a = (struct ending){0};
        buf_init(&a.text, 1 << 16);
        enum err e = query_start(&loop, &o, &ask_, &calls, &a, &q);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        int hit = mem_fail_hit();
        (void)mem_fail_at(0);
        assert_true(e == ERR_NOMEM || (e == ERR_NONE && a.ended));
        buf_deinit(&a.text);
        if (!hit)
            break;
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, make_database, remove_database)

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as a node: a process may end before it is asked */
    const struct CMUnitTest tests[] = {
        TEST(sees_its_provider),
        TEST(sees_what_is_committed),
        TEST(hostile),
        TEST(says_where),
        TEST(excess),
        TEST(large_but_allowed),
        TEST(waits_for_room),
        TEST(stops_at_once),
        TEST(previews),
        TEST(fails_by_itself),
    };
    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
