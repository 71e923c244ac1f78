#include "api/origin.h"

#include <stddef.h>

/* Takes "https://" or "http://" off the front. */
static bool take_scheme(struct span *s, bool *ret_secure)
{
    const struct span https = SPAN_LIT("https://"), http = SPAN_LIT("http://");
    bool secure = s->len > https.len && span_eq_nocase((struct span){s->ptr, https.len}, https);
    if (!secure && !(s->len > http.len && span_eq_nocase((struct span){s->ptr, http.len}, http)))
        return false;
    size_t len = secure ? https.len : http.len;
    *s = (struct span){s->ptr + len, s->len - len};
    *ret_secure = secure;
    return true;
}

/* Strips the scheme's default port. */
static struct span without_port(struct span authority, bool secure)
{
    const struct span port = secure ? SPAN_LIT(":443") : SPAN_LIT(":80");
    if (authority.len > port.len &&
        span_eq((struct span){authority.ptr + authority.len - port.len, port.len}, port))
        authority.len -= port.len;
    return authority;
}

static bool same(struct span authority, struct span other, bool secure)
{
    return other.len && span_eq_nocase(authority, without_port(other, secure));
}

static struct span up_to(struct span s, char end)
{
    const char *at = s.len ? memchr(s.ptr, end, s.len) : NULL;
    if (at)
        s.len = (size_t)(at - s.ptr);
    return s;
}

bool origin_is_own(struct span origin, const struct origin_own *own)
{
    bool secure, public_secure;
    struct span public = own->public_url;
    if (!origin.ptr || !take_scheme(&origin, &secure))
        return false;
    origin = without_port(origin, secure);
    if (public.ptr && take_scheme(&public, &public_secure) && public_secure == secure &&
        same(origin, up_to(public, '/'), secure))
        return true;
    /* A proxy that we do not know of may have terminated https in front of us. */
    return (secure || !own->secure) &&
           (same(origin, own->host, secure) ||
            same(origin, up_to(own->forwarded, ','), secure)); /* as the first proxy saw it */
}
