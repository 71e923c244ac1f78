#include "report/notice.h"

#include "base/log.h"
#include "base/mem.h"
#include "model/account.h"
#include "report/notice_text.h"
#include "report/recipient.h"

#define LOOK_MS 1000u
#define STEP_NOTICES 25u /* some milliseconds of the store's time */
#define PAUSE_MIN_MS 5u
#define PAUSE_TIMES 3u /* told at a quarter of the time at most: many windows close at once */
#define DAY_MS 86400000
#define ZONE_MS (9 * 3600000)
#define TEXT_MAX 65536u

/* Addresses that were found, each once. */
struct people {
    char all[NOTICE_PEOPLE_MAX][ACCOUNT_EMAIL_MAX + 1];
    struct span spans[NOTICE_PEOPLE_MAX];
    uint32_t count;
};

static enum err add_person(void *arg, struct span email)
{
    struct people *p = arg;
    if (p->count == NOTICE_PEOPLE_MAX)
        return ERR_NONE; /* so many are told */
    char *to = p->all[p->count];
    if (!recipient_of(email, to)) {
        log_warn("report", "no mail can be sent to this address", log_span("address", email));
        return ERR_NONE;
    }
    for (uint32_t i = 0; i < p->count; i++)
        if (strcasecmp(p->all[i], to) == 0)
            return ERR_NONE;
    p->spans[p->count++] = span_of(to);
    return ERR_NONE;
}

static enum err take_state(void *arg, const struct option *o)
{
    *(enum option_state *)arg = o->state;
    return ERR_NONE;
}

