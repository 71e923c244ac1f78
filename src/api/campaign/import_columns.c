#include "api/campaign/import_columns.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_write.h"

#define DIGITS_MAX 15u /* a double keeps so many */

static const char *const names[COLUMN_FIXED] = {
    [COLUMN_USER_ID] = "user_id",
    [COLUMN_EMAIL] = "email",
    [COLUMN_EMAIL_SUBSCRIBED] = "email_subscribed",
    [COLUMN_LINE] = "line_user_id",
    [COLUMN_LINE_SUBSCRIBED] = "line_subscribed",
    [COLUMN_APP] = "fcm_token",
    [COLUMN_APP_SUBSCRIBED] = "fcm_subscribed",
    [COLUMN_BROWSER] = "endpoint",
    [COLUMN_BROWSER_SUBSCRIBED] = "browser_subscribed",
    [COLUMN_P256DH] = "p256dh",
    [COLUMN_AUTH] = "auth",
};

static const struct {
    enum medium medium;
    enum import_column value, subscribed;
} targets_of[MEDIUM_COUNT] = {
    {MEDIUM_MAIL, COLUMN_EMAIL, COLUMN_EMAIL_SUBSCRIBED},
    {MEDIUM_LINE, COLUMN_LINE, COLUMN_LINE_SUBSCRIBED},
    {MEDIUM_PUSH, COLUMN_APP, COLUMN_APP_SUBSCRIBED},
    {MEDIUM_BROWSER, COLUMN_BROWSER, COLUMN_BROWSER_SUBSCRIBED},
};

/* ---- the first row ---- */

static int find_fixed(struct span name)
{
    if (span_eq(name, SPAN_LIT("userId")))
        return COLUMN_USER_ID;
    for (int i = 0; i < COLUMN_FIXED; i++)
        if (span_eq(name, span_of(names[i])))
            return i;
    return -1;
}

static enum err attribute(struct import_columns *c, struct span name, uint32_t at, struct arena *arena)
{
    struct buf quoted;
    buf_init(&quoted, name.len * 6 + 2);
    enum err e = json_write_quoted(&quoted, name);
    char *copy = e ? NULL : arena_dup(arena, buf_span(&quoted));
    buf_deinit(&quoted);
    if (!copy)
        return ERR_NOMEM;
    c->attributes[c->attribute_count++] = (struct attribute_column){at, copy};
    return ERR_NONE;
}

/* A column named twice would make two people of a row, or one value of two. */
static bool is_twice(const struct import_cells *row, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (span_eq(span_trim(row->cells[i]), span_trim(row->cells[at])))
            return true;
    return false;
}

static enum err user_columns(struct import_columns *c, const struct import_cells *row, struct arena *arena)
{
    enum err e = ERR_NONE;
    for (uint32_t i = 0; i < row->count && !e; i++) {
        static const struct span prefix = SPAN_LIT("attributes.");
        struct span name = span_trim(row->cells[i]);
        int fixed = find_fixed(name);
        if (fixed >= 0)
            c->fixed[fixed] = (int32_t)i;
        else if (span_starts(name, prefix))
            e = attribute(c, (struct span){name.ptr + prefix.len, name.len - prefix.len}, i, arena);
        else
            e = attribute(c, name, i, arena);
    }
    return e;
}

enum err import_columns_read(struct import_columns *c, const struct import_shape *shape,
                             const struct import_cells *row, struct arena *arena, char *why, size_t why_size)
{
    *c = (struct import_columns){.count = row->count, .value = -1};
    for (int i = 0; i < COLUMN_FIXED; i++)
        c->fixed[i] = -1;
    for (uint32_t i = 0; i < row->count; i++) {
        struct span name = span_trim(row->cells[i].ptr ? row->cells[i] : SPAN_LIT(""));
        if (name.len && !is_twice(row, i))
            continue;
        (void)snprintf(why, why_size,
                       name.len ? "the first row names column %u as one before"
                                : "the first row does not name column %u",
                       i + 1);
        return ERR_INVALID;
    }
    const char *need = shape->into_list ? by_text(shape->by) : names[COLUMN_USER_ID];
    enum err e = shape->into_list ? ERR_NONE : user_columns(c, row, arena);
    for (uint32_t i = 0; i < row->count; i++) {
        struct span name = span_trim(row->cells[i]);
        if (span_eq(name, span_of(need)) || (shape->by == BY_USER_ID && span_eq(name, SPAN_LIT("userId"))))
            c->value = (int32_t)i;
    }
    if (!e && c->value < 0) {
        (void)snprintf(why, why_size, "the first row has no column \"%s\"", need);
        e = ERR_INVALID;
    }
    return e;
}

/* ---- the others ---- */

