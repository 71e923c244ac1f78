/*
 * /api/v1/providers/{id}/jobs/{id}/errors: the customer's table of errors with how often each came in a
 * job, in the order of the list, as JSON or as a file.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/campaign/form.h"
#include "api/campaign/job_json.h"
#include "api/campaign/judged.h"
#include "api/campaign/message_view.h"

#define ROWS_MAX 2000u /* different texts that are shown; the rest is counted under the list's own text */
#define ANSWER_MAX (8u << 20)

struct row {
    enum message_state state;
    enum delivery_error_id error;
    struct span text, judged; /* judged empty: of several kinds */
    int64_t count;
};

struct table {
    int64_t provider_id, id;
    struct form form;
    enum job_state job_state;
    struct row *rows;
    size_t count, room;
    int64_t total;
    struct buf out;
};

static bool take_text(struct call *c, struct span *to, struct span text)
{
    const char *p = arena_dup(&c->arena, text);
    if (p)
        *to = (struct span){p, text.len};
    return p;
}

/* The row for what finds no place any more: one an error and state. */
static struct row *rest_of(struct table *t, const struct row *r)
{
    for (size_t i = ROWS_MAX; i < t->count; i++)
        if (t->rows[i].state == r->state && t->rows[i].error == r->error)
            return &t->rows[i];
    return NULL;
}

static enum err take_count(void *arg, const struct job_count *n)
{
    struct call *c = arg;
    struct table *t = c->state;
    struct row r = {.state = n->state, .count = n->count};
    if (!n->error.len || delivery_error_find(n->error, &r.error))
        return ERR_NONE;
    t->total += n->count;
    struct row *rest = rest_of(t, &r);
    if (rest) {
        rest->count += n->count;
        return ERR_NONE;
    }
    if (t->count == t->room)
        return ERR_LIMIT; /* never: there is room for a row of each error and state beyond ROWS_MAX */
    r.text = span_of(delivery_error_of(r.error)->text);
    r.judged = SPAN_LIT("");
    if (t->count < ROWS_MAX && (!take_text(c, &r.text, n->text) || !take_text(c, &r.judged, n->judged)))
        return ERR_NOMEM;
    t->rows[t->count++] = r;
    return ERR_NONE;
}

static int by_list(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->error != y->error)
        return x->error < y->error ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    const size_t len = x->text.len < y->text.len ? x->text.len : y->text.len;
    const int order = memcmp(x->text.ptr, y->text.ptr, len);
    if (order || x->text.len != y->text.len)
        return order ? order : x->text.len < y->text.len ? -1 : 1;
    return (int)x->state - (int)y->state;
}

static enum err take_job(void *arg, const struct job *j)
{
    struct table *t = arg;
    t->job_state = j->state;
    return ERR_NONE;
}

static enum err table_read(struct call *c, struct backend *b)
{
    struct table *t = c->state;
    t->count = 0;
    t->total = 0;
    enum err e = b->ops->jobs->job_get(b, t->provider_id, t->id, take_job, t);
    if (e == ERR_NOT_FOUND)
        return call_stop(c, e, "No such job");
    if (!e)
        e = b->ops->jobs->count_list(b, t->id, take_count, c);
    if (!e && t->count)
        qsort(t->rows, t->count, sizeof(*t->rows), by_list);
    return e;
}

static enum err write_json(struct table *t)
{
    struct json_write w;
    json_write_init(&w, &t->out);
    json_write_object(&w);
    json_write_key(&w, "state");
    json_write_str(&w, job_state_text(t->job_state));
    json_write_key(&w, "total");
    json_write_int(&w, t->total);
    json_write_key(&w, "errors");
    json_write_array(&w);
    for (size_t i = 0; i < t->count; i++) {
        const struct row *r = &t->rows[i];
        json_write_object(&w);
        json_write_key(&w, "error");
        judged_write(&w, r->error, r->text, r->judged, t->form.lang);
        json_write_key(&w, "state");
        json_write_str(&w, message_state_text(r->state));
        json_write_key(&w, "count");
        json_write_int(&w, r->count);
        json_write_end(&w);
    }
    json_write_end(&w);
    json_write_end(&w);
    return json_write_finish(&w);
}

