#pragma once
/*
 * Which links a message may carry, and which URL can be a service's host. Both return NULL, or why not, to
 * follow the name of the member. Where a request really goes the node checks again, with its own rules.
 */
#include "base/span.h"

#define LINK_MAX 2048u /* bytes; browsers and push services cut longer ones */

/* A URI with a scheme (RFC 3986 3.1) that a device can open: not one whose scheme runs or shows what it
 * holds. Characters beyond ASCII are allowed, as people write them. */
const char *link_refuse(struct span link);

#define LINK_BASE_MAX 400u /* so that there is room for the service's path in a URL of 500 characters */

/* A URL of http or https with a host; without user, query and fragment. */
const char *link_refuse_base(struct span url);
