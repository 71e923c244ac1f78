#include "api/call.h"

#include <jansson.h>
#include <stdio.h>

#include "base/json_fault.h"
#include "base/mem.h"
#include "base/time.h"

void call_drop(struct call *c)
{
    c->api->open--;
    buf_deinit(&c->out);
    channel_ref_drop(c->bearer);
    arena_deinit(&c->arena);
    mem_free(c);
}

void call_answer_with(struct call *c, int status, const struct server_header_out *headers, size_t count,
                      struct span body)
{
    call_count(c->api, status);
    server_respond(c->req, status, headers, count, body);
    call_drop(c);
}

void call_stream_open(struct call *c, const struct server_header_out *headers, size_t count,
                      void (*on_drain)(void *arg), void (*on_gone)(void *arg), void *arg)
{
    call_count(c->api, 200);
    server_respond_begin(c->req, 200, headers, count, on_drain, arg);
    server_on_abort(c->req, on_gone,
                    arg); /* last: the connection may already break in begin, and write reports that */
}

void call_stream_begin(struct call *c, const char *type, void (*on_gone)(void *arg), void *arg)
{
    const struct server_header_out headers[] = {
        {"content-type", type},
        {"cache-control", "no-store"},
        {"x-content-type-options", "nosniff"},
        {"x-accel-buffering", "no"}, /* keeps nginx from buffering the pieces */
    };
    call_stream_open(c, headers, 4, NULL, on_gone, arg);
}

enum err call_stream_write(struct call *c, struct span piece)
{
    return server_respond_write(c->req, piece);
}

void call_stream_end(struct call *c, bool complete)
{
    server_respond_end(c->req, complete);
    call_drop(c);
}

static void respond(struct call *c, int status, const char *type, struct span body, const char *extra,
                    const char *value)
{
    struct server_header_out headers[5] = {
        {"content-type", type}, {"cache-control", "no-store"}, {"x-content-type-options", "nosniff"}};
    size_t n = 3;
    if (extra)
        headers[n++] = (struct server_header_out){extra, value};
    if (status == 401)
        headers[n++] = (struct server_header_out){"www-authenticate", "Bearer"};
    call_answer_with(c, status, headers, n, body);
}

void call_answer(struct call *c, int status, const char *type, struct span body)
{
    respond(c, status, type, body, NULL, NULL);
}

void call_json_with(struct call *c, int status, struct buf *body, const char *header, const char *value)
{
    struct buf taken = *body; /* body may live in the call */
    respond(c, status, "application/json; charset=utf-8", buf_span(&taken), header, value);
    buf_deinit(&taken);
}

void call_json(struct call *c, int status, struct buf *body)
{
    call_json_with(c, status, body, NULL, NULL);
}

void call_finish(struct call *c, int status, struct json_write *w)
{
    enum err e = json_write_finish(w);
    if (!e) {
        call_json(c, status, w->out);
        return;
    }
    buf_deinit(w->out);
    call_failed(c, e);
}

static void refuse(struct call *c, int status, const char *message, const char *property, const char *detail,
                   const char *extra, const char *value)
{
    struct buf out;
    buf_init(&out, 65536);
    struct json_write w;
    json_write_init(&w, &out);
    json_write_object(&w);
    json_write_key(&w, "message");
    json_write_str(&w, message);
    if (detail) {
        json_write_key(&w, "details");
        json_write_array(&w);
        json_write_object(&w);
        json_write_key(&w, "message");
        json_write_str(&w, detail);
        json_write_key(&w, "property");
        json_write_str(&w, property);
        json_write_end(&w);
        json_write_end(&w);
    }
    json_write_end(&w);
    struct span body = json_write_finish(&w) ? SPAN_LIT("{\"message\":\"Out of memory\"}") : buf_span(&out);
    respond(c, status, "application/json; charset=utf-8", body, extra, value);
    buf_deinit(&out);
}

void call_refuse(struct call *c, int status, const char *message)
{
    refuse(c, status, message, NULL, NULL, NULL, NULL);
}

void call_retry(struct call *c, int status, const char *message, unsigned after_s)
{
    char value[16];
    (void)snprintf(value, sizeof(value), "%u", after_s);
    refuse(c, status, message, NULL, NULL, "retry-after", value);
}

void call_invalid(struct call *c, const char *property, const char *message)
{
    char text[JSON_FAULT_PATH + JSON_FAULT_MESSAGE + 64];
    struct span method = server_method(c->req);
    bool body = !span_eq(method, SPAN_LIT("GET")) && !span_eq(method, SPAN_LIT("HEAD")) &&
                !span_eq(method, SPAN_LIT("DELETE")); /* these methods only have parameters */
    (void)snprintf(text, sizeof(text), "The request%s has 1 error: %s%s%s", body ? " body" : "", property,
                   property[0] ? ": " : "", message);
    refuse(c, 400, text, property, message, NULL, NULL);
}

