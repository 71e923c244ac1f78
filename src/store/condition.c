/* What a condition means for one user, and how an attribute is taken out of its JSON. */
#include "store/condition.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/origin.h"

#define DAY_MS INT64_C(86400000)

/* ---- dates ---- */

static bool digits(const char **p, const char *end, int count, int *ret)
{
    int n = 0;
    for (int i = 0; i < count; i++, (*p)++) {
        if (*p >= end || **p < '0' || **p > '9')
            return false;
        n = n * 10 + (**p - '0');
    }
    *ret = n;
    return true;
}

static bool one(const char **p, const char *end, char c)
{
    if (*p >= end || (**p != c && **p != (c | 0x20)))
        return false;
    (*p)++;
    return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar, which is extended to all years. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year; /* years begin in March, so that the leap day comes last */
    int64_t era = (y >= 0 ? y : y - 399) / 400, in_era = y - era * 400;
    int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static bool date(const char **p, const char *end, int64_t *ret_days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;
    if (!digits(p, end, 4, &year) || !one(p, end, '-') || !digits(p, end, 2, &month) || !one(p, end, '-') ||
        !digits(p, end, 2, &day) || year < 1 || month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    *ret_days = days_of(year, month, day);
    return day <= lengths[month - 1] + (month == 2 && leap);
}

/* The time of day and its zone, in milliseconds of UTC. Digits past the thousandths are cut. */
static bool clock_time(const char **p, const char *end, int64_t *ret_ms)
{
    int hour, minute, second = 0, ms = 0, zone_hour = 0, zone_minute = 0, digit;
    if (!digits(p, end, 2, &hour) || !one(p, end, ':') || !digits(p, end, 2, &minute) ||
        (one(p, end, ':') && !digits(p, end, 2, &second)) || hour > 23 || minute > 59 || second > 60)
        return false;
    if (one(p, end, '.')) {
        if (!digits(p, end, 1, &digit))
            return false;
        int scale = 100;
        do {
            ms += digit * scale;
            scale /= 10;
        } while (*p < end && digits(p, end, 1, &digit));
    }
    int sign = *p < end && **p == '-' ? -1 : 1;
    if (!one(p, end, 'Z')) {
        if (*p >= end || (**p != '+' && **p != '-'))
            return false;
        (*p)++;
        if (!digits(p, end, 2, &zone_hour) || !one(p, end, ':') || !digits(p, end, 2, &zone_minute) ||
            zone_hour > 23 || zone_minute > 59)
            return false;
    }
    int64_t minutes = hour * 60 + minute - sign * (zone_hour * 60 + zone_minute);
    *ret_ms = (minutes * 60 + second) * 1000 + ms;
    return true;
}

enum err condition_moment(struct span text, int64_t *ret_ms)
{
    const char *p = text.ptr, *end = text.ptr + text.len;
    int64_t days, ms = 0;
    if (!date(&p, end, &days))
        return ERR_INVALID;
    if (p < end && ((!one(&p, end, 'T') && *p++ != ' ') || !clock_time(&p, end, &ms) || p != end))
        return ERR_INVALID;
    *ret_ms = days * DAY_MS + ms;
    return ERR_NONE;
}

/* ---- values ---- */

static enum err value_of(struct json_value v, struct buf *scratch, struct condition_value *ret)
{
    *ret = (struct condition_value){.kind = CONDITION_NOTHING, .text = SPAN_LIT(""), .json = v};
    switch (v.kind) {
    case JSON_KIND_NONE:
    case JSON_KIND_NULL:
        break;
    case JSON_KIND_OBJECT:
        ret->kind = CONDITION_OBJECT;
        break;
    case JSON_KIND_ARRAY:
        ret->kind = CONDITION_LIST;
        break;
    case JSON_KIND_TRUE:
    case JSON_KIND_FALSE:
        ret->kind = CONDITION_BOOL;
        ret->integer = v.kind == JSON_KIND_TRUE;
        break;
    case JSON_KIND_NUMBER:
        ret->kind = CONDITION_INTEGER;
        if (json_int64(v, &ret->integer)) {
            ret->kind = CONDITION_REAL;
            ret->real = strtod(v.raw.ptr, NULL); /* a number in an object or a list has a mark behind it */
        }
        break;
    case JSON_KIND_STRING:
        ret->kind = CONDITION_TEXT;
        if (!json_string_plain(v, &ret->text)) {
            buf_clear(scratch);
            enum err e = json_string_decode(v, scratch);
            if (e)
                return e;
            ret->text = buf_span(scratch);
        }
        break;
    }
    return ERR_NONE;
}

static struct json_value member_of(struct json_value object, const char *name)
{
    struct json_iter it = json_members(object);
    struct span key;
    struct json_value v;
    while (json_next_member(&it, &key, &v))
        if (json_key_is(key, name))
            return v;
    return (struct json_value){.kind = JSON_KIND_NONE};
}

enum err condition_attribute(struct span attributes, const struct condition_path *path, struct buf *scratch,
                             struct condition_value *ret)
{
    struct json_value v = json_root(attributes);
    for (size_t i = 0; i < path->count; i++)
        v = member_of(v, path->names[i]);
    /* What ends with the text is no member of an object: somebody else wrote these attributes. */
    if (v.kind == JSON_KIND_NUMBER && v.raw.ptr + v.raw.len >= attributes.ptr + attributes.len)
        v.kind = JSON_KIND_NONE;
    return value_of(v, scratch, ret);
}

bool condition_element(struct json_iter *it, struct buf *scratch, struct condition_value *ret, enum err *e)
{
    struct json_value v;
    if (*e || !json_next_element(it, &v))
        return false;
    return !(*e = value_of(v, scratch, ret));
}

/* <0, 0, >0. A double has 53 bits, so an integer of 64 is not to be turned into one. */
static int integer_to_real(int64_t i, double r)
{
    if (r >= 0x1p63)
        return -1;
    if (r < -0x1p63)
        return 1;
    int64_t whole = (int64_t)r; /* towards zero */
    double rest = r - (double)whole;
    if (i != whole)
        return i < whole ? -1 : 1;
    return rest > 0 ? -1 : rest < 0;
}

static bool is_number(const struct condition_value *v)
{
    return v->kind == CONDITION_INTEGER || v->kind == CONDITION_REAL;
}

static int compare_numbers(const struct condition_value *a, const struct condition_value *b)
{
    if (a->kind == CONDITION_INTEGER && b->kind == CONDITION_INTEGER)
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (a->kind == CONDITION_INTEGER)
        return integer_to_real(a->integer, b->real);
    if (b->kind == CONDITION_INTEGER)
        return -integer_to_real(b->integer, a->real);
    return (a->real > b->real) - (a->real < b->real);
}

static int compare_texts(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool condition_equal(const struct condition_value *a, const struct condition_value *b)
{
    if (is_number(a) && is_number(b))
        return compare_numbers(a, b) == 0;
    if (a->kind != b->kind)
        return false;
    return a->kind == CONDITION_TEXT ? span_eq(a->text, b->text)
                                     : a->kind == CONDITION_BOOL && a->integer == b->integer;
}

/* ---- one user ---- */

struct match {
    const struct user *user;
    condition_received_fn *received;
    void *arg;
    int64_t now_ms;
    struct buf scratch, elements;
};

static enum err list_has(struct match *m, const struct condition_value *list,
                         const struct condition_value *want, bool *ret)
{
    struct json_iter it = json_elements(list->json);
    struct condition_value v;
    enum err e = ERR_NONE;
    *ret = false;
    while (!*ret && condition_element(&it, &m->elements, &v, &e))
        *ret = condition_equal(&v, want);
    return e;
}

/* Whether both can be ordered, and how. */
static bool compare(const struct condition_value *a, const struct condition_value *b, int *ret)
{
    if (is_number(a) && is_number(b))
        *ret = compare_numbers(a, b);
    else if (a->kind == CONDITION_TEXT && b->kind == CONDITION_TEXT)
        *ret = compare_texts(a->text, b->text);
    else
        return false;
    return true;
}

static bool ends_with(struct span s, struct span end)
{
    return s.len >= end.len && span_eq((struct span){s.ptr + s.len - end.len, end.len}, end);
}

static bool moment_fits(const struct match *m, const struct condition_node *n, int64_t ms)
{
    int64_t than = n->moment_ms + (n->relative ? m->now_ms : 0);
    return n->act == CONDITION_BEFORE ? ms < than : ms > than;
}

static enum err value_fits(struct match *m, const struct condition_node *n, const struct condition_value *v,
                           bool *ret)
{
    const struct condition_value *want = n->values;
    bool texts = v->kind == CONDITION_TEXT && n->value_count && want->kind == CONDITION_TEXT;
    int order;
    int64_t ms;
    switch (n->act) {
    case CONDITION_IS:
        *ret = condition_equal(v, want);
        break;
    case CONDITION_IS_NOT:
        *ret = !condition_equal(v, want);
        break;
    case CONDITION_IN:
        *ret = false;
        for (size_t i = 0; !*ret && i < n->value_count; i++)
            *ret = condition_equal(v, &want[i]);
        break;
    case CONDITION_CONTAINS:
        if (v->kind == CONDITION_LIST)
            return list_has(m, v, want, ret);
        *ret = texts &&
               (want->text.len == 0 || memmem(v->text.ptr, v->text.len, want->text.ptr, want->text.len));
        break;
    case CONDITION_STARTS:
        *ret = texts && span_starts(v->text, want->text);
        break;
    case CONDITION_ENDS:
        *ret = texts && ends_with(v->text, want->text);
        break;
    case CONDITION_ABOVE:
        *ret = compare(v, want, &order) && order > 0;
        break;
    case CONDITION_AT_LEAST:
        *ret = compare(v, want, &order) && order >= 0;
        break;
    case CONDITION_BELOW:
        *ret = compare(v, want, &order) && order < 0;
        break;
    case CONDITION_AT_MOST:
        *ret = compare(v, want, &order) && order <= 0;
        break;
    case CONDITION_EXISTS:
        *ret = (v->kind != CONDITION_NOTHING) != n->no;
        break;
    case CONDITION_BEFORE:
    case CONDITION_AFTER:
        *ret = v->kind == CONDITION_TEXT && !condition_moment(v->text, &ms) && moment_fits(m, n, ms);
        break;
    }
    return ERR_NONE;
}

static bool target_fits(const struct condition_node *n, const struct target *t)
{
    if (t->medium != n->medium || (t->dropped.len > 0) != (n->state == CONDITION_DROPPED))
        return false;
    switch (n->state) {
    case CONDITION_GIVEN:
        return t->consent == CONSENT_GIVEN;
    case CONDITION_WITHDRAWN:
        return t->consent == CONSENT_WITHDRAWN;
    case CONDITION_UNASKED:
        return t->consent == CONSENT_UNASKED;
    case CONDITION_IN_USE:
    case CONDITION_DROPPED:
        break;
    }
    return true;
}

static enum err received_fits(struct match *m, const struct condition_received *r, bool *ret)
{
    if (!m->received)
        return err_origin(ERR_INTERNAL);
    return m->received(m->arg, m->user, r, r->days ? m->now_ms - r->days * DAY_MS : 0, ret);
}

static enum err node_fits(struct match *m, const struct condition_node *n, bool *ret)
{
    struct condition_value v;
    enum err e = ERR_NONE;
    switch (n->kind) {
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_NOT:
        *ret = n->kind == CONDITION_ALL;
        for (const struct condition_node *part = n->first;
             part && *ret == (n->kind == CONDITION_ALL) && !(e = node_fits(m, part, ret));)
            part = n->kind == CONDITION_NOT ? NULL : part->next;
        if (n->kind == CONDITION_NOT)
            *ret = !*ret;
        return e;
    case CONDITION_ATTRIBUTE:
        e = condition_attribute(m->user->attributes, &n->path, &m->scratch, &v);
        return e ? e : value_fits(m, n, &v, ret);
    case CONDITION_USER_ID:
        v = (struct condition_value){.kind = CONDITION_TEXT, .text = m->user->name};
        return value_fits(m, n, &v, ret);
    case CONDITION_CREATED:
        *ret = moment_fits(m, n, m->user->created_ms);
        return ERR_NONE;
    case CONDITION_UPDATED:
        *ret = moment_fits(m, n, m->user->updated_ms);
        return ERR_NONE;
    case CONDITION_TARGET:
        *ret = false;
        for (size_t i = 0; !*ret && i < m->user->target_count; i++)
            *ret = target_fits(n, &m->user->targets[i]);
        *ret = *ret != n->no;
        return ERR_NONE;
    case CONDITION_RECEIVED:
        return received_fits(m, n->received, ret);
    }
    return err_origin(ERR_INTERNAL);
}

enum err condition_match(const struct condition *c, const struct user *u, condition_received_fn *received,
                         void *arg, int64_t now_ms, bool *ret)
{
    struct match m = {.user = u, .received = received, .arg = arg, .now_ms = now_ms};
    bool fits = true;
    buf_init(&m.scratch, USER_ATTRIBUTES_MAX); /* what a text becomes is never longer than its JSON */
    buf_init(&m.elements, USER_ATTRIBUTES_MAX);
    enum err e = c ? node_fits(&m, c->root, &fits) : ERR_NONE;
    buf_deinit(&m.scratch);
    buf_deinit(&m.elements);
    if (!e)
        *ret = fits;
    return e;
}

void condition_free(struct condition *c)
{
    if (!c)
        return;
    arena_deinit(&c->arena);
    mem_free(c);
}
