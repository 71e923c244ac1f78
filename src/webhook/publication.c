#include "webhook/publication.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/json_scan.h"
#include "base/mem.h"

enum need { MAY, MUST };
enum want { WANT_STRING, WANT_INTEGER, WANT_BOOL, WANT_OBJECT, WANT_ARRAY };

#define FIELDS_MAX 3

struct shape {
    const char *type;
    const char *member; /* NULL: this type of event has no member of its own */
    enum need need;
    struct shape_field {
        const char *name;
        enum want want;
        enum need need;
    } fields[FIELDS_MAX + 1];
};

static const struct shape shapes[] = {
#define FIELD(name, want, need) {name, WANT_##want, need},
#define KIND(type, member, need, fields) {type, member, need, {fields{NULL, WANT_STRING, MAY}}},
#include "webhook/publication.def"
#undef KIND
#undef FIELD
};

/* The position in the body, for messages. */
struct place {
    struct publication_fault *fault;
    size_t event;
};

__attribute__((format(printf, 2, 3))) MUST_CHECK static enum err refuse(struct place *at, const char *message,
                                                                        ...)
{
    va_list args;
    va_start(args, message);
    (void)vsnprintf(at->fault->message, sizeof(at->fault->message), message, args);
    va_end(args);
    return ERR_INVALID;
}

__attribute__((format(printf, 2, 3))) static struct place *in(struct place *at, const char *path, ...)
{
    char *p = at->fault->property;
    size_t size = sizeof(at->fault->property);
    int n = snprintf(p, size, "events[%zu]", at->event);
    va_list args;
    va_start(args, path);
    if (n > 0 && (size_t)n < size)
        (void)vsnprintf(p + n, size - (size_t)n, path, args);
    va_end(args);
    return at;
}

static bool is(struct json_value v, enum want want, const char **ret_text)
{
    int64_t number;
    switch (want) {
    case WANT_STRING:
        *ret_text = "a string";
        return v.kind == JSON_KIND_STRING;
    case WANT_INTEGER:
        *ret_text = "an integer";
        return json_int64(v, &number) == ERR_NONE;
    case WANT_BOOL:
        *ret_text = "true or false";
        return v.kind == JSON_KIND_TRUE || v.kind == JSON_KIND_FALSE;
    case WANT_OBJECT:
        *ret_text = "an object";
        return v.kind == JSON_KIND_OBJECT;
    case WANT_ARRAY:
        *ret_text = "an array";
        return v.kind == JSON_KIND_ARRAY;
    }
    return false;
}

/* Checks that a value has the wanted kind, and that a required value is present. */
MUST_CHECK static enum err expect(struct place *at, struct json_value v, enum want want, enum need need,
                                  const char *prefix, const char *name)
{
    const char *text = "";
    if (v.kind == JSON_KIND_NONE)
        return need == MUST ? refuse(in(at, "%s.%s", prefix, name), "is required") : ERR_NONE;
    if (is(v, want, &text))
        return ERR_NONE;
    return refuse(in(at, "%s.%s", prefix, name), "must be %s", text);
}

static enum err check_source(struct place *at, struct json_value source)
{
    enum { TYPE, USER, GROUP, ROOM, COUNT };
    struct json_field f[COUNT] = {{.key = "type"}, {.key = "userId"}, {.key = "groupId"}, {.key = "roomId"}};
    enum err e = expect(at, source, WANT_OBJECT, MAY, "", "source");
    if (e || source.kind == JSON_KIND_NONE)
        return e;
    if (json_pick(source, f, COUNT))
        return refuse(in(at, ".source"), "has a member twice");
    if ((e = expect(at, f[TYPE].value, WANT_STRING, MUST, ".source", "type")))
        return e;
    bool user = json_string_is(f[TYPE].value, "user"), group = json_string_is(f[TYPE].value, "group"),
         room = json_string_is(f[TYPE].value, "room");
    if (!user && !group && !room)
        return refuse(in(at, ".source.type"), "must be user, group or room");
    if ((e = expect(at, f[USER].value, WANT_STRING, user ? MUST : MAY, ".source", "userId")) ||
        (e = expect(at, f[GROUP].value, WANT_STRING, group ? MUST : MAY, ".source", "groupId")))
        return e;
    return expect(at, f[ROOM].value, WANT_STRING, room ? MUST : MAY, ".source", "roomId");
}

