/*
 * POST /api/v1/providers/{id}/queries/preview: the first rows of some SQL, how long they took, and the plan.
 * SQL that fails is an answer too: it is what a preview is for.
 */
#include "api/call.h"
#include "api/campaign/body.h"
#include "base/mem.h"
#include "campaign/query.h"

/* Each is a process: somebody who types waits for one, and a loop has more to do. */
#define PREVIEWS_MAX 4u
#define PREVIEW_OUT (4u << 20)

struct preview {
    struct buf rows; /* JSON of the rows, with commas */
    struct query *query;
    bool lacks_memory;
};

/* A number as SQLite writes it is JSON, but for what JSON has no numbers for. */
static bool is_json(struct span number)
{
    size_t at;
    return json_check(number, 1, &at) == ERR_NONE;
}

static void write_cell(struct json_write *w, const struct query_cell *cell)
{
    static const char hex[] = "0123456789abcdef";
    char bytes[2 * QUERY_PREVIEW_CELL];
    switch (cell->kind) {
    case QUERY_NULL:
        json_write_null(w);
        return;
    case QUERY_NUMBER:
        if (is_json(cell->text))
            json_write_raw(w, cell->text);
        else
            json_write_span(w, cell->text);
        return;
    case QUERY_TEXT:
        json_write_span(w, cell->text);
        return;
    case QUERY_BLOB:
        break;
    }
    size_t len = cell->text.len < QUERY_PREVIEW_CELL ? cell->text.len : QUERY_PREVIEW_CELL;
    for (size_t i = 0; i < len; i++) {
        bytes[2 * i] = hex[(unsigned char)cell->text.ptr[i] >> 4];
        bytes[2 * i + 1] = hex[(unsigned char)cell->text.ptr[i] & 15];
    }
    json_write_object(w);
    json_write_key(w, "hex");
    json_write_span(w, (struct span){bytes, 2 * len});
    json_write_end(w);
}

static void on_rows(void *arg, const struct query_row *rows, size_t count)
{
    struct call *c = arg;
    struct preview *p = c->state;
    for (size_t i = 0; i < count; i++) {
        struct json_write w;
        enum err e = buf_add_str(&p->rows, buf_len(&p->rows) ? "," : "[");
        json_write_init(&w, &p->rows);
        json_write_array(&w);
        for (size_t k = 0; k < rows[i].count; k++)
            write_cell(&w, &rows[i].cells[k]);
        json_write_end(&w);
        if (json_write_finish(&w) || e)
            p->lacks_memory = true;
    }
}

static void write_error(struct json_write *w, const struct query_end *end)
{
    static const char *const results[] = {
        [QUERY_DONE] = "", [QUERY_REFUSED] = "refused", [QUERY_EXCESS] = "excess", [QUERY_GONE] = "gone"};
    json_write_key(w, "error");
    if (end->result == QUERY_DONE) {
        json_write_null(w);
        return;
    }
    json_write_object(w);
    json_write_key(w, "result");
    json_write_str(w, results[end->result]);
    json_write_key(w, "bound");
    json_write_str(w, end->result == QUERY_EXCESS ? query_bound_text(end->bound) : NULL);
    json_write_key(w, "message");
    json_write_str(w, end->message);
    json_write_key(w, "line");
    if (end->line)
        json_write_uint(w, end->line);
    else
        json_write_null(w);
    json_write_key(w, "column");
    if (end->line)
        json_write_uint(w, end->column);
    else
        json_write_null(w);
    json_write_end(w);
}

static void write_plan(struct json_write *w, const struct query_end *end)
{
    json_write_key(w, "plan");
    json_write_array(w);
    for (size_t i = 0; i < end->plan_count; i++) {
        json_write_object(w);
        json_write_key(w, "depth");
        json_write_uint(w, end->plan[i].depth);
        json_write_key(w, "text");
        json_write_span(w, end->plan[i].text);
        json_write_end(w);
    }
    json_write_end(w);
}

static void on_end(void *arg, const struct query_end *end)
{
    struct call *c = arg;
    struct preview *p = c->state;
    struct buf out;
    struct json_write w;
    buf_init(&out, PREVIEW_OUT);
    json_write_init(&w, &out);
    json_write_object(&w);
    json_write_key(&w, "columns");
    json_write_array(&w);
    for (size_t i = 0; i < end->column_count; i++)
        json_write_str(&w, end->columns[i]);
    json_write_end(&w);
    struct buf rows = p->rows; /* "[" and "]" belong around it */
    p->rows = (struct buf){0};
    json_write_key(&w, "rows");
    bool whole = !p->lacks_memory && !buf_add_str(&rows, buf_len(&rows) ? "]" : "[]");
    json_write_raw(&w, whole ? buf_span(&rows) : SPAN_LIT("[]"));
    json_write_key(&w, "more");
    json_write_bool(&w, end->more);
    json_write_key(&w, "ms");
    json_write_uint(&w, end->ms);
    json_write_key(&w, "steps");
    json_write_uint(&w, end->steps);
    write_plan(&w, end);
    write_error(&w, end);
    json_write_end(&w);
    c->api->previews--;
    if (whole) {
        call_finish(c, 200, &w);
    } else {
        buf_deinit(&out);
        call_failed(c, ERR_NOMEM);
    }
    buf_deinit(&rows);
}

void api_query_preview(struct call *c)
{
    static const struct query_calls calls = {.rows = on_rows, .end = on_end};
    struct preview *p = call_state(c, sizeof(*p));
    struct json_field f[] = {{.key = "sql"}};
    struct query_ask ask = {.preview = true};
    if (!p || !body_fields(c, f, 1) || !body_text(c, "sql", f[0].value, QUERY_SQL_MAX, &ask.sql))
        return;
    if (c->api->previews == PREVIEWS_MAX) {
        call_retry(c, 503, "Other previews are running; try again in a moment", 1);
        return;
    }
    struct query_options o = *c->api->config.queries;
    if (o.time_ms > QUERY_PREVIEW_MS)
        o.time_ms = QUERY_PREVIEW_MS;
    ask.provider_id = call_channel_id(c->params[0]);
    buf_init(&p->rows, PREVIEW_OUT);
    c->state = p;
    enum err e = query_start(c->api->config.mailbox->wake.loop, &o, &ask, &calls, c, &p->query);
    if (e)
        call_failed(c, e);
    else
        c->api->previews++;
}
