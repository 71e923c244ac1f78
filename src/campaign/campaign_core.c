#include "campaign/campaign_core.h"

#include "base/mem.h"
#include "campaign/mail_sender.h"

struct campaign_job *campaigns_job(struct campaigns *c, int64_t id)
{
    return map_get(&c->jobs, campaigns_key(&id));
}

struct campaign_sender *campaigns_sender(struct campaigns *c, int64_t id)
{
    return map_get(&c->senders, campaigns_key(&id));
}

void campaigns_sender_free(struct campaigns *c, struct campaign_sender *s)
{
    if (!list_empty(&s->jobs) || s->granting || s->refs || s->requests)
        return;
    (void)map_remove(&c->senders, campaigns_key(&s->id));
    mail_sender_close(s);
    carrier_free(s->carrier);
    mem_free(s);
}

void campaigns_drop(struct campaigns *c, struct campaign_job *j)
{
    if (--j->refs)
        return;
    list_remove(&j->link);
    campaigns_sender_free(c, j->sender);
    content_unref(j->content);
    variables_free(j->variables);
    condition_free(j->stop_when);
    job_audience_drop(&j->audience);
    buf_deinit(&j->rendered);
    mem_free(j);
}

void campaigns_end(struct campaigns *c, struct campaign_job *j)
{
    if (j->gone)
        return;
    j->gone = true;
    (void)map_remove(&c->jobs, campaigns_key(&j->id));
    courier_forget(c->config.courier, COURIER_JOB, j->id);
    struct campaign_sender *s = j->sender;
    s->refs++;
    campaigns_drop(c, j);
    s->refs--;
    campaigns_apply(c, s); /* its share of the pace goes to the others */
    campaigns_sender_free(c, s);
}

/* Whether the job sends now: one that is paused, or has not begun, leaves its share to the others. */
static bool takes_share(const struct campaign_job *j)
{
    return j->lane && j->state == JOB_RUNNING;
}

/*
 * Shares the sender's pace among its running jobs: none gets more than its own limit, what one leaves
 * others get.
 */
static void share_pace(struct campaigns *c, struct campaign_sender *s)
{
    double left = s->per_second;
    size_t count = 0;
    for (struct list *i = s->jobs.next; i != &s->jobs; i = i->next)
        count += takes_share(list_entry(i, struct campaign_job, link));
    bool changed = true;
    for (struct list *i = s->jobs.next; i != &s->jobs; i = i->next)
        list_entry(i, struct campaign_job, link)->share = 0;
    while (s->per_second > 0 && changed && count) {
        changed = false;
        for (struct list *i = s->jobs.next; i != &s->jobs; i = i->next) {
            struct campaign_job *j = list_entry(i, struct campaign_job, link);
            if (!takes_share(j) || j->share > 0 || !(j->per_second > 0) ||
                j->per_second > left / (double)count)
                continue;
            j->share = j->per_second;
            left -= j->share;
            count--;
            changed = true;
        }
    }
    for (struct list *i = s->jobs.next; i != &s->jobs; i = i->next) {
        struct campaign_job *j = list_entry(i, struct campaign_job, link);
        if (!takes_share(j))
            continue;
        double rate = s->per_second > 0 ? (j->share > 0 ? j->share : left / (double)count) : j->per_second;
        courier_rate(c->config.courier, j->lane, rate);
    }
}

static uint32_t batch_max(const struct campaign_job *j)
{
    uint32_t max = j->sender->carrier ? carrier_batch(j->sender->carrier, j->same) : 1;
    return max > 1 ? max : 32; /* more would only claim more at once */
}

void campaigns_apply(struct campaigns *c, struct campaign_sender *s)
{
    for (struct list *i = s->jobs.next; i != &s->jobs; i = i->next) {
        struct campaign_job *j = list_entry(i, struct campaign_job, link);
        if (!j->lane)
            continue;
        courier_set(c->config.courier, j->lane, batch_max(j),
                    j->state != JOB_RUNNING || s->paused || c->stopping);
        courier_hold(c->config.courier, j->lane, s->held_until_us);
    }
    share_pace(c, s);
}
