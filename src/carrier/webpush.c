/*
 * Web Push (RFC 8030): one message a request, to the endpoint that the browser gave, encrypted for it alone
 * (RFC 8291), from the holder of the key that it subscribed with (RFC 8292).
 */
#include <openssl/crypto.h>
#include <stdio.h>

#include "base/decimal.h"
#include "base/mem.h"
#include "carrier/carrier_core.h"
#include "carrier/carrier_request.h"
#include "carrier/link.h"
#include "carrier/vapid.h"
#include "carrier/webpush_encrypt.h"

#define ENDPOINT_MAX 2048u
#define TOPIC_MAX 32u   /* RFC 8030 5.4 */
#define TTL_MAX 2419200 /* four weeks, the longest that push services keep a message */
#define TTL_DEFAULT 2419200

struct webpush {
    char *subject;
    char ttl[DECIMAL_LEN + 1];
    unsigned urgency;
    struct vapid vapid;
    struct webpush_encrypt encrypt;
};

static const char *const members[] = {"subject", "ttlSeconds", "urgency", NULL};
static const char *const secrets[] = {"privateKey", NULL};
static const char *const urgencies[] = {"very-low", "low", "normal", "high", NULL}; /* RFC 8030 5.3 */

/* A push service writes to it when something is wrong with what we send (RFC 8292 2.1). */
static enum err check_subject(const char *subject, struct carrier_fault *why)
{
    bool mail = strncmp(subject, "mailto:", 7) == 0 && strchr(subject, '@');
    if (!mail && strncmp(subject, "https://", 8) != 0)
        return property_refuse(why, "subject", "must be mailto: and an address, or a URL of https");
    const char *bad = link_refuse(span_of(subject));
    return bad ? property_refuse(why, "subject", "%s", bad) : ERR_NONE;
}

static enum err open_webpush(struct carrier *c, struct json_value settings, struct json_value secret,
                             struct carrier_fault *why)
{
    struct webpush *p = c->own = mem_zero(1, sizeof(*p));
    if (!p)
        return ERR_NOMEM;
    unsigned char scalar[WEBPUSH_SCALAR];
    char *private = NULL;
    int64_t ttl = TTL_DEFAULT;
    p->urgency = 2;
    enum err e = property_text(why, settings, "subject", PROPERTY_TOKEN, 1, 500, &p->subject);
    if (!e)
        e = property_need(why, "subject", p->subject);
    if (!e)
        e = check_subject(p->subject, why);
    if (!e)
        e = property_int(why, settings, "ttlSeconds", 0, TTL_MAX, &ttl);
    if (!e)
        e = property_word(why, settings, "urgency", urgencies, &p->urgency);
    if (!e)
        e = property_text(why, secret, "privateKey", PROPERTY_TOKEN, 1, 64, &private);
    if (!e)
        e = property_need(why, "privateKey", private);
    if (!e && (base64url_decode(span_of(private), scalar, sizeof(scalar)) == ERR_INVALID ||
               (e = vapid_init(&p->vapid, scalar, p->subject)) == ERR_INVALID))
        e = property_refuse(why, "privateKey", "is no private P-256 key in base64url");
    property_wipe(private);
    OPENSSL_cleanse(scalar, sizeof(scalar));
    p->ttl[decimal_put(p->ttl, (uint64_t)ttl)] = '\0';
    return e ? e : webpush_encrypt_init(&p->encrypt);
}

static void close_webpush(struct carrier *c)
{
    struct webpush *p = c->own;
    if (p) {
        vapid_deinit(&p->vapid);
        webpush_encrypt_deinit(&p->encrypt);
        mem_free(p->subject);
    }
    mem_free(p);
}

static enum err make_keys(struct json_value settings, struct buf *ret)
{
    unsigned char scalar[WEBPUSH_SCALAR];
    (void)settings;
    enum err e = webpush_encrypt_new_key(scalar);
    if (!e)
        e = buf_add_str(ret, "{\"privateKey\":\"");
    if (!e)
        e = base64url_add(ret, scalar, sizeof(scalar));
    OPENSSL_cleanse(scalar, sizeof(scalar));
    return e ? e : buf_add_str(ret, "\"}");
}

