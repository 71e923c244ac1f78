#pragma once
/*
 * DNS messages (RFC 1035 4, RFC 6891): a query for the addresses of a name, and what its answer says. Bytes
 * in, values out; the bytes are a stranger's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault/fault.h"
#include "net/address.h"

/* RFC 6891 6.2.3: how long a datagram may be. 1232 goes through every IPv6 path without fragments. */
#define DNS_UDP_MAX 1232
#define DNS_QUESTION_MAX (255 + 4)                 /* RFC 1035 2.3.4: a name, its type and its class */
#define DNS_QUERY_MAX (12 + DNS_QUESTION_MAX + 11) /* header, question, OPT record */
/* Addresses of one family that are read from one answer. A datagram of 1232 bytes holds 73 of IPv4 at
 * most; a name with more gives the first ones, so that a stranger's zone cannot make this node open
 * sockets without end. */
#define DNS_ADDRESSES_MAX 64

enum dns_type { DNS_A = 1, DNS_AAAA = 28 };

struct dns_answer {
    enum cause_id cause; /* CAUSE_ok: there are addresses; else why there are none */
    bool truncated;      /* there is more than this: it is to be asked for over TCP */
    bool edns;           /* the server speaks EDNS: there is an OPT record */
    bool blames_edns;    /* the server failed, and asked without EDNS it may not (RFC 6891 7) */
    uint32_t ttl_s;      /* the smallest on the way from the name to its addresses */
    size_t count;
    union address addresses[DNS_ADDRESSES_MAX]; /* each once; port 0 */
};

/* The question for a name without trailing dot. Returns its length; 0: no name of the DNS. */
size_t dns_question_write(uint8_t out[DNS_QUESTION_MAX], const char *name, enum dns_type type);

/* The query with that question, recursion desired. Returns its length. */
size_t dns_query_write(uint8_t out[DNS_QUERY_MAX], uint16_t id, const uint8_t *question, size_t question_len,
                       bool edns);

/* Whether a message is the answer to that question under that id. A server that could not even read the
 * query may leave the question out. */
bool dns_is_answer(const uint8_t *msg, size_t len, uint16_t id, const uint8_t *question, size_t question_len);

/*
 * Reads an answer. Aliases are followed by name from the question, whatever the order of the records; records
 * of other names, types and classes are passed over. A record on the way that is broken makes the whole
 * answer dns_bad_response.
 */
void dns_answer_read(struct dns_answer *ret, const uint8_t *msg, size_t len, enum dns_type type);

/* Whether the server could not or would not answer, so that another may; else it has said what there is of
 * the name. */
bool dns_is_failure(enum cause_id cause);
