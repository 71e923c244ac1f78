/*
 * /api/v1/providers/{id}/roles and /api/v1/channels/{id}/roles: who may do what. Giving a role to an address that has no account makes one
 * and answers the invitation by which its owner sets a password: once, to the one who made it.
 */
#include <stdio.h>

#include "access/account.h"
#include "api/account_json.h"

#define ROLES_MAX 500u /* of one provider or channel */

struct role_state {
    enum grant_scope scope;
    int64_t id; /* of the provider or channel */
    int64_t account_id;
    enum grant grant;
    char email[ACCOUNT_EMAIL_MAX + 1];
    struct json_write w;
};

static void begin_row(struct json_write *w, int64_t account_id, struct span email)
{
    json_write_object(w);
    json_write_key(w, "accountId");
    call_write_id(w, account_id);
    json_write_key(w, "email");
    json_write_span(w, email);
}

static enum err show_row(void *arg, const struct grant_row *g)
{
    struct json_write *w = arg;
    begin_row(w, g->account_id, g->email);
    json_write_key(w, "name");
    json_write_span(w, g->name);
    json_write_key(w, "role");
    json_write_str(w, account_grant_text(g->grant));
    json_write_key(w, "inherited");
    json_write_bool(w, g->inherited);
    json_write_end(w);
    return ERR_NONE;
}

/* An operator may ask for any id. */
static enum err exists(struct call *c, struct backend *b, const struct role_state *r)
{
    struct provider p;
    struct channel channel;
    enum err e = r->scope == GRANT_SCOPE_PROVIDER ? b->ops->provider_get(b, r->id, &p)
                                                  : b->ops->channel_get(b, r->id, &channel);
    if (e == ERR_NOT_FOUND)
        return call_stop(c, e, r->scope == GRANT_SCOPE_PROVIDER ? "No such provider" : "No such channel");
    return e;
}

static enum err list_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct role_state *r = c->state;
    json_write_init(&r->w, call_out(c));
    json_write_object(&r->w);
    json_write_key(&r->w, "roles");
    json_write_array(&r->w);
    enum err e = exists(c, b, r);
    if (!e)
        e = b->ops->grant_list(b, r->scope, r->id, 2 * ROLES_MAX, show_row, &r->w);
    json_write_end(&r->w);
    json_write_end(&r->w);
    enum err written = json_write_finish(&r->w);
    return e ? e : written;
}

static enum err audit_role(struct call *c, struct backend *b, const char *action, const struct role_state *r,
                           const char *email)
{
    struct buf details;
    struct json_write w;
    char target[32];
    bool provider = r->scope == GRANT_SCOPE_PROVIDER;
    (void)snprintf(target, sizeof(target), "%s/%lld", provider ? "provider" : "channel", (long long)r->id);
    buf_init(&details, 4096);
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "accountId");
    call_write_id(&w, r->account_id);
    json_write_key(&w, "email");
    json_write_str(&w, email);
    if (r->grant != GRANT_NONE) {
        json_write_key(&w, "role");
        json_write_str(&w, account_grant_text(r->grant));
    }
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (!e)
        e = call_audit(c, b, action, target, provider ? 0 : r->id, buf_span(&details));
    buf_deinit(&details);
    return e;
}

/* A provider keeps an Admin: whoever is the only one stays one. */
static enum err keep_admin(struct call *c, struct backend *b, const struct role_state *r)
{
    enum grant has = GRANT_NONE;
    uint64_t others = 1;
    if (r->scope != GRANT_SCOPE_PROVIDER || r->grant == GRANT_ADMIN)
        return ERR_NONE;
    enum err e = b->ops->grant_on_provider(b, r->account_id, r->id, &has);
    if (!e && has == GRANT_ADMIN)
        e = b->ops->provider_admins(b, r->id, r->account_id, &others);
    return !e && !others
               ? call_stop(c, ERR_CONFLICT, "The last Admin of a provider stays: make another one first")
               : e;
}

static enum err count_row(void *arg, const struct grant_row *g)
{
    (void)g;
    ++*(uint32_t *)arg;
    return ERR_NONE;
}

