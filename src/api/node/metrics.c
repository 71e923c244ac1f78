/* Metrics in Prometheus' text format. A test checks that docs/operations.md describes each of them. */
#include "api/call.h"
#include "api/meter.h"
#include "api/node/metrics_campaign.h"
#include "api/node/metrics_mail.h"
#include "api/oldest.h"
#include "base/mem.h"
#include "fault/outcome.h"

#define METRICS_MAX (1u << 20)

static uint64_t get(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static void metric(struct buf *out, enum err *e, const char *name, const char *type, const char *help,
                   uint64_t n)
{
    if (!*e)
        *e = buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name,
                        (unsigned long long)n);
}

/* Details contain no quote or backslash; a test of the catalogue checks that. */
static enum err failed(struct buf *out, const struct delivery_counters *n)
{
    enum err e =
        buf_add_str(out, "# HELP todoke_attempts_failed_total Attempts that failed, by reason and detail.\n"
                         "# TYPE todoke_attempts_failed_total counter\n");
    for (int f = 0; !e && f < FAULT_COUNT; f++) {
        if (f == FAULT_ok || f == FAULT_status)
            continue;
        const struct fault *fault = fault_of((enum fault_id)f);
        e = buf_printf(out, "todoke_attempts_failed_total{reason=\"%s\",detail=\"%s\"} %llu\n",
                       reason_text(fault->reason), fault->detail, (unsigned long long)get(&n->failed[f]));
    }
    for (int status = 100; !e && status < 1000; status++) {
        uint64_t count = get(&n->failed_status[status]);
        if (count)
            e = buf_printf(out,
                           "todoke_attempts_failed_total{reason=\"error_status_code\",detail=\"%d\"} %llu\n",
                           status, (unsigned long long)count);
    }
    return e;
}

static enum err local_faults(struct buf *out, const struct delivery_counters *n)
{
    enum err e = buf_add_str(
        out,
        "# HELP todoke_local_faults_total Attempts that failed because of a fault of this node, by cause.\n"
        "# TYPE todoke_local_faults_total counter\n");
    for (int i = 0; !e && i < CAUSE_COUNT; i++)
        if (cause_of((enum cause_id)i)->blame == BLAME_LOCAL)
            e = buf_printf(out, "todoke_local_faults_total{cause=\"%s\"} %llu\n",
                           cause_of((enum cause_id)i)->id, (unsigned long long)get(&n->local[i]));
    return e;
}

static enum err times(struct buf *out, const struct delivery_counters *n)
{
    const struct {
        const struct histogram *h;
        const char *name, *help;
    } rows[] = {
        {&n->dns, "todoke_dns_seconds", "Time of name resolution, for attempts that waited for it."},
        {&n->connect, "todoke_connect_seconds", "Time of TCP connecting, for attempts that waited for it."},
        {&n->tls, "todoke_tls_seconds", "Time of TLS handshakes, for attempts that waited for one."},
        {&n->first_byte, "todoke_first_byte_seconds",
         "Time from the first byte of the request to the first byte of the response."},
        {&n->total, "todoke_attempt_seconds", "Time of whole attempts."},
    };
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < sizeof(rows) / sizeof(rows[0]); i++)
        e = histogram_print(rows[i].h, out, rows[i].name, rows[i].help);
    return e;
}

/* What only the store knows. */
struct stored {
    struct oldest oldest;
    uint64_t jobs; /* open ones */
};

static enum err stored_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct stored *s = c->state;
    enum err e = oldest_find(c->api->config.directory, b, &s->oldest);
    return e || !b->ops->jobs ? e : b->ops->jobs->job_open_count(b, 0, 0, 0, &s->jobs);
}

static double age_s(const struct call *c, int64_t id)
{
    return (double)oldest_age_ms(id, call_now(c)) / 1000;
}

static enum err ages(struct buf *out, const struct call *c, const struct oldest *o)
{
    return buf_printf(out,
                      "# HELP todoke_backlog_oldest_seconds Age of the oldest waiting event, except events "
                      "of suspended channels.\n"
                      "# TYPE todoke_backlog_oldest_seconds gauge\n"
                      "todoke_backlog_oldest_seconds{state=\"pending\"} %.3f\n"
                      "todoke_backlog_oldest_seconds{state=\"retrying\"} %.3f\n",
                      age_s(c, o->pending_id), age_s(c, o->retrying_id));
}

static enum err answers(struct buf *out, const struct api_counters *n)
{
    enum err e = buf_add_str(
        out, "# HELP todoke_api_answers_total Responses of the API, by class of the status code.\n"
             "# TYPE todoke_api_answers_total counter\n");
    for (int i = 2; !e && i < 6; i++)
        e = buf_printf(out, "todoke_api_answers_total{class=\"%dxx\"} %llu\n", i,
                       (unsigned long long)get(&n->answers[i]));
    return e;
}

