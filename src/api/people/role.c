/*
 * /api/v1/providers/{id}/roles and /api/v1/channels/{id}/roles: who may do what. A role is given to a mail
 * address. Giving a role reveals nothing: neither whether the address has an account nor whose it is.
 * Answers, lists and limits are the same in all cases; the account is made, invited or told in the
 * background. The list shows whose role it is only after somebody has used the role. Operators see
 * everything.
 *
 *     an operator gives it          takes effect and is shown at once; the answer has a new account's link
 *     somebody else gives it        takes effect at once and is shown once it is used; a new account's link
 *                                   is mailed, or the operator makes one
 *     the account is not confirmed  the role waits until it is (access/confirm.h)
 */
#include <stdio.h>

#include "access/account.h"
#include "access/keep.h"
#include "api/members.h"
#include "api/people/account_json.h"
#include "report/invitee.h"

#define ROLES_MAX 500u /* of one provider or channel */
#define DAY_MS 86400000
#define TOPIC_LEN 40

/* The row of the list that a call is about; account_id 0: no such row. */
struct role_row {
    int64_t account_id;
    enum grant grant;
    bool known; /* an operator gave the role, or its account was shown already */
    bool open;  /* those who administer roles may see its account */
};

struct role_state {
    enum grant_scope scope;
    int64_t id; /* of the provider or channel */
    int64_t account_id;
    enum grant grant;
    char email[EMAIL_MAX + 1];
    struct call *call;
    struct role_row row;
    uint32_t count;
    bool created, mailed;
    char ticket[TICKET_LEN + 1]; /* "": none was made, or the caller must not see it */
    char why[KEEP_WHY_LEN];
    struct json_write w;
};

static bool is_open(const struct grant_row *g)
{
    return g->known && !g->waits;
}

/* The address as far as the caller may see it. */
static struct span shown_address(const struct call *c, const struct grant_row *g)
{
    return call_is_operator(c) || is_open(g) ? g->email : g->address;
}

static void write_row(const struct call *c, struct json_write *w, const struct grant_row *g)
{
    bool all = call_is_operator(c) || is_open(g);
    json_write_key(w, "accountId");
    if (all)
        call_write_id(w, g->account_id);
    else
        json_write_null(w);
    json_write_key(w, "email");
    json_write_span(w, shown_address(c, g));
    json_write_key(w, "name");
    if (all)
        json_write_span(w, g->name);
    else
        json_write_null(w);
    json_write_key(w, "role");
    json_write_str(w, account_grant_text(g->grant));
    json_write_key(w, "inherited");
    json_write_bool(w, g->inherited);
    if (call_is_operator(c)) {
        json_write_key(w, "waiting");
        json_write_bool(w, g->waits);
    }
}

static enum err show_row(void *arg, const struct grant_row *g)
{
    struct role_state *r = arg;
    json_write_object(&r->w);
    write_row(r->call, &r->w, g);
    json_write_end(&r->w);
    return ERR_NONE;
}

/* An operator may ask for any id, so the provider or channel may not exist. */
static enum err exists(struct call *c, struct backend *b, const struct role_state *r)
{
    struct provider p;
    struct channel channel;
    enum err e = r->scope == GRANT_SCOPE_PROVIDER ? b->ops->roles->provider_get(b, r->id, &p)
                                                  : b->ops->channels->channel_get(b, r->id, &channel);
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
        e = b->ops->roles->grant_list(b, r->scope, r->id, 2 * ROLES_MAX, show_row, r);
    json_write_end(&r->w);
    json_write_end(&r->w);
    enum err written = json_write_finish(&r->w);
    return e ? e : written;
}

