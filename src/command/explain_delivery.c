#include "command/explain.h"

#include <string.h>

/* The left column of a row. */
enum label {
    LABEL_TEXT,
    LABEL_ID,
    LABEL_TABLE,
    LABEL_KIND,
    LABEL_LEGEND,
    LABEL_RETRY,
    LABEL_EFFECT,
    LABEL_SEED_EFFECT,
    LABEL_WHOM,
    LABEL_CAUSE,
    LABEL_ADVICE,
};

static const char *const labels[][2] = {
    [LABEL_TEXT] = {"Error message", "エラーメッセージ"},
    [LABEL_ID] = {"Id", "ID"},
    [LABEL_TABLE] = {"Targeted delivery", "ターゲット配信"},
    [LABEL_KIND] = {"Kind", "エラーの種類"},
    [LABEL_LEGEND] = {"Where it says", "伏せ字の内容"},
    [LABEL_RETRY] = {"May be sent again", "再送の可否"},
    [LABEL_EFFECT] = {"What it changes", "変更されるもの"},
    [LABEL_SEED_EFFECT] = {"As the list has it", "一覧の記載どおりの場合"},
    [LABEL_WHOM] = {"Whose side", "問題の所在"},
    [LABEL_CAUSE] = {"Frequent cause", "よくある原因・備考"},
    [LABEL_ADVICE] = {"What to do", "対処方法"},
};

enum {
    LIST_ID_WIDTH = 26,    /* the longest id and two spaces */
    CAUSE_LINE_MAX = 1024, /* the longest line of a cause has 300 bytes */
};

static void field(const struct paint *p, enum label label, enum lang lang, enum paint_style style,
                  const char *text)
{
    explain_field(p, labels[label][lang], style, text);
}

/* A cause of the list may have several lines. */
static void field_cause(const struct paint *p, const char *cause, enum lang lang)
{
    const char *label = labels[LABEL_CAUSE][lang];
    for (size_t len; *cause; cause += len + (cause[len] == '\n')) {
        char line[CAUSE_LINE_MAX];
        len = strcspn(cause, "\n");
        (void)snprintf(line, sizeof(line), "%.*s", (int)len, cause);
        explain_field(p, label, PAINT_PLAIN, line);
        label = "";
    }
}

/* The list's own name of the kind, for English readers with ours. Returns buf. */
static const char *kind_words(const struct delivery_error *e, enum lang lang, char buf[128])
{
    (void)snprintf(buf, 128, lang == LANG_JA ? "%s" : "%s (%s)", e->kind, e->kind_en);
    return buf;
}

static enum paint_style retry_style(enum receipt_retry r)
{
    return r == RECEIPT_RETRY_YES || r == RECEIPT_RETRY_LATER ? PAINT_GOOD
           : r == RECEIPT_RETRY_SENT_UNKNOWN                  ? PAINT_WARN
                                                              : PAINT_PLAIN;
}

void explain_delivery_full(const struct paint *p, enum delivery_error_id id, enum lang lang)
{
    const struct delivery_error *e = delivery_error_of(id);
    char kind[128];
    field(p, LABEL_TABLE, lang, PAINT_PLAIN, delivery_scope_of(e->scope)->title[lang]);
    field(p, LABEL_KIND, lang, PAINT_PLAIN, kind_words(e, lang, kind));
    field(p, LABEL_TEXT, lang, PAINT_BOLD, e->text);
    field(p, LABEL_LEGEND, lang, PAINT_PLAIN, e->legend[lang]);
    field(p, LABEL_ID, lang, PAINT_PLAIN, e->id);
    field(p, LABEL_RETRY, lang, retry_style(e->retry), receipt_retry_words(e->retry, lang));
    field(p, LABEL_EFFECT, lang, PAINT_PLAIN, receipt_effect_words(e->effect, lang));
    if (e->seed_effect != e->effect)
        field(p, LABEL_SEED_EFFECT, lang, PAINT_PLAIN, receipt_effect_words(e->seed_effect, lang));
    field(p, LABEL_WHOM, lang, PAINT_PLAIN, receipt_whom_words(e->whom, lang));
    field_cause(p, e->cause[lang], lang);
    field(p, LABEL_ADVICE, lang, PAINT_PLAIN, e->advice[lang]);
}

void explain_delivery_list(const struct paint *p, const struct explain_rows *rows, enum lang lang)
{
    enum delivery_scope scope = DELIVERY_SCOPE_COUNT;
    enum delivery_entry_id entry = DELIVERY_ENTRY_COUNT;
    for (size_t i = 0; i < rows->delivery_count; i++) {
        const struct delivery_error *e = delivery_error_of(rows->deliveries[i].id);
        char kind[128];
        if (e->scope != scope) {
            (void)fprintf(p->to, "%s%s ▸ ", i > 0 ? "\n" : "", labels[LABEL_TABLE][lang]);
            explain_head(p, delivery_scope_of(e->scope)->title[lang], 0, "");
        }
        if (e->entry != entry)
            explain_head(p, kind_words(e, lang, kind), EXPLAIN_INDENT, "");
        (void)fprintf(p->to, "%*s", 2 * EXPLAIN_INDENT, "");
        paint_padded(p, PAINT_PLAIN, e->id, LIST_ID_WIDTH);
        paint_wrapped(p, PAINT_DIM, 2 * EXPLAIN_INDENT + LIST_ID_WIDTH, e->text);
        scope = e->scope;
        entry = e->entry;
    }
}

void explain_delivery_path(const struct paint *p, enum delivery_error_id id, enum lang lang)
{
    const struct delivery_error *e = delivery_error_of(id);
    char kind[128];
    (void)fprintf(p->to, "%s ▸ %s ▸ ", delivery_scope_of(e->scope)->title[lang], kind_words(e, lang, kind));
    paint_text(p, PAINT_BOLD, e->text);
    (void)fprintf(p->to, "  %s\n", e->id);
}
