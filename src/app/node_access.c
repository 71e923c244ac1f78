#include "app/node_access.h"

#define PASSWORD_QUEUE 64u /* about five seconds' work */

struct accounts_call {
    struct store_call call;
    bool any;
};

static enum err is_account(void *arg, const struct account *a)
{
    (void)a;
    *(bool *)arg = true;
    return ERR_NONE;
}

static enum err any_account(struct store_call *call, struct backend *b)
{
    struct accounts_call *a = list_entry(call, struct accounts_call, call);
    return b->ops->account_list(b, 0, 1, is_account, &a->any);
}

enum err node_access_open(struct api_access *a, struct store *store, const struct settings *settings,
                          char setup[static TICKET_LEN + 1])
{
    struct accounts_call accounts = {.call = {.run = any_account}};
    enum err e = store_wait(store, &accounts.call);
    if (!e)
        e = password_new(&a->passwords, &password_cost_standard, PASSWORD_QUEUE);
    if (!e)
        e = login_limit_new(&a->limits, &clock_system, &random_system, LOGIN_LIMIT_ENTRIES);
    a->session_ms = settings->session_time;
    a->behind_proxy = settings->behind_proxy;
    ticket_make(&random_system, setup, a->setup_hash);
    if (accounts.any) /* nobody has seen that one, and nobody will */
        setup[0] = '\0';
    return e;
}

void node_access_close(struct api_access *a)
{
    password_free(a->passwords);
    login_limit_free(a->limits);
}
