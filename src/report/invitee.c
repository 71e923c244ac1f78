#include "report/invitee.h"

#include <stdio.h>

#include "report/contact.h"

#define DAY_MS 86400000

struct invitee {
    char person[EMAIL_MAX + 1];
    char topic[EMAIL_MAX + 16];
};

static void find(const struct account *a, struct invitee *ret)
{
    char address[EMAIL_MAX + 1];
    /* Where no mail can be sent nothing is, and it may be counted as it is. */
    (void)email_person(email_spelling(span_of(a->email), address) ? a->email : address, ret->person);
    (void)snprintf(ret->topic, sizeof(ret->topic), "mail to %s", ret->person);
}

enum err invitee_may(struct backend *b, const struct account *a, int64_t now_ms, bool *ret)
{
    struct invitee i;
    struct contact_asks asks;
    uint32_t today = 0, unanswered = 0;
    find(a, &i);
    enum err e = b->ops->audit->tally_get(b, now_ms / DAY_MS, span_of(i.topic), &today);
    if (!e && !a->confirmed)
        e = b->ops->audit->tally_get(b, TALLY_EVER, span_of(i.topic), &unanswered);
    if (!e)
        e = b->ops->notices->contact_asks(b, span_of(i.person), now_ms, &asks);
    *ret = !e && today < INVITEE_DAY_MAX && unanswered < CONTACT_PERSON_UNANSWERED && !asks.refused;
    return e;
}

enum err invitee_told(struct backend *b, const struct account *a, int64_t now_ms)
{
    struct invitee i;
    find(a, &i);
    enum err e = b->ops->audit->tally_add(b, now_ms / DAY_MS, span_of(i.topic));
    return e || a->confirmed ? e : b->ops->audit->tally_add(b, TALLY_EVER, span_of(i.topic));
}

enum err invitee_answered(struct backend *b, const struct account *a)
{
    struct invitee i;
    find(a, &i);
    return b->ops->audit->tally_drop(b, TALLY_EVER, span_of(i.topic));
}
