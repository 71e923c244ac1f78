#include "report/contact.h"

#include <string.h>

#include "base/log.h"
#include "report/contact_text.h"
#include "report/option.h"
#include "report/quota.h"

#define TEXT_MAX 65536u

struct search {
    const char *address;
    bool found;
};

static enum err compare(void *arg, struct span email)
{
    struct search *s = arg;
    char address[EMAIL_MAX + 1];
    s->found = s->found || (!email_spelling(email, address) && strcmp(address, s->address) == 0);
    return ERR_NONE;
}

/* Whether the address belongs to an Admin of the channel, who gets the mails anyway. */
static enum err is_admin(struct backend *b, const struct channel *c, const char *address, bool *ret)
{
    struct search s = {.address = address};
    enum err e = b->ops->notices->notice_people(b, c->id, compare, &s);
    *ret = s.found;
    return e;
}

/* Reads the row of an address, or fills in an unconfirmed one if there is none. */
static enum err get(struct backend *b, int64_t provider_id, const char *address, struct contact *ret)
{
    enum err e = b->ops->notices->contact_get(b, provider_id, span_of(address), ret);
    if (e != ERR_NOT_FOUND)
        return e;
    *ret = (struct contact){.provider_id = provider_id};
    memcpy(ret->address, address, strlen(address) + 1);
    return ERR_NONE;
}

/*
 * As get(), for the channel's contact address; the role of the address's owner may confirm it. False: the
 * channel has no address.
 */
static bool find(struct backend *b, const struct channel *c, struct contact *ret, enum err *ret_err)
{
    char address[EMAIL_MAX + 1];
    bool admin = false;
    *ret_err = ERR_NONE;
    if (!c->contact_email[0] || email_spelling(span_of(c->contact_email), address))
        return false;
    *ret_err = get(b, c->provider_id, address, ret);
    if (!*ret_err && ret->state == CONTACT_UNCONFIRMED)
        *ret_err = is_admin(b, c, address, &admin);
    if (admin)
        ret->state = CONTACT_CONFIRMED;
    return !*ret_err;
}

enum err contact_look(struct backend *b, const struct channel *c, struct contact_view *ret)
{
    struct contact found;
    enum err e;
    *ret = (struct contact_view){.state = CONTACT_UNCONFIRMED};
    if (find(b, c, &found, &e))
        *ret = (struct contact_view){found.state, found.asked_ms};
    return e;
}

enum err contact_refuses(struct backend *b, int64_t provider_id, struct span email, bool *ret)
{
    char address[EMAIL_MAX + 1];
    struct contact c;
    *ret = false;
    if (email_spelling(email, address))
        return ERR_NONE;
    enum err e = get(b, provider_id, address, &c);
    *ret = !e && c.state == CONTACT_REFUSED;
    return e;
}

static enum err put(struct backend *b, const struct contact *c)
{
    char person[EMAIL_MAX + 1];
    return b->ops->notices->contact_put(b, c, email_person(c->address, person));
}

static enum err write_mail(struct backend *b, const struct contact_facts *f, const char *address,
                           int64_t now_ms)
{
    struct buf text, html;
    buf_init(&text, TEXT_MAX);
    buf_init(&html, TEXT_MAX);
    enum err e = contact_text_plain(f, &text);
    if (!e)
        e = contact_text_html(f, &html);
    if (!e) {
        const struct span to = span_of(address);
        const struct mail_draft d = {.channel_id = f->channel->id,
                                     .subject = span_of(contact_text_subject(f)),
                                     .text = buf_span(&text),
                                     .html = buf_span(&html),
                                     .recipients = &to,
                                     .count = 1};
        e = b->ops->mails->mail_insert(b, &d, now_ms);
    }
    buf_deinit(&text);
    buf_deinit(&html);
    return e;
}

/* Whether the rules on asking allow a mail to this address, whoever causes it. */
static enum contact_ask judge(const struct contact *c, const struct contact_asks *asks, bool by_hand,
                              int64_t now_ms)
{
    int64_t since = now_ms - c->asked_ms;
    if (c->asked >= CONTACT_ASKS_MAX)
        return CONTACT_ASK_OFTEN;
    /* a last time far in the future was written while the clock was wrong: ignore it */
    if (c->asked && (!by_hand || (since < CONTACT_ASK_PAUSE_MS && since > -CONTACT_ASK_PAUSE_MS)))
        return CONTACT_ASK_ASKED;
    if (asks->lately >= CONTACT_PERSON_LATELY || asks->unanswered >= CONTACT_PERSON_UNANSWERED)
        return CONTACT_ASK_CROWDED;
    return CONTACT_ASK_SENT;
}

