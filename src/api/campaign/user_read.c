#include "api/campaign/user_read.h"

#include <stdio.h>

enum { FIELD_NAME, FIELD_ATTRIBUTES, FIELD_MAIL, FIELD_LINE, FIELD_APPS, FIELD_BROWSERS, FIELDS };
static const char *const names[FIELDS] = {"userId", "attributes", "email", "line", "apps", "browsers"};

enum { PART_VALUE, PART_SUBSCRIBED, PART_REMOVE, PART_P256DH, PART_AUTH, PARTS };

/* How the targets of a medium are written. */
static const struct form {
    const char *field, *parts[PARTS]; /* NULL: no such member */
    bool list;
} forms[MEDIUM_COUNT] = {
    [MEDIUM_MAIL] = {"email", {"value", "subscribed", NULL, NULL, NULL}, false},
    [MEDIUM_LINE] = {"line", {"value", "subscribed", NULL, NULL, NULL}, false},
    [MEDIUM_PUSH] = {"apps", {"token", "subscribed", "remove", NULL, NULL}, true},
    [MEDIUM_BROWSER] = {"browsers", {"endpoint", "subscribed", "remove", "p256dh", "auth"}, true},
};

/* Where in the object something is, for the fault. */
struct place {
    const struct form *form;
    size_t at;
};

static enum err refuse_at(struct user_read *r, const struct place *p, const char *part, const char *why)
{
    char path[120];
    if (p->form->list)
        (void)snprintf(path, sizeof(path), "%s[%zu]%s%s", p->form->field, p->at, part ? "." : "",
                       part ? part : "");
    else
        (void)snprintf(path, sizeof(path), "%s%s%s", p->form->field, part ? "." : "", part ? part : "");
    return read_refuse(&r->fault, path, why);
}

/* Members by name, each at most once; *ret_wrong: a name that is unknown or there twice, as written. */
static bool pick(struct json_value object, const char *const *wanted, size_t count, struct json_value *values,
                 struct span *ret_wrong, const char **ret_why)
{
    struct json_iter it = json_members(object);
    struct json_value value;
    struct span key;
    for (size_t i = 0; i < count; i++)
        values[i] = (struct json_value){.kind = JSON_KIND_NONE};
    while (json_next_member(&it, &key, &value)) {
        size_t i = 0;
        while (i < count && !(wanted[i] && json_key_is(key, wanted[i])))
            i++;
        if (i == count || values[i].kind != JSON_KIND_NONE) {
            *ret_wrong = key;
            *ret_why = i == count ? "unknown member" : "is there twice";
            return false;
        }
        values[i] = value;
    }
    return true;
}

/* A string's text. ERR_INVALID: it is none, or holds a NUL. */
static enum err text_of(struct user_read *r, struct json_value v, struct span *ret)
{
    if (v.kind != JSON_KIND_STRING)
        return ERR_INVALID;
    if (json_string_plain(v, ret))
        return ERR_NONE;
    struct buf out;
    buf_init(&out, v.raw.len);
    enum err e = json_string_decode(v, &out);
    if (!e) {
        char *copy =
            memchr(buf_span(&out).ptr, '\0', buf_len(&out)) ? NULL : arena_dup(r->arena, buf_span(&out));
        bool nul = memchr(buf_span(&out).ptr, '\0', buf_len(&out));
        e = nul ? ERR_INVALID : copy ? ERR_NONE : ERR_NOMEM;
        if (!e)
            *ret = (struct span){copy, buf_len(&out)};
    }
    buf_deinit(&out);
    return e;
}

static enum err read_string(struct user_read *r, const struct place *p, const char *part, struct json_value v,
                            struct span *ret)
{
    if (v.kind == JSON_KIND_NONE)
        return refuse_at(r, p, part, "is required");
    enum err e = text_of(r, v, ret);
    return e == ERR_INVALID ? refuse_at(r, p, part, "must be a string without \\u0000") : e;
}

static enum err say(struct user_read *r, const struct place *p, const char *part, const char *why)
{
    return !why ? ERR_NONE : why[0] ? refuse_at(r, p, part, why) : ERR_NOMEM;
}

static enum err read_bool(struct user_read *r, const struct place *p, const char *part, struct json_value v,
                          bool *ret_given, bool *ret)
{
    if (v.kind != JSON_KIND_NONE && v.kind != JSON_KIND_TRUE && v.kind != JSON_KIND_FALSE)
        return refuse_at(r, p, part, "must be true or false");
    *ret_given = v.kind != JSON_KIND_NONE;
    *ret = v.kind == JSON_KIND_TRUE;
    return ERR_NONE;
}

static enum err read_keys(struct user_read *r, const struct place *p, const struct json_value *v,
                          struct target_change *t)
{
    struct span text;
    enum err e = read_string(r, p, "p256dh", v[PART_P256DH], &text);
    if (!e)
        e = say(r, p, "p256dh", target_read_p256dh(r->arena, text, &t->p256dh));
    if (!e)
        e = read_string(r, p, "auth", v[PART_AUTH], &text);
    return e ? e : say(r, p, "auth", target_read_auth(r->arena, text, &t->auth));
}

