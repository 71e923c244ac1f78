/* Events: accepting them (payload and queue rows, idempotency keys) and giving them to the lanes. */
#include "base/json_scan.h"
#include "base/log.h"
#include "store/sqlite/sqlite.h"

enum err sqlite_events_insert(struct backend *b, struct event *const *events, size_t count, int64_t wall_ms)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = count ? sqlite_channel_is(s, events[0]->channel_id) : ERR_NONE;
    if (e)
        return e;
    e = sqlite_tail_make_room(s, count);
    sqlite3_stmt *payload = e ? NULL : sqlite_statement(s, STATEMENT_payload_insert, &e);
    if (!payload)
        return e == ERR_EXISTS ? ERR_INTERNAL : e;
    for (size_t i = 0; i < count; i++) {
        struct event *v = events[i];
        e = ulid_seq_next(&s->seq, wall_ms, &v->item.id);
        if (e)
            return ERR_INTERNAL; /* the year 2248: not one of the errors that leave the transaction usable */
        sqlite_bind_number(payload, 1, v->item.id);
        sqlite_bind_number(payload, 2, v->channel_id);
        sqlite_bind_number(payload, 3, v->flags);
        sqlite_bind_bytes(payload, 4, v->json, v->len);
        if ((e = sqlite_run(s, payload)))
            break;
        sqlite_tail_add(s, v->channel_id, v->item.id);
        s->numbered = v->item.id;
    }
    sqlite_bind_bytes(payload, 4, "", 0); /* clears the binding: the bytes were borrowed */
    /* some rows may be written: not one of the errors that leave the transaction usable */
    return e == ERR_EXISTS ? ERR_INTERNAL : e;
}

/*
 * SQLite has no checksum over its pages: where a page was lost or overwritten, the bytes are no JSON object.
 */
bool sqlite_event_is_whole(struct span json)
{
    return json.len > 0 && json.ptr[0] == '{' && json_check(json, JSON_DEPTH, NULL) == ERR_NONE;
}

/* Rows of (id, flags, due_ms, tries, faults, json). */
static enum err give_events(struct sqlite *s, sqlite3_stmt *q, int64_t channel_id, bool retry,
                            event_row_fn *fn, void *arg, uint32_t *ret_count)
{
    enum err e = ERR_NONE;
    while (sqlite_next(s, q, &e)) {
        ++*ret_count;
        struct event head = {.channel_id = channel_id, .flags = (uint8_t)sqlite_number(q, 1)};
        head.item.id = sqlite_number(q, 0);
        head.item.due_ms = sqlite_number(q, 2);
        head.item.tries = (uint16_t)sqlite_number(q, 3);
        head.item.faults = (uint16_t)sqlite_number(q, 4);
        head.item.retry = retry;
        e = sqlite_event_is_whole(sqlite_span(q, 5)) ? fn(arg, sqlite_span(q, 5), &head)
                                                     : sqlite_err(s, SQLITE_CORRUPT);
    }
    return e;
}

static bool is_unreadable(const struct sqlite *s, int64_t id)
{
    for (uint32_t i = 0; i < s->unreadable_count; i++)
        if (s->unreadable[i] == id)
            return true;
    return false;
}

/* This transaction has met damage and is lost; the next one does not touch this event. */
static enum err pass_over(struct sqlite *s, int64_t id)
{
    if (s->unreadable_count == UNREADABLE_MAX)
        return ERR_DAMAGED;
    s->unreadable[s->unreadable_count++] = id;
    s->backend.damaged = s->backend.passed_over = true;
    log_error(
        "store",
        "a waiting event cannot be read because the database is damaged: skipping it, the others continue; "
        "see \"A damaged database\" in docs/operations.md",
        log_int("event", id));
    return ERR_NONE;
}

/*
 * Gives the event with its payload. *ret_given: false if there is none, or none that can be read: it is
 * skipped.
 */
