#include "command/explain.h"

#include <jansson.h>

/* json_object_set_new() takes ownership even when it fails, so one check at the end is enough. */
static int set_string(json_t *o, const char *name, const char *value)
{
    return json_object_set_new(o, name, json_string(value));
}

static int set_common(json_t *o, const struct search_hit *hit, enum processed processed, enum blame blame)
{
    const struct fault *f = fault_of(hit->fault);
    char buf[8];
    int bad = 0;
    bad |= set_string(o, "reason", reason_text(f->reason));
    /* Without a status number, the detail of error_status_code is the key "status" for programs. */
    bad |= set_string(o, "detail", hit->status ? explain_detail(hit, LANG_EN, buf) : f->detail);
    if (hit->kind == SEARCH_CAUSE)
        bad |= set_string(o, "cause", cause_of(hit->cause)->id);
    bad |= set_string(o, "processed", processed_text(processed));
    bad |= set_string(o, "blame", blame_text(blame));
    bad |= json_object_set_new(o, "retried", json_boolean(f->retry != RETRY_NEVER));
    return bad;
}

static int set_reason(json_t *o, enum reason reason, enum lang lang)
{
    const struct reason_info *r = reason_of(reason);
    int bad = 0;
    bad |= set_string(o, "reason", r->text);
    bad |= set_string(o, "explanation", r->explanation[lang]);
    bad |= set_string(o, "lineText", r->seed_text[lang]);
    bad |= set_string(o, "olderText", r->old_text[lang]);
    bad |= set_string(o, "editions", r->differs[lang]);
    json_t *details = json_array();
    for (enum fault_id f = 0; f < FAULT_COUNT; f++)
        if (fault_of(f)->reason == reason)
            bad |= json_array_append_new(details, json_string(fault_of(f)->detail));
    return bad | json_object_set_new(o, "details", details);
}

static int set_detail(json_t *o, const struct search_hit *hit, enum lang lang)
{
    const struct fault *f = fault_of(hit->fault);
    int bad = set_common(o, hit, fault_processed(hit->fault), f->blame);
    bad |= set_string(o, "explanation", f->text[lang]);
    bad |= set_string(o, "olderText", f->old_text[lang]);
    bad |= set_string(o, "advice", f->advice[lang]);
    json_t *ids = json_array();
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++)
        if (cause_of(c)->fault == hit->fault)
            bad |= json_array_append_new(ids, json_string(cause_of(c)->id));
    return bad | json_object_set_new(o, "causes", ids);
}

static int set_cause(json_t *o, const struct search_hit *hit, enum lang lang)
{
    const struct cause *c = cause_of(hit->cause);
    int bad = set_common(o, hit, explain_processed(hit), cause_of(hit->cause)->blame);
    bad |= set_string(o, "explanation", c->text[lang]);
    bad |= set_string(o, "advice", c->advice[lang]);
    return bad | set_string(o, "source", c->source);
}

/* As GET /api/v1/delivery-errors has it, texts in one language. */
static int set_delivery(json_t *o, enum delivery_error_id id, enum lang lang)
{
    const struct delivery_error *e = delivery_error_of(id);
    int bad = set_string(o, "catalogue", "delivery");
    bad |= set_string(o, "id", e->id);
    bad |= set_string(o, "table", delivery_scope_of(e->scope)->key);
    bad |= set_string(o, "entry", e->entry_id);
    bad |= set_string(o, "text", e->text);
    bad |= set_string(o, "kind", e->kind);
    bad |= set_string(o, "kindEn", e->kind_en);
    bad |= set_string(o, "legend", e->legend[lang]);
    bad |= set_string(o, "cause", e->cause[lang]);
    bad |= set_string(o, "advice", e->advice[lang]);
    bad |= set_string(o, "retry", receipt_retry_text(e->retry));
    bad |= set_string(o, "effect", receipt_effect_text(e->effect));
    bad |= set_string(o, "seedEffect", receipt_effect_text(e->seed_effect));
    return bad | set_string(o, "scope", receipt_whom_text(e->whom));
}

enum err explain_json(FILE *to, const struct explain_rows *rows, enum lang lang)
{
    static const char *const kinds[] = {
        [SEARCH_REASON] = "reason", [SEARCH_DETAIL] = "detail", [SEARCH_CAUSE] = "cause"};
    json_t *array = json_array();
    int bad = !array;
    for (size_t i = 0; i < rows->count && !bad; i++) {
        const struct search_hit *hit = &rows->hits[i];
        json_t *o = json_object();
        bad |= set_string(o, "catalogue", "webhook");
        bad |= set_string(o, "kind", kinds[hit->kind]);
        if (hit->kind == SEARCH_REASON)
            bad |= set_reason(o, hit->reason, lang);
        else
            bad |= hit->kind == SEARCH_DETAIL ? set_detail(o, hit, lang) : set_cause(o, hit, lang);
        bad |= json_array_append_new(array, o);
    }
    for (size_t i = 0; i < rows->delivery_count && !bad; i++) {
        json_t *o = json_object();
        bad |= set_delivery(o, rows->deliveries[i].id, lang);
        bad |= json_array_append_new(array, o);
    }
    enum err e = bad ? ERR_NOMEM : ERR_NONE;
    if (!e && (json_dumpf(array, to, JSON_INDENT(2)) || fputc('\n', to) == EOF))
        e = ERR_IO;
    json_decref(array);
    return e;
}
