/*
 * /api/v1/session and /api/v1/setup: logging in and out, and the first account.
 *
 *     body ─► limits ─► store: the account ─► password worker ─► store: the session, in one commit with its line of the audit log
 *
 * An address that is not known takes the same way, to the same answer.
 */
#include <sodium.h>
#include <stdio.h>

#include "api/session_json.h"
#include "base/log.h"

#define ANSWER_MAX (1u << 20)

struct login {
    struct call *call;
    struct password_job job;
    struct account account; /* id 0: there is none */
    struct session session;
    char email[ACCOUNT_EMAIL_MAX + 1], peer[CALL_PEER_LEN], ticket[TICKET_LEN + 1];
    int status; /* of a success */
    struct buf out;
};

static const struct api_access *access_of(const struct call *c)
{
    return c->api->config.access;
}

static void answer_session(struct call *c, struct login *l)
{
    char cookie[SESSION_COOKIE_LEN];
    session_set_cookie(l->ticket, call_is_secure(c), cookie);
    call_json_with(c, l->status, &l->out, "set-cookie", cookie);
}

/* The session of l->account, which the transaction has just read or made. */
static enum err begin_session(struct call *c, struct backend *b, struct login *l, const char *action)
{
    int64_t now = call_now(c);
    char target[32];
    (void)snprintf(target, sizeof(target), "account/%lld", (long long)l->account.id);
    l->session = (struct session){.account_id = l->account.id, .created_ms = now, .used_ms = now};
    ticket_make(&random_system, l->ticket, l->session.hash);
    l->account.last_login_ms = now;
    buf_deinit(&l->out); /* a second run */
    buf_init(&l->out, ANSWER_MAX);
    enum err e = b->ops->account_update(b, &l->account);
    if (!e)
        e = b->ops->session_insert(b, &l->session, SESSION_MAX);
    if (!e)
        e = call_audit_as(c, b, &l->account, action, target, 0, SPAN_LIT(""));
    if (!e)
        e = session_show(&l->out, b, &l->account, span_of(l->ticket),
                         session_expires(&l->session, access_of(c)->session_ms));
    return e;
}

static void refuse_login(struct call *c)
{
    call_refuse(c, 401, "The mail address or the password is wrong");
}

static enum err refused_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    const struct login *l = c->state;
    struct buf details;
    buf_init(&details, 4096);
    struct json_write w;
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "email");
    json_write_str(&w, l->email);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (!e)
        e = call_audit(c, b, "session.refused", "session", 0, buf_span(&details));
    buf_deinit(&details);
    return e;
}

static void refused_done(struct store_call *s)
{
    struct call *c = call_of(s);
    const struct login *l = c->state;
    log_warn("access", "log-in refused", log_str("email", l->email), log_str("peer", l->peer));
    refuse_login(c); /* written down or not */
}

static enum err login_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct login *l = c->state;
    struct account now;
    enum err e = b->ops->account_get(b, l->account.id, &now);
    if (e == ERR_NOT_FOUND || (!e && (now.disabled || strcmp(now.password, l->account.password) != 0)))
        return ERR_DENIED; /* it changed while the password was looked at */
    l->account = now;
    return e ? e : begin_session(c, b, l, "session.login");
}

static void login_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct login *l = c->state;
    if (s->err) {
        buf_deinit(&l->out);
        if (s->err == ERR_DENIED)
            refuse_login(c);
        else
            call_failed(c, s->err);
        return;
    }
    log_info("access", "logged in", log_int("account", l->account.id), log_str("peer", l->peer));
    answer_session(c, l);
}

static void verified(struct password_job *j)
{
    struct login *l = list_entry(j, struct login, job);
    struct call *c = l->call;
    if (j->err) {
        login_limit_undo(access_of(c)->limits, span_of(l->email), span_of(l->peer));
        call_failed(c, j->err);
    } else if (!j->ok || l->account.disabled) {
        call_write(c, refused_run, NULL, refused_done);
    } else {
        login_limit_success(access_of(c)->limits, span_of(l->email), span_of(l->peer));
        call_write(c, login_run, NULL, login_done);
    }
}

