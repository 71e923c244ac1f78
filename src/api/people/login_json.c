#include "api/people/login_json.h"

#include <jansson.h>
#include <stdio.h>

#include "access/account.h"
#include "base/utf8.h"

#define LISTED_MAX 1000u /* of the roles of one account; the lists with cursors show all */

bool login_read_email(struct call *c, const char *text, char out[static EMAIL_MAX + 1])
{
    const char *why = text ? email_account(span_of(text), out) : NULL;
    char message[EMAIL_WHY_MAX];
    if (!why)
        return true;
    (void)snprintf(message, sizeof(message), "must be a mail address: %s", why);
    call_invalid(c, "email", message);
    return false;
}

bool login_read_name(struct call *c, const char *text, char out[static ACCOUNT_NAME_MAX + 1])
{
    const char *refusal = text ? name_refuse(span_of(text)) : NULL;
    if (refusal) {
        call_invalid(c, "name", refusal);
        return false;
    }
    if (text)
        (void)snprintf(out, ACCOUNT_NAME_MAX + 1, "%s", text);
    return true;
}

bool login_read_language(struct call *c, const char *text, char out[static 3])
{
    if (text && strcmp(text, "en") != 0 && strcmp(text, "ja") != 0) {
        call_invalid(c, "language", "must be en or ja");
        return false;
    }
    if (text)
        memcpy(out, text, 3);
    return true;
}

static enum err show_provider(void *arg, const struct provider *p, enum grant g)
{
    struct json_write *w = arg;
    json_write_object(w);
    json_write_key(w, "providerId");
    call_write_id(w, p->id);
    json_write_key(w, "name");
    json_write_str(w, p->name);
    json_write_key(w, "role");
    json_write_str(w, account_grant_text(g));
    json_write_end(w);
    return ERR_NONE;
}

static enum err show_channel(void *arg, int64_t channel_id, enum grant g)
{
    struct json_write *w = arg;
    json_write_object(w);
    json_write_key(w, "channelId");
    call_write_id(w, channel_id);
    json_write_key(w, "role");
    json_write_str(w, account_grant_text(g));
    json_write_end(w);
    return ERR_NONE;
}

bool login_may_make_providers(const struct call *c, const struct account *a)
{
    return a->operator||(a->confirmed && c->api->config.access->providers_max);
}

enum err login_show(struct call *c, struct backend *b, const struct account *a, struct span cookie,
                    int64_t expires_ms)
{
    char csrf[TICKET_LEN + 1];
    session_csrf(cookie, csrf);
    struct json_write w;
    json_write_init(&w, call_out(c));
    json_write_object(&w);
    json_write_key(&w, "account");
    json_write_object(&w);
    json_write_key(&w, "accountId");
    call_write_id(&w, a->id);
    json_write_key(&w, "email");
    json_write_str(&w, a->email);
    json_write_key(&w, "name");
    json_write_str(&w, a->name);
    json_write_key(&w, "operator");
    json_write_bool(&w, a->operator);
    json_write_key(&w, "confirmed");
    json_write_bool(&w, a->confirmed);
    json_write_key(&w, "mayMakeProviders");
    json_write_bool(&w, login_may_make_providers(c, a));
    json_write_key(&w, "language");
    json_write_str(&w, a->language);
    json_write_key(&w, "providers");
    json_write_array(&w);
    enum err e = b->ops->roles->provider_list(b, a->operator? 0 : a->id, 0, LISTED_MAX, show_provider, &w);
    json_write_end(&w);
    json_write_key(&w, "channels");
    json_write_array(&w);
    if (!e)
        e = b->ops->roles->grant_of(b, a->id, LISTED_MAX, show_channel, &w);
    json_write_end(&w);
    json_write_end(&w);
    json_write_key(&w, "csrfToken");
    json_write_str(&w, csrf);
    json_write_key(&w, "expiresAt");
    call_write_time(&w, expires_ms);
    json_write_end(&w);
    enum err written = json_write_finish(&w);
    return e ? e : written;
}
