#include "campaign/ledger.h"

#include <stdio.h>

#include "campaign/message_text.h"

static enum err take_job(void *arg, const struct job *j)
{
    struct ledger *l = arg;
    l->job = *j;
    /* Texts that no batch changes are not kept: job_update() does not write them. */
    l->job.campaign_name = l->job.short_id = l->job.repeat = SPAN_LIT("");
    ledger_state(l, j->state, j->reason, j->reason_text);
    return ERR_NONE;
}

enum err ledger_open(struct ledger *l, struct backend *b, int64_t job_id, int64_t now_ms)
{
    l->b = b;
    l->now_ms = now_ms;
    l->sum_count = 0;
    return b->ops->jobs->job_peek(b, job_id, take_job, l);
}

void ledger_state(struct ledger *l, enum job_state state, struct span reason, struct span text)
{
    (void)snprintf(l->reason, sizeof(l->reason), "%.*s", (int)reason.len, reason.ptr);
    (void)snprintf(l->reason_text, sizeof(l->reason_text), "%.*s", (int)text.len, text.ptr);
    l->job.state = state;
    l->job.reason = span_of(l->reason);
    l->job.reason_text = span_of(l->reason_text);
}

static enum err write_sum(struct ledger *l, size_t i)
{
    const struct job_count c = {
        .state = l->sums[i].state,
        .error = l->sums[i].failed ? span_of(delivery_error_of(l->sums[i].error)->id) : SPAN_LIT(""),
        .text = {l->sums[i].text, l->sums[i].len},
        .judged = {l->sums[i].judged, l->sums[i].judged_len},
        .count = l->sums[i].count,
    };
    return c.count ? l->b->ops->jobs->count_add(l->b, l->job.id, &c) : ERR_NONE;
}

/* judged: of f, empty without one. */
static enum err add(struct ledger *l, enum message_state state, const struct fate_of_message *f,
                    struct span judged, int64_t count)
{
    char shape[MESSAGE_TEXT_MAX];
    struct span text = f && f->failed ? message_shape(f->error, f->detail, shape) : SPAN_LIT("");
    if (text.len > sizeof(l->sums[0].text))
        text = span_of(delivery_error_of(f->error)->text);
    size_t i = 0;
    for (; i < l->sum_count; i++)
        if (l->sums[i].state == state && l->sums[i].failed == (f && f->failed) &&
            (!l->sums[i].failed || l->sums[i].error == f->error) &&
            span_eq((struct span){l->sums[i].text, l->sums[i].len}, text) &&
            span_eq((struct span){l->sums[i].judged, l->sums[i].judged_len}, judged)) {
            l->sums[i].count += count;
            return ERR_NONE;
        }
    if (i == LEDGER_SUMS) {
        enum err e = write_sum(l, --i);
        if (e)
            return e;
        l->sum_count--;
    }
    l->sums[i].state = state;
    l->sums[i].failed = f && f->failed;
    l->sums[i].error = f ? f->error : DELIVERY_ERROR_unclassified;
    l->sums[i].count = count;
    l->sums[i].len = text.len;
    l->sums[i].judged_len = judged.len;
    memcpy(l->sums[i].text, text.ptr, text.len);
    memcpy(l->sums[i].judged, judged.ptr, judged.len);
    l->sum_count++;
    return ERR_NONE;
}

static struct span judged(const struct fate_of_message *f, char out[static LEDGER_JUDGED_MAX])
{
    if (!f->failed)
        return SPAN_LIT("");
    const struct delivery_error *row = delivery_error_of(f->error);
    const enum receipt_retry retry = f->is == MESSAGE_UNKNOWN ? RECEIPT_RETRY_SENT_UNKNOWN : row->retry;
    const struct message_judgement *j = f->judged;
    int n = snprintf(out, LEDGER_JUDGED_MAX, "%s %s %s %s", j ? receipt_class_text(j->class) : "-",
                     receipt_retry_text(j ? j->retry : retry),
                     receipt_effect_text(j ? j->effect : RECEIPT_NO_EFFECT),
                     receipt_whom_text(j ? j->whom : row->whom));
    return (struct span){out, n > 0 && (unsigned)n < LEDGER_JUDGED_MAX ? (size_t)n : 0};
}

enum err ledger_put(struct ledger *l, const struct fate_of_message *f)
{
    char text[LEDGER_JUDGED_MAX];
    const struct message m = {
        .job_id = l->job.id,
        .n = f->n,
        .user_id = f->user_id,
        .target = f->target,
        .state = f->is,
        .error = f->failed ? span_of(delivery_error_of(f->error)->id) : SPAN_LIT(""),
        .detail = f->detail.ptr ? f->detail : SPAN_LIT(""),
        .judged = judged(f, text),
        .processed = span_of(f->processed ? f->processed : ""),
        .tries = f->tries,
        .due_ms = f->due_ms,
        .service_id = f->service_id.ptr ? f->service_id : SPAN_LIT(""),
        .at_ms = l->now_ms,
    };
    enum err e = l->b->ops->jobs->message_update(l->b, &m);
    if (!e && f->was == MESSAGE_RETRYING)
        e = add(l, MESSAGE_RETRYING, NULL, SPAN_LIT(""), -1);
    if (!e && f->is == MESSAGE_RETRYING)
        e = add(l, MESSAGE_RETRYING, NULL, SPAN_LIT(""), 1);
    if (!e && message_is_ended(f->is))
        e = add(l, f->is, f, m.judged, 1);
    l->job.ended += message_is_ended(f->is);
    return e;
}

enum err ledger_move(struct ledger *l, const struct message *old, const struct fate_of_message *f)
{
    struct fate_of_message was = {.is = old->state, .detail = old->detail};
    was.failed = old->error.len && !delivery_error_find(old->error, &was.error);
    enum err e = add(l, old->state, &was, old->judged, -1);
    if (e)
        return e;
    e = ledger_put(l, f);
    l->job.ended--; /* it had ended before */
    return e;
}

enum err ledger_take(struct ledger *l, const struct message *m)
{
    struct message taken = *m;
    taken.state = MESSAGE_SENDING;
    enum err e = l->b->ops->jobs->message_update(l->b, &taken);
    return e ? e : add(l, MESSAGE_RETRYING, NULL, SPAN_LIT(""), -1);
}

enum err ledger_close(struct ledger *l)
{
    for (size_t i = 0; i < l->sum_count; i++) {
        enum err e = write_sum(l, i);
        if (e)
            return e;
    }
    struct job *j = &l->job;
    if (job_is_open(j->state) && j->state != JOB_SCHEDULED && j->gathered && j->ended >= j->total) {
        ledger_state(l, JOB_COMPLETED, SPAN_LIT(""), SPAN_LIT(""));
        j->ended_ms = l->now_ms;
    }
    return l->b->ops->jobs->job_update(l->b, j);
}

bool ledger_may_go_again(const struct message *m)
{
    const char *blank = memchr(m->judged.ptr, ' ', m->judged.len);
    if (!blank)
        return false;
    struct span rest = {blank + 1, m->judged.len - (size_t)(blank + 1 - m->judged.ptr)};
    return span_starts(rest, SPAN_LIT("yes ")) || span_starts(rest, SPAN_LIT("later "));
}
