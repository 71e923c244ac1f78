#include "store/integrity.h"

#include "base/log.h"

#define LOOK_MS 1000u /* between looks at the marks */
#define WEEK_MS (7 * INT64_C(86400000))
#define AGAIN_MS 3600000u /* minimum time between integrity checks that are not due */
#define PAUSE_MIN_MS 5u
#define PAUSE_TIMES 3u /* uses at most a quarter of the reader's time */

static void again(struct integrity *i, uint64_t wait_ms);

static uint64_t mono_ms(const struct integrity *i)
{
    return i->config.clock->mono_us(i->config.clock->arg) / 1000;
}

static int64_t wall_ms(const struct integrity *i)
{
    return i->config.clock->wall_ms(i->config.clock->arg);
}

static const struct store_stats *stats_of(const struct integrity *i)
{
    return store_stats(i->config.store);
}

static enum err look_run(struct store_call *call, struct backend *b)
{
    struct integrity *i = list_entry(call, struct integrity, call);
    struct backend_size size = {0};
    enum err e = b->ops->marks->size(b, &size);
    for (int m = 0; !e && m < MARK_COUNT; m++)
        e = b->ops->marks->mark_get(b, (enum store_mark)m, &i->marks[m]);
    i->bytes = size.used + size.free;
    return e;
}

static enum err step_run(struct store_call *call, struct backend *b)
{
    struct integrity *i = list_entry(call, struct integrity, call);
    return b->ops->upkeep->integrity(b, &i->step);
}

/* Records what is known now: what was found, and that the check was complete. */
static enum err keep_run(struct store_call *call, struct backend *b)
{
    struct integrity *i = list_entry(call, struct integrity, call);
    enum err e = b->ops->marks->mark_put(b, MARK_DAMAGED, i->marks[MARK_DAMAGED]);
    return e ? e : b->ops->marks->mark_put(b, MARK_CHECKED, i->marks[MARK_CHECKED]);
}

static void submit(struct integrity *i, enum err (*run)(struct store_call *c, struct backend *b),
                   void (*done)(struct store_call *c))
{
    i->busy = true;
    i->began_ms = mono_ms(i);
    i->call = (struct store_call){.run = run, .done = done, .home = i->config.mailbox};
    if (run == keep_run)
        store_submit(i->config.store, &i->call);
    else
        store_read(i->config.store, &i->call);
}

static void keep_done(struct store_call *call)
{
    struct integrity *i = list_entry(call, struct integrity, call);
    i->busy = false;
    if (call->err)
        log_debug("store", "integrity: cannot record the findings", log_err("err", call->err));
    else
        i->kept = i->marks[MARK_DAMAGED] != 0;
    again(i, LOOK_MS);
}

static void tell(struct integrity *i, bool damaged)
{
    store_tell(i->config.store, damaged, i->marks[MARK_LOST] != 0);
}

static void end_walk(struct integrity *i)
{
    bool was = i->marks[MARK_DAMAGED] != 0;
    i->walking = i->met = false;
    i->looked = true;
    i->marks[MARK_CHECKED] = wall_ms(i);
    if (!i->found)
        i->marks[MARK_DAMAGED] = 0;
    else if (!was)
        i->marks[MARK_DAMAGED] = i->marks[MARK_CHECKED];
    tell(i, i->found != 0);
    if (i->found)
        log_error("store", "integrity check found the database damaged", log_uint("places", i->found));
    else if (was)
        log_info("store", "integrity check found the database sound again");
    submit(i, keep_run, keep_done);
}

static void step_done(struct store_call *call)
{
    struct integrity *i = list_entry(call, struct integrity, call);
    i->busy = false;
    /* SQLite cannot commit a transaction that met damage; the step was done nevertheless. */
    /* the store is failing: not the time to check */
    if (call->err && !(call->err == ERR_DAMAGED && i->step.ret_found)) {
        log_debug("store", "integrity: a step failed", log_err("err", call->err));
        again(i, LOOK_MS);
        return;
    }
    i->found += i->step.ret_found;
    if (i->step.ret_found)
        tell(i, true);
    uint64_t pause = (mono_ms(i) - i->began_ms) * PAUSE_TIMES;
    if (i->step.ret_done && !i->stopped)
        end_walk(i);
    else
        again(i, pause < PAUSE_MIN_MS ? PAUSE_MIN_MS : pause);
}

/* A timestamp in the future counts as none. */
static bool due(const struct integrity *i)
{
    int64_t since = wall_ms(i) - i->marks[MARK_CHECKED];
    return since < 0 || since > WEEK_MS || i->met || (!i->looked && (i->kept || i->bytes <= INTEGRITY_SMALL));
}

/* Compares what the store has met meanwhile with the record. True: the record must be written. */
static bool compare(struct integrity *i)
{
    bool met = atomic_load_explicit(&stats_of(i)->damaged, memory_order_relaxed);
    if (i->marks[MARK_DAMAGED]) {
        i->kept = true;
    } else if (met && i->kept) { /* `todoke check` found it sound */
        i->kept = met = false;
    } else if (met) {
        i->marks[MARK_DAMAGED] = wall_ms(i);
        i->met = true;
    }
    tell(i, met || i->kept);
    return met && !i->kept;
}

static void look_done(struct store_call *call)
{
    struct integrity *i = list_entry(call, struct integrity, call);
    i->busy = false;
    if (call->err) {
        again(i, LOOK_MS);
        return;
    }
    if (compare(i)) {
        submit(i, keep_run, keep_done);
    } else if (due(i) && mono_ms(i) >= i->next_ms) {
        i->next_ms = mono_ms(i) + AGAIN_MS;
        i->walking = true;
        i->found = 0;
        i->step.anew = true;
        submit(i, step_run, step_done);
    } else {
        again(i, LOOK_MS);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct integrity *i = timer->data;
    if (i->busy || i->stopped)
        return;
    if (i->walking)
        submit(i, step_run, step_done);
    else
        submit(i, look_run, look_done);
}

static void again(struct integrity *i, uint64_t wait_ms)
{
    if (!i->stopped)
        (void)uv_timer_start(&i->timer, on_timer, wait_ms, 0);
}

enum err integrity_init(struct integrity *i, uv_loop_t *loop, const struct integrity_config *config)
{
    *i = (struct integrity){.config = *config};
    if (uv_timer_init(loop, &i->timer))
        return ERR_IO;
    i->timer.data = i;
    again(i, 0);
    return ERR_NONE;
}

void integrity_stop(struct integrity *i)
{
    i->stopped = true;
    (void)uv_timer_stop(&i->timer);
}

void integrity_close(struct integrity *i)
{
    integrity_stop(i);
    uv_close((uv_handle_t *)&i->timer, NULL);
}
