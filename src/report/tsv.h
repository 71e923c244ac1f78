#pragma once
/*
 * The error statistics as a table for spreadsheets: tab-separated values in UTF-8, a header line, then one
 * line for each row, each ended by a line feed. No cell can break the table (a tab, a line break or a
 * backslash is written \t, \n, \r or \\), and none runs as a formula: a cell that looks like one starts with
 * an apostrophe, which spreadsheets read as "this is text".
 */
#include "base/buf.h"
#include "fault/fault.h"
#include "report/statistics.h"

/* Writes the header line: Date, Start, End, Reason, Detail, Errors, or 日付, 開始, 終了, 原因, 詳細, エラー. */
enum err tsv_header(struct buf *out, enum lang lang) MUST_CHECK;
enum err tsv_row(struct buf *out, const struct statistics_cells *cells, struct span reason,
                 struct span detail, int64_t errors) MUST_CHECK;
/* Whether a spreadsheet may take the cell for a formula. */
bool tsv_is_formula(struct span text);
/* Writes one cell without its tab. ERR_LIMIT, ERR_NOMEM as above: out must then be discarded. */
enum err tsv_cell(struct buf *out, struct span text) MUST_CHECK;
