#pragma once
/* What the services of this folder share: a carrier's settings, the table of functions that a service is, and
 * the parts that its file is written with. */
#include <openssl/types.h>

#include "base/json_scan.h"
#include "base/json_write.h"
#include "carrier/carrier.h"
#include "carrier/property.h"

struct carrier_service;

struct carrier {
    const struct carrier_service *service;
    struct carrier_rules rules;
    char *base; /* rules.base; NULL: none */
    void *own;  /* what the service made of its settings */
};

/* What carrier_ask() asks, in order; the names are those of struct carrier_question. */
#define CARRIER_QUESTIONS_MAX 4u

/* A service. Functions that it does not need are NULL. */
struct carrier_service {
    const char *kind;
    enum service id;
    enum medium medium;
    const char *const *members; /* of its settings, beside the common ones; ended by NULL */
    const char *const *secrets; /* of its secret; ended by NULL */
    uint32_t batch;             /* parcels of the same content in one request */
    const char *questions[CARRIER_QUESTIONS_MAX + 1]; /* ended by NULL */

    /* Sets c->own; what it made before a failure close() frees. settings and secret are checked objects that
     * have nothing but its members. */
    enum err (*open)(struct carrier *c, struct json_value settings, struct json_value secret,
                     struct carrier_fault *why);
    void (*close)(struct carrier *c);
    enum err (*keys)(struct json_value settings, struct buf *ret);
    enum err (*public)(const struct carrier *c, struct json_write *w); /* members of an open object */
    enum err (*build)(struct carrier *c, const struct parcel *parcels, size_t count, int64_t wall_ms,
                      struct carrier_request *ret, struct carrier_fault *why);
    /* The service's id of the message, from an answer that accepted it. */
    void (*identify)(const struct answer *a, char id[static 128]);
    /* Which of several parcels a refusal blames: sets blamed[i] to the part of the answer that says so, and
     * returns how many there are. None, and the refusal is about a recipient: *ret_recipient. Neither: it is
     * about all. */
    size_t (*blame)(const struct answer *a, size_t count, struct span *blamed, bool *ret_recipient);
    /* What stands before and behind such a part in an answer that has no other; NULL: the whole is kept. */
    const char *part_head, *part_tail;
    bool (*grant_wanted)(const struct carrier *c, int64_t wall_ms);
    enum err (*grant_build)(struct carrier *c, int64_t wall_ms, struct carrier_request *ret);
    bool (*grant_take)(struct carrier *c, const struct answer *a,
                       int64_t wall_ms); /* false: no token in it */
    void (*grant_drop)(struct carrier *c);
    enum err (*ask)(struct carrier *c, unsigned step, int64_t wall_ms, struct carrier_request *ret);
    /* Reads an answer of 2xx. False: it says that the sender cannot send; words says why. */
    bool (*told)(struct carrier *c, unsigned step, const struct answer *a, struct carrier_facts *facts,
                 char *words, size_t size);
};

extern const struct carrier_service carrier_sendgrid, carrier_smtp_service, carrier_fcm, carrier_linepush,
    carrier_webpush;

/* A member of a parcel's content; kind JSON_KIND_NONE: it has none, or null. */
struct json_value carrier_content_of(const struct parcel *p, const char *name);
/* The same, where it must be a text: *ret_text borrows from the content or from text, which it is decoded to;
 * empty: there is none. ERR_INVALID: another kind of value; ERR_NOMEM. */
enum err carrier_content_text(const struct parcel *p, const char *name, struct buf *text,
                              struct span *ret_text, struct carrier_fault *why) MUST_CHECK;
/* Nothing but ASCII white space: a text with nothing in it. */
bool carrier_is_blank(struct span text);
/* A private key in PEM that is not encrypted; NULL: it is none. The caller frees it. */
EVP_PKEY *carrier_read_pem(const char *pem);
/* The body of an answer, if it is a JSON object; otherwise a value of JSON_KIND_NONE. */
struct json_value carrier_answer_object(const struct answer *a);
/* The value of a header of the answer; empty: it has none. */
struct span carrier_answer_header(const struct answer *a, const char *name);
/* Copies a text of an answer, as far as it goes in whole characters, and only if it is visible. */
void carrier_copy(char *out, size_t size, struct span text);
