/* /api/v1/channels/{id}/contact: asks the owner of the contact address again, or an operator decides for
 * them. */
#include "api/channel/contact_edit.h"
#include "api/members.h"

#include <stdio.h>

#include "api/channel/channel_json.h"

struct contact_decision {
    enum contact_state to; /* what an operator decides */
};

/* The account to which the limit on confirmation mails applies; 0: none, for an operator or a key. */
static int64_t asker(const struct call *c)
{
    return c->account && !call_is_operator(c) ? c->account->id : 0;
}

static enum err ask(struct call *c, struct backend *b, const struct channel *channel, bool by_hand,
                    enum contact_ask *ret)
{
    enum err e = contact_ask(b, c->api->config.mail_rules, channel, asker(c), by_hand, call_now(c), ret);
    if (!e && *ret == CONTACT_ASK_SENT)
        (void)atomic_fetch_add_explicit(&c->api->config.notices->asked, 1, memory_order_relaxed);
    return e;
}

enum err contact_edit_ask(struct call *c, struct backend *b, const struct channel *channel)
{
    enum contact_ask asked;
    return ask(c, b, channel, false, &asked);
}

static enum err get(struct call *c, struct backend *b, struct channel *ret)
{
    enum err e = b->ops->channels->channel_get(b, call_channel_id(c->params[0]), ret);
    return e == ERR_NOT_FOUND ? call_stop(c, e, "No such channel") : e;
}

static enum err audit(struct call *c, struct backend *b, const struct channel *channel, const char *action)
{
    char target[32];
    struct buf details;
    struct json_write w;
    buf_init(&details, 4096);
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "contactEmail");
    json_write_str(&w, channel->contact_email);
    json_write_end(&w);
    (void)snprintf(target, sizeof(target), "channel/%lld", (long long)channel->id);
    enum err e = json_write_finish(&w);
    if (!e)
        e = call_audit(c, b, action, target, channel->id, buf_span(&details));
    buf_deinit(&details);
    return e;
}

static enum err answer(struct call *c, struct backend *b, const struct channel *channel)
{
    struct contact_view view;
    enum err e = contact_look(b, channel, &view);
    if (e)
        return e;
    struct json_write w;
    json_write_init(&w, call_out(c));
    json_write_object(&w);
    channel_change_show_contact(&w, channel, &view);
    json_write_end(&w);
    return json_write_finish(&w);
}

static enum err ask_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct channel channel;
    enum contact_ask asked;
    enum err e = get(c, b, &channel);
    if (!e)
        e = ask(c, b, &channel, true, &asked);
    if (!e && asked != CONTACT_ASK_SENT)
        return call_stop(c, ERR_CONFLICT, contact_ask_text(asked));
    if (!e)
        e = audit(c, b, &channel, "contact.ask");
    return e ? e : answer(c, b, &channel);
}

void api_contact_ask(struct call *c)
{
    c->status = 200;
    call_write(c, ask_run, NULL, call_done);
}

static enum err decide_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    const struct contact_decision *state = c->state;
    struct channel channel;
    struct contact_view view;
    enum err e = get(c, b, &channel);
    if (!e)
        e = contact_look(b, &channel, &view);
    if (!e && channel.contact_email[0] && view.state == state->to) /* no change: nothing to write */
        return answer(c, b, &channel);
    if (!e)
        e = contact_decide(b, &channel, state->to, call_now(c));
    if (e == ERR_INVALID)
        return call_stop(c, ERR_CONFLICT, contact_ask_text(CONTACT_ASK_NO_ADDRESS));
    if (e == ERR_CONFLICT)
        return call_stop(c, e, contact_ask_text(CONTACT_ASK_REFUSED));
    if (!e)
        e = audit(c, b, &channel, state->to == CONTACT_CONFIRMED ? "contact.confirm" : "contact.refuse");
    return e ? e : answer(c, b, &channel);
}

void api_contact_decide(struct call *c)
{
    const char *to = NULL;
    const struct member members[] = {{"state", true, &to}};
    struct contact_decision *state = members_read(c, members, 1) ? call_state(c, sizeof(*state)) : NULL;
    if (!state)
        return;
    bool confirm = strcmp(to, contact_state_text(CONTACT_CONFIRMED)) == 0;
    if (!confirm && strcmp(to, contact_state_text(CONTACT_REFUSED)) != 0) {
        call_invalid(c, "state", "must be confirmed or refused");
        return;
    }
    state->to = confirm ? CONTACT_CONFIRMED : CONTACT_REFUSED;
    c->state = state;
    c->status = 200;
    call_write(c, decide_run, NULL, call_done);
}
