/*
 * origin_is_own: an origin that is taken for ours says no other place than one of ours. The input is a flag,
 * and then the origin, the public URL, the host and the forwarded host with line feeds between.
 */
#include <stdlib.h>
#include <string.h>

#include "api/origin.h"
#include "fuzz.h"

static struct span next(struct span *rest)
{
    const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
    struct span one = {rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};
    size_t used = end ? one.len + 1 : one.len;
    *rest = (struct span){rest->ptr + used, rest->len - used};
    return one;
}

/* Without regard to case; needle is not empty. */
static bool holds(struct span s, struct span needle)
{
    for (size_t i = 0; i + needle.len <= s.len; i++)
        if (span_eq_nocase((struct span){s.ptr + i, needle.len}, needle))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span rest = {(const char *)data + 1, size - 1};
    struct span origin = next(&rest);
    struct origin_own own = {.public_url = next(&rest), .host = next(&rest), .forwarded = next(&rest)};
    own.secure = data[0] & 1;
    if (!origin_is_own(origin, &own))
        return 0;
    bool https = origin.len > 8 && span_eq_nocase((struct span){origin.ptr, 8}, SPAN_LIT("https://"));
    if (origin.len < 8 || (!https && !span_eq_nocase((struct span){origin.ptr, 7}, SPAN_LIT("http://"))))
        abort();
    size_t front = https ? 8 : 7, port = 0;
    struct span place = {origin.ptr + front, origin.len - front};
    const struct span own_port = https ? SPAN_LIT(":443") : SPAN_LIT(":80");
    if (place.len > own_port.len)
        port = span_eq((struct span){place.ptr + place.len - own_port.len, own_port.len}, own_port)
                   ? own_port.len
                   : 0;
    place.len -= port;
    if (!place.len ||
        !(holds(own.public_url, place) || holds(own.host, place) || holds(own.forwarded, place)))
        abort();
    return 0;
}
