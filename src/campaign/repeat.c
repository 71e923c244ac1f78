#include "campaign/repeat.h"

#include <glib.h>
#include <stdio.h>

#include "base/json_scan.h"

#define DAY_S INT64_C(86400)
#define DAYS_MAX 64 /* of the calendar that are looked at: the next day of a month is at most 31 + 30 away */

static enum err refuse(struct carrier_fault *why, const char *property, const char *message)
{
    (void)snprintf(why->property, sizeof(why->property), "%s", property);
    (void)snprintf(why->message, sizeof(why->message), "%s", message);
    return ERR_INVALID;
}

static bool read_days(struct json_value v, unsigned *ret)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    struct json_iter it = json_elements(v);
    struct json_value one;
    *ret = 0;
    while (v.kind == JSON_KIND_ARRAY && json_next_element(&it, &one)) {
        unsigned i = 0;
        while (i < 7 && !json_string_is(one, names[i]))
            i++;
        if (i == 7)
            return false;
        *ret |= 1u << i;
    }
    return *ret != 0;
}

static bool digits(const char *p, unsigned max, unsigned *ret)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return false;
    *ret = (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
    return *ret <= max;
}

/* Of the time zone database: letters, or an area and a place. Rules such as JST-9 and paths are no names. */
static bool is_name(struct span s)
{
    bool slash = false, only_letters = true;
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.ptr[i];
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && c != '/' && c != '_' && c != '-' && c != '+' && !(c >= '0' && c <= '9'))
            return false;
        slash |= c == '/' && i > 0 && i + 1 < s.len;
        only_letters &= letter;
    }
    return s.len > 1 && s.ptr[0] >= 'A' && s.ptr[0] <= 'Z' && (slash || only_letters);
}

static bool read_zone(struct json_value v, struct repeat *r)
{
    struct span text;
    if (!json_string_plain(v, &text) || text.len >= sizeof(r->zone) || !is_name(text))
        return false;
    memcpy(r->zone, text.ptr, text.len);
    r->zone[text.len] = '\0';
    GTimeZone *zone = g_time_zone_new_identifier(r->zone);
    if (zone)
        g_time_zone_unref(zone);
    return zone;
}

static enum err read_rule(struct repeat *r, struct json_value every, struct json_value days,
                          struct json_value day, struct carrier_fault *why)
{
    int64_t n = 0;
    if (json_string_is(every, "day"))
        r->every = REPEAT_DAY;
    else if (json_string_is(every, "week"))
        r->every = REPEAT_WEEK;
    else if (json_string_is(every, "month"))
        r->every = REPEAT_MONTH;
    else
        return refuse(why, "repeat.every", "must be day, week or month");
    if ((r->every == REPEAT_WEEK) != (days.kind != JSON_KIND_NONE))
        return refuse(why, "repeat.days", "goes with every week, and only with it");
    if ((r->every == REPEAT_MONTH) != (day.kind != JSON_KIND_NONE))
        return refuse(why, "repeat.day", "goes with every month, and only with it");
    if (r->every == REPEAT_WEEK && !read_days(days, &r->days))
        return refuse(why, "repeat.days", "must be a list of mon, tue, wed, thu, fri, sat and sun");
    if (r->every == REPEAT_MONTH && (json_int64(day, &n) || n < 1 || n > 31))
        return refuse(why, "repeat.day", "must be a whole number from 1 to 31");
    r->day = (unsigned)n;
    return ERR_NONE;
}

enum err repeat_read(struct repeat *ret, struct span json, struct carrier_fault *why)
{
    enum { EVERY, DAYS, DAY, TIME, ZONE, COUNT };
    static const char *const names[COUNT] = {"every", "days", "day", "time", "zone"};
    struct json_field f[COUNT];
    struct json_value root = json_root(json), value;
    struct json_iter it = json_members(root);
    struct span key, time;
    *ret = (struct repeat){.every = REPEAT_DAY};
    for (size_t i = 0; i < COUNT; i++)
        f[i] = (struct json_field){.key = names[i]};
    if (root.kind != JSON_KIND_OBJECT || json_pick(root, f, COUNT))
        return refuse(why, "repeat", "must be an object that has no member twice");
    while (json_next_member(&it, &key, &value)) {
        size_t i = 0;
        while (i < COUNT && !json_key_is(key, names[i]))
            i++;
        if (i == COUNT)
            return refuse(why, "repeat", "has every, days, day, time and zone, and no other member");
    }
    enum err e = read_rule(ret, f[EVERY].value, f[DAYS].value, f[DAY].value, why);
    if (e)
        return e;
    if (!json_string_plain(f[TIME].value, &time) || time.len != 5 || time.ptr[2] != ':' ||
        !digits(time.ptr, 23, &ret->hour) || !digits(time.ptr + 3, 59, &ret->minute))
        return refuse(why, "repeat.time", "must be a time of the day such as 09:00");
    if (!read_zone(f[ZONE].value, ret))
        return refuse(why, "repeat.zone", "must be a time zone such as Asia/Tokyo");
    return ERR_NONE;
}

/* ---- the next time ---- */

static bool is_day(const struct repeat *r, const GDate *d)
{
    if (r->every == REPEAT_WEEK)
        return r->days >> ((unsigned)g_date_get_weekday(d) - 1) & 1;
    if (r->every == REPEAT_DAY)
        return true;
    const unsigned last = g_date_get_days_in_month(g_date_get_month(d), g_date_get_year(d));
    return g_date_get_day(d) == (r->day < last ? r->day : last);
}

/* The moment of the time of that day, in milliseconds since 1970. */
static int64_t moment(const struct repeat *r, GTimeZone *zone, const GDate *d)
{
    const int64_t days = (int64_t)g_date_get_julian(d) - 719163; /* GLib's number of 1970-01-01 */
    gint64 local = days * DAY_S + (int64_t)r->hour * 3600 + (int64_t)r->minute * 60;
    /*
     * Daylight saving comes first of a time that a day has twice; one that it has not is moved to where
     * clocks go on.
     */
    const gint interval = g_time_zone_adjust_time(zone, G_TIME_TYPE_DAYLIGHT, &local);
    return (local - g_time_zone_get_offset(zone, interval)) * 1000;
}

enum err repeat_next(const struct repeat *r, int64_t after_ms, int64_t *ret_ms)
{
    GTimeZone *zone = g_time_zone_new_identifier(r->zone);
    if (!zone)
        return ERR_INVALID;
    enum err e = ERR_INVALID;
    GDate d;
    /* From two days before: no zone is that far from UTC. */
    const int64_t day = after_ms / 1000 / DAY_S - 2;
    g_date_clear(&d, 1);
    g_date_set_julian(&d, (guint32)(day + 719163));
    for (int i = 0; e && i < DAYS_MAX + 4; i++, g_date_add_days(&d, 1)) {
        if (!is_day(r, &d))
            continue;
        const int64_t at = moment(r, zone, &d);
        if (at > after_ms) {
            *ret_ms = at;
            e = ERR_NONE;
        }
    }
    g_time_zone_unref(zone);
    return e;
}
