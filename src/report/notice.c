#include "report/notice.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/origin.h"
#include "model/account.h"
#include "report/contact.h"
#include "report/notice_text.h"
#include "report/option.h"

#define LOOK_MS 1000u
#define STEP_NOTICES 25u /* takes some milliseconds of the store's time */
#define PAUSE_MIN_MS 5u
#define PAUSE_TIMES 3u /* after a step, wait 3 times as long as it took: many windows may close at once */
#define TEXT_MAX 65536u

/* The recipients found so far, each once. */
struct people {
    char all[NOTICE_PEOPLE_MAX][EMAIL_MAX + 1];
    struct span spans[NOTICE_PEOPLE_MAX];
    uint32_t count;
};

struct telling {
    struct backend *b;
    const struct mail_rules *rules;
    const struct channel *channel;
    const struct notice *notice;
    int64_t now_ms;
    struct notice_step *step;
    bool asked; /* the contact address was asked to confirm during this step */
    struct people people;
};

static enum err add_person(void *arg, struct span email)
{
    struct telling *t = arg;
    struct people *p = &t->people;
    if (p->count == NOTICE_PEOPLE_MAX)
        return ERR_NONE; /* enough recipients */
    char *to = p->all[p->count];
    bool refuses = false;
    const char *why = email_recipient(email, to);
    if (why) {
        log_warn("report", "no mail is sent to this address; enter another one", log_span("address", email),
                 log_str("why", why));
        return ERR_NONE;
    }
    enum err e = contact_refuses(t->b, t->channel->provider_id, email, &refuses);
    if (e || refuses)
        return e;
    for (uint32_t i = 0; i < p->count; i++)
        if (strcasecmp(p->all[i], to) == 0)
            return ERR_NONE;
    p->spans[p->count++] = span_of(to);
    return ERR_NONE;
}

/* Adds the contact address if its owner has confirmed it. An address that was not asked yet is asked now. */
static enum err add_contact(struct telling *t, int64_t maker_id)
{
    struct contact_view view;
    enum contact_ask asked = CONTACT_ASK_NO_ADDRESS;
    enum err e = contact_look(t->b, t->channel, &view);
    if (!e && view.state == CONTACT_CONFIRMED)
        return add_person(t, span_of(t->channel->contact_email));
    if (!e && view.state == CONTACT_UNCONFIRMED)
        e = contact_ask(t->b, t->rules, t->channel, maker_id, false, t->now_ms, &asked);
    t->asked = asked == CONTACT_ASK_SENT;
    t->step->asked += t->asked;
    return e;
}

static enum err write_mails(struct telling *t, unsigned last)
{
    const struct notice_facts f = {t->notice, t->channel, t->rules, last};
    struct buf subject, text, html;
    buf_init(&subject, TEXT_MAX);
    buf_init(&text, TEXT_MAX);
    buf_init(&html, TEXT_MAX);
    enum err e;
    if (!(e = notice_text_subject(&f, &subject)) && !(e = notice_text_plain(&f, &text)) &&
        !(e = notice_text_html(&f, &html))) {
        const struct mail_draft d = {t->channel->id,  buf_span(&subject), buf_span(&text),
                                     buf_span(&html), t->people.spans,    t->people.count};
        e = t->b->ops->mails->mail_insert(t->b, &d, t->now_ms);
    }
    buf_deinit(&subject);
    buf_deinit(&text);
    buf_deinit(&html);
    return e;
}

/* Sends to all recipients found, or to as many as today's caps allow. */
static enum err send_to(struct telling *t, const struct quota *quota)
{
    enum quota_kind full = QUOTA_CHANNEL;
    t->people.count = quota_allows(quota, t->people.count, &full);
    if (!t->people.count) {
        t->step->capped[full]++;
        return ERR_NONE;
    }
    unsigned last = quota_last(quota, t->people.count);
    enum err e = write_mails(t, last);
    if (!e)
        e = quota_take(t->b, quota, t->people.count, last);
    if (!e && last & ~(1u << QUOTA_CHANNEL))
        log_warn("report",
                 "today's limit of mails about a provider is reached: no more error notifications today",
                 log_int("provider", t->channel->provider_id),
                 log_str("setting", last & 1u << QUOTA_PROVIDER ? "mail-provider-cap" : "mail-account-cap"));
    t->step->told += !e;
    return e;
}

