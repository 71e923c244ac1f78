#include "report/statistics.h"

#include <stdio.h>
#include <time.h>

static const struct {
    const char *text;
    int64_t ms;
} units[] = {[STATISTICS_BY_MINUTE] = {"minute", 60000},
             [STATISTICS_BY_HOUR] = {"hour", 3600000},
             [STATISTICS_BY_DAY] = {"day", 86400000}};

static int two_digits(const char *p)
{
    return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9' ? (p[0] - '0') * 10 + p[1] - '0' : -1;
}

enum err statistics_zone_parse(struct span text, int *ret)
{
    if (span_eq_nocase(text, SPAN_LIT("Z"))) {
        *ret = 0;
        return ERR_NONE;
    }
    if (text.len != 6 || !strchr("+- ", text.ptr[0]) || text.ptr[3] != ':')
        return ERR_INVALID;
    int hours = two_digits(text.ptr + 1), minutes = two_digits(text.ptr + 4);
    int n = hours * 60 + minutes;
    if (hours < 0 || minutes < 0 || minutes > 59 || n > STATISTICS_ZONE_MAX)
        return ERR_INVALID;
    *ret = text.ptr[0] == '-' ? -n : n;
    return ERR_NONE;
}

void statistics_zone_text(int zone, char out[static 7])
{
    unsigned n = (unsigned)(zone < 0 ? -zone : zone);
    (void)snprintf(out, 7, "%c%02u:%02u", zone < 0 ? '-' : '+', n / 60 % 100, n % 60);
}

/* Formats ms as a clock of the zone shows it. */
static void format(int64_t ms, int zone, const char *how, char *out, size_t size)
{
    time_t s = (time_t)(ms / 1000 + zone * 60);
    struct tm tm;
    if (!gmtime_r(&s, &tm) || strftime(out, size, how, &tm) == 0)
        out[0] = '\0'; /* the year has more than four digits */
}

void statistics_cells(const struct error_row *row, int zone, struct statistics_cells *ret)
{
    format(row->minute * ERROR_MINUTE_MS, zone, "%Y/%m/%d", ret->date, sizeof(ret->date));
    format(row->first_ms, zone, "%H:%M:%S", ret->start, sizeof(ret->start));
    format(row->last_ms, zone, "%H:%M:%S", ret->end, sizeof(ret->end));
}

void statistics_time(int64_t ms, int zone, char out[static STATISTICS_TIME_SIZE])
{
    format(ms, zone, "%Y-%m-%dT%H:%M:%S", out, STATISTICS_TIME_SIZE);
    size_t len = strlen(out);
    if (len + 7 <= STATISTICS_TIME_SIZE)
        statistics_zone_text(zone, out + len);
}

void statistics_day(int64_t ms, int zone, char out[static 9])
{
    format(ms, zone, "%Y%m%d", out, 9);
}

enum err statistics_by_parse(struct span text, enum statistics_by *ret)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (span_eq(text, span_of(units[i].text))) {
            *ret = (enum statistics_by)i;
            return ERR_NONE;
        }
    }
    return ERR_INVALID;
}

const char *statistics_by_text(enum statistics_by by)
{
    return units[by].text;
}

int64_t statistics_by_ms(enum statistics_by by)
{
    return units[by].ms;
}

int64_t statistics_bucket(int64_t ms, enum statistics_by by, int zone)
{
    int64_t local = ms + (int64_t)zone * 60000, rest = local % units[by].ms;
    if (rest < 0)
        rest += units[by].ms;
    return ms - rest;
}

static int status_of(struct span detail)
{
    int n = 0;
    for (size_t i = 0; i < detail.len; i++) {
        if (detail.ptr[i] < '0' || detail.ptr[i] > '9')
            return 0;
        n = n * 10 + detail.ptr[i] - '0';
        if (i > 2)
            return 0;
    }
    return n >= 100 ? n : 0;
}

enum err statistics_detail(struct span detail, enum fault_id *ret, int *ret_status)
{
    int status = status_of(detail);
    if (status) {
        *ret = FAULT_status;
        *ret_status = status;
        return ERR_NONE;
    }
    for (enum fault_id f = 0; f < FAULT_COUNT; f++) {
        if (f != FAULT_ok && f != FAULT_status && span_eq(detail, span_of(fault_of(f)->detail))) {
            *ret = f;
            *ret_status = 0;
            return ERR_NONE;
        }
    }
    return ERR_NOT_FOUND;
}

enum err statistics_fault(struct span reason, struct span detail, enum fault_id *ret, int *ret_status)
{
    enum fault_id f;
    int status;
    enum err e = statistics_detail(detail, &f, &status);
    if (e || !span_eq(reason, span_of(reason_text(fault_of(f)->reason))))
        return ERR_NOT_FOUND;
    *ret = f;
    *ret_status = status;
    return ERR_NONE;
}

void statistics_cursor(const struct error_place *at, char out[static STATISTICS_CURSOR_SIZE])
{
    enum fault_id f;
    int status;
    bool known = statistics_fault(span_of(at->reason), span_of(at->detail), &f, &status) == ERR_NONE;
    if (known && status)
        (void)snprintf(out, STATISTICS_CURSOR_SIZE, "%lld.%d", (long long)at->minute, status);
    else /* the cursor is from a newer catalogue: the next page begins a minute lower */
        (void)snprintf(out, STATISTICS_CURSOR_SIZE, "%lld.%s", (long long)at->minute,
                       known ? fault_of(f)->id : "");
}

static enum err place(int64_t minute, enum fault_id f, struct span detail, struct error_place *ret)
{
    struct error_row row = {
        .minute = minute, .reason = span_of(reason_text(fault_of(f)->reason)), .detail = detail};
    error_place_of(&row, ret);
    return ERR_NONE;
}

enum err statistics_cursor_parse(struct span text, struct error_place *ret)
{
    int64_t minute = 0;
    size_t at = 0;
    for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++) {
        if (at == 12)
            return ERR_INVALID;
        minute = minute * 10 + text.ptr[at] - '0';
    }
    if (!minute || at == text.len || text.ptr[at] != '.')
        return ERR_INVALID;
    struct span id = {text.ptr + at + 1, text.len - at - 1};
    if (status_of(id))
        return place(minute, FAULT_status, id, ret);
    for (enum fault_id f = 0; f < FAULT_COUNT; f++)
        if (f != FAULT_ok && f != FAULT_status && span_eq(id, span_of(fault_of(f)->id)))
            return place(minute, f, span_of(fault_of(f)->detail), ret);
    if (id.len)
        return ERR_INVALID;
    *ret = (struct error_place){.minute = minute};
    return ERR_NONE;
}
