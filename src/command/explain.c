/*
 * todoke explain: what a reason, detail or cause means and how to fix it.
 *
 *   no text        every row, grouped, one line each
 *   one row found  everything that the catalogue has
 *   several        one line each
 *   none           the nearest rows on standard error, exit 2
 *
 * --markdown prints the page docs/faults.md (or, with --lang ja, docs/faults.ja.md); tools/gen-faults keeps
 * them in step.
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

struct request {
    struct buf text; /* the words, joined by spaces */
    enum lang lang;
    enum form form;
};

/* Far longer than any catalogue text; rejects a whole log pasted by mistake. */
enum { TEXT_MAX = 4096 };

static const char *const usage_text =
    "usage: todoke explain [TEXT|CAUSE] [--lang en|ja] [--json]\n\n"
    "Says what a reason, a detail or a cause means and how to fix it. TEXT may be any of them, an HTTP "
    "status such as\n"
    "503, a line of the error statistics, or a part of any explanation. Without TEXT: all of them.\n\n"
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
    if (!status && markdown && in.word_count)
        return visible_complain("explain", "--markdown is of the whole catalogue: \"%s\" is too much",
                                in.words[0]);
    return status;
}

static void collect(void *arg, const struct search_hit *hit)
{
    struct explain_rows *rows = arg;
    rows->hits[rows->count++] = *hit;
}

static void say_nearest(const struct explain_rows *rows, struct span text, enum lang lang)
{
    struct paint p;
    paint_init(&p, stderr);
    (void)visible_complain("explain",
                           lang == LANG_JA ? "「%.*s」に一致する項目はありません。近い項目:"
                                           : "nothing is called \"%.*s\". The nearest:",
                           (int)text.len, text.ptr);
    for (size_t i = 0; i < rows->count; i++) {
        (void)fputs("  ", stderr);
        explain_path(&p, &rows->hits[i], lang);
    }
}

static int print(const struct request *r, const struct explain_rows *rows, enum search_match match)
{
    if (r->form == FORM_JSON) {
        static const struct explain_rows none;
        return explain_json(stdout, match == SEARCH_NEAREST ? &none : rows, r->lang) ? 1 : 0;
    }
    if (match == SEARCH_NEAREST)
        return 0;
    struct paint p;
    paint_init(&p, stdout);
    if (rows->count == 1)
        explain_full(&p, &rows->hits[0], r->lang);
    else
        explain_list(&p, rows, r->lang);
    return 0;
}

static int explain(const struct request *r)
{
    struct span text = buf_span(&r->text);
    if (r->form == FORM_MARKDOWN) {
        explain_markdown(stdout, r->lang);
        return 0;
    }
    struct explain_rows rows = {.count = 0};
    enum search_match match = search_catalogue(text, collect, &rows);
    if (match == SEARCH_NONE)
        search_all(collect, &rows);
    int status = print(r, &rows, match);
    if (match == SEARCH_NEAREST) {
        say_nearest(&rows, text, r->lang);
        status = status ? status : 2;
    }
    return status;
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
