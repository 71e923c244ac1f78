#include "api/campaign/import_rows.h"

#include <csv.h>
#include <iconv.h>
#include <stdio.h>

#include "api/campaign/import_columns.h"
#include "api/campaign/user_read.h"
#include "base/json_fault.h"
#include "base/mem.h"
#include "base/utf8.h"

#define ARENA_CHUNK 16384u
#define ARENA_MAX (4u << 20)                   /* of one row, or of the names of columns */
#define HELD_MAX (IMPORT_ROW_MAX + (2u << 20)) /* and a piece, which is never so large */

struct import_rows {
    struct import_shape shape;
    struct import_taker taker;
    struct buf held;    /* bytes that are not a whole row yet */
    size_t scanned;     /* CSV: bytes of it without an end of the row */
    bool quoted;        /* CSV: the scan is inside of quotes */
    bool skipping;      /* to the end of a line that is too long */
    bool begun, header; /* a byte has come; CSV: the first row was read */
    uint64_t line;      /* of the first byte of held, from 1 */
    iconv_t charset;    /* (iconv_t)-1: none */
    struct buf text;    /* UTF-8 of the line, or of the cells */
    struct buf json;
    struct arena arena, names;
    struct csv_parser csv;
    bool csv_open;
    struct import_cells cells;
    size_t ends[IMPORT_COLUMNS_MAX]; /* of the cells in text; SIZE_MAX: an empty cell without quotes */
    uint32_t cell_count;
    enum err cell_err;
    struct import_columns columns;
    struct user_read read;
    struct target_change targets[MEDIUM_COUNT];
    char why[200];
};

/* ---- charsets ---- */

