#include "command/listing.h"

#include "base/visible.h"

#define ANSWER_MAX (8u << 20)
#define PATH_LEN 4096u
#define CURSOR_LEN 200u
#define CELL_BYTES 1000u        /* of a value that are shown in a table; a name has 100 characters */
#define VALUE_BYTES (64u << 10) /* … of one that has a line of its own */
#define SHOWN_MAX(bytes) (12 * (bytes) + 8) /* each byte may become an escape */
#define NAME_BYTES 100u                     /* of a member's name */
#define TAKEN_APART 8u                      /* objects within objects; those deeper are shown as JSON */
#define WIDTH_MAX 60u                       /* what is wider pushes its row aside, not the table */

void listing_cell(const struct paint *p, struct json_value v, unsigned width)
{
    struct buf text;
    buf_init(&text, SHOWN_MAX(CELL_BYTES));
    if (answer_show(v, CELL_BYTES, &text) || buf_add(&text, "", 1))
        (void)fputs("…", p->to); /* out of memory */
    else
        paint_padded(p, PAINT_PLAIN, buf_span(&text).ptr, width);
    buf_deinit(&text);
}

static unsigned cell_width(struct json_value v)
{
    struct buf text;
    buf_init(&text, SHOWN_MAX(CELL_BYTES));
    unsigned width = answer_show(v, CELL_BYTES, &text) ? 1 : visible_width(buf_span(&text));
    buf_deinit(&text);
    return width;
}

void listing_table(const struct listing *l, struct json_value rows, bool heading)
{
    unsigned widths[LISTING_COLUMNS_MAX] = {0};
    struct paint p;
    struct json_value row;
    paint_init(&p, stdout);
    for (size_t k = 0; l->columns[k].title; k++) {
        widths[k] = paint_width(l->columns[k].title);
        struct json_iter it = json_elements(rows);
        while (json_next_element(&it, &row)) {
            unsigned width = cell_width(answer_at(row, l->columns[k].path));
            if (width > widths[k] && width <= WIDTH_MAX)
                widths[k] = width;
        }
    }
    for (size_t k = 0; heading && l->columns[k].title; k++)
        paint_padded(&p, PAINT_BOLD, l->columns[k].title, l->columns[k + 1].title ? widths[k] + 2 : 0);
    if (heading)
        (void)putchar('\n');
    struct json_iter it = json_elements(rows);
    while (json_next_element(&it, &row)) {
        for (size_t k = 0; l->columns[k].title; k++)
            listing_cell(&p, answer_at(row, l->columns[k].path), l->columns[k + 1].title ? widths[k] + 2 : 0);
        (void)putchar('\n');
    }
}

