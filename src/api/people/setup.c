/*
 * /api/v1/setup and /api/v1/invitation: turns a link into an account that can log in. The ticket is checked
 * before the costly hashing of the password, and again in the transaction that uses it up.
 */
#include <sodium.h>

#include "api/members.h"
#include "api/people/account_json.h"
#include "api/people/login.h"
#include "report/invitee.h"

static enum err any_account(void *arg, const struct account *a)
{
    (void)a;
    *(bool *)arg = true;
    return ERR_NONE;
}

static enum err setup_check_run(struct store_call *s, struct backend *b)
{
    bool any = false;
    enum err e = b->ops->accounts->account_list(b, 0, 1, any_account, &any);
    return !e && any
               ? call_stop(call_of(s), ERR_CONFLICT, "There is an account already: this link is used up")
               : e;
}

static enum err setup_run(struct store_call *s, struct backend *b)
{
    struct login *l = call_of(s)->state;
    enum err e = setup_check_run(s, b);
    if (!e)
        e = b->ops->accounts->account_insert(b, &l->account);
    if (!e) /* as for the creator of a provider: somebody has to get the notices about its channels */
        e = b->ops->roles->grant_put(b, l->account.id, GRANT_SCOPE_PROVIDER, PROVIDER_DEFAULT, GRANT_ADMIN);
    return e ? e : login_begin(l, b, "account.setup");
}

/* Continues after the hashing of the password, in one transaction. */
static void hashed(struct password_job *j, enum err (*run)(struct store_call *s, struct backend *b))
{
    struct login *l = list_entry(j, struct login, job);
    if (j->err)
        call_failed(l->call, j->err);
    else
        call_write(l->call, run, NULL, login_done);
}

static void setup_hashed(struct password_job *j)
{
    struct login *l = list_entry(j, struct login, job);
    memcpy(l->account.password, j->hash, sizeof(l->account.password));
    hashed(j, setup_run);
}

static void setup_check_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct login *l = c->state;
    l->job.make = true;
    if (s->err)
        call_stopped(c, s->err);
    else if (!login_submit(l, setup_hashed))
        return;
}

/* Whether the password is acceptable; false: the call has been answered. */
static bool password_will_do(struct call *c, const char *password, const char *email)
{
    const char *refusal = password_refuse(span_of(password), email);
    if (refusal)
        call_invalid(c, "password", refusal);
    return !refusal;
}

void api_setup(struct call *c)
{
    const char *token = NULL, *email = NULL, *password = NULL, *name = NULL, *language = NULL;
    const struct member members[] = {{"token", true, &token},
                                     {"email", true, &email},
                                     {"password", true, &password},
                                     {"name", false, &name},
                                     {"language", false, &language}};
    if (!members_read(c, members, 5))
        return;
    uint8_t hash[SESSION_HASH_LEN];
    ticket_hash(span_of(token), hash);
    if (sodium_memcmp(hash, c->api->config.access->setup_hash, sizeof(hash)) != 0) {
        call_refuse(c, 403, "This link is not valid: a node makes a new one at each start");
        return;
    }
    struct login *l = login_new(c, password);
    if (!l)
        return;
    l->account =
        (struct account){.operator= true, .confirmed = true, .language = "en", .created_ms = call_now(c)};
    if (!login_read_email(c, email, l->account.email) || !login_read_name(c, name, l->account.name) ||
        !login_read_language(c, language, l->account.language) ||
        !password_will_do(c, password, l->account.email))
        return;
    c->status = 201;
    call_read(c, setup_check_run, setup_check_done);
}

struct invited {
    struct login login; /* first member: c->state points to it */
    uint8_t hash[SESSION_HASH_LEN];
    const char *password;
    char name[ACCOUNT_NAME_MAX + 1], language[3]; /* "": unchanged */
};

/* Reads the invited account as it is now. */
static enum err find_invited(struct call *c, struct backend *b)
{
    struct invited *i = c->state;
    struct invitation invitation;
    enum err e = b->ops->accounts->invitation_get(b, i->hash, &invitation);
    if (!e && invitation.expires_ms <= call_now(c))
        e = ERR_NOT_FOUND;
    if (!e)
        e = b->ops->accounts->account_get(b, invitation.account_id, &i->login.account);
    if (e == ERR_NOT_FOUND || (!e && i->login.account.disabled))
        return call_stop(
            c, ERR_DENIED,
            "This invitation is used up, replaced by another one, or too old: ask for a new one");
    return e;
}

static enum err invited_check_run(struct store_call *s, struct backend *b)
{
    return find_invited(call_of(s), b);
}

static enum err invited_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct invited *i = c->state;
    struct account *a = &i->login.account;
    enum err e = find_invited(c, b);
    if (e)
        return e;
    const struct account before = *a;
    /* the link was mailed to the address, or an operator handed it over */
    confirm_mark(a, CONFIRM_HAND_OVER);
    memcpy(a->password, i->login.job.hash, sizeof(a->password));
    if (i->name[0])
        memcpy(a->name, i->name, sizeof(a->name));
    if (i->language[0])
        memcpy(a->language, i->language, sizeof(a->language));
    e = b->ops->accounts->invitation_delete(b, a->id);
    if (!e)
        e = invitee_answered(b, a);
    if (!e)
        e = b->ops->accounts->session_delete_others(b, a->id, NULL);
    if (!e)
        e = account_json_confirm(c, b, &before, CONFIRM_HAND_OVER, a);
    return e ? e : login_begin(&i->login, b, "account.accept");
}

static void invited_hashed(struct password_job *j)
{
    hashed(j, invited_run);
}

static void invited_check_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct invited *i = c->state;
    i->login.job.make = true;
    if (s->err)
        call_stopped(c, s->err);
    else if (!password_will_do(c, i->password, i->login.account.email) ||
             !login_submit(&i->login, invited_hashed))
        return;
}

void api_invitation(struct call *c)
{
    const char *token = NULL, *password = NULL, *name = NULL, *language = NULL;
    const struct member members[] = {{"token", true, &token},
                                     {"password", true, &password},
                                     {"name", false, &name},
                                     {"language", false, &language}};
    struct invited *i = members_read(c, members, 4) ? call_state(c, sizeof(*i)) : NULL;
    if (!i || !login_read_name(c, name, i->name) || !login_read_language(c, language, i->language))
        return;
    i->login.call = c;
    c->state = i;
    call_peer(c, i->login.peer);
    if (!login_password(&i->login, "password", password))
        return;
    i->password = password;
    ticket_hash(span_of(token), i->hash);
    c->status = 201;
    call_read(c, invited_check_run, invited_check_done);
}
