/* /api/v1/providers: the owners of channels. Whoever makes a provider becomes its Admin. */
#include <stdio.h>

#include "access/account.h"
#include "api/members.h"
#include "api/page.h"
#include "api/people/login_json.h"

struct provider_state {
    struct provider provider;
};

static void write_provider(struct json_write *w, const struct provider *p, enum grant g)
{
    json_write_object(w);
    json_write_key(w, "providerId");
    call_write_id(w, p->id);
    json_write_key(w, "name");
    json_write_str(w, p->name);
    json_write_key(w, "role");
    json_write_str(w, account_grant_text(g));
    json_write_key(w, "channels");
    json_write_uint(w, p->channels);
    json_write_key(w, "createdAt");
    call_write_time(w, p->created_ms);
    json_write_end(w);
}

static enum err show_listed(void *arg, const struct provider *p, enum grant g)
{
    struct page *page = arg;
    if (page_row(page, p->id))
        write_provider(&page->w, p, g);
    return ERR_NONE;
}

static enum err list_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct page *p = c->state;
    page_begin(p, call_out(c));
    return page_end(p, b->ops->roles->provider_list(b, call_sees(c), p->from, page_ask(p), show_listed, p));
}

void api_provider_list(struct call *c)
{
    static const struct page_kind kind = {.member = "providers"};
    struct page *p = call_state(c, sizeof(*p));
    if (!p || !page_read(c, p, &kind))
        return;
    c->state = p;
    c->status = 200;
    call_read(c, list_run, call_done);
}

/* Writes the provider as its caller sees it. */
static enum err answer(struct call *c, struct backend *b, int64_t id)
{
    struct provider p;
    enum err e = b->ops->roles->provider_get(b, id, &p);
    if (e)
        return e == ERR_NOT_FOUND ? call_stop(c, e, "No such provider") : e;
    struct json_write w;
    json_write_init(&w, call_out(c));
    write_provider(&w, &p, call_is_operator(c) ? GRANT_ADMIN : c->grant);
    return json_write_finish(&w);
}

static enum err audit_provider(struct call *c, struct backend *b, const char *action, int64_t id,
                               const char *name)
{
    struct buf details;
    struct json_write w;
    char target[32];
    (void)snprintf(target, sizeof(target), "provider/%lld", (long long)id);
    buf_init(&details, 16384);
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "name");
    json_write_str(&w, name);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (!e)
        e = call_audit(c, b, action, target, 0, buf_span(&details));
    buf_deinit(&details);
    return e;
}

static enum err create_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct provider_state *state = c->state;
    uint64_t made = 0;
    enum err e = call_is_operator(c) ? ERR_NONE : b->ops->roles->provider_made(b, c->account->id, &made);
    if (!e && !call_is_operator(c) && made >= c->api->config.access->providers_max)
        return call_stop(
            c, ERR_CONFLICT,
            "This account has made as many providers as it may (account-providers); ask an operator");
    state->provider.maker_id = c->account ? c->account->id : 0;
    if (!e)
        e = b->ops->roles->provider_insert(b, &state->provider);
    if (!e && c->account)
        e = b->ops->roles->grant_put(b, c->account->id, GRANT_SCOPE_PROVIDER, state->provider.id,
                                     GRANT_ADMIN);
    if (!e)
        e = audit_provider(c, b, "provider.create", state->provider.id, state->provider.name);
    c->grant = GRANT_ADMIN;
    return e ? e : answer(c, b, state->provider.id);
}

/* Makes the state with the name from the body; NULL: the call has been answered. */
static struct provider_state *read_name(struct call *c)
{
    const char *name = NULL;
    const struct member members[] = {{"name", true, &name}};
    struct provider_state *state = members_read(c, members, 1) ? call_state(c, sizeof(*state)) : NULL;
    if (!state || !login_read_name(c, name, state->provider.name))
        return NULL;
    c->state = state;
    return state;
}

void api_provider_create(struct call *c)
{
    if (!call_is_operator(c) && !login_may_make_providers(c, c->account)) {
        call_refuse(c, 403,
                    c->account->confirmed
                        ? "Only operators can make providers on this node (account-providers)"
                        : "Your mail address is not confirmed: ask an operator");
        return;
    }
    struct provider_state *state = read_name(c);
    if (!state)
        return;
    state->provider.created_ms = call_now(c);
    c->status = 201;
    call_write(c, create_run, NULL, call_done);
}

static enum err show_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    return answer(c, b, call_channel_id(c->params[0]));
}

void api_provider_show(struct call *c)
{
    c->status = 200;
    call_read(c, show_run, call_done);
}

static enum err change_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    const struct provider_state *state = c->state;
    int64_t id = call_channel_id(c->params[0]);
    struct provider before;
    enum err e = b->ops->roles->provider_get(b, id, &before);
    if (!e && strcmp(before.name, state->provider.name) == 0) /* nothing changes: do not write */
        return answer(c, b, id);
    if (!e)
        e = b->ops->roles->provider_rename(b, id, span_of(state->provider.name));
    if (!e)
        e = audit_provider(c, b, "provider.update", id, state->provider.name);
    return e && e != ERR_NOT_FOUND ? e : answer(c, b, id);
}

void api_provider_change(struct call *c)
{
    if (!read_name(c))
        return;
    c->status = 200;
    call_write(c, change_run, NULL, call_done);
}

static enum err delete_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    int64_t id = call_channel_id(c->params[0]);
    struct provider p;
    enum err e = b->ops->roles->provider_get(b, id, &p);
    if (e)
        return e == ERR_NOT_FOUND ? call_stop(c, e, "No such provider") : e;
    if (id == PROVIDER_DEFAULT)
        return call_stop(c, ERR_CONFLICT, "The provider Default cannot be deleted; it can be renamed");
    e = b->ops->roles->provider_delete(b, id);
    if (e)
        return e == ERR_CONFLICT ? call_stop(c, e, "This provider has channels; delete them first") : e;
    return audit_provider(c, b, "provider.delete", id, p.name);
}

void api_provider_delete(struct call *c)
{
    c->status = 204;
    call_write(c, delete_run, NULL, call_done);
}
