#pragma once
/*
 * DNS messages (RFC 1035 4, RFC 6891): writes a query for the addresses of a name and reads its answer. Bytes
 * in, values out; the bytes are untrusted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault/fault.h"
#include "net/address.h"

/* RFC 6891 6.2.3: maximum length of a datagram. 1232 bytes fit every IPv6 path without fragments. */
#define DNS_UDP_MAX 1232
#define DNS_QUESTION_MAX (255 + 4)                 /* RFC 1035 2.3.4: a name, its type and its class */
#define DNS_QUERY_MAX (12 + DNS_QUESTION_MAX + 11) /* header, question, OPT record */
/*
 * Maximum addresses of one family read from one answer. A datagram of 1232 bytes holds at most 73 of IPv4. Of
 * a name with more, the first are used, so that a foreign zone cannot make this node open unlimited sockets.
 */
#define DNS_ADDRESSES_MAX 64

enum dns_type { DNS_A = 1, DNS_AAAA = 28 };

struct dns_answer {
    enum cause_id cause; /* CAUSE_ok: there are addresses; otherwise why there are none */
    bool truncated;      /* the answer is incomplete: ask again over TCP */
    bool edns;           /* the server supports EDNS: there is an OPT record */
    bool blames_edns;    /* the server failed, but may succeed without EDNS (RFC 6891 7) */
    uint32_t ttl_s;      /* the smallest TTL from the name to its addresses */
    size_t count;
    union address addresses[DNS_ADDRESSES_MAX]; /* without duplicates; port 0 */
};

/* Writes the question for a name without trailing dot. Returns its length; 0: not a valid DNS name. */
size_t dns_question_write(uint8_t out[DNS_QUESTION_MAX], const char *name, enum dns_type type);

/* Writes the query with that question, recursion desired. Returns its length. */
size_t dns_query_write(uint8_t out[DNS_QUERY_MAX], uint16_t id, const uint8_t *question, size_t question_len,
                       bool edns);

/*
 * Whether a message answers that question under that id. A server that could not even read the query may omit
 * the question.
 */
bool dns_is_answer(const uint8_t *msg, size_t len, uint16_t id, const uint8_t *question, size_t question_len);

/*
 * Reads an answer. Aliases are followed by name from the question, whatever the order of the records; records
 * of other names, types and classes are ignored. A broken record on that path makes the whole answer
 * dns_bad_response.
 */
void dns_answer_read(struct dns_answer *ret, const uint8_t *msg, size_t len, enum dns_type type);

/*
 * Whether the server could not or would not answer, so that another one may; otherwise its answer is final.
 */
bool dns_is_failure(enum cause_id cause);
