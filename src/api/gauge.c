#include "api/gauge.h"

#include "base/log.h"

static const struct row {
    const char *metric, *labels, *type, *help;
} rows[GAUGE_COUNT] = {
#define GAUGE(id, metric, labels, type, help) [GAUGE_##id] = {metric, labels, type, help},
#include "api/gauge.def"
#undef GAUGE
};

void gauges_publish(struct gauges *g, const struct engine *engine, const struct server *server,
                    const struct courier *courier, uint64_t api_open)
{
    struct engine_stats n;
    struct server_stats s;
    struct courier_stats c;
    engine_stats_get(engine, &n);
    server_stats_get(server, &s);
    courier_stats_get(courier, &c);
    const uint64_t values[GAUGE_COUNT] = {
        [GAUGE_in_flight] = c.dispatch.in_flight,
        [GAUGE_window] = c.dispatch.window,
        [GAUGE_lanes] = c.dispatch.lanes,
        [GAUGE_waiting] = c.dispatch.waiting,
        [GAUGE_memory] = c.dispatch.memory,
        [GAUGE_unrecorded] = c.unrecorded,
        [GAUGE_connections] = n.connections_open,
        [GAUGE_connections_idle] = n.connections_idle,
        [GAUGE_sessions_h1] = n.sessions_h1,
        [GAUGE_sessions_h2] = n.sessions_h2,
        [GAUGE_opened] = n.opened_total,
        [GAUGE_reused] = n.reused_total,
        [GAUGE_resumed] = n.resumed_total,
        [GAUGE_api_open] = api_open,
        [GAUGE_api_connections] = s.connections_open,
        [GAUGE_api_strangers] = s.strangers_open,
        [GAUGE_api_accepted] = s.accepted_total,
        [GAUGE_api_refused] = s.refused_total,
        [GAUGE_api_displaced] = s.displaced_total,
        [GAUGE_accept_failed] = s.accept_failed_total,
        [GAUGE_api_rejected] = s.rejected_total,
        [GAUGE_api_timeouts] = s.timeouts_total,
        [GAUGE_api_floods] = s.floods_total,
        [GAUGE_api_unread] = s.unread_total,
        [GAUGE_api_buffered] = s.buffered,
    };
    for (int i = 0; i < GAUGE_COUNT; i++)
        atomic_store_explicit(&g->values[i], values[i], memory_order_relaxed);
}

uint64_t gauges_sum(const struct gauges *const *all, size_t count, enum gauge_id id)
{
    uint64_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += atomic_load_explicit(&all[i]->values[id], memory_order_relaxed);
    return n;
}

enum err gauges_print(const struct gauges *const *all, size_t count, struct buf *out)
{
    enum err e = ERR_NONE;
    for (int i = 0; !e && i < GAUGE_COUNT; i++) {
        const struct row *r = &rows[i];
        if (i == 0 || strcmp(rows[i - 1].metric, r->metric) != 0)
            e = buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", r->metric, r->help, r->metric, r->type);
        if (!e)
            e = buf_printf(out, "%s%s%s%s %llu\n", r->metric, r->labels[0] ? "{" : "", r->labels,
                           r->labels[0] ? "}" : "",
                           (unsigned long long)gauges_sum(all, count, (enum gauge_id)i));
    }
    return e;
}

/* A shutdown raises no alarm. */
static bool alarming(int cause)
{
    return cause != CAUSE_local_cancelled && cause_of((enum cause_id)cause)->blame == BLAME_LOCAL;
}

static void watch(_Atomic int64_t *until, _Atomic int64_t *since, uint64_t *seen, uint64_t count,
                  const char *name, int64_t now_ms)
{
    int64_t was = atomic_load_explicit(until, memory_order_relaxed);
    if (count > *seen) {
        if (was <= now_ms) {
            atomic_store_explicit(since, now_ms, memory_order_relaxed);
            log_error("app", "alarm: this node lacks something; see todoke_alarm in docs/operations.md",
                      log_str("alarm", name));
        }
        atomic_store_explicit(until, now_ms + ALARM_HOLD_MS, memory_order_relaxed);
    } else if (was && was <= now_ms) {
        log_info("app", "alarm ended", log_str("alarm", name));
        atomic_store_explicit(until, 0, memory_order_relaxed);
    }
    *seen = count;
}

