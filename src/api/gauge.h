#pragma once
/*
 * Figures that only a loop's own thread may read: each loop publishes a copy about once a second, and whoever
 * is asked for metrics adds the copies up. And alarms: what an operator must look at now, as long as it
 * lasts.
 */
#include "base/buf.h"
#include "exchange/engine.h"
#include "server/server.h"
#include "store/retention.h"
#include "webhook/delivery.h"

enum gauge_id {
#define GAUGE(id, ...) GAUGE_##id,
#include "api/gauge.def"
#undef GAUGE
    GAUGE_COUNT
};

/* Of one loop. Zeroed: nothing yet. */
struct gauges {
    _Atomic uint64_t values[GAUGE_COUNT];
};

/* On the loop's thread. */
void gauges_publish(struct gauges *g, const struct engine *engine, const struct server *server,
                    const struct courier *courier, uint64_t api_open);

/* One figure, over the loops. */
uint64_t gauges_sum(const struct gauges *const *all, size_t count, enum gauge_id id);
/* The sums over the loops as Prometheus text. ERR_NOMEM, ERR_LIMIT. */
enum err gauges_print(const struct gauges *const *all, size_t count, struct buf *out) MUST_CHECK;

#define ALARM_HOLD_MS 60000 /* an alarm ends when what raised it has not happened for so long */

/* What lasts by itself; the others are single faults, and end a while after the last. */
enum alarm_state {
    ALARM_store,
    ALARM_files,
    ALARM_integrity,
    ALARM_loss,
    ALARM_clock,
    ALARM_retention,
    ALARM_mail,
    ALARM_STATES
};

/* Any thread may read; zeroed: none. */
struct alarms {
    _Atomic int64_t until_ms[CAUSE_COUNT]; /* faults of our own, by cause; wall clock */
    _Atomic int64_t accept_until_ms;
    /* Since when they last, while they do. */
    _Atomic int64_t since_ms[CAUSE_COUNT], accept_since_ms, state_since_ms[ALARM_STATES];
    _Atomic(const char *const *) files;      /* store_stats' */
    uint64_t seen[CAUSE_COUNT], accept_seen; /* by the first loop */
};

/* About once a second, on the first loop: raises and ends alarms, and says so in the log. */
void alarms_watch(struct alarms *a, const struct delivery_counters *counters, const struct gauges *const *all,
                  size_t count, int64_t now_ms);

/* todoke_alarm{name=…} 0 or 1, for every alarm there is. */
enum err alarms_print(const struct alarms *a, const struct store_stats *store,
                      const struct retention_stats *retention, int64_t now_ms, struct buf *out) MUST_CHECK;

/* The same for what is a state of the store, of which only the beginning is noted here. */
void alarms_watch_store(struct alarms *a, const struct store_stats *store,
                        const struct retention_stats *retention, int64_t now_ms);

/* And of the outbox: mails cannot be sent. */
void alarms_watch_mail(struct alarms *a, bool trouble, int64_t now_ms);

/* The names of those that do not end by themselves: the database is damaged, commits are missing, the clock
 * is off. As a JSON array; *ret_any: it has some. */
enum err alarms_standing(const struct store_stats *store, const struct retention_stats *retention,
                         struct buf *out, bool *ret_any) MUST_CHECK;

/* Those that last, with what they mean in both languages. */
typedef void alarm_fn(void *arg, const char *name, int64_t since_ms, const char *const text[2]);
void alarms_each(const struct alarms *a, int64_t now_ms, alarm_fn *fn, void *arg);
