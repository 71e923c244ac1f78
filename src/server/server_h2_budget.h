#pragma once
/*
 * The cost of a client's frames, and the walk along their headers that counts them. Every frame costs tokens,
 * whatever its type, including types nghttp2 does not report. Useful work earns tokens: an answered request,
 * bytes of an answer that the client accepted, bytes of a body. A client that only keeps us busy soon has
 * none left.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct h2_budget {
    int32_t tokens;
    uint64_t since_us;
};

/* DATA, WINDOW_UPDATE, frames of unknown types: numerous, and almost free to process. */
#define H2_COST_FRAME 1
#define H2_COST_CONTROL 10 /* all others */
#define H2_EARN_ANSWER 30  /* an answered request: the cost of its HEADERS, and two more frames */
#define H2_EARN_DATA 16    /* our DATA frame that ends an answer: two WINDOW_UPDATE and a PING */
/*
 * Any other DATA frame earns one token per this many bytes: small windows make small frames, which are no
 * progress.
 */
#define H2_EARN_BYTES 128

void h2_budget_init(struct h2_budget *b, uint64_t now_us);
void h2_budget_refill(struct h2_budget *b, uint64_t now_us);
void h2_budget_spend(struct h2_budget *b, int32_t tokens);
void h2_budget_earn(struct h2_budget *b, int32_t tokens);
int32_t h2_budget_cost(uint8_t type); /* of a frame type */
static inline bool h2_budget_spent(const struct h2_budget *b)
{
    return b->tokens < 0;
}

struct h2_frame {
    uint32_t length, stream;
    uint8_t type;
    uint32_t depends_on; /* of a PRIORITY with the right length */
};

struct h2_walk {
    size_t payload_left; /* of the current frame */
    uint8_t held[13]; /* a frame header, or its received part; for PRIORITY also the stream it depends on */
    uint8_t held_len;
};

void h2_walk_init(struct h2_walk *w); /* before the client's connection preface */
/* Feeds bytes from the client: each frame is reported once, when its header is complete. */
void h2_walk_feed(struct h2_walk *w, const uint8_t *p, size_t len,
                  void (*told)(void *arg, const struct h2_frame *f), void *arg);
