#pragma once
/* Random users, their targets and messages, in a database and beside it; and random conditions over them. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "dir_fixture.h"
#include "store/sqlite/sqlite.h"

#define NOW INT64_C(1795903200000)
#define DAY INT64_C(86400000)
#define PEOPLE 160
#define CONDITIONS 5000
#define MESSAGES 400
#define PICK(w, pool) (pool)[below(w, sizeof(pool) / sizeof((pool)[0]))]

static const char *const texts[] = {
    "\"\"",
    "\"a\"",
    "\"ab\"",
    "\"abc\"",
    "\"b\"",
    "\"A\"",
    "\"\\u0061\"",
    "\"日本\"",
    "\"日本語\"",
    "\"本\"",
    "\"\\u65e5\\u672c\"",
    "\"é\"",
    "\"e\\u0301\"",
    "\"a\\u0000b\"",
    "\"a\\u0000\"",
    "\"\\u0000\"",
    "\"\\\"\"",
    "\"\\\\\"",
    "\"'\"",
    "\"%\"",
    "\"_\"",
    "\"1\"",
    "\"0\"",
    "\"1.0\"",
    "\"true\"",
    "\"null\"",
    "\"😀\"",
    "\"\\ud83d\\ude00\"",
    "\"$.a\"",
    "\"\\n\"",
    "\"\\/\"",
    "\"/\"",
    "\"2026-11-28\"",
    "\"2026-11-28T10:00:00Z\"",
    "\"2026-11-28T19:00:00+09:00\"",
    "\"2026-11-28 10:00:00.500-01:30\"",
    "\"2026-02-30\"",
    "\"1969-07-20T20:17:40Z\"",
    "\"2026-12-01\"",
    "\"2026-11-28T10:00\"",
    "\"u1\"",
    "\"u12\"",
    "\"ユーザー\"",
    "\"\\u007f\"",
    "\"\xf4\x8f\xbf\xbf\"",
};
static const char *const numbers[] = {
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1",
    "1.0",
    "1e0",
    "10e-1",
    "-1",
    "2",
    "0.1",
    "0.10000000000000001",
    "0.30000000000000004",
    "0.3",
    "9007199254740992",
    "9007199254740993",
    "9007199254740993.0",
    "9007199254740994",
    "9223372036854775807",
    "9223372036854775808",
    "9223372036854775807.0",
    "-9223372036854775808",
    "-9223372036854775809",
    "1e308",
    "1e309",
    "-1e400",
    "1e-400",
    "5e-324",
    "2.2250738585072011e-308",
    "2.2250738585072014e-308",
    "123456789012345678901234567890",
    "3.14",
    "8.988465674311580e307",
    "1.7976931348623157e308",
    "179769313486231570000000000000000000000",
    "6.02214076e23",
    "4.35",
    "1.15",
    "2.675",
    "10000000000000000159",
    "10000000000000000160.0",
};
static const char *const others[] = {"true", "false"};
static const char *const names[] = {"a",    "b",   "c",      "a",    "b", "c", "a",   "b",        "c", "a.b",
                                    "日本", "x'y", "q\\\"q", "\\\\", " ", "$", "[0]", "a\\u0062", "#"};
/* The same as a path of a condition: in JSON, one name. */
static const char *const keys[] = {"a",    "b", "c", "a",   "b",   "c",    "a",       "b",
                                   "c",    "a", "b", "c",   "a.b", "日本", "x'y",     "q\\\"q",
                                   "\\\\", " ", "$", "[0]", "ab",  "#",    "\\u0061", "d"};

struct note {
    int64_t user, campaign, job, at_ms;
    unsigned state;
};

struct world {
    struct random_seeded seeded;
    struct random r;
    struct backend *b;
    sqlite3 *db;
    struct user users[PEOPLE];
    struct target *targets[PEOPLE];
    struct note notes[MESSAGES];
    struct buf text; /* of the condition that is tried */
};

