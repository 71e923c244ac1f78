/* /api/v1/channels/{id}/errors and …/errors/summary: a channel's error statistics, as rows and as sums. */
#include "api/channel/errors.h"

#include <stdio.h>

#include "api/page.h"
#include "base/mem.h"
#include "base/time.h"
#include "report/summary.h"

#define SCAN_STEP 20000u /* rows per store call, so that other readers get a turn */
#define ANSWER_MAX (8u << 20)

static bool invalid(struct call *c, const char *property, const char *message)
{
    call_invalid(c, property, message);
    return false;
}

/* A + in a query means a space, so "…T00:00:00+09:00" arrives as "…T00:00:00 09:00". */
static enum err parse_time(struct span text, int64_t *ret)
{
    char fixed[40];
    if (text.len > 6 && text.len < sizeof(fixed) && text.ptr[text.len - 6] == ' ') {
        memcpy(fixed, text.ptr, text.len);
        fixed[text.len - 6] = '+';
        text.ptr = fixed;
    }
    return time_parse(text, ret);
}

static bool read_period(struct call *c, struct error_query *q)
{
    static const char *const names[] = {"from", "to"};
    int64_t *const to[] = {&q->from_ms, &q->to_ms};
    q->from_ms = 0;
    q->to_ms = INT64_MAX;
    for (size_t i = 0; i < 2; i++) {
        struct span text = query_text(c, names[i]);
        if (text.ptr && parse_time(text, to[i]))
            return invalid(c, names[i],
                           "must be a time such as 2026-11-22T05:38:20+09:00, or milliseconds since 1970");
    }
    if (q->from_ms >= q->to_ms)
        return invalid(c, "from", "must be before to");
    q->page.from = q->from_ms / ERROR_MINUTE_MS;
    q->page.to = q->to_ms / ERROR_MINUTE_MS + (q->to_ms % ERROR_MINUTE_MS != 0);
    return true;
}

static bool read_faults(struct call *c, struct error_query *q)
{
    struct span reason = query_text(c, "reason"), detail = query_text(c, "detail");
    enum reason known;
    enum fault_id fault;
    int status;
    if (reason.ptr && (reason_find(reason, &known) || known == REASON_OK))
        return invalid(c, "reason",
                       "must be could_not_connect, request_timeout, error_status_code or unclassified");
    if (detail.ptr && statistics_detail(detail, &fault, &status))
        return invalid(c, "detail", "must be a detail of the catalogue, or a status such as 503");
    q->page.reason = reason;
    q->page.detail = detail;
    return true;
}

/* false: already answered. */
static bool read_query(struct call *c, struct error_query *q)
{
    struct channel_ref *ref = call_channel(c);
    if (!ref)
        return false;
    q->page = (struct error_page){.channel_id = ref->channel.id};
    q->counting = ref->channel.error_statistics && ref->channel.use_webhook;
    channel_ref_drop(ref);
    struct span zone = query_text(c, "zone");
    q->zone = STATISTICS_ZONE;
    if (zone.ptr && statistics_zone_parse(zone, &q->zone))
        return invalid(c, "zone", "must be an offset from UTC such as +09:00, up to 14 hours");
    return read_period(c, q) && read_faults(c, q);
}

struct list_state {
    struct error_query query;
    struct page page;
    struct buf out;
};

static void begin_answer(struct buf *out, struct json_write *w)
{
    buf_init(out, ANSWER_MAX);
    json_write_init(w, out);
    json_write_object(w);
}

static void write_text(struct json_write *w, const char *key, const char *text)
{
    json_write_key(w, key);
    json_write_str(w, text);
}

/* Shows whether errors are counted, because otherwise an empty list does not mean that there were none. */
static void write_counting(struct json_write *w, const struct error_query *q)
{
    json_write_key(w, "counting");
    json_write_bool(w, q->counting);
}

static enum err list_row(void *arg, const struct error_row *row)
{
    struct list_state *l = arg;
    struct json_write *w = &l->page.w;
    struct statistics_cells cells;
    statistics_cells(row, l->query.zone, &cells);
    json_write_object(w);
    write_text(w, "date", cells.date);
    write_text(w, "start", cells.start);
    write_text(w, "end", cells.end);
    json_write_key(w, "reason");
    json_write_span(w, row->reason);
    json_write_key(w, "detail");
    json_write_span(w, row->detail);
    json_write_key(w, "errors");
    json_write_int(w, row->errors);
    json_write_end(w);
    l->page.count++;
    return ERR_NONE;
}

static enum err list_run(struct store_call *s, struct backend *b)
{
    struct list_state *l = call_of(s)->state;
    l->query.page.limit = l->page.limit - l->page.count;
    l->query.page.scan = SCAN_STEP;
    return b->ops->errors->error_list(b, &l->query.page, list_row, l);
}

