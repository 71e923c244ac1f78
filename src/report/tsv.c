#include "report/tsv.h"

static const char *const headers[] = {
    [LANG_EN] = "Date\tStart\tEnd\tReason\tDetail\tErrors\n",
    [LANG_JA] = "日付\t開始\t終了\t原因\t詳細\tエラー\n",
};

/* Characters that start a formula in spreadsheets, also in the full-width form of Japanese input methods. */
static const char *const formulas[] = {"=", "+", "-", "@", "＝", "＋", "－", "＠"};

enum err tsv_header(struct buf *out, enum lang lang)
{
    return buf_add_str(out, headers[lang]);
}

static const char *escape_of(char c)
{
    switch (c) {
    case '\t':
        return "\\t";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\\':
        return "\\\\";
    case '\0':
        return "\\0";
    default:
        return NULL;
    }
}

bool tsv_is_formula(struct span text)
{
    while (text.len && (unsigned char)text.ptr[0] <= ' ') { /* some spreadsheets ignore white space before */
        text.ptr++;
        text.len--;
    }
    for (size_t i = 0; i < sizeof(formulas) / sizeof(formulas[0]); i++)
        if (span_starts(text, span_of(formulas[i])))
            return true;
    return false;
}

enum err tsv_cell(struct buf *out, struct span text)
{
    enum err e = tsv_is_formula(text) ? buf_add_str(out, "'") : ERR_NONE;
    for (size_t i = 0, from = 0; !e && i <= text.len; i++) {
        const char *escape = i < text.len ? escape_of(text.ptr[i]) : "";
        if (!escape)
            continue;
        e = buf_add(out, text.ptr + from, i - from);
        if (!e)
            e = buf_add_str(out, escape);
        from = i + 1;
    }
    return e;
}

enum err tsv_row(struct buf *out, const struct statistics_cells *cells, struct span reason,
                 struct span detail, int64_t errors)
{
    const struct span all[] = {span_of(cells->date), span_of(cells->start), span_of(cells->end), reason,
                               detail};
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < sizeof(all) / sizeof(all[0]); i++) {
        e = tsv_cell(out, all[i]);
        if (!e)
            e = buf_add_str(out, "\t");
    }
    return e ? e : buf_printf(out, "%lld\n", (long long)errors);
}
