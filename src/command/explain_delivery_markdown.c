#include "command/explain.h"

#include <string.h>

/* The fixed texts of the page, by language. */
struct page {
    const char *head;
    const char *table_head;
    const char *cause;
    const char *legend;
    const char *retry;
    const char *effect;
    const char *seed_effect;
    const char *whom;
    const char *advice;
    const char *colon;
};

/* clang-format off */
static const struct page pages[2] = {
    [LANG_EN] = {
        .head =
            "# Why a message of a targeted delivery did not arrive\n\n"
            "<!-- Made from src/fault/delivery_error.def by tools/gen-faults: edit that. -->\n\n"
            "日本語: [delivery-errors.ja.md](delivery-errors.ja.md)\n\n"
            "Every message that failed has an **error message** and a **kind** (エラーの種類): the customer's list of\n"
            "errors of a targeted delivery, byte for byte. Three capital letters stand for what varies, ` ...` and\n"
            "` ~` for what is left out. `todoke explain TEXT` prints what stands here for an error message, a kind or\n"
            "an id; `GET /api/v1/delivery-errors` has all of it.\n\n"
            "What is said here holds of an error in general. For one message the answer of the service decides, so\n"
            "that the same kind may be sent again in one case and not in another. *What it changes* is the careful\n"
            "reading, which a sender with `unsubscribeOn` set to `permanent` follows; *as the list has it* is\n"
            "what the list says, which it follows by default (`bounce`), where the two differ.\n",
        .table_head = "| Error message | Kind | May be sent again | Id |\n|---|---|---|---|\n",
        .cause = "Frequent cause",
        .legend = "Where it says",
        .retry = "May be sent again",
        .effect = "What it changes",
        .seed_effect = "As the list has it",
        .whom = "Whose side",
        .advice = "What to do",
        .colon = ": ",
    },
    [LANG_JA] = {
        .head =
            "# ターゲット配信のメッセージが届かなかった原因\n\n"
            "<!-- src/fault/delivery_error.defからtools/gen-faultsで生成しています。編集はそちらで行ってください。 -->\n\n"
            "English: [delivery-errors.md](delivery-errors.md)\n\n"
            "送信に失敗したメッセージには、ターゲット配信で発生するエラーの一覧と同じ文字列の**エラーメッセージ**と**エラーの種類**が付きます。\n"
            "大文字3文字は値が入る箇所、` ...`と` ~`は省略された箇所です。`todoke explain TEXT`で、エラーメッセージ、種類、IDからこのページの各項目を\n"
            "表示できます。すべての項目は`GET /api/v1/delivery-errors`で取得できます。\n\n"
            "このページの内容は、各エラーに一般に当てはまるものです。個々のメッセージでは送信サービスの応答から判断するため、同じ種類でも再送の可否などが\n"
            "異なる場合があります。*変更されるもの*は慎重に判断した場合（認証設定の`unsubscribeOn`が`permanent`）、*一覧の記載どおりの場合*は\n"
            "既定（`bounce`）の動作で、両者が異なるときだけ記載しています。\n",
        .table_head = "| エラーメッセージ例 | エラーの種類 | 再送の可否 | ID |\n|---|---|---|---|\n",
        .cause = "よくある原因・備考",
        .legend = "伏せ字の内容",
        .retry = "再送の可否",
        .effect = "変更されるもの",
        .seed_effect = "一覧の記載どおりの場合",
        .whom = "問題の所在",
        .advice = "対処方法",
        .colon = "：",
    },
};
/* clang-format on */

/* A short text for a table cell: the words up to the first colon or bracket. */
static int short_len(const char *words)
{
    const char *stop = strstr(words, "（");
    if (!stop)
        stop = strchr(words, ':');
    return stop ? (int)(stop - words) : (int)strlen(words);
}

static void write_kind(FILE *to, const struct delivery_error *e, enum lang lang)
{
    (void)fputs(e->kind, to);
    if (lang == LANG_EN)
        (void)fprintf(to, " (%s)", e->kind_en);
}

static void table(FILE *to, enum delivery_scope scope, enum lang lang)
{
    (void)fprintf(to, "\n%s", pages[lang].table_head);
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++) {
        const struct delivery_error *e = delivery_error_of(i);
        if (e->scope != scope)
            continue;
        const char *words = receipt_retry_words(e->retry, lang);
        (void)fprintf(to, "| `%s` | ", e->text);
        write_kind(to, e, lang);
        (void)fprintf(to, " | %.*s | [`%s`](#%s) |\n", short_len(words), words, e->id, e->id);
    }
}

static void bullet(FILE *to, const struct page *page, const char *label, const char *text)
{
    if (*text)
        (void)fprintf(to, "- **%s**%s%s\n", label, page->colon, text);
}

/* The line breaks of the list's causes are kept. */
static void bullet_cause(FILE *to, const struct page *page, const char *cause)
{
    (void)fprintf(to, "- **%s**%s", page->cause, page->colon);
    for (; *cause; cause++)
        if (*cause == '\n')
            (void)fputs("<br>", to);
        else
            (void)fputc(*cause, to);
    (void)fputc('\n', to);
}

static void section_entry(FILE *to, const struct page *page, const struct delivery_error *e, enum lang lang)
{
    (void)fputs("\n### ", to);
    write_kind(to, e, lang);
    (void)fputs("\n\n", to);
    bullet_cause(to, page, e->cause[lang]);
    bullet(to, page, page->legend, e->legend[lang]);
}

static void section_error(FILE *to, const struct page *page, const struct delivery_error *e, enum lang lang)
{
    (void)fprintf(to, "\n#### `%s`\n\n`%s`\n\n", e->id, e->text);
    bullet(to, page, page->retry, receipt_retry_words(e->retry, lang));
    bullet(to, page, page->effect, receipt_effect_words(e->effect, lang));
    if (e->seed_effect != e->effect)
        bullet(to, page, page->seed_effect, receipt_effect_words(e->seed_effect, lang));
    bullet(to, page, page->whom, receipt_whom_words(e->whom, lang));
    bullet(to, page, page->advice, e->advice[lang]);
}

static void section_scope(FILE *to, enum delivery_scope scope, enum lang lang)
{
    const struct page *page = &pages[lang];
    const struct delivery_scope_info *info = delivery_scope_of(scope);
    (void)fprintf(to, "\n## %s\n", info->title[lang]);
    table(to, scope, lang);
    if (*info->remark[lang])
        (void)fprintf(to, "\n%s\n", info->remark[lang]);
    enum delivery_entry_id entry = DELIVERY_ENTRY_COUNT;
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++) {
        const struct delivery_error *e = delivery_error_of(i);
        if (e->scope != scope)
            continue;
        if (e->entry != entry)
            section_entry(to, page, e, lang);
        section_error(to, page, e, lang);
        entry = e->entry;
    }
}

void explain_delivery_markdown(FILE *to, enum lang lang)
{
    (void)fputs(pages[lang].head, to);
    for (enum delivery_scope s = 0; s < DELIVERY_SCOPE_COUNT; s++)
        section_scope(to, s, lang);
}
