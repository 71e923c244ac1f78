#include "campaign/campaign_job.h"

#include <stdio.h>

#include "base/mem.h"

static enum err refuse(struct carrier_fault *why, const char *property, const char *message)
{
    (void)snprintf(why->property, sizeof(why->property), "%s", property);
    (void)snprintf(why->message, sizeof(why->message), "%s", message);
    return ERR_INVALID;
}

static bool read_id(struct json_value v, int64_t *ret)
{
    struct span text;
    char digits[24];
    if (v.kind == JSON_KIND_NUMBER)
        text = v.raw;
    else if (!json_string_plain(v, &text))
        return false;
    if (text.len == 0 || text.len >= sizeof(digits))
        return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    char *end;
    *ret = strtoll(digits, &end, 10);
    return *end == '\0' && *ret > 0;
}

static enum err read_by(struct json_value v, struct job_audience *a, struct carrier_fault *why)
{
    struct span text;
    a->by_row = true;
    if (!json_string_plain(v, &text) || by_find(text, &a->by))
        return refuse(why, "audience.by", "must be user_id, email, line_user_id, fcm_token or endpoint");
    return ERR_NONE;
}

static enum err read_segment(struct job_audience *a, struct json_value condition, struct carrier_fault *why)
{
    a->kind = AUDIENCE_SEGMENT;
    if (condition.kind == JSON_KIND_NONE || condition.kind == JSON_KIND_NULL)
        return ERR_NONE;
    struct condition_fault fault = {0};
    enum err e = condition_parse(condition.raw, &a->condition, &fault);
    if (e == ERR_INVALID) {
        (void)snprintf(why->property, sizeof(why->property), "condition.%.50s", fault.path);
        (void)snprintf(why->message, sizeof(why->message), "%s", fault.message);
    }
    return e;
}

static enum err read_query(struct job_audience *a, struct json_value sql, struct json_value by,
                           struct carrier_fault *why)
{
    a->kind = AUDIENCE_QUERY;
    struct buf text;
    buf_init(&text, 1u << 20);
    enum err e = sql.kind == JSON_KIND_STRING ? json_string_decode(sql, &text)
                                              : refuse(why, "audience.sql", "must be a text");
    if (!e)
        e = read_by(by, a, why);
    if (!e) {
        a->sql = buf_steal(&text);
        e = a->sql ? ERR_NONE : ERR_NOMEM;
    }
    buf_deinit(&text);
    return e;
}

/*
 * {"kind":"segment","condition":{…}} · {"kind":"list","listId":7,"by":"email"} · {"kind":"query","sql":"…",
 * "by":"user_id"} · {"kind":"again","jobId":12,"unknown":false,"by":"email"}, by only where the first job's
 * audience has it
 */
enum err job_audience_read(struct job_audience *ret, struct span json, struct carrier_fault *why)
{
    *ret = (struct job_audience){0};
    if (json_check(json, JSON_DEPTH, NULL))
        return refuse(why, "audience", "must be an object");
    enum { KIND, CONDITION, LIST, BY, SQL, JOB, UNKNOWN };
    struct json_field f[] = {{.key = "kind"}, {.key = "condition"}, {.key = "listId"}, {.key = "by"},
                             {.key = "sql"},  {.key = "jobId"},     {.key = "unknown"}};
    if (json_pick(json_root(json), f, sizeof(f) / sizeof(f[0])))
        return refuse(why, "audience", "must be an object");
    if (json_string_is(f[KIND].value, "segment"))
        return read_segment(ret, f[CONDITION].value, why);
    if (json_string_is(f[KIND].value, "query"))
        return read_query(ret, f[SQL].value, f[BY].value, why);
    if (json_string_is(f[KIND].value, "list")) {
        ret->kind = AUDIENCE_LIST;
        if (!read_id(f[LIST].value, &ret->list_id))
            return refuse(why, "audience.listId", "must be the id of a list");
        return read_by(f[BY].value, ret, why);
    }
    if (!json_string_is(f[KIND].value, "again"))
        return refuse(why, "audience.kind", "must be segment, list, query or again");
    ret->kind = AUDIENCE_AGAIN;
    ret->unknown = f[UNKNOWN].value.kind == JSON_KIND_TRUE;
    if (!read_id(f[JOB].value, &ret->job_id))
        return refuse(why, "audience.jobId", "must be the id of a job");
    return f[BY].value.kind == JSON_KIND_NONE ? ERR_NONE : read_by(f[BY].value, ret, why);
}

void job_audience_drop(struct job_audience *a)
{
    condition_free(a->condition);
    mem_free(a->sql);
    *a = (struct job_audience){0};
}
