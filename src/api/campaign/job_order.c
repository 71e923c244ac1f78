#include "api/campaign/job_order.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/call.h"
#include "base/time.h"
#include "campaign/repeat.h"

#define RATE_MAX 100000.0

static bool read_id(struct call *c, const char *property, const json_t *v, int64_t *ret)
{
    const char *text = json_string_value(v);
    *ret = text                 ? call_channel_id((struct span){text, json_string_length(v)})
           : json_is_integer(v) ? (int64_t)json_integer_value(v)
                                : 0;
    if (*ret <= 0)
        call_invalid(c, property, "must be an id");
    return *ret > 0;
}

static const char *keep(struct call *c, const json_t *v)
{
    return arena_dup(&c->arena, (struct span){json_string_value(v), json_string_length(v)});
}

static bool read_condition(struct call *c, struct job_order *s, const json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    s->condition = text ? arena_dup(&c->arena, span_of(text)) : NULL;
    free(text); /* libc: jansson's */
    if (!s->condition)
        call_failed(c, ERR_NOMEM);
    return s->condition;
}

static bool read_audience(struct call *c, struct job_order *s, const json_t *audience)
{
    const char *key;
    json_t *v;
    int given = 0;
    if (!json_is_object(audience)) {
        call_invalid(c, "audience", "must be an object");
        return false;
    }
    json_object_foreach((json_t *)audience, key, v)
    {
        if (strcmp(key, "segmentId") == 0) {
            given++;
            if (!read_id(c, "audience.segmentId", v, &s->segment_id))
                return false;
        } else if (strcmp(key, "listId") == 0) {
            given++;
            if (!read_id(c, "audience.listId", v, &s->list_id))
                return false;
        } else if (strcmp(key, "queryId") == 0) {
            given++;
            if (!read_id(c, "audience.queryId", v, &s->query_id))
                return false;
        } else if (strcmp(key, "condition") == 0) {
            given++;
            if (!read_condition(c, s, v))
                return false;
        } else if (strcmp(key, "sql") == 0 && json_is_string(v)) {
            given++;
            s->sql = keep(c, v);
        } else if (strcmp(key, "by") == 0 && json_is_string(v)) {
            s->by = keep(c, v);
        } else {
            char name[128];
            (void)snprintf(name, sizeof(name), "audience.%.100s", key);
            call_invalid(c, name, "unknown member, or not of the type it must have");
            return false;
        }
    }
    if (given != 1) {
        call_invalid(c, "audience", "must have one of segmentId, listId, queryId, condition and sql");
        return false;
    }
    if (s->sql && !s->by) {
        call_invalid(c, "audience.by", "is required with sql");
        return false;
    }
    return true;
}

static bool read_repeat(struct call *c, struct job_order *s, const json_t *v)
{
    struct carrier_fault why;
    struct repeat r;
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    s->repeat = text ? arena_dup(&c->arena, span_of(text)) : NULL;
    free(text); /* libc: jansson's */
    if (!s->repeat) {
        call_failed(c, ERR_NOMEM);
        return false;
    }
    if (repeat_read(&r, span_of(s->repeat), &why)) {
        call_invalid(c, why.property, why.message);
        return false;
    }
    return true;
}

static bool read_member(struct call *c, struct job_order *s, const char *key, const json_t *v)
{
    if (strcmp(key, "campaignId") == 0) {
        const char *text = json_string_value(v);
        s->campaign_id = text ? call_channel_id((struct span){text, json_string_length(v)}) : 0;
        s->short_id = text ? keep(c, v) : NULL;
        if (!s->campaign_id && !s->short_id)
            call_invalid(c, "campaignId", "must be the id of a campaign, or its short id");
        return s->campaign_id || s->short_id;
    }
    if (strcmp(key, "audience") == 0)
        return read_audience(c, s, v);
    if (strcmp(key, "at") == 0) {
        const char *text = json_string_value(v);
        if (text && !time_parse((struct span){text, json_string_length(v)}, &s->at_ms))
            return true;
        call_invalid(c, "at", "must be a date-time of RFC 3339");
        return false;
    }
    if (strcmp(key, "repeat") == 0)
        return read_repeat(c, s, v);
    if (strcmp(key, "ratePerSecond") == 0) {
        s->per_second = json_number_value(v);
        if (json_is_number(v) && s->per_second >= 0 && s->per_second <= RATE_MAX)
            return true;
        call_invalid(c, "ratePerSecond", "must be a number from 0 (no limit) to 100000");
        return false;
    }
    if (strcmp(key, "dedupe") == 0 && json_is_boolean(v)) {
        s->dedupe = json_is_true(v);
        return true;
    }
    char name[120];
    (void)snprintf(name, sizeof(name), "%.100s", key);
    call_invalid(c, name, "unknown member, or not of the type it must have");
    return false;
}

bool job_order_read(struct call *c, struct job_order *s)
{
    json_t *object = call_object(c), *v;
    if (!object)
        return false;
    const char *key;
    bool ok = true, audience = false, campaign = false;
    s->dedupe = true;
    json_object_foreach(object, key, v)
    {
        audience |= strcmp(key, "audience") == 0;
        campaign |= strcmp(key, "campaignId") == 0;
        if (!(ok = read_member(c, s, key, v)))
            break;
    }
    json_decref(object);
    if (ok && (!audience || !campaign)) {
        call_invalid(c, campaign ? "audience" : "campaignId", "is required");
        return false;
    }
    return ok;
}
