/* `todoke errors`: a channel's error statistics over the API, as a table for people, TSV or JSON. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "app/client.h"
#include "app/commands.h"
#include "app/paint.h"
#include "base/mem.h"
#include "report/tsv.h"

#define ANSWER_MAX (8u << 20)
#define PATH_MAX_LEN 2000u
#define PAGE "500"

/* Options that go to the node as they are: what does not fit, it refuses by name. */
static const struct option {
    const char *flag, *name, *argument, *help;
} options[] = {
    {"--from", "from", "TIME", "from then on, such as 2026-11-22T00:00:00+09:00 [all that is kept]"},
    {"--to", "to", "TIME", "before then [now]"},
    {"--reason", "reason", "REASON", "could_not_connect, request_timeout, error_status_code, unclassified"},
    {"--detail", "detail", "DETAIL", "such as \"Unknown host\", or a status such as 503"},
    {"--zone", "zone", "+HH:MM", "whose clock is shown [+09:00]"},
    {"--by", "by", "minute|hour|day", "sums by this instead of rows"},
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))
#define BY (OPTIONS - 1)

enum form { FORM_TABLE, FORM_TSV, FORM_JSON };

struct errors_args {
    struct client client;
    const char *channel;
    const char *values[OPTIONS];
    enum form form;
    enum lang lang;
};

static int usage(FILE *to, int status)
{
    (void)fputs(
        "usage: todoke errors CHANNEL [options]\n\n"
        "Failed deliveries of a channel by minute, reason and detail, newest first; or their sums.\n\n",
        to);
    for (size_t i = 0; i < OPTIONS; i++)
        (void)fprintf(to, "  %-9s %-16s %s\n", options[i].flag, options[i].argument, options[i].help);
    (void)fprintf(to, "  %-9s %-16s %s\n", "--tsv", "", "tab-separated values, for spreadsheets");
    (void)fprintf(to, "  %-9s %-16s %s\n", "--json", "", "one row a line; with --by one object");
    (void)fprintf(to, "  %-9s %-16s %s\n", "--lang", "en|ja", "of the header line [en]");
    (void)fputs(CLIENT_HELP, to);
    return status;
}

static bool take_option(struct errors_args *a, const char *flag, const char *value)
{
    for (size_t i = 0; value && i < OPTIONS; i++) {
        if (strcmp(flag, options[i].flag) == 0) {
            a->values[i] = value;
            return true;
        }
    }
    if (!value || strcmp(flag, "--lang") != 0 || (strcmp(value, "en") != 0 && strcmp(value, "ja") != 0))
        return false;
    a->lang = strcmp(value, "ja") == 0 ? LANG_JA : LANG_EN;
    return true;
}

static int parse(int argc, char **argv, struct errors_args *a)
{
    for (int i = 1; i < argc; i++) {
        int status = 0;
        if (client_option(&a->client, argc, argv, &i, &status)) {
            if (status)
                return status;
        } else if (strcmp(argv[i], "--tsv") == 0) {
            a->form = FORM_TSV;
        } else if (strcmp(argv[i], "--json") == 0) {
            a->form = FORM_JSON;
        } else if (take_option(a, argv[i], i + 1 < argc ? argv[i + 1] : NULL)) {
            i++;
        } else if (argv[i][0] != '-' && !a->channel) {
            a->channel = argv[i];
        } else {
            (void)fprintf(stderr, "todoke errors: cannot understand %s\n", argv[i]);
            return usage(stderr, 2);
        }
    }
    if (!a->channel)
        return usage(stderr, 2);
    if (a->channel[strspn(a->channel, "0123456789")] || !a->channel[0] || strlen(a->channel) > 18) {
        (void)fprintf(stderr, "todoke errors: %s is no channel ID\n", a->channel);
        return 2;
    }
    if (a->values[BY] && a->form == FORM_TSV) {
        (void)fputs("todoke errors: --by gives sums, --tsv rows: one of them\n", stderr);
        return 2;
    }
    return client_ready(&a->client) ? 0 : 2;
}

/* RFC 3986 2.1 */
static enum err add_encoded(struct buf *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    enum err e = ERR_NONE;
    for (; !e && *text; text++)
        e = strchr(plain, *text) ? buf_add(out, text, 1) : buf_printf(out, "%%%02X", (unsigned char)*text);
    return e;
}