static const char *words_of(const struct row *r, enum judged word, enum lang lang)
{
    const struct delivery_error *e = delivery_error_of(r->error);
    const char *stored[] = {[JUDGED_RETRY] = receipt_retry_text(e->retry),
                            [JUDGED_EFFECT] = receipt_effect_text(RECEIPT_NO_EFFECT),
                            [JUDGED_WHOM] = receipt_whom_text(e->whom)};
    return judged_words(word, r->judged.len ? judged_part(r->judged, word) : span_of(stored[word]), lang);
}

static enum err write_sheet(struct table *t)
{
    /* The first three are the list's own. */
    static const char *const headings[][2] = {{"Error message", "エラーメッセージ"},
                                              {"Kind of error (list)", "エラーの種類"},
                                              {"Kind of error", "エラーの種類（英語）"},
                                              {"Common causes and remarks", "よくある原因・備考"},
                                              {"Messages", "件数"},
                                              {"State", "状態"},
                                              {"May be sent again", "再送の可否"},
                                              {"What it changed", "変更内容"},
                                              {"Who has to act", "対応する人"},
                                              {"What to do", "対処方法"},
                                              {"Error ID", "エラーID"}};
    const enum lang lang = t->form.lang;
    struct sheet s;
    sheet_begin(&s, &t->out, t->form.sheet);
    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
        sheet_text(&s, span_of(headings[i][lang]));
    sheet_end_row(&s);
    for (size_t i = 0; i < t->count; i++) {
        const struct row *r = &t->rows[i];
        const struct delivery_error *e = delivery_error_of(r->error);
        sheet_text(&s, r->text);
        sheet_text(&s, span_of(e->kind));
        sheet_text(&s, span_of(e->kind_en));
        sheet_text(&s, span_of(e->cause[lang]));
        sheet_number(&s, r->count);
        sheet_text(&s, span_of(message_state_words(r->state, lang)));
        for (enum judged word = JUDGED_RETRY; word <= JUDGED_WHOM; word++)
            sheet_text(&s, span_of(words_of(r, word, lang)));
        sheet_text(&s, span_of(e->advice[lang]));
        sheet_text(&s, span_of(e->id));
        sheet_end_row(&s);
    }
    return s.err;
}

static enum err errors_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct table *t = c->state;
    c->why = NULL;
    buf_clear(&t->out);
    enum err e = table_read(c, b);
    if (!e)
        e = t->form.file ? write_sheet(t) : write_json(t);
    return e;
}

static void errors_done(struct store_call *call)
{
    struct call *c = call_of(call);
    struct table *t = c->state;
    if (call->err) {
        buf_deinit(&t->out);
        call_stopped(c, call->err);
        return;
    }
    if (!t->form.file) {
        call_json(c, 200, &t->out);
        return;
    }
    char name[64];
    struct form_headers headers;
    struct buf out = t->out; /* the call, and t with it, ends with the answer */
    (void)snprintf(name, sizeof(name), "job-%lld-errors", (long long)t->id);
    form_headers(&t->form, name, &headers);
    call_answer_with(c, 200, headers.all, FORM_HEADERS, buf_span(&out));
    buf_deinit(&out);
}

void api_job_errors(struct call *c)
{
    static const char *const known[] = {"format", "lang", NULL};
    struct table *t = call_state(c, sizeof(*t));
    if (!t || !query_known(c, known) || !form_read(c, &t->form))
        return;
    t->room = ROWS_MAX + (size_t)DELIVERY_ERROR_COUNT * MESSAGE_STATES;
    t->rows = arena_alloc(&c->arena, t->room * sizeof(*t->rows));
    if (!t->rows) {
        call_failed(c, ERR_NOMEM);
        return;
    }
    t->provider_id = call_channel_id(c->params[0]);
    t->id = call_channel_id(c->params[1]);
    buf_init(&t->out, ANSWER_MAX);
    c->state = t;
    call_read(c, errors_run, errors_done);
}
