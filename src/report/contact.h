#pragma once
/*
 * The contact addresses of channels. Whoever may change a channel may enter any address, so nothing is sent
 * there but one mail that asks, until its owner has confirmed it: once a provider, for all of its channels.
 * The mail has a link to a page of the console; the page decides, by a button: what only follows links
 * decides nothing.
 *
 *     entered ─► asked, once a mail could come (the option approved, the switch on) ─► confirmed: told of errors
 *                                                                                  └► refused: never asked or told again
 *
 * Who is Admin of the channel is told anyway and is not asked.
 */
#include "report/mail_rules.h"
#include "store/backend.h"

#define CONTACT_ASKS_MAX 3u           /* of an address by a provider, ever; the second and third by hand, */
#define CONTACT_ASK_PAUSE_MS 86400000 /* and so long after the one before */
#define CONTACT_LINK_MS (7 * INT64_C(86400000)) /* how long a link confirms; to refuse, it is always good */
#define CONTACT_PERSON_LATELY 3u                /* providers that may ask the same person within a day, */
#define CONTACT_PERSON_UNANSWERED 10u           /* and in all, while no answer is yes */

struct contact_view {
    enum contact_state state;
    int64_t asked_ms; /* 0: not asked */
};

/* How the channel's contact address stands; unconfirmed where it has none. */
enum err contact_look(struct backend *b, const struct channel *c, struct contact_view *ret) MUST_CHECK;

/* Whether the owner of an address wants no mails about the provider's channels. */
enum err contact_refuses(struct backend *b, int64_t provider_id, struct span email, bool *ret) MUST_CHECK;

/* What became of asking. */
enum contact_ask {
    CONTACT_ASK_SENT, /* a mail is in the outbox */
    CONTACT_ASK_NO_ADDRESS,
    CONTACT_ASK_CONFIRMED,
    CONTACT_ASK_REFUSED,
    CONTACT_ASK_UNWANTED, /* no mails come: the option is not approved, or the switch is off */
    CONTACT_ASK_NO_LINK,  /* there is no public URL */
    CONTACT_ASK_ASKED, /* it has been asked, and this is not by hand; or by hand, not a day after the last */
    CONTACT_ASK_OFTEN, /* it has been asked as often as it may */
    CONTACT_ASK_CROWDED, /* others have asked the same person too often */
    CONTACT_ASK_CAPPED,  /* enough mails for today */
    CONTACT_ASK_FULL,    /* the outbox is full */
};
#define CONTACT_ASK_KINDS 11

/*
 * Asks the owner of the channel's contact address, in the transaction that made it necessary. by_hand:
 * somebody wants it asked again. account_id is who causes the mail; 0: an operator, a key.
 */
enum err contact_ask(struct backend *b, const struct mail_rules *rules, const struct channel *c,
                     int64_t account_id, bool by_hand, int64_t now_ms, enum contact_ask *ret) MUST_CHECK;
/* Why not, for people; of CONTACT_ASK_SENT: NULL. */
const char *contact_ask_text(enum contact_ask a);

/* Whether the last link still confirms. */
static inline bool contact_may_confirm(const struct contact *c, int64_t now_ms)
{
    return c->state == CONTACT_UNCONFIRMED && now_ms < c->asked_ms + CONTACT_LINK_MS;
}

/* Its owner's answer. ERR_CONFLICT: it cannot be, by the state it is in or the age of the link; refused is
 * for good. */
enum err contact_answer(struct backend *b, struct contact *c, enum contact_state to,
                        int64_t now_ms) MUST_CHECK;
/* The same by hand for the channel's address. ERR_INVALID: it has none; ERR_CONFLICT: its owner has
 * refused. */
enum err contact_decide(struct backend *b, const struct channel *c, enum contact_state to,
                        int64_t now_ms) MUST_CHECK;