const char *import_rows_charset(struct span name)
{
    /* What Windows calls Shift_JIS has ① and 髙, and \ is a backslash: Excel writes no other. */
    static const struct {
        const char *name, *iconv;
    } known[] = {{"utf-8", ""},          {"utf8", ""},
                 {"us-ascii", ""},       {"shift_jis", "CP932"},
                 {"shift-jis", "CP932"}, {"sjis", "CP932"},
                 {"x-sjis", "CP932"},    {"ms_kanji", "CP932"},
                 {"cp932", "CP932"},     {"windows-31j", "CP932"},
                 {"euc-jp", "EUC-JP"},   {"x-euc-jp", "EUC-JP"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (span_eq_nocase(name, span_of(known[i].name)))
            return known[i].iconv;
    return NULL;
}

static bool is_utf8(struct span s)
{
    uint32_t cp;
    for (size_t i = 0, n; i < s.len; i += n) {
        if ((unsigned char)s.ptr[i] < 0x80) {
            n = 1;
            continue;
        }
        n = utf8_next(s.ptr + i, s.len - i, &cp);
        if (n == 0)
            return false;
    }
    return true;
}

/* Appends s as UTF-8. ERR_INVALID: it is not of its charset. */
static enum err add_utf8(struct import_rows *r, struct span s)
{
    if (r->charset == (iconv_t)-1)
        return is_utf8(s) ? buf_add_span(&r->text, s) : ERR_INVALID;
    enum err e =
        buf_reserve(&r->text, s.len * 3 + 4); /* two bytes become three at most, and one of kana too */
    if (e)
        return e;
    char *in = (char *)(uintptr_t)s.ptr, *out = r->text.data + r->text.tail;
    size_t in_left = s.len, out_left = s.len * 3 + 4;
    (void)iconv(r->charset, NULL, NULL, NULL, NULL);
    if (s.len && iconv(r->charset, &in, &in_left, &out, &out_left) == (size_t)-1)
        return ERR_INVALID;
    r->text.tail = (size_t)(out - r->text.data);
    return ERR_NONE;
}

static enum err refuse(struct import_rows *r, uint64_t line, const char *field, const char *why)
{
    struct read_fault f;
    (void)!read_refuse(&f, field, why);
    return r->taker.refused(r->taker.arg, line, &f);
}

static enum err refuse_charset(struct import_rows *r, uint64_t line, const char *field)
{
    return refuse(r, line, field,
                  r->charset == (iconv_t)-1
                      ? "is not UTF-8; of Shift_JIS say so: Content-Type: text/csv; charset=Shift_JIS"
                      : "has bytes that this charset does not have");
}

/* ---- NDJSON ---- */

static enum err json_user(struct import_rows *r, uint64_t line, struct json_value v)
{
    r->read.arena = &r->arena;
    r->read.allow_http = r->shape.allow_http;
    enum err e = user_read(&r->read, v);
    if (e == ERR_INVALID)
        return r->taker.refused(r->taker.arg, line, &r->read.fault);
    return e ? e : r->taker.user(r->taker.arg, line, &r->read.change);
}

static enum err list_value(struct import_rows *r, uint64_t line, struct span text)
{
    struct span value = {NULL, 0};
    const char *why = target_read_by(&r->arena, r->shape.by, text, r->shape.allow_http, &value);
    if (why)
        return why[0] ? refuse(r, line, by_text(r->shape.by), why) : ERR_NOMEM;
    return r->taker.value(r->taker.arg, line, value);
}

/* A row of a list: what the value of the object's member is, or the value itself. */
static enum err json_value_of_list(struct import_rows *r, uint64_t line, struct json_value v)
{
    const char *by = by_text(r->shape.by);
    if (v.kind == JSON_KIND_OBJECT) {
        struct json_value object = v;
        enum err e = json_find(object, by, &v);
        if (e == ERR_NOT_FOUND && r->shape.by == BY_USER_ID)
            e = json_find(object, "userId", &v);
        if (e)
            return refuse(r, line, by, e == ERR_CONFLICT ? "is there twice" : "is required");
    }
    if (v.kind == JSON_KIND_NULL)
        return r->taker.value(r->taker.arg, line, (struct span){NULL, 0});
    if (v.kind == JSON_KIND_NUMBER)
        return list_value(r, line, v.raw);
    struct span text = SPAN_LIT("");
    if (v.kind != JSON_KIND_STRING)
        return refuse(r, line, by, "must be a string, a number or null");
    if (json_string_plain(v, &text))
        return list_value(r, line, text);
    buf_clear(&r->json);
    enum err e = json_string_decode(v, &r->json);
    if (e == ERR_LIMIT)
        return refuse(r, line, by, "is too long");
    return e ? e : list_value(r, line, buf_span(&r->json));
}

static enum err json_line(struct import_rows *r, struct span s)
{
    uint64_t line = r->line;
    while (s.len && (s.ptr[s.len - 1] == '\r' || s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    if (!s.len)
        return ERR_NONE;
    if (r->charset != (iconv_t)-1) {
        buf_clear(&r->text);
        enum err e = add_utf8(r, s);
        if (e)
            return e == ERR_INVALID ? refuse_charset(r, line, "") : e;
        s = buf_span(&r->text);
    }
    size_t at = 0;
    enum err e = json_check(s, JSON_DEPTH, &at);
    if (e) {
        struct json_fault fault;
        json_fault_find(s, JSON_DEPTH, e, at, &fault);
        return !is_utf8(s) ? refuse_charset(r, line, "") : refuse(r, line, fault.path, fault.message);
    }
    arena_reset(&r->arena);
    struct json_value v = json_root(s);
    return r->shape.into_list ? json_value_of_list(r, line, v) : json_user(r, line, v);
}

/* ---- CSV ---- */

static void on_cell(void *p, size_t len, void *arg)
{
    struct import_rows *r = arg;
    if (!r->cell_err && r->cell_count == IMPORT_COLUMNS_MAX)
        r->cell_err = ERR_LIMIT;
    if (r->cell_err)
        return;
    enum err e = p ? add_utf8(r, (struct span){p, len}) : ERR_NONE;
    r->cell_err = e;
    r->ends[r->cell_count] = p ? buf_len(&r->text) : SIZE_MAX;
    r->cell_count += !e;
}

/* By csv_set_space_func(): blanks are part of a cell (RFC 4180 2.4). */
static int is_blank(unsigned char c)
{
    (void)c;
    return 0;
}

static void *csv_resize(void *p, size_t size)
{
    return mem_resize(p, size);
}

static enum err csv_begin(struct import_rows *r)
{
    if (r->csv_open)
        csv_free(&r->csv);
    r->csv_open = csv_init(&r->csv, CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL) == 0;
    if (!r->csv_open)
        return ERR_NOMEM;
    csv_set_space_func(&r->csv, is_blank);
    csv_set_realloc_func(&r->csv, csv_resize);
    csv_set_free_func(&r->csv, mem_free);
    return ERR_NONE;
}

static void place_cells(struct import_rows *r)
{
    size_t from = 0;
    r->cells.count = r->cell_count;
    for (uint32_t i = 0; i < r->cell_count; i++) {
        bool none = r->ends[i] == SIZE_MAX;
        r->cells.cells[i] =
            none ? (struct span){NULL, 0} : (struct span){buf_span(&r->text).ptr + from, r->ends[i] - from};
        from = none ? from : r->ends[i];
    }
}

static enum err csv_row_taken(struct import_rows *r, uint64_t line)
{
    char why[80];
    place_cells(r);
    if (!r->header) {
        r->header = true;
        return import_columns_read(&r->columns, &r->shape, &r->cells, &r->names, r->why, sizeof(r->why));
    }
    if (r->cells.count != r->columns.count) {
        (void)snprintf(why, sizeof(why), "has %u columns, where the first row has %u", r->cells.count,
                       r->columns.count);
        return refuse(r, line, "", why);
    }
    arena_reset(&r->arena);
    if (r->shape.into_list) {
        struct span cell = r->cells.cells[r->columns.value];
        return cell.ptr ? list_value(r, line, cell) : r->taker.value(r->taker.arg, line, cell);
    }
    struct user_change u;
    enum err e = import_columns_user(&r->columns, &r->cells, r->shape.allow_http, &r->arena, &r->json,
                                     r->targets, &u, &r->read.fault);
    if (e == ERR_INVALID)
        return r->taker.refused(r->taker.arg, line, &r->read.fault);
    return e ? e : r->taker.user(r->taker.arg, line, &u);
}

/* *ret_whole: libcsv found a row in it. */
static enum err csv_parse_row(struct import_rows *r, struct span row, bool *ret_whole)
{
    buf_clear(&r->text);
    r->cell_count = 0;
    r->cell_err = ERR_NONE;
    *ret_whole = csv_parse(&r->csv, row.ptr, row.len, on_cell, NULL, r) == row.len &&
                 csv_fini(&r->csv, on_cell, NULL, r) == 0;
    if (*ret_whole)
        return ERR_NONE;
    bool memory = csv_error(&r->csv) == CSV_ENOMEM;
    enum err e = csv_begin(r);
    return memory ? ERR_NOMEM : e;
}

/*
 * Of a row that cannot be read only the first line is lost: the quotes of a broken one may have swallowed
 * others.
 */
static enum err csv_row(struct import_rows *r, struct span row, bool *ret_whole)
{
    static const char broken[] =
        "quotes do not end, or stand in the middle of a cell (RFC 4180: \"a \"\"b\"\" c\")";
    *ret_whole = true;
    if (!row.len)
        return ERR_NONE;
    enum err e = csv_parse_row(r, row, ret_whole);
    if (e)
        return e;
    bool first = !r->header;
    if (!*ret_whole || r->cell_err == ERR_LIMIT || (r->cell_err == ERR_INVALID && first)) {
        const char *why = !*ret_whole                  ? broken
                          : r->cell_err == ERR_INVALID ? "it is not of the charset that Content-Type says"
                                                       : "it has more than 512 columns, or is too long";
        if (!first)
            return refuse(r, r->line, "", why);
        (void)snprintf(r->why, sizeof(r->why), "the first row cannot be read: %s", why);
        return ERR_INVALID;
    }
    if (r->cell_err == ERR_INVALID) {
        char field[24];
        (void)snprintf(field, sizeof(field), "column %u", r->cell_count + 1);
        return refuse_charset(r, r->line, field);
    }
    return r->cell_err ? r->cell_err : csv_row_taken(r, r->line);
}

/* ---- rows ---- */

/* Where the row ends: at *ret_end, and the next begins at *ret_next. false: not in what is there. */
static bool csv_row_end(struct import_rows *r, bool last, size_t *ret_end, size_t *ret_next)
{
    struct span s = buf_span(&r->held);
    for (size_t i = r->scanned; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '"')
            r->quoted = !r->quoted;
        if (r->quoted || (c != '\n' && c != '\r'))
            continue;
        if (c == '\r' && i + 1 == s.len && !last) {
            r->scanned = i;
            return false;
        }
        *ret_end = i;
        *ret_next = c == '\r' && i + 1 < s.len && s.ptr[i + 1] == '\n' ? i + 2 : i + 1;
        return true;
    }
    r->scanned = s.len;
    if (!last || r->quoted || !s.len)
        return false;
    *ret_end = *ret_next = s.len;
    return true;
}

static bool json_row_end(const struct import_rows *r, bool last, size_t *ret_end, size_t *ret_next)
{
    struct span s = buf_span(&r->held);
    const char *lf = s.len ? memchr(s.ptr, '\n', s.len) : NULL;
    if (!lf && (!last || !s.len))
        return false;
    *ret_end = lf ? (size_t)(lf - s.ptr) : s.len;
    *ret_next = lf ? *ret_end + 1 : s.len;
    return true;
}

/* CSV may have lines that end with CR, as old Macs wrote them. */
static bool ends_line(const struct import_rows *r, size_t i)
{
    struct span s = buf_span(&r->held);
    return s.ptr[i] == '\n' ||
           (r->shape.format == IMPORT_CSV && s.ptr[i] == '\r' && (i + 1 == s.len || s.ptr[i + 1] != '\n'));
}

/* Goes on behind so many bytes: a row, or a line. */
static void pass(struct import_rows *r, size_t len)
{
    if (r->shape.format == IMPORT_NDJSON)
        r->line++;
    for (size_t i = 0; r->shape.format == IMPORT_CSV && i < len; i++)
        r->line += ends_line(r, i);
    buf_consume(&r->held, len);
    r->scanned = 0;
    r->quoted = false;
}

/* Length of the first line with its end; all that is there where it has none. */
static size_t first_line(const struct import_rows *r)
{
    size_t len = buf_len(&r->held);
    for (size_t i = 0; i < len; i++)
        if (ends_line(r, i))
            return i + 1;
    return len;
}

static enum err row(struct import_rows *r, size_t end, size_t next)
{
    struct span s = {buf_span(&r->held).ptr, end};
    bool whole = true;
    enum err e = r->shape.format == IMPORT_CSV ? csv_row(r, s, &whole) : json_line(r, s);
    if (!e)
        pass(r, whole ? next : first_line(r));
    return e;
}

/* To the end of the line, of which more may be yet to come. */
static void skip(struct import_rows *r)
{
    size_t len = first_line(r);
    r->skipping = !ends_line(r, len - 1);
    if (r->skipping)
        buf_consume(&r->held, len);
    else
        pass(r, len);
    r->scanned = 0;
    r->quoted = false;
}

/* No end in sight: the first line is lost, or its rest is yet to come. */
static enum err give_up(struct import_rows *r, const char *why)
{
    if (r->shape.format == IMPORT_CSV && !r->header) {
        (void)snprintf(r->why, sizeof(r->why), "the first row cannot be read: %s", why);
        return ERR_INVALID;
    }
    enum err e = refuse(r, r->line, "", why);
    skip(r);
    return e;
}

static void skip_mark(struct import_rows *r)
{
    static const struct span mark = SPAN_LIT("\xEF\xBB\xBF"); /* which Excel begins UTF-8 with */
    if (span_starts(buf_span(&r->held), mark))
        buf_consume(&r->held, mark.len);
    r->begun = true;
}

static enum err run(struct import_rows *r, bool last)
{
    enum err e = ERR_NONE;
    if (!r->begun && (last || buf_len(&r->held) >= 3))
        skip_mark(r);
    while (!e && r->begun && buf_len(&r->held) > 0) {
        size_t end = 0, next = 0;
        if (r->skipping) {
            skip(r);
            continue;
        }
        bool found = r->shape.format == IMPORT_CSV ? csv_row_end(r, last, &end, &next)
                                                   : json_row_end(r, last, &end, &next);
        if (found && end <= IMPORT_ROW_MAX)
            e = row(r, end, next);
        else if (found || buf_len(&r->held) > IMPORT_ROW_MAX)
            e = give_up(r, r->quoted ? "quotes do not end within 256 KiB" : "is longer than 256 KiB");
        else if (last)
            e = give_up(r, "quotes do not end");
        else
            break;
    }
    return e;
}

enum err import_rows_feed(struct import_rows *r, struct span piece)
{
    enum err e = ERR_NONE;
    while (piece.len && !e) {
        size_t n = piece.len < (1u << 20) ? piece.len : 1u << 20;
        e = buf_add(&r->held, piece.ptr, n);
        piece = (struct span){piece.ptr + n, piece.len - n};
        if (!e)
            e = run(r, false);
    }
    return e;
}

enum err import_rows_end(struct import_rows *r)
{
    enum err e = run(r, true);
    if (!e && r->shape.format == IMPORT_CSV && !r->header) {
        (void)snprintf(r->why, sizeof(r->why), "the file is empty: the first row must name the columns");
        return ERR_INVALID;
    }
    return e;
}

const char *import_rows_why(const struct import_rows *r)
{
    return r->why;
}

enum err import_rows_new(struct import_rows **ret, const struct import_shape *shape,
                         const struct import_taker *taker)
{
    struct import_rows *r = mem_zero(1, sizeof(*r));
    if (!r)
        return ERR_NOMEM;
    r->shape = *shape;
    r->taker = *taker;
    r->line = 1;
    r->charset = (iconv_t)-1;
    buf_init(&r->held, HELD_MAX);
    buf_init(&r->text, 4 * IMPORT_ROW_MAX);
    buf_init(&r->json, USER_ATTRIBUTES_MAX);
    arena_init(&r->arena, ARENA_CHUNK, ARENA_MAX);
    arena_init(&r->names, ARENA_CHUNK, ARENA_MAX);
    enum err e = shape->format == IMPORT_CSV ? csv_begin(r) : ERR_NONE;
    if (!e && shape->charset && (r->charset = iconv_open("UTF-8", shape->charset)) == (iconv_t)-1)
        e = ERR_NOT_FOUND;
    if (e) {
        import_rows_free(r);
        return e;
    }
    *ret = r;
    return ERR_NONE;
}

void import_rows_free(struct import_rows *r)
{
    if (!r)
        return;
    if (r->csv_open)
        csv_free(&r->csv);
    if (r->charset != (iconv_t)-1)
        (void)iconv_close(r->charset);
    buf_deinit(&r->held);
    buf_deinit(&r->text);
    buf_deinit(&r->json);
    arena_deinit(&r->arena);
    arena_deinit(&r->names);
    mem_free(r);
}
