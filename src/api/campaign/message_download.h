#pragma once
/* The messages of a job as a file of any length, with one piece in memory at a time. */
#include "api/campaign/form.h"
#include "api/campaign/message_search.h"

/* Answers 200 with the file, or 404; search is copied. */
void message_download(struct call *c, const struct message_search *search, const struct form *form);
