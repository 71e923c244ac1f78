#include "api/members.h"

#include <jansson.h>
#include <stdio.h>

static const struct member *member_of(const struct member *members, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(members[i].name, name) == 0)
            return &members[i];
    return NULL;
}

static bool take_members(struct call *c, json_t *object, const struct member *members, size_t count)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        const struct member *m = member_of(members, count, key);
        char name[120];
        (void)snprintf(name, sizeof(name), "%.100s", key);
        if (!m || !json_is_string(value)) {
            call_invalid(c, name, m ? "must be a string" : "unknown member");
            return false;
        }
        *m->to = arena_dup(&c->arena, (struct span){json_string_value(value), json_string_length(value)});
        if (!*m->to) {
            call_failed(c, ERR_NOMEM);
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (members[i].required && !*members[i].to) {
            call_invalid(c, members[i].name, "is required");
            return false;
        }
    }
    return true;
}

bool members_read(struct call *c, const struct member *members, size_t count)
{
    json_t *object = call_object(c);
    if (!object)
        return false;
    bool ok = take_members(c, object, members, count);
    json_decref(object);
    return ok;
}