static enum err tell(struct telling *t)
{
    struct quota quota;
    enum err e = quota_read(t->b, t->rules, t->channel, t->now_ms, &quota);
    if (!e && t->channel->contact_email[0])
        e = add_contact(t, quota.ids[QUOTA_ACCOUNT]);
    if (!e)
        e = t->b->ops->notices->notice_people(t->b, t->channel->id, add_person, t);
    if (!e && t->asked) /* the mail that asked has changed the counts */
        e = quota_read(t->b, t->rules, t->channel, t->now_ms, &quota);
    if (e)
        return e;
    if (!t->people.count) {
        t->step->nobody++;
        return ERR_NONE;
    }
    return send_to(t, &quota);
}

static enum err end_window(struct backend *b, const struct mail_rules *rules, const struct notice *n,
                           int64_t now_ms, struct notice_step *step)
{
    struct channel c;
    bool wanted = false;
    enum err e = b->ops->channels->channel_get(b, n->channel_id, &c);
    if (!e)
        e = option_tells(b, &c, &wanted);
    if (e && e != ERR_NOT_FOUND)
        return e;
    e = ERR_NONE;
    step->unwanted += !wanted;
    struct telling *t = wanted ? mem_zero(1, sizeof(*t)) : NULL;
    if (wanted && !t)
        return ERR_NOMEM;
    if (wanted) {
        *t = (struct telling){
            .b = b, .rules = rules, .channel = &c, .notice = n, .now_ms = now_ms, .step = step};
        e = tell(t);
    }
    mem_free(t);
    return e ? e : b->ops->notices->notice_end(b, n->id);
}

/* Copies of the rows: telling about one changes the table that the rows are read from. */
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

enum err notices_step(struct backend *b, const struct mail_rules *rules, int64_t now_ms, uint32_t limit,
                      struct notice_step *ret, uint32_t *ret_found)
{
    struct found found = {.count = 0};
    struct mail_counts counts;
    *ret = (struct notice_step){0};
    enum err e = b->ops->errors->notice_due(b, now_ms, limit < STEP_NOTICES ? limit : STEP_NOTICES,
                                            take_notice, &found);
    if (!e && found.count)
        e = b->ops->mails->mail_count(b, &counts);
    for (uint32_t i = 0; !e && i < found.count; i++) {
        if (counts.waiting < NOTICE_OUTBOX_MAX) {
            e = end_window(b, rules, &found.notices[i], now_ms, ret);
        } else {
            e = b->ops->notices->notice_defer(b, &found.notices[i], now_ms + rules->window_ms);
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
    return n->config.rules.window_ms / 4 + 1 < LOOK_MS ? n->config.rules.window_ms / 4 + 1 : LOOK_MS;
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
    for (enum quota_kind k = QUOTA_CHANNEL; k < QUOTA_KINDS; k++)
        add(&n->stats.capped[k], s->capped[k]);
    add(&n->stats.deferred, s->deferred);
    add(&n->stats.asked, s->asked);
    if (s->deferred)
        log_error("report", "the outbox is full: notices wait and go on counting errors",
                  log_uint("notices", s->deferred));
    if ((s->told || s->asked) && n->config.told)
        n->config.told(n->config.arg);
}

static enum err step_run(struct store_call *call, struct backend *b)
{
    struct notices *n = list_entry(call, struct notices, call);
    return notices_step(b, &n->step_rules, wall_ms(n), STEP_NOTICES, &n->step, &n->found);
}

static void step_done(struct store_call *call)
{
    struct notices *n = list_entry(call, struct notices, call);
    n->busy = false;
    if (call->err) { /* the store failed; the windows stay open */
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
    return b->ops->errors->notice_due(b, wall_ms(n), 1, found_one, &n->found);
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
    n->step_rules = n->config.rules; /* notices_set() may change the rules while the step runs */
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
        return err_origin(ERR_IO);
    n->timer.data = n;
    again(n, 0);
    return ERR_NONE;
}

void notices_set(struct notices *n, const struct mail_rules *rules)
{
    n->config.rules = *rules;
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
