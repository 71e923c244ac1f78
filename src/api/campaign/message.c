/*
 * …/jobs/{id}/messages: the messages of a job, by pages or as a file (message_download.c);
 * …/users/{user}/messages: those of a person in all jobs, newest first.
 */
#include <stdio.h>

#include "api/campaign/message_download.h"
#include "api/page.h"

#define ANSWER_MAX (8u << 20)

struct message_page {
    struct message_search search;
    struct page page;
    enum lang lang;
    struct span user_name; /* of …/users/{user}/messages; ptr NULL: of a job */
    struct buf out;
    /* The job of the rows: of a job's list the one, of a user's list the last row's. */
    struct message_job job;
    struct backend *b;
    struct message_view view;
    int64_t last_n; /* of the last row shown of a user's list */
};

static enum err take_job(void *arg, const struct job *j)
{
    struct call *c = arg;
    struct message_page *l = c->state;
    l->job = message_job_of(j);
    struct span *texts[] = {&l->job.campaign_name, &l->job.short_id};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *p = arena_dup(&c->arena, *texts[i]);
        if (!p)
            return ERR_NOMEM;
        texts[i]->ptr = p;
    }
    return ERR_NONE;
}

static enum err find_job(struct call *c, struct backend *b, int64_t id)
{
    struct message_page *l = c->state;
    return l->job.id == id ? ERR_NONE
                           : b->ops->jobs->job_get(b, l->search.filter.provider_id, id, take_job, c);
}

static enum err list_row(void *arg, const struct message *m)
{
    struct call *c = arg;
    struct message_page *l = c->state;
    enum err e = find_job(c, l->b, m->job_id);
    if (!e)
        e = message_view_read(&l->view, l->b, &l->job, m);
    if (e || !message_search_matches(&l->search, &l->view) ||
        !page_row(&l->page, l->user_name.ptr ? m->job_id : m->n))
        return e == ERR_NOT_FOUND ? ERR_NONE : e; /* the job was deleted, and its messages go */
    l->last_n = m->n;
    message_view_json(&l->view, &l->page.w, l->lang, l->user_name.ptr);
    return ERR_NONE;
}

static enum err take_user(void *arg, const struct user *u)
{
    struct message_page *l = arg;
    l->search.filter.user_id = u->id;
    return ERR_NONE;
}

/* Whose messages: the job must be the provider's, the user be known. */
static enum err find_owner(struct call *c, struct backend *b)
{
    struct message_page *l = c->state;
    struct message_filter *f = &l->search.filter;
    enum err e;
    if (l->user_name.ptr)
        e = f->user_id ? ERR_NONE
                       : b->ops->audience->user_find(b, f->provider_id, l->user_name, take_user, l);
    else
        e = find_job(c, b, f->job_id);
    return e == ERR_NOT_FOUND ? call_stop(c, e, l->user_name.ptr ? "No such user" : "No such job") : e;
}

static enum err list_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct message_page *l = c->state;
    l->b = b;
    enum err e = find_owner(c, b);
    message_search_bound(&l->search, page_ask(&l->page) - l->page.count);
    return e ? e : b->ops->jobs->message_find(b, &l->search.filter, list_row, c);
}

static void list_done(struct store_call *call)
{
    struct call *c = call_of(call);
    struct message_page *l = c->state;
    struct message_filter *f = &l->search.filter;
    if (!call->err && f->last && !l->page.more) {
        f->after = f->last;
        f->after_n = f->last_n;
        call_read(c, list_run, list_done);
        return;
    }
    json_write_end(&l->page.w);
    if (l->page.more) {
        char cursor[48];
        (void)snprintf(cursor, sizeof(cursor), l->user_name.ptr ? "%lld-%lld" : "%lld",
                       (long long)l->page.last, (long long)l->last_n);
        json_write_key(&l->page.w, "cursor");
        json_write_str(&l->page.w, cursor);
    }
    json_write_end(&l->page.w);
    const enum err e = json_write_finish(&l->page.w);
    if (call->err || e) {
        buf_deinit(&l->out);
        call_stopped(c, call->err ? call->err : e);
        return;
    }
    call_json(c, 200, &l->out);
}

static void list_begin(struct call *c, struct message_page *l)
{
    buf_init(&l->out, ANSWER_MAX);
    page_begin(&l->page, &l->out);
    call_read(c, list_run, list_done);
}

void api_job_message_list(struct call *c)
{
    static const struct page_kind kind = {.member = "messages",
                                          .filters = {MESSAGE_SEARCH_FILTERS, "format", "lang"}};
    struct message_page *l = call_state(c, sizeof(*l));
    struct form form;
    if (!l || !page_read(c, &l->page, &kind) || !form_read(c, &form) || !message_search_read(c, &l->search))
        return;
    l->search.filter.provider_id = call_channel_id(c->params[0]);
    l->search.filter.job_id = call_channel_id(c->params[1]);
    l->search.filter.after = l->page.from;
    l->lang = form.lang;
    if (form.file) {
        message_download(c, &l->search, &form);
        return;
    }
    c->state = l;
    list_begin(c, l);
}

/* "job-n" */
static bool read_place(struct span text, struct message_filter *f)
{
    const char *dash = memchr(text.ptr, '-', text.len);
    if (!dash)
        return false;
    f->after = call_channel_id((struct span){text.ptr, (size_t)(dash - text.ptr)});
    f->after_n = call_channel_id((struct span){dash + 1, text.len - (size_t)(dash + 1 - text.ptr)});
    return f->after && f->after_n;
}

/* Only checks the cursor, which is of two numbers and is read again where it is used. */
static enum err check_place(struct span text, int64_t *ret)
{
    struct message_filter f;
    (void)ret;
    return read_place(text, &f) ? ERR_NONE : ERR_INVALID;
}

void api_user_message_list(struct call *c)
{
    static const struct page_kind kind = {.member = "messages",
                                          .filters = {MESSAGE_SEARCH_FILTERS, "lang"},
                                          .start = INT64_MAX,
                                          .parse = check_place};
    struct message_page *l = call_state(c, sizeof(*l));
    struct form form;
    if (!l || !page_read(c, &l->page, &kind) || !form_read(c, &form) || !message_search_read(c, &l->search))
        return;
    struct message_filter *f = &l->search.filter;
    const struct span cursor = query_text(c, "cursor");
    l->user_name = query_path(c, c->params[1]);
    if (!l->user_name.ptr) {
        call_failed(c, ERR_NOMEM);
        return;
    }
    f->provider_id = call_channel_id(c->params[0]);
    f->after = f->after_n = INT64_MAX;
    if (cursor.ptr && !read_place(cursor, f)) {
        call_failed(c, ERR_INTERNAL);
        return;
    }
    l->lang = form.lang;
    c->state = l;
    list_begin(c, l);
}
