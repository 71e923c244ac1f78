#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/mem.h"
#include "base/origin.h"
#include "base/utf8.h"
#include "carrier/carrier_core.h"
#include "carrier/carrier_request.h"

static const struct carrier_service *const services[SERVICE_COUNT] = {
    [SERVICE_SENDGRID] = &carrier_sendgrid, [SERVICE_SMTP] = &carrier_smtp_service,
    [SERVICE_FCM] = &carrier_fcm,           [SERVICE_LINE] = &carrier_linepush,
    [SERVICE_WEBPUSH] = &carrier_webpush,
};

#define PER_SECOND_MAX 100000.0 /* more than a node sends */
#define BOUNCE_PERCENT 10.0     /* what a sender's guard is unless it is set */
#define COMPLAINT_PERCENT 0.5

static const char *const common[] = {"baseUrl", "ratePerSecond", "unsubscribeOn", "guard", NULL};
/* Where messages go to hosts of their own, another host for the service means nothing. */
static const char *const common_hosts[] = {"ratePerSecond", "unsubscribeOn", "guard", NULL};

static const struct carrier_service *of(enum service id)
{
    return (unsigned)id < SERVICE_COUNT ? services[id] : NULL;
}

static const char *const *common_of(const struct carrier_service *s)
{
    return s->id == SERVICE_SMTP || s->id == SERVICE_WEBPUSH ? common_hosts : common;
}

static bool is_among(struct span member, const char *const *names)
{
    for (; *names; names++)
        if (span_eq(member, span_of(*names)))
            return true;
    return false;
}

enum err carrier_find(struct span kind, enum service *ret)
{
    for (unsigned i = 0; i < SERVICE_COUNT; i++)
        if (services[i] && span_eq(kind, span_of(services[i]->kind))) {
            *ret = (enum service)i;
            return ERR_NONE;
        }
    return ERR_NOT_FOUND;
}

const char *carrier_kind(enum service service)
{
    return of(service) ? of(service)->kind : "unknown";
}

enum medium carrier_medium(enum service service)
{
    return of(service) ? of(service)->medium : MEDIUM_MAIL;
}

bool carrier_is_secret(enum service service, struct span member)
{
    return of(service) && is_among(member, of(service)->secrets);
}

bool carrier_has_member(enum service service, struct span member)
{
    const struct carrier_service *s = of(service);
    return s &&
           (is_among(member, s->members) || is_among(member, s->secrets) || is_among(member, common_of(s)));
}

const struct carrier_rules *carrier_rules(const struct carrier *c)
{
    return &c->rules;
}

static enum err read_object(struct carrier_fault *why, const char *what, struct span text,
                            struct json_value *ret)
{
    if (json_check(text, JSON_DEPTH, NULL))
        return property_refuse(why, what, "is no JSON");
    *ret = json_root(text);
    return ret->kind == JSON_KIND_OBJECT ? ERR_NONE : property_refuse(why, what, "must be an object");
}

/* Refuses what the service does not have, and a credential among what everybody may see. */
static enum err check_members(const struct carrier_service *s, struct json_value settings,
                              struct json_value secret, struct carrier_fault *why)
{
    const char *names[32];
    size_t count = 0;
    for (const char *const *p = common_of(s); *p; p++)
        names[count++] = *p;
    for (const char *const *p = s->members; *p; p++)
        names[count++] = *p;
    names[count] = NULL;
    for (const char *const *p = s->secrets; *p; p++) {
        struct json_value value;
        if (json_find(settings, *p, &value) != ERR_NOT_FOUND)
            return property_refuse(why, *p, "is a credential and is kept apart from the settings");
    }
    enum err e = property_only(why, settings, "", names);
    return e ? e : property_only(why, secret, "", s->secrets);
}