void alarms_watch(struct alarms *a, const struct delivery_counters *counters, const struct gauges *const *all,
                  size_t count, int64_t now_ms)
{
    for (int i = 0; i < CAUSE_COUNT; i++)
        if (alarming(i))
            watch(&a->until_ms[i], &a->since_ms[i], &a->seen[i],
                  atomic_load_explicit(&counters->local[i], memory_order_relaxed),
                  cause_of((enum cause_id)i)->id, now_ms);
    watch(&a->accept_until_ms, &a->accept_since_ms, &a->accept_seen,
          gauges_sum(all, count, GAUGE_accept_failed), "accept", now_ms);
}

static enum err one_alarm(struct buf *out, const char *name, bool on)
{
    return buf_printf(out, "todoke_alarm{name=\"%s\"} %d\n", name, on ? 1 : 0);
}

static const char *const state_names[ALARM_STATES] = {
    [ALARM_store] = "store", [ALARM_files] = "files", [ALARM_integrity] = "integrity",
    [ALARM_loss] = "loss",   [ALARM_clock] = "clock", [ALARM_retention] = "retention",
    [ALARM_mail] = "mail",
};

/* The alarms that are states of the store. */
static void states_of(const struct store_stats *store, const struct retention_stats *retention,
                      bool on[static ALARM_STATES])
{
    memset(on, 0, ALARM_STATES * sizeof(*on));
    on[ALARM_store] = atomic_load_explicit(&store->last_error, memory_order_relaxed) != 0;
    on[ALARM_files] = atomic_load_explicit(&store->files, memory_order_relaxed) != NULL;
    on[ALARM_integrity] = atomic_load_explicit(&store->damaged, memory_order_relaxed) ||
                          atomic_load_explicit(&store->passed_over, memory_order_relaxed);
    on[ALARM_loss] = atomic_load_explicit(&store->lost, memory_order_relaxed);
    on[ALARM_clock] = atomic_load_explicit(&retention->clock, memory_order_relaxed);
    on[ALARM_retention] = atomic_load_explicit(&retention->over, memory_order_relaxed);
}

enum err alarms_standing(const struct store_stats *store, const struct retention_stats *retention,
                         struct buf *out, bool *ret_any)
{
    static const enum alarm_state all[] = {ALARM_integrity, ALARM_loss, ALARM_clock};
    bool on[ALARM_STATES];
    states_of(store, retention, on);
    *ret_any = false;
    enum err e = buf_add_str(out, "[");
    for (size_t i = 0; !e && i < sizeof(all) / sizeof(all[0]); i++) {
        if (!on[all[i]])
            continue;
        e = buf_printf(out, "%s\"%s\"", *ret_any ? "," : "", state_names[all[i]]);
        *ret_any = true;
    }
    return e ? e : buf_add_str(out, "]");
}

enum err alarms_print(const struct alarms *a, const struct store_stats *store,
                      const struct retention_stats *retention, int64_t now_ms, struct buf *out)
{
    bool on[ALARM_STATES];
    states_of(store, retention, on);
    on[ALARM_mail] = atomic_load_explicit(&a->state_since_ms[ALARM_mail], memory_order_relaxed) != 0;
    enum err e = buf_add_str(out, "# HELP todoke_alarm What an operator must look at now: 1 while it lasts.\n"
                                  "# TYPE todoke_alarm gauge\n");
    for (int i = 0; !e && i < ALARM_STATES; i++)
        e = one_alarm(out, state_names[i], on[i]);
    if (!e)
        e = one_alarm(out, "accept",
                      atomic_load_explicit(&a->accept_until_ms, memory_order_relaxed) > now_ms);
    for (int i = 0; !e && i < CAUSE_COUNT; i++)
        if (alarming(i))
            e = one_alarm(out, cause_of((enum cause_id)i)->id,
                          atomic_load_explicit(&a->until_ms[i], memory_order_relaxed) > now_ms);
    return e;
}

static void watch_state(_Atomic int64_t *since, bool on, int64_t now_ms)
{
    int64_t was = atomic_load_explicit(since, memory_order_relaxed);
    atomic_store_explicit(since, !on ? 0 : was ? was : now_ms, memory_order_relaxed);
}

