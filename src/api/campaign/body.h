#pragma once
/* A body that is an object with these members only, as the client wrote them. */
#include "base/json_scan.h"
#include "store/audience.h"

struct call;

/* Values live as long as the body. false: already answered with 400. */
bool body_fields(struct call *c, struct json_field *fields, size_t count) MUST_CHECK;
/* A name that people give: 1 to 200 bytes without control characters; into the arena. */
bool body_name(struct call *c, const char *property, struct json_value v, struct span *ret) MUST_CHECK;
/* A text of at most max bytes, decoded into the arena. */
bool body_text(struct call *c, const char *property, struct json_value v, size_t max,
               struct span *ret) MUST_CHECK;
