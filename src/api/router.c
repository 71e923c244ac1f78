/*
 * Routes a request to its handler. Checks path, method, caller, then type and size of the body, in this
 * order, so that an unauthenticated client learns nothing beyond the documentation.
 */
#include <stdio.h>

#include "api/call.h"
#include "api/console.h"
#include "api/gate.h"
#include "base/hex.h"
#include "base/mem.h"

#define ARENA_CHUNK 4096u
#define ARENA_MAX (4u << 20) /* memory of one call */

static const struct route routes[] = {
#define ROUTE(method, path, who, body, handler) {method, path, WHO_##who, body, handler},
#include "api/route.def"
#undef ROUTE
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* A quick test that rules out most routes before the full match. */
static const struct glance {
    uint8_t method_len;
    char last; /* last character of the path; '}': any */
} glances[ROUTES] = {
#define ROUTE(method, path, who, body, handler) {sizeof(method) - 1, path[sizeof(path) - 2]},
#include "api/route.def"
#undef ROUTE
};

static bool plain(char ch)
{
    return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '-' ||
           ch == '_';
}

/* Whether path matches the route; each {id} matches one segment of letters, digits, - and _, because no id of
 * ours has other characters; {user} any segment, because people choose those. */
static bool matches(const char *pattern, struct span path, struct span params[2])
{
    const char *p = path.ptr, *end = path.ptr + path.len;
    size_t n = 0;
    while (*pattern) {
        if (*pattern == '{') {
            const char *from = p;
            bool any = pattern[1] == 'u';
            while (p < end && (any ? *p != '/' : plain(*p)))
                p++;
            if (p == from || n == 2)
                return false;
            params[n++] = (struct span){from, (size_t)(p - from)};
            pattern = strchr(pattern, '}') + 1;
        } else if (p < end && *p == *pattern) {
            p++;
            pattern++;
        } else {
            return false;
        }
    }
    return p == end;
}

/* Every GET route also answers HEAD (RFC 9110 9.3.2), except streams, because they do not end. */
static bool has_head(const struct route *r)
{
    return strcmp(r->method, "GET") == 0 && !strstr(r->path, "/live");
}

static const struct route *find(struct server_request *req, struct span params[2], char allow[64])
{
    struct span path = server_path(req), method = server_method(req);
    allow[0] = '\0';
    char last = path.len ? path.ptr[path.len - 1] : '\0';
    bool head = span_eq(method, SPAN_LIT("HEAD"));
    if (head)
        method = SPAN_LIT("GET");
    for (size_t i = 0; i < ROUTES; i++)
        if (glances[i].method_len == method.len && (glances[i].last == last || glances[i].last == '}') &&
            memcmp(routes[i].method, method.ptr, method.len) == 0 && (!head || has_head(&routes[i])) &&
            matches(routes[i].path, path, params))
            return &routes[i];
    size_t n = 0;
    for (size_t i = 0; i < ROUTES; i++)
        if (matches(routes[i].path, path, params))
            n += (size_t)snprintf(allow + n, 64 - n, "%s%s%s", n ? ", " : "", routes[i].method,
                                  has_head(&routes[i]) ? ", HEAD" : "");
    return NULL;
}

static bool type_is(struct span type, struct span want)
{
    const char *semi = type.ptr ? memchr(type.ptr, ';', type.len) : NULL;
    if (semi)
        type.len = (size_t)(semi - type.ptr);
    while (type.len && (type.ptr[type.len - 1] == ' ' || type.ptr[type.len - 1] == '\t'))
        type.len--;
    return span_eq_nocase(type, want);
}

/* What a call takes, and how a refusal says it. Neither can be sent by a form of another site. */
static struct span type_of(const struct call *c)
{
    return c->route->handler == api_hook_bounce ? SPAN_LIT("message/rfc822") : SPAN_LIT("application/json");
}

static void serve(struct call *c)
{
    struct span body = server_body(c->req), type = server_header(c->req, "content-type");
    if (c->route->body_max && c->route->body_max != ROUTE_PIECES) {
        /* A form on another site can omit the type (CSRF), but it cannot send a key or token: so only a call
         * with a key or token may omit the type. */
        bool typed = type.ptr || (c->route->who != WHO_ANYBODY && !c->account);
        if (body.len && (!typed || (type.ptr && !type_is(type, type_of(c))))) {
            char text[64];
            (void)snprintf(text, sizeof(text), "The body must be %s", type_of(c).ptr);
            call_refuse(c, 415, text);
            return;
        }
        struct span coding = server_header(c->req, "content-encoding");
        if (body.len && coding.ptr && !span_eq_nocase(coding, SPAN_LIT("identity"))) {
            call_refuse(c, 415, "The body must not be compressed (Content-Encoding)");
            return;
        }
        if (body.len > c->route->body_max) {
            char text[80];
            (void)snprintf(text, sizeof(text), "The body is over %u bytes", c->route->body_max);
            call_refuse(c, 413, text);
            return;
        }
    }
    c->route->handler(c);
}

static void refuse_call(struct api *a, struct server_request *req, int status, const char *message)
{
    const struct server_header_out headers[] = {{"content-type", "application/json; charset=utf-8"},
                                                {"www-authenticate", "Bearer"}};
    char body[160];
    int len = snprintf(body, sizeof(body), "{\"message\":\"%s\"}", message);
    call_count(a, status);
    server_respond(req, status, headers, status == 401 ? 2 : 1, (struct span){body, (size_t)len});
}

static struct call *call_new(struct api *a, struct server_request *req, const struct route *route)
{
    struct call *c = mem_zero(1, sizeof(*c));
    if (!c) {
        refuse_call(a, req, 503, "Out of memory");
        return NULL;
    }
    c->api = a;
    c->req = req;
    c->route = route;
    arena_init(&c->arena, ARENA_CHUNK, ARENA_MAX);
    a->open++;
    return c;
}

void api_handle(void *arg, struct server_request *req)
{
    struct api *a = arg;
    struct span params[2] = {{NULL, 0}, {NULL, 0}};
    char allow[64];
    const struct route *r = find(req, params, allow);
    if (!r && allow[0]) {
        const struct server_header_out headers[] = {{"content-type", "application/json; charset=utf-8"},
                                                    {"allow", allow}};
        call_count(a, 405);
        server_respond(req, 405, headers, 2, SPAN_LIT("{\"message\":\"Method not allowed\"}"));
        return;
    }
    struct call *c = call_new(a, req, r);
    if (!c)
        return;
    memcpy(c->params, params, sizeof(params));
    if (r)
        gate_pass(c, serve);
    else if (!console_serve(c))
        call_refuse(c, 404, "Not found");
}

/* The caller has access: reads the body, then checks access again, because it may have changed meanwhile. */
static void let_body_in(struct call *c)
{
    struct server_request *req = c->req;
    call_drop(c);
    server_go_on(req);
}

/* Runs before the body is read: refuses requests that are too large, or whose caller lacks access, without
 * reading their bodies. */
void api_head(void *arg, struct server_request *req)
{
    struct api *a = arg;
    struct span params[2] = {{NULL, 0}, {NULL, 0}};
    char allow[64];
    if (!server_awaits_body(req))
        return;
    const struct route *r = find(req, params, allow);
    bool pieces = r && r->body_max == ROUTE_PIECES;
    if (!pieces)
        server_set_body_max(req, r && r->body_max ? r->body_max : 4096);
    int status = 0;
    const char *message = NULL;
    enum gate gate = r ? gate_early(a, r, req, &status, &message) : GATE_PASS;
    if (gate == GATE_REFUSE)
        refuse_call(a, req, status, message);
    if (gate != GATE_ASK && !(pieces && gate == GATE_PASS))
        return;
    server_hold(req);
    struct call *c = call_new(a, req, r);
    if (!c)
        return;
    memcpy(c->params, params, sizeof(params));
    gate_pass(c, pieces ? serve : let_body_in);
}

enum err api_new(struct api **ret, const struct api_config *config)
{
    struct api *a = mem_zero(1, sizeof(*a));
    if (!a)
        return ERR_NOMEM;
    a->config = *config;
    live_init(&a->live);
    enum err e = keys_new(&a->keys, config->store, config->mailbox);
    if (e) {
        mem_free(a);
        return e;
    }
    *ret = a;
    return ERR_NONE;
}

void api_set_settings(struct api *a, const struct delivery_settings *settings, const struct mail_rules *mails)
{
    a->config.settings = settings;
    a->config.mail_rules = mails;
}

void api_free(struct api *a)
{
    if (!a)
        return;
    keys_free(a->keys);
    mem_free(a);
}

static void nothing(void *arg)
{
    (void)arg;
}

void api_tick(struct api *a)
{
    keys_refresh(a->keys, nothing, NULL);
    live_tick(a);
}

void api_drain(struct api *a)
{
    live_end_all(a);
}

uint64_t api_open(const struct api *a)
{
    return a->open;
}
