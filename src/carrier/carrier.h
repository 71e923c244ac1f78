#pragma once
/*
 * A sending service: messages → requests, answers → receipts. No I/O and no state that a restart could not
 * make again, so that each service is tested as a table. One file a service.
 *
 *     carrier_open ─► carrier_build(parcels) ─► request ┄ exchange ┄► carrier_read ─► a receipt each
 *
 * A carrier is used on one thread at a time. What a sender's settings are: docs/senders.md.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "fault/receipt.h"

struct carrier;

/* Why settings or a message are refused: the member and what is wrong with it, for people. */
struct carrier_fault {
    char property[64]; /* "serviceAccount.private_key", "messages", "target.p256dh" */
    char message[256];
};

/* A service by its word in the API ("kind": sendgrid, smtp, fcm, line, webpush), and back. ERR_NOT_FOUND. */
enum err carrier_find(struct span kind, enum service *ret) MUST_CHECK;
const char *carrier_kind(enum service service);
enum medium carrier_medium(enum service service);

/* Which members of a sender's JSON are credentials: they go into the secret, and are never shown. */
bool carrier_is_secret(enum service service, struct span member);
/* Whether the service has that member at all, the common ones included ("name" and "kind" are none). */
bool carrier_has_member(enum service service, struct span member);

/* What the settings of all senders have in common. */
struct carrier_rules {
    const char *base;  /* "baseUrl" without a slash at its end; NULL: the service's own host */
    double per_second; /* "ratePerSecond"; 0: the sender has no limit of its own */
    /* "unsubscribeOn":"permanent": the careful reading of a receipt, not the customer's list */
    bool unsubscribe_permanent;
    double bounce_percent, complaint_percent; /* "guard": of the last 1,000 outcomes; 0: no guard */
};

/*
 * settings holds no credentials, secret all of them; both are JSON objects with nothing that the service does
 * not have. A new webpush sender has no key pair yet: carrier_keys() makes it. "baseUrl" may be http: whoever
 * takes it from a person holds carrier_rules()->base against the node's switch for targets.
 *
 * ERR_INVALID: *why names the member; ERR_NOMEM.
 */
enum err carrier_open(struct carrier **ret, enum service service, struct span settings, struct span secret,
                      struct carrier_fault *why) MUST_CHECK;
void carrier_free(struct carrier *c); /* NULL-safe; wipes the credentials */
const struct carrier_rules *carrier_rules(const struct carrier *c);

/*
 * Makes what the node itself contributes to a new secret (webpush: the VAPID key pair; smtp with "dkim": its
 * keys), as a JSON object to be merged into it; "{}": nothing. The buffer holds secrets: wipe it after use.
 */
enum err carrier_keys(enum service service, struct span settings, struct buf *ret) MUST_CHECK;
/* What people need to know of the keys: webpush {"publicKey":…}; smtp {"dkim":[{"name":…,"value":…}]}, the
 * records for DNS; otherwise {}. */
enum err carrier_public(const struct carrier *c, struct buf *ret) MUST_CHECK;

/* What a sender of the kind smtp is set to; borrowed from the carrier. NULL where it is not set. Mail over
 * SMTP is built elsewhere, so that carrier_build() and carrier_read() do not serve it. */
enum carrier_security { CARRIER_SECURITY_NONE, CARRIER_SECURITY_STARTTLS, CARRIER_SECURITY_TLS };
struct carrier_smtp {
    const char *host;
    uint16_t port;
    enum carrier_security security;
    const char *user, *password;
    const char *from_email, *from_name;
    const char *bounce_domain;               /* of the envelope sender of each recipient (VERP) */
    const char *dkim_domain, *dkim_selector; /* both or neither */
    const char *dkim_rsa, *dkim_ed25519;     /* private keys in PEM; NULL without dkim */
};
const struct carrier_smtp *carrier_smtp(const struct carrier *c); /* NULL: another service */

/* Content as it was rendered: each member as JSON text. Of the medium: mail subject, html, text; push title,
 * body, link, data, android, apns; line messages; browser title, body, icon, url. Others are passed over. */
