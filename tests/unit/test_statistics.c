/* Error statistics for viewers: zones, buckets, cells, cursors, sums, and the file for spreadsheets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "report/summary.h"
#include "report/tsv.h"

#define MINUTE(ms) ((ms) / ERROR_MINUTE_MS)
/* 2026-11-22T15:00:00Z: midnight of the 23rd in UTC+9 */
#define MIDNIGHT_JST 1795359600000LL

static void zones(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int want; /* minutes; 9999: refused */
    } rows[] = {
        {"+09:00", 540},  {" 09:00", 540},  {"-03:30", -210},  {"Z", 0},         {"z", 0},
        {"+00:00", 0},    {"-00:00", 0},    {"+14:00", 840},   {"-14:00", -840}, {"+05:45", 345},
        {"+14:01", 9999}, {"+09:60", 9999}, {"+9:00", 9999},   {"09:00", 9999},  {"+0900", 9999},
        {"", 9999},       {"JST", 9999},    {"+09:00 ", 9999}, {"+0a:00", 9999}, {"+09:0/", 9999},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int got = 9999;
        enum err e = statistics_zone_parse(span_of(rows[i].text), &got);
        if (got != rows[i].want || (e == ERR_NONE) != (rows[i].want != 9999))
            fail_msg("\"%s\": %d, not %d", rows[i].text, got, rows[i].want);
    }
    char text[7];
    statistics_zone_text(540, text);
    assert_string_equal(text, "+09:00");
    statistics_zone_text(-210, text);
    assert_string_equal(text, "-03:30");
}

