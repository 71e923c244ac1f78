#pragma once
/*
 * Gauges and alarms. Only a loop's own thread may read its figures, so each loop publishes a copy about once
 * a second, and /metrics adds the copies up. An alarm is a condition that an operator must look at now; it
 * lasts as long as the condition.
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

/* The figures of one loop. Zeroed: nothing published yet. */
struct gauges {
    _Atomic uint64_t values[GAUGE_COUNT];
};

/* Publishes the loop's figures, on the loop's thread. */
void gauges_publish(struct gauges *g, const struct engine *engine, const struct server *server,
                    const struct courier *courier, uint64_t api_open);

/* The sum of one figure over all loops. */
uint64_t gauges_sum(const struct gauges *const *all, size_t count, enum gauge_id id);
/* The sums over the loops as Prometheus text. ERR_NOMEM, ERR_LIMIT. */
enum err gauges_print(const struct gauges *const *all, size_t count, struct buf *out) MUST_CHECK;

#define ALARM_HOLD_MS 60000 /* an alarm by fault ends so long after the last fault */

/*
 * Alarms that are lasting states; the others are raised by single faults, and end ALARM_HOLD_MS after the
 * last.
 */
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

/* Any thread may read. Zeroed: no alarms. */
struct alarms {
    _Atomic int64_t until_ms[CAUSE_COUNT]; /* end of alarms by local faults; wall clock */
    _Atomic int64_t accept_until_ms;
    /* Start of the present alarms; 0: no alarm. */
    _Atomic int64_t since_ms[CAUSE_COUNT], accept_since_ms, state_since_ms[ALARM_STATES];
    _Atomic(const char *const *) files;      /* store_stats' */
    uint64_t seen[CAUSE_COUNT], accept_seen; /* counters when last read; first loop only */
};

/* Raises and ends alarms, and logs that; call it about once a second on the first loop. */
void alarms_watch(struct alarms *a, const struct delivery_counters *counters, const struct gauges *const *all,
                  size_t count, int64_t now_ms);

/* Prints todoke_alarm{name=…} 0 or 1 for every alarm. */
enum err alarms_print(const struct alarms *a, const struct store_stats *store,
                      const struct retention_stats *retention, int64_t now_ms, struct buf *out) MUST_CHECK;

/* The same for states of the store; only their start is kept here. */
void alarms_watch_store(struct alarms *a, const struct store_stats *store,
                        const struct retention_stats *retention, int64_t now_ms);

/* The same for the outbox; trouble: mails cannot be sent. */
void alarms_watch_mail(struct alarms *a, bool trouble, int64_t now_ms);

/* A JSON array of the alarms that do not end by themselves (database damaged, commits missing, clock off);
 * *ret_any: the array is not empty. */
enum err alarms_standing(const struct store_stats *store, const struct retention_stats *retention,
                         struct buf *out, bool *ret_any) MUST_CHECK;

/* Calls fn for each present alarm; text: its meaning in both languages. */
typedef void alarm_fn(void *arg, const char *name, int64_t since_ms, const char *const text[2]);
void alarms_each(const struct alarms *a, int64_t now_ms, alarm_fn *fn, void *arg);
