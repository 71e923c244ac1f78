#include "campaign/batch_parts.h"

#include <stdio.h>

#include "base/log.h"
#include "campaign/message_text.h"
#include "campaign/verdict.h"

static struct span keep(struct batch *b, struct span text)
{
    const char *p = text.len ? arena_dup(&b->claim.arena, text) : NULL;
    return p ? (struct span){p, text.len} : SPAN_LIT("");
}

void batch_end(struct batch *b, uint32_t i, enum message_state is, const enum delivery_error_id *error,
               struct span detail, const char *processed)
{
    struct sending *s = &b->sendings[i];
    s->ready = false;
    s->ended = true;
    s->fate.is = is;
    s->fate.failed = error != NULL;
    s->fate.error = error ? *error : DELIVERY_ERROR_unclassified;
    s->fate.detail = keep(b, detail);
    s->fate.processed = processed;
}

void batch_fail(struct batch *b, uint32_t i, enum delivery_error_id error, const char *detail)
{
    batch_end(b, i, MESSAGE_FAILED, &error, span_of(detail), "no");
}

/* A fault of this node: the message is tried again, and the error is shown if it stays. */
void batch_fail_here(struct batch *b, uint32_t i, const char *between)
{
    const enum delivery_error_id error = DELIVERY_ERROR_internal_closed;
    bool again = b->messages[i].tries + 1u < VERDICT_TRIES_MAX;
    batch_end(b, i, again ? MESSAGE_RETRYING : MESSAGE_FAILED, &error, span_of(between), "no");
    b->sendings[i].wait_s = 2;
    b->sendings[i].fate.tries = (uint16_t)(b->messages[i].tries + 1);
}

void batch_made(struct batch *b, uint32_t i, const struct made *m)
{
    if (m->state == MADE_SKIPPED)
        batch_end(b, i, MESSAGE_SKIPPED, NULL, SPAN_LIT(""), "no");
    else if (m->state == MADE_BROKEN)
        batch_fail_here(b, i, m->detail);
    else
        batch_fail(b, i, m->error, m->detail);
}

static void log_message(const struct batch *b, uint32_t i, const struct receipt *r)
{
    const struct sending *s = &b->sendings[i];
    char shape[MESSAGE_TEXT_MAX];
    log_warn("campaign", "message not delivered", log_int("job", b->job->id),
             log_int("message", b->messages[i].n), log_str("campaign", b->job->short_id),
             log_int("sender", b->job->sender->id), log_str("error", delivery_error_of(r->error)->id),
             log_str("kind", delivery_error_of(r->error)->kind_en),
             log_str("class", receipt_class_text(r->class)), log_str("retry", receipt_retry_text(r->retry)),
             log_str("effect", receipt_effect_text(r->effect)), log_str("processed", s->fate.processed),
             log_uint("tries", s->fate.tries),
             log_span("text", message_shape(r->error, s->fate.detail, shape)));
}

static enum receipt_effect effect_here(const struct message_verdict *v)
{
    if (v->pause)
        return RECEIPT_PAUSE_JOB;
    return v->drop ? RECEIPT_DROP_TOKEN : v->withdraw ? RECEIPT_UNSUBSCRIBE : RECEIPT_NO_EFFECT;
}

void batch_take(struct batch *b, uint32_t i, const struct carrier_result *x)
{
    struct sending *s = &b->sendings[i];
    const struct receipt *r = &x->receipt;
    const uint16_t tries = (uint16_t)(b->messages[i].tries + 1);
    const struct message_verdict v = verdict_of(r, tries, b->job->sender->permanent);
    batch_end(b, i, v.is, r->failed ? &r->error : NULL, (struct span){r->text, r->failed ? r->text_len : 0},
              v.processed);
    s->fate.tries = tries;
    s->wait_s = v.wait_s;
    s->withdraw = v.withdraw;
    s->drop = v.drop;
    /* Nothing was wrong with a message that the account's fault kept back: it may go once that is mended. */
    const bool later = v.pause && v.is == MESSAGE_FAILED && r->retry == RECEIPT_RETRY_NO;
    s->judged = (struct message_judgement){.class = r->class,
                                           .retry = later ? RECEIPT_RETRY_LATER : r->retry,
                                           .effect = effect_here(&v),
                                           .whom = r->scope};
    s->fate.judged = &s->judged;
    memcpy(s->service_id, x->service_id, sizeof(s->service_id));
    s->fate.service_id = span_of(s->service_id);
    if (v.hold_s > b->hold_s)
        b->hold_s = v.hold_s;
    if (v.pause && !b->pause) {
        b->pause = true;
        b->pause_error = r->error;
        (void)snprintf(b->pause_text, sizeof(b->pause_text), "%.*s", (int)r->text_len, r->text);
    }
    if (r->failed)
        log_message(b, i, r);
}
