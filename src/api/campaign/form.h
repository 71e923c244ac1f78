#pragma once
/* In which form and language a table is asked for: ?format=json|tsv|csv&lang=en|ja. */
#include "api/call.h"
#include "report/sheet.h"

struct form {
    bool file; /* a download, in: */
    enum sheet_form sheet;
    enum lang lang;
};

/* false: already answered with 400. Refuses cursor and limit beside a file, which has all rows. */
bool form_read(struct call *c, struct form *ret) MUST_CHECK;

#define FORM_HEADERS 4u
struct form_headers {
    char disposition[96];
    struct server_header_out all[FORM_HEADERS];
};
/* The headers of a download that is saved as "name.tsv". */
void form_headers(const struct form *f, const char *name, struct form_headers *ret);
