#include "campaign/feedback.h"

#include <stdio.h>

#include "base/arena.h"
#include "campaign/verdict.h"

struct found {
    struct message row;
    struct arena arena;
};

static bool copy(struct arena *a, struct span *s)
{
    if (!s->ptr)
        return true;
    const char *p = arena_dup(a, *s);
    if (p)
        *s = (struct span){p, s->len};
    return p;
}

static enum err take_row(void *arg, const struct message *m)
{
    struct found *f = arg;
    f->row = *m;
    struct span *texts[] = {&f->row.name,   &f->row.target,    &f->row.error,     &f->row.detail,
                            &f->row.judged, &f->row.processed, &f->row.service_id};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!copy(&f->arena, texts[i]))
            return ERR_NOMEM;
    return ERR_NONE;
}

/* Where the message goes from its state; its state: nowhere. */
static enum message_state next_state(const struct receipt *r, enum message_state now)
{
    const bool open = now == MESSAGE_SENT || now == MESSAGE_UNKNOWN;
    if (r->failed)
        return open || now == MESSAGE_DELIVERED ? MESSAGE_FAILED : now;
    if (r->class == RECEIPT_ACCEPTED)
        return open ? MESSAGE_DELIVERED : now;
    return now == MESSAGE_UNKNOWN ? MESSAGE_SENT : now; /* pending: the service has it after all */
}

static enum err write_effect(const struct feedback *f, struct backend *b, const struct message *m,
                             const struct message_verdict *v)
{
    const struct target_effect t = {
        .user_id = m->user_id,
        .medium = f->medium,
        .value = m->target.ptr ? m->target : f->target,
        .withdraw = v->withdraw,
        .drop = v->drop,
        .error = f->receipt.error,
        .job_id = f->job_id,
        .message_n = f->n,
    };
    if ((!v->withdraw && !v->drop) || !t.user_id || !t.value.len)
        return ERR_NONE;
    enum err e = b->ops->audience->target_effect(b, f->provider_id, &t, f->now_ms);
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static enum err move(const struct feedback *f, struct ledger *l, const struct message *m,
                     enum message_state to)
{
    const struct receipt *r = &f->receipt;
    const struct message_verdict v = verdict_of(r, m->tries, f->permanent);
    const struct message_judgement judged = {
        .class = r->class,
        .retry = r->retry,
        .effect = v.drop       ? RECEIPT_DROP_TOKEN
                  : v.withdraw ? RECEIPT_UNSUBSCRIBE
                               : RECEIPT_NO_EFFECT,
        .whom = r->scope,
    };
    const struct fate_of_message fate = {
        .n = m->n,
        .user_id = m->user_id,
        .target = m->target,
        .was = m->state,
        .is = to,
        .failed = to == MESSAGE_FAILED,
        .error = r->error,
        .detail = to == MESSAGE_FAILED ? (struct span){r->text, r->text_len} : SPAN_LIT(""),
        .judged = &judged,
        .processed = "yes",
        .tries = m->tries,
        .service_id = m->service_id,
    };
    enum err e = ledger_move(l, m, &fate);
    if (!e && to == MESSAGE_FAILED)
        e = write_effect(f, l->b, m, &v);
    return e;
}

static enum err apply(const struct feedback *f, struct ledger *l, struct found *found, enum feedback_end *ret)
{
    struct backend *b = l->b;
    const bool theirs =
        l->job.provider_id == f->provider_id && (!f->sender_id || l->job.sender_id == f->sender_id);
    if (!theirs)
        return ERR_NONE;
    enum err e = b->ops->jobs->message_get(b, f->job_id, f->n, take_row, found);
    if (e)
        return e == ERR_NOT_FOUND ? ERR_NONE : e;
    const enum message_state to = next_state(&f->receipt, found->row.state);
    if (to == found->row.state) {
        *ret = FEEDBACK_KNOWN;
        return ERR_NONE;
    }
    e = move(f, l, &found->row, to);
    if (!e)
        e = ledger_close(l);
    *ret = FEEDBACK_TAKEN;
    return e;
}

enum err feedback_write(const struct feedback *f, struct backend *b, enum feedback_end *ret)
{
    struct ledger l;
    struct found found = {.row = {.n = 0}};
    *ret = FEEDBACK_STRANGE;
    enum err e = ledger_open(&l, b, f->job_id, f->now_ms);
    if (e)
        return e == ERR_NOT_FOUND ? ERR_NONE : e;
    arena_init(&found.arena, 4096, 65536);
    e = apply(f, &l, &found, ret);
    arena_deinit(&found.arena);
    return e;
}
