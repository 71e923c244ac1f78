#pragma once
/* Reads a JSON body whose members are all strings. */
#include "api/call.h"

/* A member that must be a string. */
struct member {
    const char *name;
    bool required;
    const char **to; /* its value, in the arena; NULL: absent */
};

/* Reads the body of c, an object with no other members. false: already answered with 400. */
bool members_read(struct call *c, const struct member *members, size_t count) MUST_CHECK;
