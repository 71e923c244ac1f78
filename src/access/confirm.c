#include "access/confirm.h"

#include "access/account.h"

#define LISTED_MAX 1000u

static enum err tell(struct buf *out, const char *what, int64_t id, enum grant g)
{
    enum err e =
        buf_printf(out, "%s%s/%lld %s", buf_len(out) ? ", " : "", what, (long long)id, account_grant_text(g));
    return e == ERR_LIMIT ? ERR_NONE : e;
}

static enum err tell_provider(void *arg, const struct provider *p, enum grant g)
{
    return tell(arg, "provider", p->id, g);
}

static enum err tell_channel(void *arg, int64_t channel_id, enum grant g)
{
    return tell(arg, "channel", channel_id, g);
}

/* Whether the account may change from one person to another. */
static bool changes_hands(const struct account *a, enum confirm_by by)
{
    return by == CONFIRM_HAND_OVER && !a->confirmed && a->password[0];
}

void confirm_mark(struct account *a, enum confirm_by by)
{
    if (changes_hands(a, by))
        a->name[0] = '\0';
    a->confirmed = true;
}

enum err confirm_roles(struct backend *b, const struct account *before, enum confirm_by by,
                       struct buf *dropped)
{
    enum err e = ERR_NONE;
    if (before->confirmed)
        return e;
    if (changes_hands(before, by) &&
        ((e = b->ops->roles->provider_list(b, before->id, 0, LISTED_MAX, tell_provider, dropped)) ||
         (e = b->ops->roles->grant_of(b, before->id, LISTED_MAX, tell_channel, dropped)) ||
         (e = b->ops->roles->grant_drop(b, before->id))))
        return e;
    return b->ops->roles->grant_release(b, before->id);
}