static enum err give_one(struct sqlite *s, struct event *head, event_row_fn *fn, void *arg, bool *ret_given)
{
    enum err e = ERR_NONE;
    *ret_given = false;
    if (is_unreadable(s, head->item.id))
        return ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_event_payload, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, head->item.id);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e == ERR_DAMAGED)
        return pass_over(s, head->item.id);
    if (e || !row)
        return e;
    head->flags = (uint8_t)sqlite_number(q, 1);
    struct span json = sqlite_span(q, 2);
    if (sqlite_event_is_whole(json)) {
        e = fn(arg, json, head);
        *ret_given = true;
    } else {
        e = pass_over(s, head->item.id);
    }
    (void)sqlite3_reset(q);
    return e;
}

/* Gives a channel's waiting events in the tail after `after`. */
static enum err give_tail(struct sqlite *s, int64_t channel_id, int64_t after, uint32_t limit,
                          event_row_fn *fn, void *arg)
{
    enum err e = sqlite_tail_load(s);
    for (uint32_t i = after < INT64_MAX ? sqlite_tail_find(&s->tail, after + 1) : s->tail.count;
         !e && limit && i < s->tail.count; i++) {
        const struct tail_event *v = &s->tail.events[i];
        if (v->channel_id != channel_id || v->state != TAIL_WAITS)
            continue;
        struct event head = {.channel_id = channel_id};
        head.item.id = v->id;
        bool given;
        e = give_one(s, &head, fn, arg, &given);
        limit -= given;
    }
    return e;
}

/*
 * Where payloads are damaged each is read separately, so that those after them continue. Rows of (id, due_ms,
 * tries, faults).
 */