#define CARRIER_CONTENT_MAX 16u
struct carrier_content {
    struct span name; /* between its quotes, with its escapes (json_key_is) */
    struct span json; /* valid JSON; ptr NULL: the campaign has none */
};
struct parcel {
    struct span target;                    /* address, LINE's user id, token, endpoint */
    struct span p256dh, auth;              /* browser */
    int64_t job_id, n;                     /* the message, which events of the service name again */
    char key[37];                          /* UUID, the same whenever this message is sent */
    const struct carrier_content *members; /* the same array in all parcels: nothing differs */
    size_t member_count;
    int64_t provider_id, sender_id;
    struct span campaign;        /* the short id */
    struct span unsubscribe_url; /* mail: where this recipient unsubscribes (RFC 8058); empty: none */
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
    bool private_target; /* the URL was given by a tenant or a stranger: the address guard applies to it */
    size_t starts[CARRIER_HEADERS_MAX + 1]; /* while it is built: where URL and values begin in text */
};
void carrier_request_init(struct carrier_request *r);
void carrier_request_deinit(struct carrier_request *r); /* safe on a zeroed struct */

/*
 * Builds one request for these parcels; wall_ms and random bytes go into tokens and keys. ret is initialised,
 * and what it held before is dropped. More than one parcel: all with the same members, at most
 * carrier_batch(c, true).
 *
 * ERR_INVALID: what was rendered cannot be sent; *why says what: a text that is no title, over 4 KB, a bad
 * link… A property that begins with "target" is the recipient's fault (a key of a browser that is none), not
 * the message's; several parcels are then built one by one. ERR_LIMIT: too large for the service: fewer
 * parcels, or, with one, the message's fault (*why says so). ERR_DENIED: there is no access token
 * (carrier_grant_wanted). ERR_NOMEM.
 *
 * Several parcels in one request of LINE share a retry key made of all their keys: after an unknown outcome
 * the same parcels in the same order are sent again, or none.
 */
enum err carrier_build(struct carrier *c, const struct parcel *parcels, size_t count, int64_t wall_ms,
                       struct carrier_request *ret, struct carrier_fault *why) MUST_CHECK;

/* What became of one parcel. */
struct carrier_result {
    struct receipt receipt;
    /* The service refused the request for the sake of others in it, and did not take this one: the receipt
     * says that it may be sent again at once. */
    bool spared;
    /* Of a spared one: the service blames a recipient and does not say which. Sent again in a request of its
     * own, only who is to blame fails. */
    bool alone;
    char service_id[128]; /* the service's id of the message; "": none */
};
/* What the answer says of each parcel. */
void carrier_read(const struct carrier *c, const struct answer *a, const struct parcel *parcels, size_t count,
                  struct carrier_result *results);

/* An access token that is asked for beforehand (fcm). False: none is needed, or the one there is will do. One
 * that is getting old is wanted anew while it still serves. */
bool carrier_grant_wanted(const struct carrier *c, int64_t wall_ms);
enum err carrier_grant_build(struct carrier *c, int64_t wall_ms, struct carrier_request *ret) MUST_CHECK;
/* Takes the token. Else *ret says what it means for all that wait for it, and the result is ERR_DENIED. */
enum err carrier_grant_read(struct carrier *c, const struct answer *a, int64_t wall_ms,
                            struct receipt *ret) MUST_CHECK;
/* The service did not accept the token: it is asked for anew. */
void carrier_grant_drop(struct carrier *c);

/* Questions that verify a sender and reach no person, in order; the caller has initialised ret->request.
 * False: there are no more, or, with *ret_err set, this one cannot be built. webpush and smtp have none. */
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
void carrier_facts_init(struct carrier_facts *facts);
/* Reads the answer to a question. failed in *ret: the sender does not work; text says why. */
void carrier_told(struct carrier *c, const char *question, const struct answer *a,
                  struct carrier_facts *facts, struct receipt *ret);
