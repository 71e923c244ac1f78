#pragma once
/*
 * Starts a session for somebody who has proven who they are: log-in, setup and invitation all end here. Also
 * hands passwords to the worker.
 */
#include "api/people/login_json.h"

struct login {
    struct call *call;
    struct password_job job;
    struct account account; /* id 0: no account */
    struct session session;
    char email[EMAIL_MAX + 1], peer[CALL_PEER_LEN], ticket[TICKET_LEN + 1];
};

/*
 * Makes a zeroed c->state with the password in it; NULL: the call has been answered. password NULL: none yet.
 */
struct login *login_new(struct call *c, const char *password) MUST_CHECK;
/* Sets another password for the job; false: answered with 400 about that property. */
bool login_password(struct login *l, const char *property, const char *password) MUST_CHECK;
/* Hands the job to the worker; false: the worker is too busy, answered with 503. */
bool login_submit(struct login *l, void (*done)(struct password_job *j)) MUST_CHECK;

/*
 * Inside a write: makes the session of l->account, which the transaction has just read or made, and its
 * answer.
 */
enum err login_begin(struct login *l, struct backend *b, const char *action) MUST_CHECK;
/* The done callback of that write: answers with the cookie, or with the error. */
void login_done(struct store_call *s);
