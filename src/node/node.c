/*
 * Start: store → directory → loops (server, API, network, courier each) → backlog → threads → ready.
 *
 * Shutdown runs in five steps, so that no letter is posted to a mailbox that is freed already:
 *     drain   every loop: no new connections or sends; waits for requests under way, or the drain timeout
 *     halt    every loop: closes the network and the server
 *     stop    the store completes the calls that were submitted
 *     settle  every loop: handles the results of those calls, and posts its last letters to other loops
 *     finish  every loop: opens the letters that arrived, closes its timers, ends
 */
#include "node/node.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "api/api.h"
#include "api/campaign/import_run.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/origin.h"
#include "base/visible.h"
#include "campaign/query.h"
#include "campaign/schedule.h"
#include "exchange/engine.h"
#include "node/node_access.h"
#include "node/node_campaign.h"
#include "node/node_mail.h"
#include "node/node_store.h"
#include "store/integrity.h"
#include "store/retention.h"
#include "webhook/channels.h"

#define TICK_MS 1000u
#define DRAIN_TICK_MS 20u
#define LOOPS_MAX 64u
#define BODY_MAX ((4u << 20) + 65536) /* a thousand people in one call; other routes take less */

struct node_loop {
    struct node *node;
    uv_loop_t loop;
    bool loop_open, mailbox_open, timers_open;
    struct mailbox mailbox;
    struct engine *engine;
    struct server *server;
    struct courier *courier;
    struct channels *channels; /* owns the lanes of its channels */
    struct node_campaign campaign;
    struct api *api;
    struct gauges gauges;
    uv_timer_t tick;
    uv_timer_t drain_tick;
    uv_signal_t signals[3]; /* on the first loop */
    struct letter drain, halt, settle, finish, reload;
    atomic_bool reloading; /* the reload letter is posted but not opened yet */
    bool idle;
    unsigned closing; /* engine and server that are still closing */
    pthread_t thread;
    bool thread_started;
};

/*
 * One version of the settings. Requests in flight refer to it, so it is kept until the end; SIGHUP is rare.
 */
struct reading {
    struct reading *before;
    struct settings own; /* empty in the first reading, which the caller owns */
    struct delivery_settings delivery;
    struct mail_rules mails;
    uint32_t drain_timeout, retention_ms;
    uint64_t retention_bytes;
    int64_t audit_ms, statistics_ms;
};

struct node {
    const struct settings *settings;   /* as of the start */
    _Atomic(struct reading *) reading; /* the latest */
    node_again_fn *again;
    void *again_arg;
    struct delivery_counters counters;
    struct courier_set couriers;
    struct campaigns_set campaigns;
    struct campaign_counters campaign_counters;
    struct schedule schedule; /* of jobs; on the first loop */
    struct intake intake;
    struct store *store;
    struct seal seal;
    struct imports *imports;
    struct query_options queries;
    struct rate_limits rates;
    struct directory *directory;
    char address[64];
    atomic_bool draining;
    atomic_uint idle, halted, settled;
    uint64_t drain_until;        /* first loop's clock, ms; first loop only */
    bool halt_sent, settle_sent; /* first loop only */
    struct retention retention;  /* on the first loop */
    bool retention_open;
    struct integrity integrity; /* on the first loop */
    bool integrity_open;
    struct node_mail mail; /* on the first loop */
    struct api_counters answers;
    const struct gauges *gauges[LOOPS_MAX];
    struct alarms alarms; /* watched by the first loop */
    struct meter meter;   /* the first loop's */
    int64_t started_ms;
    struct api_access access;
    char setup[TICKET_LEN + 1]; /* "": accounts exist already */
    uint32_t count;
    struct node_loop *loops;
};

static void after_letters(void *arg)
{
    struct node_loop *l = arg;
    if (l->courier)
        courier_pump(l->courier);
}

