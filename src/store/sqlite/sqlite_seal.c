/*
 * Secrets and webhook URLs of channels on disk (a URL's query or path often contains a secret): sealed
 * through what the node passes in (backend.h), each for its channel. Sealed values are blobs; values that an
 * older version stored in clear are texts. Those are sealed when a node starts, and the whole file is then
 * rewritten, because freed pages and gaps in others still hold the clear values.
 */
#include <stdio.h>

#include "base/log.h"
#include "store/sqlite/sqlite.h"

enum kept { KEPT_SECRET, KEPT_PREVIOUS, KEPT_URL, KEPT_COUNT };

static const char *const kept_names[KEPT_COUNT] = {"secret", "previous secret", "webhook URL"};

struct context {
    char text[64];
};

/* Context of a sealed value, such as "channel 2000000001 secret". */
static struct context context_of(int64_t channel_id, enum kept kept)
{
    struct context c;
    (void)snprintf(c.text, sizeof(c.text), "channel %lld %s", (long long)channel_id, kept_names[kept]);
    return c;
}

struct sealed {
    uint8_t bytes[STORE_SEALED_MAX];
    size_t len;
};

static enum err seal_one(const struct store_seal *seal, int64_t channel_id, enum kept kept, const char *clear,
                         struct sealed *ret)
{
    struct context context = context_of(channel_id, kept);
    ret->len = 0;
    return clear[0] ? seal->seal(seal->arg, span_of(context.text), span_of(clear), ret->bytes,
                                 sizeof(ret->bytes), &ret->len)
                    : ERR_NONE;
}

static enum err put(struct sqlite *s, const struct store_seal *seal, const struct channel *c)
{
    const char *const clear[KEPT_COUNT] = {c->secret, c->previous_secret, c->webhook_url};
    struct sealed sealed[KEPT_COUNT];
    enum err e = ERR_NONE;
    sqlite3_stmt *q =
        sqlite_statement(s, seal ? STATEMENT_channel_secret : STATEMENT_channel_secret_clear, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, c->id);
    sqlite_bind_number(q, 2, c->previous_until_ms);
    for (enum kept k = KEPT_SECRET; k < KEPT_COUNT; k++) {
        if (!seal) {
            sqlite_bind_span(q, 3 + (int)k, span_of(clear[k]));
            continue;
        }
        e = seal_one(seal, c->id, k, clear[k], &sealed[k]);
        if (e)
            return e;
        sqlite_bind_bytes(q, 3 + (int)k, sealed[k].bytes, sealed[k].len);
    }
    return sqlite_run(s, q);
}

enum err sqlite_secret_put(struct sqlite *s, const struct channel *c)
{
    return put(s, s->seal, c);
}

static enum err read_one(struct sqlite *s, sqlite3_stmt *stmt, int column, int64_t channel_id, enum kept kept,
                         char *out, size_t size)
{
    struct span stored = sqlite_span(stmt, column);
    out[0] = '\0';
    if (!stored.len)
        return ERR_NONE;
    if (sqlite3_column_type(stmt, column) == SQLITE_TEXT) {
        sqlite_text(stmt, column, out, size);
        return ERR_NONE;
    }
    if (!s->seal) /* a command without the key; it needs no secrets */
        return ERR_NONE;
    struct context context = context_of(channel_id, kept);
    enum err e = s->seal->open(s->seal->arg, span_of(context.text), stored, out, size);
    if (e)
        log_error(
            "store",
            kept == KEPT_URL
                ? "a channel's webhook URL cannot be opened: it was altered, or sealed for another channel"
                : "a channel's secret cannot be opened: it was altered, or sealed for another channel",
            log_int("channel", channel_id), log_err("err", e));
    return e;
}

enum err sqlite_secret_read(struct sqlite *s, sqlite3_stmt *stmt, int secret, int previous, int url,
                            struct channel *c)
{
    enum err e = read_one(s, stmt, secret, c->id, KEPT_SECRET, c->secret, sizeof(c->secret));
    if (!e)
        e = read_one(s, stmt, previous, c->id, KEPT_PREVIOUS, c->previous_secret, sizeof(c->previous_secret));
    return e ? e : read_one(s, stmt, url, c->id, KEPT_URL, c->webhook_url, sizeof(c->webhook_url));
}

static enum err set_meta(struct sqlite *s, enum statement id, int64_t value)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, id, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, value);
    return sqlite_run(s, q);
}

