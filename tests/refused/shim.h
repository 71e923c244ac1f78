#pragma once
/* A backend whose operations do what they are asked and then say that they failed: the nth write of a run, as
 * any error there is. One backend in a process at a time, on the store's thread. */
#include "store/backend.h"

struct shim {
    bool armed;      /* from here on: */
    unsigned at;     /* this write is told as */
    enum err with;   /* this; ERR_NONE: none is */
    unsigned writes; /* so many there were, */
    bool fired;      /* it was among them */
    bool unknown;    /* something was written by an operation that operation.def does not name */
};
extern struct shim shim;

/* The backend's operations are the shim's from now on. */
void shim_wrap(struct backend *b);
void shim_arm(struct backend *b, unsigned at, enum err with);
void shim_disarm(struct backend *b);