static enum err audit_role(struct call *c, struct backend *b, const char *action, const struct role_state *r)
{
    struct buf details;
    struct json_write w;
    char target[32];
    bool provider = r->scope == GRANT_SCOPE_PROVIDER;
    (void)snprintf(target, sizeof(target), "%s/%lld", provider ? "provider" : "channel", (long long)r->id);
    buf_init(&details, 4096);
    json_write_init(&w, &details);
    json_write_object(&w);
    /* not the account's id: a channel's Admins read this, and the id would reveal the account's age */
    json_write_key(&w, "email");
    json_write_str(&w, r->email);
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

/*
 * For operators: to which account the role went, and whether the account was made for it. Always one line,
 * because the number of lines would reveal whether an account was made.
 */
static enum err audit_invited(struct call *c, struct backend *b, const struct role_state *r,
                              const struct account *a)
{
    struct buf details;
    struct json_write w;
    char target[32];
    (void)snprintf(target, sizeof(target), "account/%lld", (long long)a->id);
    buf_init(&details, 4096);
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "email");
    json_write_str(&w, a->email);
    json_write_key(&w, "created");
    json_write_bool(&w, r->created);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (!e)
        e = call_audit(c, b, "account.invite", target, 0, buf_span(&details));
    buf_deinit(&details);
    return e;
}

/* Refuses to remove the only Admin of a provider. */
static enum err keep(struct call *c, struct backend *b, struct role_state *r)
{
    if (r->scope != GRANT_SCOPE_PROVIDER || r->grant == GRANT_ADMIN || !r->row.account_id)
        return ERR_NONE;
    enum err e = keep_admin_of(b, r->id, r->row.account_id, !call_is_operator(c), r->why);
    return e == ERR_CONFLICT ? call_stop(c, e, r->why) : e;
}

static enum err take_row(void *arg, const struct grant_row *g)
{
    struct role_state *r = arg;
    r->count++;
    bool is = r->account_id ? g->account_id == r->account_id && (call_is_operator(r->call) || is_open(g))
                            : span_eq(shown_address(r->call, g), span_of(r->email));
    if (!is || g->inherited)
        return ERR_NONE;
    r->row = (struct role_row){g->account_id, g->grant, g->known, is_open(g)};
    if (r->account_id) {
        struct span email = shown_address(r->call, g);
        (void)snprintf(r->email, sizeof(r->email), "%.*s", (int)email.len, email.ptr);
    }
    return ERR_NONE;
}

/*
 * Finds the row of the address or the account, as far as the caller may see it. Starts a run: resets its
 * results.
 */
static enum err find_row(struct call *c, struct backend *b, struct role_state *r)
{
    r->row = (struct role_row){0};
    r->count = 0;
    r->created = r->mailed = false;
    r->ticket[0] = '\0';
    enum err e = exists(c, b, r);
    return e ? e : b->ops->roles->grant_list(b, r->scope, r->id, 2 * ROLES_MAX, take_row, r);
}

static void topic_of(const struct call *c, char out[static TOPIC_LEN])
{
    (void)snprintf(out, TOPIC_LEN, "roles by %lld", (long long)c->account->id);
}

/* Checks before any change whether there is room for one more role. */
static enum err check_room(struct call *c, struct backend *b, const struct role_state *r)
{
    char topic[TOPIC_LEN];
    uint32_t given = 0;
    if (r->row.account_id)
        return ERR_NONE;
    if (r->count >= ROLES_MAX)
        return call_stop(c, ERR_CONFLICT, "There are 500 roles here already, which is the limit");
    if (call_is_operator(c))
        return ERR_NONE;
    topic_of(c, topic);
    enum err e = b->ops->audit->tally_get(b, call_now(c) / DAY_MS, span_of(topic), &given);
    return !e && given >= c->api->config.access->invitations_max
               ? call_stop(c, ERR_LIMIT,
                           "This account has given roles to as many addresses as it may within a day "
                           "(account-invitations)")
               : e;
}

