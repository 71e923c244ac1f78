#pragma once
/* What names a list: the name people give it, and by what its rows name people. */
#include <stdbool.h>

#include "base/span.h"
#include "store/audience.h"

struct call;

extern const char list_name_too_many[];
/* ptr NULL: there is none. false: already answered with 400. */
bool list_name_read(struct call *c, const char *property, struct span text, struct span *ret) MUST_CHECK;
bool list_name_by(struct call *c, struct span text, enum by *ret) MUST_CHECK;
