#pragma once
/* Jobs and messages as the API shows them. */
#include "api/call.h"
#include "store/campaign.h"

const char *job_state_text(enum job_state s); /* "running" */

/* The job with its counts by state and kind; reads them from b. */
enum err job_write(struct json_write *w, struct backend *b, const struct job *j, int64_t now_ms) MUST_CHECK;

/* One error with its words: {"id","text","kind","kindEn","cause","advice",…}. judged: struct message. */
void job_write_error(struct json_write *w, enum delivery_error_id id, struct span text, struct span judged,
                     enum lang lang);

/* One of the words of message.judged. */
enum judged { JUDGED_CLASS, JUDGED_RETRY, JUDGED_EFFECT, JUDGED_WHOM };
struct span job_judged(struct span judged, enum judged word);
