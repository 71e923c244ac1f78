#pragma once
/*
 * Names that people choose for channels, providers and accounts. Names appear in mails and on pages of
 * others, so they must not hold text that a mail program turns into a link: "Your account is locked: sign in
 * at https://…" is refused. The rules follow what mail programs recognise: a scheme with ://, www., a name
 * that ends in a domain of the root zone (tld.def), an address with a path or port, a mail address. They also
 * recognise look-alikes of dots, colons, slashes and letters in other scripts and widths, and invisible
 * characters in between. "node.js", "J.League" and "No.1" are no links.
 */
#include <stdbool.h>

#include "base/buf.h"

#define NAME_MAX_LEN 400 /* bytes of the longest name */

/*
 * Whether some program would turn part of the name (UTF-8) into a link; also true for names that are too
 * long.
 */
bool name_has_link(struct span name);

/*
 * Appends the name as mails show it; it may be older than the ban on links. Separators of a link are put in
 * brackets ("https[:]//evil[.]example"), characters that break a line or change the reading direction become
 * spaces, and malformed UTF-8 becomes U+FFFD. A harmless name is appended unchanged. Text beyond NAME_MAX_LEN
 * is cut. ERR_LIMIT and ERR_NOMEM as buf.h says.
 */
enum err name_show(struct span name, struct buf *out) MUST_CHECK;

/* What is wrong with a new name, for people; NULL: it is valid (1 to 100 characters). */
const char *name_refuse(struct span name);
