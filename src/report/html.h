#pragma once
/* Text as it stands in the HTML part of a mail, in an element or in an attribute between quotes. */
#include "base/buf.h"

/* Appends. ERR_LIMIT and ERR_NOMEM of the buf. */
enum err html_add(struct span text, struct buf *out) MUST_CHECK;
