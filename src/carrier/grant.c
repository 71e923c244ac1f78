#include "carrier/grant.h"

#include <openssl/evp.h>

#include "base/json_write.h"
#include "base/mem.h"
#include "carrier/carrier_core.h"
#include "carrier/carrier_request.h"
#include "carrier/jwt.h"

#define SCOPE "https://www.googleapis.com/auth/firebase.messaging"
#define TOKEN_URI "https://oauth2.googleapis.com/token"
#define ASSERTION_S 3600 /* the longest life that Google allows an assertion */
#define TOKEN_MAX 4096u  /* Google speaks of 2,048 bytes at most */
/* A life that an answer names is held within these, so that neither zero nor a huge number does harm. */
#define LIFE_MIN_S 60
#define LIFE_MAX_S 86400
/* A clock that stepped back further than this says nothing of the token's age. */
#define SKEW_MS 60000

static enum err read_key(struct grant *g, const char *pem, struct carrier_fault *why)
{
    g->key = carrier_read_pem(pem);
    if (!g->key || !EVP_PKEY_is_a(g->key, "RSA"))
        return property_refuse(why, "serviceAccount.private_key", "is no RSA key in PEM");
    if (EVP_PKEY_get_bits(g->key) < 2048 || EVP_PKEY_get_bits(g->key) > 8192)
        return property_refuse(why, "serviceAccount.private_key",
                               "must be an RSA key of 2,048 to 8,192 bits");
    return ERR_NONE;
}

enum err grant_init(struct grant *g, struct json_value account, struct carrier_fault *why)
{
    char *type = NULL, *pem = NULL;
    *g = (struct grant){.key = NULL};
    enum err e = property_text(why, account, "serviceAccount.type", PROPERTY_LINE, 0, 64, &type);
    if (!e && type && strcmp(type, "service_account") != 0)
        e = property_refuse(why, "serviceAccount.type",
                            "must be \"service_account\": another kind of key file");
    mem_free(type);
    if (!e)
        e = property_email(why, account, "serviceAccount.client_email", &g->email);
    if (!e)
        e = property_need(why, "serviceAccount.client_email", g->email);
    if (!e)
        e = property_text(why, account, "serviceAccount.private_key_id", PROPERTY_TOKEN, 1, 128, &g->key_id);
    if (!e)
        e = property_url(why, account, "serviceAccount.token_uri", &g->token_uri);
    if (!e && !g->token_uri && !(g->token_uri = mem_dup(TOKEN_URI, strlen(TOKEN_URI))))
        e = ERR_NOMEM;
    if (!e)
        e = property_text(why, account, "serviceAccount.private_key", PROPERTY_ANY, 1, 16384, &pem);
    if (!e)
        e = property_need(why, "serviceAccount.private_key", pem);
    if (!e)
        e = read_key(g, pem, why);
    property_wipe(pem);
    return e;
}

void grant_drop(struct grant *g)
{
    property_wipe(g->token);
    g->token = NULL;
}

void grant_deinit(struct grant *g)
{
    grant_drop(g);
    EVP_PKEY_free(g->key);
    mem_free(g->email);
    mem_free(g->key_id);
    mem_free(g->token_uri);
    *g = (struct grant){.key = NULL};
}

bool grant_wanted(const struct grant *g, int64_t wall_ms)
{
    return !g->token || wall_ms >= g->renew_ms || wall_ms < g->got_ms - SKEW_MS;
}

static enum err write_assertion(const struct grant *g, int64_t wall_ms, struct buf *out)
{
    struct buf header, claims;
    struct json_write w;
    buf_init(&header, 1024);
    buf_init(&claims, 4096);
    json_write_init(&w, &header);
    json_write_object(&w);
    json_write_key(&w, "alg");
    json_write_str(&w, "RS256");
    json_write_key(&w, "typ");
    json_write_str(&w, "JWT");
    if (g->key_id) {
        json_write_key(&w, "kid");
        json_write_str(&w, g->key_id);
    }
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    json_write_init(&w, &claims);
    json_write_object(&w);
    json_write_key(&w, "iss");
    json_write_str(&w, g->email);
    json_write_key(&w, "scope");
    json_write_str(&w, SCOPE);
    json_write_key(&w, "aud"); /* what the account says, wherever it is asked */
    json_write_str(&w, g->token_uri);
    json_write_key(&w, "iat");
    json_write_int(&w, wall_ms / 1000);
    json_write_key(&w, "exp");
    json_write_int(&w, wall_ms / 1000 + ASSERTION_S);
    json_write_end(&w);
    enum err written = json_write_finish(&w);
    if (!e)
        e = written;
    if (!e)
        e = jwt_sign(g->key, buf_span(&header), buf_span(&claims), out);
    buf_deinit(&header);
    buf_deinit(&claims);
    return e;
}

static struct span path_of(const char *url)
{
    const char *host = strstr(url, "://"), *path = host ? strchr(host + 3, '/') : NULL;
    return path ? span_of(path) : SPAN_LIT("/");
}

enum err grant_build(struct grant *g, const char *base, int64_t wall_ms, struct carrier_request *ret)
{
    enum err e = buf_add_str(&ret->body,
                             "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
    if (!e)
        e = write_assertion(g, wall_ms, &ret->body);
    if (!e)
        e = carrier_request_url(ret, span_of(base ? base : g->token_uri),
                                base ? path_of(g->token_uri) : SPAN_LIT(""));
    if (!e)
        e = carrier_request_header(ret, "content-type", SPAN_LIT("application/x-www-form-urlencoded"),
                                   SPAN_LIT(""));
    /* A file names any host. */
    ret->private_target = base || strcmp(g->token_uri, TOKEN_URI) != 0;
    return e;
}

bool grant_take(struct grant *g, struct json_value body, int64_t wall_ms)
{
    struct carrier_fault why;
    char *token = NULL;
    int64_t life = 3600;
    if (property_text(&why, body, "access_token", PROPERTY_TOKEN, 1, TOKEN_MAX, &token) || !token)
        return false;
    (void)(property_int(&why, body, "expires_in", 0, INT64_MAX, &life) == ERR_NONE);
    life = life < LIFE_MIN_S ? LIFE_MIN_S : life > LIFE_MAX_S ? LIFE_MAX_S : life;
    grant_drop(g);
    g->token = token;
    g->got_ms = wall_ms;
    g->renew_ms = wall_ms + life * 800;
    return true;
}