/* The account of that address, made if there is none: then ticket is its invitation, else "". */
static enum err find_or_invite(struct call *c, struct backend *b, const char *email, struct account *a,
                               char ticket[static TICKET_LEN + 1])
{
    ticket[0] = '\0';
    enum err e = b->ops->account_by_email(b, span_of(email), a);
    if (e != ERR_NOT_FOUND)
        return e;
    *a = (struct account){.language = "en", .created_ms = call_now(c)};
    if (c->account) /* theirs as a guess */
        memcpy(a->language, c->account->language, sizeof(a->language));
    (void)snprintf(a->email, sizeof(a->email), "%s", email);
    e = b->ops->account_insert(b, a);
    if (!e)
        e = account_json_audit(c, b, "account.create", a);
    return e ? e : account_json_invite(c, b, a, ticket);
}

static enum err put_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct role_state *r = c->state;
    struct account a;
    char ticket[TICKET_LEN + 1];
    uint32_t count = 0;
    enum err e = exists(c, b, r);
    if (!e)
        e = b->ops->grant_list(b, r->scope, r->id, ROLES_MAX, count_row, &count);
    if (!e && count >= ROLES_MAX)
        return call_stop(c, ERR_CONFLICT, "There are 500 roles here already");
    if (!e)
        e = find_or_invite(c, b, r->email, &a, ticket);
    if (e)
        return e;
    r->account_id = a.id;
    if ((e = keep_admin(c, b, r)) || (e = b->ops->grant_put(b, a.id, r->scope, r->id, r->grant)) ||
        (e = audit_role(c, b, "role.set", r, a.email)))
        return e;
    struct json_write *w = &r->w;
    json_write_init(w, call_out(c));
    begin_row(w, a.id, span_of(a.email));
    json_write_key(w, "role");
    json_write_str(w, account_grant_text(r->grant));
    if (ticket[0]) {
        json_write_key(w, "invitationToken");
        json_write_str(w, ticket);
    }
    json_write_end(w);
    return json_write_finish(w);
}

static enum err delete_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    const struct role_state *r = c->state;
    struct account a = {0};
    enum err e = exists(c, b, r);
    if (!e)
        e = keep_admin(c, b, r);
    if (!e)
        e = b->ops->account_get(b, r->account_id, &a);
    if (!e)
        e = b->ops->grant_put(b, r->account_id, r->scope, r->id, GRANT_NONE);
    if (e == ERR_NOT_FOUND && !c->why)
        return call_stop(c, e, "This account has no role here");
    return e ? e : audit_role(c, b, "role.delete", r, a.email);
}

static struct role_state *role_state(struct call *c, enum grant_scope scope)
{
    struct role_state *r = call_state(c, sizeof(*r));
    if (!r)
        return NULL;
    r->scope = scope;
    r->id = call_channel_id(c->params[0]);
    c->state = r;
    c->status = 200;
    return r;
}

static void list(struct call *c, enum grant_scope scope)
{
    if (role_state(c, scope))
        call_read(c, list_run, call_done);
}

static void put(struct call *c, enum grant_scope scope)
{
    const char *email = NULL, *role = NULL;
    const struct session_member members[] = {{"email", true, &email}, {"role", true, &role}};
    struct role_state *r = session_members(c, members, 2) ? role_state(c, scope) : NULL;
    if (!r || !session_read_email(c, email, r->email))
        return;
    r->grant = account_grant_of(role);
    if (r->grant == GRANT_NONE || (r->grant == GRANT_TESTER && scope == GRANT_SCOPE_PROVIDER)) {
        call_invalid(c, "role",
                     scope == GRANT_SCOPE_PROVIDER ? "must be admin or member"
                                                   : "must be admin, member or tester");
        return;
    }
    call_write(c, put_run, NULL, call_done);
}

static void take_away(struct call *c, enum grant_scope scope)
{
    struct role_state *r = role_state(c, scope);
    if (!r)
        return;
    r->account_id = call_channel_id(c->params[1]);
    c->status = 204;
    call_write(c, delete_run, NULL, call_done);
}

void api_provider_roles(struct call *c)
{
    list(c, GRANT_SCOPE_PROVIDER);
}

void api_provider_role_put(struct call *c)
{
    put(c, GRANT_SCOPE_PROVIDER);
}

void api_provider_role_delete(struct call *c)
{
    take_away(c, GRANT_SCOPE_PROVIDER);
}

void api_channel_roles(struct call *c)
{
    list(c, GRANT_SCOPE_CHANNEL);
}

void api_channel_role_put(struct call *c)
{
    put(c, GRANT_SCOPE_CHANNEL);
}

void api_channel_role_delete(struct call *c)
{
    take_away(c, GRANT_SCOPE_CHANNEL);
}
