#include "fault/effect.h"

unsigned effect_of(const struct outcome *o)
{
    if (o->reason == REASON_OK)
        return 0;
    const struct cause *cause = cause_of(o->cause);
    if (cause->retry == RETRY_SOON)
        return EFFECT_AGAIN;
    unsigned retry = cause->retry != RETRY_NEVER ? EFFECT_RETRY : 0;
    if (cause->blame == BLAME_LOCAL) /* our resolver: retried on the schedule, like any name */
        return retry;
    return retry | EFFECT_COUNT | EFFECT_NOTIFY | EFFECT_SUSPEND;
}
