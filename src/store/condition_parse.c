/* A condition out of its JSON: everything that is not in the language is refused, with its place. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_fault.h"
#include "base/mem.h"
#include "base/origin.h"
#include "store/condition.h"

#define DAY_MS INT64_C(86400000)
/* Nodes, values and decoded texts of 16 KiB of JSON: a value has at least two bytes there. */
#define ARENA_MAX ((size_t)CONDITION_TEXT_MAX * (sizeof(struct condition_value) + 16u))

struct parse {
    struct arena *arena;
    struct condition_fault *why;
    unsigned depth, nodes;
    const struct condition_received **last_received;
    char path[sizeof((struct condition_fault *)0)->path];
};

static enum err parse_node(struct parse *p, struct json_value v, const struct condition_node **ret);

__attribute__((format(printf, 2, 3))) static enum err refuse(struct parse *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(p->why->message, sizeof(p->why->message), fmt, args);
    va_end(args);
    (void)snprintf(p->why->path, sizeof(p->why->path), "%s", p->path);
    return ERR_INVALID;
}

/* Goes to a part: returns what leave() needs. A path without room ends where it is. */
static size_t enter(struct parse *p, struct span name)
{
    size_t len = strlen(p->path);
    if (len + name.len + 2 <= sizeof(p->path))
        (void)snprintf(p->path + len, sizeof(p->path) - len, "%s%.*s", len ? "." : "", (int)name.len,
                       name.ptr);
    return len;
}

static size_t enter_at(struct parse *p, size_t index)
{
    size_t len = strlen(p->path);
    if (len + 8 <= sizeof(p->path)) /* 16 KiB have fewer than 10,000 items */
        (void)snprintf(p->path + len, sizeof(p->path) - len, "[%zu]", index);
    return len;
}

static void leave(struct parse *p, size_t len)
{
    p->path[len] = '\0';
}

/* A decoded string in the arena; ERR_INVALID: it is none. */
static enum err text_of(struct parse *p, struct json_value v, struct span *ret)
{
    struct buf b;
    struct span s;
    if (v.kind != JSON_KIND_STRING)
        return ERR_INVALID;
    buf_init(&b, CONDITION_TEXT_MAX);
    enum err e = json_string_plain(v, &s) ? ERR_NONE : json_string_decode(v, &b);
    if (!e && b.data)
        s = buf_span(&b);
    char *copy = e ? NULL : arena_dup(p->arena, s);
    buf_deinit(&b);
    if (!copy)
        return ERR_NOMEM;
    *ret = (struct span){copy, s.len};
    return ERR_NONE;
}

/* ---- operators ---- */

enum wants { WANTS_SCALAR, WANTS_LIST, WANTS_TEXT, WANTS_ORDERED, WANTS_BOOL, WANTS_DATE };
enum { OF_ATTRIBUTE = 1, OF_USER_ID = 2, OF_DATE = 4 };

static const struct act {
    const char *name;
    enum condition_act act;
    enum wants wants;
    unsigned of;
} operators[] = {
#define ACT(act, name, wants, of) {name, CONDITION_##act, WANTS_##wants, of},
#include "store/condition.def"
#undef ACT
};
#define OPERATORS (sizeof(operators) / sizeof(operators[0]))

static const struct act *operator_find(struct span key, unsigned of)
{
    for (size_t i = 0; i < OPERATORS; i++)
        if ((operators[i].of & of) && json_key_is(key, operators[i].name))
            return &operators[i];
    return NULL;
}

/* "one of is, isNot, …", in the fault's message. */
static enum err refuse_operator(struct parse *p, unsigned of, const char *said)
{
    char list[160] = "";
    size_t len = 0;
    for (size_t i = 0; i < OPERATORS; i++)
        if (operators[i].of & of)
            len +=
                (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "", operators[i].name);
    return refuse(p, "%s: exactly one of %s", said, list);
}

static enum err parse_scalar(struct parse *p, struct json_value v, struct condition_value *ret)
{
    enum err e = ERR_NONE;
    switch (v.kind) {
    case JSON_KIND_STRING:
        ret->kind = CONDITION_TEXT;
        e = text_of(p, v, &ret->text);
        break;
    case JSON_KIND_NUMBER:
        ret->kind = CONDITION_INTEGER;
        if (json_int64(v, &ret->integer)) {
            ret->kind = CONDITION_REAL;
            ret->real = strtod(v.raw.ptr, NULL); /* it stands in an object, so a mark comes behind it */
        }
        break;
    case JSON_KIND_TRUE:
    case JSON_KIND_FALSE:
        ret->kind = CONDITION_BOOL;
        ret->integer = v.kind == JSON_KIND_TRUE;
        break;
    case JSON_KIND_NONE:
    case JSON_KIND_NULL:
    case JSON_KIND_OBJECT:
    case JSON_KIND_ARRAY:
        return refuse(p, v.kind == JSON_KIND_NULL
                             ? "null is no value: ask with \"exists\" whether there is one"
                             : "must be a text, a number, true or false");
    }
    return e;
}