static enum err check_own(struct place *at, const struct shape *shape, struct json_value own)
{
    char prefix[40] = ".";
    memccpy(prefix + 1, shape->member, 0, sizeof(prefix) - 2);
    enum err e = expect(at, own, WANT_OBJECT, shape->need, "", shape->member);
    if (e || own.kind == JSON_KIND_NONE)
        return e;
    struct json_field f[FIELDS_MAX];
    size_t n = 0;
    for (; shape->fields[n].name; n++)
        f[n] = (struct json_field){.key = shape->fields[n].name};
    if (json_pick(own, f, n))
        return refuse(in(at, "%s", prefix), "has a member twice");
    for (size_t i = 0; i < n; i++)
        if ((e = expect(at, f[i].value, shape->fields[i].want, shape->fields[i].need, prefix,
                        shape->fields[i].name)))
            return e;
    /* Only here does a shape depend on a value: a text message must have a text. */
    if (n == 3 && strcmp(shape->type, "message") == 0 && json_string_is(f[0].value, "text"))
        return expect(at, f[2].value, WANT_STRING, MUST, prefix, f[2].key);
    return ERR_NONE;
}

enum { TYPE, MODE, TIMESTAMP, SOURCE, REPLY_TOKEN, EVENT_ID, CONTEXT, OWN, FIELD_COUNT };

static enum err check_known(struct place *at, const struct shape *shape, const struct json_field *f)
{
    enum err e;
    if ((e = expect(at, f[MODE].value, WANT_STRING, MAY, "", "mode")))
        return e;
    if (f[MODE].value.kind && !json_string_is(f[MODE].value, "active") &&
        !json_string_is(f[MODE].value, "standby"))
        return refuse(in(at, ".mode"), "must be active or standby");
    if ((e = expect(at, f[TIMESTAMP].value, WANT_INTEGER, MAY, "", "timestamp")) ||
        (e = check_source(at, f[SOURCE].value)) ||
        (e = expect(at, f[REPLY_TOKEN].value, WANT_STRING, MAY, "", "replyToken")))
        return e;
    return shape->member ? check_own(at, shape, f[OWN].value) : ERR_NONE;
}

static const struct shape *shape_of(struct json_value type)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if (json_string_is(type, shapes[i].type))
            return &shapes[i];
    return NULL;
}

/* Copies the event without the members that todoke itself sets. */
static enum err without_ours(struct json_value event, struct buf *out)
{
    struct json_iter it = json_members(event);
    struct span key;
    struct json_value value;
    enum err e = buf_add(out, "{", 1);
    while (!e && json_next_member(&it, &key, &value)) {
        if (json_key_is(key, "webhookEventId") || json_key_is(key, "deliveryContext"))
            continue;
        if (buf_len(out) > 1)
            e = buf_add(out, ",", 1);
        const char *from = key.ptr - 1; /* the opening quote */
        if (!e)
            e = buf_add(out, from, (size_t)(value.raw.ptr + value.raw.len - from));
    }
    return e ? e : buf_add(out, "}", 1);
}

/*
 * Finds the member type, usually the first one. A duplicate is not looked for in that case, because the walk
 * over all members that follows finds it.
 */
static enum err find_type(struct json_value event, struct json_value *ret)
{
    struct json_iter it = json_members(event);
    struct span key;
    if (json_next_member(&it, &key, ret) && json_key_is(key, "type"))
        return ERR_NONE;
    return json_find(event, "type", ret);
}