static bool submit(struct call *c, struct login *l)
{
    l->job.home = c->api->config.mailbox;
    if (password_submit(access_of(c)->passwords, &l->job))
        return true;
    explicit_bzero(l->job.password, sizeof(l->job.password));
    call_retry(c, 503, "Too many log-ins at once", 5);
    return false;
}

static enum err find_run(struct store_call *s, struct backend *b)
{
    struct login *l = call_of(s)->state;
    l->account = (struct account){0};
    enum err e = b->ops->account_by_email(b, span_of(l->email), &l->account);
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static void find_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct login *l = c->state;
    if (s->err) {
        login_limit_undo(access_of(c)->limits, span_of(l->email), span_of(l->peer));
        call_failed(c, s->err);
        return;
    }
    memcpy(l->job.hash, l->account.password, sizeof(l->job.hash)); /* "" without an account, or a password */
    l->job.done = verified;
    char email[ACCOUNT_EMAIL_MAX + 1], peer[CALL_PEER_LEN];
    memcpy(email, l->email, sizeof(email));
    memcpy(peer, l->peer, sizeof(peer));
    const struct api_access *access = access_of(c);
    if (!submit(c, l))
        login_limit_undo(access->limits, span_of(email), span_of(peer));
}

/* A zeroed state with the password in it; NULL: answered. */
static struct login *login_state(struct call *c, const char *password)
{
    struct login *l = call_state(c, sizeof(*l));
    if (!l)
        return NULL;
    size_t len = strlen(password);
    if (len > PASSWORD_BYTES_MAX) {
        call_invalid(c, "password", "must be at most 200 characters");
        return NULL;
    }
    l->call = c;
    c->state = l;
    memcpy(l->job.password, password, len);
    l->job.len = len;
    call_peer(c, l->peer);
    return l;
}

void api_session_begin(struct call *c)
{
    const char *email = NULL, *password = NULL;
    const struct session_member members[] = {{"email", true, &email}, {"password", true, &password}};
    struct login *l = session_members(c, members, 2) ? login_state(c, password) : NULL;
    if (!l || !session_read_email(c, email, l->email))
        return;
    uint32_t wait_s = login_limit_try(access_of(c)->limits, span_of(l->email), span_of(l->peer));
    if (wait_s) {
        call_retry(c, 429, "Too many tries; wait, and try again", wait_s);
        return;
    }
    l->status = 200;
    call_read(c, find_run, find_done);
}

static enum err no_account(void *arg, const struct account *a)
{
    (void)arg;
    (void)a;
    return ERR_CONFLICT;
}

static enum err setup_check_run(struct store_call *s, struct backend *b)
{
    (void)s;
    return b->ops->account_list(b, 0, 1, no_account, NULL);
}

static void setup_failed(struct call *c, enum err e)
{
    if (e == ERR_CONFLICT)
        call_refuse(c, 409, "There is an account already: this link is used up");
    else
        call_failed(c, e);
}

static enum err setup_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct login *l = c->state;
    enum err e = setup_check_run(s, b);
    if (!e)
        e = b->ops->account_insert(b, &l->account);
    return e ? e : begin_session(c, b, l, "setup");
}

static void setup_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct login *l = c->state;
    if (s->err) {
        buf_deinit(&l->out);
        setup_failed(c, s->err);
        return;
    }
    log_info("access", "the first account was made", log_int("account", l->account.id));
    answer_session(c, l);
}

static void setup_hashed(struct password_job *j)
{
    struct login *l = list_entry(j, struct login, job);
    struct call *c = l->call;
    if (j->err) {
        call_failed(c, j->err);
        return;
    }
    memcpy(l->account.password, j->hash, sizeof(l->account.password));
    call_write(c, setup_run, NULL, setup_done);
}

