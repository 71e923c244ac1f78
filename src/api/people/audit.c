/* /api/v1/audit and /api/v1/channels/{id}/audit: who changed what, when and from where, newest first. */
#include "api/call.h"

#define PAGE_DEFAULT 100u
#define PAGE_MAX 500u

struct audit_page {
    int64_t channel_id, before, last;
    uint32_t limit, count;
    struct json_write w;
};

static enum err show(void *arg, const struct audit_entry *e)
{
    struct audit_page *p = arg;
    if (++p->count > p->limit)
        return ERR_NONE; /* there is one more */
    p->last = e->id;
    struct json_write *w = &p->w;
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
    p->count = 0;
    json_write_init(&p->w, call_out(c));
    json_write_object(&p->w);
    json_write_key(&p->w, "entries");
    json_write_array(&p->w);
    enum err e = b->ops->audit_list(b, p->channel_id, p->before, p->limit + 1, show, p);
    json_write_end(&p->w);
    if (p->count > p->limit) {
        json_write_key(&p->w, "cursor");
        call_write_id(&p->w, p->last);
    }
    json_write_end(&p->w);
    enum err written = json_write_finish(&p->w);
    return e ? e : written;
}

static void list(struct call *c, int64_t channel_id)
{
    static const char *const known[] = {"cursor", "limit", NULL};
    struct audit_page *p = query_known(c, known) ? call_state(c, sizeof(*p)) : NULL;
    if (!p)
        return;
    struct span cursor = query_text(c, "cursor");
    p->before = cursor.ptr ? call_channel_id(cursor) : INT64_MAX;
    p->channel_id = channel_id;
    if (!p->before) {
        call_invalid(c, "cursor", "is not one of ours");
        return;
    }
    if (!query_limit(c, PAGE_DEFAULT, PAGE_MAX, &p->limit))
        return;
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
