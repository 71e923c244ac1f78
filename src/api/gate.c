/*
 * Authentication and authorization of calls. Keys are looked up in memory (access/keys.h). Sessions are read
 * from the store with their account and role for every request, so that ended sessions, disabled accounts and
 * revoked roles take effect at once on every loop.
 */
#include "api/gate.h"

#include "api/origin.h"
#include "base/log.h"
#include "base/mem.h"

static struct span bearer(const struct server_request *req)
{
    struct span h = server_header(req, "authorization");
    if (!h.ptr || h.len < 7 || !span_eq_nocase((struct span){h.ptr, 7}, SPAN_LIT("bearer ")))
        return (struct span){NULL, 0};
    struct span key = {h.ptr + 7, h.len - 7};
    while (key.len && key.ptr[0] == ' ') {
        key.ptr++;
        key.len--;
    }
    return key;
}

/* The role that the route requires on the channel or provider of its first {id}. */
static enum grant wants(enum who who, enum grant_scope *ret_scope)
{
    *ret_scope = GRANT_SCOPE_CHANNEL;
    switch (who) {
    case WHO_CHANNEL_TESTER:
        return GRANT_TESTER;
    case WHO_CHANNEL_MEMBER:
        return GRANT_MEMBER;
    case WHO_CHANNEL_ADMIN:
        return GRANT_ADMIN;
    case WHO_PROVIDER_MEMBER:
        *ret_scope = GRANT_SCOPE_PROVIDER;
        return GRANT_MEMBER;
    case WHO_PROVIDER_ADMIN:
        *ret_scope = GRANT_SCOPE_PROVIDER;
        return GRANT_ADMIN;
    case WHO_ANYBODY:
    case WHO_METRICS:
    case WHO_INGEST:
    case WHO_OPERATOR:
    case WHO_SESSION:
    case WHO_TOKEN:
        break;
    }
    return GRANT_NONE;
}

static bool may(const struct call *c)
{
    enum who who = c->route->who;
    enum grant_scope scope;
    enum grant want = wants(who, &scope);
    if (call_is_operator(c) || who == WHO_ANYBODY)
        return true;
    if (who == WHO_INGEST)
        return c->role == ROLE_INGEST;
    if (who == WHO_SESSION)
        return c->account;
    return want != GRANT_NONE && c->account && c->grant >= want;
}

/*
 * Whether the client is on this machine. Behind a proxy this is unknown, because every connection is local.
 */
static bool from_here(const struct call *c)
{
    return server_peer_is_loopback(c->req) &&
           !(c->api->config.access->behind_proxy && server_header(c->req, "x-forwarded-for").ptr);
}

/* Whether the route needs no credentials from this caller. */
static bool is_open(const struct call *c)
{
    return c->route->who == WHO_ANYBODY || (c->route->who == WHO_METRICS && from_here(c));
}

static bool is_safe(const struct call *c)
{
    struct span method = server_method(c->req);
    return span_eq(method, SPAN_LIT("GET")) || span_eq(method, SPAN_LIT("HEAD"));
}

/* Detects CSRF: a browser adds the cookie to requests that another site causes, but not this header. */
static bool is_forged(const struct call *c)
{
    return c->account && !is_safe(c) && !session_csrf_ok(c->cookie, server_header(c->req, "x-csrf-token"));
}

static bool has_own_origin(const struct call *c)
{
    const struct api_access *access = c->api->config.access;
    const struct origin_own own = {
        .public_url = span_of(access->public_url),
        .host = server_header(c->req, "host"),
        .forwarded = access->behind_proxy ? server_header(c->req, "x-forwarded-host") : SPAN_LIT(""),
        .secure = call_is_secure(c)};
    size_t count = server_header_count(c->req, "origin");
    for (size_t i = 0; i < count; i++)
        if (!origin_is_own(server_header_at(c->req, "origin", i), &own))
            return false;
    return true;
}

/*
 * Protects the login from CSRF: another site must not log its visitors in here as somebody else, and before
 * the login no session exists whose token could be checked. Browsers send the origin of a call, and no page
 * can forge it: Sec-Fetch-Site (Fetch Metadata), which the browser itself computes, but only over https; and
 * Origin, which we compare. Other clients send neither.
 */
static bool is_foreign(const struct call *c)
{
    struct span site = server_header(c->req, "sec-fetch-site");
    if (is_safe(c) || (site.ptr && span_eq(site, SPAN_LIT("same-origin"))))
        return false;
    return (site.ptr && !span_eq(site, SPAN_LIT("none"))) || !has_own_origin(c);
}

