#pragma once
/* A condition in a body: read, and its campaigns looked up in the store. */
#include "base/json_scan.h"
#include "store/backend.h"
#include "store/condition.h"

struct call;

struct segment_read {
    struct condition *condition;
    const char *place; /* of a campaign that is not there; NULL: all are */
};

/* false: already answered with 400, whose property begins with "condition". */
bool segment_read(struct call *c, struct json_value v, struct segment_read *ret) MUST_CHECK;
/* In a run. ERR_INVALID: a campaign is not there, which segment_read_done() answers. */
enum err segment_read_campaigns(struct segment_read *r, struct backend *b, int64_t provider_id) MUST_CHECK;
/* In done: frees the condition. false: it has answered that a campaign is not there. */
bool segment_read_done(struct call *c, struct segment_read *r) MUST_CHECK;