static bool cursor_is_sound(const char *cursor)
{
    return cursor[0] &&
           !cursor[strspn(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:")];
}

/* Whether every row has the members of the first two columns; the others may be absent. */
static bool rows_are_sound(const struct listing *l, struct json_value rows)
{
    struct json_iter it = json_elements(rows);
    struct json_value row;
    while (json_next_element(&it, &row))
        for (size_t k = 0; k < 2 && l->columns[k].title; k++)
            if (answer_at(row, l->columns[k].path).kind == JSON_KIND_NONE)
                return false;
    return rows.kind == JSON_KIND_ARRAY;
}

/* Copies the first max rows into a new array. False: out of memory. */
static bool keep(struct json_value *rows, uint32_t max, struct buf *out, uint32_t *ret_count)
{
    struct json_iter it = json_elements(*rows);
    struct json_value row;
    uint32_t n = 0;
    enum err e = buf_add_str(out, "[");
    while (!e && n < max && json_next_element(&it, &row)) {
        e = n++ ? buf_add_str(out, ",") : ERR_NONE;
        if (!e)
            e = buf_add_span(out, row.raw);
    }
    if (!e)
        e = buf_add_str(out, "]");
    *ret_count = n;
    *rows = json_root(buf_span(out));
    return !e;
}

static bool print_rows(const struct listing *l, struct json_value rows, uint32_t *max, bool heading,
                       bool json)
{
    struct buf kept;
    uint32_t count;
    struct json_value row;
    buf_init(&kept, rows.raw.len + 2);
    bool ok = keep(&rows, *max, &kept, &count);
    if (ok && json) {
        struct json_iter it = json_elements(rows);
        while (json_next_element(&it, &row)) {
            answer_print_line(stdout, row);
            (void)putchar('\n');
        }
    } else if (ok) {
        listing_table(l, rows, heading);
    }
    *max -= count;
    buf_deinit(&kept);
    return ok;
}

/* Prints one page and sets cursor to the next page, "" after the last. Returns the exit status. */
static int print_page(const struct listing *l, struct span answer, uint32_t *max, bool heading, bool json,
                      char cursor[static CURSOR_LEN])
{
    struct json_value root, rows;
    char next[CURSOR_LEN] = "";
    if (!answer_read(answer, &root))
        return client_strange();
    rows = answer_at(root, l->member);
    bool more = answer_at(root, "cursor").kind == JSON_KIND_STRING;
    /* A repeated cursor would loop forever. */
    if (!rows_are_sound(l, rows) || (more && (!answer_text(root, "cursor", next, sizeof(next)) ||
                                              !cursor_is_sound(next) || strcmp(next, cursor) == 0)))
        return client_strange();
    if (!print_rows(l, rows, max, heading, json)) {
        (void)visible_complain(NULL, "out of memory");
        return 1;
    }
    memcpy(cursor, next, CURSOR_LEN);
    return 0;
}

int listing_pages(const struct client *c, const struct listing *l, const char *path, uint32_t max, bool json)
{
    char cursor[CURSOR_LEN] = "";
    bool first = true;
    do {
        char where[PATH_LEN];
        const char *sign = !cursor[0] ? "" : strchr(path, '?') ? "&cursor=" : "?cursor=";
        int n = snprintf(where, sizeof(where), "%s%s%s", path, sign, cursor);
        if (n < 0 || (size_t)n >= sizeof(where))
            return client_strange();
        struct buf answer;
        buf_init(&answer, ANSWER_MAX);
        int status = client_ask(c, "GET", where, SPAN_LIT(""), &answer);
        if (!status)
            status = print_page(l, buf_span(&answer), &max, first, json, cursor);
        buf_deinit(&answer);
        if (status)
            return status;
        first = false;
    } while (cursor[0] && max);
    return 0;
}

/* Walks an object, one line per member; members of nested objects are shown with their path. */
struct members {
    const char *but; /* not this one, at the top */
    unsigned width;  /* of the widest path; 0: is being measured */
    void (*line)(struct members *m, const char *path, struct json_value v);
    struct paint paint;
    struct buf path;
};

static void measure(struct members *m, const char *path, struct json_value v)
{
    (void)v;
    unsigned width = paint_width(path);
    if (width > m->width)
        m->width = width < WIDTH_MAX ? width : WIDTH_MAX;
}

static void print_line(struct members *m, const char *path, struct json_value v)
{
    struct buf text;
    buf_init(&text, SHOWN_MAX(VALUE_BYTES));
    bool ok = answer_show(v, VALUE_BYTES, &text) == ERR_NONE;
    paint_padded(&m->paint, PAINT_DIM, path, m->width);
    (void)fputs("  ", stdout);
    (void)fwrite(ok ? buf_span(&text).ptr : "…", 1, ok ? buf_len(&text) : strlen("…"), stdout);
    (void)putchar('\n');
    buf_deinit(&text);
}

static bool has_members(struct json_value v)
{
    struct json_iter it = json_members(v);
    struct span key;
    struct json_value value;
    return json_next_member(&it, &key, &value);
}

/* ".key", as it is shown. */
static enum err add_name(struct buf *path, struct span key)
{
    struct json_value quoted = {JSON_KIND_STRING, {key.ptr - 1, key.len + 2}, NULL};
    enum err e = buf_len(path) ? buf_add_str(path, ".") : ERR_NONE;
    return e ? e : answer_show(quoted, NAME_BYTES, path);
}

/* depth: how many levels of objects are split into members; deeper objects are shown as JSON. */
static enum err each_member(struct members *m, struct json_value object, unsigned depth)
{
    struct json_iter it = json_members(object);
    struct span key;
    struct json_value value;
    enum err e = ERR_NONE;
    while (!e && json_next_member(&it, &key, &value)) {
        if (m->but && !buf_len(&m->path) && json_key_is(key, m->but))
            continue;
        size_t before = buf_len(&m->path);
        e = add_name(&m->path, key);
        if (!e && value.kind == JSON_KIND_OBJECT && depth && has_members(value))
            e = each_member(m, value, depth - 1);
        else if (!e && !(e = buf_add(&m->path, "", 1)))
            m->line(m, buf_span(&m->path).ptr, value);
        m->path.tail = m->path.head + before;
    }
    return e;
}

int listing_object(const struct listing *l, struct span answer)
{
    struct json_value root;
    if (!answer_read(answer, &root) || root.kind != JSON_KIND_OBJECT)
        return client_strange();
    const char *table = l ? l->member : NULL;
    struct json_value rows = table ? answer_at(root, table) : (struct json_value){0};
    struct members m = {.but = table, .line = measure};
    buf_init(&m.path, (TAKEN_APART + 1) * SHOWN_MAX(NAME_BYTES));
    paint_init(&m.paint, stdout);
    enum err e = each_member(&m, root, TAKEN_APART);
    m.line = print_line;
    if (!e)
        e = each_member(&m, root, TAKEN_APART);
    if (!e && rows.kind == JSON_KIND_ARRAY) {
        if (m.width)
            (void)putchar('\n');
        listing_table(l, rows, true);
    }
    buf_deinit(&m.path);
    if (e)
        (void)visible_complain(NULL, "%s", err_text(e));
    return e ? 1 : 0;
}