static enum err read_common(struct carrier *c, struct json_value settings, struct carrier_fault *why)
{
    static const char *const withdraw[] = {"bounce", "permanent", NULL};
    static const char *const guarded[] = {"bouncePercent", "complaintPercent", NULL};
    c->rules =
        (struct carrier_rules){.bounce_percent = BOUNCE_PERCENT, .complaint_percent = COMPLAINT_PERCENT};
    unsigned word = 0;
    struct json_value guard = {.kind = JSON_KIND_NONE};
    enum err e = property_url(why, settings, "baseUrl", &c->base);
    if (!e)
        e = property_real(why, settings, "ratePerSecond", 0.01, PER_SECOND_MAX, &c->rules.per_second);
    if (!e)
        e = property_word(why, settings, "unsubscribeOn", withdraw, &word);
    if (!e)
        e = property_object(why, settings, "guard", &guard);
    if (!e)
        e = property_only(why, guard, "guard", guarded);
    if (!e)
        e = property_real(why, guard, "guard.bouncePercent", 0, 100, &c->rules.bounce_percent);
    if (!e)
        e = property_real(why, guard, "guard.complaintPercent", 0, 100, &c->rules.complaint_percent);
    c->rules.base = c->base;
    c->rules.unsubscribe_permanent = word == 1;
    return e;
}

enum err carrier_open(struct carrier **ret, enum service service, struct span settings, struct span secret,
                      struct carrier_fault *why)
{
    const struct carrier_service *s = of(service);
    if (!s)
        return property_refuse(why, "kind", "is no service");
    struct json_value open = {.kind = JSON_KIND_NONE}, sealed = {.kind = JSON_KIND_NONE};
    enum err e = read_object(why, "settings", settings, &open);
    if (!e)
        e = read_object(why, "secret", secret, &sealed);
    if (!e)
        e = check_members(s, open, sealed, why);
    if (e)
        return e;
    struct carrier *c = mem_zero(1, sizeof(*c));
    if (!c)
        return ERR_NOMEM;
    c->service = s;
    e = read_common(c, open, why);
    if (!e)
        e = s->open(c, open, sealed, why);
    if (e) {
        carrier_free(c);
        return e;
    }
    *ret = c;
    return ERR_NONE;
}

void carrier_free(struct carrier *c)
{
    if (!c)
        return;
    c->service->close(c);
    mem_free(c->base);
    mem_free(c);
}

enum err carrier_keys(enum service service, struct span settings, struct buf *ret)
{
    const struct carrier_service *s = of(service);
    struct carrier_fault why;
    struct json_value object = {.kind = JSON_KIND_NONE};
    enum err e = read_object(&why, "settings", settings, &object);
    if (e)
        return e;
    return s && s->keys ? s->keys(object, ret) : buf_add_str(ret, "{}");
}

enum err carrier_public(const struct carrier *c, struct buf *ret)
{
    struct json_write w;
    json_write_init(&w, ret);
    json_write_object(&w);
    enum err e = c->service->public ? c->service->public(c, &w) : ERR_NONE;
    json_write_end(&w);
    enum err written = json_write_finish(&w);
    return e ? e : written;
}

uint32_t carrier_batch(const struct carrier *c, bool same)
{
    return same ? c->service->batch : 1;
}

/* All parcels of one request have the same content: one array of members. */
static bool is_same(const struct parcel *parcels, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (parcels[i].members != parcels[0].members || parcels[i].member_count != parcels[0].member_count)
            return false;
    return true;
}

enum err carrier_build(struct carrier *c, const struct parcel *parcels, size_t count, int64_t wall_ms,
                       struct carrier_request *ret, struct carrier_fault *why)
{
    *why = (struct carrier_fault){.property = ""};
    if (!c->service->build || count == 0 || count > c->service->batch || !is_same(parcels, count))
        return err_origin(ERR_INTERNAL);
    carrier_request_start(ret, "POST");
    ret->private_target = c->base != NULL;
    enum err e = c->service->build(c, parcels, count, wall_ms, ret, why);
    if (e == ERR_LIMIT && !why->message[0])
        *why = (struct carrier_fault){"content", "is too large for the service"};
    if (!e)
        carrier_request_finish(ret);
    return e;
}

