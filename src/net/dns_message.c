#include "net/dns_message.h"

#include <string.h>

#define HEADER_LEN 12
#define RECORD_LEN 10 /* length of a record without its name and data */
#define NAME_MAX_LEN 255
#define LABEL_MAX 63
#define POINTER 0xc0 /* RFC 1035 4.1.4 */
#define CLASS_IN 1
#define TYPE_CNAME 5
#define TYPE_OPT 41
#define POINTERS_MAX 127    /* per name: as many as it can have labels */
#define ALIASES_MAX 32      /* resolvers give up sooner */
#define CNAMES_MAX 128      /* CNAME records examined for aliases; unrelated ones may stand between them */
#define TTL_MAX 0x7fffffffu /* RFC 2181 8: more means 0 */

enum {
    RCODE_NOERROR,
    RCODE_FORMERR,
    RCODE_SERVFAIL,
    RCODE_NXDOMAIN,
    RCODE_NOTIMP,
    RCODE_REFUSED,
    RCODE_BADVERS = 16
};

struct message {
    const uint8_t *bytes;
    size_t len;
};

/* A name as on the wire, without pointers and in lower case; dots inside labels stay. */
struct name {
    size_t len;
    uint8_t bytes[NAME_MAX_LEN];
};

struct record {
    size_t owner; /* offset where its name begins */
    unsigned type, class;
    uint32_t ttl;
    size_t data, data_len;
};

/* All aliases in an answer, read once, then searched for each name in the chain. */
struct cnames {
    size_t count;
    bool more;
    struct record list[CNAMES_MAX];
};

/* The names from the question to its addresses. */
struct chain {
    size_t count;
    bool is_alias[ALIASES_MAX + 1];
    bool too_long;
    struct name names[ALIASES_MAX + 1]; /* the question's name comes first */
};

static unsigned read16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)read16(p) << 16 | read16(p + 2);
}

