#include "report/option.h"

/* The state that each act leads to from each state; OPTION_NONE: not allowed. */
static const enum option_state steps[][OPTION_STATES] = {
    [OPTION_APPLY] = {[OPTION_NONE] = OPTION_APPLIED,
                      [OPTION_REFUSED] = OPTION_APPLIED,
                      [OPTION_WITHDRAWN] = OPTION_APPLIED},
    [OPTION_APPROVE] = {[OPTION_APPLIED] = OPTION_APPROVED, [OPTION_REFUSED] = OPTION_APPROVED},
    [OPTION_REFUSE] = {[OPTION_APPLIED] = OPTION_REFUSED, [OPTION_APPROVED] = OPTION_REFUSED},
    [OPTION_WITHDRAW] = {[OPTION_APPLIED] = OPTION_WITHDRAWN,
                         [OPTION_APPROVED] = OPTION_WITHDRAWN,
                         [OPTION_REFUSED] = OPTION_WITHDRAWN},
};

enum err option_change(struct option *o, enum option_act act, int64_t now_ms)
{
    enum option_state to = steps[act][o->state];
    if (to == OPTION_NONE)
        return ERR_CONFLICT;
    o->state = to;
    if (act == OPTION_APPLY) {
        o->applied_ms = now_ms;
        o->decided_ms = 0;
    } else {
        o->decided_ms = now_ms;
    }
    return ERR_NONE;
}

static enum err take_state(void *arg, const struct option *o)
{
    *(enum option_state *)arg = o->state;
    return ERR_NONE;
}

enum err option_tells(struct backend *b, const struct channel *c, bool *ret)
{
    enum option_state state = OPTION_NONE;
    *ret = false;
    if (!c->error_notification)
        return ERR_NONE;
    enum err e = b->ops->notices->option_get(b, c->provider_id, take_state, &state);
    *ret = !e && state == OPTION_APPROVED;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

const char *option_conflict_text(enum option_state state, enum option_act act)
{
    if (state == OPTION_NONE || state == OPTION_WITHDRAWN)
        return "The option has not been applied for";
    if (act == OPTION_APPLY)
        return state == OPTION_APPROVED ? "The option is approved already"
                                        : "The option was applied for already";
    return act == OPTION_APPROVE ? "The option is approved already" : "The option is refused already";
}
