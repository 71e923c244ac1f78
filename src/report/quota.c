#include "report/quota.h"

#define DAY_MS 86400000
#define ZONE_MS (9 * 3600000)

/* The account that made the provider, also if it was deleted since; 0: a key or an operator made it. */
static enum err find_maker(struct backend *b, int64_t provider_id, int64_t *ret)
{
    int64_t id = 0;
    struct account maker = {0};
    enum err e = b->ops->roles->provider_maker(b, provider_id, &id);
    if (!e && id)
        e = b->ops->accounts->account_get(b, id, &maker);
    if (e && e != ERR_NOT_FOUND)
        return e;
    *ret = maker.operator? 0 : id;
    return ERR_NONE;
}

enum err quota_read(struct backend *b, const struct mail_rules *rules, const struct channel *c,
                    int64_t now_ms, struct quota *ret)
{
    struct quota q = {.ids = {c->id, c->provider_id, 0},
                      .caps = {rules->channel_cap, rules->provider_cap, rules->account_cap},
                      .day = (now_ms + ZONE_MS) / DAY_MS};
    enum err e = find_maker(b, c->provider_id, &q.ids[QUOTA_ACCOUNT]);
    if (!e)
        e = b->ops->notices->notice_day_get(b, c->id, q.day, &q.used[QUOTA_CHANNEL]);
    if (!e)
        e = b->ops->notices->mail_day_get(b, MAIL_OF_PROVIDER, c->provider_id, q.day,
                                          &q.used[QUOTA_PROVIDER]);
    if (!e && q.ids[QUOTA_ACCOUNT])
        e = b->ops->notices->mail_day_get(b, MAIL_OF_ACCOUNT, q.ids[QUOTA_ACCOUNT], q.day,
                                          &q.used[QUOTA_ACCOUNT]);
    if (!e)
        *ret = q;
    return e;
}

/* The unit of a quota: channels count notices, the others mails. */
static uint32_t size_of(enum quota_kind kind, uint32_t mails)
{
    return kind == QUOTA_CHANNEL ? 1 : mails;
}

static bool is_bounded(const struct quota *q, enum quota_kind kind)
{
    return kind != QUOTA_ACCOUNT || q->ids[kind];
}

static uint32_t left(const struct quota *q, enum quota_kind kind)
{
    return q->used[kind] < q->caps[kind] ? q->caps[kind] - q->used[kind] : 0;
}

uint32_t quota_allows(const struct quota *q, uint32_t mails, enum quota_kind *ret_full)
{
    for (enum quota_kind k = QUOTA_CHANNEL; k < QUOTA_KINDS; k++) {
        uint32_t room = left(q, k);
        if (!is_bounded(q, k) || size_of(k, mails) <= room)
            continue;
        *ret_full = k;
        if (!room || q->used[k])
            return 0;
        mails = room;
    }
    return mails;
}

unsigned quota_last(const struct quota *q, uint32_t mails)
{
    unsigned last = 0;
    for (enum quota_kind k = QUOTA_CHANNEL; k < QUOTA_KINDS; k++)
        if (is_bounded(q, k) && left(q, k) < 2 * size_of(k, mails))
            last |= 1u << k;
    return last;
}

enum err quota_take(struct backend *b, const struct quota *q, uint32_t mails, unsigned last)
{
    enum err e = b->ops->notices->notice_day_add(b, q->ids[QUOTA_CHANNEL], q->day);
    for (enum quota_kind k = QUOTA_PROVIDER; !e && k < QUOTA_KINDS; k++) {
        uint32_t n = last & 1u << k ? left(q, k) : mails;
        if (is_bounded(q, k))
            e = b->ops->notices->mail_day_add(b, k == QUOTA_PROVIDER ? MAIL_OF_PROVIDER : MAIL_OF_ACCOUNT,
                                              q->ids[k], q->day, n);
    }
    return e;
}

enum err quota_ask(struct backend *b, const struct mail_rules *rules, const struct channel *c,
                   int64_t account_id, int64_t now_ms, bool *ret_taken)
{
    struct quota q;
    uint32_t provider = 0, account = 0;
    *ret_taken = false;
    enum err e = quota_read(b, rules, c, now_ms, &q);
    if (!e)
        e = b->ops->notices->mail_day_get(b, ASK_OF_PROVIDER, c->provider_id, q.day, &provider);
    if (!e && account_id)
        e = b->ops->notices->mail_day_get(b, ASK_OF_ACCOUNT, account_id, q.day, &account);
    if (e || provider >= rules->ask_cap || account >= rules->ask_cap || !left(&q, QUOTA_PROVIDER) ||
        (q.ids[QUOTA_ACCOUNT] && !left(&q, QUOTA_ACCOUNT)))
        return e;
    e = b->ops->notices->mail_day_add(b, ASK_OF_PROVIDER, c->provider_id, q.day, 1);
    if (!e && account_id)
        e = b->ops->notices->mail_day_add(b, ASK_OF_ACCOUNT, account_id, q.day, 1);
    if (!e)
        e = b->ops->notices->mail_day_add(b, MAIL_OF_PROVIDER, c->provider_id, q.day, 1);
    if (!e && q.ids[QUOTA_ACCOUNT])
        e = b->ops->notices->mail_day_add(b, MAIL_OF_ACCOUNT, q.ids[QUOTA_ACCOUNT], q.day, 1);
    *ret_taken = !e;
    return e;
}
