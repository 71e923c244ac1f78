#include "api/people/login.h"

#include <stdio.h>

#include "base/log.h"

struct login *login_new(struct call *c, const char *password)
{
    struct login *l = call_state(c, sizeof(*l));
    if (!l)
        return NULL;
    l->call = c;
    c->state = l;
    call_peer(c, l->peer);
    return !password || login_password(l, "password", password) ? l : NULL;
}

bool login_password(struct login *l, const char *property, const char *password)
{
    size_t len = strlen(password);
    if (len > PASSWORD_BYTES_MAX) {
        call_invalid(l->call, property, "must be at most 200 characters");
        return false;
    }
    l->job = (struct password_job){.len = len};
    memcpy(l->job.password, password, len);
    return true;
}

bool login_submit(struct login *l, void (*done)(struct password_job *j))
{
    struct call *c = l->call;
    l->job.home = c->api->config.mailbox;
    l->job.done = done;
    if (password_submit(c->api->config.access->passwords, &l->job))
        return true;
    explicit_bzero(l->job.password, sizeof(l->job.password));
    call_retry(c, 503, "Too many log-ins at once", 5);
    return false;
}

enum err login_begin(struct login *l, struct backend *b, const char *action)
{
    struct call *c = l->call;
    int64_t now = call_now(c);
    char target[32];
    (void)snprintf(target, sizeof(target), "account/%lld", (long long)l->account.id);
    l->session = (struct session){.account_id = l->account.id, .created_ms = now, .used_ms = now};
    ticket_make(&random_system, l->ticket, l->session.hash);
    l->account.last_login_ms = now;
    enum err e = b->ops->accounts->account_update(b, &l->account);
    if (!e)
        e = b->ops->accounts->session_insert(b, &l->session, SESSION_MAX);
    if (!e)
        e = call_audit_as(c, b, &l->account, action, target, 0, SPAN_LIT(""));
    if (!e)
        e = login_show(c, b, &l->account, span_of(l->ticket),
                       session_expires(&l->session, c->api->config.access->session_ms));
    return e;
}

void login_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct login *l = c->state;
    if (s->err) {
        call_stopped(c, s->err);
        return;
    }
    log_info("access", "logged in", log_int("account", l->account.id), log_str("peer", l->peer));
    char cookie[SESSION_COOKIE_LEN];
    session_set_cookie(l->ticket, call_is_secure(c), cookie);
    struct buf out = c->out;
    c->out = (struct buf){0};
    call_json_with(c, c->status, &out, "set-cookie", cookie);
}
