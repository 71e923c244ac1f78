/*
 * POST /api/v1/contact: called by the owner of a contact address, whose only credential is the link in the
 * mail. Without the member answer it returns the question; with it, it records the decision.
 */
#include <stdio.h>

#include "access/ticket.h"
#include "api/members.h"
#include "report/contact.h"

struct link {
    uint8_t hash[SESSION_HASH_LEN];
    bool answers;
    enum contact_state to;
    struct contact contact;
    struct provider provider;
};

static const char unknown[] = "This link is not valid: it is not whole, or another mail has replaced it";

/* Finds the contact row of the link, and its provider. */
static enum err find(struct call *c, struct backend *b, struct link *l)
{
    enum err e = b->ops->notices->contact_find(b, l->hash, &l->contact);
    if (!e)
        e = b->ops->roles->provider_get(b, l->contact.provider_id, &l->provider);
    return e == ERR_NOT_FOUND ? call_stop(c, ERR_DENIED, unknown) : e;
}

/* Writes the channel for which the address was asked last, unless it was deleted. */
static enum err write_channel(struct json_write *w, struct backend *b, const struct link *l)
{
    struct channel channel;
    enum err e = b->ops->channels->channel_get(b, l->contact.channel_id, &channel);
    if (e && e != ERR_NOT_FOUND)
        return e;
    json_write_key(w, "channelName");
    json_write_str(w, e ? NULL : channel.name);
    return ERR_NONE;
}

static enum err answer(struct call *c, struct backend *b, const struct link *l)
{
    struct json_write w;
    json_write_init(&w, call_out(c));
    json_write_object(&w);
    json_write_key(&w, "contactEmail");
    json_write_str(&w, l->contact.address);
    json_write_key(&w, "contactEmailState");
    json_write_str(&w, contact_state_text(l->contact.state));
    json_write_key(&w, "mayConfirm");
    json_write_bool(&w, contact_may_confirm(&l->contact, call_now(c)));
    json_write_key(&w, "providerName");
    json_write_str(&w, l->provider.name);
    json_write_key(&w, "channelId");
    call_write_id(&w, l->contact.channel_id);
    enum err e = write_channel(&w, b, l);
    json_write_end(&w);
    enum err written = json_write_finish(&w);
    return e ? e : written;
}

static enum err show_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct link *l = c->state;
    enum err e = find(c, b, l);
    return e ? e : answer(c, b, l);
}

static enum err audit(struct call *c, struct backend *b, const struct link *l)
{
    char target[32];
    struct buf details;
    struct json_write w;
    buf_init(&details, 4096);
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "contactEmail");
    json_write_str(&w, l->contact.address);
    json_write_key(&w, "by");
    json_write_str(&w, "link");
    json_write_end(&w);
    (void)snprintf(target, sizeof(target), "provider/%lld", (long long)l->contact.provider_id);
    enum err e = json_write_finish(&w);
    if (!e)
        e = call_audit(c, b, l->to == CONTACT_CONFIRMED ? "contact.confirm" : "contact.refuse", target,
                       l->contact.channel_id, buf_span(&details));
    buf_deinit(&details);
    return e;
}

static enum err answer_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct link *l = c->state;
    enum err e = find(c, b, l);
    if (!e)
        e = contact_answer(b, &l->contact, l->to, call_now(c));
    if (e == ERR_CONFLICT)
        return call_stop(
            c, e,
            l->contact.state == CONTACT_UNCONFIRMED
                ? "This link is older than 7 days: whoever entered the address can have it asked again"
                : "This link has been used");
    if (!e)
        e = audit(c, b, l);
    return e ? e : answer(c, b, l);
}

void api_contact_link(struct call *c)
{
    const char *token = NULL, *to = NULL;
    const struct member members[] = {{"token", true, &token}, {"answer", false, &to}};
    struct link *l = members_read(c, members, 2) ? call_state(c, sizeof(*l)) : NULL;
    if (!l)
        return;
    bool confirm = to && strcmp(to, "confirm") == 0;
    if (to && !confirm && strcmp(to, "refuse") != 0) {
        call_invalid(c, "answer", "must be confirm or refuse");
        return;
    }
    ticket_hash(span_of(token), l->hash);
    l->to = confirm ? CONTACT_CONFIRMED : CONTACT_REFUSED;
    c->state = l;
    c->status = 200;
    if (to)
        call_write(c, answer_run, NULL, call_done);
    else
        call_read(c, show_run, call_done);
}
