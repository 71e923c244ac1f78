/*
 * Authenticates a channel access token; looks it up for every call, so that revocation takes effect at once.
 */
#include "api/call.h"
#include "base/log.h"
#include "base/mem.h"

#define USED_EVERY_MS 60000 /* a token's last use is written at most this often */

struct auth_state {
    uint8_t hash[ACCESS_HASH_LEN];
    struct channel_token token;
};

static void refuse(struct call *c)
{
    call_refuse(c, 401,
                "Authentication failed due to the following reason: invalid token. Confirm that the access "
                "token in the authorization header is valid.");
}

struct use {
    struct store_call call;
    int64_t id, now_ms;
};

static enum err use_run(struct store_call *call, struct backend *b)
{
    struct use *u = list_entry(call, struct use, call);
    return b->ops->tokens->token_use(b, u->id, u->now_ms);
}

static void use_done(struct store_call *call)
{
    struct use *u = list_entry(call, struct use, call);
    if (call->err)
        log_debug("api", "cannot record the use of a token", log_err("err", call->err));
    mem_free(u);
}

/* Records the use of the token; the call does not wait for it. */
static void note_use(struct call *c, const struct channel_token *t, int64_t now_ms)
{
    struct use *u = now_ms - t->used_ms >= USED_EVERY_MS ? mem_zero(1, sizeof(*u)) : NULL;
    if (!u)
        return;
    u->id = t->id;
    u->now_ms = now_ms;
    u->call = (struct store_call){.run = use_run, .done = use_done};
    store_submit(c->api->config.store, &u->call);
}

static enum err find_run(struct store_call *call, struct backend *b)
{
    struct auth_state *s = call_of(call)->state;
    return b->ops->tokens->token_find(b, s->hash, &s->token);
}

static void find_done(struct store_call *call)
{
    struct call *c = call_of(call);
    struct auth_state *s = c->state;
    int64_t now_ms = call_now(c);
    if (call->err && call->err != ERR_NOT_FOUND) {
        call_failed(c, call->err);
        return;
    }
    if (!call->err && token_valid(&s->token, now_ms))
        c->bearer = directory_get(c->api->config.directory, s->token.channel_id);
    if (!c->bearer) {
        refuse(c);
        return;
    }
    server_vouch(c->req, 0);
    note_use(c, &s->token, now_ms);
    memcpy(c->hint, s->token.hint, sizeof(c->hint));
    c->state = NULL;
    c->serve(c);
}

void call_token(struct call *c, struct span text)
{
    if (text.len != TOKEN_TEXT_LEN) {
        refuse(c);
        return;
    }
    struct auth_state *s = call_state(c, sizeof(*s));
    if (!s)
        return;
    ticket_hash(text, s->hash);
    c->state = s;
    call_read(c, find_run, find_done);
}
