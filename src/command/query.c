/* `todoke query`: SQL that names recipients; `query preview` tries some, and shows the rows as a table. */
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "base/visible.h"
#include "command/commands.h"
#include "command/listing.h"
#include "command/resource.h"

#define COLUMNS_MAX 100u
#define COLUMN_WIDTH 40u /* the most that a cell takes */
#define ANSWER_MAX (8u << 20)

static void preview_usage(FILE *to)
{
    (void)fputs("usage: todoke query preview PROVIDER --sql SQL        the first 20 rows of some SQL, their "
                "cost, and the plan\n"
                "\n"
                "  --sql SQL    one SELECT: docs/queries.md\n"
                "  --json       as JSON\n",
                to);
}

static unsigned width_of(struct json_value v)
{
    struct buf text;
    buf_init(&text, 1024);
    unsigned width = COLUMN_WIDTH;
    if (!answer_show(v, COLUMN_WIDTH, &text) && !buf_add(&text, "", 1))
        width = paint_width(text.data + text.head);
    buf_deinit(&text);
    return width < COLUMN_WIDTH ? width : COLUMN_WIDTH;
}

static size_t measure(struct json_value row, unsigned widths[static COLUMNS_MAX])
{
    struct json_iter it = json_elements(row);
    struct json_value v;
    size_t n = 0;
    for (; n < COLUMNS_MAX && json_next_element(&it, &v); n++) {
        unsigned width = width_of(v);
        widths[n] = width > widths[n] ? width : widths[n];
    }
    return n;
}

static void print_row(const struct paint *p, struct json_value row, const unsigned widths[static COLUMNS_MAX])
{
    struct json_iter it = json_elements(row);
    struct json_value v;
    for (size_t n = 0; n < COLUMNS_MAX && json_next_element(&it, &v); n++) {
        if (n)
            (void)fputs("  ", p->to);
        listing_cell(p, v, widths[n]);
    }
    (void)fputc('\n', p->to);
}

static void print_plan(const struct paint *p, struct json_value plan)
{
    struct json_iter it = json_elements(plan);
    struct json_value step;
    while (json_next_element(&it, &step)) {
        char text[600];
        int64_t depth = 0;
        if (!answer_number(step, "depth", &depth) || !answer_text(step, "text", text, sizeof(text)))
            continue;
        (void)fprintf(p->to, "  %*s", (int)(depth < 20 ? depth : 20) * 2, "");
        paint_text(p, PAINT_DIM, text);
        (void)fputc('\n', p->to);
    }
}

/* Exit: as where the node itself refuses, so that a script need not read the answer. */
static int print_error(struct json_value answer)
{
    char message[500] = "", result[20] = "", place[60] = "";
    int64_t line, column;
    if (!answer_text(answer, "error.message", message, sizeof(message)) ||
        !answer_text(answer, "error.result", result, sizeof(result)))
        return CLIENT_DONE;
    if (answer_number(answer, "error.line", &line) && answer_number(answer, "error.column", &column))
        (void)snprintf(place, sizeof(place), "line %lld, column %lld: ", (long long)line, (long long)column);
    (void)visible_complain("query preview", "%s%s%s",
                           strcmp(result, "excess") == 0 ? "Resources exceeded during query execution: " : "",
                           place, message);
    return strcmp(result, "gone") == 0 ? CLIENT_UNAVAILABLE : CLIENT_REFUSED;
}

static int print_preview(struct span text)
{
    struct json_value answer, row;
    struct paint p;
    unsigned widths[COLUMNS_MAX] = {0};
    int64_t ms = 0, steps = 0;
    if (!answer_read(text, &answer) || !answer_number(answer, "ms", &ms) ||
        !answer_number(answer, "steps", &steps))
        return client_strange();
    paint_init(&p, stdout);
    struct json_value columns = answer_at(answer, "columns"), rows = answer_at(answer, "rows");
    if (measure(columns, widths)) {
        struct json_iter it = json_elements(rows);
        size_t count = 0;
        for (; json_next_element(&it, &row); count++)
            (void)measure(row, widths);
        print_row(&p, columns, widths);
        it = json_elements(rows);
        while (json_next_element(&it, &row))
            print_row(&p, row, widths);
        (void)printf("\n%zu rows%s, %lld ms, %lld steps\n", count,
                     answer_at(answer, "more").kind == JSON_KIND_TRUE ? " and more" : "", (long long)ms,
                     (long long)steps);
        print_plan(&p, answer_at(answer, "plan"));
    }
    return print_error(answer);
}

static int preview(const struct client *c, const char *provider, const char *sql, bool as_json)
{
    struct buf body, answer;
    struct json_write w;
    char path[96];
    buf_init(&body, 1u << 20);
    buf_init(&answer, ANSWER_MAX);
    (void)snprintf(path, sizeof(path), "/api/v1/providers/%s/queries/preview", provider);
    json_write_init(&w, &body);
    json_write_object(&w);
    json_write_key(&w, "sql");
    json_write_str(&w, sql);
    json_write_end(&w);
    int status = json_write_finish(&w) ? visible_complain("query preview", "that is too long") : CLIENT_DONE;
    if (!status)
        status = client_ask(c, "POST", path, buf_span(&body), &answer);
    if (!status && as_json)
        answer_print(stdout, buf_span(&answer));
    else if (!status)
        status = print_preview(buf_span(&answer));
    buf_deinit(&body);
    buf_deinit(&answer);
    return status;
}

static int preview_command(int argc, char **argv)
{
    struct client c = {0};
    const char *sql = NULL;
    bool as_json = false;
    const struct argument own[] = {ARGUMENT_OF_TEXT("--sql", &sql, "SQL", ""),
                                   ARGUMENT_OF_FLAG("--json", &as_json, ""), ARGUMENT_END};
    const struct argument of_client[] = CLIENT_OPTIONS(&c);
    struct arguments in = {.command = "query preview", .options = {own, of_client}, .words_max = 1};
    if (arguments_ask_help(argc, argv)) {
        preview_usage(stdout);
        client_help(stdout);
        return 0;
    }
    int status = arguments_read(&in, argc, argv, 2);
    if (status)
        return status;
    if (!in.word_count || !sql) {
        (void)visible_complain("query preview", "%s",
                               in.word_count ? "which SQL? Give --sql SQL" : "which provider?");
        return arguments_try("query preview");
    }
    const char *provider = in.words[0];
    if (!provider[0] || provider[strspn(provider, "0123456789")] || strlen(provider) > 18)
        return visible_complain("query preview", "\"%s\" is no provider ID", provider);
    return client_ready(&c) ? preview(&c, provider, sql, as_json) : CLIENT_USAGE;
}

static int usage(FILE *to, int status)
{
    resource_usage(to, "query", "usage:");
    (void)fputs("       todoke query preview PROVIDER                the first rows of some SQL, their cost, "
                "and the plan\n"
                "           --sql        SQL        one SELECT: docs/queries.md\n"
                "\n  --json       as JSON; lists an object a line\n"
                "  --limit N    rows of a list, at most [all]\n",
                to);
    client_help(to);
    return status;
}

int cmd_query(int argc, char **argv)
{
    const char *names[32] = {"preview"};
    if (argc > 1 && resource_has("query", argv[1]))
        return resource_run("query", argc, argv);
    if (argc > 1 && strcmp(argv[1], "preview") == 0)
        return preview_command(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0) {
        (void)resource_verbs("query", names, 1, sizeof(names) / sizeof(names[0]));
        return arguments_no_verb("query", argv[1], names);
    }
    return argc > 1 ? usage(stdout, 0) : usage(stderr, CLIENT_USAGE);
}
