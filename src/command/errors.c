/* `todoke errors`: a channel's error statistics over the API, as a table for people, TSV or JSON. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/visible.h"
#include "command/answer.h"
#include "command/commands.h"
#include "command/listing.h"
#include "report/tsv.h"

#define ANSWER_MAX (8u << 20)
#define PATH_MAX_LEN 2000u
#define PAGE "500"

/* Options passed to the node unchanged: the node refuses an invalid value and names the option. */
static const struct option {
    const char *flag, *name, *argument, *help;
} options[] = {
    {"--from", "from", "TIME", "start, such as 2026-11-22T00:00:00+09:00 [all that is kept]"},
    {"--to", "to", "TIME", "end (exclusive) [now]"},
    {"--reason", "reason", "REASON", "could_not_connect, request_timeout, error_status_code, unclassified"},
    {"--detail", "detail", "DETAIL", "such as \"Unknown host\", or a status such as 503"},
    {"--zone", "zone", "+HH:MM", "time zone of the output [+09:00]"},
    {"--by", "by", "minute|hour|day", "sums for each instead of rows"},
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

/* The options, the node's first. */
struct all_options {
    struct argument rows[OPTIONS + 4];
};

struct forms {
    bool tsv, json;
};

static void all_options(struct errors_args *a, struct forms *forms, struct all_options *ret)
{
    struct argument *o = ret->rows;
    for (size_t i = 0; i < OPTIONS; i++)
        *o++ = (struct argument)ARGUMENT_OF_TEXT(options[i].flag, &a->values[i], options[i].argument,
                                                 options[i].help);
    *o++ = (struct argument)ARGUMENT_OF_FLAG("--tsv", &forms->tsv, "tab-separated values, for spreadsheets");
    *o++ = (struct argument)ARGUMENT_OF_FLAG("--json", &forms->json, "one row a line; with --by one object");
    *o++ = (struct argument)ARGUMENT_OF_LANG(&a->lang, "language of the header line [en]");
    *o = (struct argument)ARGUMENT_END;
}

static int usage(FILE *to, int status)
{
    struct errors_args none;
    struct forms forms;
    struct all_options all;
    all_options(&none, &forms, &all);
    (void)fputs(
        "usage: todoke errors CHANNEL [options]\n\n"
        "Failed deliveries of a channel by minute, reason and detail, newest first; or their sums.\n\n",
        to);
    arguments_help(to, all.rows);
    client_help(to);
    return status;
}

static int parse(int argc, char **argv, struct errors_args *a)
{
    struct forms forms = {0};
    struct all_options all;
    all_options(a, &forms, &all);
    const struct argument of_client[] = CLIENT_OPTIONS(&a->client);
    struct arguments in = {.command = "errors", .options = {all.rows, of_client}, .words_max = 1};
    int status = arguments_read(&in, argc, argv, 1);
    if (status)
        return status;
    if (!in.word_count) {
        (void)visible_complain("errors", "which channel? Give its ID");
        return arguments_try("errors");
    }
    a->channel = in.words[0];
    a->form = forms.tsv ? FORM_TSV : forms.json ? FORM_JSON : FORM_TABLE;
    if (a->channel[strspn(a->channel, "0123456789")] || !a->channel[0] || strlen(a->channel) > 18)
        return visible_complain("errors", "\"%s\" is no channel ID", a->channel);
    if (forms.tsv && forms.json)
        return visible_complain("errors", "--tsv or --json: one of them");
    if (a->values[BY] && forms.tsv)
        return visible_complain("errors", "--by gives sums, --tsv rows: one of them");
    return client_ready(&a->client) ? 0 : CLIENT_USAGE;
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

/* The request path. cursor: of the page, or "". NULL: the path is too long. */
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
        (void)visible_complain("errors", "the options are too long");
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

static const char *const names[] = {"date", "start", "end", "reason", "detail"};

static bool row_is_sound(struct json_value v)
{
    int64_t n;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (answer_at(v, names[i]).kind != JSON_KIND_STRING)
            return false;
    return answer_number(v, "errors", &n);
}

/* Keeps the tabs and the line feed of the row; escapes all other control characters. */
static void print_tsv_line(struct span line)
{
    while (line.len) {
        const char *tab = memchr(line.ptr, '\t', line.len);
        size_t n = tab ? (size_t)(tab - line.ptr) : line.len;
        visible_print(stdout, (struct span){line.ptr, n}, true);
        if (tab)
            (void)putchar('\t');
        line = tab ? (struct span){tab + 1, line.len - n - 1} : (struct span){"", 0};
    }
}

static bool print_tsv(struct json_value v)
{
    struct statistics_cells cells;
    int64_t errors;
    if (!answer_text(v, "date", cells.date, sizeof(cells.date)) ||
        !answer_text(v, "start", cells.start, sizeof(cells.start)) ||
        !answer_text(v, "end", cells.end, sizeof(cells.end)) || !answer_number(v, "errors", &errors))
        return false;
    struct buf line, reason, detail;
    buf_init(&line, 65536);
    buf_init(&reason, 8192);
    buf_init(&detail, 8192);
    enum err e = json_string_decode(answer_at(v, "reason"), &reason);
    if (!e)
        e = json_string_decode(answer_at(v, "detail"), &detail);
    if (!e)
        e = tsv_row(&line, &cells, buf_span(&reason), buf_span(&detail), errors);
    if (!e)
        print_tsv_line(buf_span(&line));
    buf_deinit(&line);
    buf_deinit(&reason);
    buf_deinit(&detail);
    return !e;
}

static bool print_row(const struct errors_args *a, struct json_value v)
{
    int64_t errors;
    struct paint p;
    if (!row_is_sound(v) || !answer_number(v, "errors", &errors))
        return false;
    if (a->form == FORM_TSV)
        return print_tsv(v);
    if (a->form == FORM_JSON) {
        answer_print_line(stdout, v);
        (void)putchar('\n');
        return true;
    }
    paint_init(&p, stdout);
    for (int i = 0; i < 3; i++)
        listing_cell(&p, answer_at(v, names[i]), widths[i] + 2);
    (void)printf("%8lld  ", (long long)errors);
    listing_cell(&p, answer_at(v, "reason"), widths[4] + 2);
    listing_cell(&p, answer_at(v, "detail"), 0);
    (void)putchar('\n');
    return true;
}

/* Warns when errors are not counted, so that nobody takes missing rows for missing errors. On standard error,
 * because the rows may go into a file. */
static void say_unless_counting(const struct errors_args *a, struct json_value root)
{
    if (answer_at(root, "counting").kind == JSON_KIND_FALSE)
        (void)visible_complain(NULL,
                               "errors of channel %s are not counted now: that takes both switches, "
                               "todoke channel set %s --error-statistics on --use-webhook on",
                               a->channel, a->channel);
}

/* cursor is set to the next page, "" after the last one. */
static int print_page(const struct errors_args *a, struct span answer,
                      char cursor[static STATISTICS_CURSOR_SIZE])
{
    struct json_value root, row;
    char next[STATISTICS_CURSOR_SIZE] = "";
    if (!answer_read(answer, &root))
        return client_strange();
    struct json_value rows = answer_at(root, "rows");
    bool more = answer_at(root, "cursor").kind == JSON_KIND_STRING;
    bool sound =
        rows.kind == JSON_KIND_ARRAY &&
        (!more || (answer_text(root, "cursor", next, sizeof(next)) && next[0] && strcmp(next, cursor) != 0));
    struct json_iter it = json_elements(rows);
    while (sound && json_next_element(&it, &row))
        sound = print_row(a, row);
    if (sound && !more)
        say_unless_counting(a, root);
    memcpy(cursor, sound ? next : "", sound ? sizeof(next) : 1);
    return sound ? CLIENT_DONE : client_strange();
}

static int ask(const struct errors_args *a, const char *cursor, struct buf *answer)
{
    char *path = path_of(a, cursor);
    if (!path)
        return CLIENT_USAGE;
    int status = client_ask(&a->client, "GET", path, SPAN_LIT(""), answer);
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

/* Prints an array of objects as a table of these members; the last one, a number, comes first. */
static bool print_table(struct json_value list, const char *title, const char *const members[3],
                        unsigned width)
{
    struct json_iter it = json_elements(list);
    struct json_value v;
    struct paint p;
    paint_init(&p, stdout);
    (void)printf("%s\n", title);
    while (json_next_element(&it, &v)) {
        int64_t n;
        if (answer_at(v, members[0]).kind != JSON_KIND_STRING ||
            (members[1] && answer_at(v, members[1]).kind != JSON_KIND_STRING) ||
            !answer_number(v, members[2], &n))
            return false;
        (void)printf("%10lld  ", (long long)n);
        listing_cell(&p, answer_at(v, members[0]), members[1] ? width : 0);
        if (members[1])
            listing_cell(&p, answer_at(v, members[1]), 0);
        (void)putchar('\n');
    }
    return list.kind == JSON_KIND_ARRAY;
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
        answer_print(stdout, buf_span(&answer));
    } else if (!status) {
        struct json_value root;
        int64_t total;
        bool sound = answer_read(buf_span(&answer), &root) && answer_number(root, "total", &total) &&
                     print_table(answer_at(root, "buckets"), "    ERRORS  START, REASON", buckets, 27) &&
                     print_table(answer_at(root, "totals"), "\n    ERRORS  REASON", totals, 0) &&
                     print_table(answer_at(root, "details"), "\n    ERRORS  REASON, DETAIL", details, 19);
        if (sound) {
            (void)printf("\n%10lld  in all\n", (long long)total);
            say_unless_counting(a, root);
        }
        status = sound ? CLIENT_DONE : client_strange();
    }
    buf_deinit(&answer);
    return status;
}

int cmd_errors(int argc, char **argv)
{
    if (arguments_ask_help(argc, argv))
        return usage(stdout, 0);
    struct errors_args a = {.lang = LANG_EN};
    int status = parse(argc, argv, &a);
    if (status)
        return status;
    return a.values[BY] ? print_summary(&a) : print_rows(&a);
}
