/*
 * /api/v1/session: logging in and out, and changing one's own account.
 *
 *     body ─► limits ─► store: the account ─► password worker ─► store: session and audit line in one commit
 *
 * An unknown address takes the same way to the same answer, so that nobody learns which addresses have
 * accounts.
 */
#include <stdio.h>

#include "api/members.h"
#include "api/people/login.h"
#include "base/log.h"

static struct login_limit *limits_of(const struct call *c)
{
    return c->api->config.access->limits;
}

/* False: too many tries; answered with 429. */
static bool may_try(struct login *l)
{
    uint32_t wait_s = login_limit_try(limits_of(l->call), span_of(l->email), span_of(l->peer));
    if (wait_s)
        call_retry(l->call, 429, "Too many tries; wait, and try again", wait_s);
    return !wait_s;
}

/* Hands the password to the worker for comparing. If the worker has no room, the try does not count. */
static void compare(struct login *l, const char *hash, void (*done)(struct password_job *j))
{
    struct login_limit *limits = limits_of(l->call);
    /* copies, because the call may have ended by then */
    char email[EMAIL_MAX + 1], peer[CALL_PEER_LEN];
    memcpy(email, l->email, sizeof(email));
    memcpy(peer, l->peer, sizeof(peer));
    memcpy(l->job.hash, hash, sizeof(l->job.hash)); /* "": the hash of no account */
    if (!login_submit(l, done))
        login_limit_undo(limits, span_of(email), span_of(peer));
}

static void try_failed(struct login *l, enum err e)
{
    login_limit_undo(limits_of(l->call), span_of(l->email), span_of(l->peer));
    call_failed(l->call, e);
}

static enum err refused_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    const struct login *l = c->state;
    struct buf details;
    buf_init(&details, 4096);
    struct json_write w;
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "email");
    json_write_str(&w, l->email);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (!e)
        e = call_audit(c, b, "session.refused", "session", 0, buf_span(&details));
    buf_deinit(&details);
    return e;
}

static void refuse_login(struct call *c)
{
    call_refuse(c, 401, "The mail address or the password is wrong");
}

static void refused_done(struct store_call *s)
{
    struct call *c = call_of(s);
    const struct login *l = c->state;
    log_warn("access", "log-in refused", log_str("email", l->email), log_str("peer", l->peer));
    refuse_login(c); /* answer whether or not the audit line was written */
}

static enum err begin_run(struct store_call *s, struct backend *b)
{
    struct login *l = call_of(s)->state;
    struct account now;
    enum err e = b->ops->accounts->account_get(b, l->account.id, &now);
    if (e == ERR_NOT_FOUND || (!e && (now.disabled || strcmp(now.password, l->account.password) != 0)))
        return ERR_DENIED; /* the password changed while it was compared */
    l->account = now;
    return e ? e : login_begin(l, b, "session.login");
}

static void begin_done(struct store_call *s)
{
    if (s->err == ERR_DENIED)
        refuse_login(call_of(s));
    else
        login_done(s);
}

static void begin_compared(struct password_job *j)
{
    struct login *l = list_entry(j, struct login, job);
    struct call *c = l->call;
    if (j->err) {
        try_failed(l, j->err);
    } else if (!j->ok || l->account.disabled) {
        call_write(c, refused_run, NULL, refused_done);
    } else {
        login_limit_success(limits_of(c), span_of(l->email), span_of(l->peer));
        call_write(c, begin_run, NULL, begin_done);
    }
}

static enum err find_run(struct store_call *s, struct backend *b)
{
    struct login *l = call_of(s)->state;
    l->account = (struct account){0};
    enum err e = b->ops->accounts->account_by_email(b, span_of(l->email), &l->account);
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static void find_done(struct store_call *s)
{
    struct login *l = call_of(s)->state;
    if (s->err)
        try_failed(l, s->err);
    else
        compare(l, l->account.password, begin_compared);
}

void api_session_begin(struct call *c)
{
    const char *email = NULL, *password = NULL;
    const struct member members[] = {{"email", true, &email}, {"password", true, &password}};
    struct login *l = members_read(c, members, 2) ? login_new(c, password) : NULL;
    if (!l)
        return;
    if (!email_look_up(span_of(email), l->email)) {
        call_invalid(c, "email", "must be a mail address");
        return;
    }
    if (!may_try(l))
        return;
    c->status = 200;
    call_read(c, find_run, find_done);
}

/* Answers with 401 if the call has no session: a key has none. */
static bool has_session(struct call *c)
{
    if (c->session)
        return true;
    call_refuse(c, 401, "Not logged in; log in first"); /* frees c */
    return false;
}

/* Writes the session, which has just been used. */
static enum err write_session(struct call *c, struct backend *b, const struct account *a)
{
    int64_t idle_ms = c->api->config.access->session_ms;
    struct session used = *c->session;
    if (session_stale(&used, idle_ms, call_now(c)))
        used.used_ms = call_now(c);
    return login_show(c, b, a, c->cookie, session_expires(&used, idle_ms));
}

static enum err show_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    return write_session(c, b, c->account);
}

void api_session_show(struct call *c)
{
    if (!has_session(c))
        return;
    c->status = 200;
    call_read(c, show_run, call_done);
}

