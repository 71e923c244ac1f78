#include "report/sheet.h"

#include "report/tsv.h"

static void put(struct sheet *s, struct span text)
{
    if (!s->err)
        s->err = buf_add(s->out, text.ptr, text.len);
}

void sheet_go_on(struct sheet *s, struct buf *out, enum sheet_form form)
{
    *s = (struct sheet){.out = out, .form = form};
}

void sheet_begin(struct sheet *s, struct buf *out, enum sheet_form form)
{
    sheet_go_on(s, out, form);
    if (form == SHEET_CSV)
        put(s, SPAN_LIT("\xEF\xBB\xBF"));
}

static void part(struct sheet *s)
{
    if (s->begun)
        put(s, s->form == SHEET_CSV ? SPAN_LIT(",") : SPAN_LIT("\t"));
    s->begun = true;
}

/* Line breaks stay, a quote is doubled. NUL, at which some programs end the file, is written \0. */
static void csv_text(struct sheet *s, struct span text)
{
    put(s, tsv_is_formula(text) ? SPAN_LIT("\"'") : SPAN_LIT("\""));
    for (size_t i = 0, from = 0; i <= text.len; i++) {
        const bool end = i == text.len;
        if (!end && text.ptr[i] != '"' && text.ptr[i] != '\0')
            continue;
        put(s, (struct span){text.ptr + from, i - from});
        if (!end)
            put(s, text.ptr[i] == '"' ? SPAN_LIT("\"\"") : SPAN_LIT("\\0"));
        from = i + 1;
    }
    put(s, SPAN_LIT("\""));
}

void sheet_text(struct sheet *s, struct span text)
{
    if (!text.ptr)
        text = SPAN_LIT("");
    part(s);
    if (s->form == SHEET_CSV)
        csv_text(s, text);
    else if (!s->err)
        s->err = tsv_cell(s->out, text);
}

void sheet_number(struct sheet *s, int64_t n)
{
    part(s);
    if (!s->err)
        s->err = buf_printf(s->out, "%lld", (long long)n);
}

void sheet_end_row(struct sheet *s)
{
    put(s, s->form == SHEET_CSV ? SPAN_LIT("\r\n") : SPAN_LIT("\n"));
    s->begun = false;
}

const char *sheet_type(enum sheet_form form)
{
    return form == SHEET_CSV ? "text/csv; charset=utf-8" : "text/tab-separated-values; charset=utf-8";
}

const char *sheet_extension(enum sheet_form form)
{
    return form == SHEET_CSV ? "csv" : "tsv";
}
