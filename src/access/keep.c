#include "access/keep.h"

#include <stdio.h>

enum err keep_operator(struct backend *b, int64_t account_id, char why[static KEEP_WHY_LEN])
{
    uint64_t others = 0;
    enum err e = b->ops->account_operators(b, account_id, &others);
    if (e || others)
        return e;
    (void)snprintf(why, KEEP_WHY_LEN, "The last operator stays: make another one first");
    return ERR_CONFLICT;
}

static enum err refuse(struct backend *b, int64_t provider_id, char why[static KEEP_WHY_LEN])
{
    struct provider p;
    enum err e = b->ops->provider_get(b, provider_id, &p);
    if (e)
        return e;
    (void)snprintf(
        why, KEEP_WHY_LEN,
        "The last Admin of a provider stays, here of \"%s\" (%lld): another one, who can log in, has "
        "to be Admin first",
        p.name, (long long)provider_id);
    return ERR_CONFLICT;
}

enum err keep_admin(struct backend *b, int64_t account_id, char why[static KEEP_WHY_LEN])
{
    int64_t provider_id = 0;
    enum err e = b->ops->provider_admin_alone(b, account_id, &provider_id);
    return e || !provider_id ? e : refuse(b, provider_id, why);
}

enum err keep_admin_of(struct backend *b, int64_t provider_id, int64_t account_id, bool known,
                       char why[static KEEP_WHY_LEN])
{
    struct grant_held held = {GRANT_NONE, true};
    uint64_t others = 1;
    enum err e = b->ops->grant_on_provider(b, account_id, provider_id, &held);
    /* Of one that is not known it is not said that it counts. */
    if (!e && held.grant == GRANT_ADMIN && (held.known || !known))
        e = b->ops->provider_admins(b, provider_id, account_id, known, &others);
    return e || others ? e : refuse(b, provider_id, why);
}
