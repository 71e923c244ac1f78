#pragma once
/*
 * The mail that asks the owner of a contact address to confirm it, in the channel's language. It contains no
 * text of the person who entered the address: the mail names the channel by its ID, and the page behind the
 * link shows the names.
 */
#include "base/buf.h"
#include "model/channel.h"

struct contact_facts {
    const struct channel *channel;
    const char *public_url; /* URL of the console, without a slash at the end */
    const char *ticket;     /* the ticket in the link */
};

const char *contact_text_subject(const struct contact_facts *f);
/* These append to out. ERR_LIMIT and ERR_NOMEM as buf.h says. */
enum err contact_text_plain(const struct contact_facts *f, struct buf *out) MUST_CHECK;
enum err contact_text_html(const struct contact_facts *f, struct buf *out) MUST_CHECK;
