#include "api/people/account_json.h"

#include <stdio.h>

#define INVITATION_MS (7 * INT64_C(86400000))

/* Shows the inviter as the audit log shows who did something. */
static void show_inviter(struct json_write *w, const struct account *a)
{
    if (!a->inviter[0]) {
        json_write_null(w);
        return;
    }
    if (!a->inviter_id) {
        json_write_str(w, a->inviter);
        return;
    }
    json_write_object(w);
    json_write_key(w, "accountId");
    call_write_id(w, a->inviter_id);
    json_write_key(w, "email");
    json_write_str(w, a->inviter);
    json_write_end(w);
}

void account_json_show(struct json_write *w, const struct account *a)
{
    json_write_key(w, "accountId");
    call_write_id(w, a->id);
    json_write_key(w, "email");
    json_write_str(w, a->email);
    json_write_key(w, "name");
    json_write_str(w, a->name);
    json_write_key(w, "operator");
    json_write_bool(w, a->operator);
    json_write_key(w, "language");
    json_write_str(w, a->language);
    json_write_key(w, "disabled");
    json_write_bool(w, a->disabled);
    json_write_key(w, "invited");
    json_write_bool(w, !a->password[0]);
    json_write_key(w, "confirmed");
    json_write_bool(w, a->confirmed);
    json_write_key(w, "invitedBy");
    show_inviter(w, a);
    json_write_key(w, "createdAt");
    call_write_time(w, a->created_ms);
    json_write_key(w, "lastLoginAt");
    if (a->last_login_ms)
        call_write_time(w, a->last_login_ms);
    else
        json_write_null(w);
}

enum err account_json_audit(struct call *c, struct backend *b, const char *action, const struct account *a)
{
    struct buf details;
    struct json_write w;
    char target[32];
    (void)snprintf(target, sizeof(target), "account/%lld", (long long)a->id);
    buf_init(&details, 16384);
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "email");
    json_write_str(&w, a->email);
    json_write_key(&w, "operator");
    json_write_bool(&w, a->operator);
    json_write_key(&w, "disabled");
    json_write_bool(&w, a->disabled);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (!e)
        e = call_audit(c, b, action, target, 0, buf_span(&details));
    buf_deinit(&details);
    return e;
}

enum err account_json_confirm(struct call *c, struct backend *b, const struct account *before,
                              enum confirm_by by, const struct account *who)
{
    if (before->confirmed)
        return ERR_NONE;
    struct buf dropped, details;
    struct json_write w;
    char target[32];
    (void)snprintf(target, sizeof(target), "account/%lld", (long long)before->id);
    buf_init(&dropped, 8192);
    buf_init(&details, 16384);
    enum err e = confirm_roles(b, before, by, &dropped);
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "email");
    json_write_str(&w, before->email);
    if (buf_len(&dropped)) {
        json_write_key(&w, "rolesDropped");
        json_write_span(&w, buf_span(&dropped));
    }
    json_write_end(&w);
    enum err written = json_write_finish(&w);
    if (!e)
        e = written;
    if (!e)
        e = who ? call_audit_as(c, b, who, "account.confirm", target, 0, buf_span(&details))
                : call_audit(c, b, "account.confirm", target, 0, buf_span(&details));
    buf_deinit(&dropped);
    buf_deinit(&details);
    return e;
}

enum err account_json_invite(struct call *c, struct backend *b, const struct account *a,
                             char ticket[static TICKET_LEN + 1])
{
    struct invitation i = {.account_id = a->id, .created_ms = call_now(c)};
    i.expires_ms = i.created_ms + INVITATION_MS;
    ticket_make(&random_system, ticket, i.hash);
    return b->ops->accounts->invitation_put(b, &i);
}

enum err account_json_mail(struct call *c, struct backend *b, struct invitation_mail m, bool *ret_sent)
{
    const struct api_access *access = c->api->config.access;
    *ret_sent = false;
    m.public_url = access->public_url;
    return access->mails ? invitation_put_mail(b, &m, call_now(c), ret_sent) : ERR_NONE;
}

/*
 * Builds the link from the public URL; without one, from the origin that the browser sends (a proxy may
 * change the host), or from the host.
 */
static void write_link(struct call *c, struct json_write *w, const char *ticket)
{
    const struct api_access *access = c->api->config.access;
    struct span origin = server_header(c->req, "origin"), host = server_header(c->req, "host");
    bool browser = origin.len > 7 && span_eq((struct span){origin.ptr, 4}, SPAN_LIT("http"));
    char link[1024];
    int n =
        access->public_url[0] ? snprintf(link, sizeof(link), "%s/invitation#%s", access->public_url, ticket)
        : browser
            ? snprintf(link, sizeof(link), "%.*s/invitation#%s", (int)origin.len, origin.ptr, ticket)
            : snprintf(link, sizeof(link), "%s://%.*s/invitation#%s", call_is_secure(c) ? "https" : "http",
                       (int)host.len, host.ptr ? host.ptr : "", ticket);
    json_write_key(w, "invitationUrl");
    if (n > 0 && (size_t)n < sizeof(link))
        json_write_str(w, link);
    else
        json_write_null(w);
}

void account_json_link(struct call *c, struct json_write *w, const char *ticket, bool mailed)
{
    json_write_key(w, "invitationToken");
    json_write_str(w, ticket);
    write_link(c, w, ticket);
    json_write_key(w, "mailed");
    json_write_bool(w, mailed);
}

void account_json_made_by(const struct call *c, struct account *a)
{
    a->inviter_id = c->account ? c->account->id : 0;
    (void)snprintf(a->inviter, sizeof(a->inviter), "%s", c->account ? c->account->email : c->hint);
}
