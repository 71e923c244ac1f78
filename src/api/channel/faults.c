/*
 * The catalogues, with their explanations for people. /api/v1/faults: reasons, details and causes of
 * webhooks; /api/v1/delivery-errors: errors of targeted deliveries.
 */
#include "api/call.h"
#include "fault/delivery_error.h"

/* Each catalogue in both languages is about 150 KiB. */
#define ANSWER_MAX (1u << 20)

static void write_text(struct json_write *w, const char *key, const char *text)
{
    json_write_key(w, key);
    json_write_str(w, text);
}

/* {"en": …, "ja": …}, or one of them. */
static void write_words(struct json_write *w, const char *key, const char *const words[2], unsigned langs)
{
    static const char *const names[] = {[LANG_EN] = "en", [LANG_JA] = "ja"};
    json_write_key(w, key);
    json_write_object(w);
    for (int i = 0; i < 2; i++)
        if (langs & 1u << i)
            write_text(w, names[i], words[i]);
    json_write_end(w);
}

static void write_verdict(struct json_write *w, const struct fault *f, enum processed processed,
                          enum blame blame)
{
    write_text(w, "reason", reason_text(f->reason));
    write_text(w, "detail", f->detail);
    write_text(w, "processed", processed_text(processed));
    write_text(w, "blame", blame_text(blame));
    json_write_key(w, "retried");
    json_write_bool(w, f->retry != RETRY_NEVER);
}

static void write_reasons(struct json_write *w, unsigned langs)
{
    json_write_key(w, "reasons");
    json_write_array(w);
    for (enum reason r = 0; r < REASON_COUNT; r++) {
        json_write_object(w);
        write_text(w, "reason", reason_text(r));
        write_words(w, "explanation", reason_of(r)->explanation, langs);
        json_write_end(w);
    }
    json_write_end(w);
}

static void write_details(struct json_write *w, unsigned langs)
{
    json_write_key(w, "details");
    json_write_array(w);
    for (enum fault_id i = 0; i < FAULT_COUNT; i++) {
        const struct fault *f = fault_of(i);
        json_write_object(w);
        write_verdict(w, f, fault_processed(i), f->blame);
        write_words(w, "explanation", f->text, langs);
        write_words(w, "advice", f->advice, langs);
        json_write_end(w);
    }
    json_write_end(w);
}

static void write_causes(struct json_write *w, unsigned langs)
{
    json_write_key(w, "faults");
    json_write_array(w);
    for (enum cause_id i = 0; i < CAUSE_COUNT; i++) {
        const struct cause *cause = cause_of(i);
        json_write_object(w);
        write_text(w, "cause", cause->id);
        write_verdict(w, fault_of(cause->fault), cause_processed(i), cause_of(i)->blame);
        write_words(w, "explanation", cause->text, langs);
        write_words(w, "advice", cause->advice, langs);
        write_text(w, "source", cause->source);
        json_write_end(w);
    }
    json_write_end(w);
}

static void write_tables(struct json_write *w, unsigned langs)
{
    json_write_key(w, "tables");
    json_write_array(w);
    for (enum delivery_scope s = 0; s < DELIVERY_SCOPE_COUNT; s++) {
        const struct delivery_scope_info *info = delivery_scope_of(s);
        json_write_object(w);
        write_text(w, "table", info->key);
        write_words(w, "title", info->title, langs);
        if (*info->remark[LANG_EN])
            write_words(w, "remark", info->remark, langs);
        json_write_end(w);
    }
    json_write_end(w);
}

static void write_delivery_errors(struct json_write *w, unsigned langs)
{
    json_write_key(w, "errors");
    json_write_array(w);
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++) {
        const struct delivery_error *e = delivery_error_of(i);
        json_write_object(w);
        write_text(w, "id", e->id);
        write_text(w, "table", delivery_scope_of(e->scope)->key);
        write_text(w, "entry", e->entry_id);
        write_text(w, "text", e->text);
        write_text(w, "kind", e->kind);
        write_text(w, "kindEn", e->kind_en);
        if (*e->legend[LANG_EN])
            write_words(w, "legend", e->legend, langs);
        write_words(w, "cause", e->cause, langs);
        write_words(w, "advice", e->advice, langs);
        write_text(w, "retry", receipt_retry_text(e->retry));
        write_text(w, "effect", receipt_effect_text(e->effect));
        write_text(w, "seedEffect", receipt_effect_text(e->seed_effect));
        write_text(w, "scope", receipt_whom_text(e->whom));
        json_write_end(w);
    }
    json_write_end(w);
}

/* A part of a catalogue: writes members, in a set of languages (bits by enum lang). */
typedef void part_fn(struct json_write *w, unsigned langs);

/* Answers with a catalogue, in the language that was asked for or in both. */
static void answer_catalogue(struct call *c, part_fn *const *parts, size_t count)
{
    static const char *const known[] = {"lang", NULL};
    if (!query_known(c, known))
        return;
    struct span lang = query_text(c, "lang");
    unsigned langs = !lang.ptr                       ? 1u << LANG_EN | 1u << LANG_JA
                     : span_eq(lang, SPAN_LIT("en")) ? 1u << LANG_EN
                     : span_eq(lang, SPAN_LIT("ja")) ? 1u << LANG_JA
                                                     : 0;
    if (!langs) {
        call_invalid(c, "lang", "must be en or ja");
        return;
    }
    struct buf out;
    struct json_write w;
    buf_init(&out, ANSWER_MAX);
    json_write_init(&w, &out);
    json_write_object(&w);
    for (size_t i = 0; i < count; i++)
        parts[i](&w, langs);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (e) {
        buf_deinit(&out);
        call_failed(c, e);
        return;
    }
    call_json(c, 200, &out);
}

void api_fault_list(struct call *c)
{
    static part_fn *const parts[] = {write_causes, write_details, write_reasons};
    answer_catalogue(c, parts, sizeof(parts) / sizeof(parts[0]));
}

void api_delivery_error_list(struct call *c)
{
    static part_fn *const parts[] = {write_delivery_errors, write_tables};
    answer_catalogue(c, parts, sizeof(parts) / sizeof(parts[0]));
}