/* The next channel after c->id with a value in clear; *ret_row: whether there is one. */
static enum err next_clear(struct sqlite *s, struct channel *c, bool *ret_row)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_secret_next_clear, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, c->id);
    e = sqlite_row(s, q, ret_row);
    if (e || !*ret_row)
        return e;
    *c = (struct channel){.id = sqlite_number(q, 0), .previous_until_ms = sqlite_number(q, 3)};
    e = sqlite_secret_read(s, q, 1, 2, 4, c);
    (void)sqlite3_reset(q);
    return e;
}

static enum err seal_clear(struct sqlite *s)
{
    struct channel c = {0};
    int64_t count = 0;
    bool row;
    enum err e;
    while (!(e = next_clear(s, &c, &row)) && row) {
        e = put(s, s->seal, &c);
        if (e)
            return e;
        count++;
    }
    explicit_bzero(&c, sizeof(c));
    if (!e && count) {
        log_info("store", "secrets and webhook URLs of channels sealed", log_int("channels", count));
        e = set_meta(s, STATEMENT_seal_unclean, 1);
    }
    return e;
}

static enum err take_key(struct sqlite *s, const struct store_seal *seal)
{
    int64_t stored, sealed, id;
    enum err e = sqlite_ask(s, "SELECT ifnull(max(value),0) FROM meta WHERE name='seal_key'", &stored);
    if (!e)
        e = sqlite_ask(s,
                       "SELECT EXISTS (SELECT 1 FROM channel WHERE typeof(secret)='blob' AND secret<>x'' "
                       "OR typeof(webhook_url)='blob' AND webhook_url<>x'') "
                       "OR EXISTS (SELECT 1 FROM sender WHERE typeof(secret)='blob' AND secret<>x'')",
                       &sealed);
    if (!e)
        e = seal->begin(seal->arg, sealed ? stored : 0, &id);
    if (!e && id != stored)
        e = set_meta(s, STATEMENT_seal_key, id);
    return e;
}

static enum err in_transaction(struct sqlite *s, enum err (*fn)(struct sqlite *s, const void *arg),
                               const void *arg)
{
    enum err e = sqlite_exec(s, "BEGIN IMMEDIATE");
    if (e)
        return e;
    e = fn(s, arg);
    if (!e)
        e = sqlite_exec(s, "COMMIT");
    if (e && !sqlite3_get_autocommit(s->db))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return e;
}

/*
 * Rewrites the file without the pages and gaps that held clear values. If that fails, the next start tries
 * again.
 */
static void clean(struct sqlite *s)
{
    int64_t unclean = 0;
    enum err e = sqlite_ask(s, "SELECT ifnull(max(value),0) FROM meta WHERE name='seal_unclean'", &unclean);
    if (!e && !unclean)
        return;
    if (!e)
        e = sqlite_exec(s, "VACUUM");
    if (!e)
        e = sqlite_err(s, sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
    if (!e)
        e = set_meta(s, STATEMENT_seal_unclean, 0);
    if (e)
        log_error("store",
                  "cannot clear old copies of secrets from the database file; trying again at the next start",
                  log_err("err", e));
}

static enum err begin(struct sqlite *s, const void *arg)
{
    enum err e = take_key(s, arg);
    return e ? e : seal_clear(s);
}

enum err sqlite_seal(struct backend *b, const struct store_seal *seal)
{
    struct sqlite *s = sqlite_of(b);
    s->seal = seal;
    if (s->access == STORE_READ)
        return ERR_NONE;
    enum err e = in_transaction(s, begin, seal);
    if (!e)
        clean(s);
    return e;
}

static enum err take_next(void *arg, const struct channel *c)
{
    *(struct channel *)arg = *c;
    return ERR_NONE;
}

static enum err reseal(struct sqlite *s, const void *arg)
{
    const struct store_seal *seal = arg;
    struct channel c = {0};
    enum err e;
    for (int64_t last = -1; last != c.id;) { /* one at a time: rows must not change while they are listed */
        last = c.id;
        e = s->backend.ops->channels->channel_list(&s->backend, last, 1, take_next, &c);
        if (!e && c.id != last)
            e = put(s, seal, &c);
        if (e)
            return e;
    }
    explicit_bzero(&c, sizeof(c));
    e = sqlite_sender_reseal(s, seal);
    if (e)
        return e;
    int64_t id;
    e = seal->begin(seal->arg, 0, &id);
    if (!e)
        e = set_meta(s, STATEMENT_seal_key, id);
    return e ? e : set_meta(s, STATEMENT_seal_unclean, 1);
}

enum err sqlite_reseal(struct backend *b, const struct store_seal *seal)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = in_transaction(s, reseal, seal);
    if (e)
        return e;
    s->seal = seal;
    clean(s);
    return ERR_NONE;
}
