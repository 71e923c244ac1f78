#pragma once
/*
 * What a client's frames may cost, and the walk along their headers that finds them. Every frame costs
 * tokens, whatever its type: nghttp2 says nothing of frames it does not know. What a client came for earns
 * them back: a request that was answered, bytes of an answer that were taken, bytes of a body. A client that
 * only keeps us busy has spent them soon.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct h2_budget {
    int32_t tokens;
    uint64_t since_us;
};

/* DATA, WINDOW_UPDATE, frames of unknown types: they come in numbers, and cost next to nothing. */
#define H2_COST_FRAME 1
#define H2_COST_CONTROL 10 /* all others */
#define H2_EARN_ANSWER 30  /* a request answered: what its HEADERS cost, and two frames beside it */
#define H2_EARN_DATA 16    /* our DATA frame, ended by the answer's end: two WINDOW_UPDATE and a PING */
/* Of another one a token for so many bytes: small windows make small frames, and those are no progress. */
#define H2_EARN_BYTES 128

void h2_budget_init(struct h2_budget *b, uint64_t now_us);
void h2_budget_refill(struct h2_budget *b, uint64_t now_us);
void h2_budget_spend(struct h2_budget *b, int32_t tokens);
void h2_budget_earn(struct h2_budget *b, int32_t tokens);
int32_t h2_budget_cost(uint8_t type); /* of a frame */
static inline bool h2_budget_spent(const struct h2_budget *b)
{
    return b->tokens < 0;
}

struct h2_frame {
    uint32_t length, stream;
    uint8_t type;
    uint32_t depends_on; /* PRIORITY of the right length */
};

struct h2_walk {
    size_t payload_left; /* of the frame that is passing */
    uint8_t held
        [13]; /* a frame header, or the part of it that has come; of PRIORITY with the stream it depends on */
    uint8_t held_len;
};

void h2_walk_init(struct h2_walk *w); /* before the client's connection preface */
/* The next bytes of the client: each frame in them is told once, when its header is whole. */
void h2_walk_feed(struct h2_walk *w, const uint8_t *p, size_t len,
                  void (*told)(void *arg, const struct h2_frame *f), void *arg);
