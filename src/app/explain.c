/*
 * todoke explain: what a reason, detail or cause means and how to mend it.
 *
 *   no text        every row, grouped, one line each
 *   one row found  all that is known of it
 *   several        one line each
 *   none           the nearest rows on standard error, exit 2
 *
 * --markdown prints the page docs/faults.md (or, with --lang ja, docs/faults.ja.md); tools/gen-faults keeps
 * them in step.
 */
#include "app/explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "base/buf.h"

enum form { FORM_PEOPLE, FORM_JSON, FORM_MARKDOWN };

struct request {
    struct buf text; /* the words, joined by spaces */
    enum lang lang;
    enum form form;
    bool help;
};

/* Far longer than any text of the catalogue; a pasted log does not become a search. */
enum { TEXT_MAX = 4096 };

static const char *const usage_text =
    "usage: todoke explain [TEXT|CAUSE] [--lang en|ja] [--json]\n\n"
    "Says what a reason, a detail or a cause means and how to mend it. TEXT may be any of them, an HTTP "
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

static enum err parse_lang(const char *value, enum lang *ret)
{
    if (value && strcmp(value, "en") == 0)
        *ret = LANG_EN;
    else if (value && strcmp(value, "ja") == 0)
        *ret = LANG_JA;
    else
        return ERR_INVALID;
    return ERR_NONE;
}

static enum err add_word(struct buf *text, const char *word)
{
    enum err e = buf_len(text) > 0 ? buf_add_str(text, " ") : ERR_NONE;
    return e ? e : buf_add_str(text, word);
}

/* On ERR_INVALID *ret_bad is the argument that was not understood. */
static enum err parse(int argc, char **argv, struct request *r, const char **ret_bad)
{
    bool options = true;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        enum err e = ERR_NONE;
        *ret_bad = a;
        if (!options || strncmp(a, "-", 1) != 0) {
            e = add_word(&r->text, a);
        } else if (strcmp(a, "--") == 0) {
            options = false;
        } else if (strcmp(a, "--json") == 0) {
            r->form = FORM_JSON;
        } else if (strcmp(a, "--markdown") == 0) {
            r->form = FORM_MARKDOWN;
        } else if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
            r->help = true;
        } else if (strncmp(a, "--lang=", 7) == 0) {
            e = parse_lang(a + 7, &r->lang);
        } else if (strcmp(a, "--lang") == 0) {
            e = parse_lang(i + 1 < argc ? argv[++i] : NULL, &r->lang);
        } else {
            e = ERR_INVALID;
        }
        if (e)
            return e;
    }
    return ERR_NONE;
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
    (void)fprintf(stderr,
                  lang == LANG_JA ? "todoke explain: 「%.*s」に一致する項目はありません。近い項目:\n"
                                  : "todoke explain: nothing is called \"%.*s\". The nearest:\n",
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
    buf_init(&r.text, TEXT_MAX);
    const char *bad = NULL;
    int status = 2;
    enum err e = parse(argc, argv, &r, &bad);
    if (e == ERR_NOMEM) {
        (void)fputs("todoke explain: out of memory\n", stderr);
        status = 1;
    } else if (e == ERR_LIMIT) {
        (void)fprintf(stderr, "todoke explain: the text is longer than %d bytes\n", (int)TEXT_MAX);
    } else if (e || (r.form == FORM_MARKDOWN && buf_len(&r.text) > 0)) {
        (void)fprintf(stderr, "todoke explain: \"%s\" is not understood here\n%s", bad, usage_text);
    } else if (r.help) {
        (void)fputs(usage_text, stdout);
        status = 0;
    } else {
        status = explain(&r);
    }
    buf_deinit(&r.text);
    return status;
}
