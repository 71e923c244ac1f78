/*
 * /api/v1/accounts: operators make, change and delete accounts. A change that takes rights away also ends the
 * sessions that had them.
 */
#include <jansson.h>
#include <stdio.h>

#include "access/keep.h"
#include "api/page.h"
#include "api/people/account_json.h"
#include "api/people/login.h"

struct account_state {
    struct login login; /* first: for its password job */
    struct account to;  /* what is asked for: */
    bool email, name, language, password, operator, disabled, invite, confirm;
    char why[KEEP_WHY_LEN];
};

static enum err show_listed(void *arg, const struct account *a)
{
    struct page *p = arg;
    if (!page_row(p, a->id))
        return ERR_NONE;
    json_write_object(&p->w);
    account_json_show(&p->w, a);
    json_write_end(&p->w);
    return ERR_NONE;
}

static enum err list_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct page *p = c->state;
    page_begin(p, call_out(c));
    return page_end(p, b->ops->accounts->account_list(b, p->from, page_ask(p), show_listed, p));
}

void api_account_list(struct call *c)
{
    static const struct page_kind kind = {.member = "accounts"};
    struct page *p = call_state(c, sizeof(*p));
    if (!p || !page_read(c, p, &kind))
        return;
    c->state = p;
    c->status = 200;
    call_read(c, list_run, call_done);
}

/* Writes the account, and the link if there is one (ticket "": none). */
static enum err answer(struct call *c, const struct account *a, const char *ticket, bool mailed)
{
    struct json_write w;
    json_write_init(&w, call_out(c));
    json_write_object(&w);
    account_json_show(&w, a);
    if (ticket[0])
        account_json_link(c, &w, ticket, mailed);
    json_write_end(&w);
    return json_write_finish(&w);
}

static enum err get(struct call *c, struct backend *b, struct account *ret)
{
    enum err e = b->ops->accounts->account_get(b, call_channel_id(c->params[0]), ret);
    return e == ERR_NOT_FOUND ? call_stop(c, e, "No such account") : e;
}

static enum err show_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct account a;
    enum err e = get(c, b, &a);
    return e ? e : answer(c, &a, "", false);
}

void api_account_show(struct call *c)
{
    c->status = 200;
    call_read(c, show_run, call_done);
}

static bool read_switch(struct call *c, const char *key, const json_t *v, bool *to, bool *set)
{
    if (!json_is_boolean(v)) {
        call_invalid(c, key, "must be true or false");
        return false;
    }
    *to = json_is_true(v);
    *set = true;
    return true;
}

static bool read_password(struct call *c, struct account_state *state, const json_t *v)
{
    const char *text = json_string_value(v);
    if (!text) {
        call_invalid(c, "password", "must be a string");
        return false;
    }
    state->password = true;
    state->login.call = c;
    return login_password(&state->login, "password", text);
}

static bool read_text(struct call *c, struct account_state *state, const char *key, const json_t *v)
{
    const char *text = json_string_value(v);
    if (!text) {
        call_invalid(c, key, "must be a string");
        return false;
    }
    if (strcmp(key, "email") == 0)
        return (state->email = true) && login_read_email(c, text, state->to.email);
    if (strcmp(key, "name") == 0)
        return (state->name = true) && login_read_name(c, text, state->to.name);
    return (state->language = true) && login_read_language(c, text, state->to.language);
}

static bool read_member(struct call *c, struct account_state *state, bool change, const char *key,
                        const json_t *v)
{
    if (strcmp(key, "email") == 0 || strcmp(key, "name") == 0 || strcmp(key, "language") == 0)
        return read_text(c, state, key, v);
    if (strcmp(key, "password") == 0)
        return read_password(c, state, v);
    if (strcmp(key, "operator") == 0)
        return read_switch(c, key, v, &state->to.operator, & state->operator);
    if (change && strcmp(key, "disabled") == 0)
        return read_switch(c, key, v, &state->to.disabled, &state->disabled);
    bool only_true = change && (strcmp(key, "invitation") == 0 || strcmp(key, "confirmed") == 0);
    if (only_true && json_is_true(v))
        return *(strcmp(key, "invitation") == 0 ? &state->invite : &state->confirm) = true;
    char name[120];
    (void)snprintf(name, sizeof(name), "%.100s", key);
    call_invalid(c, name, only_true ? "can only be true" : "unknown member");
    return false;
}

