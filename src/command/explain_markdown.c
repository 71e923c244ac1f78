#include "command/explain.h"

#include <string.h>

/* The fixed texts of the page, by language. */
struct page {
    const char *head;
    const char *table_head;
    const char *line_says;
    const char *older_says;
    const char *differs;
    const char *processed;
    const char *blame;
    const char *retry;
    const char *advice;
    const char *source;
    const char *colon;
};

static const struct page pages[2] = {
    [LANG_EN] =
        {
            .head = "# Why a webhook did not arrive\n\n"
                    "<!-- Made from src/fault/reason.def, fault.def and cause.def by tools/gen-faults: edit "
                    "those. -->\n\n"
                    "日本語: [faults.ja.md](faults.ja.md)\n\n"
                    "Every failed delivery has a **reason** and a **detail**, the strings of LINE's webhook "
                    "error\n"
                    "statistics, and a finer **cause** of todoke's own. `todoke explain TEXT` prints what "
                    "stands here\n"
                    "for any of them. \"No\" under *May have been processed* means that the bot server "
                    "provably never\n"
                    "handled the request; after a timeout or a malformed response the answer of one attempt "
                    "is that\n"
                    "of its status, where a final one had been read.\n",
            .table_head = "| Reason | Detail | May have been processed | Causes |\n|---|---|---|---|\n",
            .line_says = "LINE's wording",
            .older_says = "Its older wording",
            .differs = "How they differ",
            .processed = "May have been processed",
            .blame = "Whose side",
            .retry = "Delivered again",
            .advice = "What to do",
            .source = "Source",
            .colon = ": ",
        },
    [LANG_JA] =
        {
            .head = "# Webhookが届かなかった原因\n\n"
                    "<!-- "
                    "src/fault/のreason.def、fault.def、cause.defからtools/"
                    "gen-faultsで生成しています。編集はそちらで行ってください。 -->\n\n"
                    "English: [faults.md](faults.md)\n\n"
                    "送信に失敗したWebhookには、LINEのエラーの統計情報と同じ文字列の**原因**と**詳細**"
                    "、およびtodoke独自のより細かい**要因**が付きます。\n"
                    "`todoke explain "
                    "TEXT`で、このページの各項目を表示できます。*処理された可能性*"
                    "が「なし」の場合、ボットサーバーでリクエストが処理されていないことが確実です。\n"
                    "タイムアウトや不正なレスポンスの場合でも、ステータスコードを受信していれば、その送信につ"
                    "いてはステータスコードに応じた値になります。\n",
            .table_head = "| 原因 | 詳細 | 処理された可能性 | 要因 |\n|---|---|---|---|\n",
            .line_says = "LINEの説明",
            .older_says = "以前の説明",
            .differs = "説明の違い",
            .processed = "処理された可能性",
            .blame = "問題の所在",
            .retry = "再送",
            .advice = "対処方法",
            .source = "根拠",
            .colon = "：",
        },
};

/* A short text for a table cell: the words up to the first colon or bracket. */
static int short_len(const char *words)
{
    const char *stop = strstr(words, "（");
    if (!stop)
        stop = strchr(words, ':');
    return stop ? (int)(stop - words) : (int)strlen(words);
}

static void table(FILE *to, const struct page *page, enum lang lang)
{
    (void)fprintf(to, "\n%s", page->table_head);
    for (enum fault_id f = FAULT_ok + 1; f < FAULT_COUNT; f++) {
        const struct fault *fault = fault_of(f);
        struct search_hit hit = {.kind = SEARCH_DETAIL, .fault = f};
        char buf[8];
        const char *words = fault_processed_words(f, lang);
        (void)fprintf(to, "| `%s` | %s | %.*s | ", reason_text(fault->reason),
                      explain_detail(&hit, lang, buf), short_len(words), words);
        const char *comma = "";
        for (enum cause_id c = 0; c < CAUSE_COUNT; c++)
            if (cause_of(c)->fault == f) {
                (void)fprintf(to, "%s`%s`", comma, cause_of(c)->id);
                comma = lang == LANG_JA ? "、" : ", ";
            }
        (void)fputs(" |\n", to);
    }
}

static void bullet(FILE *to, const struct page *page, const char *label, const char *text)
{
    if (*text)
        (void)fprintf(to, "- **%s**%s%s\n", label, page->colon, text);
}

static void section_reason(FILE *to, const struct page *page, enum reason reason, enum lang lang)
{
    const struct reason_info *r = reason_of(reason);
    (void)fprintf(to, "\n## `%s`\n\n%s\n", r->text, r->explanation[lang]);
    if (!*r->seed_text[lang])
        return;
    (void)fputc('\n', to);
    bullet(to, page, page->line_says, r->seed_text[lang]);
    bullet(to, page, page->older_says, r->old_text[lang]);
    bullet(to, page, page->differs, r->differs[lang]);
}

static void section_detail(FILE *to, const struct page *page, const struct search_hit *hit, enum lang lang)
{
    const struct fault *f = fault_of(hit->fault);
    char buf[8];
    (void)fprintf(to, "\n### %s\n\n%s\n\n", explain_detail(hit, lang, buf), f->text[lang]);
    if (strcmp(f->text[lang], f->old_text[lang]) != 0)
        bullet(to, page, page->older_says, f->old_text[lang]);
    bullet(to, page, page->processed, fault_processed_words(hit->fault, lang));
    bullet(to, page, page->blame, blame_words(f->blame, lang));
    bullet(to, page, page->retry, retry_words(f->retry, lang));
    bullet(to, page, page->advice, f->advice[lang]);
}

/* Leaves out what a cause has in common with its detail. */
static void section_cause(FILE *to, const struct page *page, enum cause_id id, enum lang lang)
{
    const struct cause *c = cause_of(id);
    const struct fault *f = fault_of(c->fault);
    (void)fprintf(to, "\n#### `%s`\n\n%s\n\n", c->id, c->text[lang]);
    const char *words = cause_processed_words(id, lang);
    if (strcmp(words, fault_processed_words(c->fault, lang)) != 0)
        bullet(to, page, page->processed, words);
    if (cause_of(id)->blame != f->blame)
        bullet(to, page, page->blame, blame_words(cause_of(id)->blame, lang));
    bullet(to, page, page->advice, c->advice[lang]);
    bullet(to, page, page->source, c->source);
}

struct writer {
    FILE *to;
    enum lang lang;
};

static void section(void *arg, const struct search_hit *hit)
{
    const struct writer *w = arg;
    const struct page *page = &pages[w->lang];
    if (hit->kind == SEARCH_REASON)
        section_reason(w->to, page, hit->reason, w->lang);
    else if (hit->fault == FAULT_ok)
        return; /* already printed with the reason */
    else if (hit->kind == SEARCH_DETAIL)
        section_detail(w->to, page, hit, w->lang);
    else
        section_cause(w->to, page, hit->cause, w->lang);
}

void explain_markdown(FILE *to, enum lang lang)
{
    struct writer w = {to, lang};
    (void)fputs(pages[lang].head, to);
    table(to, &pages[lang], lang);
    search_all(section, &w);
}
