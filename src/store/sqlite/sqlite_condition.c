/*
 * Conditions as SQL: a SELECT over all users of a provider, with the condition as its last column.
 *
 *     {"attribute":"plan","is":"pro"}   ->   (attribute(u.attributes,?3) IS ?4)
 *
 * Only the words below become SQL; whatever a condition says is bound. attribute() and its like are functions
 * of ours, because SQLite's own do not find every name in a JSON path, end a text at U+0000 and round numbers
 * in a way of their own (docs/decisions/0033-segments.md). A path is bound as a pointer, which SQL cannot
 * make.
 */
#include "base/origin.h"
#include "store/condition.h"
#include "store/sqlite/sqlite.h"

#define DAY_MS INT64_C(86400000)
#define PATH_TYPE "todoke condition path"
/*
 * 16 KiB of JSON have fewer than 8,192 values, of which each becomes "?12345,"; the words of 256 nodes
 * besides.
 */
#define SQL_MAX ((size_t)(CONDITION_TEXT_MAX * 4 + CONDITION_NODES_MAX * 512))
#define BINDS_MAX ((size_t)(CONDITION_TEXT_MAX / 2 + CONDITION_NODES_MAX * 4))
#define FIRST_BIND 3 /* after the provider and the last user */

/* ---- the functions ---- */

/* Takes the attribute of the first two arguments. false: there is none, or the function has failed. */
static bool take(sqlite3_context *ctx, sqlite3_value **args, struct condition_value *ret)
{
    struct sqlite *s = sqlite3_user_data(ctx);
    const struct condition_path *path = sqlite3_value_pointer(args[1], PATH_TYPE);
    const char *text = (const char *)sqlite3_value_text(args[0]);
    if (!path || !text)
        return false;
    enum err e = condition_attribute((struct span){text, (size_t)sqlite3_value_bytes(args[0])}, path,
                                     &s->matching.scratch, ret);
    if (e == ERR_NOMEM)
        sqlite3_result_error_nomem(ctx);
    else if (e)
        sqlite3_result_error_toobig(ctx);
    return !e;
}

static void give_blob(sqlite3_context *ctx, const void *p, size_t len)
{
    sqlite3_result_blob64(ctx, p, len, SQLITE_TRANSIENT);
}

static void give_number(sqlite3_context *ctx, const struct condition_value *v)
{
    if (v->kind == CONDITION_INTEGER)
        sqlite3_result_int64(ctx, v->integer);
    else
        sqlite3_result_double(ctx, v->real);
}

/*
 * A text and a number as such, true and false as one byte, a list and an object as two, which nothing equals.
 */