static void on_tick(uv_timer_t *t)
{
    struct node_loop *l = t->data;
    api_tick(l->api);
    gauges_publish(&l->gauges, l->engine, l->server, l->courier, api_open(l->api));
    if (l != &l->node->loops[0])
        return;
    if (atomic_load(&store_stats(l->node->store)->last_error))
        intake_try_store(&l->node->intake, &l->mailbox);
    struct node *n = l->node;
    schedule_tick(&n->schedule);
    int64_t now_ms = clock_system.wall_ms(NULL);
    alarms_watch(&n->alarms, &n->counters, n->gauges, n->count, now_ms);
    alarms_watch_store(&n->alarms, store_stats(n->store), &n->retention.stats, now_ms);
    alarms_watch_mail(&n->alarms, atomic_load(&n->mail.outbox.stats.trouble), now_ms);
    meter_sample(&n->meter, &n->counters, store_stats(n->store), clock_system.mono_us(NULL));
}

static void post_all(struct node *n, size_t letter_offset)
{
    for (uint32_t i = 0; i < n->count; i++)
        mailbox_post(&n->loops[i].mailbox, (struct letter *)(void *)((char *)&n->loops[i] + letter_offset));
}

/* Advances the shutdown to its next step; runs on the first loop. */
static void advance(struct node_loop *l)
{
    struct node *n = l->node;
    bool late = uv_now(&l->loop) >= n->drain_until;
    if (!n->halt_sent && (late || atomic_load(&n->idle) == n->count)) {
        if (atomic_load(&n->idle) != n->count)
            log_warn("app", "drain timeout reached; unsent items are sent after the next start");
        n->halt_sent = true;
        post_all(n, offsetof(struct node_loop, halt));
    }
    if (n->halt_sent && !n->settle_sent && atomic_load(&n->halted) == n->count) {
        password_stop(n->access.passwords);
        imports_stop(n->imports);
        store_stop(n->store);
        n->settle_sent = true;
        post_all(n, offsetof(struct node_loop, settle));
    }
    if (n->settle_sent && atomic_load(&n->settled) == n->count) {
        (void)uv_timer_stop(&l->drain_tick);
        post_all(n, offsetof(struct node_loop, finish));
    }
}

static void on_drain_tick(uv_timer_t *t)
{
    struct node_loop *l = t->data;
    if (!l->idle && api_open(l->api) == 0 && courier_idle(l->courier) && channels_idle(l->channels) &&
        node_campaign_idle(&l->campaign) &&
        (l != &l->node->loops[0] || (node_mail_idle(&l->node->mail) && schedule_idle(&l->node->schedule)))) {
        l->idle = true;
        (void)atomic_fetch_add(&l->node->idle, 1);
    }
    if (l == &l->node->loops[0])
        advance(l);
}

static void open_drain(struct letter *letter)
{
    struct node_loop *l = list_entry(letter, struct node_loop, drain);
    server_drain(l->server);
    courier_stop(l->courier);
    node_campaign_stop(&l->campaign);
    api_drain(l->api);
    if (l == &l->node->loops[0]) {
        retention_stop(&l->node->retention);
        integrity_stop(&l->node->integrity);
        node_mail_stop(&l->node->mail);
        schedule_stop(&l->node->schedule);
    }
    (void)uv_timer_start(&l->drain_tick, on_drain_tick, 0, DRAIN_TICK_MS);
}

static void on_closed(void *arg)
{
    struct node_loop *l = arg;
    if (--l->closing == 0)
        (void)atomic_fetch_add(&l->node->halted, 1);
}

static void open_halt(struct letter *letter)
{
    struct node_loop *l = list_entry(letter, struct node_loop, halt);
    if (l != &l->node->loops[0])
        (void)uv_timer_stop(&l->drain_tick);
    else
        node_mail_halt(&l->node->mail);
    (void)uv_timer_stop(&l->tick);
    l->closing = 3;
    node_campaign_halt(&l->campaign, on_closed, l);
    engine_close(l->engine, on_closed, l);
    server_close(l->server, on_closed, l);
    l->engine = NULL;
    l->server = NULL;
}

