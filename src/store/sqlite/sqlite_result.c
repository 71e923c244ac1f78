/* Results of deliveries: records attempts, reads states, makes finished events due again. */
#include "store/sqlite/sqlite.h"

static enum err put_attempt(struct sqlite *s, const struct attempt *a)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_attempt_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, a->id);
    sqlite_bind_number(q, 2, a->channel_id);
    sqlite_bind_number(q, 3, a->started_ms);
    sqlite_bind_number(q, 4, a->events);
    sqlite_bind_span(q, 5, a->reason);
    sqlite_bind_span(q, 6, a->detail);
    sqlite_bind_span(q, 7, a->cause);
    sqlite_bind_span(q, 8, a->processed);
    sqlite_bind_span(q, 9, a->phase);
    sqlite_bind_number(q, 10, a->status);
    sqlite_bind_number(q, 11, a->http);
    sqlite_bind_number(q, 12, (a->reused ? 1 : 0) | (a->resumed ? 2 : 0));
    sqlite_bind_number(q, 13, a->retries);
    sqlite_bind_span(q, 14, a->address);
    const uint32_t timings[] = {a->dns_us,  a->connect_us,    a->tls_us,
                                a->send_us, a->first_byte_us, a->total_us};
    for (int i = 0; i < 6; i++)
        sqlite_bind_number(q, 15 + i, timings[i]);
    return sqlite_run(s, q);
}

static enum err remove_row(struct sqlite *s, enum statement id, int64_t channel_id, int64_t event_id)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, id, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, channel_id);
    sqlite_bind_number(q, 2, event_id);
    return sqlite_run(s, q);
}

static enum err put_retry(struct sqlite *s, int64_t channel_id, int64_t event_id, int64_t due_ms,
                          uint16_t tries, uint16_t faults)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_retry_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, channel_id);
    sqlite_bind_number(q, 2, event_id);
    sqlite_bind_number(q, 3, due_ms);
    sqlite_bind_number(q, 4, tries);
    sqlite_bind_number(q, 5, faults);
    return sqlite_run(s, q);
}

static enum err put_fate(struct sqlite *s, const struct attempt *a, const struct fate *f)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_fate_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, a->channel_id);
    sqlite_bind_number(q, 2, f->event_id);
    sqlite_bind_number(q, 3, a->id);
    sqlite_bind_number(q, 4, f->end);
    return sqlite_run(s, q);
}

/* Removes the event from waiting; *ret_waited: whether it waited. */
static enum err unwait(struct sqlite *s, int64_t channel_id, const struct fate *f, bool *ret_waited)
{
    struct tail_event *v = f->was_retry ? NULL : sqlite_tail_waiting(s, channel_id, f->event_id);
    if (v) {
        v->state = TAIL_LEFT;
        s->tail.changes++;
        *ret_waited = true;
        return ERR_NONE;
    }
    enum err e = remove_row(s, f->was_retry ? STATEMENT_retry_delete : STATEMENT_queue_delete, channel_id,
                            f->event_id);
    *ret_waited = !e && sqlite3_changes(s->db);
    return e;
}

/* One event, delivered on the first attempt: the attempt row is enough (sqlite_tail.c). */
static enum err put_own(struct sqlite *s, struct attempt *a, struct tail_event *v)
{
    a->id = v->id;
    enum err e = put_attempt(s, a);
    if (!e)
        v->state = TAIL_DELIVERED;
    return e;
}

/* Any other case: a fate row per event. */
static enum err put_with_fates(struct sqlite *s, struct attempt *a, const struct fate *fates, size_t count,
                               int64_t wall_ms)
{
    bool kept = fate_keeps_attempt(fates, count);
    if (ulid_seq_next(&s->seq, wall_ms, &a->id))
        return ERR_INTERNAL;
    enum err e = kept ? put_attempt(s, a) : ERR_NONE;
    if (!e && kept)
        s->numbered = a->id;
    for (size_t i = 0; !e && i < count; i++) {
        const struct fate *f = &fates[i];
        bool waited = false;
        if (kept)
            e = put_fate(s, a, f);
        if (!e)
            e = unwait(s, a->channel_id, f, &waited);
        if (!e && fate_waits(f->end) && waited) /* otherwise the channel is gone, and its events with it */
            e = put_retry(s, a->channel_id, f->event_id, f->next_due_ms, f->tries, f->faults);
    }
    return e;
}

enum err sqlite_result_put(struct backend *b, struct attempt *a, const struct fate *fates, size_t count,
                           int64_t wall_ms)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = sqlite_tail_load(s);
    if (e)
        return e;
    struct tail_event *own = NULL;
    if (count == 1 && fates->end == FATE_DELIVERED && !fates->was_retry)
        own = sqlite_tail_waiting(s, a->channel_id, fates->event_id);
    e = own ? put_own(s, a, own) : put_with_fates(s, a, fates, count, wall_ms);
    if (!e)
        e = sqlite_error_result(b, a, wall_ms);
    return e ? e : sqlite_notice_result(b, a, wall_ms);
}