/* Reads the account of the address, or makes one. */
static enum err find_account(struct call *c, struct backend *b, struct role_state *r, struct account *a)
{
    enum err e = r->row.account_id ? b->ops->accounts->account_get(b, r->row.account_id, a)
                                   : b->ops->accounts->account_by_email(b, span_of(r->email), a);
    /*
     * An existing account uses up an id too: otherwise the ids of new accounts would reveal which addresses
     * had one before.
     */
    if (!e && !r->row.account_id && !call_is_operator(c))
        e = b->ops->accounts->account_skip(b);
    if (e != ERR_NOT_FOUND)
        return e;
    r->created = true;
    *a = (struct account){.language = "en", .created_ms = call_now(c)};
    if (c->account) /* the caller's language as a guess */
        memcpy(a->language, c->account->language, sizeof(a->language));
    (void)snprintf(a->email, sizeof(a->email), "%s", r->email);
    account_json_made_by(c, a);
    e = b->ops->accounts->account_insert(b, a);
    return e || !call_is_operator(c) ? e : account_json_audit(c, b, "account.create", a);
}

static enum err provider_of(struct backend *b, const struct role_state *r, struct provider *ret)
{
    struct channel channel;
    if (r->scope == GRANT_SCOPE_PROVIDER)
        return b->ops->roles->provider_get(b, r->id, ret);
    enum err e = b->ops->channels->channel_get(b, r->id, &channel);
    return e ? e : b->ops->roles->provider_get(b, channel.provider_id, ret);
}

static enum err mail_link(struct call *c, struct backend *b, struct role_state *r, const struct account *a,
                          enum invitation_kind kind)
{
    struct provider provider;
    enum err e = provider_of(b, r, &provider);
    const struct invitation_mail m = {
        .kind = kind, .to = a, .ticket = r->ticket, .grant = r->grant, .provider = &provider};
    return e ? e : account_json_mail(c, b, m, &r->mailed);
}

/* Makes a link that the operator sees, if the account has neither a password nor a valid link. */
static enum err invite_shown(struct call *c, struct backend *b, struct role_state *r, const struct account *a)
{
    int64_t expires_ms = 0;
    enum err e = a->password[0] ? ERR_NONE : b->ops->accounts->invitation_last(b, a->id, &expires_ms);
    if (e || a->password[0] || expires_ms > call_now(c))
        return e;
    e = account_json_invite(c, b, a, r->ticket);
    return e ? e : mail_link(c, b, r, a, INVITATION_LINK);
}

/*
 * Mails the owner of the address, with a link if the account has neither a password nor a valid link. The
 * caller never sees the link.
 */
static enum err invite_mailed(struct call *c, struct backend *b, struct role_state *r,
                              const struct account *a)
{
    bool may = false;
    int64_t expires_ms = 0;
    enum err e = invitee_may(b, a, call_now(c), &may);
    if (!e)
        e = b->ops->accounts->invitation_last(b, a->id, &expires_ms);
    if (e || !c->api->config.access->mails || !may)
        return e;
    /* the earlier link stays valid */
    enum invitation_kind kind = a->password[0] ? a->confirmed ? INVITATION_ROLE : INVITATION_DOUBTED
                                : expires_ms > call_now(c) ? INVITATION_WAITS
                                                           : INVITATION_LINK;
    if (kind == INVITATION_LINK)
        e = account_json_invite(c, b, a, r->ticket);
    if (!e)
        e = mail_link(c, b, r, a, kind);
    if (!e && kind == INVITATION_LINK && !r->mailed)
        e = b->ops->accounts->invitation_delete(b, a->id); /* the link reached nobody */
    r->ticket[0] = '\0';
    r->mailed = false;
    return e ? e : invitee_told(b, a, call_now(c));
}

static enum err invite(struct call *c, struct backend *b, struct role_state *r, const struct account *a)
{
    char topic[TOPIC_LEN];
    if (call_is_operator(c))
        return invite_shown(c, b, r, a);
    if (r->row.account_id)
        return ERR_NONE;
    topic_of(c, topic);
    enum err e = audit_invited(c, b, r, a);
    if (!e)
        e = b->ops->audit->tally_add(b, call_now(c) / DAY_MS, span_of(topic));
    return e ? e : invite_mailed(c, b, r, a);
}

