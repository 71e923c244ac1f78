#pragma once
/*
 * The mail that asks the owner of a contact address, in the channel's language. Not a word of it is anybody's
 * who may enter the address: the channel is told by its number; the page behind the link shows the names.
 */
#include "base/buf.h"
#include "model/channel.h"

struct contact_facts {
    const struct channel *channel;
    const char *public_url; /* of the console, without a slash at the end */
    const char *ticket;     /* of the link */
};

const char *contact_text_subject(const struct contact_facts *f);
/* Append. ERR_LIMIT and ERR_NOMEM of the buf. */
enum err contact_text_plain(const struct contact_facts *f, struct buf *out) MUST_CHECK;
enum err contact_text_html(const struct contact_facts *f, struct buf *out) MUST_CHECK;