/* cursor: of the page, or "". NULL: it is too long. */
static char *path_of(const struct errors_args *a, const char *cursor)
{
    struct buf out;
    buf_init(&out, PATH_MAX_LEN);
    enum err e = buf_printf(&out, "/api/v1/channels/%s/errors%s", a->channel,
                            a->values[BY] ? "/summary?" : "?limit=" PAGE);
    for (size_t i = 0; !e && i < OPTIONS; i++) {
        if (!a->values[i])
            continue;
        e = buf_printf(&out, "&%s=", options[i].name);
        if (!e)
            e = add_encoded(&out, a->values[i]);
    }
    if (!e && cursor[0])
        e = buf_add_str(&out, "&cursor=");
    if (!e && cursor[0])
        e = add_encoded(&out, cursor);
    char *path = e ? NULL : buf_steal(&out);
    buf_deinit(&out);
    if (!path)
        (void)fputs("todoke errors: the options are too long\n", stderr);
    return path;
}

static const char *const columns[2][6] = {
    [LANG_EN] = {"Date", "Start", "End", "Errors", "Reason", "Detail"},
    [LANG_JA] = {"日付", "開始", "終了", "エラー", "原因", "詳細"},
};
static const unsigned widths[] = {10, 8, 8, 8, 17, 0};

static void print_header(const struct errors_args *a)
{
    struct paint p;
    paint_init(&p, stdout);
    for (int i = 0; i < 6; i++) {
        if (i)
            (void)fputs("  ", stdout);
        paint_padded(&p, PAINT_BOLD, columns[a->lang][i], widths[i]);
    }
    (void)putchar('\n');
}

struct row {
    const char *texts[5]; /* date, start, end, reason, detail */
    json_int_t errors;
};

static bool read_row(const json_t *v, struct row *ret)
{
    static const char *const names[] = {"date", "start", "end", "reason", "detail"};
    for (size_t i = 0; i < 5; i++) {
        ret->texts[i] = json_string_value(json_object_get(v, names[i]));
        if (!ret->texts[i])
            return false;
    }
    const json_t *errors = json_object_get(v, "errors");
    ret->errors = json_integer_value(errors);
    return json_is_integer(errors);
}

static bool print_tsv(const struct row *r)
{
    struct statistics_cells cells;
    (void)snprintf(cells.date, sizeof(cells.date), "%s", r->texts[0]);
    (void)snprintf(cells.start, sizeof(cells.start), "%s", r->texts[1]);
    (void)snprintf(cells.end, sizeof(cells.end), "%s", r->texts[2]);
    struct buf line;
    buf_init(&line, 65536);
    enum err e = tsv_row(&line, &cells, span_of(r->texts[3]), span_of(r->texts[4]), r->errors);
    if (!e)
        (void)fwrite(buf_span(&line).ptr, 1, buf_len(&line), stdout);
    buf_deinit(&line);
    return !e;
}

static bool print_row(const struct errors_args *a, const json_t *v)
{
    struct row r;
    if (!read_row(v, &r))
        return false;
    if (a->form == FORM_TSV)
        return print_tsv(&r);
    if (a->form == FORM_JSON) {
        (void)json_dumpf(v, stdout, JSON_COMPACT);
        (void)putchar('\n');
        return true;
    }
    for (int i = 0; i < 3; i++) {
        client_text(stdout, span_of(r.texts[i]), false);
        (void)fputs("  ", stdout);
    }
    (void)printf("%8lld  ", (long long)r.errors);
    client_text(stdout, span_of(r.texts[3]), false);
    (void)printf("%*s", (int)(strlen(r.texts[3]) < 17 ? 19 - strlen(r.texts[3]) : 2), "");
    client_text(stdout, span_of(r.texts[4]), false);
    (void)putchar('\n');
    return true;
}

/* Rows that are missing must not be taken for errors that did not happen. Standard error, for the rows may go into a file. */
static void say_unless_counting(const struct errors_args *a, const json_t *root)
{
    if (json_is_false(json_object_get(root, "counting")))
        (void)fprintf(stderr,
                      "todoke: errors of channel %s are not counted now: that takes both switches, "
                      "todoke channel set %s --error-statistics on --use-webhook on\n",
                      a->channel, a->channel);
}