/* Returns NULL after answering with an error. */
static struct account_state *read_body(struct call *c, bool change)
{
    json_t *object = call_object(c), *value;
    const char *key;
    if (!object)
        return NULL;
    struct account_state *state = call_state(c, sizeof(*state));
    json_object_foreach(object, key, value)
    {
        if (!state || !read_member(c, state, change, key, value)) {
            state = NULL;
            break;
        }
    }
    json_decref(object);
    if (state) /* NULL: the call has been answered */
        c->state = state;
    return state;
}

static enum err conflict_of_email(struct call *c, enum err e)
{
    return e == ERR_EXISTS ? call_stop(c, ERR_CONFLICT, "Another account has this mail address") : e;
}

/* Makes a new link for the account and the mail with it. */
static enum err invite(struct call *c, struct backend *b, const struct account *a,
                       char ticket[static TICKET_LEN + 1], bool *ret_mailed)
{
    enum err e = account_json_invite(c, b, a, ticket);
    const struct invitation_mail m = {
        .kind = a->password[0] ? INVITATION_AGAIN : INVITATION_LINK, .to = a, .ticket = ticket};
    return e ? e : account_json_mail(c, b, m, ret_mailed);
}

static enum err create_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct account_state *state = c->state;
    char ticket[TICKET_LEN + 1] = "";
    bool mailed = false;
    if (state->password)
        memcpy(state->to.password, state->login.job.hash, sizeof(state->to.password));
    state->to.confirmed = state->password; /* a password by link confirms the account */
    account_json_made_by(c, &state->to);
    enum err e = b->ops->accounts->account_insert(b, &state->to);
    if (e == ERR_EXISTS)
        return call_stop(
            c, ERR_CONFLICT,
            "There is an account with this mail address: make a link for it instead (invitation)");
    if (!e && !state->password)
        e = invite(c, b, &state->to, ticket, &mailed);
    if (!e)
        e = account_json_audit(c, b, "account.create", &state->to);
    return e ? e : answer(c, &state->to, ticket, mailed);
}

/*
 * Refuses with an explanation what would leave the node without an operator or a provider without an Admin.
 */
static enum err keep(struct call *c, enum err e)
{
    const struct account_state *state = c->state;
    return e == ERR_CONFLICT ? call_stop(c, e, state->why) : e;
}

static void apply(const struct account_state *state, struct account *a)
{
    if (state->email)
        memcpy(a->email, state->to.email, sizeof(a->email));
    if (state->name)
        memcpy(a->name, state->to.name, sizeof(a->name));
    if (state->language)
        memcpy(a->language, state->to.language, sizeof(a->language));
    if (state->operator)
        a->operator= state->to.operator;
    if (state->disabled)
        a->disabled = state->to.disabled;
    if (state->password)
        memcpy(a->password, state->login.job.hash, sizeof(a->password));
}

/* Whether the change is allowed. */
static enum err check_change(struct call *c, struct backend *b, const struct account *before,
                             const struct account *a)
{
    struct account_state *state = c->state;
    bool was = before->operator&& !before->disabled, is = a->operator&& !a->disabled;
    enum err e = was && !is ? keep(c, keep_operator(b, a->id, state->why)) : ERR_NONE;
    if (!e && a->disabled && !before->disabled)
        e = keep(c, keep_admin(b, a->id, state->why));
    if (!e && a->operator&& !before->operator&&
              before->password[0] && !before->confirmed && !state->confirm && !state->password)
        return call_stop(
            c, ERR_CONFLICT,
            "This account is not confirmed: its address may be another person's. Confirm it first, or "
            "make a link for its owner");
    return e;
}

