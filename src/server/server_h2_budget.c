#include "server/server_h2_budget.h"

#include <string.h>

/*
 * A browser that cancels a page of two hundred requests, or a client that reads a page of small DATA frames
 * and acknowledges each, stays below this. A flood of any kind ends after some thousand frames; from then on
 * it may send fifty expensive or five hundred cheap frames a second.
 */
#define BURST 4000
#define RATE 500

#define MAGIC_LEN 24u /* the connection preface, RFC 9113 3.4 */
#define HEADER_LEN 9u /* RFC 9113 4.1 */
#define TYPE_DATA 0
#define TYPE_PRIORITY 2
#define TYPE_WINDOW_UPDATE 8
#define TYPE_LAST 9 /* CONTINUATION */

void h2_budget_init(struct h2_budget *b, uint64_t now_us)
{
    *b = (struct h2_budget){BURST, now_us};
}

void h2_budget_spend(struct h2_budget *b, int32_t tokens)
{
    b->tokens = b->tokens < INT32_MIN / 2 ? b->tokens : b->tokens - tokens;
}

void h2_budget_earn(struct h2_budget *b, int32_t tokens)
{
    b->tokens = b->tokens > BURST - tokens ? BURST : b->tokens + tokens;
}

void h2_budget_refill(struct h2_budget *b, uint64_t now_us)
{
    uint64_t gained = (now_us - b->since_us) * RATE / 1000000;
    if (gained == 0)
        return;
    b->since_us = now_us;
    h2_budget_earn(b, gained > BURST ? BURST : (int32_t)gained);
}

int32_t h2_budget_cost(uint8_t type)
{
    return type == TYPE_DATA || type == TYPE_WINDOW_UPDATE || type > TYPE_LAST ? H2_COST_FRAME
                                                                               : H2_COST_CONTROL;
}

/* ---- the walk ---- */

void h2_walk_init(struct h2_walk *w)
{
    *w = (struct h2_walk){.payload_left = MAGIC_LEN};
}

static uint32_t stream_at(const uint8_t *p)
{
    return (uint32_t)(p[0] & 0x7f) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t length_of(const uint8_t *h)
{
    return (uint32_t)h[0] << 16 | (uint32_t)h[1] << 8 | h[2];
}

/* Bytes needed at once; nghttp2 refuses a PRIORITY of a length other than 5. */
static size_t needed(const uint8_t *h)
{
    return h[3] == TYPE_PRIORITY && length_of(h) == 5 ? HEADER_LEN + 4 : HEADER_LEN;
}

static struct h2_frame frame_of(const uint8_t *h)
{
    uint32_t depends_on = needed(h) > HEADER_LEN ? stream_at(h + HEADER_LEN) : 0;
    return (struct h2_frame){length_of(h), stream_at(h + 5), h[3], depends_on};
}

/* Collects a header that arrives in parts. Returns how many of the bytes belong to it. */
static size_t gather(struct h2_walk *w, const uint8_t *p, size_t len, bool *ret_whole)
{
    for (size_t i = 0; i < len; i++) {
        w->held[w->held_len++] = p[i];
        *ret_whole = w->held_len >= HEADER_LEN && w->held_len == needed(w->held);
        if (*ret_whole)
            return i + 1;
    }
    return len;
}

void h2_walk_feed(struct h2_walk *w, const uint8_t *p, size_t len,
                  void (*told)(void *arg, const struct h2_frame *f), void *arg)
{
    for (size_t n; len > 0; p += n, len -= n) {
        if (w->payload_left > 0) {
            n = w->payload_left < len ? w->payload_left : len;
            w->payload_left -= n;
            continue;
        }
        const uint8_t *header = p;
        bool whole = w->held_len == 0 && len >= sizeof(w->held);
        n = HEADER_LEN;
        if (!whole) {
            n = gather(w, p, len, &whole);
            header = w->held;
        }
        if (!whole)
            continue;
        struct h2_frame f = frame_of(header);
        w->payload_left = f.length - (header == w->held ? w->held_len - HEADER_LEN : 0);
        w->held_len = 0;
        told(arg, &f);
    }
}