void alarms_watch_store(struct alarms *a, const struct store_stats *store,
                        const struct retention_stats *retention, int64_t now_ms)
{
    bool on[ALARM_STATES];
    states_of(store, retention, on);
    for (int i = 0; i < ALARM_STATES; i++)
        if (i != ALARM_mail)
            watch_state(&a->state_since_ms[i], on[i], now_ms);
    atomic_store_explicit(&a->files, atomic_load_explicit(&store->files, memory_order_relaxed),
                          memory_order_relaxed);
}

void alarms_watch_mail(struct alarms *a, bool trouble, int64_t now_ms)
{
    watch_state(&a->state_since_ms[ALARM_mail], trouble, now_ms);
}

static const char *const state_texts[ALARM_STATES][2] = {
    [ALARM_store] =
        {"The last commit failed (disk full, I/O error, locked, or files that are gone): posts are "
         "refused until it recovers.",
         "直近の書き込みに失敗しました（ディスクの空き不足、I/Oエラー、ロック、ファイルの消失）。回復"
         "するまでイベントの受け付けを断ります。"},
    [ALARM_integrity] =
        {"The database is damaged; the log says where. What can still be read and written goes on. Take it "
         "for a "
         "failing disk until you know better, and see \"A damaged database\" in docs/operations.md.",
         "データベースが破損しています（箇所はログに記録されています）。読み書きできる部分は動作を続けます。"
         "ディスク"
         "の故障を疑い、docs/operations.mdの「A damaged database」を参照してください。"},
    [ALARM_loss] = {"Commits are missing: when this node started, its database was older than what it had "
                    "answered. The log "
                    "says from when to when. `todoke check --accept-loss` ends this alarm.",
                    "コミットが失われています。起動時のデータベースが、応答済みの内容よりも古いものでした。期"
                    "間はログに記録され"
                    "ています。確認後、`todoke check --accept-loss`でこのアラームを解除してください。"},
    [ALARM_clock] = {"This machine's clock is more than a day off what the database has seen: nothing is "
                     "erased by age until it has "
                     "gone steadily for a day. If it is right (the node was down for days), `todoke check "
                     "--accept-clock` ends this.",
                     "このマシンの時計が、データベースの記録と1日以上ずれています。時計が1日間正しく進むまで"
                     "、期限による削除を停止"
                     "します。時計が正しい場合（ノードを数日止めていたなど）は、`todoke check "
                     "--accept-clock`で解除できます。"},
    [ALARM_retention] =
        {"The database is past its bound (retention-size), and only events that wait are left in it.",
         "データベースが上限（retention-size）を超えています。残っているのは配信待ちのイベントだけです。"},
    [ALARM_mail] =
        {"Mails cannot be sent: the relay or the Maildir cannot be used. They wait in the outbox, "
         "which shows why.",
         "リレーまたはMaildirを利用できず、メールを送信できません。メールは送信待ちです。理由は送信箱"
         "に表示されます。"},
};
static const char *const accept_text[] = {
    [LANG_EN] = "A connection to the API could not be taken: no descriptors or memory.",
    [LANG_JA] = "ディスクリプタまたはメモリが足りず、APIへの接続を受け付けられませんでした。",
};

void alarms_each(const struct alarms *a, int64_t now_ms, alarm_fn *fn, void *arg)
{
    const char *const *files = atomic_load_explicit(&a->files, memory_order_relaxed);
    for (int i = 0; i < ALARM_STATES; i++) {
        int64_t since = atomic_load_explicit(&a->state_since_ms[i], memory_order_relaxed);
        if (since && (i != ALARM_files || files))
            fn(arg, state_names[i], since, i == ALARM_files ? files : state_texts[i]);
    }
    if (atomic_load_explicit(&a->accept_until_ms, memory_order_relaxed) > now_ms)
        fn(arg, "accept", atomic_load_explicit(&a->accept_since_ms, memory_order_relaxed), accept_text);
    for (int i = 0; i < CAUSE_COUNT; i++) {
        if (!alarming(i) || atomic_load_explicit(&a->until_ms[i], memory_order_relaxed) <= now_ms)
            continue;
        const struct cause *cause = cause_of((enum cause_id)i);
        fn(arg, cause->id, atomic_load_explicit(&a->since_ms[i], memory_order_relaxed), cause->text);
    }
}