bool carrier_grant_wanted(const struct carrier *c, int64_t wall_ms)
{
    return c->service->grant_wanted && c->service->grant_wanted(c, wall_ms);
}

enum err carrier_grant_build(struct carrier *c, int64_t wall_ms, struct carrier_request *ret)
{
    if (!c->service->grant_build)
        return err_origin(ERR_INTERNAL);
    carrier_request_start(ret, "POST");
    ret->private_target = c->base != NULL;
    enum err e = c->service->grant_build(c, wall_ms, ret);
    if (!e)
        carrier_request_finish(ret);
    return e;
}

void carrier_grant_drop(struct carrier *c)
{
    if (c->service->grant_drop)
        c->service->grant_drop(c);
}

bool carrier_ask(struct carrier *c, unsigned step, int64_t wall_ms, struct carrier_question *ret,
                 enum err *ret_err)
{
    *ret_err = ERR_NONE;
    if (step >= CARRIER_QUESTIONS_MAX || !c->service->questions[step])
        return false;
    ret->name = c->service->questions[step];
    carrier_request_start(&ret->request, "GET");
    ret->request.private_target = c->base != NULL;
    *ret_err = c->service->ask(c, step, wall_ms, &ret->request);
    if (*ret_err)
        return false;
    carrier_request_finish(&ret->request);
    return true;
}

struct json_value carrier_content_of(const struct parcel *p, const char *name)
{
    for (size_t i = 0; i < p->member_count; i++)
        if (p->members[i].json.ptr && json_key_is(p->members[i].name, name)) {
            struct json_value value = json_root(p->members[i].json);
            if (value.kind == JSON_KIND_NULL)
                value.kind = JSON_KIND_NONE;
            return value;
        }
    return (struct json_value){.kind = JSON_KIND_NONE};
}

enum err carrier_content_text(const struct parcel *p, const char *name, struct buf *text,
                              struct span *ret_text, struct carrier_fault *why)
{
    struct json_value value = carrier_content_of(p, name);
    *ret_text = (struct span){"", 0};
    if (value.kind == JSON_KIND_NONE)
        return ERR_NONE;
    if (value.kind != JSON_KIND_STRING)
        return property_refuse(why, name, "must be a text");
    if (json_string_plain(value, ret_text))
        return ERR_NONE;
    buf_clear(text);
    enum err e = json_string_decode(value, text);
    *ret_text = e ? (struct span){"", 0} : buf_span(text);
    return e;
}

bool carrier_is_blank(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != ' ' && (text.ptr[i] < '\t' || text.ptr[i] > '\r'))
            return false;
    return true;
}

EVP_PKEY *carrier_read_pem(const char *pem)
{
    char none[] = ""; /* nobody sits at a terminal to be asked for a passphrase */
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, none) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

struct json_value carrier_answer_object(const struct answer *a)
{
    struct json_value none = {.kind = JSON_KIND_NONE};
    if (json_check(a->body, JSON_DEPTH, NULL))
        return none;
    struct json_value body = json_root(a->body);
    return body.kind == JSON_KIND_OBJECT ? body : none;
}

struct span carrier_answer_header(const struct answer *a, const char *name)
{
    for (size_t i = 0; i < a->header_count; i++)
        if (span_eq_nocase(a->headers[i].name, span_of(name)))
            return span_trim(a->headers[i].value);
    return (struct span){"", 0};
}

void carrier_copy(char *out, size_t size, struct span text)
{
    size_t used = 0;
    uint32_t cp = 0;
    for (size_t i = 0, n; i < text.len; i += n) {
        n = utf8_next(text.ptr + i, text.len - i, &cp);
        if (n == 0 || used + n >= size)
            break;
        if (utf8_is_control(cp)) {
            used = 0;
            break;
        }
        memcpy(out + used, text.ptr + i, n);
        used += n;
    }
    out[used] = '\0';
}

void carrier_facts_init(struct carrier_facts *facts)
{
    *facts = (struct carrier_facts){.account = "", .quota = -1, .used = -1};
}
