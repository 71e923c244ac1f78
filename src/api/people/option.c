/*
 * /api/v1/providers/{id}/options and /api/v1/options: the options that providers applied for, and the
 * decisions.
 */
#include <jansson.h>
#include <stdio.h>

#include "api/call.h"
#include "api/page.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "report/option.h"

struct option_change {
    int64_t provider_id;
    enum option_act act;
    const char *given; /* the note in the body; NULL: none */
    struct option option;
    char note[OPTION_NOTE_MAX + 1];
    bool conflict;
    struct approval *approval;
};

static enum err take(void *arg, const struct option *o)
{
    struct option_change *s = arg;
    size_t len = o->note.len < OPTION_NOTE_MAX ? o->note.len : OPTION_NOTE_MAX;
    s->option = *o;
    s->option.provider_name = SPAN_LIT("");
    memcpy(s->note, o->note.ptr, len);
    s->option.note = (struct span){s->note, len};
    return ERR_NONE;
}

static void write_time_or_null(struct json_write *w, const char *key, int64_t ms)
{
    json_write_key(w, key);
    if (ms)
        call_write_time(w, ms);
    else
        json_write_null(w);
}

static void write_members(struct json_write *w, const struct option *o)
{
    json_write_key(w, "state");
    json_write_str(w, option_state_text(o->state));
    json_write_key(w, "note");
    json_write_span(w, o->note);
    write_time_or_null(w, "appliedAt", o->applied_ms);
    write_time_or_null(w, "decidedAt", o->decided_ms);
}

static void answer(struct call *c, const struct option *o)
{
    struct buf out;
    buf_init(&out, 65536);
    struct json_write w;
    json_write_init(&w, &out);
    json_write_object(&w);
    json_write_key(&w, "errorNotification");
    json_write_object(&w);
    write_members(&w, o);
    json_write_end(&w);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (e) {
        buf_deinit(&out);
        call_failed(c, e);
        return;
    }
    call_json(c, 200, &out);
}

static enum err show_run(struct store_call *call, struct backend *b)
{
    struct option_change *s = call_of(call)->state;
    return b->ops->notices->option_get(b, s->provider_id, take, s);
}

static void show_done(struct store_call *call)
{
    struct call *c = call_of(call);
    const struct option_change *s = c->state;
    if (call->err)
        call_failed(c, call->err);
    else
        answer(c, &s->option);
}

static struct option_change *begin(struct call *c)
{
    struct option_change *s = call_state(c, sizeof(*s));
    if (s) {
        s->provider_id = call_channel_id(c->params[0]);
        c->state = s;
    }
    return s;
}

void api_option_show(struct call *c)
{
    if (begin(c))
        call_read(c, show_run, show_done);
}

static enum err audit(struct call *c, struct backend *b, const struct option *o)
{
    static const char *const actions[] = {[OPTION_APPLY] = "option.apply",
                                          [OPTION_APPROVE] = "option.approve",
                                          [OPTION_REFUSE] = "option.refuse",
                                          [OPTION_WITHDRAW] = "option.withdraw"};
    const struct option_change *s = c->state;
    char target[40];
    (void)snprintf(target, sizeof(target), "provider/%lld", (long long)s->provider_id);
    struct buf details;
    buf_init(&details, 16384);
    struct json_write w;
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "option");
    json_write_str(&w, "errorNotification");
    json_write_key(&w, "note");
    json_write_span(&w, o->note);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (!e)
        e = call_audit(c, b, actions[s->act], target, 0, buf_span(&details));
    buf_deinit(&details);
    return e;
}

static enum err change_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct option_change *s = c->state;
    mem_free(s->approval); /* the transaction may run a second time */
    s->approval = NULL;
    enum err e = b->ops->notices->option_get(b, s->provider_id, take, s);
    if (e)
        return e;
    e = option_change(&s->option, s->act, call_now(c));
    s->conflict = e == ERR_CONFLICT;
    s->option.note = s->given ? span_of(s->given) : SPAN_LIT("");
    if (!e)
        e = approvals_prepare(s->provider_id, s->option.state, &s->approval);
    if (!e)
        e = b->ops->notices->option_put(b, &s->option);
    return e ? e : audit(c, b, &s->option);
}

static void change_committed(struct store_call *call)
{
    struct call *c = call_of(call);
    struct option_change *s = c->state;
    approvals_put(c->api->config.approvals, s->provider_id, s->approval);
    s->approval = NULL;
}

