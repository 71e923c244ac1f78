#include "report/outbox.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/origin.h"

#define LOOK_MS 1000u
#define BATCH 16u
#define WAIT_MAX_MS 3600000u
#define HOLD_PART 12u /* a failing relay is tried again after this part of retry_ms */
#define HOLD_MAX_MS 300000u
#define PRUNE_MS 60000u
#define PRUNE_STEP 200u
/* sent mails (and those written to the Maildir) stay this long for people to see */
#define KEEP_SENT_MS 86400000
#define KEEP_FAILED_MS 604800000 /* failed mails stay this long for people to see and to retry */

struct outbox_job {
    struct mailer_job mailer;
    struct outbox *outbox;
    struct list link; /* in the batch */
    struct store_call call;
    struct mail mail; /* its spans refer to text */
    char id[320];
    char text[];
};

static uint64_t mono_ms(const struct outbox *o)
{
    return o->config.clock->mono_us(o->config.clock->arg) / 1000;
}

static int64_t wall_ms(const struct outbox *o)
{
    return o->config.clock->wall_ms(o->config.clock->arg);
}

/* The time that decides whether a mail is old. */
static int64_t old_ms(const struct outbox *o)
{
    return o->config.steady ? steady_time(o->config.steady, wall_ms(o), (int64_t)mono_ms(o)) : wall_ms(o);
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
    (void)atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

static void on_timer(uv_timer_t *timer);

static void again(struct outbox *o, uint64_t wait_ms)
{
    if (!o->stopped)
        (void)uv_timer_start(&o->timer, on_timer, wait_ms, 0);
}

uint64_t outbox_wait_ms(uint32_t retry_ms, uint32_t tries)
{
    uint64_t wait = retry_ms;
    for (uint32_t i = 1; i < tries && wait < WAIT_MAX_MS; i++)
        wait *= 2;
    return wait < WAIT_MAX_MS ? wait : retry_ms > WAIT_MAX_MS ? retry_ms : WAIT_MAX_MS;
}

static void end_job(struct outbox_job *j)
{
    struct outbox *o = j->outbox;
    mem_free(j);
    o->out--;
    if (!o->out && !o->busy)
        again(o, o->more ? 0 : LOOK_MS);
}

static enum err tried_run(struct store_call *call, struct backend *b)
{
    struct outbox_job *j = list_entry(call, struct outbox_job, call);
    return b->ops->mails->mail_tried(b, &j->mail);
}

static void tried_done(struct store_call *call)
{
    struct outbox_job *j = list_entry(call, struct outbox_job, call);
    struct outbox *o = j->outbox;
    /* the mail was sent, but sending it again would deliver it twice: keep the result */
    if (call->err && !o->halted && !o->stopped) {
        list_push_back(&o->unrecorded, &j->link);
        again(o, LOOK_MS);
        return;
    }
    end_job(j);
}

/* Leaves the relay alone, twice as long each time. */
static void hold(struct outbox *o, const char *why)
{
    if (!atomic_exchange(&o->stats.trouble, true))
        log_error("report", "cannot send mails; they wait in the outbox", log_str("why", why));
    uint64_t first = o->config.retry_ms / HOLD_PART + 1;
    o->hold_ms = !o->hold_ms ? first : 2 * o->hold_ms;
    uint64_t most = HOLD_MAX_MS > first ? HOLD_MAX_MS : first;
    if (o->hold_ms > most)
        o->hold_ms = most;
    o->hold_until = mono_ms(o) + o->hold_ms;
}

static void release(struct outbox *o)
{
    if (atomic_exchange(&o->stats.trouble, false))
        log_info("report", "sending mails works again");
    o->hold_ms = 0;
}

/* Sets the mail's state after a try. */
static void judge(struct outbox *o, struct mail *m, const struct smtp_result *r)
{
    int64_t now = wall_ms(o);
    bool old = old_ms(o) - m->created_ms >= (int64_t)o->config.expire_ms;
    m->tries++;
    m->next_ms = now;
    m->last_error = span_of(r->text);
    m->state = r->end == SMTP_SENT             ? MAIL_SENT
               : r->end == SMTP_WRITTEN        ? MAIL_WRITTEN
               : r->end == SMTP_REFUSED || old ? MAIL_FAILED
                                               : MAIL_WAITING;
    if (m->state == MAIL_WAITING)
        m->next_ms = now + (int64_t)outbox_wait_ms(o->config.retry_ms, m->tries);
    _Atomic uint64_t *const counts[MAIL_STATES] = {[MAIL_WAITING] = &o->stats.put_off,
                                                   [MAIL_SENT] = &o->stats.sent,
                                                   [MAIL_FAILED] = &o->stats.failed,
                                                   [MAIL_WRITTEN] = &o->stats.written};
    add(counts[m->state], 1);
    if (m->state == MAIL_SENT || m->state == MAIL_WRITTEN)
        log_info("report", m->state == MAIL_SENT ? "mail sent" : "mail written into the Maildir",
                 log_int("mail", m->id), log_int("channel", m->channel_id), log_uint("tries", m->tries));
    else
        log_warn("report",
                 m->state == MAIL_FAILED ? "mail failed for good" : "mail failed; will be tried again",
                 log_int("mail", m->id), log_int("channel", m->channel_id), log_uint("tries", m->tries),
                 log_span("why", m->last_error));
}

static void on_sent(struct mailer_job *mailer_job)
{
    struct outbox_job *j = list_entry(mailer_job, struct outbox_job, mailer);
    struct outbox *o = j->outbox;
    const struct smtp_result *r = &j->mailer.result;
    if (o->halted || r->end == SMTP_STOPPED) { /* the mail waits as before */
        end_job(j);
        return;
    }
    if (r->end == SMTP_TROUBLE)
        hold(o, r->text);
    else
        release(o);
    judge(o, &j->mail, r);
    j->call = (struct store_call){.run = tried_run, .done = tried_done, .home = o->config.mailbox};
    store_submit(o->config.store, &j->call);
}

static struct span keep(char **at, struct span s)
{
    struct span kept = {*at, s.len};
    memcpy(*at, s.ptr, s.len);
    (*at)[s.len] = '\0';
    *at += s.len + 1;
    return kept;
}

static enum err take_mail(void *arg, const struct mail *m)
{
    struct outbox *o = arg;
    size_t size = m->recipient.len + m->subject.len + m->text.len + m->html.len + 4;
    struct outbox_job *j = mem_zero(1, sizeof(*j) + size);
    if (!j)
        return ERR_NOMEM;
    char *at = j->text;
    j->outbox = o;
    j->mail = *m;
    j->mail.last_error = SPAN_LIT("");
    j->mail.recipient = keep(&at, m->recipient);
    j->mail.subject = keep(&at, m->subject);
    j->mail.text = keep(&at, m->text);
    j->mail.html = keep(&at, m->html);
    (void)snprintf(j->id, sizeof(j->id), "notice.%lld.%lld@%s", (long long)m->created_ms, (long long)m->id,
                   o->config.domain);
    j->mailer.message = (struct mail_message){.to = j->mail.recipient.ptr,
                                              .subject = j->mail.subject.ptr,
                                              .text = j->mail.text,
                                              .html = j->mail.html,
                                              .id = j->id,
                                              .date_ms = m->created_ms};
    j->mailer.id = m->id;
    j->mailer.done = on_sent;
    list_push_back(&o->batch, &j->link);
    return ERR_NONE;
}

static void drop_batch(struct outbox *o)
{
    for (struct list *i; (i = list_pop_front(&o->batch));)
        mem_free(list_entry(i, struct outbox_job, link));
}

static enum err look_run(struct store_call *call, struct backend *b)
{
    struct outbox *o = list_entry(call, struct outbox, call);
    drop_batch(o); /* the transaction may run a second time */
    enum err e = b->ops->mails->mail_count(b, &o->counts);
    return e ? e : b->ops->mails->mail_due(b, wall_ms(o), BATCH, take_mail, o);
}

static void look_done(struct store_call *call)
{
    struct outbox *o = list_entry(call, struct outbox, call);
    o->busy = false;
    if (call->err || o->stopped) {
        drop_batch(o);
        again(o, LOOK_MS);
        return;
    }
    atomic_store_explicit(&o->stats.waiting, o->counts.waiting, memory_order_relaxed);
    atomic_store_explicit(&o->stats.broken, o->counts.failed, memory_order_relaxed);
    atomic_store_explicit(&o->stats.oldest_ms, o->counts.oldest_ms, memory_order_relaxed);
    if (mono_ms(o) < o->hold_until) /* this look only counts the mails */
        drop_batch(o);
    for (struct list *i; (i = list_pop_front(&o->batch)); o->out++)
        mailer_post(o->config.mailer, &list_entry(i, struct outbox_job, link)->mailer);
    o->more = o->out == BATCH;
    if (!o->out)
        again(o, LOOK_MS);
}

static enum err prune_run(struct store_call *call, struct backend *b)
{
    struct outbox *o = list_entry(call, struct outbox, call);
    int64_t now = o->prune_ms;
    return b->ops->mails->mail_prune(b, now - KEEP_SENT_MS, now - KEEP_FAILED_MS, PRUNE_STEP, &o->pruned);
}

static void prune_done(struct store_call *call)
{
    struct outbox *o = list_entry(call, struct outbox, call);
    o->busy = false;
    o->prune_at = mono_ms(o) + (!call->err && o->pruned >= PRUNE_STEP ? LOOK_MS : PRUNE_MS);
    again(o, 0);
}

static void record_again(struct outbox *o)
{
    struct list all;
    list_init(&all);
    for (struct list *i; (i = list_pop_front(&o->unrecorded));)
        list_push_back(&all, i);
    for (struct list *i; (i = list_pop_front(&all));)
        store_submit(o->config.store, &list_entry(i, struct outbox_job, link)->call);
}

static void on_timer(uv_timer_t *timer)
{
    struct outbox *o = timer->data;
    record_again(o);
    if (o->busy || o->stopped || o->out)
        return;
    bool prune = mono_ms(o) >= o->prune_at;
    o->prune_ms = old_ms(o);
    o->busy = true;
    o->call = (struct store_call){.run = prune ? prune_run : look_run,
                                  .done = prune ? prune_done : look_done,
                                  .home = o->config.mailbox};
    if (prune)
        store_submit(o->config.store, &o->call);
    else
        store_read(o->config.store, &o->call);
}

enum err outbox_init(struct outbox *o, uv_loop_t *loop, const struct outbox_config *config)
{
    *o = (struct outbox){.config = *config};
    list_init(&o->batch);
    list_init(&o->unrecorded);
    if (uv_timer_init(loop, &o->timer))
        return err_origin(ERR_IO);
    o->timer.data = o;
    o->prune_at = mono_ms(o) + LOOK_MS;
    again(o, 0);
    return ERR_NONE;
}

void outbox_wake(struct outbox *o)
{
    if (!o->busy && !o->out)
        again(o, 0);
}

void outbox_stop(struct outbox *o)
{
    o->stopped = true;
    (void)uv_timer_stop(&o->timer);
    record_again(o); /* last chance; a result not stored now lets its mail be sent again at the next start */
    mailer_drain(o->config.mailer);
}

bool outbox_idle(const struct outbox *o)
{
    return !o->out && !o->busy;
}

void outbox_halt(struct outbox *o)
{
    o->halted = o->stopped = true;
    (void)uv_timer_stop(&o->timer);
    mailer_stop(o->config.mailer);
}

void outbox_close(struct outbox *o)
{
    o->stopped = true;
    uv_close((uv_handle_t *)&o->timer, NULL);
}
