#pragma once
/* Whoever has shown who they are gets a session: log-in, setup and invitation end alike. And passwords on
 * their way to the worker. */
#include "api/people/session_json.h"

struct login {
    struct call *call;
    struct password_job job;
    struct account account; /* id 0: there is none */
    struct session session;
    char email[EMAIL_MAX + 1], peer[CALL_PEER_LEN], ticket[TICKET_LEN + 1];
};

/* A zeroed state, c->state, with the password in it; NULL: answered. password NULL: none yet. */
struct login *login_new(struct call *c, const char *password) MUST_CHECK;
/* Another password for the job; false: answered with 400 already, about that property. */
bool login_password(struct login *l, const char *property, const char *password) MUST_CHECK;
/* Hands the job to the worker; false: it has too much to do, answered with 503. */
bool login_submit(struct login *l, void (*done)(struct password_job *j)) MUST_CHECK;

/* In a write: the session of l->account, which the transaction has just read or made, and its answer. */
enum err login_begin(struct login *l, struct backend *b, const char *action) MUST_CHECK;
/* As done of that write: answers with the cookie, or says why not. */
void login_done(struct store_call *s);
