/* What all parts of a server use: its clock and waits, the date, lent memory. */
#include "server/server_core.h"

#include <stdio.h>
#include <time.h>

#include "base/mem.h"

uint64_t server_now_us(const struct server *s)
{
    return s->clock->mono_us(s->clock->arg);
}

uint64_t server_wait_us(const struct server *s, enum wait kind)
{
    const struct server_limits *l = &s->limits;
    const uint32_t ms[WAIT_COUNT] = {
        [WAIT_HEAD] = l->head_timeout_ms,           [WAIT_BODY] = l->body_timeout_ms,
        [WAIT_IDLE] = l->idle_timeout_ms,           [WAIT_STRANGER] = l->stranger_timeout_ms,
        [WAIT_STRANGER_IDLE] = l->stranger_idle_ms, [WAIT_WRITE] = l->write_timeout_ms,
        [WAIT_LINGER] = l->linger_timeout_ms,
    };
    return (uint64_t)ms[kind] * 1000;
}

void server_wait(struct server *s, struct deadline *d, enum wait kind)
{
    list_remove(&d->link);
    d->wait = (uint8_t)kind;
    if (kind == WAIT_NONE)
        return;
    d->due_us = server_now_us(s) + server_wait_us(s, kind);
    list_push_back(&s->waits[kind], &d->link);
}

const char *server_date(struct server *s)
{
    time_t now = (time_t)(s->clock->wall_ms(s->clock->arg) / 1000);
    if (now != s->date_second || !s->date[0]) {
        /* Not strftime's names, which depend on the locale. */
        static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        struct tm t;
        if (!gmtime_r(&now, &t))
            t = (struct tm){.tm_mday = 1, .tm_year = 70, .tm_wday = 4};
        (void)snprintf(s->date, sizeof(s->date), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                       days + t.tm_wday * 3, t.tm_mday, months + t.tm_mon * 3, (t.tm_year + 1900) % 10000,
                       t.tm_hour, t.tm_min, t.tm_sec);
        s->date_second = now;
    }
    return s->date;
}

void server_lend(struct server *s, struct buf *b)
{
    if (b->data)
        return;
    char *block = s->block_count ? s->blocks[--s->block_count] : mem_alloc(SERVER_BLOCK);
    if (block) { /* otherwise the caller's next buf_reserve reports it */
        b->data = block;
        b->alloc = SERVER_BLOCK;
    }
}

void server_give_back(struct server *s, struct buf *b)
{
    if (b->data && b->alloc == SERVER_BLOCK && s->block_count < SERVER_BLOCKS_MAX) {
        s->blocks[s->block_count++] = b->data;
        b->data = NULL;
    }
    buf_deinit(b);
}
