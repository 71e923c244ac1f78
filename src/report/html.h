#pragma once
/* Escapes text for the HTML part of a mail, inside an element or a quoted attribute. */
#include "base/buf.h"

/* Appends to out. ERR_LIMIT and ERR_NOMEM as buf.h says. */
enum err html_add(struct span text, struct buf *out) MUST_CHECK;
