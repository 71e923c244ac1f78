/* /api/v1/channels: create, list, show, change, delete. */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>

#include "access/token.h"
#include "api/channel/channel_edit.h"
#include "api/channel/channel_health.h"
#include "api/channel/channel_json.h"
#include "api/channel/contact_edit.h"
#include "api/gate.h"
#include "api/page.h"
#include "base/log.h"
#include "base/mem.h"

struct change_state {
    struct channel_change change;
    struct channel channel; /* after the change */
    struct contact_view contact;
    struct channel_ref *prepared;
    struct courier_note *note;
    bool lacks_url, not_approved;
    bool meets;        /* first use of the caller's role on the provider */
    enum err provider; /* whether the caller may create channels of this provider */
    struct channel_token token;
    char token_text[TOKEN_TEXT_LEN + 1];
};

static void random_hex(char *out, size_t bytes)
{
    unsigned char raw[32];
    random_system.fill(random_system.arg, raw, bytes);
    (void)sodium_bin2hex(out, 2 * bytes + 1, raw, bytes);
}

static void new_identity(struct channel *c)
{
    random_hex(c->secret, CHANNEL_SECRET_LEN / 2);
    c->bot_user_id[0] = 'U';
    random_hex(c->bot_user_id + 1, 16);
}

/* Shows whether error mails are available, which is an option of the provider. */
static void show_available(struct json_write *w, const struct api *a, const struct channel *channel)
{
    json_write_key(w, "notificationAvailable");
    json_write_bool(w, approvals_has(a->config.approvals, channel->provider_id));
}

static void answer_channel(struct call *c, int status, const struct channel *channel,
                           const struct contact_view *contact, const char *token)
{
    struct channel_ref *ref = directory_get(c->api->config.directory, channel->id);
    struct buf out;
    buf_init(&out, 65536);
    struct json_write w;
    json_write_init(&w, &out);
    json_write_object(&w);
    channel_change_show(&w, channel, contact, call_is_operator(c) ? GRANT_ADMIN : c->grant,
                        c->api->config.settings, ref ? ref->live : NULL, call_now(c));
    show_available(&w, c->api, channel);
    if (token) {
        json_write_key(&w, "channelSecret");
        json_write_str(&w, channel->secret);
        json_write_key(&w, "channelAccessToken");
        json_write_str(&w, token);
    }
    json_write_end(&w);
    channel_ref_drop(ref);
    enum err e = json_write_finish(&w);
    if (e) {
        buf_deinit(&out);
        call_failed(c, e);
        return;
    }
    call_json(c, status, &out);
}

/* After the commit: publishes the channel to other threads before the caller is answered. */
static void create_committed(struct store_call *s)
{
    struct call *c = call_of(s);
    struct change_state *state = c->state;
    if (state->prepared)
        directory_put(c->api->config.directory, state->prepared);
    state->prepared = NULL;
}

/* A run may be repeated: discards what the first one prepared. */
static enum err prepare(struct call *c, struct change_state *state)
{
    directory_discard(state->prepared);
    state->prepared = NULL;
    return directory_prepare(c->api->config.directory, &state->channel, &state->prepared);
}

static void tell_courier(struct call *c, struct change_state *state)
{
    state->note->kind = COURIER_CHANNEL;
    state->note->id = state->channel.id;
    courier_notify(courier_of(c->api->config.couriers, state->channel.id), state->note);
    state->note = NULL;
}

static void change_failed(struct call *c, struct change_state *state, enum err e)
{
    char text[160];
    directory_discard(state->prepared);
    mem_free(state->note);
    (void)snprintf(
        text, sizeof(text),
        "errorNotification: the provider's option is not approved; an Admin of provider %lld applies for "
        "it, an operator approves it",
        (long long)state->channel.provider_id);
    if (state->lacks_url)
        call_invalid(c, "webhookUrl", "is needed while useWebhook is on");
    else if (state->not_approved)
        call_refuse(c, 409, text);
    else if (state->provider == ERR_NOT_FOUND)
        call_refuse(c, 404, "No such provider");
    else if (state->provider == ERR_DENIED)
        call_refuse(c, 403, "This needs the role Admin");
    else
        call_failed(c, e);
}