/* The checks that need no look-up. CONTACT_ASK_SENT: nothing forbids asking. */
static enum err consider(struct backend *b, const struct mail_rules *rules, const struct channel *c,
                         bool by_hand, int64_t now_ms, struct contact *contact, enum contact_ask *ret)
{
    char person[EMAIL_MAX + 1];
    bool wanted = false;
    struct mail_counts counts;
    struct contact_asks asks;
    enum err e;
    *ret = CONTACT_ASK_NO_ADDRESS;
    if (!find(b, c, contact, &e))
        return e;
    *ret = contact->state == CONTACT_CONFIRMED ? CONTACT_ASK_CONFIRMED : CONTACT_ASK_REFUSED;
    if (contact->state != CONTACT_UNCONFIRMED)
        return e;
    if ((e = option_tells(b, c, &wanted)) || (e = b->ops->mails->mail_count(b, &counts)) ||
        (e = b->ops->notices->contact_asks(b, email_person(contact->address, person),
                                           now_ms - CONTACT_ASK_PAUSE_MS, &asks)))
        return e;
    *ret = !wanted                               ? CONTACT_ASK_UNWANTED
           : !rules->public_url[0]               ? CONTACT_ASK_NO_LINK
           : counts.waiting >= NOTICE_OUTBOX_MAX ? CONTACT_ASK_FULL
                                                 : judge(contact, &asks, by_hand, now_ms);
    return ERR_NONE;
}

enum err contact_ask(struct backend *b, const struct mail_rules *rules, const struct channel *c,
                     int64_t account_id, bool by_hand, int64_t now_ms, enum contact_ask *ret)
{
    struct contact contact;
    char ticket[MAIL_TICKET_LEN + 1];
    bool taken;
    enum err e = consider(b, rules, c, by_hand, now_ms, &contact, ret);
    if (e || *ret != CONTACT_ASK_SENT)
        return e;
    e = quota_ask(b, rules, c, account_id, now_ms, &taken);
    if (!e && !taken) {
        *ret = CONTACT_ASK_CAPPED;
        log_warn("report", "contact address not asked to confirm: today's limit of mails is reached",
                 log_int("channel", c->id), log_int("provider", c->provider_id));
    }
    if (e || !taken)
        return e;
    rules->ticket(ticket, contact.hash);
    contact.asked++;
    contact.asked_ms = now_ms;
    contact.channel_id = c->id;
    const struct contact_facts facts = {c, rules->public_url, ticket};
    e = put(b, &contact);
    if (!e)
        e = write_mail(b, &facts, contact.address, now_ms);
    explicit_bzero(ticket, sizeof(ticket));
    return e;
}

const char *contact_ask_text(enum contact_ask a)
{
    static const char *const texts[CONTACT_ASK_KINDS] = {
        [CONTACT_ASK_SENT] = NULL,
        [CONTACT_ASK_NO_ADDRESS] = "The channel has no contact address that a mail can be sent to",
        [CONTACT_ASK_CONFIRMED] = "The address is confirmed already",
        [CONTACT_ASK_REFUSED] = "The owner of the address refused mails about channels of this provider",
        [CONTACT_ASK_UNWANTED] = "The channel sends no mails: its error notification is off, or the "
                                 "provider's option is not approved",
        [CONTACT_ASK_NO_LINK] = "The node has no public-url for the link; an operator can confirm by hand",
        [CONTACT_ASK_ASKED] = "The address has been asked already; it can be asked again after a day",
        [CONTACT_ASK_OFTEN] = "The address has been asked 3 times; an operator can confirm by hand",
        [CONTACT_ASK_CROWDED] =
            "Other providers of this node asked this address too often; an operator can confirm by hand",
        [CONTACT_ASK_CAPPED] =
            "Today's limit of mails is reached; try again tomorrow, or let an operator confirm by hand",
        [CONTACT_ASK_FULL] = "The outbox is full; try again later",
    };
    return texts[a];
}

enum err contact_answer(struct backend *b, struct contact *c, enum contact_state to, int64_t now_ms)
{
    if (to == CONTACT_CONFIRMED ? !contact_may_confirm(c, now_ms) : c->state == CONTACT_REFUSED)
        return ERR_CONFLICT;
    c->state = to;
    c->decided_ms = now_ms;
    return put(b, c);
}

enum err contact_decide(struct backend *b, const struct channel *c, enum contact_state to, int64_t now_ms)
{
    char address[EMAIL_MAX + 1];
    struct contact contact;
    if (!c->contact_email[0] || email_spelling(span_of(c->contact_email), address))
        return ERR_INVALID;
    enum err e = get(b, c->provider_id, address, &contact);
    if (e || contact.state == to)
        return e;
    if (contact.state == CONTACT_REFUSED)
        return ERR_CONFLICT;
    contact.state = to;
    contact.channel_id = c->id;
    contact.decided_ms = now_ms;
    return put(b, &contact);
}
