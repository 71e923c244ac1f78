#include "campaign/query_child.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "campaign/query.h"
#include "campaign/query_frame.h"
#include "campaign/query_jail.h"
#include "campaign/query_space.h"
#include "campaign/query_view.h"

#define SOCKET 0             /* standard input: the query's end is the other one */
#define FLUSH_AT (64u << 10) /* rows are written when they are this many bytes */
#define VALUE_MAX (1 << 20)  /* bytes of one value, also on the way: a text of attributes has 16 KiB */
#define PROGRESS_OPS 2000    /* of SQLite's machine between looks at the clock: far below a millisecond */
#define CELL_MAX (TARGET_VALUE_MAX + 1) /* what is longer is no userId and no target, whatever follows */
#define PLAN_MAX 200                    /* lines of a plan that are shown */

struct run {
    struct query_frame_ask ask;
    const char *dir, *sql;
    size_t sql_len;
    sqlite3 *db;
    struct query_view view;
    struct query_frame_end end;
    char message[QUERY_MESSAGE_MAX];
    struct buf out;
    size_t rows_at; /* where the frame of rows that is being filled begins; SIZE_MAX: there is none */
    size_t row_at;  /* the row that is being added: out.tail before it */
    uint64_t begun_us, waited_us; /* waited: for the query to take rows */
    bool late;
};

static uint64_t now_us(void)
{
    return clock_system.mono_us(clock_system.arg);
}

static uint64_t worked_ms(const struct run *r)
{
    return (now_us() - r->begun_us - r->waited_us) / 1000;
}

/* ---- what is said to the query ---- */