/* Whether a text is a number that would be written just so: 007, 1.50, +1 and 1e3 stay texts. */
static bool is_number(struct span s)
{
    char text[DIGITS_MAX + 4], again[40];
    size_t digits = 0;
    if (s.len == 0 || s.len >= sizeof(text))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        bool digit = s.ptr[i] >= '0' && s.ptr[i] <= '9';
        digits += digit;
        if (!digit && s.ptr[i] != '.' && !(s.ptr[i] == '-' && i == 0))
            return false;
    }
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    double d = strtod(text, NULL);
    (void)snprintf(again, sizeof(again), "%.15g", d);
    return digits > 0 && digits <= DIGITS_MAX && strcmp(text, again) == 0 && strcmp(text, "-0") != 0;
}

static enum err put_value(struct buf *json, struct span cell)
{
    if (is_number(cell) || span_eq(cell, SPAN_LIT("true")) || span_eq(cell, SPAN_LIT("false")))
        return buf_add_span(json, cell);
    return json_write_quoted(json, cell);
}

static enum err put_attributes(const struct import_columns *c, const struct import_cells *row,
                               struct buf *json, struct user_change *ret, struct read_fault *fault)
{
    enum err e = ERR_NONE;
    buf_clear(json);
    for (uint32_t i = 0; i < c->attribute_count && !e; i++) {
        const struct attribute_column *a = &c->attributes[i];
        if (!row->cells[a->at].ptr)
            continue;
        e = buf_add_str(json, buf_len(json) ? "," : "{");
        if (!e)
            e = buf_add_str(json, a->name);
        if (!e)
            e = buf_add(json, ":", 1);
        if (!e)
            e = put_value(json, row->cells[a->at]);
    }
    if (!e && buf_len(json))
        e = buf_add(json, "}", 1);
    if (e == ERR_LIMIT)
        return read_refuse(fault, "attributes", "is larger than 16 KiB");
    ret->attributes = buf_span(json);
    return e;
}

static struct span cell_of(const struct import_columns *c, const struct import_cells *row,
                           enum import_column column)
{
    int32_t at = c->fixed[column];
    return at >= 0 && row->cells[at].ptr ? row->cells[at] : (struct span){NULL, 0};
}

static enum err say(struct read_fault *fault, enum import_column column, const char *why)
{
    return !why ? ERR_NONE : why[0] ? read_refuse(fault, names[column], why) : ERR_NOMEM;
}

static enum err read_consent(struct span cell, enum import_column column, struct target_change *t,
                             struct read_fault *fault)
{
    static const struct {
        const char *word;
        enum consent consent;
    } words[] = {{"true", CONSENT_GIVEN},  {"false", CONSENT_WITHDRAWN}, {"1", CONSENT_GIVEN},
                 {"0", CONSENT_WITHDRAWN}, {"yes", CONSENT_GIVEN},       {"no", CONSENT_WITHDRAWN}};
    if (!cell.len)
        return ERR_NONE;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (span_eq_nocase(cell, span_of(words[i].word))) {
            t->has_consent = true;
            t->consent = words[i].consent;
            return ERR_NONE;
        }
    return read_refuse(fault, names[column], "must be true or false");
}

static enum err read_target(const struct import_columns *c, const struct import_cells *row, int which,
                            bool allow_http, struct arena *arena, struct target_change *t,
                            struct read_fault *fault)
{
    enum import_column value = targets_of[which].value, subscribed = targets_of[which].subscribed;
    struct span cell = cell_of(c, row, value), consent = cell_of(c, row, subscribed);
    *t = (struct target_change){.medium = targets_of[which].medium};
    if (!cell.len)
        return consent.len ? read_refuse(fault, names[subscribed], "is said of no target") : ERR_NONE;
    enum err e = say(fault, value, target_read_value(arena, t->medium, cell, allow_http, &t->value));
    if (!e)
        e = read_consent(consent, subscribed, t, fault);
    if (e || t->medium != MEDIUM_BROWSER)
        return e;
    struct span p256dh = cell_of(c, row, COLUMN_P256DH), auth = cell_of(c, row, COLUMN_AUTH);
    e = say(fault, COLUMN_P256DH, target_read_p256dh(arena, p256dh.ptr ? p256dh : SPAN_LIT(""), &t->p256dh));
    return e ? e : say(fault, COLUMN_AUTH, target_read_auth(arena, auth.ptr ? auth : SPAN_LIT(""), &t->auth));
}

enum err import_columns_user(const struct import_columns *c, const struct import_cells *row, bool allow_http,
                             struct arena *arena, struct buf *json,
                             struct target_change targets[static MEDIUM_COUNT], struct user_change *ret,
                             struct read_fault *fault)
{
    struct span name = cell_of(c, row, COLUMN_USER_ID);
    const char *why = target_read_name(name.ptr ? name : SPAN_LIT(""));
    if (why)
        return read_refuse(fault, names[COLUMN_USER_ID], why);
    size_t n = 0;
    *ret = (struct user_change){.name = name, .targets = targets};
    enum err e = put_attributes(c, row, json, ret, fault);
    for (int i = 0; i < MEDIUM_COUNT && !e; i++) {
        e = read_target(c, row, i, allow_http, arena, &targets[n], fault);
        n += !e && targets[n].value.len > 0;
    }
    ret->target_count = n;
    return e;
}
