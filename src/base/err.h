#pragma once
/*
 * The error codes of todoke's own functions. A delivery that fails is data (struct outcome), never an enum
 * err. Functions that can fail return enum err; they leave their ret_ outputs untouched unless they return
 * ERR_NONE.
 *
 * There are two kinds. A refusal answers the caller: what was asked for is invalid, missing, or not possible
 * now. A refusal is never logged as a failure of this node. A fault is this node's own: memory, disk, or
 * something that cannot happen. The function in which a fault begins creates it with err_origin()
 * (origin.h), which logs the place; callers return it upward and do not log it again.
 */
#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

enum err {
    ERR_NONE = 0,

    /* Refusals. */
    ERR_LIMIT,     /* a cap was reached: buffer, queue, table */
    ERR_INVALID,   /* input breaks its grammar or a documented rule */
    ERR_NOT_FOUND, /* no such thing */
    ERR_EXISTS,    /* there already is one */
    ERR_CONFLICT,  /* the state forbids it */
    ERR_DENIED,    /* not allowed */
    ERR_BUSY,      /* somebody else holds it; try again later */
    ERR_CLOSED,    /* the other side is gone */
    ERR_VERSION,   /* written by a newer version of todoke */

    /* Faults. */
    ERR_NOMEM,    /* an allocation failed */
    ERR_FULL,     /* no space left on the device */
    ERR_IO,       /* the system refused; errno has the reason */
    ERR_GONE,     /* files were deleted, replaced or truncated while in use */
    ERR_DAMAGED,  /* stored data cannot be read back */
    ERR_INTERNAL, /* a library or our own code failed in an unexpected way */
};

static inline bool err_is_fault(enum err e)
{
    return e >= ERR_NOMEM;
}

/* A short English text for logs, never NULL. */
const char *err_text(enum err e);