static enum err parse_list(struct parse *p, struct json_value v, struct condition_node *n)
{
    if (v.kind != JSON_KIND_ARRAY)
        return refuse(p, "must be a list of texts, numbers, true or false");
    size_t count = 0, i = 0;
    struct json_value item;
    struct json_iter it = json_elements(v);
    while (json_next_element(&it, &item))
        count++;
    struct condition_value *values = arena_zero(p->arena, count + 1, sizeof(*values));
    enum err e = values ? ERR_NONE : ERR_NOMEM;
    it = json_elements(v);
    while (!e && json_next_element(&it, &item)) {
        size_t at = enter_at(p, i);
        e = parse_scalar(p, item, &values[i++]);
        leave(p, at);
    }
    n->values = values;
    n->value_count = count;
    return e;
}

/* {"days":-7}: so long after now. */
static enum err parse_days(struct parse *p, struct json_value v, struct condition_node *n)
{
    struct json_iter it = json_members(v);
    struct span key;
    struct json_value days;
    int64_t count;
    if (!json_next_member(&it, &key, &days) || !json_key_is(key, "days") ||
        json_next_member(&it, &key, &(struct json_value){0}))
        return refuse(p, "must be a date, a time, or {\"days\":N}: N days after now, before it if negative");
    if (json_int64(days, &count) || count < -CONDITION_DAYS_MAX || count > CONDITION_DAYS_MAX) {
        (void)enter(p, SPAN_LIT("days"));
        return refuse(p, "must be a whole number from -%d to %d", CONDITION_DAYS_MAX, CONDITION_DAYS_MAX);
    }
    n->relative = true;
    n->moment_ms = count * DAY_MS;
    return ERR_NONE;
}

static enum err parse_date(struct parse *p, struct json_value v, struct condition_node *n)
{
    struct span text;
    if (v.kind == JSON_KIND_OBJECT)
        return parse_days(p, v, n);
    enum err e = text_of(p, v, &text);
    if (e == ERR_NOMEM)
        return e;
    return e || condition_moment(text, &n->moment_ms)
               ? refuse(p, "must be a date (\"2026-11-28\"), a time (\"2026-11-28T09:30:00+09:00\") or "
                           "{\"days\":N}")
               : ERR_NONE;
}

static enum err parse_one(struct parse *p, enum wants wants, struct json_value v, struct condition_node *n)
{
    struct condition_value *value = arena_zero(p->arena, 1, sizeof(*value));
    enum err e = value ? parse_scalar(p, v, value) : ERR_NOMEM;
    if (e)
        return e;
    n->values = value;
    n->value_count = 1;
    if (wants == WANTS_TEXT && value->kind != CONDITION_TEXT)
        return refuse(p, "must be a text");
    if (wants == WANTS_ORDERED && value->kind == CONDITION_BOOL)
        return refuse(p, "must be a number or a text");
    return ERR_NONE;
}

static enum err parse_operand(struct parse *p, const struct act *o, struct json_value v,
                              struct condition_node *n)
{
    n->act = o->act;
    switch (o->wants) {
    case WANTS_SCALAR:
    case WANTS_TEXT:
    case WANTS_ORDERED:
        return parse_one(p, o->wants, v, n);
    case WANTS_LIST:
        return parse_list(p, v, n);
    case WANTS_BOOL:
        n->no = v.kind == JSON_KIND_FALSE;
        return n->no || v.kind == JSON_KIND_TRUE ? ERR_NONE : refuse(p, "must be true or false");
    case WANTS_DATE:
        return parse_date(p, v, n);
    }
    return err_origin(ERR_INTERNAL);
}

/* The one operator of an object. head: a member that was read already; NULL: none. */
static enum err parse_operator(struct parse *p, struct json_value object, const char *head, unsigned of,
                               struct condition_node *n)
{
    struct json_iter it = json_members(object);
    struct span key;
    struct json_value v;
    bool found = false;
    enum err e = ERR_NONE;
    if (object.kind != JSON_KIND_OBJECT)
        return refuse_operator(p, of, "must be an object");
    while (!e && json_next_member(&it, &key, &v)) {
        if (head && json_key_is(key, head))
            continue;
        const struct act *o = operator_find(key, of);
        if (found && o)
            return refuse_operator(p, of, "has two operators");
        size_t at = enter(p, key);
        e = o ? parse_operand(p, o, v, n) : refuse_operator(p, of, "is no operator");
        leave(p, at);
        found = true;
    }
    return e || found ? e : refuse_operator(p, of, "has no operator");
}

