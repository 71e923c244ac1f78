/*
 * todoke explain: what a reason, detail or cause of a webhook means, or an error of a targeted delivery, and
 * how to fix it.
 *
 *   no text        every row of both catalogues, grouped, one line each
 *   one row found  everything that the catalogue has
 *   several        one line each
 *   none           the nearest rows on standard error, exit 2
 *
 * Both catalogues are asked, and the one that finds the text by the surer way answers; both, if equally sure.
 *
 * --markdown prints the page docs/faults.md, --markdown delivery-errors docs/delivery-errors.md, with --lang
 * ja the Japanese ones; tools/gen-faults keeps them in step.
 */
#include "command/explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/visible.h"
#include "command/commands.h"
#include "node/arguments.h"

enum form { FORM_PEOPLE, FORM_JSON, FORM_MARKDOWN };

/* A whole catalogue as a page, by the name that is given behind --markdown; the first without one. */
static const struct {
    const char *name;
    void (*write)(FILE *to, enum lang lang);
} pages[] = {{"faults", explain_markdown}, {"delivery-errors", explain_delivery_markdown}};
enum { PAGE_COUNT = sizeof(pages) / sizeof(pages[0]) };

struct request {
    struct buf text; /* the words, joined by spaces */
    size_t page;     /* with FORM_MARKDOWN, of pages */
    enum lang lang;
    enum form form;
};

/* Far longer than any catalogue text; rejects a whole log pasted by mistake. */
enum { TEXT_MAX = 4096 };

static const char *const usage_text =
    "usage: todoke explain [TEXT|CAUSE|ID] [--lang en|ja] [--json]\n\n"
    "Says what a reason, a detail or a cause of a webhook means, or an error of a targeted delivery, and how "
    "to fix it.\n"
    "TEXT may be any of them, a kind of error, an HTTP status such as 503, a line of the error statistics or "
    "of a job's\n"
    "results, or a part of any explanation. Without TEXT: all of them. A text that begins with hyphens "
    "stands behind --.\n\n"
    "  --lang en|ja  the language; by default that of LC_ALL, LC_MESSAGES or LANG\n"
    "  --json        a JSON array, one object a row\n\n"
    "Exit: 0 found, 2 unknown text (the nearest rows are on standard error) or wrong usage.\n";

enum lang explain_lang_default(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strncmp(value, "ja", 2) == 0 ? LANG_JA : LANG_EN;
    }
    return LANG_EN;
}

static enum err add_word(struct buf *text, const char *word)
{
    enum err e = buf_len(text) > 0 ? buf_add_str(text, " ") : ERR_NONE;
    return e ? e : buf_add_str(text, word);
}

/* Returns 0, or the exit status after an error message. */
static int parse(int argc, char **argv, struct request *r)
{
    bool json = false, markdown = false;
    const struct argument options[] = {
        ARGUMENT_OF_LANG(&r->lang, "the language; by default that of LC_ALL, LC_MESSAGES or LANG"),
        ARGUMENT_OF_FLAG("--json", &json, "a JSON array, one object a row"),
        ARGUMENT_OF_FLAG("--markdown", &markdown, NULL), ARGUMENT_END};
    struct arguments in = {.command = "explain", .options = {options}, .words_max = (size_t)argc};
    int status = arguments_read(&in, argc, argv, 1);
    enum err e = ERR_NONE;
    for (size_t i = 0; !status && !e && i < in.word_count; i++)
        e = add_word(&r->text, in.words[i]);
    r->form = markdown ? FORM_MARKDOWN : json ? FORM_JSON : FORM_PEOPLE;
    if (e == ERR_LIMIT)
        return visible_complain("explain", "the text is longer than %d bytes", (int)TEXT_MAX);
    if (e) {
        (void)visible_complain("explain", "out of memory");
        return 1;
    }
    if (!status && markdown && in.word_count) {
        while (r->page < PAGE_COUNT && !span_eq(buf_span(&r->text), span_of(pages[r->page].name)))
            r->page++;
        if (r->page == PAGE_COUNT)
            return visible_complain("explain",
                                    "--markdown is of the whole page faults or delivery-errors, not \"%s\"",
                                    in.words[0]);
    }
    return status;
}