static enum err answer(struct call *c, struct role_state *r, const struct account *a,
                       const struct grant_gift *g)
{
    struct json_write *w = &r->w;
    const struct grant_row row = {.account_id = a->id,
                                  .email = span_of(a->email),
                                  .name = span_of(a->name),
                                  .address = span_of(r->email),
                                  .grant = g->grant,
                                  .waits = g->waits,
                                  .known = g->known};
    json_write_init(w, call_out(c));
    json_write_object(w);
    write_row(c, w, &row);
    /* how accounts without a password get their link; the same whether or not this account is one */
    json_write_key(w, "invitation");
    json_write_str(w, c->api->config.access->mails ? "mail" : "operator");
    if (r->ticket[0])
        account_json_link(c, w, r->ticket, r->mailed);
    json_write_end(w);
    return json_write_finish(w);
}

/*
 * Whether the caller's role is there already, so that nothing need be written. A role that an operator gives
 * is shown from then on.
 */
static bool is_given(const struct call *c, const struct role_state *r)
{
    return r->row.account_id && r->row.grant == r->grant && (r->row.known || !call_is_operator(c));
}

static enum err put_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct role_state *r = c->state;
    struct account a;
    enum err e;
    /* Refuse before changing anything. */
    if ((e = find_row(c, b, r)) || (e = check_room(c, b, r)) || (e = keep(c, b, r)) ||
        (e = find_account(c, b, r, &a)))
        return e;
    const struct grant_gift gift = {.account_id = a.id,
                                    .scope = r->scope,
                                    .id = r->id,
                                    .grant = r->grant,
                                    .waits = !a.confirmed,
                                    .known = call_is_operator(c) || r->row.open,
                                    .address = span_of(r->email)};
    if (!is_given(c, r) &&
        ((e = b->ops->roles->grant_give(b, &gift)) || (e = audit_role(c, b, "role.set", r))))
        return e;
    if ((e = invite(c, b, r, &a)))
        return e;
    return answer(c, r, &a, &gift);
}

static enum err delete_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct role_state *r = c->state;
    enum err e = find_row(c, b, r);
    if (!e && !r->row.account_id)
        return call_stop(c, ERR_NOT_FOUND,
                         r->account_id ? "This account has no role here" : "This address has no role here");
    if (!e)
        e = keep(c, b, r);
    if (!e)
        e = b->ops->roles->grant_put(b, r->row.account_id, r->scope, r->id, GRANT_NONE);
    return e ? e : audit_role(c, b, "role.delete", r);
}

static struct role_state *role_state(struct call *c, enum grant_scope scope)
{
    struct role_state *r = call_state(c, sizeof(*r));
    if (!r)
        return NULL;
    r->scope = scope;
    r->id = call_channel_id(c->params[0]);
    r->call = c;
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
    const struct member members[] = {{"email", true, &email}, {"role", true, &role}};
    struct role_state *r = members_read(c, members, 2) ? role_state(c, scope) : NULL;
    if (!r || !login_read_email(c, email, r->email))
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

/* Takes the role away by the account's id, if the caller may know it. */
static void take_away(struct call *c, enum grant_scope scope)
{
    struct role_state *r = role_state(c, scope);
    if (!r)
        return;
    r->account_id = call_channel_id(c->params[1]);
    c->status = 204;
    if (r->account_id)
        call_write(c, delete_run, NULL, call_done);
    else
        call_refuse(c, 404, "This account has no role here");
}

/* Takes the role away by the address that the list shows. */
static void take_away_from(struct call *c, enum grant_scope scope)
{
    static const char *const known[] = {"email", NULL};
    struct role_state *r = query_known(c, known) ? role_state(c, scope) : NULL;
    if (!r)
        return;
    struct span email = query_text(c, "email");
    if (!email.ptr || !email_look_up(email, r->email)) {
        call_invalid(c, "email", email.ptr ? "must be a mail address" : "is required");
        return;
    }
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

void api_provider_role_delete_from(struct call *c)
{
    take_away_from(c, GRANT_SCOPE_PROVIDER);
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

void api_channel_role_delete_from(struct call *c)
{
    take_away_from(c, GRANT_SCOPE_CHANNEL);
}
