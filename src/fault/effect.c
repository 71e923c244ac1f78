#include "fault/effect.h"

unsigned effect_of(const struct outcome *o)
{
    if (o->reason == REASON_OK)
        return 0;
    if (cause_is_local(o->cause))
        return EFFECT_AGAIN;
    unsigned retry = fault_of(o->fault)->retry == RETRY_LATER ? EFFECT_RETRY : 0;
    if (cause_blame(o->cause) == BLAME_LOCAL) /* our resolver: it goes on by the schedule, as for any name */
        return retry;
    return retry | EFFECT_COUNT | EFFECT_NOTIFY | EFFECT_SUSPEND;
}