/*
 * Error mails can be switched on only while the provider's option is approved. When the approval ends, the
 * switch stays on, but no mails are sent.
 */
static enum err check_notification(struct call *c, struct change_state *state)
{
    state->not_approved = channel_change_has(&state->change, CHANNEL_error_notification) &&
                          state->change.to.error_notification &&
                          !approvals_has(c->api->config.approvals, state->channel.provider_id);
    return state->not_approved ? ERR_CONFLICT : ERR_NONE;
}

static bool begin_change(struct call *c, struct change_state *state)
{
    c->state = state;
    json_t *object = call_object(c);
    if (!object)
        return false;
    bool ok = channel_change_read(c, object, &state->change);
    json_decref(object);
    return ok;
}

/* Asks the contact address for confirmation if the change would send error mails to it. */
static enum err ask_contact(struct call *c, struct backend *b, struct change_state *state)
{
    bool told = channel_change_has(&state->change, CHANNEL_contact_email) ||
                channel_change_has(&state->change, CHANNEL_error_notification);
    return told ? contact_edit_ask(c, b, &state->channel) : ERR_NONE;
}

/* Whether the caller may create channels of the provider. ERR_NOT_FOUND: no role on it; ERR_DENIED. */
static enum err check_provider(struct call *c, struct backend *b, struct change_state *state)
{
    int64_t id = state->channel.provider_id;
    struct provider provider;
    struct grant_held held = {GRANT_ADMIN, true};
    enum err e = b->ops->roles->provider_get(b, id, &provider);
    if (!e && !call_is_operator(c))
        e = b->ops->roles->grant_on_provider(b, c->account->id, id, &held);
    if (!e && held.grant < GRANT_ADMIN)
        e = held.grant == GRANT_NONE ? ERR_NOT_FOUND : ERR_DENIED;
    state->meets = !e && !held.known;
    return e;
}

static enum err create_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct change_state *state = c->state;
    if (directory_full(c->api->config.directory))
        return ERR_LIMIT;
    static const struct channel nothing = {0};
    state->provider = check_provider(c, b, state);
    enum err e = state->provider;
    if (!e)
        e = check_notification(c, state);
    if (!e)
        e = b->ops->channels->channel_insert(b, &state->channel);
    state->token.channel_id = state->channel.id;
    if (!e)
        e = b->ops->tokens->token_insert(b, &state->token, TOKEN_MAX, state->channel.created_ms);
    if (!e)
        e = channel_edit_audit(c, b, "channel.create", &nothing, &state->channel);
    if (!e)
        e = ask_contact(c, b, state);
    if (!e)
        e = contact_look(b, &state->channel, &state->contact);
    if (!e && state->meets)
        e = b->ops->roles->grant_meet(b, c->account->id, GRANT_SCOPE_PROVIDER, state->channel.provider_id);
    return e ? e : prepare(c, state);
}

static void create_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct change_state *state = c->state;
    if (s->err) {
        if (state->meets) /* the refusal used the caller's role, though nothing was committed */
            gate_meet(c, GRANT_SCOPE_PROVIDER, state->channel.provider_id);
        change_failed(c, state, s->err);
        return;
    }
    log_info("api", "channel created", log_int("channel", state->channel.id));
    c->grant = GRANT_ADMIN;
    answer_channel(c, 201, &state->channel, &state->contact, state->token_text);
}

