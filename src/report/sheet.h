#pragma once
/*
 * Tables for spreadsheet programs, a row after the other:
 *
 *     SHEET_TSV  as tsv.h: tab-separated, a line feed ends a row
 *     SHEET_CSV  RFC 4180: commas, every text in quotes, a carriage return and a line feed end a row.
 *     Begins with
 *                a byte order mark, without which Excel reads Japanese in the machine's old encoding
 *
 * Both are UTF-8, and no cell runs as a formula (tsv.h says how).
 */
#include <stdbool.h>

#include "base/buf.h"

enum sheet_form { SHEET_TSV, SHEET_CSV };

/* The first failure (the buf's cap, memory) is kept in err, and all calls after it do nothing. */
struct sheet {
    struct buf *out;
    enum sheet_form form;
    bool begun; /* the row has a cell */
    enum err err;
};

void sheet_begin(struct sheet *s, struct buf *out, enum sheet_form form); /* of a file */
/* Of a further piece of the file. */
void sheet_go_on(struct sheet *s, struct buf *out, enum sheet_form form);
void sheet_text(struct sheet *s, struct span text);
void sheet_number(struct sheet *s, int64_t n);
void sheet_end_row(struct sheet *s);

const char *sheet_type(enum sheet_form form);      /* the content-type */
const char *sheet_extension(enum sheet_form form); /* "csv" */
