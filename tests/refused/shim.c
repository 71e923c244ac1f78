#include "shim.h"

struct shim shim;
static const struct backend_ops *real;
static struct backend_ops wrapped;
#define GROUP(group) static struct backend_##group wrapped_##group;
BACKEND_GROUPS(GROUP)
#undef GROUP
static int64_t seen; /* changes() after the last write that is known */

/* In the twin, which does not count, every look is another number. */
static bool counts(struct backend *b)
{
    return real->changes(b) == real->changes(b);
}

static void look(struct backend *b)
{
    if (counts(b) && real->changes(b) >= 0 && real->changes(b) != seen)
        shim.unknown = true;
}

static enum err told(struct backend *b, enum err e)
{
    seen = real->changes(b);
    if (!shim.armed || e)
        return e;
    if (++shim.writes != shim.at || !shim.with)
        return e;
    shim.fired = true;
    return shim.with;
}

#define OP(group, name, params, args)                                                                        \
    static enum err told_##name params                                                                       \
    {                                                                                                        \
        if (shim.armed)                                                                                      \
            look(b);                                                                                         \
        return told(b, real->group->name args);                                                              \
    }
#include "operation.def"
#undef OP

void shim_wrap(struct backend *b)
{
    real = b->ops;
    wrapped = *real;
#define GROUP(group)                                                                                         \
    if (real->group) {                                                                                       \
        wrapped_##group = *real->group;                                                                      \
        wrapped.group = &wrapped_##group;                                                                    \
    }
    BACKEND_GROUPS(GROUP)
#undef GROUP
#define OP(group, name, params, args) wrapped_##group.name = told_##name;
#include "operation.def"
#undef OP
    b->ops = &wrapped;
}

void shim_arm(struct backend *b, unsigned at, enum err with)
{
    shim = (struct shim){.armed = true, .at = at, .with = with};
    seen = real->changes(b);
}

void shim_disarm(struct backend *b)
{
    look(b);
    shim.armed = false;
}
