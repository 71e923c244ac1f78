#include "report/stale_address.h"

struct walk {
    enum err (*fn)(void *arg, const struct stale_address *s);
    void *arg;
};

static enum err look(const struct walk *w, const char *of, int64_t id, const char *email)
{
    char recipient[EMAIL_MAX + 1];
    const char *why = email[0] ? email_recipient(span_of(email), recipient) : NULL;
    const struct stale_address s = {of, id, email, why};
    return why ? w->fn(w->arg, &s) : ERR_NONE;
}

static enum err look_at_account(void *arg, const struct account *a)
{
    return look(arg, "account", a->id, a->email);
}

static enum err look_at_channel(void *arg, const struct channel *c)
{
    return look(arg, "channel", c->id, c->contact_email);
}

enum err stale_address_list(struct backend *b, enum err (*fn)(void *arg, const struct stale_address *s),
                            void *arg)
{
    struct walk w = {fn, arg};
    enum err e = b->ops->accounts->account_list(b, 0, UINT32_MAX, look_at_account, &w);
    return e ? e : b->ops->channels->channel_list(b, 0, UINT32_MAX, look_at_channel, &w);
}
