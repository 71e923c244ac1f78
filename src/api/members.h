#pragma once
/* A body that is an object of strings. */
#include "api/call.h"

/* A member that must be a string. */
struct member {
    const char *name;
    bool required;
    const char **to; /* its value, in the arena; NULL: absent */
};

/* Reads the body of c, an object of these members alone; false: answered with 400 already. */
bool members_read(struct call *c, const struct member *members, size_t count) MUST_CHECK;
