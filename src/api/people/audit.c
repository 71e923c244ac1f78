/* /api/v1/audit and /api/v1/channels/{id}/audit: who changed what, when and from where, newest first. */
#include "api/call.h"
#include "api/page.h"

struct audit_page {
    struct page page;
    int64_t channel_id;
};

static enum err show(void *arg, const struct audit_entry *e)
{
    struct page *p = arg;
    struct json_write *w = &p->w;
    if (!page_row(p, e->id))
        return ERR_NONE;
    json_write_object(w);
    json_write_key(w, "auditId");
    call_write_id(w, e->id);
    json_write_key(w, "at");
    call_write_time(w, e->at_ms);
    json_write_key(w, "account");
    if (e->account_id) {
        json_write_object(w);
        json_write_key(w, "accountId");
        call_write_id(w, e->account_id);
        json_write_key(w, "email");
        json_write_span(w, e->who);
        json_write_end(w);
    } else {
        json_write_span(w, e->who);
    }
    json_write_key(w, "peer");
    json_write_span(w, e->peer);
    json_write_key(w, "action");
    json_write_span(w, e->action);
    json_write_key(w, "target");
    json_write_span(w, e->target);
    json_write_key(w, "details");
    json_write_raw(w, e->details);
    json_write_end(w);
    return ERR_NONE;
}

static enum err list_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct audit_page *p = c->state;
    page_begin(&p->page, call_out(c));
    return page_end(&p->page, b->ops->audit->audit_list(b, p->channel_id, p->page.from, page_ask(&p->page),
                                                        show, &p->page));
}

static void list(struct call *c, int64_t channel_id)
{
    static const struct page_kind kind = {.member = "entries", .start = INT64_MAX};
    struct audit_page *p = call_state(c, sizeof(*p));
    if (!p || !page_read(c, &p->page, &kind))
        return;
    p->channel_id = channel_id;
    c->state = p;
    c->status = 200;
    call_read(c, list_run, call_done);
}

void api_audit_list(struct call *c)
{
    list(c, 0);
}

void api_channel_audit(struct call *c)
{
    struct channel_ref *ref = call_channel(c);
    if (!ref)
        return;
    int64_t id = ref->channel.id;
    channel_ref_drop(ref);
    list(c, id);
}