static enum err read_target(struct user_read *r, enum medium medium, size_t at, struct json_value object)
{
    const struct form *f = &forms[medium];
    const struct place p = {f, at};
    struct json_value v[PARTS];
    struct target_change t = {.medium = medium};
    struct span wrong, text = SPAN_LIT("");
    const char *why;
    bool given = false, yes = false;
    if (object.kind != JSON_KIND_OBJECT)
        return refuse_at(r, &p, NULL, f->list ? "must be an object" : "must be an object or null");
    if (!pick(object, f->parts, PARTS, v, &wrong, &why)) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%.*s", (int)(wrong.len < 60 ? wrong.len : 60), wrong.ptr);
        return refuse_at(r, &p, name, why);
    }
    if (r->count == USER_CHANGES_MAX)
        return refuse_at(r, &p, NULL, "more targets than one change may have: 64");
    enum err e = read_string(r, &p, f->parts[PART_VALUE], v[PART_VALUE], &text);
    if (!e)
        e = say(r, &p, f->parts[PART_VALUE],
                target_read_value(r->arena, medium, text, r->allow_http, &t.value));
    if (!e)
        e = read_bool(r, &p, "subscribed", v[PART_SUBSCRIBED], &given, &yes);
    if (e)
        return e;
    t.has_consent = given;
    t.consent = yes ? CONSENT_GIVEN : CONSENT_WITHDRAWN;
    e = read_bool(r, &p, "remove", v[PART_REMOVE], &given, &t.remove);
    if (!e && medium == MEDIUM_BROWSER && !t.remove)
        e = read_keys(r, &p, v, &t);
    if (!e)
        r->targets[r->count++] = t;
    return e;
}

static enum err read_targets(struct user_read *r, enum medium medium, struct json_value v)
{
    const struct form *f = &forms[medium];
    if (v.kind == JSON_KIND_NONE)
        return ERR_NONE;
    if (!f->list && v.kind == JSON_KIND_NULL) {
        if (r->count == USER_CHANGES_MAX)
            return read_refuse(&r->fault, f->field, "more targets than one change may have: 64");
        r->targets[r->count++] =
            (struct target_change){.medium = medium, .remove = true, .value = SPAN_LIT("")};
        return ERR_NONE;
    }
    if (!f->list)
        return read_target(r, medium, 0, v);
    if (v.kind != JSON_KIND_ARRAY)
        return read_refuse(&r->fault, f->field, "must be an array");
    struct json_iter it = json_elements(v);
    struct json_value element;
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && json_next_element(&it, &element); i++)
        e = read_target(r, medium, i, element);
    return e;
}

static enum err read_name(struct user_read *r, struct json_value v)
{
    if (r->named)
        return v.kind == JSON_KIND_NONE ? ERR_NONE
                                        : read_refuse(&r->fault, "userId", "is named by the path, and stays");
    if (v.kind == JSON_KIND_NONE)
        return read_refuse(&r->fault, "userId", "is required");
    enum err e = text_of(r, v, &r->change.name);
    if (e)
        return e == ERR_INVALID ? read_refuse(&r->fault, "userId", "must be a string without \\u0000") : e;
    const char *why = target_read_name(r->change.name);
    return why ? read_refuse(&r->fault, "userId", why) : ERR_NONE;
}

static enum err read_attributes(struct user_read *r, struct json_value v)
{
    if (v.kind == JSON_KIND_NONE)
        return ERR_NONE;
    if (v.kind != JSON_KIND_OBJECT)
        return read_refuse(&r->fault, "attributes", "must be an object");
    if (v.raw.len > USER_ATTRIBUTES_MAX)
        return read_refuse(&r->fault, "attributes", "is larger than 16 KiB");
    r->change.attributes = v.raw;
    return ERR_NONE;
}

enum err user_read(struct user_read *r, struct json_value object)
{
    static const enum medium order[] = {MEDIUM_MAIL, MEDIUM_LINE, MEDIUM_PUSH, MEDIUM_BROWSER};
    struct json_value v[FIELDS];
    struct span wrong;
    const char *why;
    r->count = 0;
    r->change.attributes = SPAN_LIT("");
    if (object.kind != JSON_KIND_OBJECT)
        return read_refuse(&r->fault, "", "must be an object");
    if (!pick(object, names, FIELDS, v, &wrong, &why)) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%.*s", (int)(wrong.len < 60 ? wrong.len : 60), wrong.ptr);
        return read_refuse(&r->fault, name, why);
    }
    enum err e = read_name(r, v[FIELD_NAME]);
    if (!e)
        e = read_attributes(r, v[FIELD_ATTRIBUTES]);
    for (size_t i = 0; !e && i < sizeof(order) / sizeof(*order); i++)
        e = read_targets(r, order[i], v[FIELD_MAIL + i]);
    r->change.targets = r->targets;
    r->change.target_count = r->count;
    return e;
}