static void cells(void **state)
{
    (void)state;
    static const struct {
        int64_t first_ms, last_ms;
        int zone;
        const char *date, *start, *end;
    } rows[] = {
        {MIDNIGHT_JST - 1, MIDNIGHT_JST - 1, 540, "2026/11/22", "23:59:59", "23:59:59"},
        {MIDNIGHT_JST, MIDNIGHT_JST + 59999, 540, "2026/11/23", "00:00:00", "00:00:59"},
        {MIDNIGHT_JST, MIDNIGHT_JST + 59999, 0, "2026/11/22", "15:00:00", "15:00:59"},
        {MIDNIGHT_JST, MIDNIGHT_JST, -210, "2026/11/22", "11:30:00", "11:30:00"},
        {MIDNIGHT_JST, MIDNIGHT_JST, 345, "2026/11/22", "20:45:00", "20:45:00"},
        {951782400000, 951782400000, 0, "2000/02/29", "00:00:00", "00:00:00"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct error_row row = {
            .minute = MINUTE(rows[i].first_ms), .first_ms = rows[i].first_ms, .last_ms = rows[i].last_ms};
        struct statistics_cells got;
        statistics_cells(&row, rows[i].zone, &got);
        assert_string_equal(got.date, rows[i].date);
        assert_string_equal(got.start, rows[i].start);
        assert_string_equal(got.end, rows[i].end);
    }
    char text[STATISTICS_TIME_SIZE], day[9];
    statistics_time(MIDNIGHT_JST, 540, text);
    assert_string_equal(text, "2026-11-23T00:00:00+09:00");
    statistics_time(MIDNIGHT_JST, -210, text);
    assert_string_equal(text, "2026-11-22T11:30:00-03:30");
    statistics_day(MIDNIGHT_JST - 1, 540, day);
    assert_string_equal(day, "20261122");
}

static void buckets(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        enum statistics_by by;
        int zone;
        const char *want;
    } rows[] = {
        {MIDNIGHT_JST - 1, STATISTICS_BY_DAY, 540, "2026-11-22T00:00:00+09:00"},
        {MIDNIGHT_JST, STATISTICS_BY_DAY, 540, "2026-11-23T00:00:00+09:00"},
        {MIDNIGHT_JST, STATISTICS_BY_DAY, 0, "2026-11-22T00:00:00+00:00"},
        {MIDNIGHT_JST + 86399999, STATISTICS_BY_DAY, 540, "2026-11-23T00:00:00+09:00"},
        {MIDNIGHT_JST - 1, STATISTICS_BY_HOUR, 540, "2026-11-22T23:00:00+09:00"},
        {MIDNIGHT_JST, STATISTICS_BY_HOUR, 345, "2026-11-22T20:00:00+05:45"}, /* an hour of that zone */
        {MIDNIGHT_JST, STATISTICS_BY_HOUR, -210, "2026-11-22T11:00:00-03:30"},
        {MIDNIGHT_JST + 61001, STATISTICS_BY_MINUTE, 540, "2026-11-23T00:01:00+09:00"},
        {0, STATISTICS_BY_DAY, -60, "1969-12-31T00:00:00-01:00"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[STATISTICS_TIME_SIZE];
        int64_t start = statistics_bucket(rows[i].ms, rows[i].by, rows[i].zone);
        statistics_time(start, rows[i].zone, text);
        assert_string_equal(text, rows[i].want);
        assert_true(start <= rows[i].ms && rows[i].ms < start + statistics_by_ms(rows[i].by));
    }
    enum statistics_by by;
    assert_int_equal(statistics_by_parse(SPAN_LIT("hour"), &by), ERR_NONE);
    assert_int_equal(by, STATISTICS_BY_HOUR);
    assert_int_equal(statistics_by_parse(SPAN_LIT("week"), &by), ERR_INVALID);
}

/* Every row that can be stored has a cursor that leads back to it, and fits where it is kept. */
static void cursors(void **state)
{
    (void)state;
    for (enum fault_id f = 0; f < FAULT_COUNT; f++) {
        if (f == FAULT_ok)
            continue;
        struct span detail = f == FAULT_status ? SPAN_LIT("503") : span_of(fault_of(f)->detail);
        const struct error_row row = {
            .minute = 29730000, .reason = span_of(reason_text(fault_of(f)->reason)), .detail = detail};
        assert_true(row.reason.len <= ERROR_REASON_MAX && row.detail.len <= ERROR_DETAIL_MAX);
        struct error_place place, back;
        char text[STATISTICS_CURSOR_SIZE];
        error_place_of(&row, &place);
        statistics_cursor(&place, text);
        assert_int_equal(statistics_cursor_parse(span_of(text), &back), ERR_NONE);
        assert_true(back.minute == place.minute && strcmp(back.reason, place.reason) == 0 &&
                    strcmp(back.detail, place.detail) == 0);
    }
    static const char *const bad[] = {"",
                                      "29730000",
                                      ".503",
                                      "29730000.nothing",
                                      "29730000.50",
                                      "0.503",
                                      "x.503",
                                      "29730000.5030",
                                      "29730000.ok",
                                      "1e9.503",
                                      "-1.503",
                                      "29730000 503",
                                      "29730000.status",
                                      "99999999999999.503"};
    struct error_place place;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (statistics_cursor_parse(span_of(bad[i]), &place) != ERR_INVALID)
            fail_msg("\"%s\" was taken for a cursor", bad[i]);
}

static struct error_row row_at(int64_t ms, const char *reason, const char *detail, int64_t errors)
{
    return (struct error_row){.minute = MINUTE(ms),
                              .reason = span_of(reason),
                              .detail = span_of(detail),
                              .first_ms = ms,
                              .last_ms = ms + 1000,
                              .errors = errors};
}

static void sums(void **state)
{
    (void)state;
    struct summary *s;
    assert_int_equal(summary_new(&s, STATISTICS_BY_DAY, STATISTICS_ZONE), ERR_NONE);
    const struct error_row rows[] = {
        row_at(MIDNIGHT_JST + 60000, "request_timeout", "Request timeout", 3),
        row_at(MIDNIGHT_JST, "error_status_code", "503", 10),
        row_at(MIDNIGHT_JST, "could_not_connect", "Unknown host", 2),
        row_at(MIDNIGHT_JST - 60000, "error_status_code", "503", 1),
        row_at(MIDNIGHT_JST - 60000, "error_status_code", "500", 5),
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(summary_add(s, &rows[i]), ERR_NONE);
    struct buf out;
    struct json_write w;
    buf_init(&out, 65536);
    json_write_init(&w, &out);
    json_write_object(&w);
    summary_show(s, &w);
    json_write_end(&w);
    assert_int_equal(json_write_finish(&w), ERR_NONE);
    char *text = buf_steal(&out);
    assert_string_equal(
        text,
        "{\"by\":\"day\",\"buckets\":["
        "{\"start\":\"2026-11-22T00:00:00+09:00\",\"reason\":\"error_status_code\",\"errors\":6},"
        "{\"start\":\"2026-11-23T00:00:00+09:00\",\"reason\":\"could_not_connect\",\"errors\":2},"
        "{\"start\":\"2026-11-23T00:00:00+09:00\",\"reason\":\"request_timeout\",\"errors\":3},"
        "{\"start\":\"2026-11-23T00:00:00+09:00\",\"reason\":\"error_status_code\",\"errors\":10}],"
        "\"totals\":[{\"reason\":\"error_status_code\",\"errors\":16},"
        "{\"reason\":\"request_timeout\",\"errors\":3},{\"reason\":\"could_not_connect\",\"errors\":2}],"
        "\"details\":["
        "{\"detail\":\"503\",\"reason\":\"error_status_code\",\"errors\":11,"
        "\"first\":\"2026-11-22T23:59:00+09:00\",\"last\":\"2026-11-23T00:00:01+09:00\"},"
        "{\"detail\":\"500\",\"reason\":\"error_status_code\",\"errors\":5,"
        "\"first\":\"2026-11-22T23:59:00+09:00\",\"last\":\"2026-11-22T23:59:01+09:00\"},"
        "{\"detail\":\"Request timeout\",\"reason\":\"request_timeout\",\"errors\":3,"
        "\"first\":\"2026-11-23T00:01:00+09:00\",\"last\":\"2026-11-23T00:01:01+09:00\"},"
        "{\"detail\":\"Unknown host\",\"reason\":\"could_not_connect\",\"errors\":2,"
        "\"first\":\"2026-11-23T00:00:00+09:00\",\"last\":\"2026-11-23T00:00:01+09:00\"}],"
        "\"total\":21,\"timeZone\":\"+09:00\"}");
    mem_free(text);
    summary_free(s);
}

static void too_many_buckets(void **state)
{
    (void)state;
    struct summary *s;
    assert_int_equal(summary_new(&s, STATISTICS_BY_MINUTE, 0), ERR_NONE);
    for (int64_t i = 0; i <= SUMMARY_BUCKETS_MAX; i++) {
        const struct error_row row = row_at(MIDNIGHT_JST - i * 60000, "error_status_code", "500", 1);
        assert_int_equal(summary_add(s, &row), i < SUMMARY_BUCKETS_MAX ? ERR_NONE : ERR_LIMIT);
    }
    summary_free(s);
}

static void cell_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want, *why;
    } rows[] = {
        {"Unknown host", "Unknown host", "plain"},
        {"503", "503", "a number is a number"},
        {"", "", "empty"},
        {"a\tb", "a\\tb", "a tab would begin the next cell"},
        {"a\nb\r\nc", "a\\nb\\r\\nc", "a line break would begin the next row"},
        {"a\\tb", "a\\\\tb", "what looks like an escape stays different from one"},
        {"=1+1", "'=1+1", "a formula"},
        {"+1", "'+1", "a formula"},
        {"-1", "'-1", "a formula"},
        {"@SUM(A1)", "'@SUM(A1)", "a formula"},
        {"＝1", "'＝1", "full width"},
        {" =1", "' =1", "after a blank"},
        {"\t=1", "'\\t=1", "after a tab"},
        {"a=1", "a=1", "not at the beginning"},
        {"接続\"失敗\"", "接続\"失敗\"", "quotes mean nothing here"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out;
        buf_init(&out, 256);
        assert_int_equal(tsv_cell(&out, span_of(rows[i].text)), ERR_NONE);
        if (!span_eq(buf_span(&out), span_of(rows[i].want)))
            fail_msg("%s: %.*s", rows[i].why, (int)buf_len(&out), buf_span(&out).ptr);
        buf_deinit(&out);
    }
}

static void lines(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1024);
    const struct statistics_cells c = {"2026/11/22", "05:38:01", "05:38:44"};
    assert_int_equal(tsv_header(&out, LANG_JA), ERR_NONE);
    assert_int_equal(tsv_header(&out, LANG_EN), ERR_NONE);
    assert_int_equal(tsv_row(&out, &c, SPAN_LIT("error_status_code"), SPAN_LIT("503"), 12), ERR_NONE);
    assert_true(
        span_eq(buf_span(&out), SPAN_LIT("日付\t開始\t終了\t原因\t詳細\tエラー\n"
                                         "Date\tStart\tEnd\tReason\tDetail\tErrors\n"
                                         "2026/11/22\t05:38:01\t05:38:44\terror_status_code\t503\t12\n")));
    buf_deinit(&out);
}

static void without_memory(void **state)
{
    (void)state;
    const struct error_row row = row_at(MIDNIGHT_JST, "error_status_code", "500", 1);
    for (unsigned long n = 1; n < 8; n++) {
        struct summary *s = NULL;
        mem_fail_at(n);
        enum err e = summary_new(&s, STATISTICS_BY_DAY, 0);
        if (!e)
            e = summary_add(s, &row);
        mem_fail_at(0);
        assert_true(e == ERR_NONE || e == ERR_NOMEM);
        summary_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones),     cmocka_unit_test(cells), cmocka_unit_test(buckets),
        cmocka_unit_test(cursors),   cmocka_unit_test(sums),  cmocka_unit_test(too_many_buckets),
        cmocka_unit_test(cell_rows), cmocka_unit_test(lines), cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