static void refuse_account(struct call *c)
{
    enum grant_scope scope;
    enum grant want = wants(c->route->who, &scope);
    if (want != GRANT_NONE && c->grant == GRANT_NONE)
        call_refuse(c, 404, scope == GRANT_SCOPE_CHANNEL ? "No such channel" : "No such provider");
    else if (want == GRANT_ADMIN)
        call_refuse(c, 403, "This needs the role Admin");
    else if (want == GRANT_MEMBER)
        call_refuse(c, 403, "This needs the role Member");
    else
        call_refuse(c, 403, "This needs an operator");
}

static const char no_credentials[] = "A key is needed: Authorization: Bearer KEY; or log in";
static const char weak_key[] = "This key may not do that; it needs the role operator";

static void refuse(struct call *c)
{
    if (c->account)
        refuse_account(c);
    else if (c->role != ROLE_NONE)
        call_refuse(c, 403, weak_key);
    else if (bearer(c->req).ptr)
        call_refuse(c, 401, "This key is not valid");
    else if (c->cookie.ptr)
        call_refuse(c, 401, "This session has ended; log in again");
    else
        call_refuse(c, 401, no_credentials);
}

static void decide(struct call *c)
{
    if (c->account)
        server_vouch(c->req, 0);
    if (!may(c))
        refuse(c);
    else if (is_forged(c))
        call_refuse(c, 403, "The header x-csrf-token is missing or wrong: it is csrfToken of the session");
    else
        c->serve(c);
}

static void take_key(struct call *c)
{
    struct span key = bearer(c->req);
    c->role = keys_stamped(c->api->keys, server_vouched(c->req)); /* by gate_early() */
    if (c->role == ROLE_NONE)
        c->role = keys_role(c->api->keys, key);
    if (c->role != ROLE_NONE) {
        memcpy(c->hint, key.ptr, sizeof(c->hint) - 1);
        server_vouch(c->req, keys_stamp(c->api->keys, c->role));
    }
    c->grant = c->role == ROLE_OPERATOR ? GRANT_ADMIN : GRANT_NONE;
}

static void on_fresh(void *arg)
{
    struct call *c = arg;
    take_key(c);
    decide(c);
}

struct lookup {
    struct session session;
    struct account account;
    bool found;
    bool known; /* false: the account uses its role here for the first time */
};

static enum err look(struct call *c, struct backend *b, struct lookup *l)
{
    uint8_t hash[SESSION_HASH_LEN];
    ticket_hash(c->cookie, hash);
    l->found = false;
    l->known = true;
    c->grant = GRANT_NONE;
    enum err e = b->ops->accounts->session_get(b, hash, &l->session);
    if (!e && call_now(c) >= session_expires(&l->session, c->api->config.access->session_ms))
        return ERR_NONE;
    if (!e)
        e = b->ops->accounts->account_get(b, l->session.account_id, &l->account);
    if (e || l->account.disabled)
        return e == ERR_NOT_FOUND ? ERR_NONE : e;
    l->found = true;
    enum grant_scope scope;
    if (l->account.operator|| wants(c->route->who, &scope) == GRANT_NONE)
        return ERR_NONE;
    int64_t id = call_channel_id(c->params[0]);
    struct grant_held held;
    e = scope == GRANT_SCOPE_CHANNEL ? b->ops->roles->grant_on_channel(b, l->account.id, id, &held)
                                     : b->ops->roles->grant_on_provider(b, l->account.id, id, &held);
    if (!e) {
        c->grant = held.grant;
        l->known = held.known;
    }
    return e;
}

static enum err lookup_run(struct store_call *s, struct backend *b)
{
    return look(call_of(s), b, call_of(s)->state);
}

struct touch {
    struct store_call call;
    uint8_t hash[SESSION_HASH_LEN];
    int64_t now_ms;
};

static enum err touch_run(struct store_call *s, struct backend *b)
{
    struct touch *t = list_entry(s, struct touch, call);
    return b->ops->accounts->session_touch(b, t->hash, t->now_ms);
}

static void touch_done(struct store_call *s)
{
    if (s->err)
        log_debug("access", "cannot record the use of a session", log_err("err", s->err));
    mem_free(list_entry(s, struct touch, call));
}

/* Records the use of the session; the call does not wait for it. */
static void touch(struct call *c, const struct session *session)
{
    struct touch *t = mem_zero(1, sizeof(*t));
    if (!t)
        return;
    t->call = (struct store_call){.run = touch_run, .done = touch_done};
    memcpy(t->hash, session->hash, sizeof(t->hash));
    t->now_ms = call_now(c);
    store_submit(c->api->config.store, &t->call);
}