static void list_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct list_state *l = c->state;
    struct error_page *p = &l->query.page;
    if (!s->err && p->ret_more && l->page.count < l->page.limit) {
        p->at = p->ret_at;
        call_read(c, list_run, list_done);
        return;
    }
    char zone[7], cursor[STATISTICS_CURSOR_SIZE];
    json_write_end(&l->page.w);
    statistics_zone_text(l->query.zone, zone);
    write_text(&l->page.w, "timeZone", zone);
    write_counting(&l->page.w, &l->query);
    if (p->ret_more) {
        statistics_cursor(&p->ret_at, cursor);
        write_text(&l->page.w, "cursor", cursor);
    }
    json_write_end(&l->page.w);
    enum err e = json_write_finish(&l->page.w);
    if (s->err || e) {
        buf_deinit(&l->out);
        call_failed(c, s->err ? s->err : e);
        return;
    }
    call_json(c, 200, &l->out);
}

static bool read_format(struct call *c, bool *ret_tsv, enum lang *ret_lang)
{
    struct span format = query_text(c, "format"), lang = query_text(c, "lang");
    *ret_tsv = span_eq(format, SPAN_LIT("tsv"));
    *ret_lang = span_eq(lang, SPAN_LIT("ja")) ? LANG_JA : LANG_EN;
    if (format.ptr && !*ret_tsv && !span_eq(format, SPAN_LIT("json")))
        return invalid(c, "format", "must be json or tsv");
    if (lang.ptr && *ret_lang == LANG_EN && !span_eq(lang, SPAN_LIT("en")))
        return invalid(c, "lang", "must be en or ja");
    return true;
}

/* Only checks the cursor: it is a position of several numbers, and is parsed again where it is used. */
static enum err check_cursor(struct span text, int64_t *ret)
{
    struct error_place at;
    (void)ret;
    return statistics_cursor_parse(text, &at);
}

void api_error_list(struct call *c)
{
    static const struct page_kind kind = {
        .member = "rows",
        .filters = {"from", "to", "reason", "detail", "format", "lang", "zone"},
        .limit_max = 1000,
        .parse = check_cursor};
    struct list_state *l = call_state(c, sizeof(*l));
    bool tsv;
    enum lang lang;
    if (!l || !page_read(c, &l->page, &kind) || !read_format(c, &tsv, &lang) || !read_query(c, &l->query))
        return;
    struct span cursor = query_text(c, "cursor");
    if (tsv && (cursor.ptr || query_text(c, "limit").ptr)) {
        call_invalid(c, cursor.ptr ? "cursor" : "limit", "is for JSON: a download has all rows");
        return;
    }
    if (tsv) {
        errors_download(c, &l->query, lang);
        return;
    }
    if (cursor.ptr && statistics_cursor_parse(cursor, &l->query.page.at)) {
        call_failed(c, ERR_INTERNAL);
        return;
    }
    c->state = l;
    buf_init(&l->out, ANSWER_MAX);
    page_begin(&l->page, &l->out);
    call_read(c, list_run, list_done);
}

struct summary_state {
    struct error_query query;
    enum statistics_by by;
    struct summary *summary;
    struct buf out;
    bool too_many;
};

static enum err summary_row(void *arg, const struct error_row *row)
{
    struct summary_state *m = arg;
    enum err e = summary_add(m->summary, row);
    m->too_many = e == ERR_LIMIT;
    return e;
}

static enum err summary_run(struct store_call *s, struct backend *b)
{
    struct summary_state *m = call_of(s)->state;
    m->query.page.limit = m->query.page.scan = SCAN_STEP;
    enum err e = b->ops->errors->error_list(b, &m->query.page, summary_row, m);
    if (e || m->query.page.ret_more)
        return e;
    struct json_write w;
    begin_answer(&m->out, &w);
    summary_show(m->summary, &w);
    write_counting(&w, &m->query);
    json_write_end(&w);
    return json_write_finish(&w);
}

static void summary_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct summary_state *m = c->state;
    struct error_page *p = &m->query.page;
    if (!s->err && p->ret_more) {
        p->at = p->ret_at;
        call_read(c, summary_run, summary_done);
        return;
    }
    summary_free(m->summary);
    if (!s->err) {
        call_json(c, 200, &m->out);
        return;
    }
    buf_deinit(&m->out);
    if (m->too_many)
        call_invalid(c, "by", "gives more than 10080 buckets over this period; choose a larger one");
    else
        call_failed(c, s->err);
}

void api_error_summary(struct call *c)
{
    static const char *const known[] = {"from", "to", "by", "reason", "detail", "zone", NULL};
    struct summary_state *m = call_state(c, sizeof(*m));
    if (!m || !query_known(c, known) || !read_query(c, &m->query))
        return;
    struct span by = query_text(c, "by");
    m->by = STATISTICS_BY_HOUR;
    if (by.ptr && statistics_by_parse(by, &m->by)) {
        call_invalid(c, "by", "must be minute, hour or day");
        return;
    }
    enum err e = summary_new(&m->summary, m->by, m->query.zone);
    if (e) {
        call_failed(c, e);
        return;
    }
    c->state = m;
    call_read(c, summary_run, summary_done);
}
