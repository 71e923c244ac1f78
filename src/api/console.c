/* Serves the web console: files embedded in the binary, with headers that restrict what a browser lets them
 * do. */
#include "api/console.h"

#include "api/call.h"

/* Content-Security-Policy: no inline code or styles, nothing from other origins, no framing. */
#define POLICY                                                                                               \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "    \
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
#define FEATURES                                                                                             \
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "       \
    "microphone=(), midi=(), payment=(), usb=()"

static const char *const codings[CONSOLE_CODINGS] = {NULL, "gzip", "br"};

static struct span trim(struct span s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Takes the text up to the next separator; false: nothing is left. */
static bool next_part(struct span *rest, char separator, struct span *ret)
{
    if (!rest->len)
        return false;
    const char *at = memchr(rest->ptr, separator, rest->len);
    size_t len = at ? (size_t)(at - rest->ptr) : rest->len;
    *ret = trim((struct span){rest->ptr, len});
    rest->ptr += len + (at ? 1 : 0);
    rest->len -= len + (at ? 1 : 0);
    return true;
}

/*
 * A weight (RFC 9110 12.4.2) in thousandths; an invalid weight counts as 0, so that its value is not chosen.
 */
static int weight(struct span q)
{
    if (!q.len || (q.ptr[0] != '0' && q.ptr[0] != '1') || (q.len > 1 && q.ptr[1] != '.') || q.len > 5)
        return 0;
    int n = (q.ptr[0] - '0') * 1000, unit = 100;
    for (size_t i = 2; i < q.len; i++, unit /= 10) {
        if (q.ptr[i] < '0' || q.ptr[i] > '9')
            return 0;
        n += (q.ptr[i] - '0') * unit;
    }
    return n > 1000 ? 0 : n;
}

/* The weight of a value in a list such as "br;q=0.9, *"; -1: the list does not name it. */
static int wish(struct span list, struct span value)
{
    int star = -1;
    for (struct span part; next_part(&list, ',', &part);) {
        struct span name, parameter;
        int w = 1000;
        if (!next_part(&part, ';', &name))
            continue;
        while (next_part(&part, ';', &parameter))
            if (parameter.len > 2 && (parameter.ptr[0] | 0x20) == 'q' && parameter.ptr[1] == '=')
                w = weight((struct span){parameter.ptr + 2, parameter.len - 2});
        if (span_eq_nocase(name, value))
            return w;
        if (span_eq(name, SPAN_LIT("*")))
            star = w;
    }
    return star;
}

enum console_coding console_coding_of(const struct console_file *file, struct span accept_encoding)
{
    enum console_coding best = CONSOLE_PLAIN;
    int identity = wish(accept_encoding, SPAN_LIT("identity")), most = identity < 0 ? 1 : identity;
    for (int i = CONSOLE_PLAIN + 1; i < CONSOLE_CODINGS; i++) {
        if (!file->bodies[i].data)
            continue;
        int w = wish(accept_encoding, span_of(codings[i]));
        if (w > most || (w == most && w > 0 && file->bodies[i].len < file->bodies[best].len)) {
            best = (enum console_coding)i;
            most = w;
        }
    }
    return best;
}

/* Whether path is in folder. An unknown path of the API or of the assets gets 404, not the console's page. */
static bool is_below(struct span path, const char *folder)
{
    size_t len = strlen(folder);
    return path.len >= len && memcmp(path.ptr, folder, len) == 0 && (path.len == len || path.ptr[len] == '/');
}

static const struct console_file *find(const struct console_file *files, struct span path)
{
    for (; files->path; files++)
        if (span_eq(path, span_of(files->path)))
            return files;
    return NULL;
}

static bool wants_page(struct span accept)
{
    for (struct span part; next_part(&accept, ',', &part);) {
        struct span type;
        if (next_part(&part, ';', &type) && span_eq_nocase(type, SPAN_LIT("text/html")))
            return true;
    }
    return false;
}

/* If-None-Match compares weakly: a leading W/ is ignored. */
static bool is_known(struct span if_none_match, const char *etag)
{
    for (struct span tag; next_part(&if_none_match, ',', &tag);) {
        if (span_eq(tag, SPAN_LIT("*")))
            return true;
        if (tag.len > 2 && tag.ptr[0] == 'W' && tag.ptr[1] == '/')
            tag = (struct span){tag.ptr + 2, tag.len - 2};
        if (span_eq(tag, span_of(etag)))
            return true;
    }
    return false;
}

struct console_reply console_choose(const struct console_file *files, const struct console_request *r)
{
    struct console_reply reply = {.status = 404};
    const struct console_file *file = find(files, r->path);
    bool ours = !is_below(r->path, "/api") && !is_below(r->path, "/v2") && !is_below(r->path, "/assets");
    if (!file && ours && (span_eq(r->path, SPAN_LIT("/")) || wants_page(r->accept)))
        file = find(files, SPAN_LIT("/index.html"));
    if (!file)
        return reply;
    enum console_coding coding = console_coding_of(file, r->accept_encoding);
    reply.file = file;
    reply.body = &file->bodies[coding];
    reply.coding = codings[coding];
    reply.status = is_known(r->if_none_match, reply.body->etag) ? 304 : 200;
    return reply;
}

static void answer(struct call *c, const struct console_reply *r)
{
    struct server_header_out headers[16] = {
        {"content-type", r->file->type},
        {"etag", r->body->etag},
        {"cache-control", r->file->immutable ? "public, max-age=31536000, immutable" : "no-cache"},
        {"vary", "accept-encoding"},
        {"content-security-policy", POLICY},
        {"x-content-type-options", "nosniff"},
        {"referrer-policy", "no-referrer"},
        {"cross-origin-opener-policy", "same-origin"},
        {"cross-origin-resource-policy", "same-origin"},
        {"permissions-policy", FEATURES},
    };
    size_t n = 10;
    if (r->coding)
        headers[n++] = (struct server_header_out){"content-encoding", r->coding};
    if (server_is_tls(c->req))
        headers[n++] = (struct server_header_out){"strict-transport-security", "max-age=31536000"};
    struct span body =
        r->status == 304 ? SPAN_LIT("") : (struct span){(const char *)r->body->data, r->body->len};
    call_answer_with(c, r->status, headers, n, body);
}

static void answer_none(struct call *c)
{
    const struct server_header_out headers[] = {{"content-type", "text/plain; charset=utf-8"},
                                                {"cache-control", "no-store"},
                                                {"x-content-type-options", "nosniff"}};
    call_answer_with(c, 404, headers, 3,
                     SPAN_LIT("This todoke was built without its web console.\n"
                              "`./dev build` builds it with the console, unless the meson option `console` "
                              "is `disabled`.\n"
                              "The API is described at /api/openapi.yaml.\n"));
}

bool console_serve(struct call *c)
{
    struct console_request r = {
        .path = server_path(c->req),
        .accept = server_header(c->req, "accept"),
        .accept_encoding = server_header(c->req, "accept-encoding"),
        .if_none_match = server_header(c->req, "if-none-match"),
    };
    struct span method = server_method(c->req);
    if (!span_eq(method, SPAN_LIT("GET")) && !span_eq(method, SPAN_LIT("HEAD"))) {
        if (!find(console_files, r.path) && !span_eq(r.path, SPAN_LIT("/")))
            return false;
        static const struct server_header_out headers[] = {
            {"content-type", "application/json; charset=utf-8"}, {"allow", "GET, HEAD"}};
        call_answer_with(c, 405, headers, 2, SPAN_LIT("{\"message\":\"Method not allowed\"}"));
        return true;
    }
    if (!console_files->path) {
        if (!span_eq(r.path, SPAN_LIT("/")))
            return false;
        answer_none(c);
        return true;
    }
    struct console_reply reply = console_choose(console_files, &r);
    if (reply.status == 404)
        return false;
    answer(c, &reply);
    return true;
}