/* Without the other end there is nothing left to do. */
static void flush(struct run *r)
{
    struct span told = buf_span(&r->out);
    uint64_t from = now_us();
    while (told.len > 0) {
        ssize_t n = write(SOCKET, told.ptr, told.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(0);
        told = (struct span){told.ptr + n, told.len - (size_t)n};
    }
    r->waited_us += now_us() - from;
    buf_clear(&r->out);
}

static void add(struct run *r, const void *p, size_t len)
{
    if (buf_add(&r->out, p, len))
        _exit(71); /* rows without one of their parts would be taken for others */
}

static void add_frame(struct run *r, enum query_frame_kind kind, const void *head, size_t head_len,
                      struct span body)
{
    const struct query_frame f = {.kind = (uint32_t)kind, .len = (uint32_t)(head_len + body.len)};
    add(r, &f, sizeof(f));
    add(r, head, head_len);
    add(r, body.ptr, body.len);
}

static void rows_begin(struct run *r)
{
    if (r->rows_at != SIZE_MAX)
        return;
    r->rows_at = buf_len(&r->out);
    add_frame(r, QUERY_FRAME_ROWS, "", 0, SPAN_LIT(""));
}

static void rows_end(struct run *r)
{
    if (r->rows_at == SIZE_MAX)
        return;
    uint32_t len = (uint32_t)(buf_len(&r->out) - r->rows_at - sizeof(struct query_frame));
    memcpy(r->out.data + r->out.head + r->rows_at, &len, sizeof(len)); /* the first member */
    r->rows_at = SIZE_MAX;
}

__attribute__((format(printf, 3, 4))) static void end_with(struct run *r, enum query_result result,
                                                           const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(r->message, sizeof(r->message), fmt, args);
    va_end(args);
    query_view_hide(&r->view, r->message);
    for (char *p = r->message; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    r->end.result = (uint8_t)result;
}

static void end_excess(struct run *r, enum query_bound bound, const char *words)
{
    end_with(r, QUERY_EXCESS, "%s", words);
    r->end.bound = (uint8_t)bound;
}

static void finish(struct run *r)
{
    rows_end(r);
    r->end.ms = (uint32_t)worked_ms(r);
    add_frame(r, QUERY_FRAME_END, &r->end, sizeof(r->end), span_of(r->message));
    flush(r);
    _exit(0); /* with the connection; nothing of it has to be put in order */
}

/* ---- why it ended ---- */

/* The byte of the SQL that SQLite means, as line and column. */
static void place(struct run *r, int offset)
{
    if (offset < 0 || (size_t)offset > r->sql_len)
        return;
    r->end.line = r->end.column = 1;
    for (int i = 0; i < offset; i++) {
        r->end.column += ((unsigned char)r->sql[i] & 0xC0) != 0x80; /* characters, not bytes */
        if (r->sql[i] == '\n') {
            r->end.line++;
            r->end.column = 1;
        }
    }
}

static void fail(struct run *r, int rc)
{
    char words[256];
    switch (rc & 0xff) {
    case SQLITE_INTERRUPT:
        (void)snprintf(
            words, sizeof(words),
            "it worked longer than %u ms: let it look at fewer rows, and join on user_id or job_id",
            r->ask.time_ms);
        end_excess(r, QUERY_BOUND_TIME, words);
        return;
    case SQLITE_NOMEM:
        (void)snprintf(
            words, sizeof(words),
            "it needs more than %llu MiB of memory: select fewer and shorter columns, and sort or group less",
            (unsigned long long)(r->ask.memory >> 20));
        end_excess(r, QUERY_BOUND_MEMORY, words);
        return;
    case SQLITE_TOOBIG:
        (void)snprintf(words, sizeof(words), "it makes a value of more than %d bytes: select less into one",
                       VALUE_MAX);
        end_excess(r, QUERY_BOUND_MEMORY, words);
        return;
    case SQLITE_FULL:
        (void)snprintf(words, sizeof(words),
                       "what it sorts, groups or joins has no room in %llu MiB of temporary space: do that "
                       "with fewer rows",
                       (unsigned long long)(r->ask.space >> 20));
        end_excess(r, QUERY_BOUND_SPACE, words);
        return;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_SCHEMA: /* a newer program changed it meanwhile */
        end_with(r, query_space_is_over() ? QUERY_EXCESS : QUERY_GONE, "the database cannot be read: %s",
                 sqlite3_errmsg(r->db));
        r->end.bound = QUERY_BOUND_SPACE;
        return;
    default:
        place(r, sqlite3_error_offset(r->db));
        end_with(r, QUERY_REFUSED, "%s", r->view.denied ? r->view.why : sqlite3_errmsg(r->db));
        return;
    }
}

static int on_progress(void *arg)
{
    struct run *r = arg;
    r->late = r->late || worked_ms(r) > r->ask.time_ms;
    return r->late;
}

/* ---- the database ---- */

static int configure(struct run *r, const char *path)
{
    static const struct {
        int what, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, VALUE_MAX},         {SQLITE_LIMIT_SQL_LENGTH, QUERY_SQL_MAX},
        {SQLITE_LIMIT_COLUMN, QUERY_COLUMNS_MAX}, {SQLITE_LIMIT_EXPR_DEPTH, 200},
        {SQLITE_LIMIT_COMPOUND_SELECT, 50},       {SQLITE_LIMIT_VDBE_OP, 100000},
        {SQLITE_LIMIT_FUNCTION_ARG, 32},          {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 256},  {SQLITE_LIMIT_VARIABLE_NUMBER, 0},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 0},          {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    static const struct {
        int what, value;
    } config[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
    };
    char cache[80];
    int rc = SQLITE_OK;
    for (size_t i = 0; !rc && i < sizeof(config) / sizeof(config[0]); i++)
        rc = sqlite3_db_config(r->db, config[i].what, config[i].value, NULL);
    if (!rc)
        rc = sqlite3_exec(r->db, "PRAGMA cache_size=-16000; PRAGMA temp_store=FILE", NULL, NULL, NULL);
    if (!rc)
        rc = query_view_make(&r->view, r->db, path, r->ask.provider_id);
    (void)snprintf(cache, sizeof(cache), "PRAGMA %s.cache_size=-16000", r->view.secret);
    if (!rc)
        rc = sqlite3_exec(r->db, cache, NULL, NULL, NULL);
    /* Last: the views are longer than what comes now may be. */
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        (void)sqlite3_limit(r->db, limits[i].what, limits[i].value);
    return rc;
}

static int open_database(struct run *r)
{
    char path[4096];
    unsigned char seed;
    (void)sqlite3_hard_heap_limit64((sqlite3_int64)r->ask.memory);
    (void)snprintf(path, sizeof(path), "%s/todoke.db", r->dir);
    int rc =
        sqlite3_open_v2(":memory:", &r->db,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, QUERY_SPACE_NAME);
    if (!rc)
        rc = sqlite3_busy_timeout(r->db, 5000);
    if (!rc)
        rc = configure(r, path);
    if (!rc) /* the transaction has read something now: it needs no file from here on */
        rc = sqlite3_exec(r->db,
                          "SELECT count(*) FROM (SELECT 1 FROM users LIMIT 1); "
                          "SELECT count(*) FROM json_each('[]'), json_tree('[]')", /* are made at first use */
                          NULL, NULL, NULL);
    sqlite3_randomness(sizeof(seed), &seed); /* opens what it begins with */
    tzset();
    return rc;
}

/* ---- the query ---- */

/* One SELECT, and nothing behind it but white space and comments. */
static sqlite3_stmt *prepare(struct run *r)
{
    sqlite3_stmt *q = NULL, *more = NULL;
    const char *tail = r->sql, *end = r->sql + r->sql_len;
    int rc = SQLITE_OK;
    if (strlen(r->sql) != r->sql_len) {
        end_with(r, QUERY_REFUSED, "the SQL has a NUL character");
        return NULL;
    }
    while (!rc && !q && tail < end)
        rc = sqlite3_prepare_v2(r->db, tail, (int)(end - tail) + 1, &q, &tail);
    const char *second = tail;
    while (!rc && q && !more && tail < end)
        rc = sqlite3_prepare_v2(r->db, tail, (int)(end - tail) + 1, &more, &tail);
    if (more || (rc && q)) {
        place(r, (int)(second - r->sql));
        end_with(r, QUERY_REFUSED, "only one SELECT may be run, and something follows it");
    } else if (rc) {
        fail(r, rc);
    } else if (!q) {
        end_with(r, QUERY_REFUSED, "there is no SELECT");
    } else if (!sqlite3_stmt_readonly(q) || sqlite3_stmt_isexplain(q) || sqlite3_column_count(q) == 0) {
        end_with(r, QUERY_REFUSED, "only one SELECT may be run");
    } else {
        return q;
    }
    return NULL;
}

/* The column that names people; -1: told why not. */
static int find_column(struct run *r, sqlite3_stmt *q)
{
    const char *want = by_text((enum by)r->ask.by);
    char has[200] = "";
    int found = -1, count = sqlite3_column_count(q);
    for (int i = 0; i < count; i++) {
        const char *name = sqlite3_column_name(q, i);
        size_t len = strlen(has);
        (void)snprintf(has + len, sizeof(has) - len, "%s%s", i ? ", " : "", name ? name : "");
        if (!name || sqlite3_stricmp(name, want) != 0)
            continue;
        if (found >= 0) {
            end_with(r, QUERY_REFUSED, "the result has two columns %s", want);
            return -1;
        }
        found = i;
    }
    if (found < 0)
        end_with(r, QUERY_REFUSED, "the result has no column %s; it has: %s", want, has);
    return found;
}

static void add_cell(struct run *r, sqlite3_stmt *q, int column, size_t max)
{
    static const uint8_t kinds[] = {[SQLITE_INTEGER] = QUERY_NUMBER,
                                    [SQLITE_FLOAT] = QUERY_NUMBER,
                                    [SQLITE_TEXT] = QUERY_TEXT,
                                    [SQLITE_BLOB] = QUERY_BLOB,
                                    [SQLITE_NULL] = QUERY_NULL};
    struct query_frame_cell c = {.kind = kinds[sqlite3_column_type(q, column)]};
    const void *p =
        c.kind == QUERY_BLOB ? sqlite3_column_blob(q, column) : (const void *)sqlite3_column_text(q, column);
    size_t len = p ? (size_t)sqlite3_column_bytes(q, column) : 0;
    if (!p && c.kind != QUERY_NULL && c.kind != QUERY_BLOB) {
        r->out.tail = r->row_at; /* what there is of the row */
        fail(r, SQLITE_NOMEM);
        finish(r);
    }
    if (len > max) {
        c.cut = 1;
        len = max;
        while (len > 0 && c.kind == QUERY_TEXT && (((const unsigned char *)p)[len] & 0xC0) == 0x80)
            len--; /* no character in two */
    }
    c.len = (uint32_t)len;
    add(r, &c, sizeof(c));
    if (len)
        add(r, p, len);
}

static void add_columns(struct run *r, sqlite3_stmt *q)
{
    struct buf names;
    buf_init(&names, QUERY_FRAME_MAX);
    for (int i = 0; i < sqlite3_column_count(q); i++) {
        struct span name = span_of(sqlite3_column_name(q, i));
        uint32_t len = (uint32_t)(name.len < QUERY_PREVIEW_CELL ? name.len : QUERY_PREVIEW_CELL);
        if (buf_add(&names, &len, sizeof(len)) || buf_add(&names, name.ptr, len))
            _exit(71);
    }
    add_frame(r, QUERY_FRAME_COLUMNS, "", 0, buf_span(&names));
    buf_deinit(&names);
}

/* The lines of EXPLAIN QUERY PLAN; a line's depth is one more than that of its parent. */
static void add_plan(struct run *r, sqlite3_stmt *of)
{
    int ids[PLAN_MAX], depths[PLAN_MAX], count = 0;
    sqlite3_stmt *q = NULL;
    const char *what = sqlite3_sql(of); /* without what may stand before it */
    size_t room = strlen(what) + 32;
    char *sql = mem_alloc(room);
    if (!sql)
        _exit(71);
    (void)snprintf(sql, room, "EXPLAIN QUERY PLAN %s", what);
    (void)sqlite3_limit(r->db, SQLITE_LIMIT_SQL_LENGTH, (int)room);
    if (sqlite3_prepare_v2(r->db, sql, -1, &q, NULL) == SQLITE_OK)
        while (count < PLAN_MAX && sqlite3_step(q) == SQLITE_ROW) {
            char text[512];
            uint32_t depth = 0;
            for (int i = 0; i < count; i++)
                if (ids[i] == sqlite3_column_int(q, 1))
                    depth = (uint32_t)depths[i] + 1;
            ids[count] = sqlite3_column_int(q, 0);
            depths[count++] = (int)depth;
            const char *line = (const char *)sqlite3_column_text(q, 3);
            (void)snprintf(text, sizeof(text), "%s", line ? line : "");
            query_view_hide(&r->view, text);
            add_frame(r, QUERY_FRAME_STEP, &depth, sizeof(depth), span_of(text));
        }
    (void)sqlite3_finalize(q);
    mem_free(sql);
}

static void give_rows(struct run *r, sqlite3_stmt *q, int column)
{
    uint64_t most = r->ask.preview ? QUERY_PREVIEW_ROWS : r->ask.rows;
    int rc;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        if (r->end.rows == most) {
            r->end.more = 1;
            break;
        }
        rows_begin(r);
        r->row_at = r->out.tail;
        for (int i = 0; r->ask.preview && i < sqlite3_column_count(q); i++)
            add_cell(r, q, i, QUERY_PREVIEW_CELL);
        if (!r->ask.preview)
            add_cell(r, q, column, CELL_MAX);
        r->end.rows++;
        if (buf_len(&r->out) >= FLUSH_AT) {
            rows_end(r);
            flush(r);
        }
    }
    r->end.steps = (uint64_t)(uint32_t)sqlite3_stmt_status(q, SQLITE_STMTSTATUS_VM_STEP, 0);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        fail(r, rc);
    else if (r->end.more && !r->ask.preview) {
        char words[128];
        (void)snprintf(words, sizeof(words), "it has more than %llu rows: narrow it down with WHERE or LIMIT",
                       (unsigned long long)most);
        end_excess(r, QUERY_BOUND_ROWS, words);
    }
}

static void run(struct run *r)
{
    sqlite3_progress_handler(r->db, PROGRESS_OPS, on_progress, r);
    sqlite3_stmt *q = query_view_guard(&r->view, r->db) == SQLITE_OK ? prepare(r) : NULL;
    if (!q) {
        if (!r->message[0])
            end_with(r, QUERY_GONE, "the database refused its authorizer");
        return;
    }
    int column = r->ask.preview ? 0 : find_column(r, q);
    if (column < 0)
        return;
    if (r->ask.preview) {
        add_columns(r, q);
        add_plan(r, q);
    }
    give_rows(r, q, column);
}

/* Reads all that is asked for: the frame comes in one piece, and the socket stays open. */
static bool read_ask(struct run *r, struct buf *in)
{
    struct query_frame f;
    for (;;) {
        if (buf_len(in) >= sizeof(f)) {
            memcpy(&f, buf_span(in).ptr, sizeof(f));
            if (f.kind != QUERY_FRAME_ASK || f.len < sizeof(r->ask) || f.len > QUERY_FRAME_MAX)
                return false;
            if (buf_len(in) == sizeof(f) + f.len)
                break;
        }
        if (buf_reserve(in, 4096))
            return false;
        ssize_t n = read(SOCKET, in->data + in->tail, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        in->tail += (size_t)n;
    }
    if (buf_add(in, "", 1)) /* the SQL ends with NUL */
        return false;
    const char *p = buf_span(in).ptr + sizeof(f), *end = p + f.len;
    memcpy(&r->ask, p, sizeof(r->ask));
    p += sizeof(r->ask);
    if (r->ask.dir_len == 0 || r->ask.dir_len > (size_t)(end - p) || p[r->ask.dir_len - 1] != '\0' ||
        r->ask.by >= BY_COUNT)
        return false;
    r->dir = p;
    r->sql = p + r->ask.dir_len;
    r->sql_len = (size_t)(end - r->sql);
    return true;
}

int query_child_main(int argc)
{
    int domain = 0;
    socklen_t len = sizeof(domain);
    if (argc != 1 || getsockopt(SOCKET, SOL_SOCKET, SO_DOMAIN, &domain, &len) || domain != AF_UNIX) {
        (void)fputs("todoke: a node starts this by itself, to run a query\n", stderr);
        return 2;
    }
    struct buf in;
    struct run r = {.rows_at = SIZE_MAX, .begun_us = now_us()};
    buf_init(&in, QUERY_FRAME_MAX + sizeof(struct query_frame) + 4097);
    buf_init(&r.out, FLUSH_AT + 2 * QUERY_FRAME_MAX);
    if (!query_jail_enter() || !read_ask(&r, &in))
        return 1;
    int rc = query_space_open(r.dir, r.ask.space) ? SQLITE_CANTOPEN : open_database(&r);
    if (rc) {
        end_with(&r, QUERY_GONE, "the database cannot be read: %s",
                 r.db ? sqlite3_errmsg(r.db) : "no temporary files");
        finish(&r);
    }
    if (!query_jail_shut(r.ask.time_ms, r.ask.memory, r.ask.space)) {
        end_with(&r, QUERY_GONE, "the process cannot be shut in");
        finish(&r);
    }
    run(&r);
    finish(&r);
    return 0;
}
