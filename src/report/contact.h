#pragma once
/*
 * Confirms the contact addresses of channels. Whoever may change a channel may enter any address. So an
 * address gets a single mail, which asks its owner, and nothing more until the owner has confirmed. A
 * confirmation holds for all channels of one provider. The mail links to a page of the console, where a
 * button decides: mail scanners that only follow links decide nothing.
 *
 *     entered ─► asked, once a mail could come (option approved, switch on) ─► confirmed: gets notices
 *                                                                          └─► refused: never mailed again
 *
 * An Admin of the channel gets the notices anyway and is not asked.
 */
#include "report/mail_rules.h"
#include "store/backend.h"

/* mails that ask one address for one provider, ever; the second and third only by hand */
#define CONTACT_ASKS_MAX 3u
#define CONTACT_ASK_PAUSE_MS 86400000           /* and not before this time after the previous one */
#define CONTACT_LINK_MS (7 * INT64_C(86400000)) /* how long a link can confirm; it can refuse for ever */
#define CONTACT_PERSON_LATELY 3u                /* providers that may ask the same person within a day */
#define CONTACT_PERSON_UNANSWERED 10u           /* and in total, until the person confirms one */

struct contact_view {
    enum contact_state state;
    int64_t asked_ms; /* 0: not asked */
};

/* Reads the state of the channel's contact address; unconfirmed if the channel has none. */
enum err contact_look(struct backend *b, const struct channel *c, struct contact_view *ret) MUST_CHECK;

/* Whether the owner of the address has refused mails about the provider's channels. */
enum err contact_refuses(struct backend *b, int64_t provider_id, struct span email, bool *ret) MUST_CHECK;

/* The outcomes of contact_ask(). */
enum contact_ask {
    CONTACT_ASK_SENT, /* a mail is in the outbox */
    CONTACT_ASK_NO_ADDRESS,
    CONTACT_ASK_CONFIRMED,
    CONTACT_ASK_REFUSED,
    CONTACT_ASK_UNWANTED, /* the channel sends no mails: the option is not approved, or the switch is off */
    CONTACT_ASK_NO_LINK,  /* no public URL is set */
    /* the address was asked before: without by_hand ever, with by_hand within the last day */
    CONTACT_ASK_ASKED,
    CONTACT_ASK_OFTEN,   /* the address was asked as often as the rules allow */
    CONTACT_ASK_CROWDED, /* too many providers have asked the same person */
    CONTACT_ASK_CAPPED,  /* today's limit of such mails is reached */
    CONTACT_ASK_FULL,    /* the outbox is full */
};
#define CONTACT_ASK_KINDS 11

/*
 * Asks the owner of the channel's contact address, in the transaction of the change that makes it necessary.
 * by_hand: a person wants the address asked again. account_id is the account that causes the mail; 0: an
 * operator or a key.
 */
enum err contact_ask(struct backend *b, const struct mail_rules *rules, const struct channel *c,
                     int64_t account_id, bool by_hand, int64_t now_ms, enum contact_ask *ret) MUST_CHECK;
/* Why no mail was sent, for people; NULL for CONTACT_ASK_SENT. */
const char *contact_ask_text(enum contact_ask a);

/* Whether the newest link can still confirm. */
static inline bool contact_may_confirm(const struct contact *c, int64_t now_ms)
{
    return c->state == CONTACT_UNCONFIRMED && now_ms < c->asked_ms + CONTACT_LINK_MS;
}

/*
 * Records the owner's answer. ERR_CONFLICT: the state or the age of the link does not allow it; a refusal is
 * final.
 */
enum err contact_answer(struct backend *b, struct contact *c, enum contact_state to,
                        int64_t now_ms) MUST_CHECK;
/*
 * Records an operator's decision on the channel's address. ERR_INVALID: the channel has no address;
 * ERR_CONFLICT: the owner has refused.
 */
enum err contact_decide(struct backend *b, const struct channel *c, enum contact_state to,
                        int64_t now_ms) MUST_CHECK;
