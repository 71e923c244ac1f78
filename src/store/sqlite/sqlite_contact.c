/* Choices of the owners of contact addresses; number of mails sent per day. */
#include "store/sqlite/sqlite.h"

/* Reads the row and resets the statement. */
static enum err take(struct sqlite *s, sqlite3_stmt *q, struct contact *ret)
{
    bool row;
    enum err e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    struct contact c = {.provider_id = sqlite_number(q, 0),
                        .state = (enum contact_state)sqlite_number(q, 2),
                        .channel_id = sqlite_number(q, 3),
                        .asked = (uint32_t)sqlite_number(q, 4),
                        .asked_ms = sqlite_number(q, 5),
                        .decided_ms = sqlite_number(q, 7)};
    struct span hash = sqlite_span(q, 6);
    sqlite_text(q, 1, c.address, sizeof(c.address));
    if (hash.len == sizeof(c.hash))
        memcpy(c.hash, hash.ptr, sizeof(c.hash));
    (void)sqlite3_reset(q);
    *ret = c;
    return ERR_NONE;
}

enum err sqlite_contact_get(struct backend *b, int64_t provider_id, struct span address, struct contact *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_contact_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_span(q, 2, address);
    return take(s, q, ret);
}

enum err sqlite_contact_find(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                             struct contact *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_contact_find, &e);
    if (!q)
        return e;
    sqlite_bind_bytes(q, 1, hash, SESSION_HASH_LEN);
    return take(s, q, ret);
}

enum err sqlite_contact_put(struct backend *b, const struct contact *c, struct span person)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_contact_put, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, c->provider_id);
    sqlite_bind_span(q, 2, span_of(c->address));
    sqlite_bind_number(q, 3, c->state);
    sqlite_bind_number(q, 4, c->channel_id);
    sqlite_bind_number(q, 5, c->asked);
    sqlite_bind_number(q, 6, c->asked_ms);
    sqlite_bind_bytes(q, 7, c->hash, sizeof(c->hash));
    sqlite_bind_number(q, 8, c->decided_ms);
    sqlite_bind_span(q, 9, person);
    return sqlite_run(s, q);
}

enum err sqlite_contact_asks(struct backend *b, struct span person, int64_t since_ms,
                             struct contact_asks *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_contact_asks, &e);
    if (!q)
        return e;
    sqlite_bind_span(q, 1, person);
    sqlite_bind_number(q, 2, since_ms);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_INTERNAL;
    *ret = (struct contact_asks){(uint32_t)sqlite_number(q, 0), (uint32_t)sqlite_number(q, 1),
                                 (uint32_t)sqlite_number(q, 2)};
    (void)sqlite3_reset(q);
    return ERR_NONE;
}

enum err sqlite_mail_day_get(struct backend *b, enum mail_topic topic, int64_t id, int64_t day, uint32_t *ret)
{
    int64_t mails = 0;
    enum err e =
        sqlite_first(sqlite_of(b), STATEMENT_mail_day_get, (int64_t[]){(int64_t)topic, id, day}, 3, &mails);
    if (e && e != ERR_NOT_FOUND)
        return e;
    *ret = (uint32_t)mails;
    return ERR_NONE;
}

enum err sqlite_mail_day_add(struct backend *b, enum mail_topic topic, int64_t id, int64_t day, uint32_t n)
{
    return sqlite_run_with(sqlite_of(b), STATEMENT_mail_day_add, (int64_t[]){(int64_t)topic, id, day, n}, 4);
}