/* Ends the sessions and links that the change makes invalid. */
static enum err end_access(struct call *c, struct backend *b, const struct account *before,
                           const struct account *a)
{
    const struct account_state *state = c->state;
    bool was = before->operator&& !before->disabled, is = a->operator&& !a->disabled;
    enum err e = ERR_NONE;
    if (a->disabled || state->password || (was && !is))
        e = b->ops->accounts->session_delete_others(b, a->id, NULL);
    /* A link that was mailed to the previous address must not work for the new one. */
    if (!e && (a->disabled || state->password || strcmp(a->email, before->email) != 0))
        e = b->ops->accounts->invitation_delete(b, a->id);
    return e;
}

static enum err change_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    const struct account_state *state = c->state;
    struct account a, before;
    char ticket[TICKET_LEN + 1] = "";
    bool mailed = false;
    enum err e = get(c, b, &before);
    if (e)
        return e;
    bool confirm = state->confirm || state->password;
    enum confirm_by by = state->confirm ? CONFIRM_WORD : CONFIRM_HAND_OVER;
    a = before;
    if (confirm)
        confirm_mark(&a, by);
    apply(state, &a);
    if (account_same(&before, &a) && !state->invite) /* nothing changes: do not write */
        return answer(c, &a, ticket, mailed);
    e = check_change(c, b, &before, &a);
    if (!e)
        e = conflict_of_email(c, b->ops->accounts->account_update(b, &a));
    if (!e)
        e = end_access(c, b, &before, &a);
    if (!e && confirm)
        e = account_json_confirm(c, b, &before, by, NULL);
    if (!e && state->invite)
        e = invite(c, b, &a, ticket, &mailed);
    if (!e)
        e = account_json_audit(c, b, state->password ? "account.password" : "account.update", &a);
    return e ? e : answer(c, &a, ticket, mailed);
}

static void hashed(struct password_job *j)
{
    struct account_state *state = list_entry(j, struct account_state, login.job);
    struct call *c = state->login.call;
    if (j->err)
        call_failed(c, j->err);
    else
        call_write(c, c->status == 201 ? create_run : change_run, NULL, call_done);
}

/* Hashes the password, if there is one, and then writes the change. */
static void go_on(struct call *c, struct account_state *state, const char *email)
{
    struct span password = {state->login.job.password, state->login.job.len};
    const char *refusal = state->password ? password_refuse(password, email) : NULL;
    state->login.job.make = true;
    if (refusal)
        call_invalid(c, "password", refusal);
    else if (!state->password)
        call_write(c, c->status == 201 ? create_run : change_run, NULL, call_done);
    else if (!login_submit(&state->login, hashed))
        return;
}

void api_account_create(struct call *c)
{
    struct account_state *state = read_body(c, false);
    if (!state)
        return;
    if (!state->email) {
        call_invalid(c, "email", "is required");
        return;
    }
    if (!state->language)
        memcpy(state->to.language, "en", 3);
    state->to.created_ms = call_now(c);
    c->status = 201;
    go_on(c, state, state->to.email);
}

static enum err find_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct account_state *state = c->state;
    return get(c, b, &state->login.account);
}

static void find_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct account_state *state = c->state;
    if (s->err)
        call_stopped(c, s->err);
    else
        go_on(c, state, state->email ? state->to.email : state->login.account.email);
}

void api_account_change(struct call *c)
{
    struct account_state *state = read_body(c, true);
    if (!state)
        return;
    if (state->invite && (state->password || (state->disabled && state->to.disabled))) {
        call_invalid(c, "invitation", "cannot be combined with password or disabled");
        return;
    }
    c->status = 200;
    call_read(c, find_run, find_done); /* read the account first: its password must not be its mail address */
}

static enum err delete_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct account_state *state = c->state;
    struct account a;
    enum err e = get(c, b, &a);
    if (!e && a.operator&& !a.disabled)
        e = keep(c, keep_operator(b, a.id, state->why));
    if (!e)
        e = keep(c, keep_admin(b, a.id, state->why));
    if (!e)
        e = b->ops->accounts->account_delete(b, a.id);
    return e ? e : account_json_audit(c, b, "account.delete", &a);
}

void api_account_delete(struct call *c)
{
    struct account_state *state = call_state(c, sizeof(*state));
    if (!state)
        return;
    c->state = state;
    c->status = 204;
    call_write(c, delete_run, NULL, call_done);
}
