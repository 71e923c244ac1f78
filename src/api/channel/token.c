/* /api/v1/channels/{id}/tokens: issues (shown once), lists and revokes channel access tokens. */
#include <jansson.h>
#include <stdio.h>

#include "api/call.h"

#define EXPIRES_MIN 60
#define EXPIRES_MAX (3650LL * 86400) /* ten years; without a time a token never expires */

struct token_state {
    int64_t channel_id;
    struct channel_token token;
    char text[TOKEN_TEXT_LEN + 1]; /* only set when issuing */
    struct json_write w;
};

static struct token_state *state_for(struct call *c)
{
    struct token_state *s = call_state(c, sizeof(*s));
    struct channel_ref *ref = s ? call_channel(c) : NULL;
    if (!ref)
        return NULL;
    s->channel_id = ref->channel.id;
    channel_ref_drop(ref);
    c->state = s;
    return s;
}

static void write_time_or_null(struct json_write *w, const char *key, int64_t ms)
{
    json_write_key(w, key);
    if (ms)
        call_write_time(w, ms);
    else
        json_write_null(w);
}

static void write_token(struct json_write *w, const struct channel_token *t, const char *text)
{
    json_write_object(w);
    json_write_key(w, "tokenId");
    call_write_id(w, t->id);
    json_write_key(w, "hint");
    json_write_str(w, t->hint[0] ? t->hint : NULL);
    write_time_or_null(w, "createdAt", t->created_ms);
    write_time_or_null(w, "expiresAt", t->expires_ms);
    write_time_or_null(w, "lastUsedAt", t->used_ms);
    if (text) {
        json_write_key(w, "channelAccessToken");
        json_write_str(w, text);
    }
    json_write_end(w);
}

static enum err list_row(void *arg, const struct channel_token *t)
{
    write_token(arg, t, NULL);
    return ERR_NONE;
}

static enum err list_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct token_state *s = c->state;
    json_write_init(&s->w, call_out(c));
    json_write_object(&s->w);
    json_write_key(&s->w, "tokens");
    json_write_array(&s->w);
    enum err e = b->ops->tokens->token_list(b, s->channel_id, list_row, &s->w);
    json_write_end(&s->w);
    json_write_end(&s->w);
    enum err written = json_write_finish(&s->w);
    return e ? e : written;
}

void api_token_list(struct call *c)
{
    if (!state_for(c))
        return;
    c->status = 200;
    call_read(c, list_run, call_done);
}

static enum err audit(struct call *c, struct backend *b, const char *action, const struct token_state *s)
{
    char target[32];
    struct buf details;
    struct json_write w;
    (void)snprintf(target, sizeof(target), "channel/%lld", (long long)s->channel_id);
    buf_init(&details, 1024);
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "tokenId");
    call_write_id(&w, s->token.id);
    if (s->text[0])
        write_time_or_null(&w, "expiresAt", s->token.expires_ms);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (!e)
        e = call_audit(c, b, action, target, s->channel_id, buf_span(&details));
    buf_deinit(&details);
    return e;
}

static enum err issue_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct token_state *s = c->state;
    enum err e = b->ops->tokens->token_insert(b, &s->token, TOKEN_MAX, s->token.created_ms);
    if (e == ERR_LIMIT) {
        (void)call_out(c);
        return call_stop(c, ERR_CONFLICT, "This channel has 30 valid tokens; revoke one first");
    }
    if (!e)
        e = audit(c, b, "token.issue", s);
    json_write_init(&s->w, call_out(c));
    write_token(&s->w, &s->token, s->text);
    enum err written = json_write_finish(&s->w);
    return e ? e : written;
}

/* Reads the token's lifetime. false: already answered. */
static bool read_expiry(struct call *c, int64_t *ret_s)
{
    *ret_s = 0;
    if (!server_body(c->req).len)
        return true;
    json_t *object = call_object(c);
    if (!object)
        return false;
    const char *key, *wrong = NULL;
    char unknown[120] = "";
    json_t *v;
    json_object_foreach(object, key, v)
    {
        if (strcmp(key, "expiresInSeconds") != 0)
            (void)snprintf(unknown, sizeof(unknown), "%.100s", key);
        else if (json_is_integer(v) && json_integer_value(v) >= EXPIRES_MIN &&
                 json_integer_value(v) <= EXPIRES_MAX)
            *ret_s = json_integer_value(v);
        else if (!json_is_null(v))
            wrong = "must be an integer from 60 to 315360000, or null";
    }
    json_decref(object);
    if (unknown[0])
        call_invalid(c, unknown, "unknown member");
    else if (wrong)
        call_invalid(c, "expiresInSeconds", wrong);
    return !unknown[0] && !wrong;
}

void api_token_issue(struct call *c)
{
    struct token_state *s = state_for(c);
    int64_t seconds;
    if (!s || !read_expiry(c, &seconds))
        return;
    token_make(&random_system, s->text, &s->token);
    s->token.channel_id = s->channel_id;
    s->token.created_ms = call_now(c);
    s->token.expires_ms = seconds ? s->token.created_ms + seconds * 1000 : 0;
    c->status = 201;
    call_write(c, issue_run, NULL, call_done);
}

static enum err revoke_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct token_state *s = c->state;
    enum err e = b->ops->tokens->token_delete(b, s->channel_id, s->token.id);
    (void)call_out(c);
    if (e == ERR_NOT_FOUND)
        return call_stop(c, e, "No such token");
    return e ? e : audit(c, b, "token.revoke", s);
}

void api_token_revoke(struct call *c)
{
    struct token_state *s = state_for(c);
    if (!s)
        return;
    s->token.id = call_channel_id(c->params[1]);
    c->status = 204;
    call_write(c, revoke_run, NULL, call_done);
}