void call_failed(struct call *c, enum err e)
{
    switch (e) {
    case ERR_NOT_FOUND:
        call_refuse(c, 404, "Not found");
        return;
    case ERR_EXISTS:
    case ERR_CONFLICT:
        call_refuse(c, 409, "Conflict with the present state");
        return;
    case ERR_FULL:
        call_retry(c, 503, "No space left on this node's disk; nothing was accepted", 10);
        return;
    case ERR_NOMEM:
        call_retry(c, 503, "Out of memory; nothing was accepted", 5);
        return;
    case ERR_GONE:
        call_retry(c, 503,
                   "Files of this node's data directory are gone or were replaced; nothing was accepted", 10);
        return;
    case ERR_DAMAGED:
        call_retry(c, 503, "This node's database is damaged there; nothing was accepted", 60);
        return;
    case ERR_NONE:
    case ERR_LIMIT:
    case ERR_INVALID:
    case ERR_DENIED:
    case ERR_BUSY:
    case ERR_IO:
    case ERR_CLOSED:
    case ERR_VERSION:
    case ERR_INTERNAL:
        break;
    }
    call_retry(c, 503, "The store cannot answer now; nothing was accepted", 5);
}

struct call *call_of(struct store_call *s)
{
    return list_entry(s, struct call, store);
}

void call_write(struct call *c, enum err (*run)(struct store_call *s, struct backend *b),
                void (*committed)(struct store_call *s), void (*done)(struct store_call *s))
{
    c->store =
        (struct store_call){.run = run, .committed = committed, .done = done, .home = c->api->config.mailbox};
    store_submit(c->api->config.store, &c->store);
}

void call_read(struct call *c, enum err (*run)(struct store_call *s, struct backend *b),
               void (*done)(struct store_call *s))
{
    c->store = (struct store_call){.run = run, .done = done, .home = c->api->config.mailbox};
    store_read(c->api->config.store, &c->store);
}

#define OUT_MAX (8u << 20)

struct buf *call_out(struct call *c)
{
    c->why = NULL;
    if (c->out.max)
        buf_clear(&c->out);
    else
        buf_init(&c->out, OUT_MAX);
    return &c->out;
}

enum err call_stop(struct call *c, enum err e, const char *why)
{
    c->why = why;
    return e;
}

void call_stopped(struct call *c, enum err e)
{
    if (c->why && (e == ERR_NOT_FOUND || e == ERR_CONFLICT || e == ERR_DENIED))
        call_refuse(c, e == ERR_NOT_FOUND ? 404 : e == ERR_DENIED ? 403 : 409, c->why);
    else if (c->why && e == ERR_LIMIT)
        call_retry(c, 429, c->why, (unsigned)(86400 - call_now(c) / 1000 % 86400));
    else
        call_failed(c, e);
}

void call_done(struct store_call *s)
{
    struct call *c = call_of(s);
    if (s->err)
        call_stopped(c, s->err);
    else if (c->status == 204)
        call_answer(c, 204, "application/json; charset=utf-8", SPAN_LIT(""));
    else
        respond(c, c->status, "application/json; charset=utf-8", buf_span(&c->out), NULL, NULL);
}

int64_t call_channel_id(struct span text)
{
    int64_t id = 0;
    if (text.len < 1 || text.len > 18 || text.ptr[0] == '0')
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        id = id * 10 + (text.ptr[i] - '0');
    }
    return id;
}

struct channel_ref *call_channel(struct call *c)
{
    struct channel_ref *ref = directory_get(c->api->config.directory, call_channel_id(c->params[0]));
    if (!ref)
        call_refuse(c, 404, "No such channel");
    return ref;
}

/* Answers why the body is not valid JSON, in our words and with the position of the error. */
static void refuse_body(struct call *c, struct span body, const json_error_t *error)
{
    struct json_fault fault;
    size_t at = 0;
    enum err e = json_check(body, JSON_DEPTH_CAP, &at);
    if (!body.len) {
        call_invalid(c, "", "the body is empty, a JSON object is expected");
        return;
    }
    if (e) {
        json_fault_find(body, JSON_DEPTH_CAP, e, at, &fault);
        call_invalid(c, fault.path, fault.message);
        return;
    }
    enum json_error_code code = json_error_code(error);
    if (code == json_error_out_of_memory || !error->text[0]) {
        call_failed(c, ERR_NOMEM);
        return;
    }
    /* The body is valid JSON, but exceeds what this library accepts. */
    json_fault_place(body, error->position > 0 ? (size_t)error->position : 0, &fault);
    call_invalid(c, fault.path,
                 code == json_error_duplicate_key      ? "is there twice"
                 : code == json_error_null_byte_in_key ? "a name cannot hold \\u0000"
                 : code == json_error_null_character   ? "a text cannot hold \\u0000"
                 : code == json_error_numeric_overflow ? "the number is too large"
                 : code == json_error_stack_overflow   ? "nested too deeply"
                                                       : error->text);
}

struct json_t *call_object(struct call *c)
{
    struct span body = server_body(c->req);
    json_error_t error;
    json_t *root = json_loadb(body.ptr ? body.ptr : "", body.len, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        refuse_body(c, (struct span){body.ptr ? body.ptr : "", body.len}, &error);
        return NULL;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        call_invalid(c, "", "must be an object");
        return NULL;
    }
    return root;
}

void *call_state(struct call *c, size_t size)
{
    void *p = arena_zero(&c->arena, 1, size);
    if (!p)
        call_failed(c, ERR_NOMEM);
    return p;
}

int64_t call_now(const struct call *c)
{
    return c->api->config.clock->wall_ms(c->api->config.clock->arg);
}

void call_write_id(struct json_write *w, int64_t id)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)id);
    json_write_str(w, text);
}

void call_write_time(struct json_write *w, int64_t ms)
{
    char text[TIME_TEXT_SIZE];
    time_text(ms, text);
    json_write_str(w, text);
}
