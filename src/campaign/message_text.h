#pragma once
/*
 * The text of a message's error, as the customer's list prints it. Stored are the error's id and what fills
 * its text; the names in it are put in when it is shown, so that they are gone with the user.
 */
#include "base/span.h"
#include "fault/delivery_error.h"
#include "fault/receipt.h"
#include "store/campaign.h"

#define MESSAGE_TEXT_MAX (RECEIPT_TEXT_MAX + 512u)

struct message_names {
    struct span user;     /* userId; empty: nobody knows it any more */
    int64_t provider_id;  /* the list's api_key */
    struct span short_id; /* of the campaign */
};

/* Writes the text, NUL-terminated; returns it. */
struct span message_text(enum delivery_error_id id, struct span detail, const struct message_names *names,
                         char out[static MESSAGE_TEXT_MAX]);

/*
 * The same for a table of counts: what differs from person to person (names, addresses, long numbers) is left
 * as the list's own placeholder, so that equal errors have equal texts.
 */
struct span message_shape(enum delivery_error_id id, struct span detail, char out[static MESSAGE_TEXT_MAX]);

const char *message_state_text(enum message_state s); /* "sent" */
/* ERR_NOT_FOUND: no such state. */
enum err message_state_find(struct span text, enum message_state *ret) MUST_CHECK;
