/*
 *     read a piece ─► write it ─► read the next … ─► end
 *                        └─ send buffer full: on_drain ─► write it
 */
#include "api/campaign/message_download.h"

#include <stdio.h>

#define PIECE_ROWS 64u
#define PIECE_MAX (1u << 20) /* of a row: a target of 4 KiB that is all escapes, and 4 KiB of words */

struct download {
    struct message_search search;
    struct form form;
    struct message_job job;
    struct backend *b;
    struct message_view view;
    struct sheet sheet;
    struct buf piece;
    bool begun, gone;
    bool busy; /* a store call or a write is under way, and ends the download if the client has left */
};

static void end(struct call *c, bool complete)
{
    struct download *d = c->state;
    buf_deinit(&d->piece);
    call_stream_end(c, complete);
}

static enum err take_job(void *arg, const struct job *j)
{
    struct call *c = arg;
    struct download *d = c->state;
    d->job = message_job_of(j);
    struct span *texts[] = {&d->job.campaign_name, &d->job.short_id};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *p = arena_dup(&c->arena, *texts[i]);
        if (!p)
            return ERR_NOMEM;
        texts[i]->ptr = p;
    }
    return ERR_NONE;
}

static enum err piece_row(void *arg, const struct message *m)
{
    struct download *d = arg;
    enum err e = message_view_read(&d->view, d->b, &d->job, m);
    if (e || !message_search_matches(&d->search, &d->view))
        return e;
    message_view_row(&d->view, &d->sheet, d->form.lang);
    return d->sheet.err;
}

static enum err piece_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct download *d = c->state;
    buf_clear(&d->piece);
    d->b = b;
    if (!d->begun) {
        enum err e =
            b->ops->jobs->job_get(b, d->search.filter.provider_id, d->search.filter.job_id, take_job, c);
        if (e)
            return e == ERR_NOT_FOUND ? call_stop(c, e, "No such job") : e;
        sheet_begin(&d->sheet, &d->piece, d->form.sheet);
        message_view_headings(&d->sheet, d->form.lang);
    } else {
        sheet_go_on(&d->sheet, &d->piece, d->form.sheet);
    }
    message_search_bound(&d->search, PIECE_ROWS);
    enum err e = b->ops->jobs->message_find(b, &d->search.filter, piece_row, d);
    return e ? e : d->sheet.err;
}

static void piece_done(struct store_call *s);

static void read_piece(struct call *c)
{
    struct download *d = c->state;
    d->busy = true;
    call_read(c, piece_run, piece_done);
}

static void write_piece(void *arg)
{
    struct call *c = arg;
    struct download *d = c->state;
    d->busy = true;
    enum err e = buf_len(&d->piece) ? call_stream_write(c, buf_span(&d->piece)) : ERR_NONE;
    d->busy = false;
    if (e == ERR_BUSY && !d->gone)
        return; /* called again once there is room */
    d->search.filter.after = d->search.filter.last;
    if (e || d->gone || !d->search.filter.last)
        end(c, !e && !d->gone);
    else
        read_piece(c);
}

static void on_gone(void *arg)
{
    struct call *c = arg;
    struct download *d = c->state;
    d->gone = true;
    if (!d->busy)
        end(c, false);
}

static void begin(struct call *c)
{
    struct download *d = c->state;
    struct form_headers headers;
    char name[64];
    (void)snprintf(name, sizeof(name), "job-%lld-messages", (long long)d->job.id);
    form_headers(&d->form, name, &headers);
    d->begun = true;
    call_stream_open(c, headers.all, FORM_HEADERS, write_piece, on_gone, c);
}

static void piece_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct download *d = c->state;
    d->busy = false;
    if (s->err && !d->begun) {
        buf_deinit(&d->piece);
        call_stopped(c, s->err);
        return;
    }
    if (s->err || d->gone) {
        end(c, false); /* incomplete, which the client detects */
        return;
    }
    if (!d->begun)
        begin(c);
    write_piece(c);
}

void message_download(struct call *c, const struct message_search *search, const struct form *form)
{
    struct download *d = call_state(c, sizeof(*d));
    if (!d)
        return;
    d->search = *search;
    d->form = *form;
    buf_init(&d->piece, PIECE_MAX);
    c->state = d;
    read_piece(c);
}
