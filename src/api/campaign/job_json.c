#include "api/campaign/job_json.h"

#include "campaign/ledger.h"
#include "campaign/message_text.h"

static const char *const job_states[JOB_STATES] = {
    [JOB_SCHEDULED] = "scheduled", [JOB_PREPARING] = "preparing", [JOB_RUNNING] = "running",
    [JOB_PAUSED] = "paused",       [JOB_COMPLETED] = "completed", [JOB_STOPPED] = "stopped",
    [JOB_FAILED] = "failed",
};

const char *job_state_text(enum job_state s)
{
    return job_states[s];
}

struct sums {
    int64_t by_state[MESSAGE_STATES];
    int64_t by_error[DELIVERY_ERROR_COUNT];
};

static enum err take_count(void *arg, const struct job_count *c)
{
    struct sums *s = arg;
    enum delivery_error_id id;
    s->by_state[c->state] += c->count;
    if (c->error.len && !delivery_error_find(c->error, &id))
        s->by_error[id] += c->count;
    return ERR_NONE;
}

static enum err take_one(void *arg, const struct message *m)
{
    (void)m;
    ++*(int64_t *)arg;
    return ERR_NONE;
}

/* Errors of one kind make one row: the list's table counts by kind. */
static void write_kinds(struct json_write *w, const struct sums *s)
{
    bool told[DELIVERY_ERROR_COUNT] = {false};
    json_write_array(w);
    for (size_t i = 0; i < DELIVERY_ERROR_COUNT; i++) {
        const struct delivery_error *e = delivery_error_of((enum delivery_error_id)i);
        int64_t count = 0;
        for (size_t k = i; k < DELIVERY_ERROR_COUNT && !told[i]; k++)
            if (strcmp(delivery_error_of((enum delivery_error_id)k)->kind, e->kind) == 0) {
                told[k] = k > i;
                count += s->by_error[k];
            }
        if (!count)
            continue;
        json_write_object(w);
        json_write_key(w, "kind");
        json_write_str(w, e->kind);
        json_write_key(w, "kindEn");
        json_write_str(w, e->kind_en);
        json_write_key(w, "count");
        json_write_int(w, count);
        json_write_end(w);
    }
    json_write_end(w);
}

static enum err read_sums(struct backend *b, const struct job *j, struct sums *s)
{
    /* Those on their way lie between two numbers of the job; those that wait are what is left. */
    int64_t first = 0, again = 0, known = 0;
    enum err e = b->ops->jobs->count_list(b, j->id, take_count, s);
    if (!e && job_is_open(j->state))
        e = b->ops->jobs->message_waiting(b, j->id, j->settled, j->claimed, 100000, take_one, &first);
    if (!e && job_is_open(j->state))
        e = b->ops->jobs->message_due(b, j->id, MESSAGE_SENDING, 100000, take_one, &again);
    s->by_state[MESSAGE_SENDING] = first + again;
    for (int i = MESSAGE_SENDING; i < MESSAGE_STATES; i++)
        known += s->by_state[i];
    s->by_state[MESSAGE_WAITING] = j->total > known ? j->total - known : 0;
    return e;
}

static void write_time_or_null(struct json_write *w, const char *key, int64_t ms)
{
    json_write_key(w, key);
    if (ms)
        call_write_time(w, ms);
    else
        json_write_null(w);
}

static void write_text_or_null(struct json_write *w, const char *key, struct span text)
{
    json_write_key(w, key);
    if (text.len)
        json_write_span(w, text);
    else
        json_write_null(w);
}

static void write_json_or_null(struct json_write *w, const char *key, struct span json)
{
    json_write_key(w, key);
    if (json.len)
        json_write_raw(w, json);
    else
        json_write_null(w);
}

static void write_id_or_null(struct json_write *w, const char *key, int64_t id)
{
    json_write_key(w, key);
    if (id)
        call_write_id(w, id);
    else
        json_write_null(w);
}

enum err job_write(struct json_write *w, struct backend *b, const struct job *j, int64_t now_ms)
{
    static const char *const media[MEDIUM_COUNT] = {"mail", "push", "line", "browser"};
    struct sums s = {{0}, {0}};
    enum err e = read_sums(b, j, &s);
    if (e)
        return e;
    const int64_t until = j->ended_ms ? j->ended_ms : now_ms;
    const double seconds =
        j->started_ms && until > j->started_ms ? (double)(until - j->started_ms) / 1000 : 0;
    const double pace = seconds > 0 ? (double)j->ended / seconds : 0;
    json_write_object(w);
    json_write_key(w, "jobId");
    call_write_id(w, j->id);
    json_write_key(w, "campaignId");
    call_write_id(w, j->campaign_id);
    json_write_key(w, "campaign");
    json_write_span(w, j->campaign_name);
    json_write_key(w, "shortId");
    json_write_span(w, j->short_id);
    json_write_key(w, "channel");
    json_write_str(w, media[j->medium]);
    json_write_key(w, "senderId");
    call_write_id(w, j->sender_id);
    write_id_or_null(w, "parentId", j->parent_id);
    json_write_key(w, "state");
    json_write_str(w, job_states[j->state]);
    write_text_or_null(w, "stateReason", j->reason);
    write_text_or_null(w, "stateText", j->reason_text);
    json_write_key(w, "total");
    json_write_int(w, j->total);
    json_write_key(w, "gathered");
    json_write_bool(w, j->gathered);
    json_write_key(w, "counts");
    json_write_object(w);
    for (int i = 0; i < MESSAGE_STATES; i++) {
        json_write_key(w, message_state_text((enum message_state)i));
        json_write_int(w, s.by_state[i]);
    }
    json_write_end(w);
    json_write_key(w, "kinds");
    write_kinds(w, &s);
    json_write_key(w, "ratePerSecond");
    json_write_real(w, j->per_second);
    json_write_key(w, "dedupe");
    json_write_bool(w, j->dedupe);
    json_write_key(w, "perSecond");
    json_write_real(w, pace);
    json_write_key(w, "secondsLeft");
    if (j->state == JOB_RUNNING && j->gathered && pace > 0)
        json_write_int(w, (int64_t)((double)(j->total - j->ended) / pace + 0.5));
    else
        json_write_null(w);
    write_time_or_null(w, "at", j->at_ms);
    write_json_or_null(w, "repeat", j->repeat);
    write_time_or_null(w, "createdAt", j->created_ms);
    write_time_or_null(w, "startedAt", j->started_ms);
    write_time_or_null(w, "endedAt", j->ended_ms);
    if (j->audience.len) {
        json_write_key(w, "audience");
        json_write_raw(w, j->audience);
    }
    json_write_end(w);
    return ERR_NONE;
}
