#pragma once
/* Campaigns as the API shows and reads them. */
#include "api/call.h"
#include "store/campaign.h"

const char *campaign_channel(enum medium medium); /* "mail", "push", "line", "browser" */
/* ERR_NOT_FOUND: no such channel. */
enum err campaign_channel_find(struct span text, enum medium *ret) MUST_CHECK;

/* whole: with content, variables and stop condition. */
void campaign_write(struct json_write *w, const struct campaign *k, bool whole);

/* A short id: 8 characters that are not taken for one another; the first is no digit, so it is no id. */
#define CAMPAIGN_SHORT_LEN 8u
void campaign_short_id(char out[static CAMPAIGN_SHORT_LEN + 1]);
