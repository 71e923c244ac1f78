#pragma once
/* What may become of an option: applied for by the provider, decided by the operator, withdrawn by the
 * provider. */
#include "base/err.h"
#include "model/option.h"
#include "store/backend.h"

enum option_act { OPTION_APPLY, OPTION_APPROVE, OPTION_REFUSE, OPTION_WITHDRAW };

/*
 * Changes o, but for its note. A refused or withdrawn one can be applied for again; the operator can change
 * his mind. ERR_CONFLICT: not from the state it is in.
 */
enum err option_change(struct option *o, enum option_act act, int64_t now_ms) MUST_CHECK;

/* Whether the people of a channel are told of its errors by mail: its switch is on, and its provider's option
 * approved. */
enum err option_tells(struct backend *b, const struct channel *c, bool *ret) MUST_CHECK;

/* Why not, for people: "It was applied for already". */
const char *option_conflict_text(enum option_state state, enum option_act act);
