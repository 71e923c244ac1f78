#pragma once
/*
 * Our own failures. A delivery that fails is data (struct outcome), never one of these.
 * Functions that can fail return enum err; ret_ outputs are untouched unless it is ERR_NONE.
 */
#define MUST_CHECK __attribute__((warn_unused_result))

enum err {
    ERR_NONE = 0,
    ERR_NOMEM,     /* an allocation failed */
    ERR_LIMIT,     /* a cap was reached: buffer, queue, table */
    ERR_INVALID,   /* input breaks its grammar or a documented rule */
    ERR_NOT_FOUND, /* no such thing */
    ERR_EXISTS,    /* there already is one */
    ERR_CONFLICT,  /* the state forbids it */
    ERR_DENIED,    /* not allowed */
    ERR_BUSY,      /* somebody else holds it; try again later */
    ERR_FULL,      /* no space left on the device */
    ERR_IO,        /* the system refused; errno has the reason */
    ERR_GONE,      /* files were deleted, replaced or cut while they were in use */
    ERR_DAMAGED,   /* what was stored cannot be read back */
    ERR_CLOSED,    /* the other side is gone */
    ERR_VERSION,   /* written by a newer version of todoke */
    ERR_INTERNAL,  /* a library failed in a way it should not */
};

/* A short English text for logs, never NULL. */
const char *err_text(enum err e);