static void change_done(struct store_call *call)
{
    struct call *c = call_of(call);
    struct option_change *s = c->state;
    mem_free(s->approval);
    s->approval = NULL;
    if (s->conflict)
        call_refuse(c, 409, option_conflict_text(s->option.state, s->act));
    else if (call->err)
        call_failed(c, call->err);
    else
        answer(c, &s->option);
}

/* Reads a short text or null. Of the control characters it may have line breaks and tabs only. */
static bool read_note(struct call *c, struct option_change *s, const json_t *v)
{
    const char *text = json_string_value(v);
    size_t len = json_string_length(v);
    uint32_t cp;
    if (json_is_null(v))
        return true;
    bool sound = text && len <= OPTION_NOTE_MAX;
    for (size_t i = 0, n; sound && i < len; i += n) {
        n = utf8_next(text + i, len - i, &cp);
        sound = n && (!utf8_is_control(cp) || cp == '\n' || cp == '\t');
    }
    if (!sound) {
        call_invalid(c, "note", "must be a text of at most 1000 bytes without control characters");
        return false;
    }
    char *given = arena_dup(&c->arena, (struct span){text, len});
    if (!given) {
        call_failed(c, ERR_NOMEM);
        return false;
    }
    s->given = given;
    return true;
}

static bool read_state(struct call *c, struct option_change *s, const json_t *v)
{
    const char *text = json_string_value(v);
    bool approve = text && strcmp(text, "approved") == 0;
    if (!approve && (!text || strcmp(text, "refused") != 0)) {
        call_invalid(c, "state", "must be approved or refused");
        return false;
    }
    s->act = approve ? OPTION_APPROVE : OPTION_REFUSE;
    return true;
}

/* Reads {"note"?} to apply, or {"state","note"?} to decide. */
static bool read_body(struct call *c, struct option_change *s, bool decides)
{
    json_t *object = call_object(c), *v;
    if (!object)
        return false;
    const char *key;
    bool ok = true, decided = false;
    json_object_foreach(object, key, v)
    {
        if (strcmp(key, "note") == 0) {
            ok = read_note(c, s, v);
        } else if (decides && strcmp(key, "state") == 0) {
            ok = read_state(c, s, v);
            decided = true;
        } else {
            char name[120];
            (void)snprintf(name, sizeof(name), "%.100s", key);
            call_invalid(c, name, "unknown member");
            ok = false;
        }
        if (!ok)
            break;
    }
    json_decref(object);
    if (ok && decides && !decided) {
        call_invalid(c, "state", "is required");
        return false;
    }
    return ok;
}

void api_option_apply(struct call *c)
{
    struct option_change *s = begin(c);
    if (!s || (server_body(c->req).len && !read_body(c, s, false)))
        return;
    s->act = OPTION_APPLY;
    call_write(c, change_run, change_committed, change_done);
}

void api_option_decide(struct call *c)
{
    struct option_change *s = begin(c);
    if (s && read_body(c, s, true))
        call_write(c, change_run, change_committed, change_done);
}

void api_option_withdraw(struct call *c)
{
    struct option_change *s = begin(c);
    if (!s)
        return;
    s->act = OPTION_WITHDRAW;
    call_write(c, change_run, change_committed, change_done);
}

struct option_page {
    struct page page;
    unsigned states;
};

static enum err list_row(void *arg, const struct option *o)
{
    struct page *p = arg;
    struct json_write *w = &p->w;
    if (!page_row(p, o->provider_id))
        return ERR_NONE;
    json_write_object(w);
    json_write_key(w, "providerId");
    call_write_id(w, o->provider_id);
    json_write_key(w, "providerName");
    json_write_span(w, o->provider_name);
    json_write_key(w, "option");
    json_write_str(w, "errorNotification");
    write_members(w, o);
    json_write_end(w);
    return ERR_NONE;
}

static enum err list_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct option_page *l = c->state;
    page_begin(&l->page, call_out(c));
    return page_end(&l->page, b->ops->notices->option_list(b, l->states, l->page.from, page_ask(&l->page),
                                                           list_row, &l->page));
}

void api_option_list(struct call *c)
{
    static const struct page_kind kind = {.member = "options", .filters = {"state"}};
    struct option_page *l = call_state(c, sizeof(*l));
    if (!l || !page_read(c, &l->page, &kind))
        return;
    struct span state = query_text(c, "state");
    for (int i = OPTION_NONE + 1; i < OPTION_STATES; i++)
        if (!state.ptr || span_eq(state, span_of(option_state_text((enum option_state)i))))
            l->states |= 1u << i;
    if (!l->states) {
        call_invalid(c, "state", "must be applied, approved, refused or withdrawn");
        return;
    }
    c->state = l;
    c->status = 200;
    call_read(c, list_run, call_done);
}
