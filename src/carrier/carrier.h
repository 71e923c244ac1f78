#pragma once
/*
 * A sending service: messages → requests, answers → receipts. No I/O and no state that a restart could not
 * make again, so that each service is tested as a table. One file a service.
 *
 *     carrier_open ─► carrier_build(parcels) ─► request ┄ exchange ┄► carrier_read ─► a receipt each
 *
 * A carrier is used on one thread at a time.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "fault/receipt.h"

struct carrier;

/* Why a sender's settings are refused: the member and what is wrong with it, for people. */
struct carrier_fault {
    char property[64]; /* "serviceAccount.private_key" */
    char message[256];
};

/*
 * What the settings of a sender have in common: "baseUrl" (another host for the service; its path is put
 * before the service's), "ratePerSecond", "unsubscribeOn" ("bounce", "permanent"), "guard". Those of a
 * service: targeted.md. settings holds no credentials, secret all of them; both are JSON objects. A new
 * webpush sender has no key pair yet: carrier_keys() makes it.
 *
 * ERR_INVALID: *why names the member; ERR_NOMEM.
 */
enum err carrier_open(struct carrier **ret, enum service service, struct span settings, struct span secret,
                      struct carrier_fault *why) MUST_CHECK;
void carrier_free(struct carrier *c); /* NULL-safe; wipes the credentials */

/* Which members of a sender's JSON are credentials: they go into the secret, and are never shown. */
bool carrier_is_secret(enum service service, struct span member);
/* Whether the service has that member at all, beside the common ones. */
bool carrier_has_member(enum service service, struct span member);
enum medium carrier_medium(enum service service);

/* Makes what the node itself contributes to a new secret (webpush: the VAPID key pair; smtp with "dkim": its
 * keys), as a JSON object to be merged into it; "{}": nothing. */
enum err carrier_keys(enum service service, struct span settings, struct buf *ret) MUST_CHECK;
/* What people need to know of the keys: webpush: {"publicKey":…}; a JSON object. */
enum err carrier_public(const struct carrier *c, struct buf *ret) MUST_CHECK;

/* Content as it was rendered: each member as JSON text; ptr NULL: the campaign has none. Of the medium:
 * mail subject, html, text; push title, body, link, data, android, apns; line messages; browser title, body,
 * icon, url. */
#define CONTENT_MEMBERS_MAX 8u
struct content_member {
    struct span name;
    struct span json;
};
struct parcel {
    struct span target;                   /* address, LINE's user id, token, endpoint */
    struct span p256dh, auth;             /* browser */
    int64_t job_id, n;                    /* the message, which events of the service name again */
    char key[37];                         /* UUID, the same whenever this message is sent */
    const struct content_member *members; /* the same array in all parcels: nothing differs */
    size_t member_count;
    int64_t provider_id, sender_id;
    struct span campaign; /* the short id */
};

/* How many parcels go into one request; same: whether their content is the same. */
uint32_t carrier_batch(const struct carrier *c, bool same);

#define CARRIER_HEADERS_MAX 12u
struct carrier_request {
    const char *method;
    struct span url;                                   /* in text */
    struct answer_header headers[CARRIER_HEADERS_MAX]; /* names in lower case; values in text */
    size_t header_count;
    struct buf text; /* holds what the spans show */
    struct buf body;
    bool private_target; /* the URL was given by a stranger (an endpoint): the address guard applies to it */
};
void carrier_request_init(struct carrier_request *r);
void carrier_request_deinit(struct carrier_request *r);

/*
 * Builds one request for these parcels; wall_ms and random bytes go into tokens and keys. ERR_INVALID: what
 * was rendered cannot be sent (*why says what: a text that is no title, over 4 KB, a bad link…); ERR_NOMEM,
 * ERR_LIMIT (too large for the service).
 */
enum err carrier_build(struct carrier *c, const struct parcel *parcels, size_t count, int64_t wall_ms,
                       struct carrier_request *ret, struct carrier_fault *why) MUST_CHECK;

/* What became of one parcel. taken: the service answered for it. */
struct carrier_result {
    struct receipt receipt;
    char service_id[128]; /* the service's id of the message; "": none */
};
/*
 * What the answer says of each parcel. Where one request carries many, the answer may concern some: those it
 * does not blame were not taken, and may be sent again at once.
 */
void carrier_read(const struct carrier *c, const struct answer *a, const struct parcel *parcels, size_t count,
                  struct carrier_result *results);

/* An access token that is asked for beforehand (fcm). False: none is needed, or the one there is will do. */
bool carrier_grant_wanted(const struct carrier *c, int64_t wall_ms);
enum err carrier_grant_build(struct carrier *c, int64_t wall_ms, struct carrier_request *ret) MUST_CHECK;
/* Takes the token. Else *ret says what it means for all that wait for it, and the result is ERR_DENIED. */
enum err carrier_grant_read(struct carrier *c, const struct answer *a, int64_t wall_ms,
                            struct receipt *ret) MUST_CHECK;
/* The service did not accept the token: it is asked for anew. */
void carrier_grant_drop(struct carrier *c);

/* Questions that verify a sender and reach no person, in order. False: there are no more. */
struct carrier_question {
    const char *name; /* "token", "bot", "quota", "consumption", "scopes", "validate" */
    struct carrier_request request;
};
bool carrier_ask(struct carrier *c, unsigned step, int64_t wall_ms, struct carrier_question *ret,
                 enum err *ret_err);
/* What the service tells of itself and of the account; -1: it does not tell. */
struct carrier_facts {
    char account[128];   /* the account's name as the service shows it */
    int64_t quota, used; /* messages a period */
};
/* Reads the answer to a question. failed in *ret: the sender does not work; text says why. */
void carrier_told(struct carrier *c, const char *question, const struct answer *a,
                  struct carrier_facts *facts, struct receipt *ret);
