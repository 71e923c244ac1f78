#pragma once
/* Access control of routes. enum who: the third column of route.def. */
#include "api/call.h"

enum who {
    WHO_ANYBODY,
    WHO_METRICS,  /* from this machine, or operator */
    WHO_INGEST,   /* a key of either role, or operator */
    WHO_OPERATOR, /* an operator's key, or the session of an operator's account */
    WHO_SESSION,  /* any account, or operator */
    /* With a role on the provider or channel that the first {id} names, or operator. */
    WHO_PROVIDER_MEMBER,
    WHO_PROVIDER_ADMIN,
    WHO_CHANNEL_TESTER,
    WHO_CHANNEL_MEMBER,
    WHO_CHANNEL_ADMIN,
    WHO_TOKEN, /* only a channel access token; not even an operator */
};

/* body_max of a route whose handler takes the body in pieces (server_body_begin), of any type and length. */
#define ROUTE_PIECES UINT32_MAX

struct route {
    const char *method, *path;
    enum who who;
    uint32_t body_max;
    void (*handler)(struct call *c);
};

/*
 * Identifies the caller and continues with serve, or answers: 401 no valid credentials, 403 insufficient
 * role, 404 no such channel or provider, or the account has no role on it.
 */
void gate_pass(struct call *c, void (*serve)(struct call *c));

/*
 * The decision by the head of a request alone, before its body is read. GATE_REFUSE: no credentials, or a
 * known key with an insufficient role; the answer is that of gate_pass(). GATE_PASS: read the body, then
 * gate_pass() decides again. GATE_ASK: gate_pass() must first look up a session, a token, or a key that may
 * be new.
 */
enum gate { GATE_PASS, GATE_ASK, GATE_REFUSE };
enum gate gate_early(const struct api *a, const struct route *r, struct server_request *req, int *ret_status,
                     const char **ret_message);

/*
 * Checks again whether the caller still has access, for long answers. Calls done at once for a key, later for
 * a session. Until then the call's handler must not use the store. The check does not extend the session.
 */
void gate_again(struct call *c, void (*done)(struct call *c, bool allowed));

/*
 * Records that the call's account has used its role on this channel or provider for the first time; from now
 * on the list of roles may show whose role it is. The write is a store call of its own, so it stays even if
 * the call itself is refused. The call does not wait for it; store calls submitted later see it.
 */
void gate_meet(struct call *c, enum grant_scope scope, int64_t id);