/* ---- the kinds of conditions ---- */

static enum err parse_parts(struct parse *p, struct json_value v, struct condition_node *n)
{
    const struct condition_node **to = &n->first;
    struct json_iter it = json_elements(v);
    struct json_value part;
    enum err e = ERR_NONE;
    if (v.kind != JSON_KIND_ARRAY)
        return refuse(p, "must be a list of conditions");
    for (size_t i = 0; !e && json_next_element(&it, &part); i++) {
        size_t at = enter_at(p, i);
        e = parse_node(p, part, to);
        leave(p, at);
        if (!e)
            to = &((struct condition_node *)(uintptr_t)*to)->next;
    }
    if (!e && !n->first && n->kind == CONDITION_ANY)
        return refuse(p, "is empty, and would match nobody");
    return e;
}

static enum err add_name(struct parse *p, struct span name, struct condition_path *path)
{
    if (name.len == 0 || memchr(name.ptr, '\0', name.len))
        return refuse(p, "has a name that is empty, or with U+0000");
    if (path->count == CONDITION_NAMES_MAX)
        return refuse(p, "has more than %u names", CONDITION_NAMES_MAX);
    const char *copy = arena_dup(p->arena, name);
    if (!copy)
        return ERR_NOMEM;
    path->names[path->count++] = copy;
    return ERR_NONE;
}

/* "address.city": names with dots between them. */
static enum err split_path(struct parse *p, struct span text, struct condition_path *path)
{
    enum err e = ERR_NONE;
    for (bool more = true; !e && more;) {
        const char *dot = memchr(text.ptr, '.', text.len);
        size_t len = dot ? (size_t)(dot - text.ptr) : text.len;
        e = add_name(p, (struct span){text.ptr, len}, path);
        more = dot;
        text = (struct span){text.ptr + len + more, text.len - len - more};
    }
    return e;
}

/* ["address","city"]: names that may hold dots. */
static enum err list_path(struct parse *p, struct json_value v, struct condition_path *path)
{
    struct json_iter it = json_elements(v);
    struct json_value item;
    struct span name;
    enum err e = ERR_NONE;
    while (!e && json_next_element(&it, &item)) {
        e = text_of(p, item, &name);
        if (!e)
            e = add_name(p, name, path);
        else if (e == ERR_INVALID)
            e = refuse(p, "must be a list of texts");
    }
    return e || path->count ? e : refuse(p, "is empty");
}

static enum err parse_attribute(struct parse *p, struct json_value object, struct json_value v,
                                struct condition_node *n)
{
    struct span text;
    enum err e;
    size_t at = enter(p, SPAN_LIT("attribute"));
    if (v.kind == JSON_KIND_ARRAY)
        e = list_path(p, v, &n->path);
    else if (!(e = text_of(p, v, &text)))
        e = split_path(p, text, &n->path);
    else if (e == ERR_INVALID)
        e = refuse(p, "must be the attribute's name, \"address.city\" or [\"address\",\"city\"]");
    leave(p, at);
    return e ? e : parse_operator(p, object, "attribute", OF_ATTRIBUTE, n);
}

static enum err parse_target_state(struct parse *p, struct span key, struct json_value v,
                                   struct condition_node *n)
{
    bool yes = v.kind == JSON_KIND_TRUE, no = v.kind == JSON_KIND_FALSE;
    if (json_key_is(key, "subscribed")) {
        if (!yes && !no && !json_string_is(v, "unasked"))
            return refuse(p, "must be true, false or \"unasked\"");
        n->state = yes ? CONDITION_GIVEN : no ? CONDITION_WITHDRAWN : CONDITION_UNASKED;
        return ERR_NONE;
    }
    if (!json_key_is(key, "exists") && !json_key_is(key, "dropped"))
        return refuse(p, "is none of subscribed, exists and dropped");
    if (!yes && !no)
        return refuse(p, "must be true or false");
    n->state = json_key_is(key, "dropped") ? CONDITION_DROPPED : CONDITION_IN_USE;
    n->no = no;
    return ERR_NONE;
}