/* Called after the store has read the age of the backlog, or failed to. */
static void metrics_done(struct store_call *call)
{
    struct call *c = call_of(call);
    const struct stored *found = c->state;
    const struct delivery_counters *n = c->api->config.counters;
    const struct store_stats *s = store_stats(c->api->config.store);
    int64_t backlog = directory_backlog(c->api->config.directory);
    struct buf out;
    buf_init(&out, METRICS_MAX);
    enum err e = ERR_NONE;
    metric(&out, &e, "todoke_events_accepted_total", "counter",
           "Events accepted from publishers (answered with 202).", get(&n->accepted));
    metric(&out, &e, "todoke_events_delivered_total", "counter", "Events delivered to a bot server.",
           get(&n->delivered));
    metric(&out, &e, "todoke_events_given_up_total", "counter",
           "Events whose delivery was given up for good.", get(&n->given_up));
    metric(&out, &e, "todoke_events_put_off_total", "counter",
           "How often an event was scheduled for redelivery.", get(&n->put_off));
    metric(&out, &e, "todoke_attempts_total", "counter", "Webhook requests that ended, successful or not.",
           get(&n->attempts));
    metric(&out, &e, "todoke_attempts_retried_total", "counter", "Automatic retries inside attempts.",
           get(&n->retried));
    if (!e)
        e = failed(&out, n);
    if (!e)
        e = local_faults(&out, n);
    if (!e)
        e = times(&out, n);
    metric(&out, &e, "todoke_resident_bytes", "gauge", "Resident memory of this process.", meter_memory());
    metric(&out, &e, "todoke_backlog_events", "gauge", "Events accepted and not yet delivered or given up.",
           backlog < 0 ? 0 : (uint64_t)backlog);
    uint64_t suspended, suspended_events;
    directory_suspended(c->api->config.directory, &suspended, &suspended_events);
    metric(&out, &e, "todoke_channels_suspended", "gauge", "Channels to which sending is suspended now.",
           suspended);
    metric(&out, &e, "todoke_suspended_events", "gauge",
           "Events waiting for suspended channels; part of the backlog.", suspended_events);
    metric(&out, &e, "todoke_passwords_total", "counter", "Passwords hashed or compared.",
           password_count(c->api->config.access->passwords));
    metric(&out, &e, "todoke_suspensions_total", "counter", "How often sending to a channel was suspended.",
           get(&n->suspended));
    metric(&out, &e, "todoke_channels", "gauge", "Channels on this node.",
           directory_count(c->api->config.directory));
    metric(&out, &e, "todoke_store_commits_total", "counter", "Commits of the store that succeeded.",
           get(&s->commits));
    metric(&out, &e, "todoke_store_calls_total", "counter", "Calls of the store that its commits contained.",
           get(&s->calls));
    metric(&out, &e, "todoke_store_failures_total", "counter", "Commits of the store that failed.",
           get(&s->failures));
    metric(&out, &e, "todoke_store_failing", "gauge",
           "1 if the last commit of the store failed, otherwise 0; raise an alarm on 1.",
           atomic_load_explicit(&s->last_error, memory_order_relaxed) != 0);
    if (!e)
        e = histogram_print(&s->commit, &out, "todoke_store_commit_seconds", "Time of the store's commits.");
    const struct retention_stats *r = c->api->config.retention;
    metric(&out, &e, "todoke_store_used_bytes", "gauge", "Size of the database without free pages.",
           get(&r->used));
    metric(&out, &e, "todoke_store_free_bytes", "gauge",
           "Size of the free pages of the database, which will be reused.", get(&r->free));
    metric(&out, &e, "todoke_pruned_events_total", "counter", "Ended events deleted by retention.",
           get(&r->events));
    metric(&out, &e, "todoke_pruned_attempts_total", "counter", "Attempts deleted by retention.",
           get(&r->attempts));
    metric(&out, &e, "todoke_pruned_idempotency_keys_total", "counter",
           "Idempotency keys deleted by retention.", get(&r->keys));
    metric(&out, &e, "todoke_pruned_error_rows_total", "counter",
           "Rows of the error statistics deleted by retention.", get(&r->errors));
    metric(&out, &e, "todoke_store_queue", "gauge", "Calls waiting for the store.", get(&s->queued));
    if (!e && !call->err) /* the store may be broken: show the other metrics all the same */
        e = ages(&out, c, &found->oldest);
    if (!e)
        e = answers(&out, c->api->config.answers);
    if (!e)
        e = gauges_print(c->api->config.gauges, c->api->config.gauge_count, &out);
    if (!e)
        e = metrics_mail_print(c->api->config.notices, c->api->config.outbox, call_now(c), &out);
    if (!e && c->api->config.campaign_counters)
        e = metrics_campaign_print(c->api->config.campaign_counters, found->jobs, &out);
    if (!e)
        e = alarms_print(c->api->config.alarms, s, r, call_now(c), &out);
    if (e) {
        buf_deinit(&out);
        call_failed(c, e);
        return;
    }
    call_answer(c, 200, "text/plain; version=0.0.4; charset=utf-8", buf_span(&out));
    buf_deinit(&out);
}

void api_metrics(struct call *c)
{
    struct stored *found = call_state(c, sizeof(*found));
    if (!found)
        return; /* the call has been answered, and c is freed */
    c->state = found;
    call_read(c, stored_run, metrics_done);
}