void api_channel_create(struct call *c)
{
    struct change_state *state = call_state(c, sizeof(*state));
    if (!state || !begin_change(c, state))
        return;
    struct channel *channel = &state->channel;
    *channel = channel_standard;
    new_identity(channel);
    token_make(&random_system, state->token_text, &state->token);
    channel_change_apply(&state->change, channel);
    if (!channel_change_has(&state->change, CHANNEL_use_webhook)) /* a URL implies that webhooks are wanted */
        channel->use_webhook = channel->webhook_url[0];
    if (!channel_change_has(&state->change, CHANNEL_provider_id) && !call_is_operator(c)) {
        call_invalid(c, "providerId", "is required");
        return;
    }
    channel->created_ms = channel->updated_ms = c->api->config.clock->wall_ms(c->api->config.clock->arg);
    state->token.created_ms = channel->created_ms;
    state->lacks_url = channel->use_webhook && !channel->webhook_url[0];
    if (!channel->name[0] || state->lacks_url) {
        call_invalid(c, state->lacks_url ? "webhookUrl" : "name",
                     state->lacks_url ? "is needed while useWebhook is on" : "is required");
        return;
    }
    call_write(c, create_run, create_committed, create_done);
}

static enum err apply_change(struct call *c, struct channel *channel)
{
    struct change_state *state = channel_edit_of(c)->arg;
    channel_change_apply(&state->change, channel);
    state->channel = *channel;
    state->lacks_url = channel->use_webhook && !channel->webhook_url[0];
    return state->lacks_url ? ERR_CONFLICT : check_notification(c, state);
}

static enum err ask_changed(struct call *c, struct backend *b, const struct channel *channel)
{
    struct change_state *state = channel_edit_of(c)->arg;
    state->channel = *channel;
    return ask_contact(c, b, state);
}

static enum err look_changed(struct call *c, struct backend *b, const struct channel *channel)
{
    struct change_state *state = channel_edit_of(c)->arg;
    return contact_look(b, channel, &state->contact);
}

static void change_done(struct call *c, const struct channel *channel, enum err err)
{
    struct change_state *state = channel_edit_of(c)->arg;
    if (err)
        change_failed(c, state, err);
    else
        answer_channel(c, 200, channel, &state->contact, NULL);
}

void api_channel_change(struct call *c)
{
    struct change_state *state = call_state(c, sizeof(*state));
    if (!state)
        return;
    struct channel_ref *ref = call_channel(c);
    if (!ref)
        return;
    int64_t id = ref->channel.id;
    channel_ref_drop(ref);
    if (!begin_change(c, state))
        return;
    if (channel_change_has(&state->change, CHANNEL_provider_id)) {
        call_invalid(c, "providerId", "cannot be changed");
    } else if (!channel_change_allowed(&state->change, c->grant)) {
        call_refuse(c, 403, "This needs the role Admin; a Member may only set suspended to false");
    } else {
        channel_edit_submit(c, &(struct channel_edit){.id = id,
                                                      .apply = apply_change,
                                                      .also = ask_changed,
                                                      .look = look_changed,
                                                      .done = change_done,
                                                      .arg = state,
                                                      .action = "channel.update"});
    }
}

static enum err delete_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct change_state *state = c->state;
    struct channel before, after = {.id = state->channel.id};
    enum err e = b->ops->channels->channel_get(b, state->channel.id, &before);
    if (!e)
        e = b->ops->channels->channel_delete(b, state->channel.id);
    return e ? e : channel_edit_audit(c, b, "channel.delete", &before, &after);
}

static void delete_committed(struct store_call *s)
{
    struct call *c = call_of(s);
    struct change_state *state = c->state;
    directory_remove(c->api->config.directory, state->channel.id);
}

static void delete_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct change_state *state = c->state;
    if (s->err) {
        change_failed(c, state, s->err);
        return;
    }
    tell_courier(c, state);
    log_info("api", "channel deleted", log_int("channel", state->channel.id));
    call_answer(c, 204, "application/json; charset=utf-8", SPAN_LIT(""));
}

void api_channel_delete(struct call *c)
{
    struct change_state *state = call_state(c, sizeof(*state));
    struct channel_ref *ref = state ? call_channel(c) : NULL;
    if (!ref)
        return;
    state->channel.id = ref->channel.id;
    channel_ref_drop(ref);
    c->state = state;
    state->note = mem_zero(1, sizeof(*state->note));
    if (!state->note)
        call_failed(c, ERR_NOMEM);
    else
        call_write(c, delete_run, delete_committed, delete_done);
}