/* Whether the channel's people want to be told, and may be. */
static enum err is_wanted(struct backend *b, const struct channel *c, enum notice_kind kind, bool *ret)
{
    enum option_state state = OPTION_NONE;
    *ret = kind == NOTICE_SUSPENDED;
    if (*ret || !c->error_notification)
        return ERR_NONE;
    enum err e = b->ops->option_get(b, c->provider_id, take_state, &state);
    *ret = state == OPTION_APPROVED;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static enum err write_mails(struct backend *b, const struct notice_facts *f, const struct people *p,
                            int64_t now_ms)
{
    struct buf subject, text, html;
    buf_init(&subject, TEXT_MAX);
    buf_init(&text, TEXT_MAX);
    buf_init(&html, TEXT_MAX);
    enum err e;
    if (!(e = notice_text_subject(f, &subject)) && !(e = notice_text_plain(f, &text)) &&
        !(e = notice_text_html(f, &html))) {
        const struct mail_draft d = {f->channel->id,  buf_span(&subject), buf_span(&text),
                                     buf_span(&html), p->spans,           p->count};
        e = b->ops->mail_insert(b, &d, now_ms);
    }
    buf_deinit(&subject);
    buf_deinit(&text);
    buf_deinit(&html);
    return e;
}

static enum err tell(struct backend *b, const struct notice_settings *s, const struct channel *c,
                     const struct notice *n, int64_t now_ms, struct notice_step *step)
{
    int64_t day = (now_ms + ZONE_MS) / DAY_MS;
    bool bounded = n->kind != NOTICE_SUSPENDED; /* that comes once in suspend-after at most */
    uint32_t told = 0;
    enum err e = bounded ? b->ops->notice_day_get(b, c->id, day, &told) : ERR_NONE;
    if (e || (bounded && told >= s->daily_cap)) {
        step->capped += !e;
        return e;
    }
    struct people *people = mem_zero(1, sizeof(*people));
    if (!people)
        return ERR_NOMEM;
    if (c->contact_email[0])
        e = add_person(people, span_of(c->contact_email));
    if (!e)
        e = b->ops->notice_people(b, c->id, add_person, people);
    const struct notice_facts f = {n, c, s->public_url, s->window_ms,
                                   bounded && told + 1 == s->daily_cap ? s->daily_cap : 0};
    if (!e && people->count)
        e = write_mails(b, &f, people, now_ms);
    if (!e && people->count && bounded)
        e = b->ops->notice_day_add(b, c->id, day);
    if (!e)
        *(people->count ? &step->told : &step->nobody) += 1;
    mem_free(people);
    return e;
}

static enum err end_window(struct backend *b, const struct notice_settings *s, const struct notice *n,
                           int64_t now_ms, struct notice_step *step)
{
    struct channel c;
    bool wanted = false;
    enum err e = b->ops->channel_get(b, n->channel_id, &c);
    if (!e)
        e = is_wanted(b, &c, n->kind, &wanted);
    if (e && e != ERR_NOT_FOUND)
        return e;
    if (wanted)
        e = tell(b, s, &c, n, now_ms, step);
    else
        e = ERR_NONE;
    step->unwanted += !wanted;
    return e ? e : b->ops->notice_end(b, n->id);
}

/* Rows are copied: what is done with one changes the table that they are read from. */
struct found {
    struct notice notices[STEP_NOTICES];
    char reasons[STEP_NOTICES][32], details[STEP_NOTICES][64];
    uint32_t count;
};

static struct span copied(char *to, size_t size, struct span s)
{
    size_t len = s.len < size ? s.len : size;
    memcpy(to, s.ptr, len);
    return (struct span){to, len};
}

static enum err take_notice(void *arg, const struct notice *n)
{
    struct found *f = arg;
    struct notice *to = &f->notices[f->count];
    *to = *n;
    to->reason = copied(f->reasons[f->count], sizeof(f->reasons[0]), n->reason);
    to->detail = copied(f->details[f->count], sizeof(f->details[0]), n->detail);
    f->count++;
    return ERR_NONE;
}

enum err notices_step(struct backend *b, const struct notice_settings *settings, int64_t now_ms,
                      uint32_t limit, struct notice_step *ret, uint32_t *ret_found)
{
    struct found found = {.count = 0};
    struct mail_counts counts;
    *ret = (struct notice_step){0};
    enum err e =
        b->ops->notice_due(b, now_ms, limit < STEP_NOTICES ? limit : STEP_NOTICES, take_notice, &found);
    if (!e && found.count)
        e = b->ops->mail_count(b, &counts);
    for (uint32_t i = 0; !e && i < found.count; i++) {
        if (counts.waiting < NOTICE_OUTBOX_MAX) {
            e = end_window(b, settings, &found.notices[i], now_ms, ret);
        } else {
            e = b->ops->notice_defer(b, &found.notices[i], now_ms + settings->window_ms);
            ret->deferred++;
        }
    }
    *ret_found = found.count;
    return e;
}

static uint64_t mono_ms(const struct notices *n)
{
    return n->config.clock->mono_us(n->config.clock->arg) / 1000;
}

static int64_t wall_ms(const struct notices *n)
{
    return n->config.clock->wall_ms(n->config.clock->arg);
}

static void on_timer(uv_timer_t *timer);

static void again(struct notices *n, uint64_t wait_ms)
{
    if (!n->stopped)
        (void)uv_timer_start(&n->timer, on_timer, wait_ms, 0);
}

static uint64_t look_ms(const struct notices *n)
{
    return n->config.settings.window_ms / 4 + 1 < LOOK_MS ? n->config.settings.window_ms / 4 + 1 : LOOK_MS;
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
    (void)atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

static void count_step(struct notices *n)
{
    const struct notice_step *s = &n->step;
    add(&n->stats.told, s->told);
    add(&n->stats.unwanted, s->unwanted);
    add(&n->stats.nobody, s->nobody);
    add(&n->stats.capped, s->capped);
    add(&n->stats.deferred, s->deferred);
    if (s->deferred)
        log_error("report", "the outbox is full: notices wait and go on counting",
                  log_uint("notices", s->deferred));
    if (s->told && n->config.told)
        n->config.told(n->config.arg);
}

static enum err step_run(struct store_call *call, struct backend *b)
{
    struct notices *n = list_entry(call, struct notices, call);
    return notices_step(b, &n->config.settings, wall_ms(n), STEP_NOTICES, &n->step, &n->found);
}

static void step_done(struct store_call *call)
{
    struct notices *n = list_entry(call, struct notices, call);
    n->busy = false;
    if (call->err) { /* the store is in trouble; the windows stay */
        log_debug("report", "notices: a step failed", log_err("err", call->err));
        again(n, LOOK_MS);
        return;
    }
    count_step(n);
    uint64_t pause = (mono_ms(n) - n->began_ms) * PAUSE_TIMES;
    again(n, n->found < STEP_NOTICES ? look_ms(n) : pause < PAUSE_MIN_MS ? PAUSE_MIN_MS : pause);
}

static enum err found_one(void *arg, const struct notice *notice)
{
    (void)notice;
    *(uint32_t *)arg += 1;
    return ERR_NONE;
}

static enum err look_run(struct store_call *call, struct backend *b)
{
    struct notices *n = list_entry(call, struct notices, call);
    n->found = 0;
    return b->ops->notice_due(b, wall_ms(n), 1, found_one, &n->found);
}

static void look_done(struct store_call *call)
{
    struct notices *n = list_entry(call, struct notices, call);
    n->busy = false;
    if (call->err || !n->found || n->stopped) {
        again(n, look_ms(n));
        return;
    }
    n->busy = true;
    n->began_ms = mono_ms(n);
    n->call = (struct store_call){.run = step_run, .done = step_done, .home = n->config.mailbox};
    store_submit(n->config.store, &n->call);
}

static void on_timer(uv_timer_t *timer)
{
    struct notices *n = timer->data;
    if (n->busy || n->stopped)
        return;
    n->busy = true;
    n->call = (struct store_call){.run = look_run, .done = look_done, .home = n->config.mailbox};
    store_read(n->config.store, &n->call);
}

enum err notices_init(struct notices *n, uv_loop_t *loop, const struct notice_config *config)
{
    *n = (struct notices){.config = *config};
    if (uv_timer_init(loop, &n->timer))
        return ERR_IO;
    n->timer.data = n;
    again(n, 0);
    return ERR_NONE;
}

void notices_set(struct notices *n, const struct notice_settings *settings)
{
    n->config.settings = *settings;
}

void notices_stop(struct notices *n)
{
    n->stopped = true;
    (void)uv_timer_stop(&n->timer);
}

void notices_close(struct notices *n)
{
    notices_stop(n);
    uv_close((uv_handle_t *)&n->timer, NULL);
}
