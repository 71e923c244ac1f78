#pragma once
/* Who may use a route: the words of route.def's third column. */
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
    WHO_TOKEN, /* a channel access token, and nobody else: an operator neither */
};

struct route {
    const char *method, *path;
    enum who who;
    uint32_t body_max;
    void (*handler)(struct call *c);
};

/* Finds out who calls and hands on to serve, or answers: 401 nobody is known, 403 that is not enough, 404
 * that channel or provider does not exist as far as this account is concerned. */
void gate_pass(struct call *c, void (*serve)(struct call *c));

/*
 * What the head of a request alone decides, while its body has not come: GATE_REFUSE, with the answer that
 * gate_pass() would give: no key and no session at all, or a key that is known and may not do this;
 * GATE_PASS: the body may come, for gate_pass() to decide again with it; GATE_ASK: gate_pass() has to look
 * elsewhere first: for a session, a token, or a key that may be new.
 */
enum gate { GATE_PASS, GATE_ASK, GATE_REFUSE };
enum gate gate_early(const struct api *a, const struct route *r, struct server_request *req, int *ret_status,
                     const char **ret_message);

/*
 * Looks again whether whoever asked still may, for answers that take long; done is called at once for a key,
 * later for a session. The call's handler must ask nothing of the store meanwhile. A look is no use of the
 * session.
 */
void gate_again(struct call *c, void (*done)(struct call *c, bool allowed));

/*
 * The account of the call has used a role that it holds there for the first time: from now on whoever sees the
 * list of roles may know whose role it is. The write is a store call of its own, so it stays even where the
 * call itself is refused. Nobody waits for it; later calls in the writer's order see it.
 */
void gate_meet(struct call *c, enum grant_scope scope, int64_t id);