static void collect(void *arg, const struct search_hit *hit)
{
    struct explain_rows *rows = arg;
    rows->hits[rows->count++] = *hit;
}

static void collect_delivery(void *arg, const struct delivery_hit *hit)
{
    struct explain_rows *rows = arg;
    rows->deliveries[rows->delivery_count++] = *hit;
}

/* Asks both catalogues and keeps what was found by the surer way. */
static enum search_match find(struct span text, struct explain_rows *rows)
{
    enum search_match webhook = search_catalogue(text, collect, rows);
    enum search_match delivery = delivery_search(text, collect_delivery, rows);
    if (webhook == SEARCH_NONE) {
        search_all(collect, rows);
        delivery_search_all(collect_delivery, rows);
        return SEARCH_NONE;
    }
    if (webhook < delivery)
        rows->delivery_count = 0;
    if (delivery < webhook)
        rows->count = 0;
    return delivery < webhook ? delivery : webhook;
}

/* The closest of both catalogues, closest first. */
static void say_nearest(const struct explain_rows *rows, struct span text, enum lang lang)
{
    struct paint p;
    paint_init(&p, stderr);
    (void)visible_complain("explain",
                           lang == LANG_JA ? "「%.*s」に一致する項目はありません。近い項目:"
                                           : "nothing is called \"%.*s\". The nearest:",
                           (int)text.len, text.ptr);
    for (size_t i = 0, w = 0; i < SEARCH_NEAREST_MAX; i++) {
        size_t d = i - w;
        bool webhook = d == rows->delivery_count ||
                       (w < rows->count && rows->hits[w].distance <= rows->deliveries[d].distance);
        (void)fputs("  ", stderr);
        if (webhook)
            explain_path(&p, &rows->hits[w++], lang);
        else
            explain_delivery_path(&p, rows->deliveries[d].id, lang);
    }
}

static int print(const struct request *r, const struct explain_rows *rows)
{
    if (r->form == FORM_JSON)
        return explain_json(stdout, rows, r->lang) ? 1 : 0;
    struct paint p;
    paint_init(&p, stdout);
    if (rows->count == 1)
        explain_full(&p, &rows->hits[0], r->lang);
    else
        explain_list(&p, rows, r->lang);
    if (rows->count && rows->delivery_count)
        (void)fputc('\n', stdout);
    if (rows->delivery_count == 1)
        explain_delivery_full(&p, rows->deliveries[0].id, r->lang);
    else
        explain_delivery_list(&p, rows, r->lang);
    return 0;
}

/*
 * The one place where a text ends that no row of either catalogue matches, such as a service's raw answer.
 * Who knows more of such a text (receipt_of()) is to be asked here, before the nearest rows are named.
 */
static int explain_unmatched(const struct request *r, const struct explain_rows *nearest)
{
    static const struct explain_rows none;
    int status = r->form == FORM_JSON ? print(r, &none) : 0;
    say_nearest(nearest, buf_span(&r->text), r->lang);
    return status ? status : 2;
}

static int explain(const struct request *r)
{
    if (r->form == FORM_MARKDOWN) {
        pages[r->page].write(stdout, r->lang);
        return 0;
    }
    struct explain_rows rows = {.count = 0};
    if (find(buf_span(&r->text), &rows) == SEARCH_NEAREST)
        return explain_unmatched(r, &rows);
    return print(r, &rows);
}

int cmd_explain(int argc, char **argv)
{
    struct request r = {.lang = explain_lang_default()};
    if (arguments_ask_help(argc, argv)) {
        (void)fputs(usage_text, stdout);
        return 0;
    }
    buf_init(&r.text, TEXT_MAX);
    int status = parse(argc, argv, &r);
    if (!status)
        status = explain(&r);
    buf_deinit(&r.text);
    return status;
}
