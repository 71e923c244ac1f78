/* /api/v1/faults: the catalogue of reasons, details and causes, with their explanations for people. */
#include "api/call.h"

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

void api_fault_list(struct call *c)
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
    write_causes(&w, langs);
    write_details(&w, langs);
    write_reasons(&w, langs);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (e) {
        buf_deinit(&out);
        call_failed(c, e);
        return;
    }
    call_json(c, 200, &out);
}
