#pragma once
/* Senders as the API shows them: settings as they were given, of the credentials only which are there. */
#include "api/call.h"
#include "store/campaign.h"

/* secret: s->secret was read, so that what comes of it can be shown too. ERR_NOMEM. */
enum err sender_write(struct json_write *w, const struct sender *s, bool secret) MUST_CHECK;