static enum err show(const struct carrier *c, struct json_write *w)
{
    const struct webpush *p = c->own;
    json_write_key(w, "publicKey");
    json_write_str(w, p->vapid.public_key);
    return ERR_NONE;
}

/* Scheme, host and port of an endpoint, in the form of RFC 6454 6.2, which the token names. Empty: it is no
 * endpoint. */
static struct span origin_of(struct span endpoint, char out[static VAPID_ORIGIN_MAX + 1])
{
    bool plain = endpoint.len > 7 && strncasecmp(endpoint.ptr, "http://", 7) == 0;
    size_t start = plain ? 7 : 8, n = 0;
    if (endpoint.len > ENDPOINT_MAX ||
        (!plain && (endpoint.len < 9 || strncasecmp(endpoint.ptr, "https://", 8) != 0)))
        return (struct span){"", 0};
    for (size_t i = 0; i < endpoint.len; i++)
        if (endpoint.ptr[i] <= ' ' || endpoint.ptr[i] >= 0x7f)
            return (struct span){"", 0};
    for (size_t i = 0; i < endpoint.len && n < VAPID_ORIGIN_MAX; i++) {
        char ch = endpoint.ptr[i];
        if (i >= start && (ch == '/' || ch == '?' || ch == '#'))
            break;
        if (ch == '@')
            return (struct span){"", 0};
        out[n++] = (char)(ch >= 'A' && ch <= 'Z' ? ch + 32 : ch);
    }
    const char *standard = plain ? ":80" : ":443";
    size_t port = strlen(standard);
    if (n > start + port && memcmp(out + n - port, standard, port) == 0)
        n -= port;
    return n > start && n < VAPID_ORIGIN_MAX ? (struct span){out, n} : (struct span){"", 0};
}

static enum err read_keys(const struct parcel *p, struct webpush_keys *keys, struct carrier_fault *why)
{
    if (base64url_decode(p->p256dh, keys->p256dh, WEBPUSH_POINT) || keys->p256dh[0] != 4)
        return property_refuse(why, "target.p256dh", "is no public P-256 key in base64url");
    if (base64url_decode(p->auth, keys->auth, WEBPUSH_AUTH))
        return property_refuse(why, "target.auth", "is not 16 bytes in base64url");
    return ERR_NONE;
}

/* What a click opens, or a picture: also a path of the site that the service worker belongs to. */
static enum err check_place(struct span link, const char *name, struct carrier_fault *why)
{
    struct span whole = link;
    char text[LINK_MAX + 16];
    if (link.len > 0 && link.ptr[0] == '/' && (link.len == 1 || link.ptr[1] != '/') &&
        link.len <= LINK_MAX - 9) {
        int n = snprintf(text, sizeof(text), "https://a%.*s", (int)link.len, link.ptr);
        whole = (struct span){text, n > 0 ? (size_t)n : 0};
    }
    const char *bad = link.len > 0 ? link_refuse(whole) : NULL;
    return bad ? property_refuse(why, name, "%s", bad) : ERR_NONE;
}

static enum err write_payload(const struct parcel *p, struct buf *scratch, struct buf *out,
                              struct carrier_fault *why)
{
    static const char *const names[] = {"title", "body", "icon", "url"};
    struct json_write w;
    bool some = false;
    json_write_init(&w, out);
    json_write_object(&w);
    for (size_t i = 0; i < 4; i++) {
        struct span text;
        enum err e = carrier_content_text(p, names[i], scratch, &text, why);
        if (!e && i >= 2)
            e = check_place(text, names[i], why);
        if (e)
            return e;
        some = some || (i < 2 && !carrier_is_blank(text));
        if (text.len > 0) {
            json_write_key(&w, names[i]);
            json_write_span(&w, text);
        }
    }
    if (!some)
        return property_refuse(why, "title", "is missing, and body as well: a notification has one of them");
    char id[96]; /* by which the service worker reports of it; the key keeps strangers from guessing it */
    (void)snprintf(id, sizeof(id), "%lld.%lld.%s", (long long)p->job_id, (long long)p->n, p->key);
    json_write_key(&w, "id");
    json_write_str(&w, id);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (e == ERR_LIMIT)
        return property_refuse(why, "content",
                               "has more than %u bytes as JSON, which fit 4,096 (4 KB) encrypted",
                               WEBPUSH_PLAIN_MAX);
    return e;
}

