#pragma once
/*
 * Which messages are asked for: ?state=failed,unknown&kind=…&error=…&text=…, and how they are found, step
 * by step.
 */
#include "api/campaign/message_view.h"

struct message_search {
    struct message_filter filter; /* job_id or user_id, and provider_id: the caller's */
    unsigned states;              /* as shown: bits 1 << enum message_state; 0: all */
    struct span kind, text;       /* empty: all */
};

#define MESSAGE_SEARCH_FILTERS "state", "kind", "error", "text"

/* Reads the four filters of the query. false: already answered with 400. */
bool message_search_read(struct call *c, struct message_search *s) MUST_CHECK;
/* Whether the view matches what the store does not look at. */
bool message_search_matches(const struct message_search *s, const struct message_view *v);
/* In a run: sets how much one call of the store may look at, so that other readers get a turn. */
void message_search_bound(struct message_search *s, uint32_t rows);
