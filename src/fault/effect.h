#pragma once
/*
 * What an outcome leads to, beyond the event it happened to: the one place where that is decided. Whoever
 * acts on it adds what only he knows: the channel's switches, how often it was tried, for how long it has
 * lasted.
 */
#include "fault/outcome.h"

enum effect {
    EFFECT_RETRY = 1,    /* redelivery may send it again, where the channel wants that */
    EFFECT_AGAIN = 2,    /* it is sent again in any case, and soon */
    EFFECT_COUNT = 4,    /* an error of the bot server: it stands in the error statistics */
    EFFECT_NOTIFY = 8,   /* and is told by mail */
    EFFECT_SUSPEND = 16, /* and speaks for suspending the channel, if that goes on */
};

/*
 * A set of enum effect; 0 for a success. What is to blame on our own side (causes that begin with local_, and
 * a resolver of ours that cannot be reached) is never held against the bot: it is not counted, not told and
 * suspends nothing; the operator learns of it by an alarm.
 */
unsigned effect_of(const struct outcome *o);