static uint32_t below(struct world *w, size_t n)
{
    return (uint32_t)random_below(&w->r, n);
}

static void add(struct buf *b, const char *text)
{
    assert_int_equal(buf_add_str(b, text), ERR_NONE);
}

static const char *scalar(struct world *w)
{
    switch (below(w, 8)) {
    case 0:
        return PICK(w, others);
    case 1:
    case 2:
    case 3:
        return PICK(w, numbers);
    default:
        return PICK(w, texts);
    }
}

static void value(struct world *w, struct buf *b, unsigned depth)
{
    unsigned kind = below(w, depth ? 10 : 7), count = below(w, 5);
    if (kind < 6) {
        add(b, scalar(w));
    } else if (kind == 6) {
        add(b, "null");
    } else if (kind == 7) {
        add(b, "[");
        for (unsigned i = 0; i < count; i++) {
            add(b, i ? ", " : "");
            value(w, b, depth - 1);
        }
        add(b, "]");
    } else {
        add(b, "{");
        for (unsigned i = 0; i < count; i++) {
            add(b, i ? " , \"" : " \"");
            add(b, PICK(w, names));
            add(b, "\" : ");
            value(w, b, depth - 1);
        }
        add(b, "}");
    }
}

static void run(struct world *w, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(w->db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

static void bind_span(sqlite3_stmt *q, int at, struct span s)
{
    assert_int_equal(sqlite3_bind_text64(q, at, s.ptr, s.len, SQLITE_STATIC, SQLITE_UTF8), SQLITE_OK);
}

static void make_user(struct world *w, size_t i)
{
    static const char *const given[] = {"u", "ユーザー", "a'b\"", "%"};
    struct user *u = &w->users[i];
    struct buf b;
    char name[64];
    buf_init(&b, USER_ATTRIBUTES_MAX);
    add(&b, "{");
    for (unsigned n = 0, count = below(w, 12); n < count; n++) {
        add(&b, n ? ",\"" : "\"");
        add(&b, PICK(w, names));
        add(&b, "\":");
        value(w, &b, 3);
    }
    add(&b, "}");
    size_t len = buf_len(&b);
    u->attributes = (struct span){buf_steal(&b), len};
    (void)snprintf(name, sizeof(name), "%s%zu", PICK(w, given), i);
    u->name = (struct span){mem_dup(name, strlen(name)), strlen(name)};
    u->id = (int64_t)i + 1;
    u->created_ms = NOW - below(w, 20) * (DAY / 2);
    u->updated_ms = u->created_ms + below(w, 3) * DAY;
    u->target_count = below(w, 5);
    w->targets[i] = mem_zero(u->target_count + 1, sizeof(struct target));
    for (size_t t = 0; t < u->target_count; t++)
        w->targets[i][t] = (struct target){.medium = (enum medium)below(w, MEDIUM_COUNT),
                                           .consent = (enum consent)below(w, 3),
                                           .dropped = below(w, 4) ? SPAN_LIT("") : SPAN_LIT("old"),
                                           .value = (struct span){&"0123456789"[t], 1}};
    u->targets = w->targets[i];
}

static void insert_user(struct world *w, const struct user *u, int64_t provider_id)
{
    sqlite3_stmt *q;
    assert_int_equal(
        sqlite3_prepare_v2(
            w->db,
            "INSERT INTO audience_user (provider_id, id, name, attributes, created_ms, updated_ms) "
            "VALUES (?1,?2,?3,?4,?5,?6)",
            -1, &q, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_bind_int64(q, 1, provider_id), SQLITE_OK);
    assert_int_equal(sqlite3_bind_int64(q, 2, u->id), SQLITE_OK);
    bind_span(q, 3, u->name);
    bind_span(q, 4, u->attributes);
    assert_int_equal(sqlite3_bind_int64(q, 5, u->created_ms), SQLITE_OK);
    assert_int_equal(sqlite3_bind_int64(q, 6, u->updated_ms), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_DONE);
    (void)sqlite3_finalize(q);
    for (size_t i = 0; i < u->target_count; i++) {
        char sql[400];
        const struct target *t = &u->targets[i];
        (void)snprintf(
            sql, sizeof(sql),
            "INSERT INTO audience_target (provider_id, user_id, medium, value, p256dh, auth, subscribed, "
            "dropped, why, was, job_id, message_n, created_ms, changed_ms) VALUES "
            "(%lld,%lld,%d,'%.*s','','',%d,'%.*s','',-1,0,0,0,0)",
            (long long)provider_id, (long long)u->id, (int)t->medium, (int)t->value.len, t->value.ptr,
            (int)t->consent, (int)t->dropped.len, t->dropped.ptr);
        run(w, sql);
    }
}

/* Jobs 1 to 9 of campaigns 1 to 3, whose short ids are c1, c2 and "2", which is an id too. */
static void make_messages(struct world *w)
{
    const struct span none = SPAN_LIT("");
    assert_int_equal(w->b->ops->begin(w->b), ERR_NONE);
    for (int i = 1; i <= 9; i++) {
        int campaign = (i - 1) / 3 + 1;
        struct job j = {.provider_id = 1,
                        .campaign_id = campaign,
                        .sender_id = 1,
                        .campaign_name = none,
                        .content = none,
                        .short_id = span_of(campaign == 1   ? "c1"
                                            : campaign == 2 ? "c2"
                                                            : "2"),
                        .variables = none,
                        .stop_when = none,
                        .audience = none,
                        .state = JOB_COMPLETED,
                        .reason = none,
                        .reason_text = none,
                        .repeat = none};
        assert_int_equal(sqlite_job_insert(w->b, &j), ERR_NONE);
        assert_int_equal(j.id, i);
    }
    for (int i = 0; i < MESSAGES; i++) {
        struct note *n = &w->notes[i];
        n->user = 1 + below(w, PEOPLE);
        n->job = 1 + below(w, 9);
        n->campaign = (n->job - 1) / 3 + 1;
        n->state = below(w, MESSAGE_STATES);
        n->at_ms = NOW - below(w, 12) * DAY;
        const struct message m = {.job_id = n->job,
                                  .n = i + 1,
                                  .user_id = n->user,
                                  .state = (enum message_state)n->state,
                                  .error = none,
                                  .detail = none,
                                  .processed = none,
                                  .service_id = none,
                                  .at_ms = n->at_ms};
        assert_int_equal(sqlite_message_insert(w->b, &m), ERR_NONE);
    }
    assert_int_equal(w->b->ops->commit(w->b), ERR_NONE);
}

/* What the walk is told of earlier messages: not by SQL. */
static enum err received(void *arg, const struct user *u, const struct condition_received *r,
                         int64_t since_ms, bool *ret)
{
    struct world *w = arg;
    static const char *const ids[] = {"", "1", "2", "3"}, *const shorts[] = {"", "c1", "c2", "2"};
    *ret = false;
    for (size_t i = 0; i < MESSAGES; i++) {
        const struct note *n = &w->notes[i];
        bool named = span_eq(r->campaign, span_of(ids[n->campaign])) ||
                     span_eq(r->campaign, span_of(shorts[n->campaign]));
        if (named && n->user == u->id && n->at_ms >= since_ms && r->states & 1u << n->state)
            *ret = true;
    }
    bool same = !*ret;
    assert_int_equal(sqlite_message_since(w->b, u->id, r->campaign, r->states, since_ms, &same), ERR_NONE);
    assert_int_equal(same, *ret);
    return ERR_NONE;
}

static void operand(struct world *w, struct buf *b, bool user_id)
{
    static const char *const scalars[] = {"is", "isNot", "contains"},
                             *const parts[] = {"startsWith", "endsWith", "contains"},
                             *const orders[] = {"above", "atLeast", "below", "atMost"},
                             *const dates[] = {"\"2026-11-28\"", "\"2026-11-28T10:00:00Z\"", "{\"days\":-2}",
                                               "{\"days\":0}", "{\"days\":1}"};
    char part[64];
    unsigned kind = below(w, user_id ? 3 : 6);
    if (kind == 0) {
        (void)snprintf(part, sizeof(part), "\"%s\":", PICK(w, scalars));
        add(b, part);
        add(b, user_id ? PICK(w, texts) : scalar(w));
    } else if (kind == 1) {
        add(b, "\"in\":[");
        for (unsigned i = 0, n = below(w, 6); i < n; i++) {
            add(b, i ? "," : "");
            add(b, user_id ? PICK(w, texts) : scalar(w));
        }
        add(b, "]");
    } else if (kind == 2) {
        (void)snprintf(part, sizeof(part), "\"%s\":", PICK(w, parts));
        add(b, part);
        add(b, PICK(w, texts));
    } else if (kind == 3) {
        (void)snprintf(part, sizeof(part), "\"%s\":", PICK(w, orders));
        add(b, part);
        add(b, below(w, 3) ? PICK(w, numbers) : PICK(w, texts));
    } else if (kind == 4) {
        add(b, below(w, 2) ? "\"exists\":true" : "\"exists\":false");
    } else {
        add(b, below(w, 2) ? "\"before\":" : "\"after\":");
        add(b, PICK(w, dates));
    }
}

static void attribute(struct world *w, struct buf *b)
{
    add(b, "{\"attribute\":[");
    for (unsigned i = 0, n = 1 + below(w, 5) / 4 + below(w, 5) / 4; i < n; i++) {
        add(b, i ? ",\"" : "\"");
        add(b, PICK(w, keys));
        add(b, "\"");
    }
    add(b, "],");
    operand(w, b, false);
    add(b, "}");
}

static void node(struct world *w, struct buf *b, unsigned depth)
{
    static const char *const leaves[] = {
        "{\"target\":\"email\",\"subscribed\":true}",
        "{\"target\":\"line\",\"subscribed\":false}",
        "{\"target\":\"app\",\"subscribed\":\"unasked\"}",
        "{\"target\":\"browser\",\"exists\":true}",
        "{\"target\":\"email\",\"exists\":false}",
        "{\"target\":\"app\",\"dropped\":true}",
        "{\"target\":\"line\",\"dropped\":false}",
        "{\"received\":{\"campaign\":\"c1\"}}",
        "{\"received\":{\"campaign\":\"2\",\"days\":5}}",
        "{\"received\":{\"campaign\":\"3\",\"days\":3,\"state\":[\"failed\",\"unknown\"]}}",
        "{\"received\":{\"campaign\":\"9\"}}",
        "{\"received\":{\"campaign\":\"gone\",\"state\":\"skipped\"}}",
        "{\"created\":{\"before\":{\"days\":-4}}}",
        "{\"created\":{\"after\":\"2026-11-24\"}}",
        "{\"updated\":{\"after\":{\"days\":-1}}}",
        "{\"updated\":{\"before\":{\"days\":2}}}",
        "{\"all\":[]}",
    };
    unsigned kind = below(w, depth ? 12 : 8);
    if (kind < 6) {
        attribute(w, b);
    } else if (kind == 6) {
        add(b, PICK(w, leaves));
    } else if (kind == 7) {
        add(b, "{\"userId\":{");
        operand(w, b, true);
        add(b, "}}");
    } else if (kind < 11) {
        add(b, kind == 8 ? "{\"all\":[" : "{\"any\":[");
        for (unsigned i = 0, n = 1 + below(w, 4); i < n; i++) {
            add(b, i ? "," : "");
            node(w, b, depth - 1);
        }
        add(b, "]}");
    } else {
        add(b, "{\"not\":");
        node(w, b, depth - 1);
        add(b, "}");
    }
}
