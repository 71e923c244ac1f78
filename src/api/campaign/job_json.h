#pragma once
/* Jobs and messages as the API shows them. */
#include "api/call.h"
#include "store/campaign.h"

const char *job_state_text(enum job_state s); /* "running" */

/* The job with its counts by state and kind; reads them from b. */
enum err job_write(struct json_write *w, struct backend *b, const struct job *j, int64_t now_ms) MUST_CHECK;