struct meeting {
    struct store_call call;
    int64_t account_id, id;
    enum grant_scope scope;
};

static enum err meet_run(struct store_call *s, struct backend *b)
{
    const struct meeting *m = list_entry(s, struct meeting, call);
    return b->ops->roles->grant_meet(b, m->account_id, m->scope, m->id);
}

static void meet_done(struct store_call *s)
{
    if (s->err)
        log_debug("access", "cannot record the first use of a role", log_err("err", s->err));
    mem_free(list_entry(s, struct meeting, call));
}

void gate_meet(struct call *c, enum grant_scope scope, int64_t id)
{
    struct meeting *m = mem_zero(1, sizeof(*m));
    if (!m)
        return; /* out of memory: the next use records it */
    m->call = (struct store_call){.run = meet_run, .done = meet_done};
    m->account_id = c->account->id;
    m->id = id;
    m->scope = scope;
    store_submit(c->api->config.store, &m->call);
}

static void lookup_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct lookup *l = c->state;
    c->state = NULL;
    if (s->err) {
        call_failed(c, s->err);
        return;
    }
    if (l->found) {
        c->account = &l->account;
        c->session = &l->session;
        if (l->account.operator)
            c->grant = GRANT_ADMIN;
        if (session_stale(&l->session, c->api->config.access->session_ms, call_now(c)))
            touch(c, &l->session);
        enum grant_scope scope;
        if (!l->known && may(c)) {
            (void)wants(c->route->who, &scope);
            gate_meet(c, scope, call_channel_id(c->params[0]));
        }
    }
    decide(c);
}

static struct span cookie_of(const struct server_request *req)
{
    struct span header, cookie = {NULL, 0};
    for (size_t i = 0; !cookie.ptr && (header = server_header_at(req, "cookie", i)).ptr; i++)
        cookie = session_cookie(header);
    return cookie;
}

enum gate gate_early(const struct api *a, const struct route *r, struct server_request *req, int *ret_status,
                     const char **ret_message)
{
    if (r->who == WHO_ANYBODY || r->who == WHO_METRICS)
        return GATE_PASS;
    struct span key = bearer(req);
    if (!key.ptr) {
        *ret_status = 401;
        *ret_message = no_credentials;
        return r->who == WHO_TOKEN || cookie_of(req).ptr ? GATE_ASK : GATE_REFUSE;
    }
    enum role role = r->who == WHO_TOKEN ? ROLE_NONE : keys_role(a->keys, key);
    if (role == ROLE_NONE)
        return GATE_ASK;
    server_vouch(req, keys_stamp(a->keys, role));
    *ret_status = 403;
    *ret_message = weak_key;
    return role == ROLE_OPERATOR || r->who == WHO_INGEST ? GATE_PASS : GATE_REFUSE;
}

void gate_pass(struct call *c, void (*serve)(struct call *c))
{
    c->serve = serve;
    if (c->route->who == WHO_TOKEN) {
        call_token(c, bearer(c->req));
        return;
    }
    if (is_open(c)) {
        if (is_foreign(c))
            call_refuse(c, 403, "Another site may not do this");
        else
            serve(c);
        return;
    }
    struct span key = bearer(c->req);
    if (key.ptr) {
        take_key(c);
        /* Another process may have just created a key that is unknown here. */
        if (c->role == ROLE_NONE && key.len == KEYS_TEXT_LEN)
            keys_refresh(c->api->keys, on_fresh, c);
        else
            decide(c);
        return;
    }
    c->cookie = cookie_of(c->req);
    if (!c->cookie.ptr) {
        decide(c);
        return;
    }
    struct lookup *l = call_state(c, sizeof(*l));
    if (!l)
        return; /* answered, and c is gone */
    c->state = l;
    call_read(c, lookup_run, lookup_done);
}

static void again_done(struct store_call *s)
{
    struct call *c = call_of(s);
    const struct lookup *l = c->looked;
    if (l->account.operator)
        c->grant = GRANT_ADMIN;
    c->again(c, !s->err && l->found && may(c));
}

static enum err again_run(struct store_call *s, struct backend *b)
{
    return look(call_of(s), b, call_of(s)->looked);
}

void gate_again(struct call *c, void (*done)(struct call *c, bool allowed))
{
    if (c->account) {
        c->again = done;
        c->looked = list_entry(c->account, struct lookup, account);
        call_read(c, again_run, again_done);
        return;
    }
    if (!is_open(c))
        take_key(c);
    done(c, is_open(c) || may(c));
}