static enum err take_event(struct place *at, struct json_value value, int64_t channel_id, struct event **ret)
{
    struct json_field f[FIELD_COUNT] = {
        [TYPE] = {.key = "type"},
        [MODE] = {.key = "mode"},
        [TIMESTAMP] = {.key = "timestamp"},
        [SOURCE] = {.key = "source"},
        [REPLY_TOKEN] = {.key = "replyToken"},
        [EVENT_ID] = {.key = "webhookEventId"},
        [CONTEXT] = {.key = "deliveryContext"},
        [OWN] = {.key = "type"},
    };
    if (value.kind != JSON_KIND_OBJECT)
        return refuse(in(at, "%s", ""), "must be an object");
    struct json_value type;
    enum err e = find_type(value, &type);
    if (e == ERR_CONFLICT)
        return refuse(in(at, ".type"), "is there twice");
    if (e)
        return refuse(in(at, ".type"), "is required");
    if ((e = expect(at, type, WANT_STRING, MUST, "", "type")))
        return e;
    const struct shape *shape = shape_of(type);
    size_t count = OWN;
    if (shape && shape->member) {
        f[OWN].key = shape->member;
        count = FIELD_COUNT;
    }
    if (json_pick(value, f, count)) {
        if (json_find(value, "type", &type) == ERR_CONFLICT)
            return refuse(in(at, ".type"), "is there twice");
        return refuse(in(at, "%s", ""), "has a member twice");
    }
    if (shape && (e = check_known(at, shape, f)))
        return e;
    uint8_t flags = (uint8_t)((f[MODE].value.kind ? EVENT_HAS_MODE : 0) |
                              (f[TIMESTAMP].value.kind ? EVENT_HAS_TIMESTAMP : 0));
    if (!f[EVENT_ID].value.kind && !f[CONTEXT].value.kind) {
        *ret = event_new(channel_id, value.raw, flags);
        return *ret ? ERR_NONE : ERR_NOMEM;
    }
    struct buf kept;
    buf_init(&kept, value.raw.len);
    e = without_ours(value, &kept);
    if (!e && !(*ret = event_new(channel_id, buf_span(&kept), flags)))
        e = ERR_NOMEM;
    buf_deinit(&kept);
    return e;
}

static enum err check_top(struct place *at, struct span body, struct json_index *index,
                          struct json_value *ret_events)
{
    size_t wrong;
    enum err e = json_check_index(body, JSON_DEPTH, &wrong, index);
    at->fault->property[0] = '\0';
    if (e) {
        struct json_fault fault;
        json_fault_find(body, JSON_DEPTH, e, wrong, &fault);
        memcpy(at->fault->property, fault.path, sizeof(fault.path));
        return refuse(at, "%s", fault.message);
    }
    struct json_value root = json_root_index(index, body), value;
    if (root.kind != JSON_KIND_OBJECT)
        return refuse(at, "must be an object with the member events");
    struct json_iter it = json_members(root);
    struct span key;
    *ret_events = (struct json_value){0};
    static const char events[] = "events";
    memcpy(at->fault->property, events, sizeof(events));
    while (json_next_member(&it, &key, &value)) {
        if (!json_key_is(key, events)) {
            size_t len = key.len < 64 ? key.len : 64;
            (void)snprintf(at->fault->property, sizeof(at->fault->property), "%.*s", (int)len, key.ptr);
            return refuse(at, "unknown member");
        }
        if (ret_events->kind)
            return refuse(at, "is there twice");
        *ret_events = value;
    }
    if (ret_events->kind == JSON_KIND_NONE)
        return refuse(at, "is required");
    return ret_events->kind == JSON_KIND_ARRAY ? ERR_NONE : refuse(at, "must be an array");
}

enum err publication_parse(struct publication *ret, struct span body, int64_t channel_id,
                           struct publication_fault *ret_fault)
{
    struct place at = {.fault = ret_fault};
    struct json_value events, value;
    struct json_index index;
    ret_fault->property[0] = ret_fault->message[0] = '\0';
    ret->count = 0;
    enum err e = check_top(&at, body, &index, &events);
    if (e)
        return e;
    struct json_iter it = json_elements(events);
    while (!e && json_next_element(&it, &value)) {
        at.event = ret->count;
        if (ret->count == EVENT_MAX_COUNT) {
            (void)snprintf(ret_fault->property, sizeof(ret_fault->property), "events");
            e = refuse(&at, "more than %u events", EVENT_MAX_COUNT);
        } else {
            e = take_event(&at, value, channel_id, &ret->events[ret->count]);
        }
        if (!e)
            ret->count++;
    }
    if (!e && ret->count == 0)
        e = refuse(&at, "at least one event is needed");
    if (e)
        publication_free(ret);
    return e;
}

void publication_free(struct publication *p)
{
    for (size_t i = 0; i < p->count; i++)
        mem_free(p->events[i]);
    p->count = 0;
}
