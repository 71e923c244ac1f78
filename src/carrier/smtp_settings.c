/*
 * A mail relay. What is set is read and checked here, and carrier_smtp() shows it; mails are built and sent
 * elsewhere.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/origin.h"
#include "carrier/carrier_core.h"

#define DKIM_RSA_BITS 2048 /* RFC 8301 3.2; longer ones do not fit one string of DNS */
#define SELECTOR_MAX 55u   /* with "-ed25519" behind it, a label */

struct smtp {
    struct carrier_smtp shown;
    char *host, *user, *password, *from_email, *from_name, *bounce_domain, *dkim_domain, *dkim_selector;
    char *dkim_rsa, *dkim_ed25519;
};

static const char *const members[] = {"host", "port",         "security", "user",
                                      "from", "bounceDomain", "dkim",     NULL};
static const char *const secrets[] = {"password", "dkimRsaKey", "dkimEd25519Key", NULL};
static const char *const from_members[] = {"email", "name", NULL};
static const char *const dkim_members[] = {"domain", "selector", NULL};
static const char *const securities[] = {"none", "starttls", "tls", NULL};
static const uint16_t ports[] = {25, 587, 465}; /* RFC 5321, 6409, 8314 */

/* Labels of letters, digits and hyphens with dots between them; one is enough for a host. */
static bool is_domain(const char *name, bool dotted)
{
    size_t label = 0, len = strlen(name);
    bool dot = false;
    for (size_t i = 0; i <= len; i++) {
        char ch = i < len ? name[i] : '.';
        if (ch == '.') {
            if (label == 0 || label > 63 || name[i - 1] == '-')
                return false;
            dot = dot || i < len;
            label = 0;
        } else if (((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' ||
                   (ch == '-' && label > 0)) {
            label++;
        } else {
            return false;
        }
    }
    return dot || !dotted;
}

static bool is_host(const char *host)
{
    if (strchr(host, ':')) /* an address of IPv6; what it is exactly, connecting finds out */
        return !host[strspn(host, "0123456789abcdefABCDEF:.")];
    return is_domain(host, false);
}

static enum err read_domain(struct carrier_fault *why, struct json_value object, const char *path, char **ret)
{
    enum err e = property_text(why, object, path, PROPERTY_TOKEN, 1, 253, ret);
    if (!e && *ret && !is_domain(*ret, true))
        e = property_refuse(why, path, "is no domain name");
    return e;
}

static enum err read_relay(struct smtp *s, struct json_value settings, struct json_value secret,
                           struct carrier_fault *why)
{
    unsigned security = CARRIER_SECURITY_STARTTLS;
    enum err e = property_text(why, settings, "host", PROPERTY_TOKEN, 1, 253, &s->host);
    if (!e)
        e = property_need(why, "host", s->host);
    if (!e && !is_host(s->host))
        e = property_refuse(why, "host", "is no name or address of a host");
    if (!e)
        e = property_word(why, settings, "security", securities, &security);
    int64_t port = ports[security];
    if (!e)
        e = property_int(why, settings, "port", 1, 65535, &port);
    if (!e)
        e = property_text(why, settings, "user", PROPERTY_LINE, 1, 256, &s->user);
    if (!e)
        e = property_text(why, secret, "password", PROPERTY_LINE, 1, 512, &s->password);
    if (!e && !s->user != !s->password)
        e = property_need(why, s->user ? "password" : "user", NULL);
    s->shown.security = (enum carrier_security)security;
    s->shown.port = (uint16_t)port;
    return e;
}

static enum err check_key(struct carrier_fault *why, const char *path, const char *pem, const char *type)
{
    EVP_PKEY *key = carrier_read_pem(pem);
    bool ok = key && EVP_PKEY_is_a(key, type);
    EVP_PKEY_free(key);
    return ok ? ERR_NONE : property_refuse(why, path, "is no private %s key in PEM", type);
}

static enum err read_dkim(struct smtp *s, struct json_value settings, struct json_value secret,
                          struct carrier_fault *why)
{
    struct json_value dkim = {.kind = JSON_KIND_NONE};
    enum err e = property_object(why, settings, "dkim", &dkim);
    if (e || dkim.kind == JSON_KIND_NONE)
        return e;
    e = property_only(why, dkim, "dkim", dkim_members);
    if (!e)
        e = read_domain(why, dkim, "dkim.domain", &s->dkim_domain);
    if (!e)
        e = property_need(why, "dkim.domain", s->dkim_domain);
    if (!e)
        e = property_text(why, dkim, "dkim.selector", PROPERTY_TOKEN, 1, SELECTOR_MAX, &s->dkim_selector);
    if (!e)
        e = property_need(why, "dkim.selector", s->dkim_selector);
    if (!e && !is_domain(s->dkim_selector, false))
        e = property_refuse(why, "dkim.selector", "must be letters, digits and hyphens");
    if (!e)
        e = property_text(why, secret, "dkimRsaKey", PROPERTY_ANY, 1, 8192, &s->dkim_rsa);
    if (!e)
        e = property_need(why, "dkimRsaKey", s->dkim_rsa);
    if (!e)
        e = check_key(why, "dkimRsaKey", s->dkim_rsa, "RSA");
    if (!e)
        e = property_text(why, secret, "dkimEd25519Key", PROPERTY_ANY, 1, 8192, &s->dkim_ed25519);
    if (!e)
        e = property_need(why, "dkimEd25519Key", s->dkim_ed25519);
    return e ? e : check_key(why, "dkimEd25519Key", s->dkim_ed25519, "ED25519");
}

static enum err open_smtp(struct carrier *c, struct json_value settings, struct json_value secret,
                          struct carrier_fault *why)
{
    struct smtp *s = c->own = mem_zero(1, sizeof(*s));
    if (!s)
        return ERR_NOMEM;
    struct json_value from = {.kind = JSON_KIND_NONE};
    enum err e = read_relay(s, settings, secret, why);
    if (!e)
        e = property_object(why, settings, "from", &from);
    if (!e)
        e = property_only(why, from, "from", from_members);
    if (!e)
        e = property_email(why, from, "from.email", &s->from_email);
    if (!e)
        e = property_need(why, "from.email", s->from_email);
    if (!e)
        e = property_text(why, from, "from.name", PROPERTY_LINE, 0, 256, &s->from_name);
    if (!e)
        e = read_domain(why, settings, "bounceDomain", &s->bounce_domain);
    if (!e)
        e = read_dkim(s, settings, secret, why);
    s->shown.host = s->host;
    s->shown.user = s->user;
    s->shown.password = s->password;
    s->shown.from_email = s->from_email;
    s->shown.from_name = s->from_name;
    s->shown.bounce_domain = s->bounce_domain;
    s->shown.dkim_domain = s->dkim_domain;
    s->shown.dkim_selector = s->dkim_selector;
    s->shown.dkim_rsa = s->dkim_rsa;
    s->shown.dkim_ed25519 = s->dkim_ed25519;
    return e;
}

static void close_smtp(struct carrier *c)
{
    struct smtp *s = c->own;
    if (s) {
        char *const plain[] = {s->host,          s->user,        s->from_email,   s->from_name,
                               s->bounce_domain, s->dkim_domain, s->dkim_selector};
        for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
            mem_free(plain[i]);
        property_wipe(s->password);
        property_wipe(s->dkim_rsa);
        property_wipe(s->dkim_ed25519);
    }
    mem_free(s);
}

const struct carrier_smtp *carrier_smtp(const struct carrier *c)
{
    const struct smtp *s = c->own;
    return c->service->id == SERVICE_SMTP ? &s->shown : NULL;
}

static enum err write_pem(struct json_write *w, const char *name, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    long len = 0;
    bool ok = key && bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
              (len = BIO_get_mem_data(bio, &text)) > 0;
    if (ok) {
        json_write_key(w, name);
        json_write_span(w, (struct span){text, (size_t)len});
    }
    BIO_free(bio);
    EVP_PKEY_free(key);
    return ok ? ERR_NONE : err_origin(ERR_NOMEM);
}

static enum err make_keys(struct json_value settings, struct buf *ret)
{
    struct json_value dkim = {.kind = JSON_KIND_NONE};
    struct json_write w;
    enum err e = ERR_NONE;
    json_write_init(&w, ret);
    json_write_object(&w);
    if (!json_find(settings, "dkim", &dkim) && dkim.kind == JSON_KIND_OBJECT) {
        e = write_pem(&w, "dkimRsaKey", EVP_RSA_gen(DKIM_RSA_BITS));
        if (!e)
            e = write_pem(&w, "dkimEd25519Key", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    }
    json_write_end(&w);
    enum err written = json_write_finish(&w);
    return e ? e : written;
}

/* The public half of a key in base64: RSA as SubjectPublicKeyInfo (RFC 6376 3.6.1), Ed25519 bare (RFC 8463
 * 4). */
static enum err write_record(struct json_write *w, const struct smtp *s, const char *pem, const char *kind,
                             const char *behind)
{
    unsigned char der[1024], base64[1400], *end = der;
    char name[400], value[1500];
    size_t len = sizeof(der);
    EVP_PKEY *key = carrier_read_pem(pem);
    bool bare = strcmp(kind, "ed25519") == 0;
    bool ok = key && (bare ? EVP_PKEY_get_raw_public_key(key, der, &len) == 1
                           : i2d_PUBKEY(key, NULL) <= (int)sizeof(der) && i2d_PUBKEY(key, &end) > 0);
    EVP_PKEY_free(key);
    if (!ok)
        return err_origin(ERR_NOMEM); /* it was read before */
    (void)EVP_EncodeBlock(base64, der, bare ? (int)len : (int)(end - der));
    (void)snprintf(name, sizeof(name), "%s%s._domainkey.%s", s->dkim_selector, behind, s->dkim_domain);
    (void)snprintf(value, sizeof(value), "v=DKIM1; k=%s; p=%s", kind, (const char *)base64);
    json_write_object(w);
    json_write_key(w, "name");
    json_write_str(w, name);
    json_write_key(w, "type");
    json_write_str(w, "TXT");
    json_write_key(w, "value");
    json_write_str(w, value);
    json_write_end(w);
    return ERR_NONE;
}

static enum err show(const struct carrier *c, struct json_write *w)
{
    const struct smtp *s = c->own;
    if (!s->dkim_rsa)
        return ERR_NONE;
    json_write_key(w, "dkim");
    json_write_array(w);
    enum err e = write_record(w, s, s->dkim_rsa, "rsa", "");
    if (!e)
        e = write_record(w, s, s->dkim_ed25519, "ed25519", "-ed25519");
    json_write_end(w);
    return e;
}

const struct carrier_service carrier_smtp_service = {
    .kind = "smtp",
    .id = SERVICE_SMTP,
    .medium = MEDIUM_MAIL,
    .members = members,
    .secrets = secrets,
    .batch = 1,
    .open = open_smtp,
    .close = close_smtp,
    .keys = make_keys,
    .public = show,
};
