#pragma once
/*
 * The head of a request as both codecs produce it: offsets into one block of text, so that the block may move
 * while the body is still arriving. Also the refusal: what the server answers itself.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "server/server.h"

struct server_part {
    uint32_t at, len;
};

struct server_field {
    struct server_part name, value; /* name: lower case */
};

struct server_head {
    struct server_part method, target, path, query;
    uint64_t content_length; /* valid with has_length */
    uint8_t http;            /* 10, 11, 20 */
    bool keep_alive, expect_continue, has_length, chunked;
    uint32_t field_count;
    struct server_field fields[SERVER_FIELDS_MAX]; /* last member: a head is cleared up to here */
};

static inline struct span server_part_span(const char *base, struct server_part p)
{
    return (struct span){base + p.at, p.len};
}

/* Empties the head without touching the table of fields. */
void server_head_clear(struct server_head *h);

/* Static texts; status 0: no refusal. */
struct server_refusal {
    int status;
    const char *detail;   /* what is wrong, in a sentence */
    const char *property; /* the field concerned; NULL: none */
};

/* {"message":…,"details":[…]}; the longest is far below 512 bytes. Returns its length. */
size_t server_head_refusal_body(const struct server_refusal *r, char out[512]);
const char *server_head_status_text(int status); /* RFC 9110 15; "Unknown" for others */

bool server_head_is_token(struct span s); /* RFC 9110 5.6.2, not empty */

/*
 * Checks head->target and sets path and query: origin-form, absolute-form (http, https), and "*" with OPTIONS
 * (RFC 9112 3.2). Printable ASCII only, no fragment. False: answer 400.
 */
bool server_head_set_target(struct server_head *h, const char *base);

/* The nth value of that name (lower case); ptr NULL: there is none. */
struct span server_head_find(const struct server_head *h, const char *base, struct span name, size_t nth);

/* Digits only, at most 18 (RFC 9110 8.6). */
bool server_head_parse_length(struct span value, uint64_t *ret);
