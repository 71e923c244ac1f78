#include "api/campaign/part.h"

#include <jansson.h>
#include <stdio.h>

#include "api/campaign/judged.h"
#include "base/log.h"
#include "base/mem.h"
#include "campaign/campaign.h"
#include "model/name.h"

#define STEP 500u

bool part_body(struct call *c, struct json_value *ret)
{
    json_t *object = call_object(c); /* says what is wrong, and where */
    if (!object)
        return false;
    json_decref(object);
    if (json_check(server_body(c->req), JSON_DEPTH, NULL)) {
        call_invalid(c, "", "nested too deeply");
        return false;
    }
    *ret = json_root(server_body(c->req));
    return true;
}

bool part_keep(struct call *c, struct span *s)
{
    const char *p = arena_dup(&c->arena, *s);
    if (p)
        *s = (struct span){p, s->len};
    return p;
}

bool part_text(struct call *c, const char *property, struct json_value value, struct span *ret)
{
    if (value.kind != JSON_KIND_STRING) {
        call_invalid(c, property, "must be a text");
        return false;
    }
    struct buf text;
    buf_init(&text, value.raw.len + 1);
    *ret = SPAN_LIT("");
    enum err e = json_string_decode(value, &text);
    if (!e) {
        *ret = buf_span(&text);
        e = part_keep(c, ret) ? ERR_NONE : ERR_NOMEM;
    }
    buf_deinit(&text);
    if (e)
        call_failed(c, e);
    return !e;
}

bool part_name(struct call *c, struct json_value value, struct span *ret)
{
    if (!part_text(c, "name", value, ret))
        return false;
    const char *refusal = name_refuse(*ret);
    if (refusal)
        call_invalid(c, "name", refusal);
    return !refusal;
}

bool part_bool(struct call *c, const char *property, struct json_value value, bool *ret)
{
    *ret = value.kind == JSON_KIND_TRUE;
    if (*ret || value.kind == JSON_KIND_FALSE)
        return true;
    call_invalid(c, property, "must be true or false");
    return false;
}

bool part_id(struct call *c, const char *property, struct json_value value, int64_t *ret)
{
    struct span text = value.kind == JSON_KIND_NUMBER ? value.raw : SPAN_LIT("");
    *ret = value.kind == JSON_KIND_NUMBER || json_string_plain(value, &text) ? call_channel_id(text) : 0;
    if (*ret <= 0)
        call_invalid(c, property, "must be an id");
    return *ret > 0;
}

void part_unknown(struct call *c, struct span key)
{
    char name[128];
    (void)snprintf(name, sizeof(name), "%.*s", (int)(key.len < 100 ? key.len : 100), key.ptr);
    call_invalid(c, name, "unknown member");
}

struct looking {
    struct call *c;
    struct part_jobs *jobs;
    int64_t sender_id, last;
    uint32_t count;
};

static enum err take_job(void *arg, const struct job *j)
{
    struct looking *l = arg;
    struct part_jobs *jobs = l->jobs;
    l->count++;
    l->last = j->id;
    if (j->sender_id != l->sender_id)
        return ERR_NONE;
    if (jobs->count == jobs->room) {
        const size_t room = jobs->room ? 2 * jobs->room : 64;
        int64_t *more = arena_alloc(&l->c->arena, room * sizeof(*more));
        if (!more)
            return ERR_NOMEM;
        if (jobs->count)
            memcpy(more, jobs->ids, jobs->count * sizeof(*more));
        jobs->ids = more;
        jobs->room = room;
    }
    jobs->ids[jobs->count++] = j->id;
    return ERR_NONE;
}

enum err part_jobs_of(struct call *c, struct backend *b, int64_t sender_id, struct part_jobs *ret)
{
    struct looking l = {.c = c, .jobs = ret, .sender_id = sender_id};
    enum err e = ERR_NONE;
    ret->count = 0;
    do {
        l.count = 0;
        e = b->ops->jobs->job_open_list(b, l.last, STEP, take_job, &l);
    } while (!e && l.count == STEP);
    return e;
}

void part_jobs_notify(struct call *c, int64_t sender_id, const struct part_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        struct campaigns_note *note = mem_zero(1, sizeof(*note));
        if (!note) {
            log_error("campaign", "out of memory; a job does not know of its sender's change before its next",
                      log_int("job", jobs->ids[i]));
            continue;
        }
        note->job_id = jobs->ids[i];
        campaigns_notify(campaigns_of(c->api->config.campaigns, sender_id), note);
    }
}

bool part_language(struct call *c, enum lang *ret)
{
    static const char *const known[] = {"lang", NULL};
    if (!query_known(c, known))
        return false;
    struct span lang = query_text(c, "lang");
    *ret = span_eq(lang, SPAN_LIT("ja")) ? LANG_JA : LANG_EN;
    if (!lang.ptr || *ret == LANG_JA || span_eq(lang, SPAN_LIT("en")))
        return true;
    call_invalid(c, "lang", "must be en or ja");
    return false;
}

void part_write_receipt(struct json_write *w, const struct receipt *r, enum lang lang)
{
    char judged[96];
    int n = snprintf(judged, sizeof(judged), "%s %s %s %s", receipt_class_text(r->class),
                     receipt_retry_text(r->retry), receipt_effect_text(RECEIPT_NO_EFFECT),
                     receipt_whom_text(r->scope));
    judged_write(w, r->error, (struct span){r->text, r->text_len},
                 (struct span){judged, n > 0 && (unsigned)n < sizeof(judged) ? (size_t)n : 0}, lang);
}

bool part_asks(struct call *c, enum service service)
{
    if (service == SERVICE_SMTP)
        call_refuse(c, 409,
                    "A sender of the kind smtp cannot be tried out here; start a job with yourself in it");
    return service != SERVICE_SMTP;
}
