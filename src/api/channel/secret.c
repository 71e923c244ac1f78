/*
 * /api/v1/channels/{id}/secret: shows the secret, which is audited, or rotates it with a grace period in
 * which both secrets sign.
 */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>

#include "api/channel/channel_edit.h"
#include "base/log.h"

#define GRACE_DEFAULT_S 86400
#define GRACE_MAX_S (7 * 86400)

static void write_secret(struct json_write *w, const struct channel *channel, int64_t now_ms)
{
    json_write_object(w);
    json_write_key(w, "channelSecret");
    json_write_str(w, channel->secret);
    if (channel_in_grace(channel, now_ms)) {
        json_write_key(w, "previousUntil");
        call_write_time(w, channel->previous_until_ms);
    }
    json_write_end(w);
}

static enum err show_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct channel channel;
    struct json_write w;
    char target[32];
    enum err e = b->ops->channels->channel_get(b, call_channel_id(c->params[0]), &channel);
    json_write_init(&w, call_out(c));
    if (e == ERR_NOT_FOUND)
        return call_stop(c, e, "No such channel");
    if (e)
        return e;
    (void)snprintf(target, sizeof(target), "channel/%lld", (long long)channel.id);
    write_secret(&w, &channel, call_now(c));
    explicit_bzero(&channel.secret, sizeof(channel.secret));
    e = json_write_finish(&w);
    return e ? e : call_audit(c, b, "secret.show", target, channel.id, SPAN_LIT(""));
}

void api_secret_show(struct call *c)
{
    c->status = 200;
    call_write(c, show_run, NULL, call_done); /* the audit line is committed before the secret is shown */
}

struct rotation {
    char secret[CHANNEL_SECRET_LEN + 1];
    int64_t grace_ms;
};

/* Drops an older secret that is still in its grace period: at most two secrets sign. */
static enum err rotate(struct call *c, struct channel *channel)
{
    const struct rotation *r = channel_edit_of(c)->arg;
    memcpy(channel->previous_secret, channel->secret, sizeof(channel->previous_secret));
    memcpy(channel->secret, r->secret, sizeof(channel->secret));
    channel->previous_until_ms = call_now(c) + r->grace_ms;
    if (!r->grace_ms) {
        channel->previous_secret[0] = '\0';
        channel->previous_until_ms = 0;
    }
    return ERR_NONE;
}

static void rotated(struct call *c, const struct channel *channel, enum err err)
{
    if (err) {
        call_failed(c, err);
        return;
    }
    log_info("api", "channel secret rotated", log_int("channel", channel->id),
             log_int("grace_until", channel->previous_until_ms / 1000));
    struct buf out;
    buf_init(&out, 4096);
    struct json_write w;
    json_write_init(&w, &out);
    write_secret(&w, channel, call_now(c));
    call_finish(c, 200, &w);
}

/* Reads graceSeconds. false: already answered. */
static bool read_grace(struct call *c, int64_t *ret_ms)
{
    int64_t seconds = GRACE_DEFAULT_S;
    if (server_body(c->req).len) {
        json_t *object = call_object(c);
        if (!object)
            return false;
        const json_t *v = json_object_get(object, "graceSeconds");
        bool unknown = json_object_size(object) > (v ? 1u : 0u);
        bool given = v && !json_is_null(v);
        bool wrong = given && (!json_is_integer(v) || json_integer_value(v) < 0 ||
                               json_integer_value(v) > GRACE_MAX_S);
        if (given && !wrong)
            seconds = json_integer_value(v);
        json_decref(object);
        if (unknown || wrong) {
            call_invalid(c, wrong ? "graceSeconds" : "",
                         wrong ? "must be an integer from 0 to 604800"
                               : "only the member graceSeconds is known");
            return false;
        }
    }
    *ret_ms = seconds * 1000;
    return true;
}

void api_secret_rotate(struct call *c)
{
    struct rotation *r = call_state(c, sizeof(*r));
    struct channel_ref *ref = r ? call_channel(c) : NULL;
    if (!ref)
        return;
    int64_t id = ref->channel.id;
    channel_ref_drop(ref);
    if (!read_grace(c, &r->grace_ms))
        return;
    unsigned char raw[CHANNEL_SECRET_LEN / 2];
    random_system.fill(random_system.arg, raw, sizeof(raw));
    (void)sodium_bin2hex(r->secret, sizeof(r->secret), raw, sizeof(raw));
    explicit_bzero(raw, sizeof(raw));
    channel_edit_submit(c,
                        &(struct channel_edit){
                            .id = id, .apply = rotate, .done = rotated, .arg = r, .action = "secret.rotate"});
}
