#include "api/account_json.h"

#include <stdio.h>

#define INVITATION_MS (7 * INT64_C(86400000))

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

enum err account_json_invite(struct call *c, struct backend *b, const struct account *a,
                             char ticket[static TICKET_LEN + 1])
{
    struct invitation i = {.account_id = a->id, .created_ms = call_now(c)};
    i.expires_ms = i.created_ms + INVITATION_MS;
    ticket_make(&random_system, ticket, i.hash);
    return b->ops->invitation_put(b, &i);
}
