#include "node/node_access.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "model/email.h"
#include "node/public_url.h"
#include "store/directory.h"

#define PASSWORD_QUEUE 64u /* about five seconds' work */

struct accounts_call {
    struct store_call call;
    bool any;
    unsigned doubtful, stale;
};

/* Counts addresses that an older todoke accepted and model/email.c now refuses: they get no mail. */
static void count_stale(struct accounts_call *found, const char *email)
{
    char recipient[EMAIL_MAX + 1];
    found->stale += email[0] && email_recipient(span_of(email), recipient);
}

static void look_at_channel(void *arg, struct channel_ref *ref)
{
    count_stale(arg, ref->channel.contact_email);
}

static enum err look_at(void *arg, const struct account *a)
{
    struct accounts_call *found = arg;
    found->any = true;
    found->doubtful += !a->confirmed && a->password[0];
    count_stale(found, a->email);
    return ERR_NONE;
}

static enum err look_at_accounts(struct store_call *call, struct backend *b)
{
    struct accounts_call *a = list_entry(call, struct accounts_call, call);
    return b->ops->accounts->account_list(b, 0, UINT32_MAX, look_at, a);
}

/* Sets the URL for links, and whether invitations are mailed. */
static void take_invitations(struct api_access *a, const struct settings *s)
{
    bool leads = false;
    if (!s->public_url || public_url_read(s->public_url, a->public_url, &leads)) /* node_mail.c refuses it */
        a->public_url[0] = '\0';
    a->mails = s->smtp_url && leads;
    a->providers_max = s->account_providers;
    a->invitations_max = s->account_invitations;
    if (s->smtp_url && !a->mails)
        log_warn("access", "invitations are not mailed, because public-url is not set, or is this machine "
                           "alone: their links would lead "
                           "nowhere. "
                           "Operators pass them on");
}

enum err node_access_open(struct api_access *a, struct store *store, struct directory *directory,
                          const struct settings *settings, char setup[static TICKET_LEN + 1])
{
    struct accounts_call accounts = {.call = {.run = look_at_accounts}};
    enum err e = store_wait(store, &accounts.call);
    if (!e)
        e = directory_each(directory, look_at_channel, &accounts);
    if (!e && accounts.doubtful)
        log_warn(
            "access",
            "some invited accounts are not confirmed, so their roles are not active yet. See `todoke account "
            "list`, and confirm them or make links for their owners",
            log_uint("accounts", accounts.doubtful));
    if (!e && accounts.stale)
        log_warn(
            "access",
            "no mail is sent to some addresses of accounts and channels, because they are not valid. `todoke "
            "check` lists them; replace them",
            log_uint("addresses", accounts.stale));
    take_invitations(a, settings);
    if (!e)
        e = password_new(&a->passwords, &password_cost_standard, PASSWORD_QUEUE);
    if (!e)
        e = login_limit_new(&a->limits, &clock_system, &random_system, LOGIN_LIMIT_ENTRIES);
    a->session_ms = settings->session_time;
    a->behind_proxy = settings->behind_proxy;
    ticket_make(&random_system, setup, a->setup_hash);
    if (accounts.any) /* accounts exist: the setup link is not needed */
        setup[0] = '\0';
    return e;
}

void node_access_close(struct api_access *a)
{
    password_free(a->passwords);
    login_limit_free(a->limits);
}
