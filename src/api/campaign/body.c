#include "api/campaign/body.h"

#include <stdio.h>

#include "api/call.h"
#include "api/campaign/list_name.h"
#include "base/json_fault.h"

bool body_fields(struct call *c, struct json_field *fields, size_t count)
{
    struct span body = server_body(c->req);
    struct json_fault fault;
    size_t at = 0;
    if (!body.len) {
        call_invalid(c, "", "the body is empty, a JSON object is expected");
        return false;
    }
    enum err e = json_check(body, JSON_DEPTH, &at);
    if (e) {
        json_fault_find(body, JSON_DEPTH, e, at, &fault);
        call_invalid(c, fault.path, fault.message);
        return false;
    }
    struct json_value root = json_root(body), v;
    struct json_iter it = json_members(root);
    struct span key;
    while (json_next_member(&it, &key, &v)) {
        size_t i = 0;
        while (i < count && !json_key_is(key, fields[i].key))
            i++;
        if (i == count) {
            json_fault_place(body, (size_t)(v.raw.ptr - body.ptr), &fault);
            call_invalid(c, fault.path, "unknown member");
            return false;
        }
    }
    e = json_pick(root, fields, count);
    if (e) {
        call_invalid(c, "", e == ERR_CONFLICT ? "a member is there twice" : "must be an object");
        return false;
    }
    return true;
}

bool body_text(struct call *c, const char *property, struct json_value v, size_t max, struct span *ret)
{
    struct buf b;
    char why[80];
    buf_init(&b, max);
    (void)snprintf(why, sizeof(why), "must be a text of at most %zu bytes", max);
    enum err e = json_string_decode(v, &b);
    char *copy = e ? NULL : arena_dup(&c->arena, buf_span(&b));
    size_t len = buf_len(&b);
    buf_deinit(&b);
    if (v.kind == JSON_KIND_NONE)
        call_invalid(c, property, "is required");
    else if (e == ERR_INVALID || e == ERR_LIMIT)
        call_invalid(c, property, why);
    else if (!copy)
        call_failed(c, ERR_NOMEM);
    else
        *ret = (struct span){copy, len};
    return copy;
}

bool body_name(struct call *c, const char *property, struct json_value v, struct span *ret)
{
    struct span text;
    return body_text(c, property, v, 1000, &text) && list_name_read(c, property, text, ret);
}
