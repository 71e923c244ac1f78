/* Senders. Their credentials are sealed, each for its sender; without a seal they are stored in clear. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite/sqlite.h"

/* A byte for the version, a nonce of 24 and a tag of 16. */
#define SEALED_MAX (SENDER_SECRET_MAX + 64)

struct context {
    char text[64];
};

static struct context context_of(int64_t id)
{
    struct context c;
    (void)snprintf(c.text, sizeof(c.text), "sender %lld secret", (long long)id);
    return c;
}

static enum err put_secret(struct sqlite *s, const struct store_seal *seal, int64_t id, struct span clear)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_sender_secret, &e);
    if (!q)
        return e;
    if (clear.len > SENDER_SECRET_MAX)
        return ERR_LIMIT;
    sqlite_bind_number(q, 1, id);
    if (!seal || !clear.len) {
        sqlite_bind_span(q, 2, clear);
        return sqlite_run(s, q);
    }
    struct context context = context_of(id);
    uint8_t sealed[SEALED_MAX];
    size_t len;
    e = seal->seal(seal->arg, span_of(context.text), clear, sealed, sizeof(sealed), &len);
    if (e)
        return e;
    sqlite_bind_bytes(q, 2, sealed, len);
    return sqlite_run(s, q);
}

/* Reads the secret of column `column` into out, of SENDER_SECRET_MAX + 1 bytes. */
static enum err open_secret(struct sqlite *s, sqlite3_stmt *q, int column, int64_t id, char *out)
{
    struct span stored = sqlite_span(q, column);
    out[0] = '\0';
    if (!stored.len || (!s->seal && sqlite3_column_type(q, column) == SQLITE_BLOB))
        return ERR_NONE; /* a command without the key needs no secrets */
    if (sqlite3_column_type(q, column) == SQLITE_TEXT) {
        sqlite_text(q, column, out, SENDER_SECRET_MAX + 1);
        return ERR_NONE;
    }
    struct context context = context_of(id);
    enum err e = s->seal->open(s->seal->arg, span_of(context.text), stored, out, SENDER_SECRET_MAX + 1);
    if (e)
        log_error("store",
                  "a sender's credentials cannot be opened: they were altered, or sealed for another",
                  log_int("sender", id), log_err("err", e));
    return e;
}

enum err sqlite_sender_insert(struct backend *b, struct sender *x)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_sender_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, x->provider_id);
    sqlite_bind_span(q, 2, x->name);
    sqlite_bind_number(q, 3, x->service);
    sqlite_bind_span(q, 4, x->settings);
    sqlite_bind_number(q, 5, x->state);
    sqlite_bind_span(q, 6, x->reason);
    sqlite_bind_span(q, 7, x->reason_text);
    sqlite_bind_number(q, 8, x->changed_ms);
    sqlite_bind_number(q, 9, x->created_ms);
    e = sqlite_run(s, q);
    if (e)
        return e;
    int64_t id = sqlite3_last_insert_rowid(s->db);
    e = put_secret(s, s->seal, id, x->secret);
    if (!e)
        x->id = id;
    return e;
}

enum err sqlite_sender_update(struct backend *b, const struct sender *x)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_sender_update, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, x->provider_id);
    sqlite_bind_number(q, 2, x->id);
    sqlite_bind_span(q, 3, x->name);
    sqlite_bind_span(q, 4, x->settings);
    sqlite_bind_number(q, 5, x->state);
    sqlite_bind_span(q, 6, x->reason);
    sqlite_bind_span(q, 7, x->reason_text);
    sqlite_bind_number(q, 8, x->changed_ms);
    sqlite_bind_number(q, 9, x->updated_ms);
    e = sqlite_run(s, q);
    if (!e && sqlite3_changes(s->db) == 0)
        return ERR_NOT_FOUND;
    return e ? e : put_secret(s, s->seal, x->id, x->secret);
}

enum err sqlite_sender_state(struct backend *b, int64_t id, enum sender_state state, struct span reason,
                             struct span reason_text, int64_t wall_ms)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_sender_state, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    sqlite_bind_number(q, 2, state);
    sqlite_bind_span(q, 3, reason);
    sqlite_bind_span(q, 4, reason_text);
    sqlite_bind_number(q, 5, wall_ms);
    e = sqlite_run(s, q);
    return !e && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

enum err sqlite_sender_delete(struct backend *b, int64_t provider_id, int64_t id)
{
    struct sqlite *s = sqlite_of(b);
    const int64_t key[] = {provider_id, id};
    int64_t one;
    enum err e = sqlite_first(s, STATEMENT_sender_in_use, key, 2, &one);
    if (e != ERR_NOT_FOUND)
        return e ? e : ERR_CONFLICT;
    e = sqlite_run_with(s, STATEMENT_sender_delete, key, 2);
    return !e && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

static struct sender row_of(sqlite3_stmt *q)
{
    return (struct sender){
        .id = sqlite_number(q, 0),
        .provider_id = sqlite_number(q, 1),
        .name = sqlite_span(q, 2),
        .service = (enum service)sqlite_number(q, 3),
        .settings = sqlite_span(q, 4),
        .state = (enum sender_state)sqlite_number(q, 6),
        .reason = sqlite_span(q, 7),
        .reason_text = sqlite_span(q, 8),
        .changed_ms = sqlite_number(q, 9),
        .created_ms = sqlite_number(q, 10),
        .updated_ms = sqlite_number(q, 11),
    };
}

enum err sqlite_sender_get(struct backend *b, int64_t provider_id, int64_t id, sender_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_sender_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, id);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    char *secret = mem_alloc(SENDER_SECRET_MAX + 1);
    if (!secret)
        e = ERR_NOMEM;
    if (!e)
        e = open_secret(s, q, 5, id, secret);
    if (!e) {
        struct sender x = row_of(q);
        x.secret = span_of(secret);
        e = fn(arg, &x);
    }
    if (secret)
        explicit_bzero(secret, SENDER_SECRET_MAX + 1);
    mem_free(secret);
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_sender_list(struct backend *b, int64_t provider_id, int64_t after, uint32_t limit,
                            sender_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_sender_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, after);
    sqlite_bind_number(q, 3, limit);
    while (sqlite_next(s, q, &e)) {
        const struct sender x = row_of(q);
        e = fn(arg, &x);
    }
    return e;
}

enum err sqlite_sender_reseal(struct sqlite *s, const struct store_seal *seal)
{
    char *secret = mem_alloc(SENDER_SECRET_MAX + 1);
    if (!secret)
        return ERR_NOMEM;
    enum err e = ERR_NONE;
    for (int64_t after = 0; !e;) {
        sqlite3_stmt *q = sqlite_statement(s, STATEMENT_sender_next, &e);
        bool row = false;
        if (!q)
            break;
        sqlite_bind_number(q, 1, after);
        e = sqlite_row(s, q, &row);
        if (e || !row)
            break;
        after = sqlite_number(q, 0);
        e = open_secret(s, q, 1, after, secret);
        (void)sqlite3_reset(q);
        if (!e)
            e = put_secret(s, seal, after, span_of(secret));
    }
    explicit_bzero(secret, SENDER_SECRET_MAX + 1);
    mem_free(secret);
    return e;
}
