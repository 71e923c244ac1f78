#include "campaign/variables.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "base/mem.h"
#include "base/utf8.h"

struct variables {
    size_t count;
    struct variable list[VARIABLES_MAX];
    struct buf text; /* what the spans point to */
};

static enum err refuse(struct variables_fault *fault, enum err e, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static enum err refuse(struct variables_fault *fault, enum err e, const char *path, const char *fmt, ...)
{
    va_list args;
    *fault = (struct variables_fault){0};
    (void)snprintf(fault->path, sizeof(fault->path), "%s", path);
    va_start(args, fmt);
    (void)vsnprintf(fault->message, sizeof(fault->message), fmt, args);
    va_end(args);
    return e;
}

/* What a template would not read as a variable, and `user`, under which it finds the attributes. */
static const char *const reserved[] = {
    "user",
    "true",
    "false",
    "none",
    "null",
    "not",
    "in",
    "is",
    "and",
    "or",
    "if",
    "else",
    "range",
    "cycler",
    "joiner",
    "loop",
    "caller",
    "super",
    "constructor",
    "prototype",
    "__proto__",
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
};

static bool is_name(struct span s)
{
    uint32_t cp = 0;
    if (s.len == 0 || (s.ptr[0] >= '0' && s.ptr[0] <= '9'))
        return false;
    for (size_t i = 0, n; i < s.len; i += n) {
        n = utf8_next(s.ptr + i, s.len - i, &cp);
        bool ascii =
            (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z') || (cp >= '0' && cp <= '9') || cp == '_';
        bool beyond = cp >= 0xA1 && !utf8_is_control(cp) && !utf8_is_invisible(cp) && cp != 0x3000;
        if (n == 0 || (!ascii && !beyond))
            return false;
    }
    return true;
}

static bool is_reserved(struct span name)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (span_eq(name, span_of(reserved[i])))
            return true;
    return false;
}

/* Names with dots between them. */
static bool is_path(struct span s)
{
    if (s.len == 0 || s.ptr[s.len - 1] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '.' && (i == 0 || s.ptr[i - 1] == '.'))
            return false;
    return true;
}

/* Takes a string into the text; *ret is where it is there, as the text may still move. */
static enum err take_string(struct variables *v, struct json_value value, size_t *ret_at, size_t *ret_len)
{
    size_t before = buf_len(&v->text);
    enum err e = json_string_decode(value, &v->text);
    if (e)
        return e;
    *ret_at = before;
    *ret_len = buf_len(&v->text) - before;
    return ERR_NONE;
}

/* While the text grows: offsets instead of spans. */
struct taken {
    size_t name, name_len, attribute, attribute_len, fallback, fallback_len;
    enum variable_missing when_missing;
};

enum field { FIELD_NAME, FIELD_ATTRIBUTE, FIELD_DEFAULT, FIELD_WHEN_MISSING, FIELDS };
static const char *const field_names[FIELDS] = {"name", "attribute", "default", "whenMissing"};

static struct span text_at(const struct variables *v, size_t at, size_t len)
{
    return (struct span){buf_span(&v->text).ptr + at, len};
}

static enum err take_name(struct variables *v, const struct taken *others, struct json_value value,
                          struct taken *ret, const char *path, struct variables_fault *fault)
{
    if (value.kind != JSON_KIND_STRING)
        return refuse(fault, ERR_INVALID, path,
                      value.kind == JSON_KIND_NONE ? "is missing" : "must be a string");
    enum err e = take_string(v, value, &ret->name, &ret->name_len);
    if (e == ERR_NOMEM)
        return e;
    struct span name = text_at(v, ret->name, ret->name_len);
    if (e || name.len > VARIABLE_NAME_MAX)
        return refuse(fault, ERR_LIMIT, path, "has more than %u bytes", VARIABLE_NAME_MAX);
    if (!is_name(name))
        return refuse(fault, ERR_INVALID, path, "must be letters, digits and _, and not begin with a digit");
    if (is_reserved(name))
        return refuse(fault, ERR_INVALID, path, "\"%.*s\" has another meaning in templates", (int)name.len,
                      name.ptr);
    for (size_t i = 0; i < v->count; i++)
        if (span_eq(name, text_at(v, others[i].name, others[i].name_len)))
            return refuse(fault, ERR_INVALID, path, "\"%.*s\" is declared twice", (int)name.len, name.ptr);
    return ERR_NONE;
}

static enum err take_attribute(struct variables *v, struct json_value value, struct taken *ret,
                               const char *path, struct variables_fault *fault)
{
    if (value.kind == JSON_KIND_NONE || value.kind == JSON_KIND_NULL) {
        ret->attribute = ret->name;
        ret->attribute_len = ret->name_len;
        return ERR_NONE;
    }
    if (value.kind != JSON_KIND_STRING)
        return refuse(fault, ERR_INVALID, path, "must be a string");
    enum err e = take_string(v, value, &ret->attribute, &ret->attribute_len);
    if (e == ERR_NOMEM)
        return e;
    if (e || ret->attribute_len > VARIABLE_ATTRIBUTE_MAX)
        return refuse(fault, ERR_LIMIT, path, "has more than %u bytes", VARIABLE_ATTRIBUTE_MAX);
    if (!is_path(text_at(v, ret->attribute, ret->attribute_len)))
        return refuse(fault, ERR_INVALID, path,
                      "must be the name of an attribute, or names with a dot between them");
    return ERR_NONE;
}

static enum err take_default(struct variables *v, struct json_value value, struct taken *ret,
                             const char *path, struct variables_fault *fault)
{
    if (value.kind == JSON_KIND_NONE || value.kind == JSON_KIND_NULL)
        return ERR_NONE;
    if (value.raw.len > VARIABLE_DEFAULT_MAX)
        return refuse(fault, ERR_LIMIT, path, "has more than %u bytes", VARIABLE_DEFAULT_MAX);
    ret->fallback = buf_len(&v->text);
    ret->fallback_len = value.raw.len;
    return buf_add_span(&v->text, value.raw);
}

static enum err take_when_missing(struct json_value value, struct taken *ret, const char *path,
                                  struct variables_fault *fault)
{
    bool fallback = ret->fallback_len > 0;
    if (value.kind == JSON_KIND_NONE || value.kind == JSON_KIND_NULL) {
        ret->when_missing = fallback ? VARIABLE_DEFAULT : VARIABLE_FAIL;
        return ERR_NONE;
    }
    if (json_string_is(value, "fail"))
        ret->when_missing = VARIABLE_FAIL;
    else if (json_string_is(value, "skip"))
        ret->when_missing = VARIABLE_SKIP;
    else if (!json_string_is(value, "default"))
        return refuse(fault, ERR_INVALID, path, "must be \"fail\", \"default\" or \"skip\"");
    else if (!fallback)
        return refuse(fault, ERR_INVALID, path, "is \"default\", but there is no default");
    else
        ret->when_missing = VARIABLE_DEFAULT;
    return ERR_NONE;
}

static enum err take_one(struct variables *v, struct json_value one, struct taken *list,
                         struct variables_fault *fault)
{
    char path[FIELDS][64], whole[32];
    struct json_field fields[FIELDS];
    (void)snprintf(whole, sizeof(whole), "variables[%zu]", v->count);
    for (size_t i = 0; i < FIELDS; i++) {
        (void)snprintf(path[i], sizeof(path[i]), "%s.%s", whole, field_names[i]);
        fields[i] = (struct json_field){.key = field_names[i]};
    }
    if (one.kind != JSON_KIND_OBJECT)
        return refuse(fault, ERR_INVALID, whole, "must be an object");
    struct json_iter it = json_members(one);
    struct json_value value;
    struct span key;
    while (json_next_member(&it, &key, &value)) {
        bool known = false;
        for (size_t i = 0; i < FIELDS; i++)
            known = known || json_key_is(key, field_names[i]);
        if (!known)
            return refuse(fault, ERR_INVALID, whole, "\"%.*s\" is no field of a variable",
                          (int)(key.len < 64 ? key.len : 64), key.ptr);
    }
    if (json_pick(one, fields, FIELDS))
        return refuse(fault, ERR_INVALID, whole, "has a field twice");
    struct taken *t = &list[v->count];
    enum err e = take_name(v, list, fields[FIELD_NAME].value, t, path[FIELD_NAME], fault);
    e = e ? e : take_attribute(v, fields[FIELD_ATTRIBUTE].value, t, path[FIELD_ATTRIBUTE], fault);
    e = e ? e : take_default(v, fields[FIELD_DEFAULT].value, t, path[FIELD_DEFAULT], fault);
    e = e ? e : take_when_missing(fields[FIELD_WHEN_MISSING].value, t, path[FIELD_WHEN_MISSING], fault);
    if (!e)
        v->count++;
    return e;
}

static enum err take_all(struct variables *v, struct json_value declared, struct variables_fault *fault)
{
    struct taken list[VARIABLES_MAX] = {{0}};
    struct json_iter it = json_elements(declared);
    struct json_value one;
    if (declared.kind != JSON_KIND_ARRAY && declared.kind != JSON_KIND_NONE &&
        declared.kind != JSON_KIND_NULL)
        return refuse(fault, ERR_INVALID, "variables", "must be an array");
    while (json_next_element(&it, &one)) {
        if (v->count == VARIABLES_MAX)
            return refuse(fault, ERR_LIMIT, "variables", "has more than %u elements", VARIABLES_MAX);
        enum err e = take_one(v, one, list, fault);
        if (e)
            return e;
    }
    for (size_t i = 0; i < v->count; i++)
        v->list[i] = (struct variable){
            text_at(v, list[i].name, list[i].name_len), text_at(v, list[i].attribute, list[i].attribute_len),
            text_at(v, list[i].fallback, list[i].fallback_len), list[i].when_missing};
    return ERR_NONE;
}

enum err variables_parse(struct json_value declared, struct variables **ret,
                         struct variables_fault *ret_fault)
{
    *ret_fault = (struct variables_fault){0};
    struct variables *v = mem_zero(1, sizeof(*v));
    if (!v)
        return ERR_NOMEM;
    /* One string more than fits, before it is refused. */
    buf_init(&v->text, VARIABLES_MAX * (VARIABLE_NAME_MAX + VARIABLE_ATTRIBUTE_MAX + VARIABLE_DEFAULT_MAX) +
                           declared.raw.len);
    enum err e = take_all(v, declared, ret_fault);
    if (e) {
        variables_free(v);
        return e;
    }
    *ret = v;
    return ERR_NONE;
}

void variables_free(struct variables *v)
{
    if (!v)
        return;
    buf_deinit(&v->text);
    mem_free(v);
}

size_t variables_count(const struct variables *v)
{
    return v ? v->count : 0;
}

const struct variable *variables_at(const struct variables *v, size_t i)
{
    return &v->list[i];
}

bool variables_declare(const struct variables *v, struct span name)
{
    for (size_t i = 0; i < variables_count(v); i++)
        if (span_eq(v->list[i].name, name))
            return true;
    return false;
}

static bool key_is(struct span key, struct span name)
{
    char text[VARIABLE_ATTRIBUTE_MAX + 1];
    if (span_eq(key, name))
        return true;
    if (!memchr(key.ptr, '\\', key.len) || memchr(name.ptr, 0, name.len))
        return false;
    memcpy(text, name.ptr, name.len); /* json_key_is() wants a NUL behind it */
    text[name.len] = 0;
    return json_key_is(key, text);
}

/* The last of members of one name counts, as everywhere in JavaScript. */
static struct json_value member(struct json_value object, struct span name)
{
    struct json_value found = {.kind = JSON_KIND_NONE}, value;
    struct span key;
    struct json_iter it = json_members(object);
    while (json_next_member(&it, &key, &value))
        if (key_is(key, name))
            found = value;
    return found;
}

/* An attribute whose own name has the dots comes before a path of that look. */
static struct json_value attribute(struct json_value attributes, struct span path)
{
    struct json_value at = member(attributes, path);
    if (at.kind != JSON_KIND_NONE || !memchr(path.ptr, '.', path.len))
        return at;
    at = attributes;
    while (path.len > 0) {
        const char *dot = memchr(path.ptr, '.', path.len);
        size_t n = dot ? (size_t)(dot - path.ptr) : path.len;
        at = member(at, (struct span){path.ptr, n});
        path = (struct span){path.ptr + n + (dot ? 1 : 0), path.len - n - (dot ? 1 : 0)};
    }
    return at;
}

static enum err write_one(const struct variable *var, struct json_value attributes, struct buf *out,
                          struct variables_outcome *outcome)
{
    struct json_value value = attribute(attributes, var->attribute);
    struct span json = value.raw;
    if (value.kind == JSON_KIND_NONE || value.kind == JSON_KIND_NULL) {
        if (var->when_missing != VARIABLE_DEFAULT) {
            *outcome = (struct variables_outcome){
                var->when_missing == VARIABLE_SKIP ? VARIABLES_SKIP : VARIABLES_NO_VALUE, var};
            return ERR_NONE;
        }
        json = var->fallback;
    }
    enum err e = buf_add_str(out, ",\"");
    e = e ? e : buf_add_span(out, var->name); /* holds nothing that JSON escapes */
    e = e ? e : buf_add_str(out, "\":");
    return e ? e : buf_add_span(out, json);
}

enum err variables_context(const struct variables *v, struct span attributes, struct buf *out,
                           struct variables_outcome *ret)
{
    struct json_value root = json_root(attributes.len > 0 ? attributes : SPAN_LIT("{}"));
    struct variables_outcome outcome = {.result = VARIABLES_READY};
    size_t before = buf_len(out);
    if (root.kind != JSON_KIND_OBJECT)
        return ERR_INVALID;
    enum err e = buf_add_str(out, "{\"user\":");
    e = e ? e : buf_add_span(out, root.raw);
    for (size_t i = 0; i < variables_count(v) && !e && outcome.result == VARIABLES_READY; i++)
        e = write_one(&v->list[i], root, out, &outcome);
    e = e ? e : buf_add_str(out, "}");
    if (e || outcome.result != VARIABLES_READY)
        out->tail = out->head + before;
    if (!e)
        *ret = outcome;
    return e;
}