/* cursor: of the next page, "" after the last one. */
static int print_page(const struct errors_args *a, struct span answer,
                      char cursor[static STATISTICS_CURSOR_SIZE])
{
    json_t *root = json_loadb(answer.ptr, answer.len, 0, NULL);
    const json_t *rows = json_object_get(root, "rows");
    const char *next = json_string_value(json_object_get(root, "cursor"));
    bool sound = json_is_array(rows) &&
                 (!next || (next[0] && strcmp(next, cursor) != 0 && strlen(next) < STATISTICS_CURSOR_SIZE));
    size_t i;
    json_t *v;
    json_array_foreach((json_t *)(uintptr_t)rows, i, v)
    {
        sound = sound && print_row(a, v);
    }
    if (sound && !next)
        say_unless_counting(a, root);
    (void)snprintf(cursor, STATISTICS_CURSOR_SIZE, "%s", sound && next ? next : "");
    json_decref(root);
    return sound ? 0 : client_strange();
}

static int ask(const struct errors_args *a, const char *cursor, struct buf *answer)
{
    char *path = path_of(a, cursor);
    if (!path)
        return 2;
    int status = client_call(&a->client, "GET", path, SPAN_LIT(""), answer);
    mem_free(path);
    return status;
}

static int print_rows(const struct errors_args *a)
{
    char cursor[STATISTICS_CURSOR_SIZE] = "";
    bool first = true;
    do {
        struct buf answer;
        buf_init(&answer, ANSWER_MAX);
        int status = ask(a, cursor, &answer);
        if (!status && first && a->form == FORM_TABLE)
            print_header(a);
        if (!status && first && a->form == FORM_TSV) {
            struct buf header;
            buf_init(&header, 1024);
            if (tsv_header(&header, a->lang) == ERR_NONE)
                (void)fwrite(buf_span(&header).ptr, 1, buf_len(&header), stdout);
            buf_deinit(&header);
        }
        if (!status)
            status = print_page(a, buf_span(&answer), cursor);
        buf_deinit(&answer);
        if (status)
            return status;
        first = false;
    } while (cursor[0]);
    return 0;
}

/* A table of an array of objects: these members, the last of them a number before the others. */
static bool print_table(const json_t *list, const char *title, const char *const names[3], int width)
{
    size_t i;
    json_t *v;
    bool sound = json_is_array(list);
    (void)printf("%s\n", title);
    json_array_foreach((json_t *)(uintptr_t)list, i, v)
    {
        const char *a = json_string_value(json_object_get(v, names[0]));
        const char *b = names[1] ? json_string_value(json_object_get(v, names[1])) : "";
        if (!a || !b) {
            sound = false;
            break;
        }
        (void)printf("%10lld  ", (long long)json_integer_value(json_object_get(v, names[2])));
        client_text(stdout, span_of(a), false);
        (void)printf("%*s", b[0] ? (int)strlen(a) < width ? width - (int)strlen(a) : 1 : 0, "");
        client_text(stdout, span_of(b), false);
        (void)putchar('\n');
    }
    return sound;
}

static int print_summary(const struct errors_args *a)
{
    static const char *const buckets[] = {"start", "reason", "errors"},
                             *const totals[] = {"reason", NULL, "errors"},
                             *const details[] = {"reason", "detail", "errors"};
    struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    int status = ask(a, "", &answer);
    if (!status && a->form == FORM_JSON) {
        client_print(stdout, buf_span(&answer));
    } else if (!status) {
        json_t *root = json_loadb(buf_span(&answer).ptr, buf_len(&answer), 0, NULL);
        bool sound =
            print_table(json_object_get(root, "buckets"), "    ERRORS  START, REASON", buckets, 27) &&
            print_table(json_object_get(root, "totals"), "\n    ERRORS  REASON", totals, 0) &&
            print_table(json_object_get(root, "details"), "\n    ERRORS  REASON, DETAIL", details, 19);
        if (sound) {
            (void)printf("\n%10lld  in all\n", (long long)json_integer_value(json_object_get(root, "total")));
            say_unless_counting(a, root);
        }
        json_decref(root);
        status = sound ? 0 : client_strange();
    }
    buf_deinit(&answer);
    return status;
}

int cmd_errors(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return usage(stdout, 0);
    struct errors_args a = {.lang = LANG_EN};
    int status = parse(argc, argv, &a);
    if (status)
        return status;
    return a.values[BY] ? print_summary(&a) : print_rows(&a);
}
