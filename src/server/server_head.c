#include "server/server_head.h"

#include <stdio.h>
#include <string.h>

/* One row per status we may send or name (RFC 9110 15, RFC 6585). */
static const struct {
    int status;
    const char *text;
} statuses[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *server_head_status_text(int status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (statuses[i].status == status)
            return statuses[i].text;
    return "Unknown";
}

void server_head_clear(struct server_head *h)
{
    memset(h, 0, offsetof(struct server_head, fields));
}

size_t server_head_refusal_body(const struct server_refusal *r, char out[512])
{
    /* All texts are ours and free of characters that JSON would escape. */
    int n = r->property
                ? snprintf(out, 512,
                           "{\"message\":\"%s\",\"details\":[{\"message\":\"%s\",\"property\":\"%s\"}]}",
                           server_head_status_text(r->status), r->detail, r->property)
                : snprintf(out, 512, "{\"message\":\"%s\",\"details\":[{\"message\":\"%s\"}]}",
                           server_head_status_text(r->status), r->detail);
    return n < 0 ? 0 : n > 511 ? 511 : (size_t)n;
}

bool server_head_is_token(struct span s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || !strchr(marks, c)))
            return false;
    }
    return true;
}

static bool target_is_printable(struct span t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.ptr[i] <= ' ' || t.ptr[i] >= 0x7f || t.ptr[i] == '#')
            return false;
    return true;
}

/*
 * Where the path begins in an absolute-form target, after scheme and authority; SIZE_MAX: not absolute-form.
 */
static size_t absolute_form_path(struct span t)
{
    size_t at;
    if (t.len >= 7 && strncasecmp(t.ptr, "http://", 7) == 0)
        at = 7;
    else if (t.len >= 8 && strncasecmp(t.ptr, "https://", 8) == 0)
        at = 8;
    else
        return SIZE_MAX;
    size_t start = at;
    while (at < t.len && t.ptr[at] != '/' && t.ptr[at] != '?')
        at++;
    return at == start ? SIZE_MAX : at;
}

bool server_head_set_target(struct server_head *h, const char *base)
{
    struct span t = server_part_span(base, h->target);
    if (t.len == 0 || !target_is_printable(t))
        return false;
    size_t path = 0;
    if (t.ptr[0] != '/') {
        if (span_eq(t, SPAN_LIT("*"))) {
            h->path = h->target;
            return span_eq(server_part_span(base, h->method), SPAN_LIT("OPTIONS"));
        }
        path = absolute_form_path(t);
        if (path == SIZE_MAX)
            return false;
    }
    const char *mark = memchr(t.ptr + path, '?', t.len - path);
    size_t end = mark ? (size_t)(mark - t.ptr) : t.len;
    h->path = (struct server_part){h->target.at + (uint32_t)path, (uint32_t)(end - path)};
    h->query = (struct server_part){0};
    if (mark)
        h->query = (struct server_part){h->target.at + (uint32_t)end + 1, (uint32_t)(t.len - end - 1)};
    return true;
}

struct span server_head_find(const struct server_head *h, const char *base, struct span name, size_t nth)
{
    for (uint32_t i = 0; i < h->field_count; i++)
        if (h->fields[i].name.len == name.len && span_eq(server_part_span(base, h->fields[i].name), name) &&
            nth-- == 0)
            return server_part_span(base, h->fields[i].value);
    return (struct span){NULL, 0};
}

bool server_head_parse_length(struct span value, uint64_t *ret)
{
    if (value.len == 0 || value.len > 18)
        return false;
    uint64_t n = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    *ret = n;
    return true;
}