static enum err parse_target(struct parse *p, struct json_value object, struct json_value v,
                             struct condition_node *n)
{
    static const char *const names[MEDIUM_COUNT] = {
        [MEDIUM_MAIL] = "email", [MEDIUM_PUSH] = "app", [MEDIUM_LINE] = "line", [MEDIUM_BROWSER] = "browser"};
    int medium = 0, found = 0;
    while (medium < MEDIUM_COUNT && !json_string_is(v, names[medium]))
        medium++;
    size_t at = enter(p, SPAN_LIT("target"));
    enum err e = medium == MEDIUM_COUNT ? refuse(p, "must be email, line, app or browser") : ERR_NONE;
    leave(p, at);
    n->medium = (enum medium)medium;
    struct json_iter it = json_members(object);
    struct span key;
    while (!e && json_next_member(&it, &key, &v)) {
        if (json_key_is(key, "target"))
            continue;
        at = enter(p, key);
        e = parse_target_state(p, key, v, n);
        leave(p, at);
        found++;
    }
    return e || found == 1 ? e : refuse(p, "needs exactly one of subscribed, exists and dropped");
}

static enum err add_state(struct parse *p, struct json_value v, unsigned *states)
{
    static const struct {
        const char *name;
        unsigned states;
    } known[] = {
        {"sent", 1u << MESSAGE_SENT | 1u << MESSAGE_DELIVERED},
        {"delivered", 1u << MESSAGE_DELIVERED},
        {"failed", 1u << MESSAGE_FAILED},
        {"skipped", 1u << MESSAGE_SKIPPED},
        {"unknown", 1u << MESSAGE_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (json_string_is(v, known[i].name)) {
            *states |= known[i].states;
            return ERR_NONE;
        }
    return refuse(p, "must be sent, delivered, failed, skipped or unknown, or a list of these");
}

static enum err parse_states(struct parse *p, struct json_value v, unsigned *states)
{
    if (v.kind != JSON_KIND_ARRAY)
        return add_state(p, v, states);
    struct json_iter it = json_elements(v);
    struct json_value item;
    enum err e = ERR_NONE;
    while (!e && json_next_element(&it, &item))
        e = add_state(p, item, states);
    return e || *states ? e : refuse(p, "is empty, and would match nobody");
}

static enum err parse_received_member(struct parse *p, struct span key, struct json_value v,
                                      struct condition_received *r)
{
    if (json_key_is(key, "campaign")) {
        enum err e = text_of(p, v, &r->campaign);
        if (e == ERR_INVALID || (!e && r->campaign.len == 0))
            return refuse(p, "must be the id or the short id of a campaign");
        if (!e && !(r->place = arena_dup(p->arena, span_of(p->path))))
            e = ERR_NOMEM;
        return e;
    }
    if (json_key_is(key, "days"))
        return json_int64(v, &r->days) || r->days < 1 || r->days > CONDITION_DAYS_MAX
                   ? refuse(p, "must be a whole number from 1 to %d", CONDITION_DAYS_MAX)
                   : ERR_NONE;
    if (json_key_is(key, "state"))
        return parse_states(p, v, &r->states);
    return refuse(p, "is none of campaign, days and state");
}

static enum err parse_received(struct parse *p, struct json_value v, struct condition_node *n)
{
    struct condition_received *r = arena_zero(p->arena, 1, sizeof(*r));
    struct json_field once[] = {{.key = "campaign"}, {.key = "days"}, {.key = "state"}};
    struct json_iter it = json_members(v);
    struct span key;
    struct json_value member;
    enum err e = r ? ERR_NONE : ERR_NOMEM;
    if (!e && json_pick(v, once, sizeof(once) / sizeof(once[0])) == ERR_CONFLICT)
        e = refuse(p, "has a member twice");
    while (!e && json_next_member(&it, &key, &member)) {
        size_t at = enter(p, key);
        e = parse_received_member(p, key, member, r);
        leave(p, at);
    }
    if (!e && !r->place)
        e = refuse(p, "must be an object with the campaign: {\"campaign\":\"…\",\"days\":7}");
    if (e)
        return e;
    if (!r->states)
        r->states = 1u << MESSAGE_SENT | 1u << MESSAGE_DELIVERED;
    n->received = *p->last_received = r;
    p->last_received = &r->next;
    return ERR_NONE;
}

/* A userId is a text, so any other value would never match. */
static enum err parse_user_id(struct parse *p, struct json_value v, struct condition_node *n)
{
    enum err e = parse_operator(p, v, NULL, OF_USER_ID, n);
    for (size_t i = 0; !e && i < n->value_count; i++)
        if (n->values[i].kind != CONDITION_TEXT)
            e = refuse(p, "is compared with texts only");
    return e;
}

/* What a condition is about: the one member that says its kind. */
static const struct {
    const char *name;
    enum condition_kind kind;
} kinds[] = {
    {"all", CONDITION_ALL},         {"any", CONDITION_ANY},
    {"not", CONDITION_NOT},         {"attribute", CONDITION_ATTRIBUTE},
    {"target", CONDITION_TARGET},   {"received", CONDITION_RECEIVED},
    {"userId", CONDITION_USER_ID},  {"created", CONDITION_CREATED},
    {"updated", CONDITION_UPDATED},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define KINDS_TEXT "all, any, not, attribute, target, received, userId, created and updated"

static enum err parse_kind(struct parse *p, struct json_value object, struct json_value v,
                           struct condition_node *n)
{
    switch (n->kind) {
    case CONDITION_ALL:
    case CONDITION_ANY:
        return parse_parts(p, v, n);
    case CONDITION_NOT:
        return parse_node(p, v, &n->first);
    case CONDITION_ATTRIBUTE:
        return parse_attribute(p, object, v, n);
    case CONDITION_TARGET:
        return parse_target(p, object, v, n);
    case CONDITION_RECEIVED:
        return parse_received(p, v, n);
    case CONDITION_USER_ID:
        return parse_user_id(p, v, n);
    case CONDITION_CREATED:
    case CONDITION_UPDATED:
        return parse_operator(p, v, NULL, OF_DATE, n);
    }
    return err_origin(ERR_INTERNAL);
}

/* Finds the member that says the kind. Only an attribute and a target have others beside it. */
static enum err find_kind(struct parse *p, struct json_value object, const char **ret_name,
                          struct json_value *ret, struct condition_node *n)
{
    struct json_iter it = json_members(object);
    struct span key;
    struct json_value v;
    size_t members = 0, found = 0;
    while (json_next_member(&it, &key, &v)) {
        members++;
        for (size_t i = 0; i < KINDS; i++)
            if (json_key_is(key, kinds[i].name)) {
                n->kind = kinds[i].kind;
                *ret_name = kinds[i].name;
                *ret = v;
                found++;
            }
    }
    if (found != 1)
        return refuse(p, "must be an object with exactly one of " KINDS_TEXT);
    if (members > 1 && n->kind != CONDITION_ATTRIBUTE && n->kind != CONDITION_TARGET)
        return refuse(p, "has members beside the one that says what it asks");
    return ERR_NONE;
}

static enum err parse_node(struct parse *p, struct json_value object, const struct condition_node **ret)
{
    struct json_value v = {0};
    if (p->depth == CONDITION_DEPTH_MAX)
        return refuse(p, "is too deep: at most %u conditions within each other", CONDITION_DEPTH_MAX);
    if (p->nodes == CONDITION_NODES_MAX)
        return refuse(p, "is one too many: at most %u conditions altogether", CONDITION_NODES_MAX);
    struct condition_node *n = arena_zero(p->arena, 1, sizeof(*n));
    if (!n)
        return ERR_NOMEM;
    p->nodes++;
    p->depth++;
    const char *name = "";
    enum err e = find_kind(p, object, &name, &v, n);
    bool within = n->kind != CONDITION_ATTRIBUTE && n->kind != CONDITION_TARGET;
    size_t at = within && !e ? enter(p, span_of(name)) : strlen(p->path);
    if (!e)
        e = parse_kind(p, object, v, n);
    leave(p, at);
    p->depth--;
    if (!e)
        *ret = n;
    return e;
}

enum err condition_parse(struct span json, struct condition **ret, struct condition_fault *why)
{
    size_t at;
    *why = (struct condition_fault){0};
    if (json.len > CONDITION_TEXT_MAX) {
        (void)snprintf(why->message, sizeof(why->message), "has more than %u bytes", CONDITION_TEXT_MAX);
        return ERR_INVALID;
    }
    enum err e = json_check(json, JSON_DEPTH, &at);
    if (e) {
        struct json_fault fault;
        json_fault_find(json, JSON_DEPTH, e, at, &fault);
        (void)snprintf(why->path, sizeof(why->path), "%s", fault.path);
        (void)snprintf(why->message, sizeof(why->message), "%s", fault.message);
        return ERR_INVALID;
    }
    struct condition *c = mem_zero(1, sizeof(*c));
    if (!c)
        return ERR_NOMEM;
    arena_init(&c->arena, 2048, ARENA_MAX);
    struct parse p = {.arena = &c->arena, .why = why, .last_received = &c->received};
    e = parse_node(&p, json_root(json), &c->root);
    if (e)
        condition_free(c);
    else
        *ret = c;
    return e;
}
