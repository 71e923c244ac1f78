#pragma once
/*
 * What follows from an outcome beyond the event itself, decided only here. The caller adds what only it
 * knows: the channel's settings, the number of attempts, and how long failures have lasted.
 */
#include "fault/outcome.h"

enum effect {
    EFFECT_RETRY = 1,    /* redelivery may send it again, if the channel wants that */
    EFFECT_AGAIN = 2,    /* it is sent again soon in any case */
    EFFECT_COUNT = 4,    /* an error of the bot server: counted in the error statistics */
    EFFECT_NOTIFY = 8,   /* reported by mail */
    EFFECT_SUSPEND = 16, /* a reason to suspend the channel, if it continues */
};

/*
 * A set of enum effect; 0 for a success. Failures of this node (causes that begin with local_, and its
 * resolver being unreachable) are never held against the bot: they are not counted, not reported and suspend
 * nothing; an alarm informs the operator.
 */
unsigned effect_of(const struct outcome *o);
