#pragma once
/* What the searches of both catalogues share: comparing what somebody typed with the texts of a row. */
#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/* A space or one of tab, line feed, vertical tab, form feed, carriage return. */
bool search_is_space(char c);

/* Without the white space at its ends. */
struct span search_trim(struct span s);

/* Whether s begins with prefix, ignoring ASCII case. */
bool search_starts(struct span s, struct span prefix);

/* Whether one of the texts contains the text, ignoring ASCII case. */
bool search_texts_hold(const char *const *texts, size_t count, struct span text);

/* Whether each word of the text is contained in one of the texts, ignoring ASCII case. */
bool search_texts_hold_words(const char *const *texts, size_t count, struct span words);
