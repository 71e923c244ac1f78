#include "command/explain.h"

#include <string.h>

/* The left column of a row. */
enum label {
    LABEL_REASON,
    LABEL_DETAIL,
    LABEL_CAUSE,
    LABEL_PROCESSED,
    LABEL_BLAME,
    LABEL_RETRY,
    LABEL_TEXT,
    LABEL_ADVICE,
    LABEL_SEED_TEXT,
    LABEL_OLD_TEXT,
    LABEL_DIFFERS,
    LABEL_DETAILS,
    LABEL_CAUSES,
    LABEL_SOURCE,
};

static const char *const labels[][2] = {
    [LABEL_REASON] = {"Reason", "原因"},
    [LABEL_DETAIL] = {"Detail", "詳細"},
    [LABEL_CAUSE] = {"Cause", "要因"},
    [LABEL_PROCESSED] = {"May have been processed", "処理された可能性"},
    [LABEL_BLAME] = {"Whose side", "問題の所在"},
    [LABEL_RETRY] = {"Delivered again", "再送"},
    [LABEL_TEXT] = {"What it means", "説明"},
    [LABEL_ADVICE] = {"What to do", "対処方法"},
    [LABEL_SEED_TEXT] = {"LINE's wording", "LINEの説明"},
    [LABEL_OLD_TEXT] = {"Its older wording", "以前の説明"},
    [LABEL_DIFFERS] = {"How they differ", "説明の違い"},
    [LABEL_DETAILS] = {"Details", "詳細の一覧"},
    [LABEL_CAUSES] = {"Causes", "要因の一覧"},
    [LABEL_SOURCE] = {"Source", "根拠"},
};

enum {
    LABEL_WIDTH = EXPLAIN_LABEL_WIDTH,
    INDENT = EXPLAIN_INDENT,
    LIST_CAUSE_WIDTH = 36, /* the longest cause id and two spaces */
};

static void write_label(const struct paint *p, const char *label)
{
    (void)fprintf(p->to, "%*s", INDENT, "");
    paint_padded(p, PAINT_DIM, label, LABEL_WIDTH);
}

void explain_field(const struct paint *p, const char *label, enum paint_style style, const char *text)
{
    if (!*text)
        return;
    write_label(p, label);
    paint_wrapped(p, style, INDENT + LABEL_WIDTH, text);
}

static void field_label(const struct paint *p, enum label label, enum lang lang)
{
    write_label(p, labels[label][lang]);
}

static void field(const struct paint *p, enum label label, enum lang lang, enum paint_style style,
                  const char *text)
{
    explain_field(p, labels[label][lang], style, text);
}

static enum paint_style processed_style(enum processed processed)
{
    return processed == PROCESSED_NO ? PAINT_GOOD : processed == PROCESSED_UNKNOWN ? PAINT_WARN : PAINT_PLAIN;
}

const char *explain_detail(const struct search_hit *hit, enum lang lang, char buf[8])
{
    if (hit->status) {
        (void)snprintf(buf, 8, "%d", hit->status);
        return buf;
    }
    if (hit->fault == FAULT_status)
        return lang == LANG_JA ? "（HTTPステータスコード）" : "(the HTTP status code)";
    return fault_of(hit->fault)->detail;
}

static void full_reason(const struct paint *p, enum reason reason, enum lang lang)
{
    const struct reason_info *r = reason_of(reason);
    field(p, LABEL_REASON, lang, PAINT_BOLD, r->text);
    field(p, LABEL_TEXT, lang, PAINT_PLAIN, r->explanation[lang]);
    field(p, LABEL_SEED_TEXT, lang, PAINT_PLAIN, r->seed_text[lang]);
    field(p, LABEL_OLD_TEXT, lang, PAINT_PLAIN, r->old_text[lang]);
    field(p, LABEL_DIFFERS, lang, PAINT_PLAIN, r->differs[lang]);
    enum label label = LABEL_DETAILS;
    for (enum fault_id f = 0; f < FAULT_COUNT; f++) {
        if (fault_of(f)->reason != reason || f == FAULT_ok)
            continue;
        struct search_hit hit = {.kind = SEARCH_DETAIL, .reason = reason, .fault = f};
        char buf[8];
        if (label == LABEL_DETAILS)
            field_label(p, label, lang);
        else
            (void)fprintf(p->to, "%*s", INDENT + LABEL_WIDTH, "");
        paint_wrapped(p, PAINT_PLAIN, INDENT + LABEL_WIDTH, explain_detail(&hit, lang, buf));
        label = LABEL_SOURCE;
    }
}

