#include "access/keep.h"

#include <stdio.h>

enum err keep_operator(struct backend *b, int64_t account_id, char why[static KEEP_WHY_LEN])
{
    uint64_t others = 0;
    enum err e = b->ops->accounts->account_operators(b, account_id, &others);
    if (e || others)
        return e;
    (void)snprintf(why, KEEP_WHY_LEN, "This is the last operator: make another account an operator first");
    return ERR_CONFLICT;
}

static enum err refuse(struct backend *b, int64_t provider_id, char why[static KEEP_WHY_LEN])
{
    struct provider p;
    enum err e = b->ops->roles->provider_get(b, provider_id, &p);
    if (e)
        return e;
    (void)snprintf(why, KEEP_WHY_LEN,
                   "This is the last Admin of the provider \"%s\" (%lld): first give the role to another "
                   "account that can log in",
                   p.name, (long long)provider_id);
    return ERR_CONFLICT;
}

enum err keep_admin(struct backend *b, int64_t account_id, char why[static KEEP_WHY_LEN])
{
    int64_t provider_id = 0;
    enum err e = b->ops->roles->provider_admin_alone(b, account_id, &provider_id);
    return e || !provider_id ? e : refuse(b, provider_id, why);
}

enum err keep_admin_of(struct backend *b, int64_t provider_id, int64_t account_id, bool known,
                       char why[static KEEP_WHY_LEN])
{
    struct grant_held held = {GRANT_NONE, true};
    uint64_t others = 1;
    enum err e = b->ops->roles->grant_on_provider(b, account_id, provider_id, &held);
    /* If the role is hidden from the caller, do not reveal that it is the last one. */
    if (!e && held.grant == GRANT_ADMIN && (held.known || !known))
        e = b->ops->roles->provider_admins(b, provider_id, account_id, known, &others);
    return e || others ? e : refuse(b, provider_id, why);
}