static void setup_check_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct login *l = c->state;
    if (s->err) {
        setup_failed(c, s->err);
        return;
    }
    l->job.make = true;
    l->job.done = setup_hashed;
    (void)submit(c, l);
}

void api_setup(struct call *c)
{
    const char *token = NULL, *email = NULL, *password = NULL, *name = NULL, *language = NULL;
    const struct session_member members[] = {{"token", true, &token},
                                             {"email", true, &email},
                                             {"password", true, &password},
                                             {"name", false, &name},
                                             {"language", false, &language}};
    if (!session_members(c, members, 5))
        return;
    uint8_t hash[SESSION_HASH_LEN];
    ticket_hash(span_of(token), hash);
    if (sodium_memcmp(hash, access_of(c)->setup_hash, sizeof(hash)) != 0) {
        call_refuse(c, 403, "This link is not valid: a node makes a new one at each start");
        return;
    }
    struct login *l = login_state(c, password);
    if (!l)
        return;
    l->account = (struct account){.operator= true, .language = "en", .created_ms = call_now(c)};
    if (!session_read_email(c, email, l->account.email) || !session_read_name(c, name, l->account.name) ||
        !session_read_language(c, language, l->account.language))
        return;
    const char *refusal = password_refuse(span_of(password), l->account.email);
    if (refusal) {
        call_invalid(c, "password", refusal);
        return;
    }
    l->status = 201;
    call_read(c, setup_check_run, setup_check_done);
}

struct show_state {
    struct buf out;
};

static enum err show_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct show_state *state = c->state;
    buf_deinit(&state->out); /* a second run */
    buf_init(&state->out, ANSWER_MAX);
    struct session used = *c->session;
    if (session_stale(&used, access_of(c)->session_ms, call_now(c)))
        used.used_ms = call_now(c); /* as it is being written down */
    return session_show(&state->out, b, c->account, c->cookie,
                        session_expires(&used, access_of(c)->session_ms));
}

static void show_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct show_state *state = c->state;
    if (s->err) {
        buf_deinit(&state->out);
        call_failed(c, s->err);
        return;
    }
    call_json(c, 200, &state->out);
}

/* A key has no session. */
static bool has_session(struct call *c)
{
    if (!c->session)
        call_refuse(c, 401, "This is no session: log in");
    return c->session;
}

void api_session_show(struct call *c)
{
    if (!has_session(c))
        return;
    c->state = call_state(c, sizeof(struct show_state));
    if (c->state)
        call_read(c, show_run, show_done);
}

static enum err end_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    const bool *everywhere = c->state;
    enum err e = *everywhere ? b->ops->session_delete_others(b, c->account->id, NULL)
                             : b->ops->session_delete(b, c->session->hash);
    return e ? e
             : call_audit(c, b, "session.logout", "session", 0,
                          *everywhere ? SPAN_LIT("{\"everywhere\":true}") : SPAN_LIT(""));
}

static void end_done(struct store_call *s)
{
    struct call *c = call_of(s);
    if (s->err) {
        call_failed(c, s->err);
        return;
    }
    char cookie[SESSION_COOKIE_LEN];
    session_set_cookie("", call_is_secure(c), cookie);
    const struct server_header_out headers[] = {{"cache-control", "no-store"}, {"set-cookie", cookie}};
    call_answer_with(c, 204, headers, 2, SPAN_LIT(""));
}

void api_session_end(struct call *c)
{
    static const char *const known[] = {"everywhere", NULL};
    if (!has_session(c) || !call_query_known(c, known))
        return;
    bool *everywhere = call_state(c, sizeof(*everywhere));
    if (!everywhere)
        return;
    struct span text = call_query(c, "everywhere");
    if (text.ptr && !span_eq(text, SPAN_LIT("true")) && !span_eq(text, SPAN_LIT("false"))) {
        call_invalid(c, "everywhere", "must be true or false");
        return;
    }
    *everywhere = text.ptr && span_eq(text, SPAN_LIT("true"));
    c->state = everywhere;
    call_write(c, end_run, NULL, end_done);
}