/* The source of a row in LINE's wording: LINE's documentation page. */
static const char *line_source(enum fault_id fault, enum lang lang)
{
    if (fault == FAULT_ok)
        return "RFC 9110 15.3";
    return lang == LANG_JA ? "LINE「Webhookのエラーの原因と統計情報を確認する」"
                           : "LINE: Check webhook error causes and statistics";
}

static void full_detail(const struct paint *p, const struct search_hit *hit, enum lang lang)
{
    const struct fault *f = fault_of(hit->fault);
    char buf[8];
    field(p, LABEL_REASON, lang, PAINT_PLAIN, reason_text(f->reason));
    field(p, LABEL_DETAIL, lang, PAINT_BOLD, explain_detail(hit, lang, buf));
    bool first = true;
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++) {
        if (cause_of(c)->fault != hit->fault)
            continue;
        if (first)
            field_label(p, LABEL_CAUSES, lang);
        else
            (void)fprintf(p->to, "%*s", INDENT + LABEL_WIDTH, "");
        (void)fprintf(p->to, "%s\n", cause_of(c)->id);
        first = false;
    }
    field(p, LABEL_PROCESSED, lang, processed_style(fault_processed(hit->fault)),
          fault_processed_words(hit->fault, lang));
    field(p, LABEL_BLAME, lang, PAINT_PLAIN, blame_words(f->blame, lang));
    field(p, LABEL_RETRY, lang, PAINT_PLAIN, retry_words(f->retry, lang));
    field(p, LABEL_TEXT, lang, PAINT_PLAIN, f->text[lang]);
    if (strcmp(f->text[lang], f->old_text[lang]) != 0)
        field(p, LABEL_OLD_TEXT, lang, PAINT_PLAIN, f->old_text[lang]);
    field(p, LABEL_ADVICE, lang, PAINT_PLAIN, f->advice[lang]);
    field(p, LABEL_SOURCE, lang, PAINT_DIM, line_source(hit->fault, lang));
}

static void full_cause(const struct paint *p, const struct search_hit *hit, enum processed processed,
                       const char *words, enum lang lang)
{
    const struct cause *c = cause_of(hit->cause);
    const struct fault *f = fault_of(c->fault);
    char buf[8];
    field(p, LABEL_REASON, lang, PAINT_PLAIN, reason_text(f->reason));
    field(p, LABEL_DETAIL, lang, PAINT_PLAIN, explain_detail(hit, lang, buf));
    field(p, LABEL_CAUSE, lang, PAINT_BOLD, c->id);
    field(p, LABEL_PROCESSED, lang, processed_style(processed), words);
    field(p, LABEL_BLAME, lang, PAINT_PLAIN, blame_words(cause_of(hit->cause)->blame, lang));
    field(p, LABEL_RETRY, lang, PAINT_PLAIN, retry_words(f->retry, lang));
    field(p, LABEL_TEXT, lang, PAINT_PLAIN, c->text[lang]);
    field(p, LABEL_ADVICE, lang, PAINT_PLAIN, c->advice[lang]);
    field(p, LABEL_SOURCE, lang, PAINT_DIM, c->source);
}

enum processed explain_processed(const struct search_hit *hit)
{
    return hit->status ? processed_by_status(hit->status) : cause_processed(hit->cause);
}