enum err sqlite_attempt_list(struct backend *b, int64_t channel_id, int64_t event_id, attempt_row_fn *fn,
                             void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_attempt_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, channel_id);
    sqlite_bind_number(q, 2, event_id);
    while (sqlite_next(s, q, &e)) {
        int64_t flags = sqlite_number(q, 11);
        struct attempt a = {
            .id = sqlite_number(q, 0),
            .channel_id = sqlite_number(q, 1),
            .started_ms = sqlite_number(q, 2),
            .events = (uint32_t)sqlite_number(q, 3),
            .reason = sqlite_span(q, 4),
            .detail = sqlite_span(q, 5),
            .cause = sqlite_span(q, 6),
            .processed = sqlite_span(q, 7),
            .phase = sqlite_span(q, 8),
            .status = (int)sqlite_number(q, 9),
            .http = (int)sqlite_number(q, 10),
            .reused = flags & 1,
            .resumed = flags & 2,
            .retries = (uint32_t)sqlite_number(q, 12),
            .address = sqlite_span(q, 13),
            .dns_us = (uint32_t)sqlite_number(q, 14),
            .connect_us = (uint32_t)sqlite_number(q, 15),
            .tls_us = (uint32_t)sqlite_number(q, 16),
            .send_us = (uint32_t)sqlite_number(q, 17),
            .first_byte_us = (uint32_t)sqlite_number(q, 18),
            .total_us = (uint32_t)sqlite_number(q, 19),
        };
        e = fn(arg, &a);
    }
    return e;
}

enum err sqlite_redeliver_ids(struct backend *b, int64_t channel_id, const int64_t *ids, size_t count,
                              int64_t wall_ms, struct redelivered *ret)
{
    struct sqlite *s = sqlite_of(b);
    struct redelivered n = {0};
    for (size_t i = 0; i < count; i++) {
        struct event_view v = {.id = ids[i]};
        enum err e = sqlite_event_state(s, channel_id, &v);
        if (e == ERR_NOT_FOUND) {
            n.unknown++;
            continue;
        }
        bool ended = v.state == EVENT_DELIVERED || v.state == EVENT_GIVEN_UP;
        if (!e && ended)
            e = put_retry(s, channel_id, v.id, wall_ms, v.tries, 0);
        if (e)
            return e;
        n.due += ended;
        n.waiting += !ended;
    }
    *ret = n;
    return ERR_NONE;
}

#define RANGE_CHUNK 256u
#define RANGE_SCAN 20000u /* rows examined per step: some tens of milliseconds of the writer's time */

/*
 * Collects ids, from event `from` on, whose last attempt gave up for the reason. *from advances, to `to` at
 * the end. *scan: rows that may still be examined, excluding the last event's.
 */
static enum err collect_range(struct sqlite *s, int64_t channel_id, int64_t *from, int64_t to,
                              struct span reason, int64_t *ids, uint32_t max, uint32_t *scan, uint32_t *ret_n)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_fate_range, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, channel_id);
    sqlite_bind_number(q, 2, *from);
    sqlite_bind_number(q, 3, to);
    uint32_t n = 0;
    int64_t id = 0;
    bool wanted = false;
    while (sqlite_next(s, q, &e)) {
        int64_t next = sqlite_number(q, 0);
        if (id && next != id) { /* an event's rows are adjacent; the last one counts */
            if (wanted)
                ids[n++] = id;
            if (n == max || !*scan) {
                *from = next;
                *ret_n = n;
                (void)sqlite3_reset(q);
                return ERR_NONE;
            }
        }
        *scan -= *scan > 0;
        id = next;
        wanted =
            sqlite_number(q, 1) == FATE_GIVEN_UP && (reason.len == 0 || span_eq(sqlite_span(q, 2), reason));
    }
    if (!e && wanted)
        ids[n++] = id;
    *from = to;
    *ret_n = n;
    return e;
}

enum err sqlite_redeliver_range(struct backend *b, int64_t channel_id, struct redeliver_range *range,
                                uint32_t limit, int64_t wall_ms, uint32_t *ret_count)
{
    int64_t from = range->from_ms << ULID_SEQ_SHIFT, to = range->to_ms << ULID_SEQ_SHIFT;
    uint32_t total = 0, scan = RANGE_SCAN;
    if (range->resume) /* earlier events were already examined */
        from = range->resume;
    while (from < to && total < limit && scan) {
        int64_t ids[RANGE_CHUNK];
        uint32_t n = 0;
        struct redelivered done = {0};
        uint32_t max = limit - total < RANGE_CHUNK ? limit - total : RANGE_CHUNK;
        enum err e = collect_range(sqlite_of(b), channel_id, &from, to, range->reason, ids, max, &scan, &n);
        if (!e)
            e = sqlite_redeliver_ids(b, channel_id, ids, n, wall_ms, &done);
        if (e)
            return e;
        total += done.due;
    }
    range->ret_resume = from;
    range->ret_done = from >= to;
    *ret_count = total;
    return ERR_NONE;
}