static void attribute(sqlite3_context *ctx, int count, sqlite3_value **args)
{
    struct condition_value v;
    (void)count;
    if (!take(ctx, args, &v))
        return;
    switch (v.kind) {
    case CONDITION_NOTHING:
        break;
    case CONDITION_TEXT:
        sqlite3_result_text64(ctx, v.text.ptr, v.text.len, SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
    case CONDITION_INTEGER:
    case CONDITION_REAL:
        give_number(ctx, &v);
        break;
    case CONDITION_BOOL:
        give_blob(ctx, v.integer ? "\1" : "\0", 1);
        break;
    case CONDITION_LIST:
    case CONDITION_OBJECT:
        give_blob(ctx, "..", 2);
        break;
    }
}

/* A text as its bytes: SQLite's functions for texts end at U+0000. Anything else is NULL. */
static void attribute_text(sqlite3_context *ctx, int count, sqlite3_value **args)
{
    struct condition_value v;
    (void)count;
    if (take(ctx, args, &v) && v.kind == CONDITION_TEXT)
        give_blob(ctx, v.text.ptr, v.text.len);
}

static void attribute_number(sqlite3_context *ctx, int count, sqlite3_value **args)
{
    struct condition_value v;
    (void)count;
    if (take(ctx, args, &v) && (v.kind == CONDITION_INTEGER || v.kind == CONDITION_REAL))
        give_number(ctx, &v);
}

static void attribute_moment(sqlite3_context *ctx, int count, sqlite3_value **args)
{
    struct condition_value v;
    int64_t ms;
    (void)count;
    if (take(ctx, args, &v) && v.kind == CONDITION_TEXT && !condition_moment(v.text, &ms))
        sqlite3_result_int64(ctx, ms);
}

/* Whether a list has the value: 0 or 1. */
static void attribute_has(sqlite3_context *ctx, int count, sqlite3_value **args)
{
    struct sqlite *s = sqlite3_user_data(ctx);
    struct condition_value v, want = {.kind = CONDITION_TEXT}, item;
    enum err e = ERR_NONE;
    bool found = false;
    (void)count;
    if (sqlite3_value_type(args[2]) == SQLITE_INTEGER)
        want = (struct condition_value){.kind = CONDITION_INTEGER, .integer = sqlite3_value_int64(args[2])};
    else if (sqlite3_value_type(args[2]) == SQLITE_FLOAT)
        want = (struct condition_value){.kind = CONDITION_REAL, .real = sqlite3_value_double(args[2])};
    else if (sqlite3_value_type(args[2]) == SQLITE_BLOB)
        want = (struct condition_value){.kind = CONDITION_BOOL,
                                        .integer = *(const char *)sqlite3_value_blob(args[2]) == 1};
    else
        want.text =
            (struct span){(const char *)sqlite3_value_text(args[2]), (size_t)sqlite3_value_bytes(args[2])};
    v.kind = CONDITION_NOTHING;
    if (take(ctx, args, &v) && v.kind == CONDITION_LIST) {
        struct json_iter it = json_elements(v.json);
        while (!found && condition_element(&it, &s->matching.scratch, &item, &e))
            found = condition_equal(&item, &want);
    }
    if (e)
        sqlite3_result_error_nomem(ctx);
    else
        sqlite3_result_int(ctx, found);
}

static enum err add_functions(struct sqlite *s)
{
    static const struct {
        const char *name;
        int args;
        void (*fn)(sqlite3_context *ctx, int count, sqlite3_value **args);
    } functions[] = {
        {"attribute", 2, attribute},
        {"attribute_text", 2, attribute_text},
        {"attribute_number", 2, attribute_number},
        {"attribute_moment", 2, attribute_moment},
        {"attribute_has", 3, attribute_has},
    };
    enum err e = ERR_NONE;
    if (s->matching.ready)
        return ERR_NONE;
    buf_init(&s->matching.scratch, USER_ATTRIBUTES_MAX);
    for (size_t i = 0; !e && i < sizeof(functions) / sizeof(functions[0]); i++)
        e = sqlite_err(s, sqlite3_create_function_v2(s->db, functions[i].name, functions[i].args,
                                                     SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                                                     s, functions[i].fn, NULL, NULL, NULL));
    s->matching.ready = !e;
    return e;
}

void sqlite_condition_end(struct sqlite *s)
{
    buf_deinit(&s->matching.scratch);
}

/* ---- the SQL ---- */

struct bind {
    enum { BIND_PATH, BIND_VALUE, BIND_BYTES, BIND_TEXT, BIND_NUMBER } kind;
    union {
        const struct condition_path *path;
        const struct condition_value *value;
        struct span text;
        int64_t number;
    };
};

struct compile {
    int64_t now_ms;
    struct buf sql, binds; /* binds: of struct bind */
    enum err err;          /* the first one */
};

static void put(struct compile *c, const char *sql)
{
    if (!c->err)
        c->err = buf_add_str(&c->sql, sql);
}

static void put_bind(struct compile *c, struct bind b)
{
    size_t at = buf_len(&c->binds) / sizeof(b) + FIRST_BIND;
    if (!c->err)
        c->err = buf_add(&c->binds, &b, sizeof(b));
    put(c, "?");
    if (!c->err)
        c->err = buf_add_uint(&c->sql, at);
}

static void put_value(struct compile *c, const struct condition_value *v)
{
    put_bind(c, (struct bind){.kind = BIND_VALUE, .value = v});
}

static void put_bytes(struct compile *c, const struct condition_value *v)
{
    put_bind(c, (struct bind){.kind = BIND_BYTES, .value = v});
}

static void put_number(struct compile *c, int64_t n)
{
    put_bind(c, (struct bind){.kind = BIND_NUMBER, .number = n});
}

/*
 * What the node is about, in one of its forms: fn is a function for attributes; NULL: the bytes of a userId.
 */
static void put_subject(struct compile *c, const struct condition_node *n, const char *fn)
{
    if (n->kind != CONDITION_ATTRIBUTE) {
        put(c, fn ? "u.name" : "CAST(u.name AS BLOB)");
        return;
    }
    put(c, fn ? fn : "attribute_text");
    put(c, "(u.attributes,");
    put_bind(c, (struct bind){.kind = BIND_PATH, .path = &n->path});
    put(c, ")");
}

static void put_in(struct compile *c, const struct condition_node *n)
{
    put(c, "ifnull(");
    put_subject(c, n, "attribute");
    put(c, " IN (");
    for (size_t i = 0; i < n->value_count; i++) {
        put(c, i ? "," : "");
        put_value(c, &n->values[i]);
    }
    put(c, "),0)");
}

/* contains, startsWith, endsWith of a text. Every text has the empty one. */
static void put_part(struct compile *c, const struct condition_node *n)
{
    int64_t len = (int64_t)n->values->text.len;
    if (len == 0) {
        put_subject(c, n, NULL);
        put(c, " IS NOT NULL");
        return;
    }
    put(c, n->act == CONDITION_CONTAINS ? "ifnull(instr(" : "ifnull(substr(");
    put_subject(c, n, NULL);
    if (n->act != CONDITION_CONTAINS) {
        put(c, n->act == CONDITION_STARTS ? ",1," : ",");
        put_number(c, n->act == CONDITION_STARTS ? len : -len);
        put(c, ")=");
        put_bytes(c, n->values);
    } else {
        put(c, ",");
        put_bytes(c, n->values);
        put(c, ")>0");
    }
    put(c, ",0)");
}

static void put_contains(struct compile *c, const struct condition_node *n)
{
    bool text = n->values->kind == CONDITION_TEXT;
    if (text)
        put_part(c, n);
    if (n->kind != CONDITION_ATTRIBUTE)
        return;
    put(c, text ? " OR attribute_has(u.attributes," : "attribute_has(u.attributes,");
    put_bind(c, (struct bind){.kind = BIND_PATH, .path = &n->path});
    put(c, ",");
    put_value(c, n->values);
    put(c, ")");
}

static const char *order_of(enum condition_act act)
{
    return act == CONDITION_ABOVE      ? ">"
           : act == CONDITION_AT_LEAST ? ">="
           : act == CONDITION_BELOW    ? "<"
                                       : "<=";
}

static void put_order(struct compile *c, const struct condition_node *n)
{
    bool text = n->values->kind == CONDITION_TEXT;
    put(c, "ifnull(");
    put_subject(c, n, text ? "attribute_text" : "attribute_number");
    put(c, order_of(n->act));
    if (text)
        put_bytes(c, n->values);
    else
        put_value(c, n->values);
    put(c, ",0)");
}

static void put_moment(struct compile *c, const struct condition_node *n, const char *column)
{
    put(c, "ifnull(");
    if (column)
        put(c, column);
    else
        put_subject(c, n, "attribute_moment");
    put(c, n->act == CONDITION_BEFORE ? "<" : ">");
    put_number(c, n->moment_ms + (n->relative ? c->now_ms : 0));
    put(c, ",0)");
}

static void put_act(struct compile *c, const struct condition_node *n)
{
    switch (n->act) {
    case CONDITION_IS:
    case CONDITION_IS_NOT:
        put_subject(c, n, "attribute");
        put(c, n->act == CONDITION_IS ? " IS " : " IS NOT ");
        put_value(c, n->values);
        break;
    case CONDITION_IN:
        put_in(c, n);
        break;
    case CONDITION_CONTAINS:
        put_contains(c, n);
        break;
    case CONDITION_STARTS:
    case CONDITION_ENDS:
        put_part(c, n);
        break;
    case CONDITION_ABOVE:
    case CONDITION_AT_LEAST:
    case CONDITION_BELOW:
    case CONDITION_AT_MOST:
        put_order(c, n);
        break;
    case CONDITION_EXISTS:
        put_subject(c, n, "attribute");
        put(c, n->no ? " IS NULL" : " IS NOT NULL");
        break;
    case CONDITION_BEFORE:
    case CONDITION_AFTER:
        put_moment(c, n, NULL);
        break;
    }
}

static void put_target(struct compile *c, const struct condition_node *n)
{
    put(c, n->no ? "NOT EXISTS" : "EXISTS");
    put(c, "(SELECT 1 FROM audience_target t WHERE t.provider_id=?1 AND t.user_id=u.id AND t.medium=");
    put_number(c, n->medium);
    put(c, n->state == CONDITION_DROPPED ? " AND t.dropped<>''" : " AND t.dropped=''");
    if (n->state == CONDITION_GIVEN || n->state == CONDITION_WITHDRAWN || n->state == CONDITION_UNASKED) {
        put(c, " AND t.subscribed=");
        put_number(c, n->state == CONDITION_GIVEN       ? CONSENT_GIVEN
                      : n->state == CONDITION_WITHDRAWN ? CONSENT_WITHDRAWN
                                                        : CONSENT_UNASKED);
    }
    put(c, ")");
}

/* The rule of message_since (sqlite_message.c). */
static void put_received(struct compile *c, const struct condition_received *r)
{
    const struct bind campaign = {.kind = BIND_TEXT, .text = r->campaign};
    put(c,
        "EXISTS(SELECT 1 FROM message m CROSS JOIN job j WHERE m.user_id=u.id AND m.user_id>0 AND m.at_ms>=");
    put_number(c, r->days ? c->now_ms - r->days * DAY_MS : 0);
    put(c, " AND (1<<m.state)&");
    put_number(c, r->states);
    put(c, " AND j.id=m.job_id AND (j.short_id=");
    put_bind(c, campaign);
    put(c, " OR CAST(j.campaign_id AS TEXT)=");
    put_bind(c, campaign);
    put(c, "))");
}

static void put_node(struct compile *c, const struct condition_node *n)
{
    put(c, n->kind == CONDITION_NOT ? "(NOT " : "(");
    switch (n->kind) {
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_NOT:
        if (!n->first)
            put(c, "1"); /* everybody: only "all" may be empty */
        for (const struct condition_node *part = n->first; part; part = part->next) {
            put_node(c, part);
            put(c, !part->next ? "" : n->kind == CONDITION_ALL ? " AND " : " OR ");
        }
        break;
    case CONDITION_ATTRIBUTE:
    case CONDITION_USER_ID:
        put_act(c, n);
        break;
    case CONDITION_CREATED:
        put_moment(c, n, "u.created_ms");
        break;
    case CONDITION_UPDATED:
        put_moment(c, n, "u.updated_ms");
        break;
    case CONDITION_TARGET:
        put_target(c, n);
        break;
    case CONDITION_RECEIVED:
        put_received(c, n->received);
        break;
    }
    put(c, ")");
}

/* A failed bind is reported when the statement is stepped, but for lack of memory, which the caller sees. */
static int bind_one(sqlite3_stmt *q, int at, const struct bind *b)
{
    const struct condition_value *v = b->value;
    switch (b->kind) {
    case BIND_PATH:
        return sqlite3_bind_pointer(q, at, (void *)(uintptr_t)b->path, PATH_TYPE, NULL);
    case BIND_NUMBER:
        return sqlite3_bind_int64(q, at, b->number);
    case BIND_BYTES:
        return sqlite3_bind_blob64(q, at, v->text.ptr, v->text.len, SQLITE_STATIC);
    case BIND_TEXT:
        return sqlite3_bind_text64(q, at, b->text.ptr, b->text.len, SQLITE_STATIC, SQLITE_UTF8);
    case BIND_VALUE:
        break;
    }
    if (v->kind == CONDITION_INTEGER)
        return sqlite3_bind_int64(q, at, v->integer);
    if (v->kind == CONDITION_REAL)
        return sqlite3_bind_double(q, at, v->real);
    if (v->kind == CONDITION_BOOL)
        return sqlite3_bind_blob64(q, at, v->integer ? "\1" : "\0", 1, SQLITE_STATIC);
    return sqlite3_bind_text64(q, at, v->text.ptr, v->text.len, SQLITE_STATIC, SQLITE_UTF8);
}

enum err sqlite_condition_statement(struct sqlite *s, const struct user_search *u, sqlite3_stmt **ret)
{
    struct compile c = {.now_ms = u->now_ms};
    sqlite3_stmt *q = NULL;
    buf_init(&c.sql, SQL_MAX);
    buf_init(&c.binds, BINDS_MAX * sizeof(struct bind));
    c.err = add_functions(s);
    put(&c, "SELECT u.id, u.name, u.attributes, u.created_ms, u.updated_ms, ");
    put_node(&c, u->condition->root);
    put(&c, " FROM audience_user u WHERE u.provider_id=?1 AND u.id>?2 ORDER BY u.id");
    struct span sql = buf_span(&c.sql), binds = buf_span(&c.binds);
    enum err e = c.err == ERR_LIMIT ? err_origin(ERR_INTERNAL) : c.err;
    if (!e)
        e = sqlite_err(s, sqlite3_prepare_v2(s->db, sql.ptr, (int)sql.len, &q, NULL));
    if (!e) {
        sqlite_bind_number(q, 1, u->provider_id);
        sqlite_bind_number(q, 2, u->after);
    }
    for (size_t i = 0; !e && i < binds.len / sizeof(struct bind); i++) {
        struct bind b;
        memcpy(&b, binds.ptr + i * sizeof(b), sizeof(b));
        e = sqlite_err(s, bind_one(q, (int)i + FIRST_BIND, &b));
    }
    buf_deinit(&c.sql);
    buf_deinit(&c.binds);
    if (e)
        (void)sqlite3_finalize(q);
    else
        *ret = q;
    return e;
}
