#pragma once
/*
 * The error statistics as a table for spreadsheets: tab-separated values in UTF-8, a header line, then a line
 * a row, each ended by a line feed. A cell cannot leave its place (a tab, a line break and a backslash in it
 * are written \t, \n, \r and \\), and none is run as a formula: one that begins as a formula does gets an
 * apostrophe before it, which spreadsheets take for "this is text".
 */
#include "base/buf.h"
#include "fault/fault.h"
#include "report/statistics.h"

/* The header line: Date, Start, End, Reason, Detail, Errors, or 日付, 開始, 終了, 原因, 詳細, エラー. */
enum err tsv_header(struct buf *out, enum lang lang) MUST_CHECK;
enum err tsv_row(struct buf *out, const struct statistics_cells *cells, struct span reason,
                 struct span detail, int64_t errors) MUST_CHECK;
/* One cell, without its tab. ERR_LIMIT, ERR_NOMEM, as the two above: out is then to be thrown away. */
enum err tsv_cell(struct buf *out, struct span text) MUST_CHECK;