/* Messages of one topic replace each other while the browser is away. */
static enum err add_topic(const struct parcel *p, struct buf *scratch, struct carrier_request *ret,
                          struct carrier_fault *why)
{
    struct span topic;
    enum err e = carrier_content_text(p, "topic", scratch, &topic, why);
    if (e || topic.len == 0)
        return e;
    for (size_t i = 0; i < topic.len; i++)
        if (topic.len > TOPIC_MAX || topic.ptr[i] == '\0' ||
            !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", topic.ptr[i]))
            return property_refuse(why, "topic", "must be at most 32 letters, digits, - and _");
    return carrier_request_header(ret, "topic", topic, SPAN_LIT(""));
}

static enum err add_headers(struct webpush *p, struct span origin, int64_t wall_ms,
                            struct carrier_request *ret)
{
    const char *token = NULL;
    char vapid[4096 + 256];
    enum err e = vapid_token(&p->vapid, origin, wall_ms, &token);
    if (e)
        return e;
    (void)snprintf(vapid, sizeof(vapid), "%s, k=%s", token, p->vapid.public_key);
    e = carrier_request_header(ret, "authorization", SPAN_LIT("vapid t="), span_of(vapid));
    if (!e)
        e = carrier_request_header(ret, "content-encoding", SPAN_LIT("aes128gcm"), SPAN_LIT(""));
    if (!e)
        e = carrier_request_header(ret, "content-type", SPAN_LIT("application/octet-stream"), SPAN_LIT(""));
    if (!e)
        e = carrier_request_header(ret, "ttl", span_of(p->ttl), SPAN_LIT(""));
    return e ? e : carrier_request_header(ret, "urgency", span_of(urgencies[p->urgency]), SPAN_LIT(""));
}

static enum err build(struct carrier *c, const struct parcel *parcels, size_t count, int64_t wall_ms,
                      struct carrier_request *ret, struct carrier_fault *why)
{
    struct webpush *p = c->own;
    struct webpush_keys keys;
    char text[VAPID_ORIGIN_MAX + 1];
    struct buf scratch, payload;
    (void)count;
    ret->private_target = true; /* anybody may have registered it */
    struct span origin = origin_of(parcels[0].target, text);
    if (origin.len == 0)
        return property_refuse(why, "target.endpoint", "is no URL of a push service");
    enum err e = read_keys(&parcels[0], &keys, why);
    if (e)
        return e;
    buf_init(&scratch, CARRIER_BODY_MAX);
    buf_init(&payload, WEBPUSH_PLAIN_MAX);
    e = write_payload(&parcels[0], &scratch, &payload, why);
    if (!e)
        e = carrier_request_url(ret, parcels[0].target, SPAN_LIT(""));
    if (!e)
        e = add_headers(p, origin, wall_ms, ret);
    if (!e)
        e = add_topic(&parcels[0], &scratch, ret, why);
    if (!e)
        e = webpush_encrypt_message(&p->encrypt, &keys, buf_span(&payload), &random_system, &ret->body);
    if (e == ERR_INVALID && !why->message[0])
        e = property_refuse(why, "target.p256dh", "is no point of the curve P-256");
    buf_deinit(&scratch);
    buf_deinit(&payload);
    return e;
}

/* Where the service would tell of a message's receipt (RFC 8030 5). */
static void identify(const struct answer *a, char id[static 128])
{
    carrier_copy(id, 128, carrier_answer_header(a, "location"));
}

const struct carrier_service carrier_webpush = {
    .kind = "webpush",
    .id = SERVICE_WEBPUSH,
    .medium = MEDIUM_BROWSER,
    .members = members,
    .secrets = secrets,
    .batch = 1,
    .open = open_webpush,
    .close = close_webpush,
    .keys = make_keys,
    .public = show,
    .build = build,
    .identify = identify,
};
