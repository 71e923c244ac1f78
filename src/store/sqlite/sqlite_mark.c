/* The store's records about itself: named numbers in table meta. */
#include "store/sqlite/sqlite.h"

static const char *const names[MARK_COUNT] = {
    [MARK_SEEN] = "seen",       [MARK_STEADY] = "steady",   [MARK_TRIAL] = "trial",
    [MARK_CHECKED] = "checked", [MARK_DAMAGED] = "damaged", [MARK_LOST] = "lost",
};

enum err sqlite_mark_get(struct backend *b, enum store_mark mark, int64_t *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_mark_get, &e);
    if (!q)
        return e;
    bool row;
    sqlite_bind_span(q, 1, span_of(names[mark]));
    e = sqlite_row(s, q, &row);
    if (e)
        return e;
    *ret = row ? sqlite_number(q, 0) : 0;
    (void)sqlite3_reset(q);
    return ERR_NONE;
}

enum err sqlite_mark_put(struct backend *b, enum store_mark mark, int64_t value)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_mark_put, &e);
    if (!q)
        return e;
    sqlite_bind_span(q, 1, span_of(names[mark]));
    sqlite_bind_number(q, 2, value);
    return sqlite_run(s, q);
}

/* ?1: now. ?2: a day later. */
static const char *const redated[] = {
    "UPDATE session SET created_ms=min(created_ms,?1), used_ms=min(used_ms,?1) WHERE created_ms>?2 OR "
    "used_ms>?2",
    "UPDATE idempotency SET created_ms=?1 WHERE created_ms>?2",
    "UPDATE access_token SET expires_ms=CASE WHEN expires_ms>0 THEN expires_ms-created_ms+?1 ELSE 0 END, "
    "used_ms=min(used_ms,?1), created_ms=?1 WHERE created_ms>?2",
    "UPDATE access_token SET used_ms=?1 WHERE used_ms>?2",
    "UPDATE invitation SET expires_ms=expires_ms-created_ms+?1, created_ms=?1 WHERE created_ms>?2",
    /* The original length of the grace period is unknown: seven days at most, and a day by default. */
    "UPDATE channel SET previous_until_ms=?2 WHERE previous_until_ms>?2+6*86400000",
    "UPDATE mail SET next_ms=min(next_ms,?1), created_ms=min(created_ms,?1) WHERE next_ms>?2 OR "
    "created_ms>?2",
    "UPDATE notice SET closes_ms=?1, first_ms=min(first_ms,?1) WHERE closes_ms>?2+86400000",
    "DELETE FROM notice_day WHERE day>?2/86400000+1",
    "UPDATE channel SET failing_ms=min(failing_ms,?1), suspended_ms=min(suspended_ms,?1) WHERE failing_ms>?2 "
    "OR suspended_ms>?2",
    "UPDATE job SET ended_ms=min(ended_ms,?1), claimed_ms=min(claimed_ms,?1) WHERE ended_ms>?2 OR "
    "claimed_ms>?2",
    /* No plan waits longer than a month: its time counts as missed, and the next one is found from now on. */
    "UPDATE job SET at_ms=?1-7200000 WHERE state=0 AND repeat<>'' AND at_ms>?2+31*86400000",
    "UPDATE contact SET asked_ms=min(asked_ms,?1), decided_ms=min(decided_ms,?1) WHERE asked_ms>?2 OR "
    "decided_ms>?2",
};

static enum err redate_one(struct sqlite *s, const char *sql, int64_t wall_ms)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
    if (rc == SQLITE_OK) {
        sqlite_bind_number(q, 1, wall_ms);
        sqlite_bind_number(q, 2, wall_ms + 86400000);
        rc = sqlite3_step(q);
    }
    enum err e = sqlite_err(s, rc);
    (void)sqlite3_finalize(q);
    return e;
}

enum err sqlite_redate(struct backend *b, int64_t wall_ms)
{
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < sizeof(redated) / sizeof(redated[0]); i++)
        e = redate_one(sqlite_of(b), redated[i], wall_ms);
    return e;
}
