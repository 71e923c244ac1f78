#include "carrier/vapid.h"

#include <openssl/evp.h>

#include "base/json_write.h"
#include "base/mem.h"
#include "carrier/jwt.h"

/* A token may live for 24 hours (RFC 8292 2): these keep away from it, whatever the clocks do. */
#define LIFE_S (12 * 3600)
#define REUSE_MS (6 * 3600 * 1000)
#define SKEW_MS 60000

enum err vapid_init(struct vapid *v, const unsigned char scalar[static WEBPUSH_SCALAR], const char *subject)
{
    unsigned char point[WEBPUSH_POINT];
    *v = (struct vapid){.subject = subject};
    struct buf text;
    buf_init(&text, sizeof(v->public_key));
    enum err e = webpush_encrypt_key(scalar, &v->key);
    if (!e)
        e = webpush_encrypt_point(v->key, point);
    if (!e)
        e = base64url_add(&text, point, sizeof(point));
    if (!e)
        memcpy(v->public_key, buf_span(&text).ptr, buf_len(&text));
    buf_deinit(&text);
    return e;
}

void vapid_deinit(struct vapid *v)
{
    for (size_t i = 0; i < VAPID_ORIGINS; i++)
        mem_free(v->tokens[i].text);
    EVP_PKEY_free(v->key);
    *v = (struct vapid){.key = NULL};
}

static enum err sign(struct vapid *v, struct span origin, int64_t wall_ms, struct buf *out)
{
    struct json_write w;
    struct buf claims;
    buf_init(&claims, 2048);
    json_write_init(&w, &claims);
    json_write_object(&w);
    json_write_key(&w, "aud");
    json_write_span(&w, origin);
    json_write_key(&w, "exp");
    json_write_int(&w, wall_ms / 1000 + LIFE_S);
    json_write_key(&w, "sub");
    json_write_str(&w, v->subject);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (!e)
        e = jwt_sign(v->key, SPAN_LIT("{\"typ\":\"JWT\",\"alg\":\"ES256\"}"), buf_span(&claims), out);
    buf_deinit(&claims);
    return e;
}

enum err vapid_token(struct vapid *v, struct span origin, int64_t wall_ms, const char **ret)
{
    struct vapid_token *t = NULL;
    if (origin.len > VAPID_ORIGIN_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < VAPID_ORIGINS && !t; i++)
        if (v->tokens[i].text && span_eq(span_of(v->tokens[i].origin), origin))
            t = &v->tokens[i];
    if (t && wall_ms >= t->made_ms - SKEW_MS && wall_ms < t->made_ms + REUSE_MS) {
        *ret = t->text;
        return ERR_NONE;
    }
    struct buf text;
    buf_init(&text, 4096);
    char *made = NULL;
    enum err e = sign(v, origin, wall_ms, &text);
    if (!e && !(made = buf_steal(&text)))
        e = ERR_NOMEM;
    buf_deinit(&text);
    if (e)
        return e;
    if (!t) {
        t = &v->tokens[v->next];
        v->next = (v->next + 1) % VAPID_ORIGINS;
    }
    mem_free(t->text);
    memcpy(t->origin, origin.ptr, origin.len);
    t->origin[origin.len] = '\0';
    t->text = made;
    t->made_ms = wall_ms;
    *ret = t->text;
    return ERR_NONE;
}
