/*
 * Downloads the error statistics as a file of any length, with one piece in memory at a time.
 *
 *     read a piece ─► write it ─► read the next … ─► end
 *                        └─ send buffer full: on_drain ─► write it
 */
#include <stdio.h>

#include "api/channel/errors.h"
#include "base/mem.h"
#include "report/tsv.h"

#define PIECE_ROWS 1000u
#define PIECE_SCAN 20000u
#define PIECE_MAX (1u << 20)

struct download {
    struct error_query query;
    enum lang lang;
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

static enum err piece_row(void *arg, const struct error_row *row)
{
    struct download *d = arg;
    struct statistics_cells cells;
    statistics_cells(row, d->query.zone, &cells);
    return tsv_row(&d->piece, &cells, row->reason, row->detail, row->errors);
}

static enum err piece_run(struct store_call *s, struct backend *b)
{
    struct download *d = call_of(s)->state;
    buf_clear(&d->piece);
    d->query.page.limit = PIECE_ROWS;
    d->query.page.scan = PIECE_SCAN;
    enum err e = d->begun ? ERR_NONE : tsv_header(&d->piece, d->lang);
    return e ? e : b->ops->errors->error_list(b, &d->query.page, piece_row, d);
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
    enum err e = call_stream_write(c, buf_span(&d->piece));
    d->busy = false;
    if (e == ERR_BUSY && !d->gone)
        return; /* called again once there is room */
    d->query.page.at = d->query.page.ret_at;
    if (e || d->gone || !d->query.page.ret_more)
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
    char from[9] = "", to[9] = "", name[96];
    int64_t now = c->api->config.clock->wall_ms(c->api->config.clock->arg);
    if (d->query.from_ms)
        statistics_day(d->query.from_ms, d->query.zone, from);
    statistics_day(d->query.to_ms < now ? d->query.to_ms - 1 : now, d->query.zone, to);
    (void)snprintf(name, sizeof(name), "attachment; filename=\"errors-%lld%s%s-%s.tsv\"",
                   (long long)d->query.page.channel_id, from[0] ? "-" : "", from, to);
    const struct server_header_out headers[] = {
        {"content-type", "text/tab-separated-values; charset=utf-8"},
        {"content-disposition", name},
        {"cache-control", "no-store"},
        {"x-content-type-options", "nosniff"},
    };
    d->begun = true;
    call_stream_open(c, headers, 4, write_piece, on_gone, c);
}

static void piece_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct download *d = c->state;
    d->busy = false;
    if (s->err && !d->begun) {
        buf_deinit(&d->piece);
        call_failed(c, s->err);
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

void errors_download(struct call *c, const struct error_query *q, enum lang lang)
{
    struct download *d = call_state(c, sizeof(*d));
    if (!d)
        return;
    d->query = *q;
    d->lang = lang;
    buf_init(&d->piece, PIECE_MAX);
    c->state = d;
    read_piece(c);
}