static void write16(uint8_t *p, unsigned n)
{
    p[0] = (uint8_t)(n >> 8);
    p[1] = (uint8_t)n;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* ---- queries ---- */

size_t dns_question_write(uint8_t out[DNS_QUESTION_MAX], const char *name, enum dns_type type)
{
    size_t len = 0;
    for (const char *label = name; *label;) {
        size_t n = strcspn(label, ".");
        if (n == 0 || n > LABEL_MAX || len + 1 + n + 1 > NAME_MAX_LEN)
            return 0;
        out[len++] = (uint8_t)n;
        memcpy(out + len, label, n);
        len += n;
        label += n + (label[n] == '.');
    }
    if (len == 0)
        return 0;
    out[len++] = 0;
    write16(out + len, type);
    write16(out + len + 2, CLASS_IN);
    return len + 4;
}

size_t dns_query_write(uint8_t out[DNS_QUERY_MAX], uint16_t id, const uint8_t *question, size_t question_len,
                       bool edns)
{
    memset(out, 0, DNS_QUERY_MAX);
    write16(out, id);
    out[2] = 0x01; /* recursion desired */
    out[5] = 1;    /* one question */
    memcpy(out + HEADER_LEN, question, question_len);
    size_t len = HEADER_LEN + question_len;
    if (edns) { /* the root's name, OPT, our size, version 0, no options */
        out[11] = 1;
        write16(out + len + 1, TYPE_OPT);
        write16(out + len + 3, DNS_UDP_MAX);
        len += 1 + RECORD_LEN;
    }
    return len;
}

/* ---- answers ---- */

static bool question_is(const uint8_t *msg, size_t len, const uint8_t *question, size_t question_len)
{
    if (read16(msg + 4) != 1 || len - HEADER_LEN < question_len)
        return false;
    const uint8_t *theirs = msg + HEADER_LEN;
    for (size_t i = 0; i < question_len;
         i++) /* length bytes are below 'A'; type and class are equal in either case */
        if (lower(theirs[i]) != lower(question[i]))
            return false;
    return true;
}

/* Offset after the name at `at`; 0: the name leaves the message. Pointers are not followed. */
static size_t name_end(struct message m, size_t at)
{
    while (at < m.len) {
        uint8_t n = m.bytes[at];
        if (n == 0)
            return at + 1;
        if (n >= POINTER)
            return at + 2 <= m.len ? at + 2 : 0;
        if (n > LABEL_MAX)
            return 0;
        at += n + 1u;
    }
    return 0;
}

/*
 * Reads the name at `at`. Pointers must lead back, each to before the previous one (RFC 1035 4.1.4: "a prior
 * occurrence"), so reading ends. Their number is limited too: a message has room for thousands of names that
 * share a chain of thousands of pointers.
 */
static bool name_read(struct message m, size_t at, struct name *ret)
{
    size_t len = 0;
    unsigned pointers = 0;
    for (size_t begin = at; at < m.len;) {
        uint8_t n = m.bytes[at];
        if (n >= POINTER) {
            size_t to = at + 2 <= m.len ? (size_t)(n & ~POINTER) << 8 | m.bytes[at + 1] : begin;
            if (to >= begin || pointers++ == POINTERS_MAX)
                return false;
            begin = at = to;
            continue;
        }
        if (n > LABEL_MAX || m.len - at < n + 1u || len + n + 1u > NAME_MAX_LEN)
            return false;
        for (size_t i = 0; i <= n; i++)
            ret->bytes[len++] = lower(m.bytes[at++]);
        if (n == 0) {
            ret->len = len;
            return true;
        }
    }
    return false;
}

/* Reads the record at *at and advances past it; false: it leaves the message. */
static bool record_read(struct message m, size_t *at, struct record *ret)
{
    size_t p = name_end(m, *at);
    if (p == 0 || m.len - p < RECORD_LEN)
        return false;
    *ret = (struct record){.owner = *at,
                           .type = read16(m.bytes + p),
                           .class = read16(m.bytes + p + 2),
                           .ttl = read32(m.bytes + p + 4),
                           .data = p + RECORD_LEN,
                           .data_len = read16(m.bytes + p + 8)};
    if (m.len - ret->data < ret->data_len)
        return false;
    *at = ret->data + ret->data_len;
    return true;
}

/* Finds the OPT record among `records` records starting at `at`. A broken record before it means none. */
static bool opt_find(struct message m, size_t at, unsigned records, struct record *ret)
{
    for (unsigned i = 0; i < records && record_read(m, &at, ret); i++)
        if (ret->type == TYPE_OPT)
            return true;
    return false;
}

/* RFC 6891 6.1.3: the upper bits of the response code. */
static unsigned opt_rcode(const struct record *opt)
{
    return (opt->ttl >> 24) << 4;
}

bool dns_is_answer(const uint8_t *msg, size_t len, uint16_t id, const uint8_t *question, size_t question_len)
{
    if (len < HEADER_LEN || read16(msg) != id || (msg[2] & 0xf8) != 0x80) /* a response to a standard query */
        return false;
    if (read16(msg + 4) > 0)
        return question_is(msg, len, question, question_len);
    unsigned rcode = msg[3] & 15u, records = read16(msg + 6) + read16(msg + 8) + read16(msg + 10);
    struct record opt;
    if (opt_find((struct message){msg, len}, HEADER_LEN, records, &opt))
        rcode |= opt_rcode(&opt);
    return rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN;
}

/* The index of the name in the chain, or the chain's length if absent. */
static size_t chain_find(const struct chain *c, const struct name *name)
{
    size_t i = 0;
    while (i < c->count &&
           (c->names[i].len != name->len || memcmp(c->names[i].bytes, name->bytes, name->len) != 0))
        i++;
    return i;
}

static void ttl_note(struct dns_answer *a, uint32_t ttl)
{
    ttl = ttl > TTL_MAX ? 0 : ttl;
    a->ttl_s = ttl < a->ttl_s ? ttl : a->ttl_s;
}

static void cnames_read(struct cnames *c, struct message m, size_t answers, unsigned count)
{
    size_t at = answers;
    struct record r;
    c->count = 0;
    c->more = false;
    for (unsigned i = 0; i < count && !c->more && record_read(m, &at, &r); i++) {
        if (r.type != TYPE_CNAME || r.class != CLASS_IN)
            continue;
        if (c->count < CNAMES_MAX)
            c->list[c->count++] = r;
        else
            c->more = true;
    }
}

/* If the record is an alias of the chain's name at i, adds its target. False: the record is broken. */
static bool chain_follow(struct chain *c, size_t i, struct message m, const struct record *r,
                         struct dns_answer *a)
{
    struct name owner, target;
    if (!name_read(m, r->owner, &owner))
        return false;
    if (owner.len != c->names[i].len || memcmp(owner.bytes, c->names[i].bytes, owner.len) != 0)
        return true;
    if (name_end(m, r->data) != r->data + r->data_len || !name_read(m, r->data, &target))
        return false;
    c->is_alias[i] = true;
    ttl_note(a, r->ttl);
    if (chain_find(c, &target) < c->count)
        return true;
    if (c->count > ALIASES_MAX)
        c->too_long = true;
    else
        c->names[c->count++] = target;
    return true;
}

/*
 * Searches aliases of each name, including the names it adds: an alias may precede the one that leads to it.
 * False: an alias is broken.
 */
static bool chain_build(struct chain *c, struct message m, const struct cnames *cnames, struct dns_answer *a)
{
    c->count = 1;
    for (size_t i = 0; i < c->count && !c->too_long; i++)
        for (size_t k = 0; k < cnames->count; k++)
            if (!chain_follow(c, i, m, &cnames->list[k], a))
                return false;
    return true;
}

/* If every name has an alias, the names form a loop. */
static bool chain_is_loop(const struct chain *c)
{
    size_t i = 0;
    while (i < c->count && c->is_alias[i])
        i++;
    return c->too_long || i == c->count;
}

static void address_add(struct dns_answer *a, enum dns_type type, const uint8_t *data)
{
    union address address;
    memset(&address, 0, sizeof(address)); /* all bytes: addresses are compared with memcmp */
    if (type == DNS_A) {
        address.v4.sin_family = AF_INET;
        memcpy(&address.v4.sin_addr, data, 4);
    } else {
        address.v6.sin6_family = AF_INET6;
        memcpy(&address.v6.sin6_addr, data, 16);
    }
    for (size_t i = 0; i < a->count; i++)
        if (memcmp(&a->addresses[i], &address, sizeof(address)) == 0)
            return;
    if (a->count < DNS_ADDRESSES_MAX)
        a->addresses[a->count++] = address;
}

/* Collects the addresses of every name in the chain. False: a record is broken. */
static bool addresses_read(const struct chain *c, struct message m, size_t answers, unsigned count,
                           enum dns_type type, struct dns_answer *a)
{
    size_t at = answers;
    struct record r;
    for (unsigned i = 0; i < count && record_read(m, &at, &r); i++) {
        struct name owner;
        if (r.type != type || r.class != CLASS_IN)
            continue;
        if (!name_read(m, r.owner, &owner))
            return false;
        if (chain_find(c, &owner) == c->count)
            continue;
        if (r.data_len != (type == DNS_A ? 4 : 16))
            return false;
        address_add(a, type, m.bytes + r.data);
        ttl_note(a, r.ttl);
    }
    return true;
}

/* The cause for an answer without an error code. */
static enum cause_id cause_of_records(struct message m, size_t answers, unsigned count, enum dns_type type,
                                      struct dns_answer *a)
{
    struct cnames cnames;
    struct chain c;
    cnames_read(&cnames, m, answers, count);
    c.too_long = false;
    memset(c.is_alias, 0, sizeof(c.is_alias));
    a->ttl_s = TTL_MAX;
    if (!name_read(m, HEADER_LEN, &c.names[0]) || !chain_build(&c, m, &cnames, a) ||
        !addresses_read(&c, m, answers, count, type, a)) {
        a->count = 0;
        return CAUSE_dns_bad_response;
    }
    if (a->count > 0)
        return CAUSE_ok;
    return cnames.more || chain_is_loop(&c) ? CAUSE_dns_cname_loop : CAUSE_dns_nodata;
}

static enum cause_id cause_of_rcode(unsigned rcode)
{
    switch (rcode) {
    case RCODE_FORMERR:
        return CAUSE_dns_formerr;
    case RCODE_SERVFAIL:
        return CAUSE_dns_servfail;
    case RCODE_NXDOMAIN:
        return CAUSE_dns_nxdomain;
    case RCODE_NOTIMP:
        return CAUSE_dns_notimp;
    case RCODE_REFUSED:
        return CAUSE_dns_refused;
    default:
        return CAUSE_dns_bad_response;
    }
}

bool dns_is_failure(enum cause_id cause)
{
    return cause != CAUSE_ok && cause != CAUSE_dns_nxdomain && cause != CAUSE_dns_nodata &&
           cause != CAUSE_dns_cname_loop;
}

/*
 * Whether EDNS in the query may have caused the failure. A server that supports EDNS says so in every answer
 * (RFC 6891 6.1.1), but one that echoes the query with an error code echoes our OPT record too.
 */
static bool is_edns_blamed(const struct dns_answer *a, unsigned rcode)
{
    return dns_is_failure(a->cause) &&
           (!a->edns || rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP || rcode == RCODE_BADVERS);
}

void dns_answer_read(struct dns_answer *ret, const uint8_t *msg, size_t len, enum dns_type type)
{
    ret->cause = CAUSE_dns_bad_response;
    ret->truncated = ret->edns = false;
    ret->blames_edns = true;
    ret->ttl_s = 0;
    ret->count = 0;
    if (len < HEADER_LEN)
        return;
    const struct message m = {msg, len};
    unsigned rcode = msg[3] & 15u, questions = read16(msg + 4), count = read16(msg + 6);
    size_t at = HEADER_LEN;
    for (unsigned i = 0; i < questions && at; i++) {
        at = name_end(m, at);
        at = at && len - at >= 4 ? at + 4 : 0;
    }
    size_t answers = at;
    struct record r;
    bool whole = at > 0, cut = msg[2] & 0x02;
    for (unsigned i = 0; i < count && whole; i++)
        whole = record_read(m, &at, &r);
    /* The sections after the answers matter only for the OPT record: a broken one counts as none. */
    unsigned others = read16(msg + 8) + read16(msg + 10);
    ret->edns = whole && opt_find(m, at, others, &r);
    if (ret->edns)
        rcode |= opt_rcode(&r);
    ret->truncated = cut && rcode == RCODE_NOERROR; /* an error code needs no more room */
    if (rcode != RCODE_NOERROR)
        ret->cause = cause_of_rcode(rcode);
    /* a truncated answer is usable as far as it goes */
    else if (questions == 1 && answers > 0 && (whole || cut))
        ret->cause = cause_of_records(m, answers, count, type, ret);
    ret->blames_edns = is_edns_blamed(ret, rcode);
}