static const int signal_numbers[] = {SIGTERM, SIGINT, SIGHUP};

/* The shutdown is nearly done: further signals change nothing, and must not kill the process. */
static void close_signals(struct node_loop *l)
{
    for (size_t i = 0; i < 3; i++) {
        uv_close((uv_handle_t *)&l->signals[i], NULL);
        (void)sigaction(signal_numbers[i], &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    }
}

static void close_timers(struct node_loop *l)
{
    if (!l->timers_open)
        return;
    l->timers_open = false;
    uv_close((uv_handle_t *)&l->tick, NULL);
    uv_close((uv_handle_t *)&l->drain_tick, NULL);
    if (l == &l->node->loops[0])
        close_signals(l);
    if (l == &l->node->loops[0] && l->node->retention_open)
        retention_close(&l->node->retention);
    if (l == &l->node->loops[0] && l->node->integrity_open)
        integrity_close(&l->node->integrity);
    if (l == &l->node->loops[0])
        node_mail_close(&l->node->mail);
}

/* Mailboxes keep order, so the store's answers have all been opened before this letter. */
static void open_settle(struct letter *letter)
{
    (void)atomic_fetch_add(&list_entry(letter, struct node_loop, settle)->node->settled, 1);
}

static void open_finish(struct letter *letter)
{
    struct node_loop *l = list_entry(letter, struct node_loop, finish);
    l->mailbox_open = false;
    mailbox_close(&l->mailbox);
    courier_close(l->courier);
    close_timers(l);
}

static void open_reload(struct letter *letter)
{
    struct node_loop *l = list_entry(letter, struct node_loop, reload);
    atomic_store(&l->reloading, false);
    const struct reading *r = atomic_load(&l->node->reading);
    channels_set_settings(l->channels, &r->delivery);
    api_set_settings(l->api, &r->delivery, &r->mails);
    if (l == &l->node->loops[0]) {
        retention_set(&l->node->retention, r->retention_ms, r->retention_bytes, r->audit_ms,
                      r->statistics_ms);
        node_mail_set(&l->node->mail, &r->mails);
    }
    enum err e = l->engine && l->node->settings->ca ? engine_reload_ca(l->engine) : ERR_NONE;
    if (!e && l->campaign.relays && l->node->settings->ca)
        e = relays_reload_ca(l->campaign.relays);
    if (e)
        log_error("app", "cannot read the CA file; keeping the old one", log_err("err", e));
    e = l->server && l->node->settings->tls_cert ? server_reload_tls(l->server) : ERR_NONE;
    if (e)
        log_error("app", "cannot read the certificate or key; keeping the old pair", log_err("err", e));
}

static void fill_reading(struct reading *r, const struct settings *s, const struct node *n)
{
    r->drain_timeout = s->drain_timeout;
    r->retention_ms = s->retention;
    r->mails = (struct mail_rules){
        .window_ms = s->notice_window,
        .channel_cap = s->notice_daily_cap,
        .provider_cap = s->mail_provider_cap,
        .account_cap = s->mail_account_cap,
        .ask_cap = s->confirm_daily_cap,
        .public_url = n->mail.url,
        .ticket = node_mail_ticket,
    };
    r->retention_bytes = (uint64_t)s->retention_size << 20;
    r->audit_ms = INT64_C(1000) * s->audit_time;
    r->statistics_ms = INT64_C(1000) * s->statistics_time;
    r->delivery = (struct delivery_settings){
        .deadlines = {s->dns_timeout, s->connect_timeout, s->session_timeout, s->response_timeout},
        .schedule = s->redelivery,
        .suspension = {.after_ms = s->suspend_after, .failures = s->suspend_failures},
        .notice_window_ms = s->notice_window,
        .user_agent = s->user_agent,
        .edition = {.success = (enum success)s->success_status, .no_tls_record = s->no_tls_record},
        .allow_http = s->allow_http_targets,
    };
    r->delivery.schedule.jitter_percent = s->redelivery_jitter;
}

static void tell_fixed(const char *name)
{
    log_warn("app", "this setting takes effect at the next start", log_str("setting", name));
}

static void read_again(struct node *n)
{
    struct reading *r = mem_zero(1, sizeof(*r));
    if (!r || !n->again(n->again_arg, &r->own)) {
        log_error("app", "cannot read the settings; keeping the old ones");
        mem_free(r);
        return;
    }
    settings_fixed(n->settings, &r->own, tell_fixed);
    r->before = atomic_load(&n->reading);
    fill_reading(r, &r->own, n);
    r->delivery.allow_http = n->settings->allow_http_targets; /* fixed at the start, like the address guard */
    atomic_store(&n->reading, r);
    log_info("app", "settings reloaded");
}

/* SIGHUP, on the first loop. */
static void reload(struct node *n)
{
    if (atomic_load(&n->draining))
        return; /* shutting down: mailboxes close soon */
    read_again(n);
    for (uint32_t i = 0; i < n->count; i++) /* a letter not opened yet serves both reloads */
        if (!atomic_exchange(&n->loops[i].reloading, true))
            mailbox_post(&n->loops[i].mailbox, &n->loops[i].reload);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct node_loop *l = handle->data;
    struct node *n = l->node;
    if (number == SIGHUP) {
        reload(n);
        return;
    }
    if (atomic_exchange(&n->draining, true)) {
        n->drain_until = 0; /* second signal: shut down at once */
        return;
    }
    log_info("app", "shutting down", log_int("signal", number));
    n->drain_until = uv_now(&l->loop) + atomic_load(&n->reading)->drain_timeout;
    post_all(n, offsetof(struct node_loop, drain));
}

static enum err start_timers(struct node_loop *l)
{
    if (uv_timer_init(&l->loop, &l->tick) || uv_timer_init(&l->loop, &l->drain_tick))
        return err_origin(ERR_IO);
    l->timers_open = true;
    l->tick.data = l->drain_tick.data = l;
    (void)uv_timer_start(&l->tick, on_tick, 0, TICK_MS);
    for (size_t i = 0; l == &l->node->loops[0] && i < 3; i++) {
        (void)uv_signal_init(&l->loop, &l->signals[i]);
        l->signals[i].data = l;
        if (uv_signal_start(&l->signals[i], on_signal, signal_numbers[i]))
            return err_origin(ERR_IO);
    }
    return ERR_NONE;
}

static enum err start_retention(struct node *n)
{
    const struct settings *s = n->settings;
    const struct retention_config config = {
        .store = n->store,
        .mailbox = &n->loops[0].mailbox,
        .clock = &clock_system,
        .age_ms = s->retention,
        .key_age_ms = s->idempotency,
        .bytes_max = (uint64_t)s->retention_size << 20,
        .audit_age_ms = INT64_C(1000) * s->audit_time,
        .error_age_ms = INT64_C(1000) * s->statistics_time,
        .result_age_ms = INT64_C(1000) * s->result_time,
        .session_age_ms = SESSION_ABSOLUTE_MS,
        .session_idle_ms = s->session_time,
    };
    enum err e = retention_init(&n->retention, &n->loops[0].loop, &config);
    n->retention_open = !e;
    return e;
}

static enum err start_integrity(struct node *n)
{
    const struct integrity_config config = {n->store, &n->loops[0].mailbox, &clock_system};
    enum err e = integrity_init(&n->integrity, &n->loops[0].loop, &config);
    n->integrity_open = !e;
    return e;
}

static enum err start_mail(struct node *n)
{
    char url[96];
    node_url(n, url);
    return node_mail_open(&n->mail, n->settings, &atomic_load(&n->reading)->mails, url, &n->loops[0].loop,
                          n->store, &n->loops[0].mailbox, &n->retention.steady);
}

static enum err open_engine(struct node_loop *l)
{
    const struct settings *s = l->node->settings;
    struct engine_config config = {.ca_file = s->ca,
                                   .dns_server = s->dns,
                                   .allow_private = s->allow_private_targets,
                                   .allow_any_port = s->allow_any_port};
    enum err e = engine_new(&l->engine, &l->loop, &config);
    if (e == ERR_INVALID)
        (void)visible_complain(NULL, "--dns %s: not ADDR:PORT", s->dns ? s->dns : "");
    else if (e && s->ca)
        (void)visible_complain(NULL, "--ca %s: cannot be read, or holds no certificate", s->ca);
    return e;
}

static enum err open_server(struct node_loop *l)
{
    struct node *n = l->node;
    const struct settings *s = n->settings;
    bool first = l == &n->loops[0];
    struct server_config config = {
        .listen = first ? s->listen : n->address,
        .reuse_port = n->count > 1,
        .defer_accept = true,
        .tls_cert = s->tls_cert,
        .tls_key = s->tls_key,
        .limits = {.connections_max = s->connections / n->count + 1, .body_max = BODY_MAX},
        .on_head = api_head,
        .handler = api_handle,
        .arg = l->api,
    };
    enum err e = server_new(&l->server, &l->loop, &config);
    if (!e) {
        if (first)
            server_address(l->server, n->address);
        return ERR_NONE;
    }
    if (e == ERR_INVALID)
        (void)visible_complain(NULL, "--listen %s: not ADDR:PORT", s->listen);
    else
        (void)visible_complain(NULL, "cannot listen on %s%s: %s", s->listen,
                               s->tls_cert ? " with this certificate and key" : "",
                               e == ERR_IO && errno ? strerror(errno) : err_text(e));
    return e;
}

static enum err open_courier(struct node_loop *l)
{
    struct node *n = l->node;
    const struct settings *s = n->settings;
    const struct courier_config courier = {
        .loop = &l->loop,
        .mailbox = &l->mailbox,
        .store = n->store,
        .clock = &clock_system,
        .window_max = s->window,
        .in_flight_max = s->in_flight / n->count + 1,
        .memory_max = ((uint64_t)s->event_memory << 20) / n->count,
        .bytes_max = EVENT_MAX_BODY,
    };
    enum err e = courier_new(&l->courier, &courier);
    if (e)
        return e;
    n->couriers.all[n->couriers.count++] = l->courier;
    const struct channels_config channels = {
        .courier = l->courier,
        .mailbox = &l->mailbox,
        .engine = l->engine,
        .store = n->store,
        .directory = n->directory,
        .settings = &atomic_load(&n->reading)->delivery,
        .counters = &n->counters,
        .clock = &clock_system,
        .ahead = &n->retention.stats.ahead,
    };
    if ((e = channels_new(&l->channels, &channels)))
        return e;
    const struct campaigns_config campaigns = {
        .loop = &l->loop,
        .courier = l->courier,
        .mailbox = &l->mailbox,
        .engine = l->engine,
        .store = n->store,
        .queries = &n->queries,
        .clock = &clock_system,
        .counters = &n->campaign_counters,
        .deadlines = {s->dns_timeout, s->connect_timeout, s->session_timeout, s->service_timeout},
        .user_agent = s->user_agent,
        .allow_http = s->allow_http_targets,
    };
    const struct relays_config relays = {
        .ca_file = s->ca,
        .dns_server = s->dns,
        .allow_private = s->allow_private_targets,
        .clock = &clock_system,
    };
    return node_campaign_open(&l->campaign, &n->campaigns, &campaigns, &relays);
}

static enum err open_loop(struct node_loop *l)
{
    struct node *n = l->node;
    l->drain.open = open_drain;
    l->halt.open = open_halt;
    l->settle.open = open_settle;
    l->finish.open = open_finish;
    l->reload.open = open_reload;
    if (uv_loop_init(&l->loop))
        return err_origin(ERR_IO);
    l->loop_open = true;
    enum err e = mailbox_init(&l->mailbox, &l->loop, after_letters, l);
    if (e)
        return e;
    l->mailbox_open = true;
    struct api_config api = {
        .mailbox = &l->mailbox,
        .store = n->store,
        .directory = n->directory,
        .intake = &n->intake,
        .couriers = &n->couriers,
        .campaigns = &n->campaigns,
        .campaign_counters = &n->campaign_counters,
        .counters = &n->counters,
        .settings = &atomic_load(&n->reading)->delivery,
        .retention = &n->retention.stats,
        .notices = &n->mail.notices.stats,
        .mail_rules = &atomic_load(&n->reading)->mails,
        .relay = n->settings->smtp_url,
        .outbox = &n->mail.outbox.stats,
        .approvals = &n->mail.approvals,
        .answers = &n->answers,
        .gauges = n->gauges,
        .gauge_count = n->count,
        .alarms = &n->alarms,
        .meter = &n->meter,
        .access = &n->access,
        .rates = &n->rates,
        .imports = n->imports,
        .queries = &n->queries,
        .clock = &clock_system,
        .draining = &n->draining,
        .started_ms = n->started_ms,
    };
    if ((e = open_engine(l)))
        return e;
    api.engine = l->engine;
    if ((e = api_new(&l->api, &api)))
        return e;
    if ((e = open_courier(l)))
        return e;
    return open_server(l);
}

static void resume(void *arg, struct channel_ref *ref)
{
    struct node *n = arg;
    int64_t id = ref->channel.id;
    if (directory_backlog_of(ref->live) > 0 &&
        courier_resume(courier_of(&n->couriers, id), COURIER_CHANNEL, id))
        log_error("webhook", "out of memory; a channel's backlog is not sent until a restart",
                  log_int("channel", id));
}

static void take_settings(struct node *n)
{
    const struct settings *s = n->settings;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    n->count = s->loops ? s->loops : cores < 1 ? 1 : cores > (long)LOOPS_MAX ? LOOPS_MAX : (uint32_t)cores;
    n->intake = (struct intake){
        .couriers = &n->couriers,
        .counters = &n->counters,
        .clock = &clock_system,
        .key_ms = s->idempotency,
        .channel_backlog_max = s->channel_backlog,
        .node_backlog_max = s->node_backlog,
    };
    n->queries = (struct query_options){
        .dir = s->data,
        .time_ms = s->query_time,
        .memory = (size_t)s->query_memory << 20,
        .rows = s->query_rows,
        .space = (uint64_t)s->query_space << 20,
    };
}

enum err node_new(struct node **ret, const struct settings *settings, node_again_fn *again, void *arg)
{
    struct node *n = mem_zero(1, sizeof(*n));
    if (!n)
        return ERR_NOMEM;
    n->settings = settings;
    n->started_ms = clock_system.wall_ms(NULL);
    n->again = again;
    n->again_arg = arg;
    rate_init(&n->rates, &clock_system, &random_system);
    take_settings(n);
    struct reading *first = mem_zero(1, sizeof(*first));
    if (first)
        fill_reading(first, settings, n);
    atomic_store(&n->reading, first);
    n->loops = mem_zero(n->count, sizeof(*n->loops));
    enum err e =
        first && n->loops ? node_store_open(&n->store, &n->directory, &n->seal, settings) : ERR_NOMEM;
    bool opened = !e;
    if (!e)
        e = node_access_open(&n->access, n->store, n->directory, settings, n->setup);
    if (!e)
        e = imports_new(&n->imports, n->store, &clock_system);
    n->intake.store = n->store;
    n->intake.directory = n->directory;
    for (uint32_t i = 0; !e && i < n->count; i++) {
        n->loops[i].node = n;
        n->gauges[i] = &n->loops[i].gauges;
        e = open_loop(&n->loops[i]);
    }
    for (uint32_t i = 0; !e && i < n->count; i++)
        e = start_timers(&n->loops[i]);
    if (!e)
        e = start_retention(n);
    if (!e)
        e = start_integrity(n);
    if (!e)
        e = start_mail(n);
    if (!e)
        e = directory_each(n->directory, resume, n);
    if (!e)
        e = node_campaign_resume(&n->campaigns, n->store);
    schedule_init(&n->schedule, n->store, &n->loops[0].mailbox, &clock_system, &n->campaigns);
    if (e) {
        if (opened && e == ERR_DAMAGED) /* damage found by the first read */
            node_store_damaged(settings->data);
        node_free(n);
        return e;
    }
    *ret = n;
    return ERR_NONE;
}

void node_url(const struct node *n, char out[96])
{
    (void)snprintf(out, 96, "%s://%s", n->settings->tls_cert ? "https" : "http", n->address);
}

bool node_setup_link(const struct node *n, char out[192])
{
    char url[96];
    node_url(n, url);
    (void)snprintf(out, 192, "%s/setup#%s", url, n->setup);
    return n->setup[0];
}

static void *run_loop(void *arg)
{
    struct node_loop *l = arg;
    (void)uv_run(&l->loop, UV_RUN_DEFAULT);
    return NULL;
}

enum err node_run(struct node *n)
{
    sigset_t all, before;
    (void)sigfillset(&all); /* only the first loop handles signals */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    enum err e = ERR_NONE;
    for (uint32_t i = 1; !e && i < n->count; i++) {
        struct node_loop *l = &n->loops[i];
        l->thread_started = pthread_create(&l->thread, NULL, run_loop, l) == 0;
        if (!l->thread_started) {
            (void)visible_complain(NULL, "cannot start a thread: %s", strerror(errno));
            e = err_origin(ERR_IO);
        } else {
            char name[16];
            (void)snprintf(name, sizeof(name), "loop-%u", i);
            (void)pthread_setname_np(l->thread, name);
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (e)
        return e; /* the process exits; nothing has been accepted yet */
    (void)run_loop(&n->loops[0]);
    for (uint32_t i = 1; i < n->count; i++)
        (void)pthread_join(n->loops[i].thread, NULL);
    return ERR_NONE;
}

/* Closes a loop whose thread never ran. */
static void abandon(struct node_loop *l)
{
    if (l->engine)
        engine_close(l->engine, NULL, NULL);
    if (l->server)
        server_close(l->server, NULL, NULL);
    if (l->campaign.renderer)
        node_campaign_halt(&l->campaign, NULL, NULL);
    if (l->mailbox_open) {
        mailbox_close(&l->mailbox);
        if (l->courier)
            courier_close(l->courier);
    }
    close_timers(l);
    if (l->loop_open)
        (void)uv_run(&l->loop, UV_RUN_DEFAULT);
}

void node_free(struct node *n)
{
    if (!n)
        return;
    password_stop(n->access.passwords);
    imports_stop(n->imports);
    if (n->store)
        store_stop(n->store);
    for (uint32_t i = 0; n->loops && i < n->count; i++) {
        struct node_loop *l = &n->loops[i];
        abandon(l);
        courier_free(l->courier);
        channels_free(l->channels);
        node_campaign_free(&l->campaign);
        api_free(l->api);
        if (l->loop_open)
            (void)uv_loop_close(&l->loop);
    }
    imports_free(n->imports);
    node_access_close(&n->access);
    node_mail_free(&n->mail);
    directory_free(n->directory);
    store_close(n->store);
    seal_deinit(&n->seal);
    rate_deinit(&n->rates);
    mem_free(n->loops);
    struct reading *r = atomic_load(&n->reading);
    while (r) {
        struct reading *before = r->before;
        settings_free(&r->own);
        mem_free(r);
        r = before;
    }
    mem_free(n);
}