static enum err end_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    const bool *everywhere = c->state;
    enum err e = *everywhere ? b->ops->accounts->session_delete_others(b, c->account->id, NULL)
                             : b->ops->accounts->session_delete(b, c->session->hash);
    return e ? e
             : call_audit(c, b, "session.logout", "session", 0,
                          *everywhere ? SPAN_LIT("{\"everywhere\":true}") : SPAN_LIT(""));
}

static void end_done(struct store_call *s)
{
    struct call *c = call_of(s);
    if (s->err) {
        call_failed(c, s->err);
        return;
    }
    char cookie[SESSION_COOKIE_LEN];
    session_set_cookie("", call_is_secure(c), cookie);
    const struct server_header_out headers[] = {{"cache-control", "no-store"}, {"set-cookie", cookie}};
    call_answer_with(c, 204, headers, 2, SPAN_LIT(""));
}

void api_session_end(struct call *c)
{
    static const char *const known[] = {"everywhere", NULL};
    if (!has_session(c) || !query_known(c, known))
        return;
    bool *everywhere = call_state(c, sizeof(*everywhere));
    if (!everywhere)
        return;
    struct span text = query_text(c, "everywhere");
    if (text.ptr && !span_eq(text, SPAN_LIT("true")) && !span_eq(text, SPAN_LIT("false"))) {
        call_invalid(c, "everywhere", "must be true or false");
        return;
    }
    *everywhere = text.ptr && span_eq(text, SPAN_LIT("true"));
    c->state = everywhere;
    call_write(c, end_run, NULL, end_done);
}

/* What people change in their own account. */
struct own_change {
    struct login login;   /* first member: c->state points to it */
    const char *password; /* the new one; NULL: unchanged */
    char name[ACCOUNT_NAME_MAX + 1], language[3];
};

static enum err change_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    const struct own_change *o = c->state;
    struct account a;
    enum err e = b->ops->accounts->account_get(b, c->account->id, &a);
    if (e)
        return e;
    if (o->password && strcmp(a.password, c->account->password) != 0)
        return call_stop(c, ERR_CONFLICT, "The password has just been changed elsewhere");
    const struct account before = a;
    if (o->name[0])
        memcpy(a.name, o->name, sizeof(a.name));
    if (o->language[0])
        memcpy(a.language, o->language, sizeof(a.language));
    if (o->password)
        memcpy(a.password, o->login.job.hash, sizeof(a.password));
    if (account_same(&before, &a)) /* nothing changes: do not write */
        return write_session(c, b, &a);
    e = b->ops->accounts->account_update(b, &a);
    if (!e && o->password) /* end the other sessions: somebody may have known the old password */
        e = b->ops->accounts->session_delete_others(b, a.id, c->session->hash);
    if (!e && o->password)
        e = b->ops->accounts->invitation_delete(b, a.id);
    char target[32];
    (void)snprintf(target, sizeof(target), "account/%lld", (long long)a.id);
    if (!e)
        e = call_audit(c, b, o->password ? "account.password" : "account.update", target, 0, SPAN_LIT(""));
    return e ? e : write_session(c, b, &a);
}

static void change_hashed(struct password_job *j)
{
    struct login *l = list_entry(j, struct login, job);
    if (j->err)
        call_failed(l->call, j->err);
    else
        call_write(l->call, change_run, NULL, call_done);
}

static void change_compared(struct password_job *j)
{
    struct login *l = list_entry(j, struct login, job);
    struct call *c = l->call;
    const struct own_change *o = c->state;
    if (j->err) {
        try_failed(l, j->err);
    } else if (!j->ok) {
        call_invalid(c, "currentPassword", "is wrong");
    } else {
        login_limit_success(limits_of(c), span_of(l->email), span_of(l->peer));
        if (!login_password(l, "password", o->password))
            return;
        l->job.make = true;
        if (!login_submit(l, change_hashed))
            return;
    }
}

void api_session_change(struct call *c)
{
    const char *name = NULL, *language = NULL, *current = NULL, *password = NULL;
    const struct member members[] = {{"name", false, &name},
                                     {"language", false, &language},
                                     {"currentPassword", false, &current},
                                     {"password", false, &password}};
    if (!has_session(c) || !members_read(c, members, 4))
        return;
    struct own_change *o = call_state(c, sizeof(*o));
    if (!o || !login_read_name(c, name, o->name) || !login_read_language(c, language, o->language))
        return;
    struct login *l = &o->login;
    l->call = c;
    c->state = o;
    c->status = 200;
    if (!password && !current) {
        call_write(c, change_run, NULL, call_done);
        return;
    }
    const char *refusal = !password  ? "is required with currentPassword"
                          : !current ? NULL
                                     : password_refuse(span_of(password), c->account->email);
    if (refusal || !current) {
        call_invalid(c, refusal ? "password" : "currentPassword",
                     refusal ? refusal : "is required to change the password");
        return;
    }
    o->password = password;
    memcpy(l->email, c->account->email, sizeof(l->email));
    call_peer(c, l->peer);
    if (login_password(l, "currentPassword", current) && may_try(l))
        compare(l, c->account->password, change_compared);
}
