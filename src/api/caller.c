/* The caller of a call, its address, and the audit log lines that name them. */
#include "api/call.h"

bool call_is_operator(const struct call *c)
{
    return c->role == ROLE_OPERATOR || (c->account && c->account->operator);
}

int64_t call_sees(const struct call *c)
{
    return call_is_operator(c) || !c->account ? 0 : c->account->id;
}

/*
 * The last address of x-forwarded-for: our proxy wrote it, while the client may have forged those before it.
 */
static struct span forwarded_for(const struct call *c)
{
    size_t n = server_header_count(c->req, "x-forwarded-for");
    struct span all = n ? server_header_at(c->req, "x-forwarded-for", n - 1) : (struct span){NULL, 0};
    size_t from = all.len;
    while (from && all.ptr[from - 1] != ',')
        from--;
    struct span last = {all.ptr + from, all.len - from};
    while (last.len && last.ptr[0] == ' ') {
        last.ptr++;
        last.len--;
    }
    while (last.len && last.ptr[last.len - 1] == ' ')
        last.len--;
    return last;
}

void call_peer(const struct call *c, char out[static CALL_PEER_LEN])
{
    struct span proxy = c->api->config.access->behind_proxy ? forwarded_for(c) : (struct span){NULL, 0};
    if (proxy.len && proxy.len < CALL_PEER_LEN) {
        memcpy(out, proxy.ptr, proxy.len);
        out[proxy.len] = '\0';
        return;
    }
    server_peer(c->req, out); /* "203.0.113.7:50312", "[::1]:80" */
    char *colon = strrchr(out, ':');
    if (colon)
        *colon = '\0';
    size_t len = strlen(out);
    if (out[0] == '[' && out[len - 1] == ']') {
        memmove(out, out + 1, len - 2);
        out[len - 2] = '\0';
    }
}

bool call_is_secure(const struct call *c)
{
    return server_is_tls(c->req) || c->api->config.access->behind_proxy;
}

static enum err audit(struct call *c, struct backend *b, struct audit_entry *e, const char *action,
                      const char *target, int64_t channel_id, struct span details)
{
    char peer[CALL_PEER_LEN];
    call_peer(c, peer);
    e->at_ms = call_now(c);
    e->peer = span_of(peer);
    e->action = span_of(action);
    e->target = span_of(target);
    e->channel_id = channel_id;
    e->details = details.len ? details : SPAN_LIT("{}");
    return b->ops->audit->audit_insert(b, e);
}

enum err call_audit_as(struct call *c, struct backend *b, const struct account *who, const char *action,
                       const char *target, int64_t channel_id, struct span details)
{
    struct audit_entry e = {.account_id = who->id, .who = span_of(who->email)};
    return audit(c, b, &e, action, target, channel_id, details);
}

enum err call_audit(struct call *c, struct backend *b, const char *action, const char *target,
                    int64_t channel_id, struct span details)
{
    if (c->account)
        return call_audit_as(c, b, c->account, action, target, channel_id, details);
    struct audit_entry e = {.who = {c->hint, strlen(c->hint)}};
    if (!c->hint[0])
        e.who = SPAN_LIT("nobody");
    return audit(c, b, &e, action, target, channel_id, details);
}
