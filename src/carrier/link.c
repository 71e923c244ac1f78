#include "carrier/link.h"

#include <stdint.h>
#include <uriparser/Uri.h>

#include "base/utf8.h"

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_web(struct span scheme)
{
    return span_eq_nocase(scheme, SPAN_LIT("http")) || span_eq_nocase(scheme, SPAN_LIT("https"));
}

const char *link_refuse(struct span link)
{
    static const char *const running[] = {"javascript", "vbscript", "data", "blob", "file", "about", NULL};
    if (link.len > LINK_MAX)
        return "is longer than 2,048 bytes";
    size_t n = 0;
    while (n < link.len && link.ptr[n] != '\0' &&
           (is_letter(link.ptr[n]) || (n > 0 && strchr("0123456789+-.", link.ptr[n]))))
        n++;
    if (n == 0 || n >= link.len || link.ptr[n] != ':')
        return "is no link with a scheme, as https: has it";
    if (n + 1 == link.len)
        return "has nothing behind its scheme";
    for (const char *const *p = running; *p; p++)
        if (span_eq_nocase((struct span){link.ptr, n}, span_of(*p)))
            return "has a scheme that runs or shows what it holds";
    struct span rest = {link.ptr + n + 1, link.len - n - 1};
    if (is_web((struct span){link.ptr, n}) &&
        (!span_starts(rest, SPAN_LIT("//")) || rest.len == 2 || strchr("/?#:@", rest.ptr[2])))
        return "names no host";
    uint32_t cp = 0;
    for (size_t i = 0, len; i < rest.len; i += len) {
        len = utf8_next(rest.ptr + i, rest.len - i, &cp);
        if (len == 0 || cp <= ' ' || utf8_is_control(cp) || (cp < 0x80 && strchr("\"<>\\^`{|}", (int)cp)))
            return "has a space or another character that no link has";
    }
    return NULL;
}

static struct span range(UriTextRangeA r)
{
    return r.first ? (struct span){r.first, (size_t)(r.afterLast - r.first)} : (struct span){"", 0};
}

const char *link_refuse_base(struct span url)
{
    if (url.len > LINK_BASE_MAX)
        return "is longer than 400 bytes";
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] >= 0x7f)
            return "is no URL: it has a space, or a character beyond ASCII";
    UriUriA uri;
    const char *where = NULL;
    if (uriParseSingleUriExA(&uri, url.ptr, url.ptr + url.len, &where) != URI_SUCCESS)
        return "is no URL";
    const char *bad = NULL;
    if (!is_web(range(uri.scheme)))
        bad = "must be a URL of https or http";
    else if (range(uri.hostText).len == 0)
        bad = "names no host";
    else if (uri.userInfo.first)
        bad = "must not have a user or password in it";
    else if (uri.query.first || uri.fragment.first)
        bad = "must have neither a query nor a fragment";
    uriFreeUriMembersA(&uri);
    return bad;
}
