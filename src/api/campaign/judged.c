#include "api/campaign/judged.h"

const char *judged_words(enum judged word, struct span text, enum lang lang)
{
    for (int i = 0; i < 4; i++) { /* each of the three has four */
        if (word == JUDGED_RETRY && span_eq(text, span_of(receipt_retry_text((enum receipt_retry)i))))
            return receipt_retry_words((enum receipt_retry)i, lang);
        if (word == JUDGED_EFFECT && span_eq(text, span_of(receipt_effect_text((enum receipt_effect)i))))
            return receipt_effect_words((enum receipt_effect)i, lang);
        if (word == JUDGED_WHOM && span_eq(text, span_of(receipt_whom_text((enum receipt_whom)i))))
            return receipt_whom_words((enum receipt_whom)i, lang);
    }
    return "";
}

static void write_text_or_null(struct json_write *w, const char *key, struct span text)
{
    json_write_key(w, key);
    if (text.len)
        json_write_span(w, text);
    else
        json_write_null(w);
}

struct span judged_part(struct span judged, enum judged word)
{
    for (int i = 0; i < (int)word; i++) {
        const char *blank = judged.len ? memchr(judged.ptr, ' ', judged.len) : NULL;
        if (!blank)
            return SPAN_LIT("");
        judged = (struct span){blank + 1, judged.len - (size_t)(blank + 1 - judged.ptr)};
    }
    const char *end = judged.len ? memchr(judged.ptr, ' ', judged.len) : NULL;
    return end ? (struct span){judged.ptr, (size_t)(end - judged.ptr)} : judged;
}

void judged_write(struct json_write *w, enum delivery_error_id id, struct span text, struct span judged,
                  enum lang lang)
{
    const struct delivery_error *e = delivery_error_of(id);
    const struct span class = judged_part(judged, JUDGED_CLASS);
    json_write_object(w);
    json_write_key(w, "id");
    json_write_str(w, e->id);
    json_write_key(w, "text");
    json_write_span(w, text);
    json_write_key(w, "kind");
    json_write_str(w, e->kind);
    json_write_key(w, "kindEn");
    json_write_str(w, e->kind_en);
    write_text_or_null(w, "class", span_eq(class, SPAN_LIT("-")) ? SPAN_LIT("") : class);
    json_write_key(w, "cause");
    json_write_str(w, e->cause[lang]);
    json_write_key(w, "advice");
    json_write_str(w, e->advice[lang]);
    json_write_key(w, "retry");
    json_write_span(w,
                    judged.len ? judged_part(judged, JUDGED_RETRY) : span_of(receipt_retry_text(e->retry)));
    json_write_key(w, "effect");
    json_write_span(w, judged.len ? judged_part(judged, JUDGED_EFFECT) : SPAN_LIT("none"));
    json_write_key(w, "concerns");
    json_write_span(w, judged.len ? judged_part(judged, JUDGED_WHOM) : span_of(receipt_whom_text(e->whom)));
    json_write_end(w);
}
