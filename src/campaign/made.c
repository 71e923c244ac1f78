#include "campaign/made.h"

#include <stdio.h>

static struct made failed(enum delivery_error_id error, const char *detail)
{
    struct made m = {.state = MADE_FAILED, .error = error};
    (void)snprintf(m.detail, sizeof(m.detail), "%s", detail);
    return m;
}

struct made made_by_variables(const struct variables_outcome *o)
{
    char name[VARIABLE_NAME_MAX + 1];
    switch (o->result) {
    case VARIABLES_NO_VALUE:
        (void)snprintf(name, sizeof(name), "%.*s", (int)o->missing->name.len, o->missing->name.ptr);
        return failed(DELIVERY_ERROR_no_value, name);
    case VARIABLES_SKIP:
        return (struct made){.state = MADE_SKIPPED};
    case VARIABLES_READY:
        break;
    }
    return (struct made){.state = MADE_READY};
}

struct made made_by_rendering(enum medium medium, const struct content_rendered *r, bool stopped)
{
    struct made broken = failed(DELIVERY_ERROR_internal_closed, "node to renderer");
    broken.state = MADE_BROKEN;
    switch (r->result) {
    case RENDER_DONE:
        if (content_is_empty(medium, r))
            return failed(DELIVERY_ERROR_no_action, "");
        if (stopped)
            return failed(DELIVERY_ERROR_action_failed, "the stop condition of the campaign matches");
        return (struct made){.state = MADE_READY};
    case RENDER_NULL:
        return failed(DELIVERY_ERROR_template_null, r->reason);
    case RENDER_FAILED:
        return failed(DELIVERY_ERROR_action_failed, r->reason);
    case RENDER_GONE:
    case RENDER_NEEDS_ENGINE:
        break;
    }
    return broken;
}

struct made made_by_carrier(enum medium medium, const struct carrier_fault *why)
{
    char detail[sizeof(why->property) + sizeof(why->message) + 4];
    (void)snprintf(detail, sizeof(detail), "%s: %s", why->property, why->message);
    if (strncmp(why->property, "target", 6) == 0)
        return failed(medium == MEDIUM_MAIL      ? DELIVERY_ERROR_client_address
                      : medium == MEDIUM_BROWSER ? DELIVERY_ERROR_browser_gone
                                                 : DELIVERY_ERROR_client_response,
                      detail);
    return failed(medium == MEDIUM_PUSH ? DELIVERY_ERROR_push_content_invalid : DELIVERY_ERROR_action_failed,
                  detail);
}
