#pragma once
/*
 * Names that people give: of channels, providers, accounts. They stand in mails and pages of others, so they
 * must not hold what a mail program makes a link of: "Your account is locked: sign in at https://…" is no
 * name. Told by what mail programs do: a scheme with ://, www., a name that ends in a domain of the root zone
 * (tld.def), an address with a path or port, a mail address; also where its dots, colons, slashes or letters
 * are the look-alikes of other scripts and widths, or something invisible stands between. "node.js",
 * "J.League" and "No.1" are no links.
 */
#include <stdbool.h>

#include "base/buf.h"

#define NAME_MAX_LEN 400 /* bytes of the longest name that can be given */

/* Whether UTF-8 text would become a link somewhere; true as well for what is longer than a name can be. */
bool name_has_link(struct span name);

/*
 * Appends the name as mails show it, which may have been given before links were refused: what would make a
 * link of it stands in brackets ("https[:]//evil[.]example"), what would break a line or turn the reading
 * direction is a blank, and malformed UTF-8 is U+FFFD. A harmless name stays as it is, byte for byte. Past
 * NAME_MAX_LEN it is cut. ERR_LIMIT and ERR_NOMEM of the buf.
 */
enum err name_show(struct span name, struct buf *out) MUST_CHECK;

/* What is wrong with a new name, for people; NULL: it will do. 1 to 100 characters. */
const char *name_refuse(struct span name);
