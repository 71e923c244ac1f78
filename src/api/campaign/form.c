#include "api/campaign/form.h"

#include <stdio.h>

static bool invalid(struct call *c, const char *property, const char *message)
{
    call_invalid(c, property, message);
    return false;
}

bool form_read(struct call *c, struct form *ret)
{
    const struct span format = query_text(c, "format"), lang = query_text(c, "lang");
    const bool tsv = span_eq(format, SPAN_LIT("tsv")), csv = span_eq(format, SPAN_LIT("csv"));
    *ret = (struct form){.file = tsv || csv,
                         .sheet = csv ? SHEET_CSV : SHEET_TSV,
                         .lang = span_eq(lang, SPAN_LIT("ja")) ? LANG_JA : LANG_EN};
    if (format.ptr && !ret->file && !span_eq(format, SPAN_LIT("json")))
        return invalid(c, "format", "must be json, tsv or csv");
    if (lang.ptr && ret->lang == LANG_EN && !span_eq(lang, SPAN_LIT("en")))
        return invalid(c, "lang", "must be en or ja");
    static const char *const of_pages[] = {"cursor", "limit"};
    for (size_t i = 0; ret->file && i < 2; i++)
        if (query_text(c, of_pages[i]).ptr)
            return invalid(c, of_pages[i], "is for JSON: a download has all rows");
    return true;
}

void form_headers(const struct form *f, const char *name, struct form_headers *ret)
{
    (void)snprintf(ret->disposition, sizeof(ret->disposition), "attachment; filename=\"%s.%s\"", name,
                   sheet_extension(f->sheet));
    const struct server_header_out all[FORM_HEADERS] = {
        {"content-type", sheet_type(f->sheet)},
        {"content-disposition", ret->disposition},
        {"cache-control", "no-store"},
        {"x-content-type-options", "nosniff"},
    };
    memcpy(ret->all, all, sizeof(all));
}
