#pragma once
/* A channel as JSON, and the members that create and change one. */
#include "api/call.h"

/* What a body asks to change; only what is set applies. */
struct channel_change {
    struct channel to;
    bool name, webhook_url, use_webhook, webhook_redelivery, error_statistics, contact_email, language,
        response_timeout_ms, max_events, resume;
};

/* Reads a JSON object; false: answered with 400 already, naming the member. */
bool channel_change_read(struct call *c, struct json_t *object, struct channel_change *ret) MUST_CHECK;
void channel_change_apply(const struct channel_change *change, struct channel *c);

/* The members, inside an object the caller has begun. */
void channel_change_show(struct json_write *w, const struct channel *c,
                         const struct courier_settings *settings, int64_t backlog);
