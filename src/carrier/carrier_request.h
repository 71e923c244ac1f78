#pragma once
/* How a service's file writes a request: start, url, headers, finish. Each appends to text, whose memory may
 * move meanwhile, so that the spans are set by finish alone. */
#include "carrier/carrier.h"

/* Nothing that a service takes is larger: a mail over SendGrid. */
#define CARRIER_BODY_MAX (30u << 20)

void carrier_request_start(struct carrier_request *r, const char *method);
/* The URL is host and path joined. ERR_NOMEM, ERR_LIMIT. */
enum err carrier_request_url(struct carrier_request *r, struct span host, struct span path) MUST_CHECK;
/* name is static, in lower case; the value is a and b joined. */
enum err carrier_request_header(struct carrier_request *r, const char *name, struct span a,
                                struct span b) MUST_CHECK;
void carrier_request_finish(struct carrier_request *r);

/* What most requests are: method, URL, "authorization: Bearer TOKEN", and the type of a body of JSON where
 * there is one. */
enum err carrier_request_bearer(struct carrier_request *r, const char *method, struct span host,
                                struct span path, struct span token) MUST_CHECK;