static enum err show_run(struct store_call *s, struct backend *b)
{
    struct change_state *state = call_of(s)->state;
    return contact_look(b, &state->channel, &state->contact);
}

static void show_done(struct store_call *s)
{
    struct call *c = call_of(s);
    const struct change_state *state = c->state;
    if (s->err)
        call_failed(c, s->err);
    else
        answer_channel(c, 200, &state->channel, &state->contact, NULL);
}

void api_channel_show(struct call *c)
{
    struct change_state *state = call_state(c, sizeof(*state));
    struct channel_ref *ref = state ? call_channel(c) : NULL;
    if (!ref)
        return;
    state->channel = ref->channel;
    channel_ref_drop(ref);
    c->state = state;
    if (state->channel.contact_email[0])
        call_read(c, show_run, show_done);
    else
        answer_channel(c, 200, &state->channel, &state->contact, NULL);
}

struct list_state {
    struct page page;
    struct channel_filter filter;
    int64_t now_ms;
    bool by_state;
    enum channel_health state;
    struct call *call;
    struct backend *backend; /* valid during the run */
    const struct delivery_settings
        *settings; /* as of the call's arrival, because rows are read on a thread of the store */
};

static bool is_in_state(const struct list_state *l, const struct channel *channel,
                        const struct channel_ref *ref)
{
    struct pulse_view v = {0};
    if (ref)
        pulse_read(&ref->live->pulse, l->now_ms, &v);
    return channel_health_of(channel, &v) == l->state;
}

/* Writes one row. ERR_LIMIT: the page is full, and more rows exist. */
static enum err list_row(void *arg, const struct channel *channel, enum grant grant)
{
    struct list_state *l = arg;
    struct contact_view contact = {0};
    struct channel_ref *ref = directory_get(l->call->api->config.directory, channel->id);
    enum err e = ERR_NONE;
    if (!l->by_state || is_in_state(l, channel, ref)) {
        e = page_row(&l->page, channel->id) ? contact_look(l->backend, channel, &contact) : ERR_LIMIT;
        if (!e) {
            struct json_write *w = &l->page.w;
            json_write_object(w);
            channel_change_show(w, channel, &contact, grant, l->settings, ref ? ref->live : NULL, l->now_ms);
            show_available(w, l->call->api, channel);
            json_write_end(w);
        }
    }
    channel_ref_drop(ref);
    return e;
}

static enum err list_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct list_state *l = c->state;
    l->backend = b;
    page_begin(&l->page, call_out(c));
    enum err e = b->ops->roles->channel_find(b, &l->filter, list_row, l);
    return page_end(&l->page, e == ERR_LIMIT ? ERR_NONE : e);
}

void api_channel_list(struct call *c)
{
    static const struct page_kind kind = {.member = "channels", .filters = {"provider", "q", "state"}};
    struct list_state *l = call_state(c, sizeof(*l));
    if (!l || !page_read(c, &l->page, &kind))
        return;
    struct span provider = query_text(c, "provider"), state = query_text(c, "state");
    l->call = c;
    l->now_ms = call_now(c);
    l->by_state = state.ptr;
    l->settings = c->api->config.settings;
    l->filter.after = l->page.from;
    l->filter.provider_id = provider.ptr ? call_channel_id(provider) : 0;
    l->filter.account_id = call_sees(c);
    l->filter.text = query_text(c, "q");
    if (provider.ptr && !l->filter.provider_id) {
        call_invalid(c, "provider", "must be the id of a provider");
        return;
    }
    if (state.ptr && channel_health_find(state, &l->state)) {
        call_invalid(c, "state", "must be active, failing, suspended or off");
        return;
    }
    l->filter.limit =
        l->by_state ? UINT32_MAX : page_ask(&l->page); /* only memory knows the state, so filter here */
    c->state = l;
    c->status = 200;
    call_read(c, list_run, call_done);
}
