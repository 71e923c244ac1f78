/* GET /api/v1/system: the figures that an operator looks at first. /metrics has all of them, for machines. */
#include "api/call.h"
#include "api/node/advice.h"

static void rate(struct json_write *w, const char *key, const _Atomic uint64_t *n)
{
    json_write_key(w, key);
    json_write_real(w, (double)(atomic_load_explicit(n, memory_order_relaxed) / 100) / 10);
}

static void number(struct json_write *w, const char *key, uint64_t n)
{
    json_write_key(w, key);
    json_write_uint(w, n);
}

static void write_text(struct json_write *w, const char *const text[2])
{
    json_write_key(w, "text");
    json_write_object(w);
    json_write_key(w, "en");
    json_write_str(w, text[LANG_EN]);
    json_write_key(w, "ja");
    json_write_str(w, text[LANG_JA]);
    json_write_end(w);
}

static void write_alarm(void *arg, const char *name, int64_t since_ms, const char *const text[2])
{
    struct json_write *w = arg;
    json_write_object(w);
    json_write_key(w, "name");
    json_write_str(w, name);
    json_write_key(w, "since");
    call_write_time(w, since_ms);
    write_text(w, text);
    json_write_end(w);
}

static void write_advice(void *arg, const char *name, const char *const text[2])
{
    struct json_write *w = arg;
    json_write_object(w);
    json_write_key(w, "name");
    json_write_str(w, name);
    write_text(w, text);
    json_write_end(w);
}

static uint64_t gauge(const struct api *a, enum gauge_id id)
{
    return gauges_sum(a->config.gauges, a->config.gauge_count, id);
}

static void write_store(struct json_write *w, const struct api *a)
{
    const struct store_stats *s = store_stats(a->config.store);
    const struct retention_stats *r = a->config.retention;
    json_write_key(w, "store");
    json_write_object(w);
    number(w, "bytes", atomic_load_explicit(&r->used, memory_order_relaxed));
    number(w, "reusableBytes", atomic_load_explicit(&r->free, memory_order_relaxed));
    json_write_key(w, "commitMs");
    json_write_real(w, (double)(atomic_load(&a->config.meter->commit_us) / 10) / 100);
    number(w, "queued", atomic_load_explicit(&s->queued, memory_order_relaxed));
    json_write_end(w);
}

static void write_channels(struct json_write *w, const struct api *a)
{
    uint64_t suspended, waiting;
    directory_suspended(a->config.directory, &suspended, &waiting);
    json_write_key(w, "channels");
    json_write_object(w);
    number(w, "total", directory_count(a->config.directory));
    number(w, "suspended", suspended);
    json_write_end(w);
}

static void write_outbox(struct json_write *w, const struct outbox_stats *s)
{
    int64_t oldest = atomic_load_explicit(&s->oldest_ms, memory_order_relaxed);
    json_write_key(w, "outbox");
    json_write_object(w);
    number(w, "waiting", atomic_load_explicit(&s->waiting, memory_order_relaxed));
    number(w, "failed", atomic_load_explicit(&s->broken, memory_order_relaxed));
    json_write_key(w, "oldestAt");
    if (oldest)
        call_write_time(w, oldest);
    else
        json_write_null(w);
    json_write_key(w, "trouble");
    json_write_bool(w, atomic_load_explicit(&s->trouble, memory_order_relaxed));
    json_write_end(w);
}

/* Writes the object with version, rates, backlog, sessions, store, memory, alarms and advice. */
static void write_system(struct json_write *w, const struct api *a, const struct oldest *oldest)
{
    const struct api_config *c = &a->config;
    int64_t now_ms = c->clock->wall_ms(c->clock->arg), backlog = directory_backlog(c->directory);
    int64_t pending = oldest_age_ms(oldest->pending_id, now_ms),
            retrying = oldest_age_ms(oldest->retrying_id, now_ms);
    json_write_object(w);
    json_write_key(w, "version");
    json_write_str(w, TODOKE_VERSION);
    json_write_key(w, "startedAt");
    call_write_time(w, c->started_ms);
    json_write_key(w, "rates");
    json_write_object(w);
    rate(w, "accepted", &c->meter->accepted);
    rate(w, "delivered", &c->meter->delivered);
    rate(w, "failed", &c->meter->failed);
    json_write_end(w);
    number(w, "backlogEvents", backlog < 0 ? 0 : (uint64_t)backlog);
    number(w, "backlogAgeMs", backlog <= 0 ? 0 : (uint64_t)(pending > retrying ? pending : retrying));
    number(w, "inFlight", gauge(a, GAUGE_in_flight));
    json_write_key(w, "sessions");
    json_write_object(w);
    number(w, "http1", gauge(a, GAUGE_sessions_h1));
    number(w, "http2", gauge(a, GAUGE_sessions_h2));
    json_write_end(w);
    write_channels(w, a);
    write_store(w, a);
    number(w, "memoryBytes", meter_memory());
    write_outbox(w, c->outbox);
    json_write_key(w, "alarms");
    json_write_array(w);
    alarms_each(c->alarms, now_ms, write_alarm, w);
    json_write_end(w);
    json_write_key(w, "advice");
    json_write_array(w);
    advice_each(c, write_advice, w);
    json_write_end(w);
    json_write_end(w);
}

static enum err system_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    return oldest_find(c->api->config.directory, b, c->state);
}

/* The store may be broken: answers with the other figures all the same. */
static void system_done(struct store_call *call)
{
    struct call *c = call_of(call);
    struct buf out;
    struct json_write w;
    buf_init(&out, 65536);
    json_write_init(&w, &out);
    write_system(&w, c->api, c->state);
    enum err e = json_write_finish(&w);
    if (e) {
        buf_deinit(&out);
        call_failed(c, e);
        return;
    }
    call_json(c, 200, &out);
}

void api_system(struct call *c)
{
    static const char *const known[] = {NULL};
    if (!query_known(c, known))
        return;
    struct oldest *found = call_state(c, sizeof(*found));
    if (!found)
        return; /* the call has been answered, and c is freed */
    c->state = found;
    call_read(c, system_run, system_done);
}

static enum err live_write(struct json_write *w, struct call *c, int64_t id)
{
    (void)id;
    write_system(w, c->api, &c->api->live.oldest);
    return ERR_NONE;
}

void api_system_live(struct call *c)
{
    static const char *const known[] = {NULL};
    static const struct live_source source = {.event = "system", .oldest = true, .write = live_write};
    if (query_known(c, known))
        live_begin(c, &source, 0);
}