static enum err give_around(struct sqlite *s, sqlite3_stmt *q, const struct event *of, uint32_t limit,
                            event_row_fn *fn, void *arg, uint32_t *ret_count)
{
    enum err e = ERR_NONE;
    bool row = true, given;
    while (!e && *ret_count < limit && !(e = sqlite_row(s, q, &row)) && row) {
        struct event head = *of;
        head.item.id = sqlite_number(q, 0);
        head.item.due_ms = sqlite_number(q, 1);
        head.item.tries = (uint16_t)sqlite_number(q, 2);
        head.item.faults = (uint16_t)sqlite_number(q, 3);
        e = give_one(s, &head, fn, arg, &given);
        *ret_count += given;
    }
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_queue_list(struct backend *b, int64_t channel_id, int64_t after, uint32_t limit,
                           event_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    bool around = s->damage_told; /* the caller that meets damage first asks again */
    sqlite3_stmt *q = sqlite_statement(s, around ? STATEMENT_queue_heads : STATEMENT_queue_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, channel_id);
    sqlite_bind_number(q, 2, after);
    uint32_t given = 0;
    if (around) {
        e = give_around(s, q, &(struct event){.channel_id = channel_id}, limit, fn, arg, &given);
    } else {
        sqlite_bind_number(q, 3, limit);
        e = give_events(s, q, channel_id, false, fn, arg, &given);
    }
    return e || given == limit ? e
                               : give_tail(s, channel_id, after, limit - given, fn, arg); /* younger events */
}

enum err sqlite_retry_list(struct backend *b, int64_t channel_id, uint32_t limit, event_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    bool around = s->damage_told;
    sqlite3_stmt *q = sqlite_statement(s, around ? STATEMENT_retry_heads : STATEMENT_retry_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, channel_id);
    uint32_t given = 0;
    if (around)
        return give_around(s, q, &(struct event){.channel_id = channel_id, .item.retry = true}, limit, fn,
                           arg, &given);
    sqlite_bind_number(q, 2, limit);
    return give_events(s, q, channel_id, true, fn, arg, &given);
}

enum err sqlite_oldest(struct backend *b, int64_t channel_id, int64_t *ret_pending, int64_t *ret_retrying)
{
    static const enum statement asked[] = {STATEMENT_queue_oldest, STATEMENT_retry_oldest};
    struct sqlite *s = sqlite_of(b);
    int64_t ids[2] = {0};
    for (size_t i = 0; i < 2; i++) {
        enum err e = ERR_NONE;
        sqlite3_stmt *q = sqlite_statement(s, asked[i], &e);
        if (!q)
            return e;
        sqlite_bind_number(q, 1, channel_id);
        bool row;
        if ((e = sqlite_row(s, q, &row)))
            return e;
        ids[i] = row ? sqlite_number(q, 0) : 0;
        (void)sqlite3_reset(q);
    }
    enum err e = ids[0] ? ERR_NONE : sqlite_tail_load(s);
    for (uint32_t i = 0; !e && !ids[0] && i < s->tail.count; i++)
        if (s->tail.events[i].channel_id == channel_id && s->tail.events[i].state == TAIL_WAITS)
            ids[0] = s->tail.events[i].id;
    if (e)
        return e;
    *ret_pending = ids[0];
    *ret_retrying = ids[1];
    return ERR_NONE;
}

enum err sqlite_backlog_list(struct backend *b, backlog_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    for (int retry = 0; retry < 2; retry++) {
        enum err e = ERR_NONE;
        sqlite3_stmt *q = sqlite_statement(s, retry ? STATEMENT_retry_backlog : STATEMENT_queue_backlog, &e);
        if (!q)
            return e;
        while (sqlite_next(s, q, &e)) {
            uint64_t n = (uint64_t)sqlite_number(q, 1);
            e = fn(arg, sqlite_number(q, 0), retry ? 0 : n, retry ? n : 0);
        }
        if (e)
            return e;
    }
    enum err e = sqlite_tail_load(s);
    for (uint32_t i = 0; !e && i < s->tail.count; i++)
        if (s->tail.events[i].state == TAIL_WAITS)
            e = fn(arg, s->tail.events[i].channel_id, 1, 0);
    return e;
}

enum err sqlite_idempotency_get(struct backend *b, int64_t channel_id, struct span key, int64_t since_ms,
                                struct idempotency *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_idempotency_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, channel_id);
    sqlite_bind_span(q, 2, key);
    sqlite_bind_number(q, 3, since_ms);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    struct span hash = sqlite_span(q, 0), ids = sqlite_span(q, 1);
    if (hash.len != sizeof(ret->body_hash) || ids.len % 8 != 0 || ids.len / 8 > EVENT_MAX_COUNT) {
        e = ERR_INTERNAL;
    } else {
        memcpy(ret->body_hash, hash.ptr, hash.len);
        ret->count = (uint32_t)(ids.len / 8);
        for (uint32_t i = 0; i < ret->count; i++) {
            uint64_t id = 0;
            for (int k = 0; k < 8; k++)
                id = id << 8 | (uint8_t)ids.ptr[i * 8 + (uint32_t)k];
            ret->ids[i] = (int64_t)id;
        }
    }
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_idempotency_put(struct backend *b, int64_t channel_id, struct span key,
                                const struct idempotency *i, int64_t wall_ms)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_idempotency_put, &e);
    if (!q)
        return e;
    uint8_t ids[EVENT_MAX_COUNT * 8];
    for (uint32_t n = 0; n < i->count; n++)
        for (uint32_t k = 0; k < 8; k++)
            ids[n * 8 + k] = (uint8_t)((uint64_t)i->ids[n] >> (56 - 8 * k));
    sqlite_bind_number(q, 1, channel_id);
    sqlite_bind_span(q, 2, key);
    sqlite_bind_number(q, 3, wall_ms);
    sqlite_bind_bytes(q, 4, i->body_hash, sizeof(i->body_hash));
    sqlite_bind_bytes(q, 5, ids, (size_t)i->count * 8);
    e = sqlite_run(s, q);
    (void)sqlite3_clear_bindings(q);
    return e;
}

enum err sqlite_idempotency_prune(struct backend *b, int64_t before_ms, uint32_t limit, uint32_t *ret_count)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_idempotency_prune, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, before_ms);
    sqlite_bind_number(q, 2, limit);
    e = sqlite_run(s, q);
    *ret_count = e ? 0 : (uint32_t)sqlite3_changes(s->db);
    return e;
}
