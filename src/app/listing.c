#include "app/listing.h"

#include <stdlib.h>
#include <string.h>

#include "app/paint.h"

#define ANSWER_MAX (8u << 20)
#define PATH_LEN 4096u
#define CELL_LEN 1600u /* a name of 100 characters, each escaped; longer ones are cut */
#define WIDTH_MAX 60u  /* what is wider pushes its row aside, not the table */

static const json_t *member_at(const json_t *row, const char *path)
{
    char name[64];
    for (const char *dot; row && (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        (void)snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
        row = json_object_get(row, name);
        if (json_is_string(row)) /* where others have an object: who did it, when it was no account */
            return row;
    }
    return json_object_get(row, path);
}

/* A value as a person reads it; what could command a terminal is escaped. */
static void cell(const json_t *v, char out[static CELL_LEN])
{
    FILE *to = fmemopen(out, CELL_LEN, "w");
    if (!to) {
        out[0] = '\0';
        return;
    }
    if (json_is_string(v))
        client_text(to, (struct span){json_string_value(v), json_string_length(v)}, false);
    else if (json_is_integer(v))
        (void)fprintf(to, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        (void)fprintf(to, "%.2f", json_real_value(v));
    else if (json_is_boolean(v))
        (void)fputs(json_is_true(v) ? "yes" : "no", to);
    else
        (void)fputs("-", to);
    (void)fclose(to); /* ends the string where there is room; else the last byte is ours */
    out[CELL_LEN - 1] = '\0';
}

void listing_table(const struct listing *l, const json_t *rows, bool heading)
{
    unsigned widths[LISTING_COLUMNS_MAX] = {0};
    char text[CELL_LEN];
    size_t i;
    json_t *row;
    struct paint p;
    paint_init(&p, stdout);
    for (size_t k = 0; l->columns[k].title; k++) {
        widths[k] = paint_width(l->columns[k].title);
        json_array_foreach((json_t *)(uintptr_t)rows, i, row)
        {
            cell(member_at(row, l->columns[k].path), text);
            unsigned width = paint_width(text);
            if (width > widths[k] && width <= WIDTH_MAX)
                widths[k] = width;
        }
    }
    for (size_t k = 0; heading && l->columns[k].title; k++)
        paint_padded(&p, PAINT_BOLD, l->columns[k].title, l->columns[k + 1].title ? widths[k] + 2 : 0);
    if (heading)
        (void)putchar('\n');
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        for (size_t k = 0; l->columns[k].title; k++) {
            cell(member_at(row, l->columns[k].path), text);
            paint_padded(&p, PAINT_PLAIN, text, l->columns[k + 1].title ? widths[k] + 2 : 0);
        }
        (void)putchar('\n');
    }
}

static void print_lines(const json_t *rows)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        char *text = json_dumps(row, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
        if (text)
            client_text(stdout, span_of(text), false);
        (void)putchar('\n');
        free(text); /* libc: jansson's */
    }
}

/* Rows past max are dropped. */
static void cut(json_t *rows, unsigned long max)
{
    while (json_array_size(rows) > max)
        (void)json_array_remove(rows, json_array_size(rows) - 1);
}

static bool cursor_is_sound(const char *cursor)
{
    return cursor[0] &&
           !cursor[strspn(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:")] &&
           strlen(cursor) < 200;
}

/* Every row has what stands in its first two columns; further ones may be absent. */
static bool rows_are_sound(const struct listing *l, const json_t *rows)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        for (size_t k = 0; k < 2 && l->columns[k].title; k++)
            if (!member_at(row, l->columns[k].path))
                return false;
    }
    return json_is_array(rows);
}

int listing_pages(const struct client *c, const struct listing *l, const char *path, unsigned long max,
                  bool json)
{
    char last[200] = "";
    for (bool first = true;; first = false) {
        char where[PATH_LEN];
        int n = snprintf(where, sizeof(where), "%s%s%s%s", path,
                         !last[0]            ? ""
                         : strchr(path, '?') ? "&"
                                             : "?",
                         last[0] ? "cursor=" : "", last);
        if (n < 0 || (size_t)n >= sizeof(where))
            return client_strange();
        struct buf answer;
        buf_init(&answer, ANSWER_MAX);
        int status = client_call(c, "GET", where, SPAN_LIT(""), &answer);
        json_t *root = status ? NULL : json_loadb(buf_span(&answer).ptr, buf_len(&answer), 0, NULL);
        buf_deinit(&answer);
        if (status)
            return status;
        json_t *rows = json_object_get(root, l->member);
        const char *cursor = json_string_value(json_object_get(root, "cursor"));
        /* The same cursor twice would never end. */
        bool sound =
            rows_are_sound(l, rows) && (!cursor || (cursor_is_sound(cursor) && strcmp(cursor, last) != 0));
        if (sound) {
            cut(rows, max);
            max -= json_array_size(rows);
            if (json)
                print_lines(rows);
            else
                listing_table(l, rows, first);
        }
        bool more = sound && cursor && max;
        if (more)
            (void)snprintf(last, sizeof(last), "%s", cursor);
        json_decref(root);
        if (!more)
            return sound ? 0 : client_strange();
    }
}

/* How much room the names take, those of the objects inside included. */
static unsigned name_width(const json_t *object, const char *but)
{
    const char *key;
    json_t *value;
    unsigned most = 0;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (but && strcmp(key, but) == 0)
            continue;
        unsigned width = paint_width(key);
        if (json_is_object(value))
            width += 1 + name_width(value, NULL);
        if (width > most)
            most = width;
    }
    return most < WIDTH_MAX ? most : WIDTH_MAX;
}

static void print_members(const json_t *object, const char *prefix, const char *but, unsigned width)
{
    const char *key;
    json_t *value;
    char name[120], text[CELL_LEN];
    struct paint p;
    paint_init(&p, stdout);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        (void)snprintf(name, sizeof(name), "%s%.80s", prefix, key);
        if (but && strcmp(key, but) == 0)
            continue;
        if (json_is_object(value)) {
            char deeper[124];
            (void)snprintf(deeper, sizeof(deeper), "%s.", name);
            print_members(value, deeper, NULL, width);
        } else if (json_is_array(value)) {
            char *list = json_dumps(value, JSON_COMPACT);
            paint_padded(&p, PAINT_DIM, name, width);
            (void)fputs("  ", stdout);
            if (list)
                client_text(stdout, span_of(list), false);
            (void)putchar('\n');
            free(list); /* libc: jansson's */
        } else {
            cell(value, text);
            paint_padded(&p, PAINT_DIM, name, width);
            (void)printf("  %s\n", text);
        }
    }
}

int listing_object(const struct listing *l, struct span answer)
{
    json_t *root = json_loadb(answer.ptr, answer.len, 0, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        return client_strange();
    }
    const json_t *rows = l && l->member ? json_object_get(root, l->member) : NULL;
    const char *table = l ? l->member : NULL;
    print_members(root, "", table, name_width(root, table));
    if (rows) {
        if (json_object_size(root) > 1)
            (void)putchar('\n');
        listing_table(l, rows, true);
    }
    json_decref(root);
    return 0;
}
