#pragma once
/*
 * The states of a provider's option: the provider applies for it, the operator decides, the provider may
 * withdraw.
 */
#include "base/err.h"
#include "model/option.h"
#include "store/backend.h"

enum option_act { OPTION_APPLY, OPTION_APPROVE, OPTION_REFUSE, OPTION_WITHDRAW };

/*
 * Changes o except its note. A provider can apply again after a refusal or a withdrawal, and the operator can
 * revise the decision. ERR_CONFLICT: not possible from this state.
 */
enum err option_change(struct option *o, enum option_act act, int64_t now_ms) MUST_CHECK;

/*
 * Whether the people of a channel get mails about its errors: the channel's switch is on and its provider's
 * option is approved.
 */
enum err option_tells(struct backend *b, const struct channel *c, bool *ret) MUST_CHECK;

/* Why the change is not possible, for people: "It was applied for already". */
const char *option_conflict_text(enum option_state state, enum option_act act);
