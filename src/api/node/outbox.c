/* /api/v1/outbox: the mails that wait, failed, or were sent or written within the last day. */
#include <stdio.h>

#include "api/call.h"
#include "api/page.h"

struct outbox_page {
    struct page page;
    unsigned states;
};

static enum err list_row(void *arg, const struct mail *m)
{
    struct page *p = arg;
    struct json_write *w = &p->w;
    if (!page_row(p, m->id))
        return ERR_NONE;
    json_write_object(w);
    json_write_key(w, "mailId");
    call_write_id(w, m->id);
    json_write_key(w, "channelId");
    if (m->channel_id)
        call_write_id(w, m->channel_id);
    else
        json_write_null(w);
    json_write_key(w, "to");
    json_write_span(w, m->recipient);
    json_write_key(w, "subject");
    json_write_span(w, m->subject);
    json_write_key(w, "state");
    json_write_str(w, mail_state_text(m->state));
    json_write_key(w, "tries");
    json_write_uint(w, m->tries);
    json_write_key(w, m->state == MAIL_WAITING ? "nextAt" : "endedAt");
    call_write_time(w, m->next_ms);
    json_write_key(w, "lastError");
    if (m->last_error.len)
        json_write_span(w, m->last_error);
    else
        json_write_null(w);
    json_write_key(w, "createdAt");
    call_write_time(w, m->created_ms);
    json_write_end(w);
    return ERR_NONE;
}

static enum err list_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct outbox_page *l = c->state;
    page_begin(&l->page, call_out(c));
    return page_end(&l->page, b->ops->mails->mail_list(b, l->states, l->page.from, page_ask(&l->page),
                                                       list_row, &l->page));
}

void api_outbox_list(struct call *c)
{
    static const struct page_kind kind = {.member = "mails", .filters = {"state"}, .start = INT64_MAX};
    struct outbox_page *l = call_state(c, sizeof(*l));
    if (!l || !page_read(c, &l->page, &kind))
        return;
    struct span state = query_text(c, "state");
    for (int i = 0; i < MAIL_STATES; i++)
        if (!state.ptr || span_eq(state, span_of(mail_state_text((enum mail_state)i))))
            l->states |= 1u << i;
    if (!l->states) {
        call_invalid(c, "state", "must be waiting, sent, written or failed");
        return;
    }
    c->state = l;
    c->status = 200;
    call_read(c, list_run, call_done);
}

static enum err retry_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    int64_t id = call_channel_id(c->params[0]);
    char target[32];
    (void)snprintf(target, sizeof(target), "mail/%lld", (long long)id);
    enum err e = b->ops->mails->mail_retry(b, id, call_now(c));
    return e ? e : call_audit(c, b, "mail.retry", target, 0, SPAN_LIT(""));
}

static void retry_done(struct store_call *call)
{
    struct call *c = call_of(call);
    if (call->err == ERR_NOT_FOUND)
        call_refuse(c, 404, "No such mail");
    else if (call->err == ERR_CONFLICT)
        call_refuse(c, 409, "This mail has not failed");
    else if (call->err)
        call_failed(c, call->err);
    else
        call_answer(c, 204, "application/json; charset=utf-8", SPAN_LIT(""));
}

void api_outbox_retry(struct call *c)
{
    call_write(c, retry_run, NULL, retry_done);
}
