#include "api/campaign/segment_read.h"

#include <stdio.h>

#include "api/call.h"

#define CAMPAIGNS_AT_ONCE 100u

/* "condition", and the place in it. */
static void invalid(struct call *c, const char *path, const char *message)
{
    char property[224];
    (void)snprintf(property, sizeof(property), "condition%s%s", path[0] ? "." : "", path);
    call_invalid(c, property, message);
}

bool segment_read(struct call *c, struct json_value v, struct segment_read *ret)
{
    struct condition_fault why;
    *ret = (struct segment_read){0};
    if (v.kind == JSON_KIND_NONE) {
        invalid(c, "", "is required");
        return false;
    }
    enum err e = condition_parse(v.raw, &ret->condition, &why);
    if (e == ERR_INVALID)
        invalid(c, why.path, why.message);
    else if (e)
        call_failed(c, e);
    return !e;
}

struct lookup {
    struct span name;
    int64_t last;
    uint32_t count;
    bool found;
};

static enum err compare(void *arg, const struct campaign *g)
{
    struct lookup *l = arg;
    char id[24];
    (void)snprintf(id, sizeof(id), "%lld", (long long)g->id);
    l->last = g->id;
    l->count++;
    l->found = l->found || span_eq(l->name, g->short_id) || span_eq(l->name, span_of(id));
    return ERR_NONE;
}

enum err segment_read_campaigns(struct segment_read *r, struct backend *b, int64_t provider_id)
{
    r->place = NULL; /* the run may be a second one */
    for (const struct condition_received *x = r->condition->received; x; x = x->next) {
        struct lookup l = {.name = x->campaign, .count = CAMPAIGNS_AT_ONCE};
        while (!l.found && l.count == CAMPAIGNS_AT_ONCE) {
            l.count = 0;
            enum err e =
                b->ops->campaigns->campaign_list(b, provider_id, l.last, CAMPAIGNS_AT_ONCE, compare, &l);
            if (e)
                return e;
        }
        if (!l.found) {
            r->place = x->place;
            return ERR_INVALID;
        }
    }
    return ERR_NONE;
}

bool segment_read_done(struct call *c, struct segment_read *r)
{
    struct condition *condition = r->condition; /* r may be part of the call, which an answer frees */
    bool unknown = r->place && c->store.err == ERR_INVALID;
    r->condition = NULL;
    if (unknown)
        invalid(c, r->place, "this provider has no campaign of that id or short id");
    condition_free(condition);
    return !unknown;
}