void explain_full(const struct paint *p, const struct search_hit *hit, enum lang lang)
{
    switch (hit->kind) {
    case SEARCH_REASON:
        full_reason(p, hit->reason, lang);
        break;
    case SEARCH_DETAIL:
        full_detail(p, hit, lang);
        break;
    case SEARCH_CAUSE:
        full_cause(p, hit, explain_processed(hit),
                   hit->status ? processed_words(explain_processed(hit), lang)
                               : cause_processed_words(hit->cause, lang),
                   lang);
        break;
    }
}

void explain_outcome(const struct paint *p, const struct outcome *o, enum lang lang)
{
    /* Under another reason the status is not the detail: a 500 whose body breaks off is "Session closed
     * unexpectedly". */
    bool status = o->fault == FAULT_status || o->fault == FAULT_ok;
    struct search_hit hit = {.kind = SEARCH_CAUSE,
                             .reason = o->reason,
                             .fault = o->fault,
                             .cause = o->cause,
                             .status = status ? o->status : 0};
    full_cause(p, &hit, o->processed, processed_words(o->processed, lang), lang);
}

/* A row that was found is printed with its explanation; a mere heading without. */
void explain_head(const struct paint *p, const char *name, unsigned indent, const char *explanation)
{
    (void)fprintf(p->to, "%*s", (int)indent, "");
    paint_text(p, PAINT_BOLD, name);
    if (*explanation) {
        (void)fputs("  ", p->to);
        paint_wrapped(p, PAINT_DIM, indent + paint_width(name) + 2, explanation);
    } else {
        (void)fputc('\n', p->to);
    }
}

void explain_list(const struct paint *p, const struct explain_rows *rows, enum lang lang)
{
    enum reason reason = REASON_COUNT;
    enum fault_id fault = FAULT_COUNT;
    for (size_t i = 0; i < rows->count; i++) {
        const struct search_hit *hit = &rows->hits[i];
        if (hit->kind != SEARCH_REASON && hit->fault == FAULT_ok)
            continue; /* under the reason "ok" there is nothing to tell apart */
        if (hit->reason != reason) {
            if (i > 0)
                (void)fputc('\n', p->to);
            const char *text = hit->kind == SEARCH_REASON ? reason_of(hit->reason)->explanation[lang] : "";
            explain_head(p, reason_text(hit->reason), 0, text);
            reason = hit->reason;
            fault = FAULT_COUNT;
        }
        if (hit->kind == SEARCH_REASON)
            continue;
        if (hit->fault != fault) {
            char buf[8];
            const char *text = hit->kind == SEARCH_DETAIL ? fault_of(hit->fault)->text[lang] : "";
            explain_head(p, explain_detail(hit, lang, buf), INDENT, text);
            fault = hit->fault;
        }
        if (hit->kind == SEARCH_CAUSE) {
            (void)fprintf(p->to, "%*s", 2 * INDENT, "");
            paint_padded(p, PAINT_PLAIN, cause_of(hit->cause)->id, LIST_CAUSE_WIDTH);
            paint_wrapped(p, PAINT_DIM, 2 * INDENT + LIST_CAUSE_WIDTH, cause_of(hit->cause)->text[lang]);
        }
    }
}

void explain_path(const struct paint *p, const struct search_hit *hit, enum lang lang)
{
    char buf[8];
    paint_text(p, hit->kind == SEARCH_REASON ? PAINT_BOLD : PAINT_PLAIN, reason_text(hit->reason));
    if (hit->kind != SEARCH_REASON) {
        (void)fputs(" ▸ ", p->to);
        paint_text(p, hit->kind == SEARCH_DETAIL ? PAINT_BOLD : PAINT_PLAIN, explain_detail(hit, lang, buf));
    }
    if (hit->kind == SEARCH_CAUSE) {
        (void)fputs(" ▸ ", p->to);
        paint_text(p, PAINT_BOLD, cause_of(hit->cause)->id);
    }
    (void)fputc('\n', p->to);
}
